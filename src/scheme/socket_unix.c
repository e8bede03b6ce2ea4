// Unix sockets: streams, datagrams and sequenced packets between processes of one machine, with descriptors and
// credentials beside the data. One lock guards the state of all of them: sections are short, data is copied outside.
#include "lib/format.h"
#include "lib/string.h"
#include "src/context/context.h"
#include "src/memory/heap.h"
#include "src/random.h"
#include "src/scheme/socket.h"

constexpr uint32_t MESSAGE_MAXIMUM = 64 * 1024; // piece of a stream
constexpr int32_t BACKLOG_MAXIMUM = 4096;
constexpr size_t PATH_MAXIMUM = 108; // sun_path

enum unix_state : uint8_t { UNIX_IDLE, UNIX_LISTENING, UNIX_CONNECTED };

struct unix_message {
    struct list link;
    size_t size, position;
    struct kernel_socket_address sender;
    int32_t pid;
    uint32_t uid, gid;
    uint32_t file_count;
    struct file **files; // references
    char data[];
};

// All fields but base are guarded by unix_lock.
struct unix_socket {
    struct socket base;
    struct refcount references; // the file; peers; queued connections
    enum unix_state state;
    bool receive_shut, send_shut, released;
    struct unix_socket *peer; // a reference
    struct list messages;
    size_t queued; // bytes in messages
    struct list backlog, backlog_link;
    int32_t backlog_count, backlog_limit;
    struct kernel_socket_address address;
    struct node *node;         // bound to a path: a reference; node->special is this socket
    struct list abstract_link; // bound to an abstract name
    int32_t peer_pid;
    uint32_t peer_uid, peer_gid;
};

static struct spinlock unix_lock = SPINLOCK_INIT(RANK_DEVICE);
static struct list abstract_names = LIST_INIT(abstract_names); // guarded by unix_lock

static struct unix_socket *of(struct socket *socket) {
    return container_of(socket, struct unix_socket, base);
}

static struct unix_socket *unix_create(enum socket_type type) {
    struct unix_socket *s = heap_alloc_zeroed(sizeof *s);
    if (!s) return nullptr;
    socket_init(&s->base, &socket_unix, type, 0);
    refcount_init(&s->references);
    list_init(&s->messages);
    list_init(&s->backlog);
    list_init(&s->backlog_link);
    list_init(&s->abstract_link);
    s->address = (struct kernel_socket_address){.length = sizeof s->address.family, .family = AF_UNIX};
    return s;
}

static int32_t unix_new(uint32_t type, uint32_t protocol, struct socket **socket) {
    if (type == SOCK_RAW) type = SOCK_DGRAM;
    if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET) return -ESOCKTNOSUPPORT;
    if (protocol != 0 && protocol != AF_UNIX) return -EPROTONOSUPPORT;
    struct unix_socket *s = unix_create((enum socket_type)type);
    if (!s) return -ENOMEM;
    *socket = &s->base;
    return 0;
}

static void message_free(struct unix_message *message) {
    for (uint32_t i = 0; i < message->file_count; i++)
        file_put(message->files[i]);
    heap_free(message->files);
    heap_free(message);
}

static void socket_put(struct unix_socket *s) {
    if (!s || !refcount_put(&s->references)) return;
    list_for_each_safe(message, next, &s->messages, struct unix_message, link) message_free(message);
    heap_free(s);
}

static void wake(struct unix_socket *s, uint32_t events) {
    wait_queue_wake(&s->base.readiness, UINT32_MAX, events);
}

static void remember_peer(struct unix_socket *s, const struct process *process) {
    s->peer_pid = process->pid;
    s->peer_uid = process->credentials->ids.euid;
    s->peer_gid = process->credentials->ids.egid;
}

static int32_t unix_pair(struct socket *first, struct socket *second) {
    struct unix_socket *a = of(first), *b = of(second);
    refcount_get(&a->references);
    refcount_get(&b->references);
    a->peer = b;
    b->peer = a;
    a->state = b->state = UNIX_CONNECTED;
    remember_peer(a, process_current());
    remember_peer(b, process_current());
    return 0;
}

// ---- names

static int32_t check_address(const struct kernel_socket_address *address) {
    if (address->length < sizeof address->family || address->length > PATH_MAXIMUM + sizeof address->family)
        return -EINVAL;
    return address->family == AF_UNIX ? 0 : -EINVAL;
}

static bool is_abstract(const struct kernel_socket_address *address) {
    return address->length > sizeof address->family && address->data[0] == 0;
}

