// Terminals: files over the line discipline, and the list of them.
#include "src/scheme/tty_internal.h"

#include "lib/string.h"
#include "src/context/context.h"
#include "src/kernel.h"
#include "src/memory/heap.h"
#include "src/scheme/pty.h"

constexpr nanoseconds VTIME_UNIT = NANOSECONDS_PER_SECOND / 10;
constexpr uint32_t CHUNK = 256; // bytes moved per lock hold

static struct spinlock ttys_lock = SPINLOCK_INIT(RANK_DEVICE); // guards ttys and console
static struct list ttys = LIST_INIT(ttys);
static struct tty *console;

static void read_timer_fired(struct timer *timer) {
    struct tty *tty = container_of(timer, struct tty, read_timer);
    tty->read_expired = true;
    wait_queue_wake(&tty->readiness, UINT32_MAX, POLLIN);
}

struct tty *tty_create(const struct tty_driver *driver, void *data, const char *name) {
    struct tty *tty = heap_alloc_zeroed(sizeof *tty);
    if (!tty) return nullptr;
    refcount_init(&tty->references);
    spinlock_init(&tty->lock, RANK_DEVICE);
    line_init(&tty->line);
    wait_queue_init(&tty->readiness);
    timer_init(&tty->read_timer, read_timer_fired);
    list_init(&tty->link);
    tty->driver = driver;
    tty->driver_data = data;
    string_copy(tty->name, name, sizeof tty->name);
    return tty;
}

struct tty *tty_register(const struct tty_driver *driver, void *data, uint32_t major, uint32_t minor) {
    struct tty *tty = tty_create(driver, data, driver->name);
    if (!tty) return nullptr;
    tty->device = (struct device_scheme){
        .major = major, .minor = minor, .scheme = &tty_scheme, .path = tty->name, .mode = S_IFCHR | 0620, .data = tty};
    if (device_register(&tty->device)) {
        heap_free(tty);
        return nullptr;
    }
    spin_lock(&ttys_lock);
    list_push_back(&ttys, &tty->link);
    if (!console) console = tty;
    spin_unlock(&ttys_lock);
    return tty;
}

void tty_set_console(struct tty *tty) {
    spin_lock(&ttys_lock);
    console = tty;
    spin_unlock(&ttys_lock);
}

struct tty *tty_find(const char *name) {
    struct tty *found = nullptr;
    spin_lock(&ttys_lock);
    list_for_each(tty, &ttys, struct tty, link) {
        if (string_equal(tty->name, name)) found = tty;
    }
    spin_unlock(&ttys_lock);
    return found;
}

void tty_get(struct tty *tty) {
    refcount_get(&tty->references);
}

void tty_put(struct tty *tty) {
    if (!refcount_put(&tty->references)) return;
    timer_cancel(&tty->read_timer);
    heap_free(tty);
}

// ---- the line's side

void tty_push_locked(struct tty *tty) {
    const char *bytes;
    uint32_t size;
    while (!tty->line.stopped && !tty->flow_stopped && (size = line_output_peek(&tty->line, &bytes)) > 0) {
        size_t taken = tty->driver->write(tty->driver_data, bytes, size);
        if (taken == 0) return;
        line_output_consume(&tty->line, (uint32_t)taken);
    }
}

static uint32_t ready_locked(struct tty *tty) {
    bool end_of_file;
    uint32_t events = 0;
    uint32_t available = line_readable(&tty->line, &end_of_file);
    uint32_t least = 1;
    if (!(tty->line.termios.local & ICANON) && tty->line.termios.characters[VTIME] == 0)
        least = max(1u, (uint32_t)tty->line.termios.characters[VMIN]);
    if (available >= least || end_of_file || tty->read_expired) events |= POLLIN | POLLRDNORM;
    if (line_output_room(&tty->line) >= CHUNK) events |= POLLOUT | POLLWRNORM;
    if (tty->hung_up) events |= POLLHUP | POLLIN | POLLOUT;
    return events;
}

