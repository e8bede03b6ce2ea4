// Page faults. The space's lock is held for reading, so grants stand still; leaves are set under page_lock after
// looking again at what is there.
#include "src/memory/fault.h"

#include "rmm/page_operations.h"
#include "src/context/context.h"
#include "src/memory/grant.h"
#include "src/memory/heap.h"
#include "src/memory/object_internal.h"
#include "src/memory/user_copy.h"

enum : unsigned { AROUND_PAGES = 16, RETRIES = 3, OOM_ROUNDS = 8, OOM_TURNS = 1000 };

constexpr size_t TURN_SIZE = 1UL << 20; // populated before others may run

// Inside this file: the fault must be tried again from the start.
constexpr int32_t AGAIN = -EAGAIN;

static void make_anonymous(struct address_space *space, struct frame *frame, virtual_address page) {
    frame->flags = FRAME_ANONYMOUS;
    frame->owner = space->family;
    frame->index = page >> PAGE_SHIFT;
    frame->map_count = 1;
}

// The entry of page, whose tables are made when missing. nullptr: no memory. Tables go away only under the write lock.
static uint64_t *entry_of(struct address_space *space, virtual_address page) {
    uint64_t *entry = page_table_entry(&space->table, page);
    if (likely(entry)) return entry;
    spin_lock(&space->page_lock);
    entry = page_table_entry_create(&space->table, page);
    spin_unlock(&space->page_lock);
    return entry;
}

// Puts value in when the entry still holds expected.
static bool entry_replace(struct address_space *space, uint64_t *entry, uint64_t expected, uint64_t value) {
    spin_lock(&space->page_lock);
    bool same = *entry == expected;
    if (likely(same)) atomic_store_release(entry, value);
    spin_unlock(&space->page_lock);
    return same;
}

static int32_t fault_anonymous(struct address_space *space, const struct grant *grant, virtual_address page,
                               uint32_t access, uint64_t *entry) {
    if (!(access & FAULT_WRITE)) {
        uint64_t value = entry_without_write(entry_place(frame_physical(zero_frame), grant->leaf));
        (void)entry_replace(space, entry, 0, value);
        return 0;
    }
    struct frame *frame = frame_alloc_zeroed();
    if (unlikely(!frame)) return -ENOMEM;
    make_anonymous(space, frame, page);
    if (unlikely(!entry_replace(space, entry, 0, entry_place(frame_physical(frame), grant->leaf)))) {
        frame_put(frame);
        return 0;
    }
    space_count_resident(space, 1);
    return 0;
}

// A write to a private page that is mapped read-only.
static int32_t fault_copy(struct address_space *space, const struct grant *grant, virtual_address page, uint64_t *entry,
                          uint64_t value) {
    struct frame *old = frame_of(entry_physical(value));
    bool counted = old && old != zero_frame;
    if (counted && old->flags & FRAME_ANONYMOUS && atomic_load_acquire(&old->map_count) == 1) {
        (void)entry_replace(space, entry, value, entry_place(entry_physical(value), grant->leaf));
        return 0;
    }
    struct frame *copy = frame_alloc(0);
    if (unlikely(!copy)) return -ENOMEM;
    // Should another processor replace the page meanwhile, the copy is worthless but harmless: entry_replace notices.
    if (old == zero_frame)
        page_clear(frame_pointer(copy));
    else
        page_copy(frame_pointer(copy), physical_pointer(entry_physical(value)));
    make_anonymous(space, copy, page);
    if (unlikely(!entry_replace(space, entry, value, entry_place(frame_physical(copy), grant->leaf)))) {
        frame_put(copy);
        return 0;
    }
    tlb_flush_one(space, page);
    if (counted) {
        frame_unmap(old);
        frame_put(old);
    } else {
        space_count_resident(space, 1);
    }
    return 0;
}

// ---- pages of objects. Caller holds the object's lock.

static int32_t object_private_write(struct address_space *space, const struct grant *grant, virtual_address page,
                                    uint64_t *entry) {
    struct frame *cached;
    int32_t error = memory_object_page_locked(grant->object, grant_index(grant, page), false, &cached);
    if (error) return error;
    struct frame *copy = frame_alloc(0);
    if (copy) {
        page_copy(frame_pointer(copy), frame_pointer(cached));
        make_anonymous(space, copy, page);
    }
    frame_put(cached);
    if (!copy) return -ENOMEM;
    if (!entry_replace(space, entry, 0, entry_place(frame_physical(copy), grant->leaf))) {
        frame_put(copy);
        return 0;
    }
    space_count_resident(space, 1);
    return 0;
}