static size_t path_length(const struct kernel_socket_address *address) {
    return strnlen((const char *)address->data, address->length - sizeof address->family);
}

static struct unix_socket *find_abstract_locked(const struct kernel_socket_address *address) {
    list_for_each(s, &abstract_names, struct unix_socket, abstract_link) {
        if (s->address.length == address->length &&
            memcmp(s->address.data, address->data, address->length - sizeof address->family) == 0)
            return s;
    }
    return nullptr;
}

static int32_t bind_abstract(struct unix_socket *s, const struct kernel_socket_address *address) {
    int32_t error = 0;
    spin_lock(&unix_lock);
    if (find_abstract_locked(address)) {
        error = -EADDRINUSE;
    } else {
        s->address = *address;
        list_push_back(&abstract_names, &s->abstract_link);
    }
    spin_unlock(&unix_lock);
    return error;
}

// bind with the family alone: the kernel chooses an abstract name of five hexadecimal digits (unix(7)).
static int32_t bind_automatically(struct unix_socket *s) {
    struct kernel_socket_address address = {.family = AF_UNIX, .length = sizeof address.family + 6};
    int32_t error = -EADDRINUSE;
    for (unsigned i = 0; i < 1000 && error == -EADDRINUSE; i++) {
        format_string((char *)address.data + 1, 6, "%05x", (unsigned)(random_word() & 0xfffff));
        error = bind_abstract(s, &address);
    }
    return error;
}

static int32_t bind_path(struct unix_socket *s, const struct kernel_socket_address *address) {
    const char *path = (const char *)address->data;
    size_t length = path_length(address);
    uint32_t mode = 0777 & ~process_current()->file_system->umask;
    struct path place;
    int32_t error = kop_make_node(AT_FDCWD, path, length, S_IFSOCK | mode, 0);
    if (error) return error == -EEXIST ? -EADDRINUSE : error;
    error = path_lookup(AT_FDCWD, path, length, 0, &place);
    if (error) return error;
    spin_lock(&unix_lock);
    s->node = place.name->node;
    node_get(s->node);
    s->node->special = s;
    s->address = *address;
    s->address.length = (uint32_t)(sizeof address->family + length + 1);
    s->address.data[length] = 0;
    spin_unlock(&unix_lock);
    path_put(&place);
    return 0;
}

static int32_t unix_bind(struct socket *socket, const struct kernel_socket_address *address) {
    struct unix_socket *s = of(socket);
    int32_t error = check_address(address);
    if (error) return error;
    if (s->address.length > sizeof address->family) return -EINVAL;
    if (address->length == sizeof address->family) return bind_automatically(s);
    return is_abstract(address) ? bind_abstract(s, address) : bind_path(s, address);
}

// The socket bound to an address, with a reference.
static int32_t find_bound(const struct kernel_socket_address *address, enum socket_type type,
                          struct unix_socket **found) {
    struct path place = {};
    int32_t error = check_address(address);
    if (error || address->length == sizeof address->family) return -EINVAL;
    if (!is_abstract(address)) {
        error = path_lookup(AT_FDCWD, (const char *)address->data, path_length(address), LOOKUP_FOLLOW, &place);
        if (error) return error;
        error = node_permission(place.name->node, ACCESS_WRITE);
        if (!error && node_type(place.name->node) != S_IFSOCK) error = -ECONNREFUSED;
    }
    spin_lock(&unix_lock);
    struct unix_socket *s = error                  ? nullptr
                            : is_abstract(address) ? find_abstract_locked(address)
                                                   : place.name->node->special;
    if (!error && (!s || s->released))
        error = -ECONNREFUSED;
    else if (!error && s->base.type != type)
        error = -EPROTOTYPE;
    if (!error) {
        refcount_get(&s->references);
        *found = s;
    }
    spin_unlock(&unix_lock);
    if (place.name) path_put(&place);
    return error;
}

static int32_t unix_name(struct socket *socket, bool peer, struct kernel_socket_address *address) {
    struct unix_socket *s = of(socket);
    int32_t error = 0;
    spin_lock(&unix_lock);
    if (!peer)
        *address = s->address;
    else if (s->peer)
        *address = s->peer->address;
    else
        error = -ENOTCONN;
    spin_unlock(&unix_lock);
    return error;
}

// ---- connections

