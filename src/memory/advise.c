// madvise, msync, mlock and mincore.
#include "src/memory/advise.h"

#include "src/memory/fault.h"
#include "src/memory/grant.h"
#include "src/memory/object_internal.h"

// What each advice does to a grant.
enum advice_kind : uint8_t { ADVICE_UNKNOWN, ADVICE_NOTHING, ADVICE_DROP, ADVICE_FREE, ADVICE_PUNCH, ADVICE_FLAGS };
struct advice {
    enum advice_kind kind;
    uint32_t set, clear;
};
enum : uint32_t { MADV_POPULATE_READ = 22, MADV_POPULATE_WRITE = 23, ADVICE_COUNT = 24 };
static const struct advice advices[ADVICE_COUNT] = {
    [MADV_NORMAL] = {ADVICE_NOTHING, 0, 0},
    [MADV_RANDOM] = {ADVICE_NOTHING, 0, 0},
    [MADV_SEQUENTIAL] = {ADVICE_NOTHING, 0, 0},
    [MADV_WILLNEED] = {ADVICE_NOTHING, 0, 0},
    [MADV_DONTNEED] = {ADVICE_DROP, 0, 0},
    [MADV_FREE] = {ADVICE_FREE, 0, 0},
    [MADV_REMOVE] = {ADVICE_PUNCH, 0, 0},
    [MADV_DONTFORK] = {ADVICE_FLAGS, GRANT_NO_FORK, 0},
    [MADV_DOFORK] = {ADVICE_FLAGS, 0, GRANT_NO_FORK},
    [MADV_MERGEABLE] = {ADVICE_NOTHING, 0, 0},
    [MADV_UNMERGEABLE] = {ADVICE_NOTHING, 0, 0},
    [MADV_HUGEPAGE] = {ADVICE_NOTHING, 0, 0},
    [MADV_NOHUGEPAGE] = {ADVICE_NOTHING, 0, 0},
    [MADV_DONTDUMP] = {ADVICE_NOTHING, 0, 0},
    [MADV_DODUMP] = {ADVICE_NOTHING, 0, 0},
    [MADV_WIPEONFORK] = {ADVICE_FLAGS, GRANT_WIPE_ON_FORK, 0},
    [MADV_KEEPONFORK] = {ADVICE_FLAGS, 0, GRANT_WIPE_ON_FORK},
    [MADV_COLD] = {ADVICE_NOTHING, 0, 0},
    [MADV_PAGEOUT] = {ADVICE_NOTHING, 0, 0},
};

// Checks [address, address + length) as these calls do: *end is rounded up.
static int32_t check_range(uintptr_t address, size_t length, uintptr_t *end, int32_t too_far) {
    size_t rounded = align_up(length, PAGE_SIZE);
    if (address & PAGE_MASK) return -EINVAL;
    if (rounded < length) return too_far;
    if (rounded > USER_LIMIT || address > USER_LIMIT - rounded) return too_far;
    *end = address + rounded;
    return 0;
}

static int32_t punch(struct grant *grant) {
    if (grant->flags & GRANT_LOCKED || !grant->object || !(grant->flags & GRANT_SHARED)) return -EINVAL;
    if (!(grant->maximum_protection & PROT_WRITE)) return -EACCES;
    memory_object_punch(grant->object, grant->offset, grant->end - grant->start);
    return 0;
}

static int32_t advise_grant(struct address_space *space, struct grant *grant, void *data) {
    const struct advice *advice = data;
    switch (advice->kind) {
    case ADVICE_FREE:
        if (grant->object || grant->flags & GRANT_SHARED) return -EINVAL;
        [[fallthrough]];
    case ADVICE_DROP:
        if (grant->flags & (GRANT_LOCKED | GRANT_SPECIAL)) return -EINVAL;
        space_zap(space, grant->start, grant->end);
        return 0;
    case ADVICE_PUNCH:
        return punch(grant);
    case ADVICE_FLAGS:
        if (advice->set & GRANT_WIPE_ON_FORK && (grant->object || grant->flags & GRANT_SHARED)) return -EINVAL;
        if (grant->flags & GRANT_SPECIAL) return -EINVAL;
        grant->flags = (grant->flags | advice->set) & ~advice->clear;
        return 0;
    default:
        return 0;
    }
}

static int32_t populate(struct address_space *space, uintptr_t address, uintptr_t end, uint32_t access) {
    for (; address < end; address += PAGE_SIZE) {
        int32_t error = address_space_fault(space, address, access);
        if (error == -EFAULT) return -ENOMEM; // not mapped
        if (error == -EACCES) return -EINVAL;
        if (error) return error == -ENOMEM ? error : -EFAULT;
    }
    return 0;
}

int32_t address_space_advise(struct address_space *space, uintptr_t address, size_t length, uint32_t advice) {
    uintptr_t end;
    bool populates = advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE;
    if (advice >= ADVICE_COUNT || (advices[advice].kind == ADVICE_UNKNOWN && !populates)) return -EINVAL;
    int32_t error = check_range(address, length, &end, -EINVAL);
    if (error || end == address) return error;
    if (populates) return populate(space, address, end, advice == MADV_POPULATE_READ ? FAULT_READ : FAULT_WRITE);
    struct list dead = LIST_INIT(dead);
    rwlock_write_lock(&space->lock);
    error = space_for_each(space, address, end, advise_grant, (void *)&advices[advice], &dead);
    rwlock_write_unlock(&space->lock);
    grants_free(&dead);
    return error;
}

