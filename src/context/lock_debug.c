// Lock ranks, in debug builds: each context remembers what it holds, in order. A lock is taken over a held one only
// when its rank is higher, or the same with a higher address (the caller's order), or both are sleeping locks of one
// rank (parents before children). Wait queues of one rank nest in the order in which epoll sets hold each other, which
// has no cycle.
#include "src/context/lock.h"

#ifdef KERNEL_DEBUG

#include "src/context/context.h"
#include "src/kernel.h"

// Sleeping locks have the ranks up to here; spinlocks those above.
constexpr enum lock_rank SLEEPING_RANK_LAST = RANK_OBJECT;
static bool silent; // (A) a report is being made: its own locks are not looked at

static bool may_follow(const struct held_lock *held, const void *lock, enum lock_rank rank) {
    if (held->rank != rank) return held->rank < rank;
    return rank <= SLEEPING_RANK_LAST || rank == RANK_WAIT_QUEUE || held->lock < lock;
}

[[noreturn]] static void report(const struct context *context, const char *what, const void *lock,
                                enum lock_rank rank) {
    atomic_store_relaxed(&silent, true);
    for (unsigned i = 0; i < context->held_count; i++)
        log_error("lock", "held: %p of rank %u", context->held[i].lock, context->held[i].rank);
    panic("%s: %p of rank %u", what, lock, rank);
}

void lock_debug_acquire(const void *lock, enum lock_rank rank) {
    struct context *context = context_current();
    if (!context || atomic_load_relaxed(&silent)) return;
    for (unsigned i = 0; i < context->held_count; i++) {
        if (!may_follow(&context->held[i], lock, rank)) report(context, "lock taken out of order", lock, rank);
    }
    lock_debug_acquired(lock, rank);
}

void lock_debug_acquired(const void *lock, enum lock_rank rank) {
    struct context *context = context_current();
    if (!context || atomic_load_relaxed(&silent)) return;
    if (context->held_count == HELD_LOCKS_MAXIMUM) report(context, "too many locks held", lock, rank);
    context->held[context->held_count++] = (struct held_lock){lock, rank};
}

void lock_debug_release(const void *lock, enum lock_rank rank) {
    struct context *context = context_current();
    if (!context || atomic_load_relaxed(&silent)) return;
    for (unsigned i = context->held_count; i--;) {
        if (context->held[i].lock != lock) continue;
        context->held[i] = context->held[--context->held_count];
        return;
    }
    report(context, "a lock is released that is not held", lock, rank);
}

void lock_debug_may_sleep(void) {
    const struct context *context = context_current();
    if (!context || atomic_load_relaxed(&silent)) return;
    for (unsigned i = 0; i < context->held_count; i++) {
        if (context->held[i].rank > SLEEPING_RANK_LAST)
            report(context, "sleeping with a spinlock held", context->held[i].lock, context->held[i].rank);
    }
}

#endif
