// Pipes and fifos.
#pragma once

#include "src/scheme/file.h"

struct pipe;

// ends[0] reads, ends[1] writes; one reference each. flags: O_NONBLOCK, O_DIRECT (packets). -ENOMEM.
[[nodiscard]] int32_t pipe_create(uint32_t flags, struct file *ends[2]);
// Opens the fifo (or once more the pipe) file->node, with the waiting rules of fifos. -ENXIO, -KERNEL_ERESTART,
// -ENOMEM.
[[nodiscard]] int32_t fifo_open(struct file *file);
struct pipe *pipe_of(const struct file *file); // nullptr: it is no pipe
size_t pipe_size(const struct pipe *pipe);
// The new size, rounded up to a power of two of pages. -EBUSY (it holds more), -EPERM, -EINVAL, -ENOMEM.
[[nodiscard]] int32_t pipe_resize(struct pipe *pipe, size_t size);
// Appends copies of the source's first bytes to the target; both keep their own. Bytes, 0 (nothing will come), -EAGAIN,
// -EPIPE, -ENOMEM.
[[nodiscard]] int64_t pipe_duplicate(struct pipe *from, struct pipe *to, size_t length);
size_t pipe_bytes(const struct pipe *pipe); // readable now
