// Sockets as files, and the socket ops: blocking, descriptors, options that all families share.
#include "src/scheme/socket.h"

#include "lib/format.h"
#include "lib/string.h"
#include "src/context/context.h"
#include "src/memory/heap.h"

constexpr uint32_t BUFFER_DEFAULT = 212992, BUFFER_MINIMUM = 2304, BUFFER_MAXIMUM = 212992;

static const struct socket_family *const families[] = {&socket_unix, &socket_inet};

void socket_init(struct socket *socket, const struct socket_family *family, enum socket_type type, uint32_t protocol) {
    *socket = (struct socket){.family = family,
                              .type = type,
                              .protocol = protocol,
                              .receive_low_water = 1,
                              .send_buffer = BUFFER_DEFAULT,
                              .receive_buffer = BUFFER_DEFAULT};
    wait_queue_init(&socket->readiness);
}

struct file *socket_file(struct socket *socket, uint32_t flags) {
    struct file *file = file_create(&socket_scheme, O_RDWR | (flags & O_NONBLOCK), socket);
    if (file) file->readiness = &socket->readiness;
    return file;
}

// ---- the file

static int64_t socket_read(struct file *file, struct io_request *request) {
    struct socket *socket = file->data;
    struct kernel_message message = {};
    if (request->cursor.remaining == 0) return 0;
    return socket->family->receive(socket, &request->cursor, &message, 0);
}

static int64_t socket_write(struct file *file, struct io_request *request) {
    struct socket *socket = file->data;
    struct kernel_message message = {};
    return socket->family->send(socket, &request->cursor, &message, 0);
}

static uint32_t socket_ready(struct file *file) {
    struct socket *socket = file->data;
    return socket->family->ready(socket);
}

static void socket_release(struct file *file) {
    struct socket *socket = file->data;
    socket->family->release(socket);
}

static int64_t socket_seek(struct file *, int64_t, uint32_t) {
    return -ESPIPE;
}

static int32_t socket_fsync(struct file *, bool) {
    return -EINVAL;
}

static size_t socket_describe(struct file *file, char *buffer, size_t size) {
    return format_string(buffer, size, "socket:[%lu]", (unsigned long)((uintptr_t)file->data >> 4 & 0xffffff));
}

const struct scheme socket_scheme = {
    .name = "socket",
    .read = socket_read,
    .write = socket_write,
    .ready = socket_ready,
    .release = socket_release,
    .seek = socket_seek,
    .fsync = socket_fsync,
    .describe = socket_describe,
};

// ---- descriptors

static int32_t socket_lookup(int32_t descriptor, struct file_reference *reference, struct socket **socket) {
    *reference = file_lookup(descriptor);
    if (!reference->file) return -EBADF;
    if (reference->file->scheme == &socket_scheme) {
        *socket = reference->file->data;
        return 0;
    }
    file_release(*reference);
    return -ENOTSOCK;
}

static int32_t install(struct socket *socket, uint32_t flags) {
    struct file *file = socket_file(socket, flags);
    if (!file) {
        socket->family->release(socket);
        return -ENOMEM;
    }
    int32_t descriptor = handle_install(&file->object, 0, flags & O_CLOEXEC ? HANDLE_CLOSE_ON_EXEC : 0);
    if (descriptor < 0) file_put(file);
    return descriptor;
}

static int32_t create(uint32_t domain, uint32_t type, uint32_t protocol, uint32_t flags, struct socket **socket) {
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK)) return -EINVAL;
    for (unsigned i = 0; i < array_size(families); i++) {
        if (families[i]->domain == domain) return families[i]->create(type, protocol, socket);
    }
    return -EAFNOSUPPORT;
}

int32_t kop_socket(uint32_t domain, uint32_t type, uint32_t protocol, uint32_t flags) {
    struct socket *socket;
    int32_t error = create(domain, type, protocol, flags, &socket);
    return error ? error : install(socket, flags);
}

