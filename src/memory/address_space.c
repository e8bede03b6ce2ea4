// Life of address spaces: made by exec, copied by fork, loaded by the scheduler, taken down at the last reference.
#include "src/memory/address_space.h"

#include "lib/format.h"
#include "rmm/page_operations.h"
#include "src/context/context.h"
#include "src/memory/grant.h"
#include "src/memory/heap.h"
#include "src/random.h"

static struct slab_cache space_cache = SLAB_CACHE(struct address_space);
static struct slab_cache family_cache = SLAB_CACHE(struct anonymous_family);
static bool randomise;
struct frame *zero_frame;

constexpr size_t STACK_RESERVE = 16UL << 30; // exec puts the stack within this below USER_LIMIT
constexpr size_t STACK_GROWTH = 1UL << 30;   // room for its growth above map_base
constexpr size_t TURN_SIZE = 32UL << 20;     // walked before others may run
constexpr unsigned MAP_RANDOM_BITS = 28;     // pages

// fail-frame=N[,COUNT] on the command line: the N-th allocation from here on fails, for tests.
static void arm_failure(void) {
    size_t length;
    const char *text = command_line_option("fail-frame", &length);
    unsigned long n, count = 1;
    if (!text || !parse_unsigned(text, &text, 10, &n)) return;
    if (*text == ',' && !parse_unsigned(text + 1, &text, 10, &count)) return;
    frame_fail_after(n, count);
}

void memory_init(void) {
    zero_frame = frame_alloc_zeroed();
    if (!zero_frame) panic("memory: no memory for the zero page");
    zero_frame->flags = FRAME_RESERVED;
    randomise = !command_line_flag("norandmaps");
    arm_failure();
}

// ---- the family of a process and what it forked

static struct anonymous_family *family_create(void) {
    struct anonymous_family *family = slab_alloc(&family_cache);
    if (!family) return nullptr;
    refcount_init(&family->references);
    spinlock_init(&family->lock, RANK_PAGE_TABLE);
    list_init(&family->spaces);
    return family;
}

static void family_join(struct anonymous_family *family, struct address_space *space) {
    space->family = family;
    spin_lock(&family->lock);
    list_push_back(&family->spaces, &space->family_link);
    spin_unlock(&family->lock);
}

static void family_leave(struct address_space *space) {
    struct anonymous_family *family = space->family;
    spin_lock(&family->lock);
    list_remove(&space->family_link);
    spin_unlock(&family->lock);
    if (refcount_put(&family->references)) slab_free(&family_cache, family);
}

// ---- making

static struct address_space *space_alloc(void) {
    struct address_space *space = slab_alloc_zeroed(&space_cache);
    if (!space) return nullptr;
    if (page_table_init(&space->table) < 0) {
        slab_free(&space_cache, space);
        return nullptr;
    }
    refcount_init(&space->references);
    rwlock_init(&space->lock, RANK_ADDRESS_SPACE);
    spinlock_init(&space->page_lock, RANK_PAGE_TABLE);
    space->limit_pages = space->data_limit = UINT64_MAX;
    space->stack_limit = 8UL << 20;
    return space;
}

static void space_free(struct address_space *space) {
    page_table_destroy(&space->table);
    slab_free(&space_cache, space);
}

struct address_space *address_space_create(void) {
    struct anonymous_family *family = family_create();
    struct address_space *space = family ? space_alloc() : nullptr;
    if (!space) {
        if (family) slab_free(&family_cache, family);
        return nullptr;
    }
    family_join(family, space);
    uint64_t offset = randomise ? random_word() & ((1ULL << MAP_RANDOM_BITS) - 1) : 0;
    space->map_base = USER_LIMIT - STACK_RESERVE - STACK_GROWTH - (offset << PAGE_SHIFT);
    space->search_top = space->map_base;
    return space;
}

void address_space_get(struct address_space *space) {
    refcount_get(&space->references);
}

// ---- taking down

static void leave_space(void *data) {
    struct address_space *space = data;
    struct cpu *cpu = cpu_current();
    if (cpu->address_space != space) return;
    arch_page_table_load(nullptr);
    cpu->address_space = nullptr;
    atomic_fetch_and_acq_rel(&space->active_cpus, ~(1ULL << cpu->id));
}

// Nobody has the table loaded any more: no flush is needed.
static void drop_leaves(struct address_space *space, virtual_address start, virtual_address end) {
    struct page_span span;
    while (page_table_next_span(&space->table, &start, end, &span)) {
        page_span_for_each(i, &span) {
            struct frame *frame = frame_of(entry_physical(span.entries[i]));
            span.entries[i] = 0; // empty tables are used again as they are
            if (unlikely(!frame || frame == zero_frame)) continue;
            frame_unmap(frame);
            frame_put(frame);
        }
        if (start % TURN_SIZE == 0) preemption_point();
    }
}

// Bottom up, so that the tree needs no repair. A grant is off its object's list before its leaves go: truncation must
// not find it any more.
static void drop_grants(struct address_space *space, struct tree_node *node) {
    while (node) {
        struct tree_node *right = node->right;
        struct grant *grant = grant_of(node);
        drop_grants(space, node->left);
        if (grant->object) grant_detach(grant);
        drop_leaves(space, grant->start, grant->end);
        grant_free(grant);
        node = right;
    }
}

void address_space_put(struct address_space *space) {
    if (!refcount_put(&space->references)) return;
    leave_space(space);
    uint64_t others = atomic_load_acquire(&space->active_cpus);
    if (others) arch_processors_call(others, leave_space, space);
    drop_grants(space, space->grants.root);
    family_leave(space);
    space_free(space);
}

