// Futexes. Priority-inheriting ones are kept by the compare-and-exchange protocol of their word (owner's tid, a bit for
// waiters, a bit for a dead owner) over plain waits: right in what programs observe, without lending priorities.
#include "personality/src/linux/process.h"
#include "personality/src/linux/shims.h"
#include "personality/src/shim.h"

constexpr uint32_t FUTEX_OP_SHARED = 1, FUTEX_OP_REALTIME = 2; // of the ops

struct futex_call {
    uint32_t command, flags; // flags of the ops
    struct user_address address, second;
    uint32_t value, third;
    uintptr_t timeout; // an address, or the second count
};

static uint32_t op_flags(uint32_t operation) {
    return (operation & FUTEX_PRIVATE_FLAG) != 0 ? 0 : FUTEX_OP_SHARED;
}

// The absolute deadline of a wait. relative: a span on CLOCK_MONOTONIC.
static int32_t fetch_deadline(uintptr_t from, bool relative, nanoseconds *deadline) {
    *deadline = TIME_NEVER;
    if (from == 0) return 0;
    int32_t error = linux_fetch_timespec(user_pointer(from), deadline);
    if (error == 0 && relative) *deadline = linux_deadline(CLOCK_MONOTONIC, *deadline);
    return error;
}

static intptr_t wait_on(const struct linux_restart *wait) {
    int32_t result =
        kernel_ops->futex_wait(wait->futex, wait->expected, wait->bitset, wait->deadline, wait->futex_flags);
    if (!linux_was_interrupted(result)) return result;
    return wait->deadline == TIME_NEVER ? -KERNEL_ERESTART : linux_restart_later(wait);
}

intptr_t linux_futex_restart(const struct linux_restart *restart) {
    return wait_on(restart);
}

static intptr_t futex_wait(const struct futex_call *call, uint32_t bitset, bool relative) {
    struct linux_restart wait = {.kind = LINUX_RESTART_FUTEX,
                                 .futex = call->address,
                                 .expected = call->value,
                                 .bitset = bitset,
                                 .futex_flags = call->flags};
    int32_t error = fetch_deadline(call->timeout, relative, &wait.deadline);
    if (error != 0) return error;
    return bitset == 0 ? -EINVAL : wait_on(&wait);
}

static intptr_t command_wait(const struct futex_call *call) {
    return futex_wait(call, FUTEX_BITSET_MATCH_ANY, true);
}

static intptr_t command_wait_bitset(const struct futex_call *call) {
    return futex_wait(call, call->third, false);
}

static intptr_t command_wake(const struct futex_call *call) {
    return kernel_ops->futex_wake(call->address, (int32_t)call->value, FUTEX_BITSET_MATCH_ANY, call->flags);
}

static intptr_t command_wake_bitset(const struct futex_call *call) {
    if (call->third == 0) return -EINVAL;
    return kernel_ops->futex_wake(call->address, (int32_t)call->value, call->third, call->flags);
}

static intptr_t requeue(const struct futex_call *call, const uint32_t *expected) {
    int32_t wake = (int32_t)call->value, move = (int32_t)call->timeout;
    if (wake < 0 || move < 0) return -EINVAL;
    return kernel_ops->futex_requeue(call->address, wake, move, call->second, expected, call->flags);
}

static intptr_t command_requeue(const struct futex_call *call) {
    return requeue(call, nullptr);
}

static intptr_t command_cmp_requeue(const struct futex_call *call) {
    return requeue(call, &call->third);
}

static intptr_t command_wake_op(const struct futex_call *call) {
    uint32_t operation = call->third >> 28 & 7, comparison = call->third >> 24 & 15;
    if (operation > 4 || comparison > 5) return -ENOSYS;
    return kernel_ops->futex_wake_op(call->address, (int32_t)call->value, call->second, (int32_t)call->timeout,
                                     call->third, call->flags);
}

// ---- priority-inheriting futexes

static int32_t read_word(struct user_address address, uint32_t *word) {
    if (address.value % sizeof(*word) != 0) return -EINVAL;
    return kernel_ops->fetch(word, address, sizeof(*word));
}

static bool thread_exists(uint32_t tid) {
    nanoseconds time;
    return kernel_ops->clock_cpu_get((int32_t)tid, true, &time) >= 0 ||
           kernel_ops->get_process_group((int32_t)tid) >= 0;
}

