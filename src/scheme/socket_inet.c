// Internet sockets of this machine alone: TCP and UDP over 127.0.0.0/8, until there is a network. Bytes travel between
// the sockets of socket_unix.c, whose abstract names stand for ports; only addresses and errors are translated here.
#include "lib/string.h"
#include "src/context/context.h"
#include "src/scheme/socket.h"

constexpr uint32_t PROTOCOL_IP = 0, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17;
constexpr size_t ADDRESS_LENGTH = 16; // struct sockaddr_in
constexpr size_t DATAGRAM_MAXIMUM = 65507;
constexpr uint16_t PORT_PRIVILEGED = 1024, PORT_FIRST = 32768, PORT_COUNT = 28232;
constexpr enum capability CAP_NET_BIND_SERVICE = 10, CAP_NET_RAW = 13;

static const uint8_t loopback[4] = {127, 0, 0, 1};
static const uint8_t name_prefix[6] = {0, 'i', 'n', 'e', 't', 1};
constexpr size_t NAME_LENGTH = sizeof(uint16_t) + sizeof(name_prefix) + 3; // protocol and port behind the prefix

struct place {
    uint8_t address[4];
    uint16_t port; // host order
};

// ---- addresses

static int32_t place_of(const struct kernel_socket_address *from, struct place *to) {
    if (from->length < ADDRESS_LENGTH) return -EINVAL;
    if (from->family != AF_INET) return -EAFNOSUPPORT;
    to->port = (uint16_t)(from->data[0] << 8 | from->data[1]);
    memcpy(to->address, from->data + 2, sizeof(to->address));
    return 0;
}

static void address_of(const struct place *from, struct kernel_socket_address *to) {
    *to = (struct kernel_socket_address){.length = ADDRESS_LENGTH, .family = AF_INET};
    to->data[0] = (uint8_t)(from->port >> 8);
    to->data[1] = (uint8_t)from->port;
    memcpy(to->data + 2, from->address, sizeof(from->address));
}

static bool is_any(const uint8_t address[4]) {
    return !(address[0] | address[1] | address[2] | address[3]);
}

static bool is_local(const uint8_t address[4]) {
    return is_any(address) || address[0] == 127;
}

// The abstract name of a port.
static void port_name(const struct socket *socket, uint16_t port, struct kernel_socket_address *name) {
    *name = (struct kernel_socket_address){.length = NAME_LENGTH, .family = AF_UNIX};
    memcpy(name->data, name_prefix, sizeof(name_prefix));
    name->data[sizeof(name_prefix)] = (uint8_t)socket->protocol;
    name->data[sizeof(name_prefix) + 1] = (uint8_t)(port >> 8);
    name->data[sizeof(name_prefix) + 2] = (uint8_t)port;
}

// 0: no port.
static uint16_t port_of(const struct kernel_socket_address *name) {
    if (name->length != NAME_LENGTH || memcmp(name->data, name_prefix, sizeof(name_prefix)) != 0) return 0;
    return (uint16_t)(name->data[sizeof(name_prefix) + 1] << 8 | name->data[sizeof(name_prefix) + 2]);
}

// ---- life

static int32_t inet_create(uint32_t type, uint32_t protocol, struct socket **socket) {
    uint32_t own = type == SOCK_STREAM ? PROTOCOL_TCP : PROTOCOL_UDP;
    if (type == SOCK_RAW) return capable(CAP_NET_RAW) ? -EPROTONOSUPPORT : -EPERM;
    if (type != SOCK_STREAM && type != SOCK_DGRAM) return -ESOCKTNOSUPPORT;
    if (protocol != 0 && protocol != own) return -EPROTONOSUPPORT;
    int32_t error = socket_unix.create(type, 0, socket);
    if (error) return error;
    (*socket)->family = &socket_inet;
    (*socket)->protocol = own;
    return 0;
}

static void inet_release(struct socket *socket) {
    socket_unix.release(socket);
}

// ---- names

static bool is_bound(struct socket *socket) {
    struct kernel_socket_address name;
    return socket_unix.name(socket, false, &name) == 0 && port_of(&name) != 0;
}

static int32_t bind_port(struct socket *socket, uint16_t port) {
    struct kernel_socket_address name;
    port_name(socket, port, &name);
    return socket_unix.bind(socket, &name);
}

static int32_t bind_any_port(struct socket *socket) {
    static uint32_t next;
    for (uint32_t i = 0; i < PORT_COUNT; i++) {
        uint32_t number = atomic_fetch_add_relaxed(&next, 1u) % PORT_COUNT;
        int32_t error = bind_port(socket, (uint16_t)(PORT_FIRST + number));
        if (error != -EADDRINUSE) return error;
    }
    return -EADDRINUSE;
}