static int32_t unix_listen(struct socket *socket, int32_t backlog) {
    struct unix_socket *s = of(socket);
    if (socket->type == SOCK_DGRAM) return -EOPNOTSUPP;
    int32_t error = 0;
    spin_lock(&unix_lock);
    if (s->address.length <= sizeof s->address.family || s->state == UNIX_CONNECTED) {
        error = -EINVAL;
    } else {
        s->state = UNIX_LISTENING;
        s->backlog_limit = backlog < 0 || backlog > BACKLOG_MAXIMUM ? BACKLOG_MAXIMUM : max(backlog, 1);
        remember_peer(s, process_current());
    }
    spin_unlock(&unix_lock);
    if (!error) wake(s, POLLOUT);
    return error;
}

static int32_t unix_accept(struct socket *socket, struct socket **connection) {
    struct unix_socket *s = of(socket);
    if (socket->type == SOCK_DGRAM) return -EOPNOTSUPP;
    int32_t error = 0;
    spin_lock(&unix_lock);
    struct unix_socket *first = list_first(&s->backlog, struct unix_socket, backlog_link);
    if (s->state != UNIX_LISTENING || s->receive_shut) {
        error = -EINVAL;
    } else if (!first) {
        error = -EAGAIN;
    } else {
        list_remove(&first->backlog_link);
        s->backlog_count--;
        *connection = &first->base;
    }
    spin_unlock(&unix_lock);
    if (!error) wake(s, POLLOUT); // room for those who wait in connect
    return error;
}

static int32_t connect_datagram(struct unix_socket *s, const struct kernel_socket_address *address) {
    struct unix_socket *target = nullptr;
    if (address->family != AF_UNSPEC) {
        int32_t error = find_bound(address, SOCK_DGRAM, &target);
        if (error) return error;
    }
    spin_lock(&unix_lock);
    struct unix_socket *old = s->peer;
    s->peer = target;
    s->state = target ? UNIX_CONNECTED : UNIX_IDLE;
    spin_unlock(&unix_lock);
    socket_put(old);
    return 0;
}

// Joins both ends and queues the server's. Caller holds unix_lock.
static int32_t join_locked(struct unix_socket *s, struct unix_socket *listener, struct unix_socket *server) {
    if (s->state == UNIX_CONNECTED) return -EISCONN;
    if (s->state == UNIX_LISTENING) return -EINVAL;
    if (listener->state != UNIX_LISTENING || listener->receive_shut || listener->released) return -ECONNREFUSED;
    if (listener->backlog_count >= listener->backlog_limit + 1) return -EAGAIN;
    server->address = listener->address;
    server->base.pass_credentials = listener->base.pass_credentials;
    server->state = s->state = UNIX_CONNECTED;
    server->peer = s;
    s->peer = server;
    refcount_get(&s->references);
    refcount_get(&server->references);
    remember_peer(server, process_current());
    s->peer_pid = listener->peer_pid;
    s->peer_uid = listener->peer_uid;
    s->peer_gid = listener->peer_gid;
    list_push_back(&listener->backlog, &server->backlog_link);
    listener->backlog_count++;
    return 0;
}

static int32_t unix_connect(struct socket *socket, const struct kernel_socket_address *address) {
    struct unix_socket *s = of(socket), *listener;
    if (address->length < sizeof address->family) return -EINVAL;
    if (socket->type == SOCK_DGRAM) return connect_datagram(s, address);
    int32_t error = find_bound(address, socket->type, &listener);
    if (error) return error;
    struct unix_socket *server = unix_create(socket->type);
    if (server) {
        spin_lock(&unix_lock);
        error = join_locked(s, listener, server);
        spin_unlock(&unix_lock);
    } else {
        error = -ENOMEM;
    }
    if (error)
        socket_put(server);
    else
        wake(listener, POLLIN | POLLRDNORM);
    socket_put(listener);
    return error;
}

// ---- messages

static int32_t attach_files(struct unix_message *message, const struct kernel_message *from) {
    if (!from->descriptor_count) return 0;
    message->files = heap_alloc(from->descriptor_count * sizeof *message->files);
    if (!message->files) return -ENOMEM;
    for (uint32_t i = 0; i < from->descriptor_count; i++) {
        uint32_t flags;
        struct object *object = handle_lookup(from->descriptors[i], &flags);
        if (!object) return -EBADF;
        if (object->type != &file_type) {
            object_put(object);
            return -EBADF;
        }
        message->files[message->file_count++] = file_of(object);
    }
    return 0;
}

