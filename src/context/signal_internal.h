// Between signal_send.c and signal.c.
#pragma once

#include "src/context/context.h"

struct signal_entry {
    struct list link;
    struct kernel_siginfo info;
};

enum signal_default : uint8_t { DEFAULT_TERMINATE, DEFAULT_IGNORE, DEFAULT_STOP, DEFAULT_CONTINUE, DEFAULT_CORE };
enum signal_default signal_default_of(uint32_t signal);

constexpr signal_set SIGNALS_UNBLOCKABLE = 1ULL << (SIGKILL - 1) | 1ULL << (SIGSTOP - 1);
constexpr signal_set SIGNALS_STOP =
    1ULL << (SIGSTOP - 1) | 1ULL << (SIGTSTP - 1) | 1ULL << (SIGTTIN - 1) | 1ULL << (SIGTTOU - 1);
// Caused by the thread itself; delivered first.
constexpr signal_set SIGNALS_SYNCHRONOUS = 1ULL << (SIGSEGV - 1) | 1ULL << (SIGBUS - 1) | 1ULL << (SIGILL - 1) |
                                           1ULL << (SIGTRAP - 1) | 1ULL << (SIGFPE - 1) | 1ULL << (SIGSYS - 1);

// All below: caller holds the process's signal lock.
// Takes the next of `set` off a queue. False: there is none.
bool signal_dequeue_locked(struct process *process, struct signal_queue *queue, signal_set set,
                           struct kernel_siginfo *info);
// The next signal that the thread must look at, 0: none.
uint32_t signal_next_locked(const struct context *context);
// Sets or clears WORK_SIGNAL by what is pending.
void signal_recalculate_locked(struct context *context);
void signal_discard_locked(struct process *process, signal_set set); // from all queues; caller holds process->lock too
