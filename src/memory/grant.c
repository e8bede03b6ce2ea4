// The ordered set of grants: finding, cutting, joining, placing.
#include "src/memory/grant.h"

#include "src/memory/heap.h"
#include "src/scheme/file.h"

static struct slab_cache grant_cache = SLAB_CACHE(struct grant);

// Every protection that allows anything allows reading: no processor here can write or execute without it.
uint64_t grant_leaf(uint32_t protection) {
    uint32_t flags = PAGE_USER;
    if (protection) flags |= PAGE_READ | PAGE_ACCESSED;
    if (protection & PROT_WRITE) flags |= PAGE_WRITE | PAGE_DIRTY;
    if (protection & PROT_EXEC) flags |= PAGE_EXECUTE;
    return entry_encode(0, flags, false);
}

static bool counts_as_writable(const struct grant *grant) {
    return grant->flags & GRANT_SHARED && grant->maximum_protection & PROT_WRITE;
}

static void object_attach(struct grant *grant) {
    struct memory_object *object = grant->object;
    mutex_lock(&object->lock);
    list_push_back(&object->mappings, &grant->object_link);
    if (counts_as_writable(grant)) object->writable_mappings++;
    mutex_unlock(&object->lock);
}

void grant_detach(struct grant *grant) {
    struct memory_object *object = grant->object;
    mutex_lock(&object->lock);
    list_remove(&grant->object_link);
    if (counts_as_writable(grant)) object->writable_mappings--;
    mutex_unlock(&object->lock);
}

struct grant *grant_create(struct address_space *space, const struct grant *model) {
    if (space->grant_count >= GRANTS_MAXIMUM) return nullptr;
    struct grant *grant = slab_alloc(&grant_cache);
    if (!grant) return nullptr;
    *grant = *model;
    grant->space = space;
    list_init(&grant->object_link);
    if (grant->object) memory_object_get(grant->object);
    if (grant->file) file_get(grant->file);
    return grant;
}

void grant_insert(struct address_space *space, struct grant *grant) {
    struct tree_node **link = &space->grants.root, *parent = nullptr;
    while (*link) {
        parent = *link;
        link = grant->start < grant_of(parent)->start ? &parent->left : &parent->right;
    }
    tree_insert(&space->grants, &grant->node, parent, link);
    space->grant_count++;
    if (grant->object) object_attach(grant);
}

void grant_remove(struct address_space *space, struct grant *grant, struct list *dead) {
    if (space->last_hit == grant) space->last_hit = nullptr;
    tree_remove(&space->grants, &grant->node);
    space->grant_count--;
    if (grant->object) grant_detach(grant);
    list_push_back(dead, &grant->object_link);
}

void grant_free(struct grant *grant) {
    if (grant->file) file_put(grant->file);
    if (grant->object) memory_object_put(grant->object);
    slab_free(&grant_cache, grant);
}

void grants_free(struct list *dead) {
    while (!list_empty(dead)) {
        struct grant *grant = list_entry(dead->next, struct grant, object_link);
        list_remove(&grant->object_link);
        grant_free(grant);
    }
}

// The object's lock keeps truncation from seeing half a change.
void grant_resize(struct grant *grant, virtual_address start, virtual_address end) {
    if (grant->object) mutex_lock(&grant->object->lock);
    grant->offset += start - grant->start;
    grant->start = start;
    grant->end = end;
    if (grant->object) mutex_unlock(&grant->object->lock);
}

struct grant *grant_split(struct address_space *space, struct grant *grant, virtual_address at) {
    struct grant *upper = grant_create(space, grant);
    if (!upper) return nullptr;
    upper->start = at;
    upper->offset += at - grant->start;
    grant_resize(grant, grant->start, at);
    grant_insert(space, upper);
    return upper;
}

void grant_set_protection(struct grant *grant, uint32_t protection) {
    grant->protection = protection;
    grant->leaf = grant_leaf(protection);
}

static bool joins(const struct grant *lower, const struct grant *upper) {
    constexpr uint32_t never = GRANT_GROWS_DOWN | GRANT_SPECIAL | GRANT_GUARD;
    return lower->end == upper->start && lower->protection == upper->protection && lower->flags == upper->flags &&
           !(lower->flags & never) && lower->maximum_protection == upper->maximum_protection &&
           lower->cookie == upper->cookie && lower->object == upper->object && lower->file == upper->file &&
           (!lower->object || lower->offset + (lower->end - lower->start) == upper->offset);
}

