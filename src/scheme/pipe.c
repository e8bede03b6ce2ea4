// Pipes: a ring of pages. Small writes share the last page; a write of up to PIPE_BUFFER bytes is never split.
#include "src/scheme/pipe.h"

#include "lib/format.h"
#include "lib/string.h"
#include "rmm/frame.h"
#include "src/context/context.h"
#include "src/memory/heap.h"
#include "src/scheme/io_request.h"
#include "src/scheme/node.h"

constexpr uint32_t SLOTS_DEFAULT = 16;
constexpr size_t PIPE_BUFFER = 4096; // PIPE_BUF
constexpr size_t PIPE_SIZE_UNPRIVILEGED = 1 << 20;
constexpr size_t PIPE_SIZE_MAXIMUM = 64 << 20;
static_assert(PIPE_BUFFER <= PAGE_SIZE);

struct slot {
    uint8_t *page;
    uint16_t offset, length; // of the unread bytes
    bool packet;
};

struct pipe {
    struct mutex lock;  // RANK_FILE; guards all below but the counts, which are read without it
    struct slot *slots; // `capacity` of them, a power of two
    uint32_t capacity, head, used;
    uint8_t *spare; // one empty page
    uint32_t readers, writers, files;
    uint32_t reader_opens, writer_opens; // how often it was opened so, for the waiting of fifos
    struct wait_queue readiness;
    struct slot first_slots[SLOTS_DEFAULT];
};

static struct slab_cache pipe_cache = SLAB_CACHE(struct pipe);
static uint64_t pipe_device;

static const struct scheme pipe_scheme;

struct pipe *pipe_of(const struct file *file) {
    return file->scheme == &pipe_scheme ? file->data : nullptr;
}

size_t pipe_size(const struct pipe *pipe) {
    return (size_t)pipe->capacity * PAGE_SIZE;
}

static struct slot *slot_at(const struct pipe *pipe, uint32_t index) {
    return &pipe->slots[(pipe->head + index) & (pipe->capacity - 1)];
}

size_t pipe_bytes(const struct pipe *pipe) {
    size_t bytes = 0;
    for (uint32_t i = 0; i < pipe->used; i++)
        bytes += slot_at(pipe, i)->length;
    return bytes;
}

static uint8_t *page_take(struct pipe *pipe) {
    uint8_t *page = pipe->spare;
    if (likely(page)) {
        pipe->spare = nullptr;
        return page;
    }
    struct frame *frame = frame_alloc(0);
    return frame ? frame_pointer(frame) : nullptr;
}

static void page_free(uint8_t *page) {
    if (page) frame_put(frame_of(physical_of(page)));
}

static void page_return(struct pipe *pipe, uint8_t *page) {
    if (!pipe->spare)
        pipe->spare = page;
    else
        page_free(page);
}

static struct pipe *pipe_alloc(void) {
    struct pipe *pipe = slab_alloc(&pipe_cache);
    if (!pipe) return nullptr;
    mutex_init(&pipe->lock, RANK_FILE);
    pipe->slots = pipe->first_slots;
    pipe->capacity = SLOTS_DEFAULT;
    pipe->head = pipe->used = 0;
    pipe->spare = nullptr;
    pipe->readers = pipe->writers = pipe->files = 0;
    pipe->reader_opens = pipe->writer_opens = 0;
    wait_queue_init(&pipe->readiness);
    return pipe;
}

static void pipe_free(struct pipe *pipe) {
    for (uint32_t i = 0; i < pipe->used; i++)
        page_free(slot_at(pipe, i)->page);
    page_free(pipe->spare);
    if (pipe->slots != pipe->first_slots) heap_free(pipe->slots);
    slab_free(&pipe_cache, pipe);
}

// The change is visible before the queue is looked at: a waiter queues first and looks at the pipe then.
static void wake(struct pipe *pipe, uint32_t events) {
    atomic_fence_seq_cst();
    if (!list_empty(&pipe->readiness.entries)) wait_queue_wake(&pipe->readiness, UINT32_MAX, events);
}

// ---- reading

