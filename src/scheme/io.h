// Helpers around struct io_request.
#pragma once

#include "src/scheme/file.h"
#include "src/scheme/io_request.h"

// Applies RLIMIT_FSIZE and the largest file offset to a write of a regular file: shortens the request, or sends
// SIGXFSZ. 0 or -EFBIG.
[[nodiscard]] int32_t io_limit_write(struct io_request *request);
// One attempt, without waiting.
[[nodiscard]] int64_t io_attempt(struct io_request *request);
// Whether the file has a position (pread and lseek work).
bool file_seekable(const struct file *file);
// Waits until poll events hold. 0, or -KERNEL_ERESTART.
[[nodiscard]] int32_t file_wait_ready(struct file *file, uint32_t events);
