// Between exit.c, wait_child.c, the timers and the accounting ops.
#pragma once

#include "src/context/context.h"

// The last thread is gone from the list: resources go, the process becomes a zombie. May sleep.
void process_end(struct process *process, struct context *self);
void process_end_timers(struct process *process); // src/context/interval_timer.c
// SIGCHLD (or its exit signal) to the parent, and wakes it. Returns whether the zombie must go at once. Caller holds
// tasklist_lock.
bool process_notify_parent(struct process *child);
// Takes a zombie out of its family and the list. Caller holds tasklist_lock; then calls process_forget without it.
void process_unlink_locked(struct process *process);
void process_forget(struct process *process);
// Usage of ended and living threads. Caller holds process->lock.
void process_usage_locked(struct process *process, struct kernel_rusage *usage);
void usage_add(struct kernel_rusage *to, const struct kernel_rusage *from);
