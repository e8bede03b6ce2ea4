// The list of cached pages whose contents can be had again: the least recently used clean ones go when memory is short.
#pragma once

#include "lib/types.h"

struct frame;
struct memory_object;

// Caller holds the lock of the frame's object.
void reclaim_remember(struct frame *frame);
void reclaim_forget(struct frame *frame);
// After it returns no reclaim is still busy with an object whose pages are all gone.
void reclaim_synchronise(void);
// src/memory/memory_object.c: caller holds the object's lock; the page is resident and nobody else has a reference.
void memory_object_drop_page_locked(struct memory_object *object, uint64_t index);
