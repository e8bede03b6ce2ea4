// eventfd: a counter that is read and written.
#include "lib/string.h"
#include "src/context/context.h"
#include "src/memory/heap.h"
#include "src/scheme/file.h"
#include "src/scheme/io_request.h"

constexpr uint32_t EVENT_SEMAPHORE = 1;
constexpr uint64_t COUNT_MAXIMUM = UINT64_MAX - 1;

struct event {
    struct spinlock lock; // RANK_DEVICE: guards count
    uint64_t count;
    bool semaphore;
    struct wait_queue readiness;
};

static int64_t event_read(struct file *file, struct io_request *request) {
    struct event *event = file->data;
    uint64_t value;
    if (request->cursor.remaining < sizeof value) return -EINVAL;
    spin_lock(&event->lock);
    value = event->semaphore ? event->count != 0 : event->count;
    event->count -= value;
    spin_unlock(&event->lock);
    if (!value) return -EAGAIN;
    wait_queue_wake(&event->readiness, UINT32_MAX, POLLOUT | POLLWRNORM);
    return segment_copy_in(&request->cursor, &value, sizeof value) == sizeof value ? (int64_t)sizeof value : -EFAULT;
}

static int64_t event_write(struct file *file, struct io_request *request) {
    struct event *event = file->data;
    uint64_t value;
    if (request->cursor.remaining < sizeof value) return -EINVAL;
    struct segment_cursor start = request->cursor;
    if (segment_copy_out(&value, &request->cursor, sizeof value) != sizeof value) return -EFAULT;
    if (value == UINT64_MAX) return -EINVAL;
    spin_lock(&event->lock);
    bool room = COUNT_MAXIMUM - event->count >= value;
    if (room) event->count += value;
    spin_unlock(&event->lock);
    if (!room) {
        request->cursor = start;
        return -EAGAIN;
    }
    wait_queue_wake(&event->readiness, UINT32_MAX, POLLIN | POLLRDNORM);
    return sizeof value;
}

static uint32_t event_ready(struct file *file) {
    struct event *event = file->data;
    spin_lock(&event->lock);
    uint32_t events =
        (event->count ? POLLIN | POLLRDNORM : 0) | (event->count < COUNT_MAXIMUM ? POLLOUT | POLLWRNORM : 0);
    spin_unlock(&event->lock);
    return events;
}

static void event_release(struct file *file) {
    heap_free(file->data);
}

static int64_t event_seek(struct file *, int64_t, uint32_t) {
    return -ESPIPE;
}

static size_t event_describe(struct file *, char *buffer, size_t size) {
    string_copy(buffer, "anon_inode:[eventfd]", size);
    return strlen(buffer);
}

static const struct scheme event_scheme = {
    .name = "event",
    .read = event_read,
    .write = event_write,
    .ready = event_ready,
    .release = event_release,
    .seek = event_seek,
    .describe = event_describe,
};

int32_t kop_event_create(uint64_t initial, uint32_t flags) {
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK | EVENT_SEMAPHORE)) return -EINVAL;
    struct event *event = heap_alloc_zeroed(sizeof *event);
    if (!event) return -ENOMEM;
    spinlock_init(&event->lock, RANK_DEVICE);
    wait_queue_init(&event->readiness);
    event->count = initial;
    event->semaphore = flags & EVENT_SEMAPHORE;
    struct file *file = file_create(&event_scheme, O_RDWR | (flags & O_NONBLOCK), event);
    if (!file) {
        heap_free(event);
        return -ENOMEM;
    }
    file->readiness = &event->readiness;
    int32_t descriptor = handle_install(&file->object, 0, flags & O_CLOEXEC ? HANDLE_CLOSE_ON_EXEC : 0);
    if (descriptor < 0) file_put(file);
    return descriptor;
}