int32_t kop_socket_pair(uint32_t domain, uint32_t type, uint32_t protocol, uint32_t flags, int32_t descriptors[2]) {
    struct socket *first, *second;
    int32_t error = create(domain, type, protocol, flags, &first);
    if (error) return error;
    error = create(domain, type, protocol, flags, &second);
    if (error) {
        first->family->release(first);
        return error;
    }
    error = first->family->pair ? first->family->pair(first, second) : -EOPNOTSUPP;
    if (error) {
        first->family->release(first);
        second->family->release(second);
        return error;
    }
    descriptors[0] = install(first, flags);
    if (descriptors[0] < 0) {
        second->family->release(second);
        return descriptors[0];
    }
    descriptors[1] = install(second, flags);
    if (descriptors[1] >= 0) return 0;
    (void)handle_close(descriptors[0]);
    return descriptors[1];
}

int32_t kop_bind(int32_t descriptor, const struct kernel_socket_address *address) {
    struct file_reference reference;
    struct socket *socket;
    int32_t error = socket_lookup(descriptor, &reference, &socket);
    if (error) return error;
    error = socket->family->bind(socket, address);
    file_release(reference);
    return error;
}

int32_t kop_listen(int32_t descriptor, int32_t backlog) {
    struct file_reference reference;
    struct socket *socket;
    int32_t error = socket_lookup(descriptor, &reference, &socket);
    if (error) return error;
    error = socket->family->listen(socket, backlog);
    file_release(reference);
    return error;
}

// Waits until `attempt` answers something else than -EAGAIN. Written once for all blocking socket calls.
#define socket_wait(file, socket, timeout, nonblocking, attempt)                                                       \
    ({                                                                                                                 \
        int64_t answer_ = (attempt);                                                                                   \
        if (answer_ == -EAGAIN && !(nonblocking) && !((file)->flags & O_NONBLOCK)) {                                   \
            nanoseconds deadline_ = (timeout) ? clock_monotonic() + (timeout) : TIME_NEVER;                            \
            enum wait_result woken_ =                                                                                  \
                wait_until(&(socket)->readiness, (answer_ = (attempt)) != -EAGAIN, WAIT_INTERRUPTIBLE, deadline_);     \
            if (answer_ == -EAGAIN && woken_ != WAIT_WOKEN && woken_ != WAIT_TIMEOUT)                                  \
                answer_ = (timeout) ? -EINTR : -KERNEL_ERESTART;                                                       \
        }                                                                                                              \
        answer_;                                                                                                       \
    })

int32_t kop_accept(int32_t descriptor, struct kernel_socket_address *address, uint32_t flags) {
    struct file_reference reference;
    struct socket *socket, *connection;
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK)) return -EINVAL;
    int32_t error = socket_lookup(descriptor, &reference, &socket);
    if (error) return error;
    error = handle_check_room();
    if (error) {
        file_release(reference);
        return error;
    }
    if (socket->family->accept)
        error = (int32_t)socket_wait(reference.file, socket, socket->receive_timeout, false,
                                     socket->family->accept(socket, &connection));
    else
        error = -EOPNOTSUPP;
    file_release(reference);
    if (error) return error;
    if (address && connection->family->name(connection, true, address))
        *address = (struct kernel_socket_address){.length = sizeof address->family, .family = socket->family->domain};
    return install(connection, flags);
}

int32_t kop_connect(int32_t descriptor, const struct kernel_socket_address *address) {
    struct file_reference reference;
    struct socket *socket;
    int32_t error = socket_lookup(descriptor, &reference, &socket);
    if (error) return error;
    error = (int32_t)socket_wait(reference.file, socket, socket->send_timeout, false,
                                 socket->family->connect(socket, address));
    file_release(reference);
    return error;
}

int32_t kop_socket_name(int32_t descriptor, uint32_t peer, struct kernel_socket_address *address) {
    struct file_reference reference;
    struct socket *socket;
    int32_t error = socket_lookup(descriptor, &reference, &socket);
    if (error) return error;
    error = socket->family->name(socket, peer, address);
    file_release(reference);
    return error;
}

// A stream keeps sending until all is taken; a message goes whole.
static int64_t send_all(struct file *file, struct socket *socket, struct segment_cursor *cursor,
                        struct kernel_message *message, uint32_t flags) {
    int64_t total = 0;
    do {
        int64_t done = socket_wait(file, socket, socket->send_timeout, flags & MSG_DONTWAIT,
                                   socket->family->send(socket, cursor, message, flags));
        if (done < 0) return total ? total : done;
        total += done;
        message->descriptor_count = 0;
    } while (cursor->remaining && socket->type == SOCK_STREAM);
    return total;
}

