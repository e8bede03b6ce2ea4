// What the files about sockets share: addresses between a program and the canonical form, which has Linux's layout.
#pragma once

#include "personality/src/linux/file.h"

constexpr uint32_t SOCKET_FLAGS = O_CLOEXEC | O_NONBLOCK; // SOCK_CLOEXEC and SOCK_NONBLOCK have these values

// -EINVAL (a length below 0 or above 128), -EFAULT.
[[nodiscard]] int32_t linux_address_fetch(struct kernel_socket_address *address, uintptr_t pointer, int32_t length);
// Stores the address, cut at the length that the program gave at length_pointer, and its whole length there. A null
// pointer stores nothing. -EINVAL, -EFAULT.
[[nodiscard]] int32_t linux_address_store(const struct kernel_socket_address *address, uintptr_t pointer,
                                          uintptr_t length_pointer);
