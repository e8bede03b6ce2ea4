// mremap(2).
#include "src/memory/fault.h"
#include "src/memory/grant.h"

struct remap {
    struct address_space *space;
    virtual_address start, new_start;
    size_t length, new_length;
    uint32_t flags;
    struct list dead;
    virtual_address result;
    virtual_address populate_start; // a locked mapping grew: what to make resident
};

static int32_t check_arguments(const struct remap *r) {
    constexpr uint32_t known = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
    if (r->flags & ~known || r->start & PAGE_MASK || !r->new_length) return -EINVAL;
    if (r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) && !(r->flags & MREMAP_MAYMOVE)) return -EINVAL;
    if (r->flags & MREMAP_DONTUNMAP && r->length != r->new_length) return -EINVAL;
    if (r->start > USER_LIMIT || r->length > USER_LIMIT - r->start) return -EFAULT;
    if (r->new_length > USER_LIMIT) return r->flags & MREMAP_FIXED ? -EINVAL : -ENOMEM;
    if (!(r->flags & MREMAP_FIXED)) return 0;
    if (r->new_start & PAGE_MASK || r->new_start > USER_LIMIT - r->new_length || r->new_start < MAP_MINIMUM)
        return -EINVAL;
    bool overlap = r->new_start < r->start + r->length && r->start < r->new_start + r->new_length;
    return overlap ? -EINVAL : 0;
}

// The grant that is to be resized or moved, or an error.
static int32_t find_source(struct remap *r, struct grant **result) {
    struct grant *grant = address_space_find_locked(r->space, r->start);
    if (!grant || grant->start > r->start) return -EFAULT;
    if (!r->length && !(grant->flags & GRANT_SHARED)) return -EINVAL;
    if (grant->flags & GRANT_SPECIAL && r->new_length != r->length) return -EFAULT;
    if (r->length > grant->end - r->start) return -EFAULT;
    if (r->flags & MREMAP_DONTUNMAP && (grant->object || grant->flags & GRANT_SHARED)) return -EINVAL;
    if (r->new_length > r->length) {
        int32_t error = space_check_limits(r->space, r->new_length - r->length, 0, grant, true);
        if (error) return error;
    }
    *result = grant;
    return 0;
}

// Makes the mapping longer where it is. False: no room.
static bool grow_in_place(struct remap *r, struct grant *grant) {
    virtual_address end = r->start + r->length, new_end = r->start + r->new_length;
    if (grant->end != end || new_end > USER_LIMIT || !grant_range_free(r->space, end, new_end)) return false;
    grant_resize(grant, grant->start, new_end);
    uint64_t pages = (new_end - end) >> PAGE_SHIFT;
    atomic_fetch_add_relaxed(&r->space->mapped_pages, pages);
    if (grant->flags & GRANT_LOCKED) {
        atomic_fetch_add_relaxed(&r->space->locked_pages, pages);
        r->populate_start = end;
    }
    grant_merge(r->space, grant, &r->dead);
    return true;
}

// Gives [start, end) new grants of the same kind at new_start and moves the pages.
static int32_t move(struct remap *r, struct grant *source, virtual_address target) {
    struct grant model = *source;
    size_t moved = min(r->length, r->new_length);
    model.offset += r->start - source->start;
    model.start = target;
    model.end = target + r->new_length;
    model.flags &= ~(uint32_t)GRANT_BREAK;
    int32_t error = space_add_grant(r->space, &model, &r->dead);
    if (error) return error;
    if (moved && space_move(r->space, r->start, r->start + moved, target) < 0) {
        // Nothing was moved: take the new place away again.
        (void)grants_unmap(r->space, target, target + r->new_length, &r->dead);
        return -ENOMEM;
    }
    if (model.flags & GRANT_LOCKED && r->new_length > r->length) r->populate_start = target + r->length;
    if (r->length && !(r->flags & MREMAP_DONTUNMAP))
        return grants_unmap(r->space, r->start, r->start + r->length, &r->dead);
    return 0;
}

static int32_t move_somewhere(struct remap *r, struct grant *grant) {
    virtual_address target = r->new_start;
    if (r->flags & MREMAP_FIXED) {
        int32_t error = grants_unmap(r->space, target, target + r->new_length, &r->dead);
        if (error) return error;
        grant = address_space_find_locked(r->space, r->start);
    } else {
        target = grant_find_gap(r->space, r->flags & MREMAP_DONTUNMAP ? r->new_start : 0, r->new_length);
        if (!target) return -ENOMEM;
    }
    r->result = target;
    return move(r, grant, target);
}

static int32_t remap_locked(struct remap *r) {
    bool stay = !(r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP));
    if (stay && r->length >= r->new_length && r->length) { // shrinking may span several grants
        struct grant *grant = address_space_find_locked(r->space, r->start);
        if (!grant || grant->start > r->start) return -EFAULT;
        r->result = r->start;
        if (r->length == r->new_length) return r->length > grant->end - r->start ? -EFAULT : 0;
        return grants_unmap(r->space, r->start + r->new_length, r->start + r->length, &r->dead);
    }
    struct grant *grant;
    int32_t error = find_source(r, &grant);
    if (error) return error;
    if (stay && r->length && grow_in_place(r, grant)) {
        r->result = r->start;
        return 0;
    }
    if (!(r->flags & MREMAP_MAYMOVE)) return -ENOMEM;
    return move_somewhere(r, grant);
}

int32_t address_space_remap(struct address_space *space, uintptr_t address, size_t length, size_t new_length,
                            uint32_t flags, uintptr_t new_address, uintptr_t *result) {
    if (length > USER_LIMIT) return -EFAULT;
    struct remap r = {
        .space = space,
        .start = address,
        .new_start = new_address,
        .length = align_up(length, PAGE_SIZE),
        .new_length = new_length > USER_LIMIT ? new_length : align_up(new_length, PAGE_SIZE),
        .flags = flags,
    };
    list_init(&r.dead);
    int32_t error = check_arguments(&r);
    if (error) return error;
    rwlock_write_lock(&space->lock);
    error = remap_locked(&r);
    rwlock_write_unlock(&space->lock);
    grants_free(&r.dead);
    if (error) return error;
    if (r.populate_start) (void)address_space_populate(space, r.populate_start, r.result + r.new_length);
    *result = r.result;
    return 0;
}
