// Moving bytes between two files inside the kernel.
#include <personality.h>

#include "rmm/frame.h"
#include "src/context/context.h"
#include "src/memory/heap.h"
#include "src/memory/memory_object.h"
#include "src/scheme/io.h"
#include "src/scheme/node.h"
#include "src/scheme/notify.h"
#include "src/scheme/pipe.h"

// At most a pipe's atomic size, so that a pipe with room takes a piece whole.
constexpr size_t PIECE_SIZE = PAGE_SIZE;

struct copy {
    struct file *from, *to;
    int64_t from_offset, to_offset; // -1: the file's position
    uint32_t flags;
    uint8_t *buffer; // of PIECE_SIZE
};

static int64_t transfer(struct file *file, enum io_operation operation, void *buffer, size_t size, int64_t *offset,
                        uint32_t flags) {
    const struct segment segment = segment_kernel(buffer, size);
    struct io_request request = {.operation = operation, .flags = flags, .file = file};
    request.cursor = segment_cursor_start(&segment, 1);
    if (*offset >= 0) {
        request.flags |= IO_AT_OFFSET;
        request.offset = *offset;
    }
    int64_t done = io_perform(&request);
    if (done > 0 && *offset >= 0) *offset += done;
    return done;
}

// Waits for room in a pipe, socket or terminal, so that what is read can also be written. first: nothing moved yet.
static int32_t wait_for_room(struct copy *copy, bool first) {
    struct file *to = copy->to;
    if (!to->readiness || !to->scheme->ready || to->scheme->ready(to) & (POLLOUT | POLLERR | POLLHUP)) return 0;
    if (!first || to->flags & O_NONBLOCK || copy->flags & IO_NOWAIT) return -EAGAIN;
    return file_wait_ready(to, POLLOUT);
}

// A piece straight from a page of the page cache. 0: the end.
static int64_t copy_page(struct copy *copy, size_t size) {
    struct memory_object *object = copy->from->node->object;
    int64_t offset = copy->from_offset >= 0 ? copy->from_offset : copy->from->offset;
    uint64_t end = atomic_load_relaxed(&object->size);
    if ((uint64_t)offset >= end) return 0;
    size_t at = (size_t)offset & PAGE_MASK;
    size = min(size, PAGE_SIZE - at);
    size = min(size, end - (uint64_t)offset);
    struct frame *frame;
    int32_t error = memory_object_page(object, (uint64_t)offset / PAGE_SIZE, false, &frame);
    if (error < 0) return error;
    int64_t done = transfer(copy->to, IO_WRITE, (uint8_t *)frame_pointer(frame) + at, size, &copy->to_offset,
                            copy->flags & IO_NOWAIT);
    frame_put(frame);
    if (done <= 0) return done;
    if (copy->from_offset >= 0)
        copy->from_offset += done;
    else
        copy->from->offset += done;
    return done;
}

static int64_t copy_bounced(struct copy *copy, size_t size, bool first) {
    if (!copy->buffer) copy->buffer = heap_alloc(PIECE_SIZE);
    if (!copy->buffer) return -ENOMEM;
    uint32_t flags = first ? copy->flags & IO_NOWAIT : (uint32_t)IO_NOWAIT;
    int64_t got = transfer(copy->from, IO_READ, copy->buffer, min(size, PIECE_SIZE), &copy->from_offset, flags);
    if (got <= 0) return got;
    int64_t done = transfer(copy->to, IO_WRITE, copy->buffer, (size_t)got, &copy->to_offset, 0);
    // What a seekable source gave and the target did not take is given back.
    int64_t lost = got - max(done, (int64_t)0);
    if (lost > 0 && copy->from_offset >= 0) copy->from_offset -= lost;
    if (lost > 0 && copy->from_offset < 0 && file_seekable(copy->from)) copy->from->offset -= lost;
    return done;
}

static int64_t copy_pieces(struct copy *copy, size_t length) {
    bool cached = copy->from->node && copy->from->node->object && node_type(copy->from->node) == S_IFREG;
    int64_t total = 0, done = 0;
    while ((size_t)total < length) {
        done = wait_for_room(copy, !total);
        if (done == 0)
            done =
                cached ? copy_page(copy, length - (size_t)total) : copy_bounced(copy, length - (size_t)total, !total);
        if (done <= 0) break;
        total += done;
        preemption_point();
    }
    return total ? total : done;
}

// From pipe to pipe, the source keeping its bytes.
static int64_t duplicate(struct copy *copy, size_t length) {
    struct pipe *from = pipe_of(copy->from), *to = pipe_of(copy->to);
    if (!from || !to || from == to) return -EINVAL;
    for (;;) {
        int64_t done = pipe_duplicate(from, to, length);
        if (done != -EAGAIN || copy->flags & IO_NOWAIT) return done;
        bool full = pipe_bytes(from);
        struct file *file = full ? copy->to : copy->from;
        if (file->flags & O_NONBLOCK) return -EAGAIN;
        int32_t error = file_wait_ready(file, full ? POLLOUT : POLLIN);
        if (error < 0) return error;
    }
}

static int32_t check(const struct copy *copy) {
    if (!file_readable(copy->from) || !file_writable(copy->to)) return -EBADF;
    if (copy->from_offset >= 0 && !file_seekable(copy->from)) return -ESPIPE;
    return copy->to_offset >= 0 && !file_seekable(copy->to) ? -ESPIPE : 0;
}

int32_t kop_copy_range(int32_t from, int64_t *from_offset, int32_t to, int64_t *to_offset, size_t length,
                       uint32_t flags, size_t *done) {
    struct file_reference source = file_lookup(from);
    if (!source.file) return -EBADF;
    struct file_reference target = file_lookup(to);
    if (!target.file) {
        file_release(source);
        return -EBADF;
    }
    struct copy copy = {
        .from = source.file, .to = target.file, .from_offset = *from_offset, .to_offset = *to_offset, .flags = flags};
    int64_t result = check(&copy);
    if (result == 0 && flags & IO_DUPLICATE)
        result = duplicate(&copy, length);
    else if (result == 0)
        result = copy_pieces(&copy, min(length, IO_MAXIMUM));
    if (copy.from->node && result > 0) node_touch_accessed(copy.from->node, copy.from->flags);
    if (result > 0) notify_file(copy.from, NOTIFY_ACCESS);
    if (result > 0) notify_file(copy.to, NOTIFY_MODIFY);
    heap_free(copy.buffer);
    file_release(target);
    file_release(source);
    if (result < 0) return (int32_t)result;
    if (*from_offset >= 0) *from_offset = copy.from_offset;
    if (*to_offset >= 0) *to_offset = copy.to_offset;
    *done = (size_t)result;
    return 0;
}
