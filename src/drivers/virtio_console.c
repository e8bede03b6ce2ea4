// virtio console with several ports (virtio 1.2, 5.3). A named port is the character device /dev/virtio-ports/<name>; a
// console port is the terminal hvc0, hvc1 …
//
// Ports are found at boot only: device_register and tty_register may sleep, so they don't run in the interrupt. What
// comes later (the host opens or closes a port, the window changes) is handled there.
#include "lib/format.h"
#include "lib/string.h"
#include "src/context/wait.h"
#include "src/drivers/virtio.h"
#include "src/kernel.h"
#include "src/memory/heap.h"
#include "src/scheme/file.h"
#include "src/scheme/io_request.h"
#include "src/scheme/tty.h"

constexpr uint64_t FEATURE_MULTIPORT = 2;
constexpr unsigned PORTS_MAXIMUM = 16;
constexpr unsigned RECEIVE_BUFFERS = 8;
constexpr unsigned TRANSMIT_BUFFERS = 8;
constexpr size_t BUFFER_SIZE = 4096;
constexpr unsigned CONTROL_BUFFERS = 32;
constexpr size_t CONTROL_SIZE = 128;                         // a message with a name
constexpr nanoseconds PATIENCE = 5 * NANOSECONDS_PER_SECOND; // a busy host answers late
constexpr uint32_t PORT_MAJOR = 10, PORT_MINOR_FIRST = 64;   // "misc" devices
constexpr uint32_t HVC_MAJOR = 229;

enum control_event : uint16_t {
    CONTROL_DEVICE_READY,
    CONTROL_DEVICE_ADD,
    CONTROL_DEVICE_REMOVE,
    CONTROL_PORT_READY,
    CONTROL_CONSOLE_PORT,
    CONTROL_RESIZE,
    CONTROL_PORT_OPEN,
    CONTROL_PORT_NAME,
};
struct control_message {
    uint32_t port;
    uint16_t event, value;
};

struct port_buffer {
    uint32_t length, position;
    char *bytes; // BUFFER_SIZE
};

struct console;
struct port {
    struct console *console;
    uint32_t id;
    struct spinlock lock; // RANK_DRIVER: guards what follows, and the queues
    struct virtio_queue receive, transmit;
    struct port_buffer receive_buffers[RECEIVE_BUFFERS], transmit_buffers[TRANSMIT_BUFFERS];
    struct port_buffer *filled[RECEIVE_BUFFERS]; // a ring, oldest first
    unsigned filled_first, filled_count;
    struct port_buffer *idle[TRANSMIT_BUFFERS]; // a stack
    unsigned idle_count;
    bool host_open, host_was_open;
    bool reading; // somebody copies out of the oldest filled buffer, without the lock
    unsigned opens;
    struct wait_queue readiness;
    struct tty *tty; // nullptr: a character device
    struct tty_driver tty_driver;
    struct device_scheme device;
    char tty_name[8];
    char path[64]; // below /dev
};

struct console {
    struct virtio_device *device;
    struct spinlock lock; // RANK_DRIVER, before no other: guards the control queues
    struct virtio_queue control_receive, control_transmit;
    unsigned control_idle_count;
    struct control_message *control_idle[CONTROL_BUFFERS];
    struct port *ports[PORTS_MAXIMUM];
    unsigned port_count, named_count;
};

static unsigned hvc_count;

// ---- control messages

static void control_send(struct console *console, uint32_t port, enum control_event event, uint16_t value) {
    uint32_t written;
    struct control_message *message;
    spin_lock(&console->lock);
    while ((message = virtio_queue_next(&console->control_transmit, &written)))
        console->control_idle[console->control_idle_count++] = message;
    if (console->control_idle_count) {
        message = console->control_idle[--console->control_idle_count];
        *message = (struct control_message){port, event, value};
        struct virtio_buffer buffer = {message, sizeof *message, false};
        if (virtio_queue_add(&console->control_transmit, &buffer, 1, message))
            virtio_queue_notify(&console->control_transmit);
    } else {
        log_warning("virtio", "console: the host does not take control messages");
    }
    spin_unlock(&console->lock);
}

