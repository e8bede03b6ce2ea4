// Canonical signals: pending sets, queues of siginfo, actions, stop and continue.
#pragma once

#include <personality.h>

#include "lib/list.h"
#include "lib/refcount.h"

struct context;
struct process;
struct user_frame;

struct signal_queue {
    signal_set set;      // signals that are pending
    struct list entries; // struct signal_entry, oldest first
};

struct signal_actions {
    struct refcount references;
    struct signal_action actions[SIGNAL_COUNT]; // of signal n at n - 1
};

// Sends; takes the target's signal lock. info->signal 0 only checks nothing. Realtime signals queue (RLIMIT_SIGPENDING:
// -EAGAIN for sigqueue), others merge. Any context.
int32_t signal_send_process(struct process *process, const struct kernel_siginfo *info);
int32_t signal_send_context(struct context *context, const struct kernel_siginfo *info);
// All members of a process group. -ESRCH when it is empty. Takes tasklist_lock.
int32_t signal_send_group(int32_t group, const struct kernel_siginfo *info);
// For the holder of tasklist_lock.
int32_t signal_send_process_locked(struct process *process, const struct kernel_siginfo *info);
// For the kernel's own: SIGINT of the tty and so on.
int32_t signal_send_group_simple(int32_t group, uint32_t signal);
// A synchronous signal of the running thread: not to be ignored or blocked (then the default action kills).
void signal_force(const struct kernel_siginfo *info);
// Whether the running thread has a signal it must handle (or dies).
bool signal_deliverable(void);
bool signal_fatal_pending(void);
// What a tty must know of the running thread.
bool signal_ignored_or_blocked(uint32_t signal);
// Replaces the mask until return to user mode, where the old one is restored (after a handler's frame saved it).
void signal_mask_temporarily(signal_set mask);
// On return to user mode: takes signals and delivers them; stops; may not return (death).
void signal_deliver_pending(struct user_frame *frame);
// Signals that are pending for the running thread, its process's included.
signal_set signal_pending_set(void);
// Takes one of set that is pending, blocked or not. False: none.
bool signal_take(signal_set set, struct kernel_siginfo *info);
// Inside an interruptible wait: stops when that is what the next signal asks for, or when the process is stopped
// already. Returns whether it did (now continued).
bool signal_stop_in_wait(void);
void signal_queue_clear(struct process *process, struct signal_queue *queue); // frees the entries
void signal_set_mask(signal_set mask);                                        // of the running thread
// Sleeps while WORK_STOP is set; returns also when the thread must die.
void signal_stop_sleep(void);
struct signal_actions *signal_actions_copy(const struct signal_actions *actions); // nullptr: no memory
// Consumes the reference to new and drops the one to the old.
void signal_actions_replace(struct process *process, struct signal_actions *new);
void signal_exec_reset(struct process *process); // handlers become default