static int32_t message_make(struct unix_socket *s, struct segment_cursor *from, size_t size,
                            const struct kernel_message *side, struct unix_message **made) {
    struct process *process = process_current();
    struct unix_message *message = heap_alloc(sizeof *message + size);
    if (!message) return -ENOBUFS;
    *message = (struct unix_message){.size = size,
                                     .pid = process->pid,
                                     .uid = process->credentials->ids.uid,
                                     .gid = process->credentials->ids.gid,
                                     .sender = s->address};
    list_init(&message->link);
    if (side->credentials_valid) {
        message->pid = side->pid;
        message->uid = side->uid;
        message->gid = side->gid;
    }
    int32_t error = attach_files(message, side);
    if (!error && segment_copy_out(message->data, from, size) != size) error = -EFAULT;
    if (error) {
        message_free(message);
        return error;
    }
    *made = message;
    return 0;
}

static int32_t check_credentials(const struct kernel_message *message) {
    if (!message->credentials_valid) return 0;
    const struct kernel_credentials *ids = &process_current()->credentials->ids;
    bool own_uid = message->uid == ids->uid || message->uid == ids->euid || message->uid == ids->suid;
    bool own_gid = message->gid == ids->gid || message->gid == ids->egid || message->gid == ids->sgid;
    if (message->pid != process_current()->pid && !capable(CAP_SYS_ADMIN)) return -EPERM;
    return (own_uid || capable(CAP_SETUID)) && (own_gid || capable(CAP_SETGID)) ? 0 : -EPERM;
}

// Where a message goes, with a reference.
static int32_t find_receiver(struct unix_socket *s, const struct kernel_message *message, struct unix_socket **target) {
    bool addressed = message->address.length != 0;
    if (s->base.type != SOCK_DGRAM) {
        if (addressed) return s->state == UNIX_CONNECTED ? -EISCONN : -EOPNOTSUPP;
        if (s->state != UNIX_CONNECTED) return -ENOTCONN;
    }
    if (addressed) return find_bound(&message->address, SOCK_DGRAM, target);
    int32_t error = 0;
    spin_lock(&unix_lock);
    if (s->peer) {
        refcount_get(&s->peer->references);
        *target = s->peer;
    } else {
        error = s->base.type == SOCK_DGRAM ? -ENOTCONN : -EPIPE;
    }
    spin_unlock(&unix_lock);
    return error;
}

static int32_t room_locked(struct unix_socket *s, struct unix_socket *target) {
    if (s->send_shut || target->receive_shut) return -EPIPE;
    if (target->released) return s->base.type == SOCK_DGRAM ? -ECONNREFUSED : -EPIPE;
    return target->queued >= target->base.receive_buffer ? -EAGAIN : 0;
}

static int32_t deliver(struct unix_socket *s, struct unix_socket *target, struct unix_message *message) {
    spin_lock(&unix_lock);
    int32_t error = room_locked(s, target);
    if (!error) {
        list_push_back(&target->messages, &message->link);
        target->queued += message->size + (s->base.type != SOCK_STREAM);
    }
    spin_unlock(&unix_lock);
    if (!error) wake(target, POLLIN | POLLRDNORM);
    return error;
}

static int64_t unix_send(struct socket *socket, struct segment_cursor *from, struct kernel_message *message,
                         uint32_t flags) {
    struct unix_socket *s = of(socket), *target;
    struct unix_message *made = nullptr;
    if (flags & MSG_OOB) return -EOPNOTSUPP;
    size_t size = from->remaining;
    if (socket->type == SOCK_STREAM)
        size = min(size, (size_t)MESSAGE_MAXIMUM);
    else if (size > socket->send_buffer)
        return -EMSGSIZE;
    int32_t error = check_credentials(message);
    if (!error) error = s->send_shut ? -EPIPE : find_receiver(s, message, &target);
    if (error) return error;
    struct segment_cursor start = *from;
    spin_lock(&unix_lock);
    error = room_locked(s, target);
    spin_unlock(&unix_lock);
    if (!error && (size || socket->type != SOCK_STREAM)) {
        error = message_make(s, from, size, message, &made);
        if (!error) error = deliver(s, target, made);
        if (error && made) message_free(made);
    }
    socket_put(target);
    if (error) {
        *from = start;
        return error;
    }
    return (int64_t)size;
}

// ---- receiving