// One try: 0 taken, -EAGAIN held by another (*word: the value with the waiters bit set, to wait on), or an error.
static int32_t try_lock(struct user_address address, bool will_wait, uint32_t *word) {
    uint32_t self = (uint32_t)kernel_ops->get_tid();
    for (;;) {
        int32_t error = read_word(address, word);
        if (error != 0) return error;
        uint32_t owner = *word & FUTEX_TID_MASK, desired;
        if (owner == self) return -EDEADLK;
        if (owner == 0) {
            desired = self | (*word & (FUTEX_WAITERS | FUTEX_OWNER_DIED));
        } else if (!thread_exists(owner)) {
            return -ESRCH;
        } else if (!will_wait || (*word & FUTEX_WAITERS) != 0) {
            return -EAGAIN;
        } else {
            desired = *word | FUTEX_WAITERS;
        }
        uint32_t expected = *word;
        error = kernel_ops->user_compare_exchange(address, &expected, desired);
        if (error < 0) return error;
        if (expected != *word) continue;
        if (owner == 0) return 0;
        *word = desired;
        return -EAGAIN;
    }
}

static intptr_t lock_until(struct user_address address, nanoseconds deadline, uint32_t flags) {
    uint32_t word;
    bool waited = false;
    for (;;) {
        int32_t error = try_lock(address, true, &word);
        if (error == 0 && waited) {
            // Others may still wait: the next unlock must come to the kernel.
            uint32_t expected = word & (FUTEX_WAITERS | FUTEX_OWNER_DIED);
            do {
                word = expected | (uint32_t)kernel_ops->get_tid();
                expected = word;
                error = kernel_ops->user_compare_exchange(address, &expected, word | FUTEX_WAITERS);
            } while (error == 0 && expected != word);
        }
        if (error != -EAGAIN) return error;
        waited = true;
        error = kernel_ops->futex_wait(address, word, FUTEX_BITSET_MATCH_ANY, deadline, flags);
        if (linux_was_interrupted(error)) return -KERNEL_ERESTART;
        if (error != 0 && error != -EAGAIN) return error;
    }
}

static intptr_t lock_pi(const struct futex_call *call, uint32_t clock_flag) {
    nanoseconds deadline;
    int32_t error = fetch_deadline(call->timeout, false, &deadline);
    return error != 0 ? error : lock_until(call->address, deadline, (call->flags & FUTEX_OP_SHARED) | clock_flag);
}

static intptr_t command_lock_pi(const struct futex_call *call) {
    return lock_pi(call, FUTEX_OP_REALTIME);
}

static intptr_t command_lock_pi2(const struct futex_call *call) {
    return lock_pi(call, call->flags & FUTEX_OP_REALTIME);
}

static intptr_t command_trylock_pi(const struct futex_call *call) {
    uint32_t word;
    int32_t error = try_lock(call->address, false, &word);
    return error == -EDEADLK || error == -EAGAIN ? error : error;
}

static intptr_t command_unlock_pi(const struct futex_call *call) {
    uint32_t self = (uint32_t)kernel_ops->get_tid(), word;
    for (;;) {
        int32_t error = read_word(call->address, &word);
        if (error != 0) return error;
        if ((word & FUTEX_TID_MASK) != self) return -EPERM;
        uint32_t expected = word;
        error = kernel_ops->user_compare_exchange(call->address, &expected, 0);
        if (error < 0) return error;
        if (expected == word) break;
    }
    if ((word & FUTEX_WAITERS) == 0) return 0;
    int32_t woken = kernel_ops->futex_wake(call->address, 1, FUTEX_BITSET_MATCH_ANY, call->flags);
    return woken < 0 ? woken : 0;
}

// The waiter is woken instead of moved, and takes the second futex itself.
static intptr_t command_wait_requeue_pi(const struct futex_call *call) {
    nanoseconds deadline;
    if (call->address.value == call->second.value || call->third == 0) return -EINVAL;
    int32_t error = fetch_deadline(call->timeout, false, &deadline);
    if (error != 0) return error;
    error = kernel_ops->futex_wait(call->address, call->value, FUTEX_BITSET_MATCH_ANY, deadline, call->flags);
    if (linux_was_interrupted(error)) return -KERNEL_ERESTART;
    if (error != 0) return error;
    return lock_until(call->second, deadline, call->flags);
}

static intptr_t command_cmp_requeue_pi(const struct futex_call *call) {
    uint32_t word;
    int32_t move = (int32_t)call->timeout;
    if (call->address.value == call->second.value || call->value != 1 || move < 0) return -EINVAL;
    int32_t error = read_word(call->address, &word);
    if (error != 0) return error;
    if (word != call->third) return -EAGAIN;
    return kernel_ops->futex_wake(call->address, move < INT32_MAX ? move + 1 : move, FUTEX_BITSET_MATCH_ANY,
                                  call->flags);
}

// ---- the call

