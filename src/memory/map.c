// mmap, munmap, mprotect and the program break.
#include <stdckdint.h>

#include "src/memory/fault.h"
#include "src/memory/grant.h"

constexpr uint32_t PROTECTION_ALL = PROT_READ | PROT_WRITE | PROT_EXEC;

static bool commits(const struct grant *grant) {
    return !grant->object && grant->protection & PROT_WRITE;
}

// Private writable memory, as RLIMIT_DATA counts it. Walks all grants: only for processes with such a limit.
static uint64_t data_bytes(struct address_space *space) {
    uint64_t bytes = 0;
    for (struct tree_node *node = tree_first(&space->grants); node; node = tree_next(node)) {
        const struct grant *grant = grant_of(node);
        if (grant->protection & PROT_WRITE && !(grant->flags & (GRANT_SHARED | GRANT_STACK)))
            bytes += grant->end - grant->start;
    }
    return bytes;
}

// -ENOMEM when `add` more bytes are too many, of which `replaced` take the place of mapped ones.
int32_t space_check_limits(struct address_space *space, size_t add, size_t replaced, const struct grant *model,
                           bool reserve) {
    uint64_t pages = space->mapped_pages + (add >> PAGE_SHIFT) - (replaced >> PAGE_SHIFT);
    if (pages > space->limit_pages) return -ENOMEM;
    if (space->data_limit != UINT64_MAX && model->protection & PROT_WRITE && !(model->flags & GRANT_SHARED) &&
        data_bytes(space) + add > space->data_limit)
        return -ENOMEM;
    // What could never be backed is refused at once.
    if (reserve && commits(model) && add >> PAGE_SHIFT > frame_total) return -ENOMEM;
    return 0;
}

uint64_t space_mapped_in(struct address_space *space, virtual_address start, virtual_address end) {
    uint64_t bytes = 0;
    struct grant *grant = address_space_find_locked(space, start);
    for (; grant && grant->start < end; grant = grant_next(grant))
        bytes += min(grant->end, end) - max(grant->start, start);
    return bytes;
}

static struct grant request_model(const struct map_request *request) {
    struct grant model = {
        .protection = request->protection,
        .maximum_protection = request->maximum_protection ? request->maximum_protection : PROTECTION_ALL,
        .flags = request->grant_flags,
        .leaf = grant_leaf(request->protection),
        .cookie = request->cookie,
        .object = request->object,
        .offset = request->offset,
        .file = request->file,
    };
    if (request->flags & MAP_SHARED) model.flags |= GRANT_SHARED;
    if (request->flags & MAP_GROWSDOWN) model.flags |= GRANT_GROWS_DOWN;
    if (request->flags & MAP_LOCKED) model.flags |= GRANT_LOCKED;
    return model;
}

static int32_t check_request(const struct map_request *request, size_t *length) {
    constexpr uint32_t fixed = MAP_FIXED | MAP_FIXED_NOREPLACE;
    if (!request->length || request->offset & PAGE_MASK) return -EINVAL;
    *length = align_up(request->length, PAGE_SIZE);
    if (*length < request->length || *length > USER_LIMIT) return -ENOMEM;
    uint64_t end;
    if (request->object && ckd_add(&end, request->offset, *length)) return -EOVERFLOW;
    if (!(request->flags & fixed)) return 0;
    if (request->address & PAGE_MASK) return -EINVAL;
    if (request->address > USER_LIMIT - *length) return -ENOMEM;
    return request->address < MAP_MINIMUM ? -EPERM : 0;
}

