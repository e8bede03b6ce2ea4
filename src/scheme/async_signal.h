// SIGIO: a file with O_ASYNC signals its owner when it becomes ready.
#pragma once

#include <stdint.h>

struct file;

// Turns it on or off; no effect on files that are always ready. -ENOMEM.
[[nodiscard]] int32_t async_signal_set(struct file *file, bool on);
// The file is about to go.
void async_signal_forget(struct file *file);
