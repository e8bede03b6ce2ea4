// Helpers around struct io_request.
#pragma once

#include "src/scheme/file.h"
#include "src/scheme/io_request.h"

// Applies RLIMIT_FSIZE and the largest file offset to a write of a regular file: shortens the request, or sends
// SIGXFSZ. 0 or -EFBIG.
[[nodiscard]] int32_t io_limit_write(struct io_request *request);
// One attempt, without waiting.
[[nodiscard]] int64_t io_attempt(struct io_request *request);
// What io_perform does after the first attempt on a file without a position; done: what that answered.
[[nodiscard]] int64_t io_continue(struct io_request *request, int64_t done);
// Whether transfers use and move the file's position.
static inline bool file_positioned(const struct file *file) {
    return file->node && node_type(file->node) == S_IFREG;
}
// Whether the file has a position (pread and lseek work).
bool file_seekable(const struct file *file);
// Waits until poll events hold. 0, or -KERNEL_ERESTART.
[[nodiscard]] int32_t file_wait_ready(struct file *file, uint32_t events);