static void host_opened(struct port *port, bool open) {
    spin_lock(&port->lock);
    port->host_open = open;
    port->host_was_open |= open;
    spin_unlock(&port->lock);
    wait_queue_wake_all(&port->readiness);
}

// ---- transfers

static void receive_post(struct port *port, struct port_buffer *buffer) {
    struct virtio_buffer place = {buffer->bytes, BUFFER_SIZE, true};
    if (!virtio_queue_add(&port->receive, &place, 1, buffer)) panic("virtio console: the receive queue is full");
}

static void transmit_reclaim(struct port *port) {
    uint32_t written;
    struct port_buffer *buffer;
    while ((buffer = virtio_queue_next(&port->transmit, &written)))
        port->idle[port->idle_count++] = buffer;
}

static void transmit_post(struct port *port, struct port_buffer *buffer) {
    struct virtio_buffer place = {buffer->bytes, buffer->length, false};
    if (!virtio_queue_add(&port->transmit, &place, 1, buffer)) panic("virtio console: the transmit queue is full");
    virtio_queue_notify(&port->transmit);
}

static void tty_receive(struct port *port) {
    for (;;) {
        uint32_t written;
        spin_lock(&port->lock);
        struct port_buffer *buffer = virtio_queue_next(&port->receive, &written);
        spin_unlock(&port->lock);
        if (!buffer) return;
        tty_input(port->tty, buffer->bytes, min((size_t)written, BUFFER_SIZE));
        spin_lock(&port->lock);
        receive_post(port, buffer);
        virtio_queue_notify(&port->receive);
        spin_unlock(&port->lock);
    }
}

static void port_interrupt(struct port *port) {
    uint32_t written;
    struct port_buffer *buffer;
    if (port->tty) tty_receive(port);
    spin_lock(&port->lock);
    unsigned idle_before = port->idle_count, filled_before = port->filled_count;
    transmit_reclaim(port);
    while (!port->tty && (buffer = virtio_queue_next(&port->receive, &written))) {
        buffer->length = min(written, (uint32_t)BUFFER_SIZE);
        buffer->position = 0;
        port->filled[(port->filled_first + port->filled_count++) % RECEIVE_BUFFERS] = buffer;
    }
    bool sent = port->idle_count != idle_before, received = port->filled_count != filled_before;
    spin_unlock(&port->lock);
    if (sent && port->tty) tty_output_room(port->tty);
    if (sent || received) wait_queue_wake_all(&port->readiness);
}

// ---- the character device

static struct port *port_of(struct file *file) {
    return file->data;
}

static int32_t port_open(struct node *, struct file *file) {
    struct port *port = port_of(file);
    spin_lock(&port->lock);
    bool first = port->opens++ == 0;
    spin_unlock(&port->lock);
    file->readiness = &port->readiness;
    if (first) control_send(port->console, port->id, CONTROL_PORT_OPEN, 1);
    return 0;
}

static void port_release(struct file *file) {
    struct port *port = port_of(file);
    spin_lock(&port->lock);
    bool last = --port->opens == 0;
    spin_unlock(&port->lock);
    if (last) control_send(port->console, port->id, CONTROL_PORT_OPEN, 0);
}

// Takes the oldest filled buffer for copying out of it without the lock. nullptr: *result says why.
static struct port_buffer *read_begin(struct port *port, int64_t *result) {
    struct port_buffer *buffer = nullptr;
    spin_lock(&port->lock);
    if (port->reading || (!port->filled_count && (port->host_open || !port->host_was_open))) {
        *result = -EAGAIN;
    } else if (!port->filled_count) {
        *result = 0; // the host has closed: the end
    } else {
        buffer = port->filled[port->filled_first];
        port->reading = true;
    }
    spin_unlock(&port->lock);
    return buffer;
}