uint32_t tty_ready_events(struct tty *tty) {
    spin_lock(&tty->lock);
    uint32_t events = ready_locked(tty);
    spin_unlock(&tty->lock);
    return events;
}

void tty_wake(struct tty *tty) {
    uint32_t events = tty_ready_events(tty);
    if (events) wait_queue_wake(&tty->readiness, UINT32_MAX, events);
}

void tty_input(struct tty *tty, const char *bytes, size_t size) {
    while (size) {
        uint32_t signal = 0;
        spin_lock(&tty->lock);
        while (size && !signal) {
            signal = line_input(&tty->line, *bytes++);
            size--;
        }
        tty_push_locked(tty);
        int32_t group = tty->foreground;
        spin_unlock(&tty->lock);
        if (signal && group) signal_send_group_simple(group, signal);
    }
    tty_wake(tty);
}

void tty_output_room(struct tty *tty) {
    spin_lock(&tty->lock);
    tty_push_locked(tty);
    spin_unlock(&tty->lock);
    tty_wake(tty);
}

void tty_resize(struct tty *tty, const struct kernel_winsize *size) {
    spin_lock(&tty->lock);
    bool changed = memcmp(&tty->size, size, sizeof *size) != 0;
    tty->size = *size;
    int32_t group = tty->foreground;
    spin_unlock(&tty->lock);
    if (changed && group) signal_send_group_simple(group, SIGWINCH);
}

void tty_hangup(struct tty *tty) {
    spin_lock(&tty->lock);
    tty->hung_up = true;
    int32_t session = tty->session, group = tty->foreground;
    tty->session = tty->foreground = 0;
    spin_unlock(&tty->lock);
    wait_queue_wake(&tty->readiness, UINT32_MAX, POLLIN | POLLOUT | POLLHUP);
    if (group) signal_send_group_simple(group, SIGHUP);
    struct process *leader = session ? process_find(session) : nullptr;
    if (!leader) return;
    signal_send_process(leader, &(struct kernel_siginfo){.signal = SIGHUP, .code = SI_KERNEL});
    signal_send_process(leader, &(struct kernel_siginfo){.signal = SIGCONT, .code = SI_KERNEL});
    process_put(leader);
}

// ---- the readers' and writers' side

static int64_t read_raw_wait(struct tty *tty, struct io_request *request) {
    const uint8_t *characters = tty->line.termios.characters;
    if (characters[VMIN] == 0 && characters[VTIME] == 0) return 0;
    if (tty->read_expired) {
        tty->read_expired = false;
        return 0;
    }
    bool blocks = !(request->flags & IO_NOWAIT) && !(request->file->flags & O_NONBLOCK);
    if (characters[VMIN] == 0 && blocks && !tty->read_timer.armed)
        timer_arm(&tty->read_timer, clock_monotonic() + characters[VTIME] * VTIME_UNIT);
    return -EAGAIN;
}

// How many bytes a read may take now, or an error. Caller holds lock.
static int64_t read_amount_locked(struct tty *tty, struct io_request *request) {
    bool end_of_file;
    uint32_t available = line_readable(&tty->line, &end_of_file);
    if (tty->hung_up && available == 0) return 0;
    if (tty->line.termios.local & ICANON) return tty->line.lines ? (int64_t)available : tty->hung_up ? 0 : -EAGAIN;
    uint32_t least = tty->line.termios.characters[VTIME] ? 1 : tty->line.termios.characters[VMIN];
    least = (uint32_t)min((size_t)least, request->cursor.remaining);
    if (available == 0 || available < least) return read_raw_wait(tty, request);
    timer_cancel(&tty->read_timer);
    tty->read_expired = false;
    return available;
}

