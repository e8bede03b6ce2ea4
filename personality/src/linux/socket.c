// Sockets: making, naming, connecting, options. Messages are in message.c.
#include "personality/src/linux/socket.h"
#include "lib/string.h"

constexpr size_t ADDRESS_DATA =
    offsetof(struct kernel_socket_address, data) - offsetof(struct kernel_socket_address, family);
static_assert(ADDRESS_DATA == sizeof(uint16_t));

int32_t linux_address_fetch(struct kernel_socket_address *address, uintptr_t pointer, int32_t length) {
    if (length < 0 || (uint32_t)length > SOCKET_ADDRESS_MAXIMUM) return -EINVAL;
    address->family = 0;
    address->length = (uint32_t)length;
    return length == 0 ? 0 : kernel_ops->fetch(&address->family, user_pointer(pointer), (size_t)length);
}

int32_t linux_address_store(const struct kernel_socket_address *address, uintptr_t pointer, uintptr_t length_pointer) {
    int32_t room;
    if (pointer == 0) return 0;
    int32_t error = fetch_struct(&room, length_pointer);
    if (error < 0) return error;
    if (room < 0) return -EINVAL;
    int32_t length = (int32_t)address->length;
    error = kernel_ops->store(user_pointer(pointer), &address->family, (size_t)min(room, length));
    return error < 0 ? error : store_struct(length_pointer, &length);
}

// The checks that socket and socketpair share; the rest is the core's.
static int32_t socket_check(uint32_t domain, uint32_t type) {
    if ((type & ~(SOCK_TYPE_MASK | SOCKET_FLAGS)) != 0) return -EINVAL;
    if (domain >= AF_MAXIMUM) return -EAFNOSUPPORT;
    return (type & SOCK_TYPE_MASK) > SOCK_TYPE_MAXIMUM ? -EINVAL : 0;
}

SHIM3(linux_socket, domain, type, protocol) {
    int32_t error = socket_check((uint32_t)domain, (uint32_t)type);
    if (error < 0) return error;
    return kernel_ops->socket((uint32_t)domain, (uint32_t)type & SOCK_TYPE_MASK, (uint32_t)protocol,
                              (uint32_t)type & SOCKET_FLAGS);
}

SHIM4(linux_socketpair, domain, type, protocol, pointer) {
    int32_t descriptors[2];
    int32_t error = socket_check((uint32_t)domain, (uint32_t)type);
    if (error < 0) return error;
    error = kernel_ops->socket_pair((uint32_t)domain, (uint32_t)type & SOCK_TYPE_MASK, (uint32_t)protocol,
                                    (uint32_t)type & SOCKET_FLAGS, descriptors);
    if (error < 0) return error;
    error = kernel_ops->store(user_pointer(pointer), descriptors, sizeof(descriptors));
    if (error == 0) return 0;
    kernel_ops->close(descriptors[0]);
    kernel_ops->close(descriptors[1]);
    return error;
}

typedef int32_t address_op(int32_t descriptor, const struct kernel_socket_address *address);

// A descriptor that is no socket comes before a bad address.
static intptr_t with_address(address_op *op, uintptr_t descriptor, uintptr_t pointer, uintptr_t length) {
    struct kernel_socket_address address;
    int32_t error = linux_address_fetch(&address, pointer, (int32_t)length);
    if (error < 0) {
        int32_t other = kernel_ops->socket_name((int32_t)descriptor, 0, &address);
        return other == -EBADF || other == -ENOTSOCK ? other : error;
    }
    return op((int32_t)descriptor, &address);
}

SHIM3(linux_bind, descriptor, address, length) {
    return with_address(kernel_ops->bind, descriptor, address, length);
}

SHIM3(linux_connect, descriptor, address, length) {
    return with_address(kernel_ops->connect, descriptor, address, length);
}

SHIM2(linux_listen, descriptor, backlog) {
    return kernel_ops->listen((int32_t)descriptor, (int32_t)backlog);
}