static void take_side_data(struct unix_socket *s, struct unix_message *message, struct kernel_message *side,
                           uint32_t flags) {
    if (s->base.pass_credentials) {
        side->credentials_valid = true;
        side->pid = message->pid;
        side->uid = message->uid;
        side->gid = message->gid;
    }
    if (s->base.type == SOCK_DGRAM && message->sender.length > sizeof message->sender.family)
        side->address = message->sender;
    for (uint32_t i = 0; i < message->file_count; i++) {
        if (side->descriptor_count == side->descriptor_capacity) {
            side->flags |= MSG_CTRUNC;
            break;
        }
        struct file *file = message->files[i];
        file_get(file);
        int32_t descriptor = handle_install(&file->object, 0, flags & MSG_CMSG_CLOEXEC ? HANDLE_CLOSE_ON_EXEC : 0);
        if (descriptor < 0) {
            file_put(file);
            side->flags |= MSG_CTRUNC;
            break;
        }
        side->descriptors[side->descriptor_count++] = descriptor;
    }
}

// Takes the first message out of the queue; only its reader holds it then.
static int32_t take_message(struct unix_socket *s, struct unix_message **taken) {
    int32_t error = 0;
    spin_lock(&unix_lock);
    struct unix_message *message = list_first(&s->messages, struct unix_message, link);
    if (message) {
        list_remove(&message->link);
        *taken = message;
    } else if (s->base.error) {
        error = -__atomic_exchange_n(&s->base.error, 0, __ATOMIC_ACQ_REL); // the other end left bytes unread
    } else if (s->receive_shut || (s->state == UNIX_CONNECTED && s->base.type != SOCK_DGRAM &&
                                   (!s->peer || s->peer->released || s->peer->send_shut))) {
        error = 1; // end of file
    } else if (s->state != UNIX_CONNECTED && s->base.type != SOCK_DGRAM) {
        error = s->state == UNIX_LISTENING || s->base.type == SOCK_STREAM ? -EINVAL : -ENOTCONN;
    } else {
        error = -EAGAIN;
    }
    spin_unlock(&unix_lock);
    return error;
}

static void put_back(struct unix_socket *s, struct unix_message *message) {
    spin_lock(&unix_lock);
    list_push_front(&s->messages, &message->link);
    spin_unlock(&unix_lock);
}

static void finish_message(struct unix_socket *s, struct unix_message *message, size_t used) {
    bool stream = s->base.type == SOCK_STREAM;
    message->position += used;
    bool whole = !stream || message->position == message->size;
    spin_lock(&unix_lock);
    s->queued -= stream ? used : message->size + 1;
    if (!whole) list_push_front(&s->messages, &message->link);
    struct unix_socket *peer = s->peer;
    if (peer) refcount_get(&peer->references);
    spin_unlock(&unix_lock);
    if (whole) message_free(message);
    if (peer) {
        wake(peer, POLLOUT | POLLWRNORM);
        socket_put(peer);
    } else {
        wake(s, POLLOUT | POLLWRNORM);
    }
}

static int64_t receive_one(struct unix_socket *s, struct unix_message *message, struct segment_cursor *to,
                           struct kernel_message *side, uint32_t flags) {
    size_t available = message->size - message->position;
    size_t size = min(available, to->remaining);
    if (segment_copy_in(to, message->data + message->position, size) != size) {
        put_back(s, message);
        return -EFAULT;
    }
    take_side_data(s, message, side, flags);
    int64_t result = (int64_t)size;
    if (s->base.type != SOCK_STREAM && available > size) {
        side->flags |= MSG_TRUNC;
        if (flags & MSG_TRUNC) result = (int64_t)available;
    }
    if (flags & MSG_PEEK) {
        put_back(s, message);
        return result;
    }
    for (uint32_t i = 0; i < message->file_count; i++)
        file_put(message->files[i]);
    message->file_count = 0;
    finish_message(s, message, size);
    return result;
}

static int64_t unix_receive(struct socket *socket, struct segment_cursor *to, struct kernel_message *side,
                            uint32_t flags) {
    struct unix_socket *s = of(socket);
    int64_t total = 0;
    do {
        struct unix_message *message;
        int32_t state = take_message(s, &message);
        if (state) return total ? total : state > 0 ? 0 : state;
        if (total && message->file_count) {
            put_back(s, message); // descriptors do not mix with earlier bytes
            return total;
        }
        int64_t done = receive_one(s, message, to, side, flags);
        if (done < 0) return total ? total : done;
        total += done;
    } while (socket->type == SOCK_STREAM && to->remaining && !(flags & MSG_PEEK) && !side->descriptor_count);
    return total;
}