static int64_t tty_read(struct file *file, struct io_request *request) {
    struct tty *tty = file->data;
    int32_t error = tty_check_background(tty, SIGTTIN);
    if (error) return error;
    int64_t total = 0;
    while (request->cursor.remaining) {
        char chunk[CHUNK];
        spin_lock(&tty->lock);
        int64_t amount = total ? (int64_t)CHUNK : read_amount_locked(tty, request);
        bool canonical = tty->line.termios.local & ICANON;
        uint32_t size =
            amount > 0 ? line_read(&tty->line, chunk, (uint32_t)min(request->cursor.remaining, sizeof chunk)) : 0;
        spin_unlock(&tty->lock);
        if (amount <= 0) return amount;
        if (segment_copy_in(&request->cursor, chunk, size) != size) return total ? total : -EFAULT;
        total += size;
        // The end of a line, or of what there is.
        if (size < sizeof chunk || (canonical && chunk[size - 1] == '\n')) break;
    }
    return total;
}

static int64_t tty_write(struct file *file, struct io_request *request) {
    struct tty *tty = file->data;
    if (tty->hung_up) return -EIO;
    if (tty->line.termios.local & TOSTOP) {
        int32_t error = tty_check_background(tty, SIGTTOU);
        if (error) return error;
    }
    int64_t total = 0;
    while (request->cursor.remaining) {
        char chunk[CHUNK];
        struct segment_cursor before = request->cursor;
        size_t size = segment_copy_out(chunk, &request->cursor, sizeof chunk);
        if (size == 0) return total ? total : -EFAULT;
        spin_lock(&tty->lock);
        uint32_t taken = line_write(&tty->line, chunk, (uint32_t)size);
        tty_push_locked(tty);
        spin_unlock(&tty->lock);
        total += taken;
        if (taken < size) {
            request->cursor = before;
            segment_advance(&request->cursor, taken);
            if (taken == 0) break;
        }
    }
    return total ? total : -EAGAIN;
}

static uint32_t tty_ready(struct file *file) {
    return tty_ready_events(file->data);
}

static bool may_become_controlling(struct process *process, struct tty *tty) {
    return process->session == process->pid && !process->terminal && tty->session == 0;
}

static int32_t tty_open(struct node *, struct file *file) {
    struct tty *tty = file->data;
    if (tty->hung_up) return -EIO;
    tty_get(tty);
    atomic_fetch_add_relaxed(&tty->opens, 1);
    file->readiness = &tty->readiness;
    struct process *process = process_current();
    if (!(file->flags & O_NOCTTY) && process && may_become_controlling(process, tty)) return tty_acquire(tty, false);
    return 0;
}

static void tty_release(struct file *file) {
    struct tty *tty = file->data;
    if (atomic_fetch_sub_acq_rel(&tty->opens, 1) == 1 && tty->driver->last_close)
        tty->driver->last_close(tty->driver_data);
    tty_put(tty);
}

static int64_t tty_seek(struct file *, int64_t, uint32_t) {
    return -ESPIPE;
}

static int32_t tty_fsync(struct file *, bool) {
    return -EINVAL;
}

const struct scheme tty_scheme = {
    .name = "tty",
    .open = tty_open,
    .release = tty_release,
    .read = tty_read,
    .write = tty_write,
    .ready = tty_ready,
    .seek = tty_seek,
    .fsync = tty_fsync,
};

// ---- /dev/tty and /dev/console: names for another terminal

static int32_t open_as(struct node *node, struct file *file, struct tty *tty) {
    file->scheme = &tty_scheme;
    file->data = tty;
    return tty_open(node, file);
}

static int32_t current_open(struct node *node, struct file *file) {
    struct process *process = process_current();
    if (!process || !process->terminal) return -ENXIO;
    return open_as(node, file, process->terminal);
}

static int32_t console_open(struct node *node, struct file *file) {
    return console ? open_as(node, file, console) : -ENODEV;
}

static const struct scheme current_scheme = {.name = "tty", .open = current_open};
static const struct scheme console_scheme = {.name = "console", .open = console_open};
static const struct device_scheme current_device = {
    .major = 5, .minor = 0, .scheme = &current_scheme, .path = "tty", .mode = S_IFCHR | 0666};
static const struct device_scheme console_device = {
    .major = 5, .minor = 1, .scheme = &console_scheme, .path = "console", .mode = S_IFCHR | 0600};

int32_t tty_init(void) {
    int32_t error = device_register(&current_device);
    if (!error) error = device_register(&console_device);
    return error ? error : pty_init();
}