// Enlarges a neighbour that is of the same kind. nullptr: there is none.
static struct grant *extend_neighbour(struct address_space *space, const struct grant *model, struct list *dead) {
    if (model->flags & (GRANT_GROWS_DOWN | GRANT_SPECIAL) || model->object) return nullptr;
    struct grant *above = address_space_find_locked(space, model->start);
    struct grant *below = above ? grant_previous(above) : grant_of(tree_last(&space->grants));
    struct grant *candidates[] = {below, above};
    for (unsigned i = 0; i < 2; i++) {
        struct grant *grant = candidates[i];
        if (!grant || grant->object || grant->file || grant->protection != model->protection ||
            grant->flags != model->flags || grant->cookie != model->cookie ||
            grant->maximum_protection != model->maximum_protection)
            continue;
        if (i == 0 && grant->end == model->start) {
            grant->end = model->end;
            return grant_merge(space, grant, dead);
        }
        if (i == 1 && model->end == grant->start) {
            grant->start = model->start; // the order in the tree stays
            grant->offset -= model->end - model->start;
            return grant;
        }
    }
    return nullptr;
}

// Puts a grant like model at [start, start + length). The range is free. -ENOMEM.
int32_t space_add_grant(struct address_space *space, const struct grant *model, struct list *dead) {
    if (!extend_neighbour(space, model, dead)) {
        struct grant *grant = grant_create(space, model);
        if (!grant) return -ENOMEM;
        grant_insert(space, grant);
        if (grant->object) grant_merge(space, grant, dead);
    }
    uint64_t pages = (model->end - model->start) >> PAGE_SHIFT;
    atomic_fetch_add_relaxed(&space->mapped_pages, pages);
    if (model->flags & GRANT_LOCKED) atomic_fetch_add_relaxed(&space->locked_pages, pages);
    return 0;
}

static int32_t map_locked(struct address_space *space, const struct map_request *request, struct grant *model,
                          size_t length, struct list *dead) {
    virtual_address start = request->address, replaced = 0;
    if (request->flags & MAP_FIXED_NOREPLACE) {
        if (!grant_range_free(space, start, start + length)) return -EEXIST;
    } else if (request->flags & MAP_FIXED) {
        replaced = space_mapped_in(space, start, start + length);
    } else {
        start = grant_find_gap(space, align_down(start, PAGE_SIZE), length);
        if (!start) return -ENOMEM;
    }
    int32_t error = space_check_limits(space, length, replaced, model, !(request->flags & MAP_NORESERVE));
    if (!error && replaced) error = grants_unmap(space, start, start + length, dead);
    if (error) return error;
    model->start = start;
    model->end = start + length;
    return space_add_grant(space, model, dead);
}

int32_t address_space_map(struct address_space *space, const struct map_request *request, uintptr_t *result) {
    struct list dead = LIST_INIT(dead);
    size_t length;
    int32_t error = check_request(request, &length);
    if (error) return error;
    struct grant model = request_model(request);
    rwlock_write_lock(&space->lock);
    error = map_locked(space, request, &model, length, &dead);
    rwlock_write_unlock(&space->lock);
    grants_free(&dead);
    if (error) return error;
    // As mmap(2): that populating fails is no error.
    if (request->flags & (MAP_POPULATE | MAP_LOCKED) && request->protection)
        (void)address_space_populate(space, model.start, model.end);
    *result = model.start;
    return 0;
}

int32_t address_space_unmap(struct address_space *space, uintptr_t address, size_t length) {
    struct list dead = LIST_INIT(dead);
    size_t rounded = align_up(length, PAGE_SIZE);
    if (address & PAGE_MASK || !length || rounded < length || rounded > USER_LIMIT || address > USER_LIMIT - rounded)
        return -EINVAL;
    rwlock_write_lock(&space->lock);
    int32_t error = grants_unmap(space, address, address + rounded, &dead);
    rwlock_write_unlock(&space->lock);
    grants_free(&dead);
    return error;
}

