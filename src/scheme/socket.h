// Sockets: what every family shares. Values of types, options and flags are Linux's (asm-generic/socket.h,
// linux/socket.h), the canonical ones.
#pragma once

#include "src/scheme/file.h"
#include "src/scheme/io_request.h"

enum socket_domain : uint16_t { AF_UNSPEC = 0, AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10 };
enum socket_type : uint32_t { SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_SEQPACKET = 5 };
enum message_flags : uint32_t {
    MSG_OOB = 1,
    MSG_PEEK = 2,
    MSG_CTRUNC = 8,
    MSG_TRUNC = 0x20,
    MSG_DONTWAIT = 0x40,
    MSG_EOR = 0x80,
    MSG_WAITALL = 0x100,
    MSG_NOSIGNAL = 0x4000,
    MSG_CMSG_CLOEXEC = 0x40000000,
};
enum socket_shutdown : uint32_t { SHUT_RD, SHUT_WR, SHUT_RDWR };
constexpr uint32_t SOL_SOCKET = 1;
enum socket_option : uint32_t {
    SO_DEBUG = 1,
    SO_REUSEADDR,
    SO_TYPE,
    SO_ERROR,
    SO_DONTROUTE,
    SO_BROADCAST,
    SO_SNDBUF,
    SO_RCVBUF,
    SO_KEEPALIVE,
    SO_OOBINLINE,
    SO_PRIORITY = 12,
    SO_LINGER,
    SO_REUSEPORT = 15,
    SO_PASSCRED,
    SO_PEERCRED,
    SO_RCVLOWAT,
    SO_SNDLOWAT,
    SO_RCVTIMEO,
    SO_SNDTIMEO,
    SO_ACCEPTCONN = 30,
    SO_SNDBUFFORCE = 32,
    SO_RCVBUFFORCE,
    SO_PROTOCOL = 38,
    SO_DOMAIN,
};

struct socket;

// A family's functions; none blocks: -EAGAIN when waiting would help (the waiter waits on the file's readiness for
// `ready`).
struct socket_family {
    uint16_t domain;
    int32_t (*create)(uint32_t type, uint32_t protocol, struct socket **socket);
    int32_t (*pair)(struct socket *first, struct socket *second);
    int32_t (*bind)(struct socket *socket, const struct kernel_socket_address *address);
    int32_t (*listen)(struct socket *socket, int32_t backlog);
    int32_t (*accept)(struct socket *socket, struct socket **connection);
    int32_t (*connect)(struct socket *socket, const struct kernel_socket_address *address);
    int32_t (*name)(struct socket *socket, bool peer, struct kernel_socket_address *address);
    int64_t (*send)(struct socket *socket, struct segment_cursor *from, struct kernel_message *message, uint32_t flags);
    int64_t (*receive)(struct socket *socket, struct segment_cursor *to, struct kernel_message *message,
                       uint32_t flags);
    int32_t (*shutdown)(struct socket *socket, enum socket_shutdown how);
    uint32_t (*ready)(struct socket *socket);
    int32_t (*option_get)(struct socket *socket, uint32_t level, uint32_t option, void *value, uint32_t *length);
    // Of levels other than SOL_SOCKET; nullptr: there are none.
    int32_t (*option_set)(struct socket *socket, uint32_t level, uint32_t option, const void *value, uint32_t length);
    uint32_t (*readable)(struct socket *socket); // FIONREAD
    void (*release)(struct socket *socket);      // the file is gone
};

// The head of every family's socket.
struct socket {
    const struct socket_family *family;
    enum socket_type type;
    uint32_t protocol;
    struct wait_queue readiness;
    nanoseconds receive_timeout, send_timeout; // 0: none
    uint32_t receive_low_water;
    uint32_t send_buffer, receive_buffer; // bytes
    bool pass_credentials, reuse_address, keep_alive, broadcast;
    uint32_t kept; // switches that change nothing between processes of one machine, bit by option number
    int32_t priority, linger[2];
    int32_t error; // (A) SO_ERROR: taken by reading it
    struct {       // socket_inet.c
        uint8_t local[4], peer[4];
        uint16_t peer_port;
        bool connected, listening;
        int32_t no_delay, service, hops;
    } inet;
};

extern const struct scheme socket_scheme;
extern const struct socket_family socket_unix, socket_inet;
// Common fields of a fresh socket.
void socket_init(struct socket *socket, const struct socket_family *family, enum socket_type type, uint32_t protocol);
// A file over it; consumes the socket on success. nullptr: no memory.
[[nodiscard]] struct file *socket_file(struct socket *socket, uint32_t flags);
