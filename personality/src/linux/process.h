// What the files of the Linux personality about processes, signals, memory, time and scheduling share.
#pragma once

#include "personality.h"
#include "personality/src/linux/abi_process.h"

// The continuation of a call that a signal interrupted, run by restart_syscall.
enum linux_restart_kind : uint32_t { LINUX_RESTART_NONE, LINUX_RESTART_SLEEP, LINUX_RESTART_FUTEX };
struct linux_restart {
    enum linux_restart_kind kind;
    enum clock_id clock;
    nanoseconds deadline;          // on clock
    struct user_address remaining; // sleep: where the remaining time goes; 0: nowhere
    struct user_address futex;
    uint32_t expected, bitset, futex_flags;
};

// The Linux personality's part of a thread, made when it is first needed and at thread_create when the parent has one.
struct linux_thread {
    struct linux_restart restart;
    struct user_address robust_list; // 0: none
    uint32_t persona;                // personality(2)
    uint32_t memory_policy;          // set_mempolicy(2)
    struct linux_filter *filters;    // a reference
    bool seccomp_strict;
};

// Its part of a process, made when first needed. Not inherited.
struct linux_aio;

struct linux_process {
    struct linux_aio *aio; // contexts of aio.c; aio_lock
    uint32_t aio_lock;     // (A)
    uint32_t membarrier_registered;
};
[[nodiscard]] int32_t linux_process_current(struct linux_process **process);

// The current thread's part. -ENOMEM.
[[nodiscard]] int32_t linux_thread_current(struct linux_thread **thread);
// The same, nullptr when none was needed yet.
struct linux_thread *linux_thread_existing(void);

// Hooks; contracts in personality.h.
extern const struct personality_hooks linux_hooks;
int32_t linux_start(const struct program_image *image, struct user_frame *frame);
int32_t linux_thread_create(void *parent_slot, void **child_slot);
void linux_thread_exit(void *slot);
void linux_exec_commit(void *thread_slot, void *process_slot);
void linux_slot_release(enum slot_kind kind, void *slot);

// Walks and releases the robust futex list of a thread that exits or execs. May sleep.
void linux_robust_list_exit(struct linux_thread *thread);

// Continues an interrupted futex wait.
[[nodiscard]] intptr_t linux_futex_restart(const struct linux_restart *restart);

// Whether an op's answer means "a signal came".
static inline bool linux_was_interrupted(int32_t result) {
    return result == -EINTR || result == -KERNEL_ERESTART || result == -KERNEL_ERESTART_NO_HANDLER;
}

// ---- signal.c

void linux_siginfo_from_kernel(struct linux_siginfo *to, const struct kernel_siginfo *from);
// The form that the queueing calls take: sender and value.
void linux_siginfo_to_kernel(struct kernel_siginfo *to, const struct linux_siginfo *from);
// Sends the signal to the current thread although it blocks or ignores it (then with the default action).
void linux_force_signal(uint32_t signal, int32_t code);
void linux_force_siginfo(const struct kernel_siginfo *info);
struct linux_stack linux_stack_from_kernel(const struct signal_stack *stack);
// Validates and sets the alternate stack. -EINVAL, -ENOMEM (too small), -EPERM (it is in use).
[[nodiscard]] int32_t linux_stack_set(const struct linux_stack *stack, uintptr_t stack_pointer);
static inline bool linux_on_signal_stack(const struct signal_stack *stack, uintptr_t stack_pointer) {
    return stack->size != 0 && (stack->flags & (SS_AUTODISARM | SS_DISABLE)) == 0 &&
           stack_pointer > stack->base.value && stack_pointer - stack->base.value <= stack->size;
}

// ---- time.c, timer.c

// The value of a timer that was made without a sigevent: its signal's value is the timer's number.
constexpr uintptr_t LINUX_TIMER_VALUE_IS_ID = 0xffff'0000'0000'0001;

// Fetches and checks a time: -EFAULT, -EINVAL (negative, or nanoseconds of a second or more). Saturates.
[[nodiscard]] int32_t linux_fetch_timespec(struct user_address from, nanoseconds *time);
[[nodiscard]] int32_t linux_timespec_to_kernel(const struct linux_timespec *from, nanoseconds *to);
struct linux_timespec linux_timespec_from_kernel(nanoseconds time);
struct linux_timeval linux_timeval_from_kernel(nanoseconds time);
// now on the clock + span, saturating at TIME_NEVER.
nanoseconds linux_deadline(enum clock_id clock, nanoseconds span);
// Saves the continuation of a sleep and returns what the shim must answer.
[[nodiscard]] int32_t linux_restart_later(const struct linux_restart *restart);

// ---- process.c

// Whether flags may be combined: 0, -EINVAL, -EPERM.
[[nodiscard]] int32_t linux_clone_flags_check(uint64_t flags);
// A structure that grows over time: bytes behind the known ones must be zero, else -E2BIG. size is bounded by the
// caller.
[[nodiscard]] int32_t linux_fetch_extensible(void *to, size_t known, uintptr_t from, size_t size);

void linux_rusage_from_kernel(struct linux_rusage *to, const struct kernel_rusage *from);
// The word of wait4.
int32_t linux_wait_status(enum child_code code, int32_t status);