static void read_end(struct port *port, struct port_buffer *buffer) {
    spin_lock(&port->lock);
    port->reading = false;
    if (buffer->position == buffer->length) {
        port->filled_first = (port->filled_first + 1) % RECEIVE_BUFFERS;
        port->filled_count--;
        receive_post(port, buffer);
        virtio_queue_notify(&port->receive);
    }
    spin_unlock(&port->lock);
    wait_queue_wake_all(&port->readiness);
}

static int64_t port_read(struct file *file, struct io_request *request) {
    struct port *port = port_of(file);
    int64_t done = 0, result = 0;
    while (request->cursor.remaining) {
        struct port_buffer *buffer = read_begin(port, &result);
        if (!buffer) break;
        size_t wanted = min((size_t)(buffer->length - buffer->position), request->cursor.remaining);
        size_t copied = segment_copy_in(&request->cursor, buffer->bytes + buffer->position, wanted);
        buffer->position += (uint32_t)copied;
        read_end(port, buffer);
        done += (int64_t)copied;
        if (copied < wanted) {
            result = -EFAULT;
            break;
        }
    }
    return done ? done : result;
}

static struct port_buffer *write_begin(struct port *port, int64_t *result) {
    struct port_buffer *buffer = nullptr;
    spin_lock(&port->lock);
    transmit_reclaim(port);
    if (!port->host_open)
        *result = port->host_was_open ? -EPIPE : -EAGAIN;
    else if (!port->idle_count)
        *result = -EAGAIN;
    else
        buffer = port->idle[--port->idle_count];
    spin_unlock(&port->lock);
    return buffer;
}

static void write_end(struct port *port, struct port_buffer *buffer) {
    spin_lock(&port->lock);
    if (buffer->length)
        transmit_post(port, buffer);
    else
        port->idle[port->idle_count++] = buffer;
    spin_unlock(&port->lock);
}

static int64_t port_write(struct file *file, struct io_request *request) {
    struct port *port = port_of(file);
    int64_t done = 0, result = 0;
    while (request->cursor.remaining) {
        struct port_buffer *buffer = write_begin(port, &result);
        if (!buffer) break;
        size_t wanted = min(BUFFER_SIZE, request->cursor.remaining);
        size_t copied = segment_copy_out(buffer->bytes, &request->cursor, wanted);
        buffer->length = (uint32_t)copied;
        write_end(port, buffer);
        done += (int64_t)copied;
        if (copied < wanted) {
            result = -EFAULT;
            break;
        }
    }
    return done ? done : result;
}

static uint32_t port_ready(struct file *file) {
    struct port *port = port_of(file);
    uint32_t events = 0;
    spin_lock(&port->lock);
    transmit_reclaim(port);
    bool closed = port->host_was_open && !port->host_open;
    if (port->filled_count || closed) events |= POLLIN;
    if (closed) events |= POLLHUP;
    if (port->host_open && port->idle_count) events |= POLLOUT;
    spin_unlock(&port->lock);
    return events;
}

static bool all_sent(struct port *port) {
    spin_lock(&port->lock);
    transmit_reclaim(port);
    bool all = port->idle_count == TRANSMIT_BUFFERS || !port->host_open;
    spin_unlock(&port->lock);
    return all;
}

// Returns when the host has taken all that was written.
static int32_t port_fsync(struct file *file, bool) {
    struct port *port = port_of(file);
    return wait_result_error(wait_until(&port->readiness, all_sent(port), WAIT_INTERRUPTIBLE, TIME_NEVER));
}

static const struct scheme port_scheme = {
    .name = "virtio-port",
    .open = port_open,
    .release = port_release,
    .read = port_read,
    .write = port_write,
    .ready = port_ready,
    .fsync = port_fsync,
};

// ---- the terminal

