// The one place where reads and writes wait.
#include "src/scheme/io.h"

#include "src/context/context.h"
#include "src/context/signal.h"
#include "src/memory/memory_object.h"
#include "src/scheme/node.h"

static void send_to_self(uint32_t signal) {
    const struct kernel_siginfo info = {.signal = signal, .code = SI_USER, .pid = process_current()->pid};
    signal_send_context(context_current(), &info);
}

int32_t io_limit_write(struct io_request *request) {
    uint64_t limit = process_current() ? process_limit(RLIMIT_FSIZE) : RLIM_INFINITY,
             offset = (uint64_t)request->offset;
    if (likely(limit == RLIM_INFINITY || limit > INT64_MAX)) {
        limit = INT64_MAX;
        if (offset >= limit) return -EFBIG;
    } else if (offset >= limit) {
        if (request->cursor.remaining) send_to_self(SIGXFSZ);
        return -EFBIG;
    }
    if (request->cursor.remaining > limit - offset) request->cursor.remaining = limit - offset;
    return 0;
}

int32_t node_size_limit(uint64_t size, const struct node *node) {
    if (!process_current() || size <= process_limit(RLIMIT_FSIZE)) return 0;
    if (node->object && size <= node->object->size) return 0;
    send_to_self(SIGXFSZ);
    return -EFBIG;
}

bool file_seekable(const struct file *file) {
    if (!file->node) return file->scheme->seek;
    switch (node_type(file->node)) {
    case S_IFREG:
    case S_IFDIR:
        return true;
    default:
        return file->scheme->seek;
    }
}

int64_t io_attempt(struct io_request *request) {
    struct file *file = request->file;
    const struct scheme *scheme = file->scheme;
    switch (request->operation) {
    case IO_READ:
        if (likely(scheme->read)) return scheme->read(file, request);
        return file->node && node_type(file->node) == S_IFDIR ? -EISDIR : -EINVAL;
    case IO_WRITE:
        return scheme->write ? scheme->write(file, request) : -EINVAL;
    default:
        return scheme->fsync ? scheme->fsync(file, false) : -EINVAL;
    }
}

int32_t file_wait_ready(struct file *file, uint32_t events) {
    struct wait_entry entry;
    enum wait_result result = WAIT_WOKEN;
    wait_entry_init(&entry);
    entry.events = events | POLLERR | POLLHUP;
    wait_queue_add(file->readiness, &entry);
    for (;;) {
        context_block_prepare();
        if (!file->scheme->ready || file->scheme->ready(file) & entry.events) {
            result = WAIT_WOKEN;
            break;
        }
        if (result != WAIT_WOKEN) break;
        result = context_block(WAIT_INTERRUPTIBLE, TIME_NEVER);
    }
    context_block_cancel();
    wait_queue_remove(&entry);
    return likely(result == WAIT_WOKEN) ? 0 : wait_result_error(result);
}

// The file is ready, but not for this request (an eventfd with room for a smaller number), or somebody was quicker:
// tries again after each change. Never -EAGAIN.
static int64_t attempt_after_changes(struct io_request *request, uint32_t events) {
    struct file *file = request->file;
    struct wait_entry entry;
    int64_t done;
    wait_entry_init(&entry);
    entry.events = events | POLLERR | POLLHUP;
    wait_queue_add(file->readiness, &entry);
    for (;;) {
        context_block_prepare();
        done = io_attempt(request);
        if (done != -EAGAIN) break;
        enum wait_result result = context_block(WAIT_INTERRUPTIBLE, TIME_NEVER);
        if (result == WAIT_WOKEN) continue;
        done = wait_result_error(result);
        break;
    }
    context_block_cancel();
    wait_queue_remove(&entry);
    return done;
}

// Reads until something came; writes until all went. done: what the first attempt answered.
int64_t io_continue(struct io_request *request, int64_t done) {
    struct file *file = request->file;
    bool writing = request->operation == IO_WRITE, refused = false;
    uint32_t events = writing ? POLLOUT : POLLIN;
    int64_t total = 0;
    for (;;) {
        if (done > 0) total += done;
        if (done >= 0 && (!writing || !request->cursor.remaining || !file->readiness || !done)) return total;
        if (done >= 0) {
            refused = false;
            done = io_attempt(request);
            continue;
        }
        bool wait = done == -EAGAIN && file->readiness && !(file->flags & O_NONBLOCK) && !(request->flags & IO_NOWAIT);
        if (unlikely(done == -EPIPE && writing)) send_to_self(SIGPIPE);
        if (!wait) return total ? total : done;
        if (unlikely(refused)) {
            done = attempt_after_changes(request, events);
            continue;
        }
        int32_t error = file_wait_ready(file, events);
        if (unlikely(error < 0)) return total ? total : error;
        refused = true;
        done = io_attempt(request);
    }
}

static int64_t io_blocking(struct io_request *request) {
    return io_continue(request, io_attempt(request));
}

// A transfer must not pass the largest offset.
static bool range_valid(const struct io_request *request) {
    return request->cursor.remaining <= (uint64_t)INT64_MAX - (uint64_t)request->offset;
}

int64_t io_perform(struct io_request *request) {
    struct file *file = request->file;
    if (request->operation == IO_WRITE && file->flags & O_APPEND) request->flags |= IO_APPEND;
    bool positioned = !(request->flags & IO_AT_OFFSET) && file_positioned(file);
    if (!positioned) return range_valid(request) ? io_blocking(request) : -EINVAL;
    mutex_lock(&file->offset_lock);
    request->offset = file->offset;
    int64_t done = range_valid(request) ? io_blocking(request) : -EINVAL;
    if (done > 0) file->offset = request->offset + done;
    mutex_unlock(&file->offset_lock);
    return done;
}