static int64_t read_locked(struct pipe *pipe, struct segment_cursor *to) {
    int64_t total = 0;
    while (pipe->used && to->remaining) {
        struct slot *slot = slot_at(pipe, 0);
        size_t size = min((size_t)slot->length, to->remaining);
        size_t done = segment_copy_in(to, slot->page + slot->offset, size);
        total += (int64_t)done;
        slot->offset += (uint16_t)done;
        slot->length -= (uint16_t)done;
        if (done < size) return total ? total : -EFAULT;
        bool packet = slot->packet;
        if (packet || !slot->length) {
            page_return(pipe, slot->page);
            pipe->head++;
            pipe->used--;
        }
        if (packet) break;
    }
    return total;
}

static int64_t pipe_read(struct file *file, struct io_request *request) {
    struct pipe *pipe = file->data;
    if (!request->cursor.remaining) return 0;
    if (!atomic_load_acquire(&pipe->used)) {
        if (atomic_load_acquire(&pipe->writers)) return -EAGAIN;
        if (!atomic_load_acquire(&pipe->used)) return 0;
    }
    mutex_lock(&pipe->lock);
    uint32_t before = pipe->used;
    int64_t done = before ? read_locked(pipe, &request->cursor) : -EAGAIN;
    bool freed = before == pipe->capacity && pipe->used < before;
    mutex_unlock(&pipe->lock);
    if (freed) wake(pipe, POLLOUT | POLLWRNORM);
    if (done == -EAGAIN && !atomic_load_acquire(&pipe->writers)) return 0;
    return done;
}

// ---- writing

// Appends to the last page what fits there as a whole.
static bool append_to_last(struct pipe *pipe, struct segment_cursor *from, size_t size, int64_t *done) {
    if (!pipe->used) return false;
    struct slot *slot = slot_at(pipe, pipe->used - 1);
    size_t end = (size_t)slot->offset + slot->length;
    if (slot->packet || size > PAGE_SIZE - end) return false;
    size_t copied = segment_copy_out(slot->page + end, from, size);
    slot->length += (uint16_t)copied;
    *done = copied ? (int64_t)copied : -EFAULT;
    return true;
}

static int64_t write_slot(struct pipe *pipe, struct segment_cursor *from, size_t size, bool packet) {
    uint8_t *page = page_take(pipe);
    if (!page) return -ENOMEM;
    size_t copied = segment_copy_out(page, from, size);
    if (!copied) {
        page_return(pipe, page);
        return -EFAULT;
    }
    *slot_at(pipe, pipe->used) = (struct slot){page, 0, (uint16_t)copied, packet};
    atomic_store_release(&pipe->used, pipe->used + 1);
    return (int64_t)copied;
}

static int64_t write_locked(struct pipe *pipe, struct segment_cursor *from, bool packet) {
    int64_t total = 0, done;
    size_t tail = from->remaining & (PAGE_SIZE - 1);
    if (!packet && tail && append_to_last(pipe, from, tail, &done)) {
        if (done < (int64_t)tail) return done;
        total = done;
    }
    while (from->remaining) {
        size_t size = min(from->remaining, PAGE_SIZE);
        if (pipe->used == pipe->capacity) return total ? total : -EAGAIN;
        done = write_slot(pipe, from, size, packet);
        if (done < 0) return total ? total : done;
        total += done;
        if ((size_t)done < size) return total;
    }
    return total;
}

// Copies of up to `room` slots of the source, at most length bytes. Returns how many; -ENOMEM when not even one.
static int64_t copy_slots(struct pipe *from, struct slot *copies, uint32_t room, size_t length) {
    uint32_t count = 0;
    mutex_lock(&from->lock);
    for (; count < room && count < from->used && length; count++) {
        const struct slot *slot = slot_at(from, count);
        struct frame *frame = frame_alloc(0);
        if (!frame) break;
        uint16_t size = (uint16_t)min((size_t)slot->length, length);
        copies[count] = (struct slot){frame_pointer(frame), 0, size, slot->packet};
        memcpy(copies[count].page, slot->page + slot->offset, size);
        length -= size;
    }
    bool empty = !from->used;
    mutex_unlock(&from->lock);
    if (count) return count;
    if (!empty) return -ENOMEM;
    return atomic_load_acquire(&from->writers) ? -EAGAIN : 0;
}