int32_t space_for_each(struct address_space *space, virtual_address start, virtual_address end,
                       int32_t (*change)(struct address_space *space, struct grant *grant, void *data), void *data,
                       struct list *dead) {
    struct grant *grant = address_space_find_locked(space, start);
    bool hole = !grant || grant->start > start;
    while (grant && grant->start < end) {
        if (grant->start < start) {
            grant = grant_split(space, grant, start);
            if (!grant) return -ENOMEM;
        }
        if (grant->end > end && !grant_split(space, grant, end)) return -ENOMEM;
        virtual_address reached = grant->end;
        int32_t error = change(space, grant, data);
        if (error) return error;
        grant = grant_merge(space, grant, dead);
        // Continue behind what was changed: merging may have swallowed the next grant only if it is equal already.
        start = reached;
        if (reached >= end) break;
        if (grant->end == reached) grant = grant_next(grant);
        if (!grant || grant->start > reached) hole = true;
    }
    return hole ? -ENOMEM : 0;
}

static int32_t change_protection(struct address_space *space, struct grant *grant, void *data) {
    uint32_t protection = *(const uint32_t *)data;
    if (protection & ~grant->maximum_protection) return -EACCES;
    if (protection == grant->protection) return 0;
    bool more = protection & ~grant->protection & PROT_WRITE;
    if (more && !(grant->flags & GRANT_SHARED) && space->data_limit != UINT64_MAX &&
        data_bytes(space) + (grant->end - grant->start) > space->data_limit)
        return -ENOMEM;
    grant_set_protection(grant, protection);
    space_protect(space, grant, grant->start, grant->end);
    return 0;
}

int32_t address_space_protect(struct address_space *space, uintptr_t address, size_t length, uint32_t protection) {
    struct list dead = LIST_INIT(dead);
    size_t rounded = align_up(length, PAGE_SIZE);
    if (address & PAGE_MASK || protection & ~PROTECTION_ALL) return -EINVAL;
    if (!length) return 0;
    if (rounded < length || rounded > USER_LIMIT || address > USER_LIMIT - rounded) return -ENOMEM;
    rwlock_write_lock(&space->lock);
    struct grant *first = address_space_find_locked(space, address);
    int32_t error = -ENOMEM;
    if (first && first->start <= address) // else nothing at the start: no change at all
        error = space_for_each(space, address, address + rounded, change_protection, &protection, &dead);
    rwlock_write_unlock(&space->lock);
    grants_free(&dead);
    return error;
}

// ---- the program break

static int32_t break_grow(struct address_space *space, virtual_address from, virtual_address to, struct list *dead) {
    struct grant model = {
        .start = from,
        .end = to,
        .protection = PROT_READ | PROT_WRITE,
        .maximum_protection = PROTECTION_ALL,
        .flags = GRANT_BREAK | (space->lock_future ? GRANT_LOCKED : 0),
        .leaf = grant_leaf(PROT_READ | PROT_WRITE),
    };
    if (to > USER_LIMIT || !grant_range_free(space, from, to)) return -ENOMEM;
    int32_t error = space_check_limits(space, to - from, 0, &model, true);
    return error ? error : space_add_grant(space, &model, dead);
}

// As brk(2) of the kernel: a request that can't be met leaves the break and answers it.
int32_t address_space_break(struct address_space *space, uintptr_t address, uintptr_t *result) {
    struct list dead = LIST_INIT(dead);
    virtual_address populate_from = 0; // where the break grew from
    rwlock_write_lock(&space->lock);
    if (address >= space->break_start && address < USER_LIMIT) {
        virtual_address old = align_up(space->break_end, PAGE_SIZE), new = align_up(address, PAGE_SIZE);
        int32_t error = 0;
        if (space->data_limit != UINT64_MAX && address - space->break_start > space->data_limit)
            error = -ENOMEM;
        else if (new > old)
            error = break_grow(space, populate_from = old, new, &dead);
        else if (new < old)
            error = grants_unmap(space, new, old, &dead);
        if (!error) space->break_end = address;
    }
    *result = space->break_end;
    bool fill = space->lock_future && populate_from;
    rwlock_write_unlock(&space->lock);
    grants_free(&dead);
    if (fill) (void)address_space_populate(space, populate_from, align_up(*result, PAGE_SIZE));
    return 0;
}