typedef intptr_t futex_command(const struct futex_call *call);
static futex_command *const commands[] = {
    [FUTEX_WAIT] = command_wait,
    [FUTEX_WAKE] = command_wake,
    [FUTEX_REQUEUE] = command_requeue,
    [FUTEX_CMP_REQUEUE] = command_cmp_requeue,
    [FUTEX_WAKE_OP] = command_wake_op,
    [FUTEX_LOCK_PI] = command_lock_pi,
    [FUTEX_UNLOCK_PI] = command_unlock_pi,
    [FUTEX_TRYLOCK_PI] = command_trylock_pi,
    [FUTEX_WAIT_BITSET] = command_wait_bitset,
    [FUTEX_WAKE_BITSET] = command_wake_bitset,
    [FUTEX_WAIT_REQUEUE_PI] = command_wait_requeue_pi,
    [FUTEX_CMP_REQUEUE_PI] = command_cmp_requeue_pi,
    [FUTEX_LOCK_PI2] = command_lock_pi2,
};
constexpr uint32_t WITH_CLOCK =
    1u << FUTEX_WAIT | 1u << FUTEX_WAIT_BITSET | 1u << FUTEX_WAIT_REQUEUE_PI | 1u << FUTEX_LOCK_PI2;

SHIM5(linux_futex, address, operation, value, timeout, second) {
    uint32_t command = (uint32_t)operation & ~(uint32_t)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
    if (command >= array_size(commands) || commands[command] == nullptr) return -ENOSYS;
    struct futex_call call = {.command = command,
                              .flags = op_flags((uint32_t)operation),
                              .address = user_pointer(address),
                              .second = user_pointer(second),
                              .value = (uint32_t)value,
                              .timeout = timeout,
                              .third = (uint32_t)sixth_argument()};
    if ((operation & FUTEX_CLOCK_REALTIME) != 0) {
        if ((WITH_CLOCK >> command & 1) == 0) return -ENOSYS;
        // A relative wait is not moved by setting the clock.
        if (command != FUTEX_WAIT) call.flags |= FUTEX_OP_REALTIME;
    }
    return commands[command](&call);
}

// ---- robust lists

constexpr size_t ROBUST_LIST_MAXIMUM = 2048;

SHIM2(linux_set_robust_list, head, size) {
    struct linux_thread *thread;
    if (size != sizeof(struct linux_robust_list_head)) return -EINVAL;
    int32_t error = linux_thread_current(&thread);
    if (error != 0) return error;
    thread->robust_list = user_pointer(head);
    return 0;
}

SHIM3(linux_get_robust_list, tid, head_to, size_to) {
    const uint64_t size = sizeof(struct linux_robust_list_head);
    if ((int32_t)tid != 0 && (int32_t)tid != kernel_ops->get_tid()) {
        return thread_exists((uint32_t)tid) ? -EPERM : -ESRCH;
    }
    const struct linux_thread *thread = linux_thread_existing();
    const uint64_t head = thread != nullptr ? thread->robust_list.value : 0;
    int32_t error = store_struct(size_to, &size);
    return error != 0 ? error : store_struct(head_to, &head);
}

// The futex's owner is gone: says so in the word and wakes one waiter. Faults end the walk silently.
static bool robust_release(struct user_address address, bool priority_inheriting, bool pending) {
    uint32_t self = (uint32_t)kernel_ops->get_tid(), word;
    for (;;) {
        if (read_word(address, &word) != 0) return false;
        // Died between taking the lock's decision and the word's change: a waiter may have lost its wake-up.
        if (pending && !priority_inheriting && (word & FUTEX_TID_MASK) == 0) {
            (void)!kernel_ops->futex_wake(address, 1, FUTEX_BITSET_MATCH_ANY, FUTEX_OP_SHARED);
            return true;
        }
        if ((word & FUTEX_TID_MASK) != self) return true;
        uint32_t expected = word;
        if (kernel_ops->user_compare_exchange(address, &expected, (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED) < 0) {
            return false;
        }
        if (expected == word) break;
    }
    if ((word & FUTEX_WAITERS) != 0) {
        (void)!kernel_ops->futex_wake(address, 1, FUTEX_BITSET_MATCH_ANY, FUTEX_OP_SHARED);
    }
    return true;
}

void linux_robust_list_exit(struct linux_thread *thread) {
    struct linux_robust_list_head head;
    struct user_address start = thread->robust_list;
    thread->robust_list = (struct user_address){};
    if (start.value == 0 || kernel_ops->fetch(&head, start, sizeof(head)) != 0) return;
    uint64_t entry = head.list;
    for (size_t steps = 0; (entry & ~1ULL) != start.value && steps < ROBUST_LIST_MAXIMUM; steps++) {
        uint64_t next;
        struct user_address place = {entry & ~1ULL};
        // The link is read first: a woken thread may reuse the entry.
        bool more = kernel_ops->fetch(&next, place, sizeof(next)) == 0;
        if (entry != head.list_op_pending &&
            !robust_release((struct user_address){place.value + (uint64_t)head.futex_offset}, entry & 1, false)) {
            return;
        }
        if (!more) return;
        entry = next;
    }
    if ((head.list_op_pending & ~1ULL) != 0) {
        robust_release((struct user_address){(head.list_op_pending & ~1ULL) + (uint64_t)head.futex_offset},
                       head.list_op_pending & 1, true);
    }
}
