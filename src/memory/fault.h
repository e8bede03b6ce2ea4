#pragma once

#include "lib/types.h"

struct segment_cursor;
struct address_space;

// Makes the page at the cursor usable (FAULT_*) after a short copy. 0 or -EFAULT (also for kernel segments). May sleep.
[[nodiscard]] int32_t segment_fault_in(const struct segment_cursor *cursor, uint32_t access);
// Makes all pages of [start, end) resident: the first error, or 0. May sleep. write: also breaks copy on write where
// the grant allows writing.
[[nodiscard]] int32_t address_space_populate(struct address_space *space, uintptr_t start, uintptr_t end);
// Whether the running thread has a fatal signal: long work may be left.
[[nodiscard]] bool must_die(void);