int64_t pipe_duplicate(struct pipe *from, struct pipe *to, size_t length) {
    struct slot copies[SLOTS_DEFAULT];
    if (!atomic_load_acquire(&to->readers)) return -EPIPE;
    int64_t count = copy_slots(from, copies, SLOTS_DEFAULT, length);
    if (count <= 0) return count;
    int64_t total = 0;
    uint32_t taken = 0;
    mutex_lock(&to->lock);
    for (; taken < count && to->used < to->capacity; taken++) {
        *slot_at(to, to->used) = copies[taken];
        atomic_store_release(&to->used, to->used + 1);
        total += copies[taken].length;
    }
    mutex_unlock(&to->lock);
    if (total) wake(to, POLLIN | POLLRDNORM);
    for (; taken < count; taken++)
        page_free(copies[taken].page);
    return total ? total : -EAGAIN;
}

static int64_t pipe_write(struct file *file, struct io_request *request) {
    struct pipe *pipe = file->data;
    if (!request->cursor.remaining) return 0;
    if (!atomic_load_acquire(&pipe->readers)) return -EPIPE;
    mutex_lock(&pipe->lock);
    int64_t done = write_locked(pipe, &request->cursor, file->flags & O_DIRECT);
    mutex_unlock(&pipe->lock);
    if (done > 0) wake(pipe, POLLIN | POLLRDNORM);
    return done;
}

static uint32_t pipe_ready(struct file *file) {
    const struct pipe *pipe = file->data;
    uint32_t events = 0, used = atomic_load_acquire(&pipe->used);
    if (file_readable(file)) {
        if (used) events |= POLLIN | POLLRDNORM;
        if (!atomic_load_acquire(&pipe->writers) && pipe->writer_opens) events |= POLLHUP;
    }
    if (file_writable(file)) {
        if (used < pipe->capacity) events |= POLLOUT | POLLWRNORM;
        if (!atomic_load_acquire(&pipe->readers)) events |= POLLERR;
    }
    return events;
}

int32_t pipe_resize(struct pipe *pipe, size_t size) {
    if (size > PIPE_SIZE_MAXIMUM) return size > INT32_MAX ? -EINVAL : -EPERM;
    uint32_t capacity = 1;
    while ((size_t)capacity * PAGE_SIZE < size)
        capacity *= 2;
    if ((size_t)capacity * PAGE_SIZE > PIPE_SIZE_UNPRIVILEGED && !capable(CAP_SYS_RESOURCE)) return -EPERM;
    struct slot *slots = heap_alloc(capacity * sizeof(struct slot));
    if (!slots) return -ENOMEM;
    mutex_lock(&pipe->lock);
    struct slot *old = slots;
    int32_t result = -EBUSY;
    if (pipe->used <= capacity) {
        for (uint32_t i = 0; i < pipe->used; i++)
            slots[i] = *slot_at(pipe, i);
        old = pipe->slots;
        pipe->slots = slots;
        pipe->capacity = capacity;
        pipe->head = 0;
        result = (int32_t)pipe_size(pipe);
    }
    mutex_unlock(&pipe->lock);
    if (old != pipe->first_slots) heap_free(old);
    if (result > 0) wake(pipe, POLLOUT | POLLWRNORM);
    return result;
}

// ---- opening and closing

// Counts the file in. Caller holds the node's lock or is the only user.
static void attach(struct pipe *pipe, struct file *file) {
    file->scheme = &pipe_scheme;
    file->data = pipe;
    file->readiness = &pipe->readiness;
    pipe->files++;
    if (file_readable(file)) {
        pipe->reader_opens++;
        atomic_fetch_add_relaxed(&pipe->readers, 1u);
    }
    if (file_writable(file)) {
        pipe->writer_opens++;
        atomic_fetch_add_relaxed(&pipe->writers, 1u);
    }
}

