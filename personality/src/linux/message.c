// Messages of sockets: sendto to recvmmsg, with descriptors and credentials beside the data.
#include "lib/string.h"
#include "personality/src/linux/process.h"
#include "personality/src/linux/socket.h"

constexpr size_t CONTROL_MAXIMUM = 20480; // Linux's optmem_max
constexpr uint32_t MESSAGES_MAXIMUM = 1024;

static void message_init(struct kernel_message *message) {
    message->address.length = 0;
    message->address.family = 0;
    message->descriptors = nullptr;
    message->descriptor_count = message->descriptor_capacity = 0;
    message->flags = 0;
    message->credentials_valid = false;
}

// What a socket call says of a descriptor that is no socket comes before its complaint about the arguments.
static intptr_t argument_error(uintptr_t descriptor, int32_t error) {
    struct kernel_socket_address address;
    int32_t other = kernel_ops->socket_name((int32_t)descriptor, 0, &address);
    return other == -EBADF || other == -ENOTSOCK ? other : error;
}

SHIM5(linux_sendto, descriptor, buffer, size, flags, address) {
    struct kernel_message message;
    size_t done;
    message_init(&message);
    if (address != 0) {
        int32_t error = linux_address_fetch(&message.address, address, (int32_t)sixth_argument());
        if (error < 0) return argument_error(descriptor, error);
    }
    struct segment segment = segment_user(user_pointer(buffer), min(size, IO_MAXIMUM));
    int32_t result = kernel_ops->send((int32_t)descriptor, &segment, 1, &message, (uint32_t)flags, &done);
    return result < 0 ? result : (intptr_t)done;
}

SHIM5(linux_recvfrom, descriptor, buffer, size, flags, address) {
    struct kernel_message message;
    size_t done;
    message_init(&message);
    struct segment segment = segment_user(user_pointer(buffer), min(size, IO_MAXIMUM));
    int32_t result = kernel_ops->receive((int32_t)descriptor, &segment, 1, &message, (uint32_t)flags, &done);
    if (result < 0) return result;
    if (address != 0) {
        int32_t error = linux_address_store(&message.address, address, sixth_argument());
        if (error < 0) return error;
    }
    return (intptr_t)done;
}

// ---- control messages to the kernel

static int32_t rights_take(struct kernel_message *message, const uint8_t *data, size_t size) {
    size_t count = size / sizeof(int32_t);
    if (message->descriptor_count + count > MESSAGE_DESCRIPTORS_MAXIMUM) return -EINVAL;
    memcpy(message->descriptors + message->descriptor_count, data, count * sizeof(int32_t));
    message->descriptor_count += (uint32_t)count;
    return 0;
}

static int32_t credentials_take(struct kernel_message *message, const uint8_t *data, size_t size) {
    struct linux_ucred credentials;
    if (size != sizeof(credentials)) return -EINVAL;
    memcpy(&credentials, data, sizeof(credentials));
    message->credentials_valid = true;
    message->pid = credentials.pid;
    message->uid = credentials.uid;
    message->gid = credentials.gid;
    return 0;
}

static int32_t control_parse(struct kernel_message *message, const uint8_t *control, size_t size) {
    for (size_t at = 0; size - at >= sizeof(struct linux_cmsghdr);) {
        struct linux_cmsghdr header;
        memcpy(&header, control + at, sizeof(header));
        if (header.cmsg_len < sizeof(header) || header.cmsg_len > size - at) return -EINVAL;
        const uint8_t *data = control + at + sizeof(header);
        size_t data_size = header.cmsg_len - sizeof(header);
        if (header.cmsg_level == SOL_SOCKET) {
            int32_t error = header.cmsg_type == SCM_RIGHTS        ? rights_take(message, data, data_size)
                            : header.cmsg_type == SCM_CREDENTIALS ? credentials_take(message, data, data_size)
                                                                  : -EINVAL;
            if (error < 0) return error;
        }
        size_t step = align_up(header.cmsg_len, sizeof(size_t));
        if (step >= size - at) break;
        at += step;
    }
    return 0;
}

// Sends with control data: memory holds it, then the descriptors found in it.
static int32_t send_with_control(uintptr_t descriptor, const struct linux_msghdr *header, struct segment_array *array,
                                 struct kernel_message *message, uint32_t flags, size_t *done) {
    void *memory;
    size_t size = align_up(header->msg_controllen, sizeof(size_t));
    int32_t error = kernel_ops->allocate(size + MESSAGE_DESCRIPTORS_MAXIMUM * sizeof(int32_t), &memory);
    if (error < 0) return error;
    message->descriptors = (int32_t *)((uint8_t *)memory + size);
    message->descriptor_capacity = MESSAGE_DESCRIPTORS_MAXIMUM;
    error = kernel_ops->fetch(memory, user_pointer(header->msg_control), header->msg_controllen);
    if (error == 0) error = control_parse(message, memory, header->msg_controllen);
    if (error == 0) error = kernel_ops->send((int32_t)descriptor, array->segments, array->count, message, flags, done);
    kernel_ops->release(memory);
    return error;
}