// Maps what is resident of the aligned window around page, read-only.
static void map_around(struct address_space *space, const struct grant *grant, virtual_address page, uint64_t leaf) {
    virtual_address window = align_down(page, AROUND_PAGES * PAGE_SIZE);
    virtual_address start = max(window, grant->start), end = min(window + AROUND_PAGES * PAGE_SIZE, grant->end);
    uint64_t size = atomic_load_relaxed(&grant->object->size);
    uint64_t index = grant_index(grant, start), pages = (size + PAGE_MASK) >> PAGE_SHIFT;
    // The window lies within one table: its entries are neighbours.
    uint64_t *entry = page_table_entry(&space->table, start);
    unsigned mapped = 0;
    spin_lock(&space->page_lock);
    for (virtual_address at = start; at < end && index < pages; at += PAGE_SIZE, index++, entry++) {
        if (*entry) continue;
        struct frame *frame = memory_object_resident_locked(grant->object, index);
        if (!frame) continue;
        frame_map(frame);
        atomic_store_release(entry, entry_place(frame_physical(frame), leaf));
        mapped++;
    }
    spin_unlock(&space->page_lock);
    if (mapped) space_count_resident(space, mapped);
}

static int32_t object_map(struct address_space *space, const struct grant *grant, virtual_address page, uint32_t access,
                          uint64_t *entry) {
    bool writable = grant->flags & GRANT_SHARED && grant->protection & PROT_WRITE;
    bool for_write = writable && (access & FAULT_WRITE || memory_object_is_storage(grant->object));
    struct frame *frame;
    int32_t error = memory_object_page_locked(grant->object, grant_index(grant, page), for_write, &frame);
    if (error) return error;
    uint64_t value = entry_place(frame_physical(frame), grant->leaf), now;
    if (!for_write) value = entry_without_write(value);
    spin_lock(&space->page_lock);
    now = *entry;
    bool same = now && entry_physical(now) == frame_physical(frame);
    if (!now || same) atomic_store_release(entry, value);
    spin_unlock(&space->page_lock);
    if (now) { // only its rights changed, or somebody was faster
        frame_put(frame);
        return 0;
    }
    frame_map(frame);
    space_count_resident(space, 1);
    if (!for_write) map_around(space, grant, page, entry_without_write(grant->leaf));
    return 0;
}

static int32_t fault_object(struct address_space *space, const struct grant *grant, virtual_address page,
                            uint32_t access, uint64_t *entry) {
    struct memory_object *object = grant->object;
    int32_t result;
    mutex_lock(&object->lock);
    if (grant_index(grant, page) >= (object->size + PAGE_MASK) >> PAGE_SHIFT)
        result = -ENXIO;
    else if (access & FAULT_WRITE && !(grant->flags & GRANT_SHARED))
        result = object_private_write(space, grant, page, entry);
    else
        result = object_map(space, grant, page, access, entry);
    mutex_unlock(&object->lock);
    return result;
}

// ---- the decision

static bool allowed(const struct grant *grant, uint32_t access) {
    if (access & FAULT_WRITE && grant->protection & PROT_WRITE) return true;
    if (access & FAULT_WRITE)
        return access & FAULT_FORCE && !(grant->flags & (GRANT_SHARED | GRANT_SPECIAL)) && grant->protection;
    if (access & FAULT_EXECUTE) return grant->protection & PROT_EXEC;
    return grant->protection != PROT_NONE;
}

// Something is mapped at page.
static int32_t fault_present(struct address_space *space, const struct grant *grant, virtual_address page,
                             uint32_t access, uint64_t *entry, uint64_t value) {
    if (access & FAULT_WRITE && !entry_writable(value)) {
        if (grant->flags & GRANT_SHARED) return fault_object(space, grant, page, access, entry);
        return fault_copy(space, grant, page, entry, value);
    }
    arch_tlb_flush_page(page); // another processor resolved it: only this one's TLB is behind
    return 0;
}

static int32_t fault_locked(struct address_space *space, virtual_address address, uint32_t access) {
    struct grant *grant = address_space_find_locked(space, address);
    if (unlikely(!grant)) return -EFAULT;
    if (unlikely(address < grant->start)) return grant->flags & GRANT_GROWS_DOWN ? AGAIN : -EFAULT;
    if (unlikely(!allowed(grant, access))) return -EACCES;
    if (unlikely(grant->flags & GRANT_RESERVED)) return -EFAULT;
    virtual_address page = align_down(address, PAGE_SIZE);
    uint64_t *entry = entry_of(space, page);
    if (unlikely(!entry)) return -ENOMEM;
    uint64_t value = atomic_load_acquire(entry);
    if (value) return fault_present(space, grant, page, access, entry, value);
    if (grant->object) return fault_object(space, grant, page, access, entry);
    return fault_anonymous(space, grant, page, access, entry);
}