struct grant *grant_merge(struct address_space *space, struct grant *grant, struct list *dead) {
    struct grant *previous = grant_previous(grant), *next = grant_next(grant);
    if (next && joins(grant, next)) {
        virtual_address end = next->end;
        grant_remove(space, next, dead);
        grant_resize(grant, grant->start, end);
    }
    if (previous && joins(previous, grant)) {
        virtual_address end = grant->end;
        grant_remove(space, grant, dead);
        grant_resize(previous, previous->start, end);
        return previous;
    }
    return grant;
}

struct grant *address_space_find_locked(struct address_space *space, uintptr_t address) {
    struct grant *hit = atomic_load_relaxed(&space->last_hit);
    if (hit && grant_contains(hit, address)) return hit;
    struct tree_node *node = space->grants.root;
    struct grant *found = nullptr;
    while (node) {
        struct grant *grant = grant_of(node);
        if (address < grant->end) {
            found = grant;
            if (address >= grant->start) {
                atomic_store_relaxed(&space->last_hit, grant);
                break;
            }
            node = node->left;
        } else {
            node = node->right;
        }
    }
    return found;
}

// The lowest address that is taken above a gap: a stack keeps room below itself.
static virtual_address taken_from(const struct grant *grant) {
    if (!(grant->flags & GRANT_GROWS_DOWN)) return grant->start;
    return grant->start > STACK_GUARD_GAP ? grant->start - STACK_GUARD_GAP : 0;
}

bool grant_range_free(struct address_space *space, virtual_address start, virtual_address end) {
    struct grant *grant = address_space_find_locked(space, start);
    return !grant || taken_from(grant) >= end;
}

// Walks down from top. Notes the largest gap that was too small.
static virtual_address search_down(struct address_space *space, virtual_address top, size_t length) {
    struct grant *above = address_space_find_locked(space, top - 1);
    struct grant *below = above ? grant_previous(above) : grant_of(tree_last(&space->grants));
    virtual_address end = above ? min(top, taken_from(above)) : top;
    for (;;) {
        virtual_address start = max(below ? below->end : 0, MAP_MINIMUM);
        if (end > start && end - start >= length) return end - length;
        if (end > start) space->search_skipped = max(space->search_skipped, end - start);
        if (!below) return 0;
        end = min(end, taken_from(below));
        below = grant_previous(below);
    }
}

virtual_address grant_find_gap(struct address_space *space, virtual_address hint, size_t length) {
    if (hint >= MAP_MINIMUM && hint < USER_LIMIT && length <= USER_LIMIT - hint &&
        grant_range_free(space, hint, hint + length))
        return hint;
    if (length > space->map_base) return 0;
    if (length <= space->search_skipped || space->search_top > space->map_base) {
        space->search_top = space->map_base;
        space->search_skipped = 0;
    }
    virtual_address found = search_down(space, space->search_top, length);
    if (!found && space->search_top != space->map_base) {
        space->search_skipped = 0;
        found = search_down(space, space->map_base, length);
    }
    if (!found) { // what lies above map_base
        space->search_skipped = 0;
        space->search_top = space->map_base;
        return search_down(space, USER_LIMIT, length);
    }
    space->search_top = found;
    return found;
}

int32_t grants_unmap(struct address_space *space, virtual_address start, virtual_address end, struct list *dead) {
    struct grant *grant = address_space_find_locked(space, start);
    if (!grant || grant->start >= end) return 0;
    if (grant->start < start && grant->end > end && !grant_split(space, grant, end)) return -ENOMEM;
    space_zap(space, max(start, grant->start), end);
    while (grant && grant->start < end) {
        struct grant *next = grant_next(grant);
        virtual_address from = max(grant->start, start), to = min(grant->end, end);
        atomic_fetch_sub_relaxed(&space->mapped_pages, (to - from) >> PAGE_SHIFT);
        if (grant->flags & GRANT_LOCKED) atomic_fetch_sub_relaxed(&space->locked_pages, (to - from) >> PAGE_SHIFT);
        if (grant->start < start)
            grant_resize(grant, grant->start, start);
        else if (grant->end > end)
            grant_resize(grant, end, grant->end);
        else
            grant_remove(space, grant, dead);
        grant = next;
    }
    if (end > space->search_top) space->search_top = min(end, space->map_base);
    return 0;
}