static int32_t header_fetch(struct linux_msghdr *header, uintptr_t pointer) {
    int32_t error = fetch_struct(header, pointer);
    if (error < 0) return error;
    if (header->msg_name == 0) header->msg_namelen = 0;
    if (header->msg_namelen < 0) return -EINVAL;
    header->msg_namelen = min(header->msg_namelen, (int32_t)SOCKET_ADDRESS_MAXIMUM);
    return header->msg_iovlen > LINUX_IOV_MAXIMUM ? -EMSGSIZE : 0;
}

static intptr_t message_send(uintptr_t descriptor, uintptr_t pointer, uint32_t flags) {
    struct linux_msghdr header;
    struct kernel_message message;
    struct segment_array array;
    size_t done;
    message_init(&message);
    int32_t error = header_fetch(&header, pointer);
    if (error == 0 && header.msg_controllen > INT32_MAX) error = -ENOBUFS;
    if (error == 0 && header.msg_namelen != 0)
        error = linux_address_fetch(&message.address, header.msg_name, header.msg_namelen);
    if (error == 0) error = segments_fetch(&array, header.msg_iov, header.msg_iovlen);
    if (error < 0) return argument_error(descriptor, error);
    if (header.msg_controllen > CONTROL_MAXIMUM)
        error = -ENOBUFS;
    else if (header.msg_controllen >= sizeof(struct linux_cmsghdr) && header.msg_control != 0)
        error = send_with_control(descriptor, &header, &array, &message, flags, &done);
    else
        error = kernel_ops->send((int32_t)descriptor, array.segments, array.count, &message, flags, &done);
    segments_release(&array);
    return error < 0 ? error : (intptr_t)done;
}

SHIM3(linux_sendmsg, descriptor, pointer, flags) {
    return message_send(descriptor, pointer, (uint32_t)flags);
}

// ---- control messages to a program

// The program's control buffer while it is filled.
struct control_buffer {
    uintptr_t at;
    size_t room, used;
    bool cut;
};

static int32_t control_put(struct control_buffer *control, int32_t type, const void *data, size_t size) {
    struct linux_cmsghdr header = {.cmsg_len = sizeof(header) + size, .cmsg_level = SOL_SOCKET, .cmsg_type = type};
    if (control->room < sizeof(header)) {
        control->cut = true;
        return 0;
    }
    if (header.cmsg_len > control->room) {
        control->cut = true;
        header.cmsg_len = control->room;
    }
    int32_t error = store_struct(control->at, &header);
    if (error == 0)
        error = kernel_ops->store(user_pointer(control->at + sizeof(header)), data, header.cmsg_len - sizeof(header));
    if (error < 0) return error;
    size_t step = min(align_up(header.cmsg_len, sizeof(size_t)), control->room);
    control->at += step;
    control->room -= step;
    control->used += step;
    return 0;
}

// Hands the received descriptors over; those for which there is no room are closed.
static int32_t rights_put(struct control_buffer *control, const struct kernel_message *message) {
    size_t fit = control->room < sizeof(struct linux_cmsghdr)
                     ? 0
                     : (control->room - sizeof(struct linux_cmsghdr)) / sizeof(int32_t);
    uint32_t count = (uint32_t)min((size_t)message->descriptor_count, fit);
    for (uint32_t i = count; i < message->descriptor_count; i++)
        kernel_ops->close(message->descriptors[i]);
    if (count < message->descriptor_count) control->cut = true;
    return count == 0 ? 0 : control_put(control, SCM_RIGHTS, message->descriptors, count * sizeof(int32_t));
}