int32_t address_space_sync(struct address_space *space, uintptr_t address, size_t length, uint32_t flags) {
    uintptr_t end;
    if (flags & ~(uint32_t)(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) return -EINVAL;
    if (flags & MS_ASYNC && flags & MS_SYNC) return -EINVAL;
    int32_t result = check_range(address, length, &end, -ENOMEM);
    while (!result && address < end) {
        struct memory_object *object = nullptr;
        uint64_t offset = 0;
        rwlock_read_lock(&space->lock);
        struct grant *grant = address_space_find_locked(space, address);
        if (!grant || grant->start >= end) {
            rwlock_read_unlock(&space->lock);
            return -ENOMEM;
        }
        if (flags & MS_INVALIDATE && grant->flags & GRANT_LOCKED) result = -EBUSY;
        bool hole = grant->start > address;
        uintptr_t from = max(address, grant->start), to = min(end, grant->end);
        if (!result && flags & MS_SYNC && grant->object && grant->flags & GRANT_SHARED) {
            object = grant->object;
            offset = grant->offset + (from - grant->start);
            memory_object_get(object);
        }
        rwlock_read_unlock(&space->lock);
        if (object) {
            result = memory_object_sync(object, offset, to - from);
            memory_object_put(object);
        }
        if (hole && !result) { // the rest is written, the answer is that something was missing
            int32_t rest = to < end ? address_space_sync(space, to, end - to, flags) : 0;
            return rest ? rest : -ENOMEM;
        }
        address = to;
    }
    return result;
}

// ---- locking

static int32_t lock_grant(struct address_space *space, struct grant *grant, void *data) {
    bool lock = *(const bool *)data, locked = grant->flags & GRANT_LOCKED;
    if (lock == locked || grant->flags & GRANT_SPECIAL) return 0;
    uint64_t pages = (grant->end - grant->start) >> PAGE_SHIFT;
    grant->flags ^= GRANT_LOCKED;
    if (lock)
        atomic_fetch_add_relaxed(&space->locked_pages, pages);
    else
        atomic_fetch_sub_relaxed(&space->locked_pages, pages);
    return 0;
}

int32_t address_space_lock(struct address_space *space, uintptr_t address, size_t length, bool lock, bool fill) {
    struct list dead = LIST_INIT(dead);
    uintptr_t end;
    uintptr_t start = align_down(address, PAGE_SIZE);
    size_t whole;
    if (__builtin_add_overflow(length, address - start, &whole)) return -EINVAL;
    int32_t error = check_range(start, whole, &end, -EINVAL);
    if (error) return address + length < address ? -EINVAL : -ENOMEM;
    if (start == end) return 0;
    rwlock_write_lock(&space->lock);
    error = space_for_each(space, start, end, lock_grant, &lock, &dead);
    rwlock_write_unlock(&space->lock);
    grants_free(&dead);
    if (error || !lock || !fill) return error;
    error = address_space_populate(space, start, end);
    return error == -ENOMEM ? -EAGAIN : error == 0 ? 0 : -ENOMEM;
}

int32_t address_space_lock_all(struct address_space *space, bool lock, bool fill) {
    struct list dead = LIST_INIT(dead);
    rwlock_write_lock(&space->lock);
    (void)space_for_each(space, 0, USER_LIMIT, lock_grant, &lock, &dead); // holes are normal here
    rwlock_write_unlock(&space->lock);
    grants_free(&dead);
    for (uintptr_t at = 0; lock && fill;) {
        rwlock_read_lock(&space->lock);
        struct grant *grant = address_space_find_locked(space, at);
        uintptr_t start = grant ? max(grant->start, at) : 0, end = grant ? grant->end : 0;
        bool usable = grant && grant->protection != PROT_NONE;
        rwlock_read_unlock(&space->lock);
        if (!end) break;
        if (usable) (void)address_space_populate(space, start, end); // as mlockall(2): what fails is faulted in later
        at = end;
    }
    return 0;
}

// ---- residency

static bool page_resident(struct address_space *space, struct grant *grant, uintptr_t address) {
    const uint64_t *entry = page_table_entry(&space->table, address);
    if (entry && *entry) return true;
    if (!grant->object) return false;
    struct frame *frame;
    mutex_lock(&grant->object->lock);
    frame = memory_object_resident_locked(grant->object, grant_index(grant, address));
    mutex_unlock(&grant->object->lock);
    if (frame) frame_put(frame);
    return frame != nullptr;
}

int32_t address_space_resident(struct address_space *space, uintptr_t address, size_t pages, uint8_t *vector) {
    int32_t error = 0;
    rwlock_read_lock(&space->lock);
    for (size_t i = 0; i < pages && !error; i++, address += PAGE_SIZE) {
        struct grant *grant = address_space_find_locked(space, address);
        if (!grant || grant->start > address)
            error = -ENOMEM;
        else
            vector[i] = page_resident(space, grant, address);
    }
    rwlock_read_unlock(&space->lock);
    return error;
}