static void pipe_release(struct file *file) {
    struct pipe *pipe = file->data;
    struct node *node = file->node;
    mutex_lock(&node->lock);
    if (file_readable(file)) atomic_fetch_sub_acq_rel(&pipe->readers, 1u);
    if (file_writable(file)) atomic_fetch_sub_acq_rel(&pipe->writers, 1u);
    bool last = --pipe->files == 0;
    if (last) node->special = nullptr;
    mutex_unlock(&node->lock);
    if (last)
        pipe_free(pipe);
    else
        wake(pipe, POLLIN | POLLOUT | POLLHUP | POLLERR | POLLRDNORM | POLLWRNORM);
}

// Waits until the other side is there or was opened since it had been opened `before` times.
static int32_t wait_for_other(struct pipe *pipe, const uint32_t *present, const uint32_t *counter, uint32_t before) {
    enum wait_result result = wait_until(&pipe->readiness, *counter != before || atomic_load_relaxed(present),
                                         WAIT_INTERRUPTIBLE, TIME_NEVER);
    return wait_result_error(result);
}

// The node's pipe, made when it has none, with the file counted in. Caller holds the node's lock.
static int32_t attach_fifo_locked(struct node *node, struct file *file) {
    struct pipe *pipe = node->special;
    bool impatient_writer = (file->flags & O_ACCMODE) == O_WRONLY && file->flags & O_NONBLOCK;
    if (impatient_writer && (!pipe || !pipe->readers)) return -ENXIO;
    if (!pipe) pipe = node->special = pipe_alloc();
    if (!pipe) return -ENOMEM;
    attach(pipe, file);
    return 0;
}

int32_t fifo_open(struct file *file) {
    struct node *node = file->node;
    mutex_lock(&node->lock);
    int32_t error = attach_fifo_locked(node, file);
    struct pipe *pipe = node->special;
    uint32_t reader_opens = error == 0 ? pipe->reader_opens : 0, writer_opens = error == 0 ? pipe->writer_opens : 0;
    mutex_unlock(&node->lock);
    if (error < 0) return error;
    wake(pipe, 0);
    if (node->scheme == &pipe_scheme) return 0; // a pipe without a name, by /proc/self/fd: nobody is waited for
    uint32_t access = file->flags & O_ACCMODE;
    if (access == O_RDONLY && !(file->flags & O_NONBLOCK))
        error = wait_for_other(pipe, &pipe->writers, &pipe->writer_opens, writer_opens);
    else if (access == O_WRONLY && !(file->flags & O_NONBLOCK))
        error = wait_for_other(pipe, &pipe->readers, &pipe->reader_opens, reader_opens);
    if (error < 0) pipe_release(file);
    return error;
}

static size_t pipe_describe(struct file *file, char *buffer, size_t size) {
    return min(format_string(buffer, size, "pipe:[%lu]", file->node->id), size);
}

static const struct scheme pipe_scheme = {
    .name = "pipefs",
    .magic = 0x50495045,
    .release = pipe_release,
    .read = pipe_read,
    .write = pipe_write,
    .ready = pipe_ready,
    .describe = pipe_describe,
};

int32_t pipe_create(uint32_t flags, struct file *ends[2]) {
    if (!pipe_device) pipe_device = device_new_id();
    struct node *node = node_create(&pipe_scheme, S_IFIFO | 0600, pipe_device, node_new_id());
    struct pipe *pipe = node ? pipe_alloc() : nullptr;
    ends[0] = pipe ? file_create(nullptr, O_RDONLY | flags, nullptr) : nullptr;
    ends[1] = ends[0] ? file_create(nullptr, O_WRONLY | flags, nullptr) : nullptr;
    if (!ends[1]) {
        if (ends[0]) file_put(ends[0]);
        if (pipe) pipe_free(pipe);
        node_put(node);
        return -ENOMEM;
    }
    node_own_by_current(node);
    node->special = pipe;
    for (unsigned i = 0; i < 2; i++) {
        ends[i]->node = node;
        attach(pipe, ends[i]);
    }
    node_get(node);
    return 0;
}
