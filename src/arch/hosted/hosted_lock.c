// Sleeping locks for hosted tests of one thread: they are never contended, which is asserted.
#include "src/context/lock.h"
#include "src/kernel.h"

void mutex_init(struct mutex *mutex, enum lock_rank rank) {
    *mutex = (struct mutex){.rank = rank};
}

void mutex_lock_slow(struct mutex *) {
    panic("a mutex is taken twice");
}

void mutex_unlock_slow(struct mutex *) {
    panic("a mutex is released that is not held");
}

void rwlock_init(struct rwlock *lock, enum lock_rank rank) {
    *lock = (struct rwlock){.rank = rank};
}

void rwlock_read_lock(struct rwlock *lock) {
    kernel_assert(lock->readers >= 0);
    lock->readers++;
}

bool rwlock_read_trylock(struct rwlock *lock) {
    if (lock->readers < 0) return false;
    lock->readers++;
    return true;
}

void rwlock_read_unlock(struct rwlock *lock) {
    kernel_assert(lock->readers > 0);
    lock->readers--;
}

void rwlock_write_lock(struct rwlock *lock) {
    kernel_assert(lock->readers == 0);
    lock->readers = -1;
}

void rwlock_write_unlock(struct rwlock *lock) {
    kernel_assert(lock->readers == -1);
    lock->readers = 0;
}
