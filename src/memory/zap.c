// Clearing, changing and moving the leaves of a range, with one TLB flush for each batch of frames.
#include "src/context/context.h"
#include "src/memory/grant.h"

// ---- TLBs

struct flush {
    virtual_address start, end;
};
constexpr size_t FLUSH_PAGES_MAXIMUM = 32;
constexpr size_t TURN_PAGES = 8192; // zapped before others may run

static void flush_here(void *data) {
    const struct flush *flush = data;
    cpu_current()->flush_count++;
    if (flush->end - flush->start > FLUSH_PAGES_MAXIMUM * PAGE_SIZE) {
        arch_tlb_flush_all();
        return;
    }
    for (virtual_address at = flush->start; at < flush->end; at += PAGE_SIZE)
        arch_tlb_flush_page(at);
}

// Leaves the idle ones out, which flush when they stop idling: either we see that one has stopped, or it sees our wish.
static uint64_t without_idle(uint64_t processors) {
    uint64_t lazy = 0;
    for (uint64_t rest = processors; rest; rest &= rest - 1) {
        unsigned cpu = (unsigned)__builtin_ctzll(rest);
        if (atomic_load_relaxed(&cpus[cpu].lazy)) {
            atomic_store_relaxed(&cpus[cpu].flush_wanted, true);
            lazy |= rest & -rest;
        }
    }
    if (!lazy) return processors;
    atomic_fence_seq_cst();
    for (uint64_t rest = lazy; rest; rest &= rest - 1) {
        if (atomic_load_relaxed(&cpus[__builtin_ctzll(rest)].lazy)) processors &= ~(rest & -rest);
    }
    return processors;
}

void tlb_flush_range(struct address_space *space, virtual_address start, virtual_address end) {
    struct flush flush = {start, end};
    uint64_t self = 1ULL << cpu_current()->id;
    atomic_fence_seq_cst(); // the entries are written before the set is read
    uint64_t active = atomic_load_seq_cst(&space->active_cpus);
    if (active & self) flush_here(&flush);
    active &= ~self;
    if (likely(!active)) return;
    active = without_idle(active);
    if (active) arch_processors_call(active, flush_here, &flush);
}

void tlb_flush_one(struct address_space *space, virtual_address address) {
    tlb_flush_range(space, address, address + PAGE_SIZE);
}

// ---- clearing

static void zap_flush(struct zap *zap) {
    if (zap->start < zap->end) tlb_flush_range(zap->space, zap->start, zap->end);
    if (zap->resident) atomic_fetch_sub_relaxed(&zap->space->resident_pages, zap->resident);
    for (unsigned i = 0; i < zap->count; i++)
        frame_put(zap->frames[i]);
    zap->count = zap->resident = 0;
    zap->start = UINTPTR_MAX;
    zap->end = 0;
}

static void zap_leaf(struct zap *zap, virtual_address address, uint64_t *entry, bool large) {
    uint64_t value = *entry;
    struct frame *frame = frame_of(entry_physical(value));
    if (zap->keep_private && frame && frame->flags & FRAME_ANONYMOUS) return;
    atomic_store_relaxed(entry, 0);
    zap->start = min(zap->start, address);
    zap->end = max(zap->end, address + (large ? LARGE_PAGE_SIZE : PAGE_SIZE));
    if (unlikely(!frame || frame == zero_frame)) return;
    frame_unmap(frame);
    zap->resident++;
    zap->frames[zap->count++] = frame;
    if (zap->count == ZAP_BATCH) zap_flush(zap);
}

// Zaps from *start on; stops after a good number of pages, so that others get their turn. Caller holds page_lock.
static void zap_range(struct zap *zap, virtual_address *start, virtual_address end) {
    struct page_span span;
    for (size_t pages = 0; pages < TURN_PAGES && page_table_next_span(&zap->space->table, start, end, &span);) {
        page_span_for_each(i, &span) {
            zap_leaf(zap, span.address + i * PAGE_SIZE, &span.entries[i], span.large);
            pages++;
        }
    }
    zap_flush(zap);
}

// Takes page_lock. Caller holds only locks that may be held in sleep.
static void zap_in_turns(struct zap *zap, virtual_address start, virtual_address end) {
    for (;;) {
        spin_lock(&zap->space->page_lock);
        zap_range(zap, &start, end);
        spin_unlock(&zap->space->page_lock);
        if (start >= end) return;
        preemption_point();
    }
}

