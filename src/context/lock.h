// Spinlocks (never held over anything that may sleep), mutexes and reader-writer locks (may sleep).
// Every lock has a rank; debug builds panic when one is taken whose rank is not above all that are held.
#pragma once

#include "lib/atomic.h"
#include "lib/list.h"
#include "src/arch/arch.h"

// Locks of a higher rank are taken later. Several of one rank only by address order (runqueues, siblings of a tree).
enum lock_rank : uint8_t {
    RANK_PERSONALITY = 10,
    RANK_MOUNT = 20,
    RANK_FILE = 25, // a file's position: held across the transfer
    RANK_DIRECTORY = 30,
    RANK_NODE = 35,
    RANK_ADDRESS_SPACE = 50,
    RANK_OBJECT = 55, // memory objects
    RANK_PROCESS = 60,
    RANK_HANDLE_TABLE = 65,
    RANK_FILE_SYSTEM_STATE = 67, // root and working directory of processes
    RANK_NAME = 68,              // the name cache and the mount table
    RANK_SIGNAL = 70,
    RANK_READINESS = 75,
    RANK_DEVICE = 80,
    RANK_DRIVER = 82, // a device's queues: terminals call drivers with their lock held
    RANK_PAGE_TABLE = 83,
    RANK_PAGE_LIST = 84, // the list of reclaimable pages
    RANK_WAIT_QUEUE = 85,
    RANK_TIMER = 90,
    RANK_RUN_QUEUE = 92,
    RANK_HEAP = 94,
    RANK_FRAME = 96,
    RANK_LOG = 98,
};

struct spinlock {
    uint32_t held; // (A)
    enum lock_rank rank;
};
#define SPINLOCK_INIT(lock_rank) {.held = 0, .rank = (lock_rank)}

static inline void spinlock_init(struct spinlock *lock, enum lock_rank rank) {
    *lock = (struct spinlock){.rank = rank};
}

#ifdef KERNEL_DEBUG
void lock_debug_acquire(const void *lock, enum lock_rank rank);
void lock_debug_acquired(const void *lock, enum lock_rank rank); // by a try, which may be out of order
void lock_debug_release(const void *lock, enum lock_rank rank);
void lock_debug_may_sleep(void); // panics when a spinlock is held
constexpr unsigned HELD_LOCKS_MAXIMUM = 72;
struct held_lock {
    const void *lock;
    enum lock_rank rank;
};
#else
static inline void lock_debug_may_sleep(void) {
}
static inline void lock_debug_acquire(const void *, enum lock_rank) {
}
static inline void lock_debug_acquired(const void *, enum lock_rank) {
}
static inline void lock_debug_release(const void *, enum lock_rank) {
}
#endif

static inline void spin_lock(struct spinlock *lock) {
    lock_debug_acquire(lock, lock->rank);
    while (atomic_exchange_acquire(&lock->held, 1)) {
        while (atomic_load_relaxed(&lock->held))
            arch_spin_pause();
    }
}

[[nodiscard]] static inline bool spin_trylock(struct spinlock *lock) {
    if (atomic_exchange_acquire(&lock->held, 1)) return false;
    lock_debug_acquired(lock, lock->rank);
    return true;
}

static inline void spin_unlock(struct spinlock *lock) {
    lock_debug_release(lock, lock->rank);
    atomic_store_release(&lock->held, 0);
}

// A sleeping lock. state: 0 free, 1 held, 2 held and somebody waits.
struct mutex {
    uint32_t state; // (A)
    enum lock_rank rank;
    struct spinlock lock; // guards waiters
    struct list waiters;
    struct context *owner; // debug builds
};

#define MUTEX_INIT(mutex, lock_rank)                                                                                   \
    {.rank = (lock_rank), .lock = SPINLOCK_INIT(RANK_WAIT_QUEUE), .waiters = LIST_INIT((mutex).waiters)}
void mutex_init(struct mutex *mutex, enum lock_rank rank);
void mutex_lock_slow(struct mutex *mutex);
void mutex_unlock_slow(struct mutex *mutex);

// May sleep, not interruptible.
static inline void mutex_lock(struct mutex *mutex) {
    uint32_t expected = 0;
    lock_debug_acquire(mutex, mutex->rank);
    if (!atomic_compare_exchange_acq_rel(&mutex->state, &expected, 1u)) mutex_lock_slow(mutex);
}

[[nodiscard]] static inline bool mutex_trylock(struct mutex *mutex) {
    uint32_t expected = 0;
    if (!atomic_compare_exchange_acq_rel(&mutex->state, &expected, 1u)) return false;
    lock_debug_acquired(mutex, mutex->rank);
    return true;
}

static inline void mutex_unlock(struct mutex *mutex) {
    uint32_t expected = 1;
    lock_debug_release(mutex, mutex->rank);
    if (!atomic_compare_exchange_acq_rel(&mutex->state, &expected, 0u)) mutex_unlock_slow(mutex);
}

// Many readers or one writer; writers go first. Guards address spaces. May sleep.
struct rwlock {
    struct spinlock lock; // guards the rest
    int32_t readers;      // -1: a writer
    uint32_t writers_waiting;
    enum lock_rank rank;
    struct list waiters;
};
void rwlock_init(struct rwlock *lock, enum lock_rank rank);
void rwlock_read_lock(struct rwlock *lock);
[[nodiscard]] bool rwlock_read_trylock(struct rwlock *lock);
void rwlock_read_unlock(struct rwlock *lock);
void rwlock_write_lock(struct rwlock *lock);
void rwlock_write_unlock(struct rwlock *lock);
