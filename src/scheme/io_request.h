// One transfer. Schemes never block in read and write; waiting is written once, in io.c, over the file's readiness:
// io_perform is submit + wait; io_submit leaves the request pending on the readiness queue, a worker retries it in the
// issuer's address space and calls complete.
#pragma once

#include <personality.h>

#include "src/memory/user_copy.h"
#include "src/scheme/scheme.h"

enum io_operation : uint32_t { IO_READ, IO_WRITE, IO_FSYNC };
enum io_request_state : uint32_t { IO_IDLE, IO_PENDING, IO_RUNNING, IO_DONE };

struct io_request {
    enum io_operation operation;
    uint32_t flags; // enum io_flags; IO_AT_OFFSET: offset is given, else io.c fills it from the file and writes it back
    struct file *file;
    int64_t offset;
    struct segment_cursor cursor;
    // Asynchronous requests only:
    int64_t result;
    uint32_t state; // enum io_request_state
    bool cancelled;
    void (*complete)(struct io_request *request);
    struct address_space *address_space; // a reference while pending
    struct wait_entry entry;
    struct list link;
};

// Moves bytes as read(2) and write(2) do: blocks unless the file is O_NONBLOCK or IO_NOWAIT is set; positions,
// O_APPEND, RLIMIT_FSIZE, SIGPIPE. Returns bytes or an error. May sleep.
[[nodiscard]] int64_t io_perform(struct io_request *request);
// Starts an asynchronous one: the result when it finished at once, -EINPROGRESS when complete will be called.
[[nodiscard]] int64_t io_submit(struct io_request *request);
// True: it was cancelled, complete was called with -ECANCELED. False: it had completed or is completing.
bool io_cancel(struct io_request *request);