static void zap_start(struct zap *zap, struct address_space *space) {
    zap->space = space;
    zap->start = UINTPTR_MAX;
    zap->end = 0;
    zap->count = zap->resident = 0;
    zap->keep_private = false;
}

void space_zap(struct address_space *space, virtual_address start, virtual_address end) {
    struct list tables = LIST_INIT(tables);
    struct zap zap;
    zap_start(&zap, space);
    zap_in_turns(&zap, start, end);
    if (end - start < LARGE_PAGE_SIZE) return;
    spin_lock(&space->page_lock);
    page_table_trim(&space->table, start, end, &tables);
    if (!list_empty(&tables)) tlb_flush_range(space, start, end); // processors may keep pointers to tables too
    spin_unlock(&space->page_lock);
    page_table_free_list(&tables);
}

void mappings_zap(struct memory_object *object, uint64_t first, uint64_t end, bool anonymous) {
    list_for_each(grant, &object->mappings, struct grant, object_link) {
        uint64_t base = grant->offset >> PAGE_SHIFT, pages = (grant->end - grant->start) >> PAGE_SHIFT;
        uint64_t from = max(first, base), to = min(end, base + pages);
        if (from >= to) continue;
        struct zap zap;
        zap_start(&zap, grant->space);
        zap.keep_private = !anonymous;
        zap_in_turns(&zap, grant->start + ((from - base) << PAGE_SHIFT), grant->start + ((to - base) << PAGE_SHIFT));
    }
}

// ---- changing

// Gives a leaf the rights of grant. Whether it lost one.
static bool protect_leaf(const struct grant *grant, uint64_t *entry) {
    uint64_t old = *entry, changed = entry_place(entry_physical(old), grant->leaf);
    struct frame *frame = frame_of(entry_physical(old));
    bool own = frame && frame->flags & FRAME_ANONYMOUS && atomic_load_acquire(&frame->map_count) == 1;
    // A write fault decides about the rest: copies, or marks the object's page.
    if (!own && !(entry_present(old) && entry_writable(old))) changed = entry_without_write(changed);
    if (changed == old) return false;
    uint32_t before = entry_flags(old), after = entry_flags(changed);
    atomic_store_release(entry, changed);
    return before & ~after & (PAGE_READ | PAGE_WRITE | PAGE_EXECUTE);
}

void space_protect(struct address_space *space, const struct grant *grant, virtual_address start, virtual_address end) {
    bool narrowed = false;
    virtual_address at = start;
    struct page_span span;
    spin_lock(&space->page_lock);
    while (page_table_next_span(&space->table, &at, end, &span)) {
        page_span_for_each(i, &span) narrowed |= protect_leaf(grant, &span.entries[i]);
    }
    if (narrowed) tlb_flush_range(space, start, end);
    spin_unlock(&space->page_lock);
}

// ---- moving

// Makes the tables that the leaves of [start, end) need at distance bytes.
static bool move_prepare(struct address_space *space, virtual_address start, virtual_address end, size_t distance) {
    struct page_span span;
    while (page_table_next_span(&space->table, &start, end, &span)) {
        page_span_for_each(i, &span) {
            if (!page_table_entry_create(&space->table, span.address + i * PAGE_SIZE + distance)) return false;
        }
    }
    return true;
}

static void move_leaves(struct address_space *space, virtual_address start, virtual_address end, size_t distance) {
    struct page_span span;
    while (page_table_next_span(&space->table, &start, end, &span)) {
        page_span_for_each(i, &span) {
            virtual_address target = span.address + i * PAGE_SIZE + distance;
            uint64_t value = span.entries[i];
            struct frame *frame = frame_of(entry_physical(value));
            if (frame && frame->flags & FRAME_ANONYMOUS && atomic_load_relaxed(&frame->map_count) == 1)
                frame->index = target >> PAGE_SHIFT;
            atomic_store_relaxed(&span.entries[i], 0);
            *page_table_entry(&space->table, target) = value;
        }
    }
}

int32_t space_move(struct address_space *space, virtual_address start, virtual_address end, virtual_address new_start) {
    spin_lock(&space->page_lock);
    bool prepared = move_prepare(space, start, end, new_start - start);
    if (prepared) {
        move_leaves(space, start, end, new_start - start);
        tlb_flush_range(space, start, end);
    }
    spin_unlock(&space->page_lock);
    return prepared ? 0 : -ENOMEM;
}
