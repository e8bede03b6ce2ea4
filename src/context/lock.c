// Sleeping locks, and the rank check of debug builds.
#include "src/context/lock.h"

#include "src/context/context.h"
#include "src/context/wait.h"
#include "src/kernel.h"

// ---- mutex. A releaser of a contended mutex frees it and wakes the first waiter, who competes again.

struct mutex_waiter {
    struct list link;
    struct context *context;
};

void mutex_init(struct mutex *mutex, enum lock_rank rank) {
    *mutex = (struct mutex){.rank = rank};
    spinlock_init(&mutex->lock, RANK_WAIT_QUEUE);
    list_init(&mutex->waiters);
}

// A zeroed mutex (static storage) has no list head yet. Caller holds mutex->lock.
static void mutex_waiters_ready(struct mutex *mutex) {
    if (!mutex->waiters.next) list_init(&mutex->waiters);
}

void mutex_lock_slow(struct mutex *mutex) {
    struct mutex_waiter waiter = {.context = context_current()};
    spin_lock(&mutex->lock);
    mutex_waiters_ready(mutex);
    list_push_back(&mutex->waiters, &waiter.link);
    for (;;) {
        context_block_prepare();
        if (!atomic_exchange_acquire(&mutex->state, 2)) break;
        spin_unlock(&mutex->lock);
        (void)context_block(WAIT_UNINTERRUPTIBLE, TIME_NEVER);
        spin_lock(&mutex->lock);
    }
    context_block_cancel();
    list_remove(&waiter.link);
    spin_unlock(&mutex->lock);
}

void mutex_unlock_slow(struct mutex *mutex) {
    spin_lock(&mutex->lock);
    mutex_waiters_ready(mutex);
    atomic_store_seq_cst(&mutex->state, 0);
    struct mutex_waiter *first = list_first(&mutex->waiters, struct mutex_waiter, link);
    if (first) (void)context_wake(first->context);
    spin_unlock(&mutex->lock);
}

// ---- rwlock. A releaser hands the lock over.

struct rwlock_waiter {
    struct list link;
    struct context *context;
    bool writer, granted;
};

void rwlock_init(struct rwlock *lock, enum lock_rank rank) {
    *lock = (struct rwlock){.rank = rank};
    spinlock_init(&lock->lock, RANK_WAIT_QUEUE);
    list_init(&lock->waiters);
}

// Caller holds lock->lock, which is dropped.
static void rwlock_wait(struct rwlock *lock, bool writer) {
    struct rwlock_waiter waiter = {.context = context_current(), .writer = writer};
    list_push_back(&lock->waiters, &waiter.link);
    while (!waiter.granted) {
        context_block_prepare();
        spin_unlock(&lock->lock);
        (void)context_block(WAIT_UNINTERRUPTIBLE, TIME_NEVER);
        spin_lock(&lock->lock);
    }
    spin_unlock(&lock->lock);
}

static void rwlock_grant(struct rwlock_waiter *waiter) {
    list_remove(&waiter->link);
    waiter->granted = true;
    (void)context_wake(waiter->context);
}

// The lock is free: gives it to the first writer, else to all readers. Caller holds lock->lock.
static void rwlock_hand_over(struct rwlock *lock) {
    if (lock->writers_waiting) {
        list_for_each(waiter, &lock->waiters, struct rwlock_waiter, link) {
            if (!waiter->writer) continue;
            lock->writers_waiting--;
            lock->readers = -1;
            rwlock_grant(waiter);
            return;
        }
    }
    list_for_each_safe(waiter, following, &lock->waiters, struct rwlock_waiter, link) {
        lock->readers++;
        rwlock_grant(waiter);
    }
}

void rwlock_read_lock(struct rwlock *lock) {
    lock_debug_acquire(lock, lock->rank);
    spin_lock(&lock->lock);
    if (likely(lock->readers >= 0 && !lock->writers_waiting)) {
        lock->readers++;
        spin_unlock(&lock->lock);
        return;
    }
    rwlock_wait(lock, false);
}

bool rwlock_read_trylock(struct rwlock *lock) {
    spin_lock(&lock->lock);
    bool taken = lock->readers >= 0 && !lock->writers_waiting;
    if (taken) lock->readers++;
    spin_unlock(&lock->lock);
    if (taken) lock_debug_acquired(lock, lock->rank);
    return taken;
}

void rwlock_read_unlock(struct rwlock *lock) {
    lock_debug_release(lock, lock->rank);
    spin_lock(&lock->lock);
    if (!--lock->readers && unlikely(!list_empty(&lock->waiters))) rwlock_hand_over(lock);
    spin_unlock(&lock->lock);
}

void rwlock_write_lock(struct rwlock *lock) {
    lock_debug_acquire(lock, lock->rank);
    spin_lock(&lock->lock);
    if (likely(!lock->readers)) {
        lock->readers = -1;
        spin_unlock(&lock->lock);
        return;
    }
    lock->writers_waiting++;
    rwlock_wait(lock, true);
}

void rwlock_write_unlock(struct rwlock *lock) {
    lock_debug_release(lock, lock->rank);
    spin_lock(&lock->lock);
    lock->readers = 0;
    if (unlikely(!list_empty(&lock->waiters))) rwlock_hand_over(lock);
    spin_unlock(&lock->lock);
}