static int32_t inet_bind(struct socket *socket, const struct kernel_socket_address *address) {
    struct place place;
    int32_t error = place_of(address, &place);
    if (error) return error;
    if (!is_local(place.address)) return -EADDRNOTAVAIL;
    if (place.port && place.port < PORT_PRIVILEGED && !capable(CAP_NET_BIND_SERVICE)) return -EACCES;
    if (is_bound(socket)) return -EINVAL;
    error = place.port ? bind_port(socket, place.port) : bind_any_port(socket);
    if (!error) memcpy(socket->inet.local, place.address, sizeof(place.address));
    return error;
}

static int32_t inet_name(struct socket *socket, bool peer, struct kernel_socket_address *address) {
    struct kernel_socket_address name;
    struct place place = {};
    if (peer && socket->type == SOCK_DGRAM) {
        if (!socket->inet.peer_port) return -ENOTCONN;
        place.port = socket->inet.peer_port;
    } else {
        int32_t error = socket_unix.name(socket, peer, &name);
        if (error) return error;
        place.port = port_of(&name);
    }
    memcpy(place.address, peer ? socket->inet.peer : socket->inet.local, sizeof(place.address));
    address_of(&place, address);
    return 0;
}

// ---- connections

static int32_t inet_listen(struct socket *socket, int32_t backlog) {
    int32_t error = socket->type != SOCK_STREAM ? -EOPNOTSUPP : is_bound(socket) ? 0 : bind_any_port(socket);
    if (!error) error = socket_unix.listen(socket, backlog);
    if (!error) socket->inet.listening = true;
    return error;
}

static int32_t inet_accept(struct socket *socket, struct socket **connection) {
    int32_t error = socket_unix.accept(socket, connection);
    if (error) return error;
    (*connection)->family = &socket_inet;
    (*connection)->protocol = socket->protocol;
    (*connection)->inet.connected = true;
    memcpy((*connection)->inet.local, is_any(socket->inet.local) ? loopback : socket->inet.local, sizeof(loopback));
    memcpy((*connection)->inet.peer, loopback, sizeof(loopback));
    return 0;
}

static int32_t connect_stream(struct socket *socket, const struct place *place) {
    struct kernel_socket_address name;
    if (socket->inet.listening || socket->inet.connected) return -EISCONN;
    port_name(socket, place->port, &name);
    int32_t error = socket_unix.connect(socket, &name);
    if (!error) socket->inet.connected = true;
    return error == -ENOENT ? -ECONNREFUSED : error;
}

static int32_t inet_connect(struct socket *socket, const struct kernel_socket_address *address) {
    struct place place;
    if (address->length >= sizeof(address->family) && address->family == AF_UNSPEC && socket->type == SOCK_DGRAM) {
        socket->inet.peer_port = 0;
        return 0;
    }
    int32_t error = place_of(address, &place);
    if (error) return error;
    if (!is_local(place.address)) return -ENETUNREACH;
    if (is_any(place.address)) memcpy(place.address, loopback, sizeof(loopback));
    if (!is_bound(socket)) error = bind_any_port(socket);
    if (!error && socket->type == SOCK_STREAM) error = connect_stream(socket, &place);
    if (error) return error;
    if (is_any(socket->inet.local)) memcpy(socket->inet.local, loopback, sizeof(loopback));
    memcpy(socket->inet.peer, place.address, sizeof(place.address));
    socket->inet.peer_port = place.port;
    return 0;
}

static int32_t inet_shutdown(struct socket *socket, enum socket_shutdown how) {
    bool connected =
        socket->type == SOCK_STREAM ? socket->inet.connected || socket->inet.listening : socket->inet.peer_port != 0;
    return connected ? socket_unix.shutdown(socket, how) : -ENOTCONN;
}

// ---- data

static int32_t take_error(struct socket *socket) {
    return -__atomic_exchange_n(&socket->error, 0, __ATOMIC_ACQ_REL);
}