// ---- loading

void address_space_switch(struct address_space *space) {
    struct cpu *cpu = cpu_current();
    struct address_space *old = cpu->address_space;
    if (!space || space == old) return;
    uint64_t self = 1ULL << cpu->id;
    // In the new set before the table is loaded, out of the old one after.
    atomic_fetch_or_acq_rel(&space->active_cpus, self);
    cpu->address_space = space;
    arch_page_table_load(&space->table);
    cpu->table_count++;
    if (old) atomic_fetch_and_acq_rel(&old->active_cpus, ~self);
}

// ---- fork

struct fork_walk {
    struct address_space *child;
    struct address_space *parent;
    virtual_address stack_page; // both sides write it at once: copied now, it costs neither a fault
    uint64_t resident;
    bool downgraded;
};

// The child gets a copy now: a page whose physical address somebody uses must stay the parent's.
static bool copy_page_now(struct fork_walk *walk, uint64_t *target, uint64_t value, struct frame *frame) {
    struct frame *copy = frame_alloc(0);
    if (!copy) return false;
    page_copy(frame_pointer(copy), frame_pointer(frame));
    copy->flags = FRAME_ANONYMOUS;
    copy->owner = walk->child->family;
    copy->index = frame->index;
    copy->map_count = 1;
    *target = entry_place(frame_physical(copy), value - entry_place(entry_physical(value), 0));
    walk->resident++;
    return true;
}

static bool fork_leaf(struct fork_walk *walk, uint64_t *entry, uint64_t *target, virtual_address address,
                      struct frame *frame) {
    uint64_t value = *entry;
    bool now = atomic_load_relaxed(&frame->pin_count) || (address == walk->stack_page && entry_writable(value));
    if (unlikely(now)) return copy_page_now(walk, target, value, frame);
    if (entry_writable(value)) {
        value = entry_without_write(value);
        *entry = value;
        walk->downgraded = true;
    }
    *target = value;
    frame_map(frame);
    frame_get(frame);
    walk->resident++;
    return true;
}

// Only anonymous pages are handed down: the child finds others in their objects again.
static bool fork_span(struct fork_walk *walk, const struct page_span *span) {
    uint64_t *targets = nullptr;
    page_span_for_each(i, span) {
        struct frame *frame = frame_of(entry_physical(span->entries[i]));
        if (!frame || !(frame->flags & FRAME_ANONYMOUS)) continue;
        if (!targets) {
            targets = page_table_entry_create(&walk->child->table, span->address);
            if (!targets) return false;
        }
        virtual_address address = span->address + i * PAGE_SIZE;
        if (!fork_leaf(walk, &span->entries[i], &targets[i], address, frame)) return false;
    }
    return true;
}

static bool fork_range(struct fork_walk *walk, virtual_address start, virtual_address end) {
    struct page_span span;
    while (page_table_next_span(&walk->parent->table, &start, end, &span)) {
        if (!fork_span(walk, &span)) return false;
        if (start % TURN_SIZE == 0) preemption_point();
    }
    return true;
}

static bool fork_grant(struct fork_walk *walk, const struct grant *grant) {
    struct grant *copy = grant_create(walk->child, grant);
    if (!copy) return false;
    copy->flags &= ~(uint32_t)GRANT_LOCKED; // locks are not inherited
    grant_insert(walk->child, copy);
    walk->child->mapped_pages += (grant->end - grant->start) >> PAGE_SHIFT;
    if (grant->flags & (GRANT_SHARED | GRANT_WIPE_ON_FORK)) return true;
    // The parent's lock keeps faults out, the object's keeps zapping out: no page_lock is needed.
    if (grant->object) mutex_lock(&grant->object->lock);
    bool copied = fork_range(walk, grant->start, grant->end);
    if (grant->object) mutex_unlock(&grant->object->lock);
    return copied;
}

static void copy_layout(struct address_space *child, const struct address_space *parent) {
    child->map_base = parent->map_base;
    child->search_top = parent->search_top;
    child->search_skipped = parent->search_skipped;
    child->break_start = parent->break_start;
    child->break_end = parent->break_end;
    child->limit_pages = parent->limit_pages;
    child->data_limit = parent->data_limit;
    child->stack_limit = parent->stack_limit;
    child->program_code = parent->program_code;
    child->argument_start = parent->argument_start;
    child->argument_end = parent->argument_end;
    child->environment_start = parent->environment_start;
    child->environment_end = parent->environment_end;
    child->vdso = parent->vdso;
    child->stack_top = parent->stack_top;
}

struct address_space *address_space_fork(struct address_space *parent) {
    struct address_space *child = space_alloc();
    if (!child) return nullptr;
    refcount_get(&parent->family->references);
    family_join(parent->family, child);
    struct fork_walk walk = {.child = child, .parent = parent};
    struct context *context = context_current();
    if (context && context->process)
        walk.stack_page = align_down(user_frame_stack_pointer(arch_context_user_frame(context)), PAGE_SIZE);
    rwlock_write_lock(&parent->lock);
    copy_layout(child, parent);
    bool copied = true;
    for (struct tree_node *node = tree_first(&parent->grants); node && copied; node = tree_next(node)) {
        const struct grant *grant = grant_of(node);
        if (!(grant->flags & GRANT_NO_FORK)) copied = fork_grant(&walk, grant);
    }
    if (walk.downgraded) tlb_flush_range(parent, 0, USER_LIMIT);
    rwlock_write_unlock(&parent->lock);
    child->resident_pages = child->maximum_resident_pages = walk.resident;
    if (!copied) {
        address_space_put(child);
        return nullptr;
    }
    return child;
}