static intptr_t accept_connection(uintptr_t descriptor, uintptr_t pointer, uintptr_t length_pointer, uint32_t flags) {
    struct kernel_socket_address address;
    if ((flags & ~SOCKET_FLAGS) != 0) return -EINVAL;
    int32_t accepted = kernel_ops->accept((int32_t)descriptor, &address, flags);
    if (accepted < 0) return accepted;
    int32_t error = linux_address_store(&address, pointer, length_pointer);
    if (error == 0) return accepted;
    kernel_ops->close(accepted);
    return error;
}

SHIM3(linux_accept, descriptor, address, length) {
    return accept_connection(descriptor, address, length, 0);
}

SHIM4(linux_accept4, descriptor, address, length, flags) {
    return accept_connection(descriptor, address, length, (uint32_t)flags);
}

static intptr_t socket_name(uintptr_t descriptor, uintptr_t pointer, uintptr_t length_pointer, uint32_t peer) {
    struct kernel_socket_address address;
    int32_t room;
    int32_t error = kernel_ops->socket_name((int32_t)descriptor, peer, &address);
    if (error < 0) return error;
    if (pointer != 0) return linux_address_store(&address, pointer, length_pointer);
    error = fetch_struct(&room, length_pointer);
    if (error < 0) return error;
    return room < 0 ? -EINVAL : -EFAULT;
}

SHIM3(linux_getsockname, descriptor, address, length) {
    return socket_name(descriptor, address, length, 0);
}

SHIM3(linux_getpeername, descriptor, address, length) {
    return socket_name(descriptor, address, length, 1);
}

SHIM2(linux_shutdown, descriptor, how) {
    struct kernel_socket_address address;
    constexpr uint32_t both = 2;
    if ((uint32_t)how <= both) return kernel_ops->shutdown((int32_t)descriptor, (uint32_t)how);
    int32_t error = kernel_ops->socket_name((int32_t)descriptor, 0, &address);
    return error == -EBADF || error == -ENOTSOCK ? error : -EINVAL;
}

constexpr size_t OPTION_MAXIMUM = 512;

SHIM5(linux_setsockopt, descriptor, level, option, pointer, length) {
    uint8_t value[OPTION_MAXIMUM];
    struct kernel_socket_address address;
    int32_t error = 0;
    if ((int32_t)length < 0) error = -EINVAL;
    size_t size = min((size_t)(uint32_t)length, OPTION_MAXIMUM);
    if (error == 0 && size != 0) error = kernel_ops->fetch(value, user_pointer(pointer), size);
    if (error < 0) {
        int32_t other = kernel_ops->socket_name((int32_t)descriptor, 0, &address);
        return other == -EBADF || other == -ENOTSOCK ? other : error;
    }
    return kernel_ops->socket_option_set((int32_t)descriptor, (uint32_t)level, (uint32_t)option, value, (uint32_t)size);
}

SHIM5(linux_getsockopt, descriptor, level, option, pointer, length_pointer) {
    uint8_t value[OPTION_MAXIMUM];
    struct kernel_socket_address address;
    int32_t room;
    int32_t error = fetch_struct(&room, length_pointer);
    if (error == 0 && room < 0) error = -EINVAL;
    if (error < 0) {
        int32_t other = kernel_ops->socket_name((int32_t)descriptor, 0, &address);
        return other == -EBADF || other == -ENOTSOCK ? other : error;
    }
    uint32_t length = min((uint32_t)room, (uint32_t)OPTION_MAXIMUM);
    error = kernel_ops->socket_option_get((int32_t)descriptor, (uint32_t)level, (uint32_t)option, value, &length);
    if (error < 0) return error;
    error = kernel_ops->store(user_pointer(pointer), value, min(length, (uint32_t)room));
    return error < 0 ? error : store_struct(length_pointer, &length);
}