static int64_t send_datagram(struct socket *socket, struct segment_cursor *from, struct kernel_message *message,
                             uint32_t flags) {
    struct place place = {.port = socket->inet.peer_port};
    bool addressed = message->address.length != 0;
    size_t size = from->remaining;
    int32_t error = addressed ? place_of(&message->address, &place) : place.port ? take_error(socket) : -EDESTADDRREQ;
    if (error) return error;
    if (addressed && !place.port) return -EINVAL;
    if (addressed && !is_local(place.address)) return -ENETUNREACH;
    if (size > DATAGRAM_MAXIMUM) return -EMSGSIZE;
    if (!is_bound(socket)) error = bind_any_port(socket);
    if (error) return error;
    struct kernel_socket_address given = message->address;
    port_name(socket, place.port, &message->address);
    int64_t done = socket_unix.send(socket, from, message, flags);
    message->address = given;
    if (done != -ECONNREFUSED && done != -ENOENT) return done;
    // Nobody is there: a connected socket hears of it afterwards.
    if (!addressed) __atomic_store_n(&socket->error, ECONNREFUSED, __ATOMIC_RELEASE);
    segment_advance(from, from->remaining);
    return (int64_t)size;
}

static int64_t inet_send(struct socket *socket, struct segment_cursor *from, struct kernel_message *message,
                         uint32_t flags) {
    message->descriptor_count = 0;
    message->credentials_valid = false;
    if (socket->type == SOCK_DGRAM) return send_datagram(socket, from, message, flags);
    message->address.length = 0;
    int64_t done = socket_unix.send(socket, from, message, flags);
    return done == -ENOTCONN ? -EPIPE : done;
}

static int64_t inet_receive(struct socket *socket, struct segment_cursor *to, struct kernel_message *message,
                            uint32_t flags) {
    int32_t error = socket->type == SOCK_DGRAM ? take_error(socket) : 0;
    if (error) return error;
    if (socket->type == SOCK_STREAM && !socket->inet.connected) return -ENOTCONN;
    int64_t done = socket_unix.receive(socket, to, message, flags);
    message->credentials_valid = false;
    if (done < 0) return done;
    struct place place = {.port = port_of(&message->address)};
    memcpy(place.address, loopback, sizeof(loopback));
    message->address.length = 0;
    if (socket->type == SOCK_DGRAM) address_of(&place, &message->address);
    return done;
}

static uint32_t inet_ready(struct socket *socket) {
    uint32_t pending = atomic_load_relaxed(&socket->error) ? POLLERR | POLLIN : 0;
    return socket_unix.ready(socket) | pending;
}

static uint32_t inet_readable(struct socket *socket) {
    return socket_unix.readable(socket);
}

// ---- options

enum inet_option : uint32_t { TCP_NODELAY = 1, IP_TOS = 1, IP_TTL = 2 };

static int32_t *option_place(struct socket *socket, uint32_t level, uint32_t option) {
    if (level == PROTOCOL_TCP && socket->type == SOCK_STREAM && option == TCP_NODELAY) return &socket->inet.no_delay;
    if (level == PROTOCOL_IP && option == IP_TOS) return &socket->inet.service;
    return level == PROTOCOL_IP && option == IP_TTL ? &socket->inet.hops : nullptr;
}

static int32_t inet_option_get(struct socket *socket, uint32_t level, uint32_t option, void *value, uint32_t *length) {
    constexpr int32_t hops_default = 64;
    if (level == SOL_SOCKET) return socket_unix.option_get(socket, level, option, value, length);
    const int32_t *place = option_place(socket, level, option);
    if (!place) return -ENOPROTOOPT;
    int32_t number = level == PROTOCOL_IP && option == IP_TTL && !*place ? hops_default : *place;
    *length = min(*length, (uint32_t)sizeof(number));
    memcpy(value, &number, *length);
    return 0;
}

static int32_t inet_option_set(struct socket *socket, uint32_t level, uint32_t option, const void *value,
                               uint32_t length) {
    int32_t *place = option_place(socket, level, option), number;
    if (!place) return -ENOPROTOOPT;
    if (length < sizeof(number)) return -EINVAL;
    memcpy(&number, value, sizeof(number));
    if (option == IP_TTL && level == PROTOCOL_IP && (number < 1 || number > 255)) return -EINVAL;
    *place = level == PROTOCOL_TCP ? number != 0 : number;
    return 0;
}

const struct socket_family socket_inet = {
    .domain = AF_INET,
    .create = inet_create,
    .bind = inet_bind,
    .listen = inet_listen,
    .accept = inet_accept,
    .connect = inet_connect,
    .name = inet_name,
    .send = inet_send,
    .receive = inet_receive,
    .shutdown = inet_shutdown,
    .ready = inet_ready,
    .option_get = inet_option_get,
    .option_set = inet_option_set,
    .readable = inet_readable,
    .release = inet_release,
};
