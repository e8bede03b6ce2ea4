#include "src/scheme/pty.h"

#include "lib/format.h"
#include "lib/string.h"
#include "src/context/context.h"
#include "src/memory/heap.h"
#include "src/scheme/tty_internal.h"

constexpr uint32_t PTY_MAXIMUM = 64;
constexpr uint32_t PTY_SLAVE_MAJOR = 136;
constexpr uint32_t MASTER_BUFFER = 8192; // a power of two
constexpr uint32_t CHUNK = 256;

// The pair. The ring carries the slave's output to the master's readers. Pairs are made once and used again, so that
// their device nodes stay valid.
struct pty {
    struct spinlock lock; // RANK_DRIVER: taken inside the tty's. Guards the ring
    struct tty *slave;
    uint32_t number;
    bool in_use, locked;
    bool slave_closed; // it was open and is not any more: the master reads EIO
    struct wait_queue readiness;
    uint32_t tail, head;
    char ring[MASTER_BUFFER];
    struct device_scheme device;
    char path[16];
};

static struct spinlock ptys_lock = SPINLOCK_INIT(RANK_DEVICE);
static struct pty *ptys[PTY_MAXIMUM];
static const struct scheme master_scheme, slave_scheme;

static size_t slave_output(void *data, const char *bytes, size_t size) {
    struct pty *pty = data;
    spin_lock(&pty->lock);
    size_t room = MASTER_BUFFER - (pty->head - pty->tail);
    size_t count = min(size, room);
    for (size_t i = 0; i < count; i++)
        pty->ring[pty->head++ % MASTER_BUFFER] = bytes[i];
    spin_unlock(&pty->lock);
    if (count) wait_queue_wake(&pty->readiness, UINT32_MAX, POLLIN | POLLRDNORM);
    return pty->in_use ? count : size;
}

static void slave_last_close(void *data) {
    struct pty *pty = data;
    pty->slave_closed = true;
    wait_queue_wake(&pty->readiness, UINT32_MAX, POLLIN | POLLHUP);
}

static const struct tty_driver slave_driver = {.name = "pts", .write = slave_output, .last_close = slave_last_close};

static struct pty *pty_create(uint32_t number) {
    struct pty *pty = heap_alloc_zeroed(sizeof *pty);
    if (!pty) return nullptr;
    spinlock_init(&pty->lock, RANK_DRIVER);
    wait_queue_init(&pty->readiness);
    pty->number = number;
    format_string(pty->path, sizeof pty->path, "pts/%u", number);
    pty->slave = tty_create(&slave_driver, pty, pty->path);
    pty->device = (struct device_scheme){.major = PTY_SLAVE_MAJOR,
                                         .minor = number,
                                         .scheme = &slave_scheme,
                                         .path = pty->path,
                                         .mode = S_IFCHR | 0620,
                                         .data = pty};
    if (!pty->slave || device_register(&pty->device)) {
        if (pty->slave) tty_put(pty->slave);
        heap_free(pty);
        return nullptr;
    }
    return pty;
}

static void pty_reset(struct pty *pty) {
    struct tty *slave = pty->slave;
    spin_lock(&slave->lock);
    line_init(&slave->line);
    slave->hung_up = slave->flow_stopped = slave->read_expired = false;
    slave->session = slave->foreground = 0;
    slave->size = (struct kernel_winsize){};
    spin_unlock(&slave->lock);
    pty->head = pty->tail = 0;
    pty->locked = true;
    pty->slave_closed = false;
}

// Claims a free pair. Pairs whose slave somebody still has open after a hang-up are left alone.
static struct pty *pty_claim(void) {
    for (uint32_t i = 0; i < PTY_MAXIMUM; i++) {
        spin_lock(&ptys_lock);
        struct pty *pty = ptys[i];
        bool free = pty && !pty->in_use && atomic_load_relaxed(&pty->slave->opens) == 0;
        if (free) pty->in_use = true;
        spin_unlock(&ptys_lock);
        if (free) {
            pty_reset(pty);
            return pty;
        }
        if (pty) continue;
        pty = pty_create(i);
        if (!pty) return nullptr;
        pty->in_use = true;
        pty->locked = true;
        spin_lock(&ptys_lock);
        ptys[i] = pty;
        spin_unlock(&ptys_lock);
        return pty;
    }
    return nullptr;
}