static int32_t receive_results_store(uintptr_t pointer, const struct linux_msghdr *header,
                                     const struct kernel_message *message, uint32_t flags) {
    struct control_buffer control = {.at = header->msg_control,
                                     .room = header->msg_control == 0 ? 0 : header->msg_controllen};
    int32_t error = 0;
    if (header->msg_name != 0) {
        int32_t length = (int32_t)message->address.length;
        error = kernel_ops->store(user_pointer(header->msg_name), &message->address.family,
                                  (size_t)min(length, header->msg_namelen));
        if (error == 0) error = store_struct(pointer + offsetof(struct linux_msghdr, msg_namelen), &length);
    }
    if (error == 0 && message->credentials_valid) {
        struct linux_ucred credentials = {.pid = message->pid, .uid = message->uid, .gid = message->gid};
        error = control_put(&control, SCM_CREDENTIALS, &credentials, sizeof(credentials));
    }
    if (error == 0) error = rights_put(&control, message);
    uint32_t out_flags = message->flags | (control.cut ? MSG_CTRUNC : 0) | (flags & MSG_CMSG_CLOEXEC);
    if (error == 0) error = store_struct(pointer + offsetof(struct linux_msghdr, msg_flags), &out_flags);
    if (error == 0) error = store_struct(pointer + offsetof(struct linux_msghdr, msg_controllen), &control.used);
    return error;
}

static intptr_t message_receive(uintptr_t descriptor, uintptr_t pointer, uint32_t flags) {
    struct linux_msghdr header;
    struct kernel_message message;
    struct segment_array array;
    int32_t descriptors[MESSAGE_DESCRIPTORS_MAXIMUM];
    size_t done;
    message_init(&message);
    int32_t error = header_fetch(&header, pointer);
    if (error == 0) error = segments_fetch(&array, header.msg_iov, header.msg_iovlen);
    if (error < 0) return argument_error(descriptor, error);
    if (header.msg_control != 0 && header.msg_controllen > sizeof(struct linux_cmsghdr)) {
        message.descriptors = descriptors;
        message.descriptor_capacity =
            (uint32_t)min((header.msg_controllen - sizeof(struct linux_cmsghdr)) / sizeof(int32_t),
                          (size_t)MESSAGE_DESCRIPTORS_MAXIMUM);
    }
    error = kernel_ops->receive((int32_t)descriptor, array.segments, array.count, &message, flags, &done);
    segments_release(&array);
    if (error >= 0) error = receive_results_store(pointer, &header, &message, flags);
    return error < 0 ? error : (intptr_t)done;
}

SHIM3(linux_recvmsg, descriptor, pointer, flags) {
    return message_receive(descriptor, pointer, (uint32_t)flags);
}

// ---- several at once: an error after the first message is left for the next call

static intptr_t message_length_store(intptr_t result, uintptr_t pointer) {
    uint32_t length = (uint32_t)result;
    if (result < 0) return result;
    return store_struct(pointer + offsetof(struct linux_mmsghdr, msg_len), &length);
}

SHIM4(linux_sendmmsg, descriptor, pointer, count, flags) {
    uint32_t limit = min((uint32_t)count, MESSAGES_MAXIMUM), sent = 0;
    intptr_t result = 0;
    for (; sent < limit; sent++, pointer += sizeof(struct linux_mmsghdr)) {
        result = message_length_store(message_send(descriptor, pointer, (uint32_t)flags), pointer);
        if (result < 0) break;
    }
    if (limit == 0) return argument_error(descriptor, 0);
    return sent > 0 ? (intptr_t)sent : result;
}

// The timeout is looked at after each message, as Linux does.
SHIM5(linux_recvmmsg, descriptor, pointer, count, flags, timeout) {
    uint32_t limit = min((uint32_t)count, MESSAGES_MAXIMUM), received = 0;
    nanoseconds span, now, deadline = TIME_NEVER;
    intptr_t result = 0;
    if (timeout != 0) {
        int32_t error = linux_fetch_timespec(user_pointer(timeout), &span);
        if (error < 0) return error;
        deadline = linux_deadline(CLOCK_MONOTONIC, span);
    }
    if (limit == 0) return argument_error(descriptor, 0);
    while (received < limit) {
        uint32_t each = (uint32_t)flags & ~MSG_WAITFORONE;
        if (received > 0 && (flags & MSG_WAITFORONE) != 0) each |= MSG_DONTWAIT;
        result = message_length_store(message_receive(descriptor, pointer, each), pointer);
        if (result < 0) break;
        received++;
        pointer += sizeof(struct linux_mmsghdr);
        if (deadline != TIME_NEVER && (kernel_ops->clock_get(CLOCK_MONOTONIC, &now) < 0 || now >= deadline)) break;
    }
    if (timeout != 0 && deadline != TIME_NEVER && kernel_ops->clock_get(CLOCK_MONOTONIC, &now) == 0) {
        struct linux_timespec left = linux_timespec_from_kernel(max(deadline - now, (nanoseconds)0));
        int32_t error = store_struct(timeout, &left);
        if (error < 0) return error;
    }
    return received > 0 ? (intptr_t)received : result;
}
