// Ops on advisory locks.
#include <personality.h>

#include "src/scheme/file.h"
#include "src/scheme/lock_record.h"

enum flock_operation : uint32_t {
    FLOCK_SHARED = 1,
    FLOCK_EXCLUSIVE = 2,
    FLOCK_NO_WAIT = 4,
    FLOCK_UNLOCK = 8,
    FLOCK_MANDATORY = 32
};

static int32_t check(const struct file *file, const struct kernel_file_lock *lock) {
    if (file->flags & O_PATH) return -EBADF;
    if (!file->node || lock->type > LOCK_NONE) return -EINVAL;
    return lock->start > INT64_MAX || lock->length > INT64_MAX - lock->start + 1 ? -EOVERFLOW : 0;
}

int32_t kop_file_lock_test(int32_t descriptor, struct kernel_file_lock *lock, uint32_t of_file) {
    struct file_reference reference = file_lookup(descriptor);
    if (!reference.file) return -EBADF;
    int32_t error = check(reference.file, lock);
    if (error == 0) lock_test(reference.file, of_file ? LOCK_FILE : LOCK_PROCESS, lock);
    file_release(reference);
    return error;
}

int32_t kop_file_lock_set(int32_t descriptor, const struct kernel_file_lock *lock, uint32_t of_file, uint32_t wait) {
    struct file_reference reference = file_lookup(descriptor);
    struct file *file = reference.file;
    if (!file) return -EBADF;
    int32_t error = check(file, lock);
    if (error == 0 && lock->type == LOCK_READ && !file_readable(file)) error = -EBADF;
    if (error == 0 && lock->type == LOCK_WRITE && !file_writable(file)) error = -EBADF;
    if (error == 0) error = lock_set(file, of_file ? LOCK_FILE : LOCK_PROCESS, lock, wait);
    file_release(reference);
    return error;
}

int32_t kop_flock(int32_t descriptor, uint32_t operation) {
    struct kernel_file_lock lock = {};
    bool wait = !(operation & FLOCK_NO_WAIT);
    if (operation & FLOCK_MANDATORY) return 0; // gone from Linux, where it does nothing
    switch (operation & ~(uint32_t)FLOCK_NO_WAIT) {
    case FLOCK_SHARED:
        lock.type = LOCK_READ;
        break;
    case FLOCK_EXCLUSIVE:
        lock.type = LOCK_WRITE;
        break;
    case FLOCK_UNLOCK:
        lock.type = LOCK_NONE;
        break;
    default:
        return -EINVAL;
    }
    struct file_reference reference = file_lookup(descriptor);
    if (!reference.file) return -EBADF;
    int32_t error = check(reference.file, &lock);
    if (error == 0) error = lock_set(reference.file, LOCK_WHOLE, &lock, wait);
    file_release(reference);
    return error;
}