// ---- state

static int32_t unix_shutdown(struct socket *socket, enum socket_shutdown how) {
    struct unix_socket *s = of(socket);
    spin_lock(&unix_lock);
    if (how != SHUT_WR) s->receive_shut = true;
    if (how != SHUT_RD) s->send_shut = true;
    struct unix_socket *peer = s->peer;
    if (peer) refcount_get(&peer->references);
    spin_unlock(&unix_lock);
    wake(s, POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
    if (peer) wake(peer, POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
    socket_put(peer);
    return 0;
}

static uint32_t unix_ready(struct socket *socket) {
    struct unix_socket *s = of(socket);
    uint32_t events = 0;
    spin_lock(&unix_lock);
    struct unix_socket *peer = s->peer;
    bool stream = socket->type != SOCK_DGRAM;
    bool peer_gone = stream && s->state == UNIX_CONNECTED && (!peer || peer->released);
    bool no_more = s->receive_shut || peer_gone || (stream && peer && peer->send_shut);
    if (!list_empty(&s->messages) || !list_empty(&s->backlog) || no_more) events |= POLLIN | POLLRDNORM;
    if (no_more) events |= POLLRDHUP;
    if (peer_gone || (s->receive_shut && s->send_shut) || (stream && s->state == UNIX_IDLE)) events |= POLLHUP;
    bool full = peer && !peer->released && peer->queued >= peer->base.receive_buffer;
    if (s->state != UNIX_LISTENING && !full) events |= POLLOUT | POLLWRNORM;
    spin_unlock(&unix_lock);
    return events;
}

static uint32_t unix_readable(struct socket *socket) {
    struct unix_socket *s = of(socket);
    spin_lock(&unix_lock);
    struct unix_message *first = list_first(&s->messages, struct unix_message, link);
    size_t bytes = socket->type == SOCK_STREAM ? s->queued : first ? first->size : 0;
    spin_unlock(&unix_lock);
    return (uint32_t)bytes;
}

static int32_t unix_option_get(struct socket *socket, uint32_t level, uint32_t option, void *value, uint32_t *length) {
    struct unix_socket *s = of(socket);
    if (level != SOL_SOCKET) return -EOPNOTSUPP;
    if (option == SO_ACCEPTCONN) {
        int32_t listening = s->state == UNIX_LISTENING;
        *length = min(*length, (uint32_t)sizeof listening);
        memcpy(value, &listening, *length);
        return 0;
    }
    if (option == SO_PEERCRED) {
        uint32_t credentials[3] = {(uint32_t)s->peer_pid, s->peer_uid, s->peer_gid};
        if (!s->peer_pid) credentials[1] = credentials[2] = UINT32_MAX;
        *length = min(*length, (uint32_t)sizeof credentials);
        memcpy(value, credentials, *length);
        return 0;
    }
    return -ENOPROTOOPT;
}

// The file is gone: names, queued connections and the peer's view of it.
static void unix_release(struct socket *socket) {
    struct unix_socket *s = of(socket);
    struct list connections;
    list_init(&connections);
    spin_lock(&unix_lock);
    s->released = true;
    list_remove(&s->abstract_link);
    struct node *node = s->node;
    s->node = nullptr;
    if (node && node->special == s) node->special = nullptr;
    struct unix_socket *peer = s->peer;
    s->peer = nullptr;
    bool unread = !list_empty(&s->messages);
    if (peer && socket->type == SOCK_STREAM && unread) peer->base.error = ECONNRESET;
    list_splice_back(&connections, &s->backlog);
    spin_unlock(&unix_lock);
    if (node) node_put(node);
    while (!list_empty(&connections)) {
        struct unix_socket *queued = list_first(&connections, struct unix_socket, backlog_link);
        list_remove(&queued->backlog_link);
        unix_release(&queued->base);
    }
    if (peer) wake(peer, POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
    wake(s, POLLIN | POLLOUT | POLLHUP);
    socket_put(peer);
    socket_put(s);
}

const struct socket_family socket_unix = {
    .domain = AF_UNIX,
    .create = unix_new,
    .pair = unix_pair,
    .bind = unix_bind,
    .listen = unix_listen,
    .accept = unix_accept,
    .connect = unix_connect,
    .name = unix_name,
    .send = unix_send,
    .receive = unix_receive,
    .shutdown = unix_shutdown,
    .ready = unix_ready,
    .option_get = unix_option_get,
    .readable = unix_readable,
    .release = unix_release,
};
