// Readiness of files, the one mechanism under poll and epoll.
#pragma once

#include "lib/types.h"

struct file;

// The poll events that hold now.
uint32_t file_ready(struct file *file);
// A file's last reference is gone: epoll sets forget it. May sleep.
void epoll_forget(struct file *file);