// RLIMIT_STACK as it is now, for the running process's own memory.
static uint64_t stack_limit(const struct address_space *space) {
    const struct context *context = context_current();
    if (!context || !context->process || context->process->address_space != space) return space->stack_limit;
    return context->process->limits[RLIMIT_STACK].current;
}

// Extends the stack grant above address down to it.
static int32_t grow_stack(struct address_space *space, virtual_address address) {
    virtual_address start = align_down(address, PAGE_SIZE);
    int32_t result = -EFAULT;
    rwlock_write_lock(&space->lock);
    struct grant *grant = address_space_find_locked(space, address);
    if (grant && grant->start <= address) {
        result = 0; // another thread did it
    } else if (grant && grant->flags & GRANT_GROWS_DOWN) {
        struct grant *below = grant_previous(grant);
        uint64_t pages = (grant->start - start) >> PAGE_SHIFT;
        bool gap = start >= MAP_MINIMUM && (!below || below->protection == PROT_NONE || // a guard of the program's own
                                            start - below->end >= STACK_GUARD_GAP);
        bool room = grant->end - start <= stack_limit(space) && space->mapped_pages + pages <= space->limit_pages;
        if (gap && room && (!below || below->end <= start)) {
            grant_resize(grant, start, grant->end);
            atomic_fetch_add_relaxed(&space->mapped_pages, pages);
            result = 0;
        }
    }
    rwlock_write_unlock(&space->lock);
    return result;
}

int32_t address_space_fault(struct address_space *space, uintptr_t address, uint32_t access) {
    memory_reclaim_when_scarce();
    for (unsigned round = 0;; round++) {
        rwlock_read_lock(&space->lock);
        int32_t result = fault_locked(space, address, access);
        rwlock_read_unlock(&space->lock);
        if (likely(result == 0)) return 0;
        if (result == AGAIN) {
            result = grow_stack(space, address);
            if (result) return result;
        } else if (result != -ENOMEM || round == RETRIES || !memory_reclaim(64)) {
            return result;
        }
    }
}

// Reclaim gave nothing: the largest process must go. Its memory comes back when it has run its exit.
[[gnu::noinline]] static int32_t out_of_memory(struct address_space *space, uintptr_t address, uint32_t access) {
    for (unsigned round = 0; round < OOM_ROUNDS; round++) {
        int32_t victim = process_kill_largest();
        struct context *context = context_current();
        if (!victim || !context || atomic_load_relaxed(&context->work) & WORK_EXIT) return -ENOMEM;
        if (context->process && context->process->pid == victim) return -ENOMEM;
        for (unsigned turn = 0; turn < OOM_TURNS; turn++) {
            context_yield();
            int32_t result = address_space_fault(space, address, access);
            if (result != -ENOMEM) return result;
        }
    }
    return -ENOMEM;
}

int32_t page_fault(uintptr_t address, uint32_t access, bool) {
    struct cpu *cpu = cpu_current();
    struct address_space *space = cpu->address_space;
    if (unlikely(cpu->faults_disabled || address >= USER_LIMIT || !space)) return -EFAULT;
    struct context *context = context_current();
    if (context) context->minor_faults++;
    int32_t result = address_space_fault(space, address, access);
    if (unlikely(result == -ENOMEM)) result = out_of_memory(space, address, access);
    return result;
}

int32_t segment_fault_in(const struct segment_cursor *cursor, uint32_t access) {
    if (!cursor->left || cursor->segment->kind != SEGMENT_USER) return -EFAULT;
    uintptr_t address = cursor->segment->address + cursor->position;
    struct address_space *space = cpu_current()->address_space;
    if (address >= USER_LIMIT || !space) return -EFAULT;
    int32_t error = address_space_fault(space, address, access);
    return error == 0 || error == -ENOMEM ? error : -EFAULT;
}

bool must_die(void) {
    const struct context *context = context_current();
    return context && context->process && signal_fatal_pending();
}

int32_t address_space_populate(struct address_space *space, uintptr_t start, uintptr_t end) {
    for (uintptr_t at = start; at < end; at += PAGE_SIZE) {
        rwlock_read_lock(&space->lock);
        struct grant *grant = address_space_find_locked(space, at);
        uint32_t access = 0;
        if (grant && grant->start <= at) {
            bool copy = grant->protection & PROT_WRITE && !(grant->flags & GRANT_SHARED);
            access = copy ? FAULT_WRITE : FAULT_READ;
        }
        rwlock_read_unlock(&space->lock);
        if (!access) return -ENOMEM;
        int32_t error = address_space_fault(space, at, access);
        if (error) return error;
        if (at % TURN_SIZE == 0) {
            preemption_point();
            if (must_die()) return -EINTR;
        }
    }
    return 0;
}