int32_t kop_send(int32_t descriptor, const struct segment *segments, uint32_t count, struct kernel_message *message,
                 uint32_t flags, size_t *done) {
    struct file_reference reference;
    struct socket *socket;
    int32_t error = socket_lookup(descriptor, &reference, &socket);
    if (error) return error;
    struct segment_cursor cursor = segment_cursor_start(segments, count);
    int64_t sent = send_all(reference.file, socket, &cursor, message, flags);
    file_release(reference);
    if (sent >= 0) {
        *done = (size_t)sent;
        return 0;
    }
    if (sent == -EPIPE && !(flags & MSG_NOSIGNAL) && socket->type == SOCK_STREAM)
        signal_send_context(context_current(), &(struct kernel_siginfo){.signal = SIGPIPE, .code = SI_KERNEL});
    return (int32_t)sent;
}

static int64_t receive_all(struct file *file, struct socket *socket, struct segment_cursor *cursor,
                           struct kernel_message *message, uint32_t flags) {
    int64_t total = 0;
    do {
        int64_t done = socket_wait(file, socket, socket->receive_timeout, flags & MSG_DONTWAIT,
                                   socket->family->receive(socket, cursor, message, flags));
        if (done <= 0) return total ? total : done;
        total += done;
    } while (cursor->remaining && flags & MSG_WAITALL && !(flags & MSG_PEEK) && socket->type == SOCK_STREAM);
    return total;
}

int32_t kop_receive(int32_t descriptor, const struct segment *segments, uint32_t count, struct kernel_message *message,
                    uint32_t flags, size_t *done) {
    struct file_reference reference;
    struct socket *socket;
    int32_t error = socket_lookup(descriptor, &reference, &socket);
    if (error) return error;
    struct segment_cursor cursor = segment_cursor_start(segments, count);
    message->flags = 0;
    message->descriptor_count = 0;
    message->credentials_valid = false;
    message->address.length = 0;
    int64_t received = flags & MSG_OOB ? -EINVAL : receive_all(reference.file, socket, &cursor, message, flags);
    file_release(reference);
    if (received < 0) return (int32_t)received;
    *done = (size_t)received;
    return 0;
}

int32_t kop_shutdown(int32_t descriptor, uint32_t how) {
    struct file_reference reference;
    struct socket *socket;
    int32_t error = socket_lookup(descriptor, &reference, &socket);
    if (error) return error;
    error = how <= SHUT_RDWR ? socket->family->shutdown(socket, (enum socket_shutdown)how) : -EINVAL;
    file_release(reference);
    return error;
}

// ---- options

struct time_value {
    int64_t seconds, microseconds;
};

