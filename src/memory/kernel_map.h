// Kernel memory that is mapped page by page: stacks with guard pages, device registers.
#pragma once

#include "lib/types.h"

constexpr virtual_address KERNEL_STACK_BASE = 0xffffc00000000000;
constexpr virtual_address DEVICE_MAP_BASE = 0xffffc80000000000;

void kernel_map_init(void);
// Whether address lies in the guard page of a kernel stack, for the message of a double fault.
bool kernel_stack_is_guard(virtual_address address);