static size_t port_tty_write(void *data, const char *bytes, size_t size) {
    struct port *port = data;
    size_t sent = 0;
    spin_lock(&port->lock);
    transmit_reclaim(port);
    while (sent < size && port->idle_count) {
        struct port_buffer *buffer = port->idle[--port->idle_count];
        buffer->length = (uint32_t)min(size - sent, BUFFER_SIZE);
        memcpy(buffer->bytes, bytes + sent, buffer->length);
        sent += buffer->length;
        transmit_post(port, buffer);
    }
    spin_unlock(&port->lock);
    return sent;
}

static bool port_tty_drained(void *data) {
    return all_sent(data);
}

// ---- finding ports

static bool buffers_alloc(struct port_buffer *buffers, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        buffers[i].bytes = heap_alloc(BUFFER_SIZE);
        if (!buffers[i].bytes) return false;
    }
    return true;
}

// Queue numbers: ports 0, 1, 2 … have 0, 4, 6 …, the transmit queue follows; 2 and 3 are the control queues.
static uint16_t receive_queue_of(uint32_t port) {
    return (uint16_t)(port ? 2 + 2 * port : 0);
}

static void port_add(struct console *console, uint32_t id) {
    if (id >= PORTS_MAXIMUM || console->ports[id]) return;
    struct port *port = heap_alloc_zeroed(sizeof *port);
    if (!port) return;
    port->console = console;
    port->id = id;
    spinlock_init(&port->lock, RANK_DRIVER);
    wait_queue_init(&port->readiness);
    uint16_t queue = receive_queue_of(id);
    if (!buffers_alloc(port->receive_buffers, RECEIVE_BUFFERS) ||
        !buffers_alloc(port->transmit_buffers, TRANSMIT_BUFFERS) ||
        virtio_queue_init(&port->receive, console->device, queue, RECEIVE_BUFFERS) ||
        virtio_queue_init(&port->transmit, console->device, queue + 1, TRANSMIT_BUFFERS)) {
        log_error("virtio", "console port %u: no memory or no queues", id);
        return; // what there is stays: the device may know it already
    }
    for (unsigned i = 0; i < RECEIVE_BUFFERS; i++)
        receive_post(port, &port->receive_buffers[i]);
    for (unsigned i = 0; i < TRANSMIT_BUFFERS; i++)
        port->idle[port->idle_count++] = &port->transmit_buffers[i];
    console->ports[id] = port;
    console->port_count++;
}

static void port_become_tty(struct port *port) {
    if (port->tty) return;
    format_string(port->tty_name, sizeof port->tty_name, "hvc%u", hvc_count);
    port->tty_driver =
        (struct tty_driver){.name = port->tty_name, .write = port_tty_write, .drained = port_tty_drained};
    port->tty = tty_register(&port->tty_driver, port, HVC_MAJOR, hvc_count++);
    if (!port->tty) return;
    virtio_queue_notify(&port->receive);
    control_send(port->console, port->id, CONTROL_PORT_OPEN, 1);
}

static void port_set_name(struct port *port, const char *name, size_t length) {
    port->console->named_count++;
    while (length && !name[length - 1])
        length--;
    if (port->tty || port->path[0] || !length || memchr(name, '/', length)) return;
    format_string(port->path, sizeof port->path, "virtio-ports/%.*s", (int)length, name);
    port->device = (struct device_scheme){.major = PORT_MAJOR,
                                          .minor = PORT_MINOR_FIRST + port->id,
                                          .scheme = &port_scheme,
                                          .path = port->path,
                                          .mode = S_IFCHR | 0600,
                                          .data = port};
    int32_t error = device_register(&port->device);
    if (error) log_error("virtio", "/dev/%s: error %d", port->path, -error);
    virtio_queue_notify(&port->receive);
}

static void port_resize(struct port *port, const char *payload, size_t length) {
    uint16_t size[2]; // columns, rows
    if (!port->tty || length < sizeof size) return;
    memcpy(size, payload, sizeof size);
    tty_resize(port->tty, &(struct kernel_winsize){.rows = size[1], .columns = size[0]});
}