static int32_t get_number(const struct socket *socket, uint32_t option, int32_t *value) {
    switch ((enum socket_option)option) {
    case SO_TYPE:
        *value = (int32_t)socket->type;
        return 0;
    case SO_DOMAIN:
        *value = socket->family->domain;
        return 0;
    case SO_PROTOCOL:
        *value = (int32_t)socket->protocol;
        return 0;
    case SO_SNDBUF:
        *value = (int32_t)socket->send_buffer;
        return 0;
    case SO_RCVBUF:
        *value = (int32_t)socket->receive_buffer;
        return 0;
    case SO_RCVLOWAT:
        *value = (int32_t)socket->receive_low_water;
        return 0;
    case SO_SNDLOWAT:
        *value = 1;
        return 0;
    case SO_PASSCRED:
        *value = socket->pass_credentials;
        return 0;
    case SO_REUSEADDR:
        *value = socket->reuse_address;
        return 0;
    case SO_KEEPALIVE:
        *value = socket->keep_alive;
        return 0;
    case SO_BROADCAST:
        *value = socket->broadcast;
        return 0;
    case SO_DEBUG:
    case SO_DONTROUTE:
    case SO_OOBINLINE:
    case SO_REUSEPORT:
        *value = socket->kept >> option & 1;
        return 0;
    case SO_PRIORITY:
        *value = socket->priority;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static int32_t put_value(void *value, uint32_t *length, const void *from, uint32_t size) {
    *length = min(*length, size);
    memcpy(value, from, *length);
    return 0;
}

static struct time_value time_value_of(nanoseconds time) {
    return (struct time_value){time / NANOSECONDS_PER_SECOND, time % NANOSECONDS_PER_SECOND / 1000};
}

static int32_t option_get(struct socket *socket, uint32_t level, uint32_t option, void *value, uint32_t *length) {
    int32_t number;
    if (level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_SNDTIMEO)) {
        struct time_value time = time_value_of(option == SO_RCVTIMEO ? socket->receive_timeout : socket->send_timeout);
        return put_value(value, length, &time, sizeof time);
    }
    if (level == SOL_SOCKET && option == SO_ERROR) {
        number = __atomic_exchange_n(&socket->error, 0, __ATOMIC_ACQ_REL);
        return put_value(value, length, &number, sizeof number);
    }
    if (level == SOL_SOCKET && option == SO_LINGER)
        return put_value(value, length, socket->linger, sizeof socket->linger);
    if (level == SOL_SOCKET && get_number(socket, option, &number) == 0)
        return put_value(value, length, &number, sizeof number);
    if (socket->family->option_get) return socket->family->option_get(socket, level, option, value, length);
    return level == SOL_SOCKET ? -ENOPROTOOPT : -EOPNOTSUPP;
}

int32_t kop_socket_option_get(int32_t descriptor, uint32_t level, uint32_t option, void *value, uint32_t *length) {
    struct file_reference reference;
    struct socket *socket;
    int32_t error = socket_lookup(descriptor, &reference, &socket);
    if (error) return error;
    error = option_get(socket, level, option, value, length);
    file_release(reference);
    return error;
}

static int32_t set_timeout(nanoseconds *timeout, const void *value, uint32_t length) {
    struct time_value time;
    if (length < sizeof time) return -EINVAL;
    memcpy(&time, value, sizeof time);
    if (time.microseconds < 0 || time.microseconds >= 1'000'000) return -EDOM;
    *timeout = time.seconds < 0 || time.seconds > INT32_MAX
                   ? 0
                   : time.seconds * NANOSECONDS_PER_SECOND + time.microseconds * 1000;
    return 0;
}

// Linux doubles what it is asked for (socket(7)).
static uint32_t buffer_size(int32_t number) {
    uint32_t asked = number < 0 ? 0 : (uint32_t)number;
    return max(min(asked, BUFFER_MAXIMUM) * 2, BUFFER_MINIMUM);
}

static int32_t option_set(struct socket *socket, uint32_t option, const void *value, uint32_t length) {
    int32_t number;
    if (option == SO_RCVTIMEO || option == SO_SNDTIMEO)
        return set_timeout(option == SO_RCVTIMEO ? &socket->receive_timeout : &socket->send_timeout, value, length);
    if (length < sizeof number) return -EINVAL;
    memcpy(&number, value, sizeof number);
    switch ((enum socket_option)option) {
    case SO_SNDBUF:
        socket->send_buffer = buffer_size(number);
        return 0;
    case SO_RCVBUF:
        socket->receive_buffer = buffer_size(number);
        return 0;
    case SO_RCVLOWAT:
        socket->receive_low_water = number > 0 ? (uint32_t)number : 1;
        return 0;
    case SO_PASSCRED:
        socket->pass_credentials = number;
        return 0;
    case SO_REUSEADDR:
        socket->reuse_address = number;
        return 0;
    case SO_KEEPALIVE:
        socket->keep_alive = number;
        return 0;
    case SO_BROADCAST:
        socket->broadcast = number;
        return 0;
    case SO_LINGER:
        if (length < sizeof socket->linger) return -EINVAL;
        memcpy(socket->linger, value, sizeof socket->linger);
        return 0;
    case SO_PRIORITY:
        socket->priority = number;
        return 0;
    case SO_DEBUG:
    case SO_DONTROUTE:
    case SO_OOBINLINE:
    case SO_REUSEPORT:
        socket->kept = (socket->kept & ~(1u << option)) | (number ? 1u << option : 0);
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

int32_t kop_socket_option_set(int32_t descriptor, uint32_t level, uint32_t option, const void *value, uint32_t length) {
    struct file_reference reference;
    struct socket *socket;
    int32_t error = socket_lookup(descriptor, &reference, &socket);
    if (error) return error;
    error = level == SOL_SOCKET ? option_set(socket, option, value, length) : -EOPNOTSUPP;
    if (level != SOL_SOCKET && socket->family->option_set)
        error = socket->family->option_set(socket, level, option, value, length);
    file_release(reference);
    return error;
}
