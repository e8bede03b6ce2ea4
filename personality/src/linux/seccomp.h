// Filters of system calls.
#pragma once

#include "personality.h"

struct call;
struct linux_filter;

// A chain of filters; nullptr is the empty one.
void linux_filter_get(struct linux_filter *filter);
void linux_filter_put(struct linux_filter *filter);

// Asks the current thread's filters. True: the call must not be made, *result is its answer.
bool linux_filter_call(const struct call *call, intptr_t *result);

// prctl's way: strict mode, and a filter at a sock_fprog's address. Errors as seccomp(2).
intptr_t linux_seccomp_strict(void);
intptr_t linux_seccomp_filter(uintptr_t address);