static void control_handle(struct console *console, const struct control_message *message, size_t length, bool boot) {
    const char *payload = (const char *)(message + 1);
    if (length < sizeof *message) return;
    length -= sizeof *message;
    if (message->event == CONTROL_DEVICE_ADD && boot) {
        port_add(console, message->port);
        bool known = message->port < PORTS_MAXIMUM && console->ports[message->port];
        control_send(console, message->port, CONTROL_PORT_READY, known);
        return;
    }
    struct port *port = message->port < PORTS_MAXIMUM ? console->ports[message->port] : nullptr;
    if (!port) return;
    if (message->event == CONTROL_CONSOLE_PORT && boot) port_become_tty(port);
    if (message->event == CONTROL_PORT_NAME && boot) port_set_name(port, payload, length);
    if (message->event == CONTROL_PORT_OPEN) host_opened(port, message->value);
    if (message->event == CONTROL_RESIZE) port_resize(port, payload, length);
}

static void control_post(struct console *console, char *message) {
    struct virtio_buffer buffer = {message, CONTROL_SIZE, true};
    if (!virtio_queue_add(&console->control_receive, &buffer, 1, message))
        panic("virtio console: the control queue is full");
}

static void control_receive(struct console *console, bool boot) {
    for (;;) {
        uint32_t written;
        spin_lock(&console->lock);
        char *message = virtio_queue_next(&console->control_receive, &written);
        spin_unlock(&console->lock);
        if (!message) return;
        control_handle(console, (const struct control_message *)message, min((size_t)written, CONTROL_SIZE), boot);
        spin_lock(&console->lock);
        control_post(console, message);
        virtio_queue_notify(&console->control_receive);
        spin_unlock(&console->lock);
    }
}

static void console_interrupt(struct virtio_device *device) {
    struct console *console = device->driver;
    control_receive(console, false);
    for (unsigned i = 0; i < PORTS_MAXIMUM; i++) {
        if (console->ports[i]) port_interrupt(console->ports[i]);
    }
}

static bool control_init(struct console *console) {
    char *receive = heap_alloc(CONTROL_BUFFERS * CONTROL_SIZE);
    struct control_message *transmit = heap_alloc(CONTROL_BUFFERS * sizeof(struct control_message));
    if (!receive || !transmit || virtio_queue_init(&console->control_receive, console->device, 2, CONTROL_BUFFERS) ||
        virtio_queue_init(&console->control_transmit, console->device, 3, CONTROL_BUFFERS))
        return false;
    for (unsigned i = 0; i < console->control_receive.size; i++)
        control_post(console, receive + i * CONTROL_SIZE);
    for (unsigned i = 0; i < console->control_transmit.size; i++)
        console->control_idle[console->control_idle_count++] = &transmit[i];
    return true;
}

// The host announces all ports at once, then names each when it was accepted.
static void wait_for_ports(struct console *console) {
    nanoseconds limit = arch_clock() + PATIENCE;
    control_send(console, 0, CONTROL_DEVICE_READY, 1);
    while (arch_clock() < limit && (!console->port_count || console->named_count < console->port_count)) {
        control_receive(console, true);
        arch_spin_pause();
    }
}

void virtio_console_probe(struct virtio_device *device) {
    struct console *console = heap_alloc_zeroed(sizeof *console);
    uint64_t features;
    if (!console || virtio_start(device, FEATURE_MULTIPORT, &features)) return;
    console->device = device;
    spinlock_init(&console->lock, RANK_DRIVER);
    device->driver = console;
    device->interrupt = console_interrupt;
    int32_t error = device->transport->interrupt_enable(device);
    if (error) log_error("virtio", "console: no interrupt: error %d", -error);
    if (!(features & FEATURE_MULTIPORT) || !control_init(console)) {
        log_error("virtio", "console without ports, or no memory");
        virtio_failed(device);
        return;
    }
    virtio_ready(device);
    virtio_queue_notify(&console->control_receive);
    wait_for_ports(console);
    console_interrupt(device); // what came before is not announced any more
    log_info("virtio", "console with %u ports", console->port_count);
}