// ---- master

static int32_t master_open(struct node *, struct file *file) {
    struct pty *pty = pty_claim();
    if (!pty) return -ENOSPC;
    file->scheme = &master_scheme;
    file->data = pty;
    file->readiness = &pty->readiness;
    return 0;
}

static void master_release(struct file *file) {
    struct pty *pty = file->data;
    pty->in_use = false;
    tty_hangup(pty->slave);
}

static int64_t master_read(struct file *file, struct io_request *request) {
    struct pty *pty = file->data;
    int64_t total = 0;
    while (request->cursor.remaining) {
        char chunk[CHUNK];
        size_t size = 0;
        spin_lock(&pty->lock);
        while (size < min(request->cursor.remaining, sizeof chunk) && pty->tail != pty->head)
            chunk[size++] = pty->ring[pty->tail++ % MASTER_BUFFER];
        spin_unlock(&pty->lock);
        if (size == 0) break;
        if (segment_copy_in(&request->cursor, chunk, size) != size) return total ? total : -EFAULT;
        total += (int64_t)size;
    }
    if (total) {
        tty_output_room(pty->slave);
        return total;
    }
    return pty->slave_closed ? -EIO : -EAGAIN;
}

static int64_t master_write(struct file *file, struct io_request *request) {
    struct pty *pty = file->data;
    int64_t total = 0;
    while (request->cursor.remaining) {
        char chunk[CHUNK];
        size_t size = segment_copy_out(chunk, &request->cursor, sizeof chunk);
        if (size == 0) return total ? total : -EFAULT;
        tty_input(pty->slave, chunk, size);
        total += (int64_t)size;
    }
    return total;
}

static uint32_t master_ready(struct file *file) {
    struct pty *pty = file->data;
    uint32_t events = POLLOUT | POLLWRNORM;
    if (pty->head != pty->tail) events |= POLLIN | POLLRDNORM;
    if (pty->slave_closed) events |= POLLHUP;
    return events;
}

static int64_t pty_seek(struct file *, int64_t, uint32_t) {
    return -ESPIPE;
}

static const struct scheme master_scheme = {
    .name = "ptmx",
    .open = master_open,
    .release = master_release,
    .read = master_read,
    .write = master_write,
    .ready = master_ready,
    .seek = pty_seek,
};

// ---- slave: a terminal whose last close tells the master

static int32_t slave_open(struct node *node, struct file *file) {
    struct pty *pty = file->data;
    if (!pty->in_use || pty->locked) return -EIO;
    pty->slave_closed = false;
    file->scheme = &tty_scheme;
    file->data = pty->slave;
    return tty_scheme.open(node, file);
}

static const struct scheme slave_scheme = {.name = "pts", .open = slave_open};

static struct pty *pty_of_master(struct file *file) {
    return file->scheme == &master_scheme ? file->data : nullptr;
}

static struct tty *slave_of(struct file *file) {
    struct pty *pty = pty_of_master(file);
    return pty ? pty->slave : nullptr;
}

int32_t pty_master_number(struct file *file, uint32_t *number) {
    struct pty *pty = pty_of_master(file);
    if (!pty) return -ENOTTY;
    *number = pty->number;
    return 0;
}

int32_t pty_master_lock(struct file *file, bool locked) {
    struct pty *pty = pty_of_master(file);
    if (!pty) return -ENOTTY;
    pty->locked = locked;
    return 0;
}

static const struct device_scheme ptmx_device = {
    .major = 5, .minor = 2, .scheme = &master_scheme, .path = "ptmx", .mode = S_IFCHR | 0666};

int32_t pty_init(void) {
    pty_slave_of = slave_of;
    return device_register(&ptmx_device);
}
