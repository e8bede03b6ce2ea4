// sources: rmm/frame.c rmm/page_table.c lib/tree.c src/memory/heap.c src/memory/kernel_map.c src/memory/memory_object.c
// sources: src/memory/object_io.c src/memory/radix.c src/memory/reclaim.c src/memory/grant.c src/memory/zap.c
// sources: src/memory/address_space.c src/memory/fault.c src/memory/map.c src/memory/remap.c src/memory/advise.c
// sources: src/memory/remote.c src/memory/user_copy.c src/arch/hosted/hosted.c src/arch/hosted/hosted_lock.c
// sources: src/arch/hosted/hosted_user.c
#include "tests/unit/memory_fixture.h"

#include "src/memory/advise.h"
#include "src/memory/grant.h"

constexpr size_t MEMORY = 32UL << 20;
constexpr uint32_t RW = PROT_READ | PROT_WRITE;
constexpr uint32_t ANONYMOUS = MAP_PRIVATE | MAP_ANONYMOUS;

static uint64_t free_before;

static int start(void **) {
    memory_start(MEMORY);
    // Warm what is kept for good: caches of the heap.
    uintptr_t at = map(0, PAGE_SIZE, RW, ANONYMOUS);
    assert_int_equal(put(at, 1), 0);
    assert_int_equal(address_space_unmap(space, at, PAGE_SIZE), 0);
    free_before = frame_free_count();
    return 0;
}

static int stop(void **) {
    address_space_put(space);
    return 0;
}

static unsigned grant_total(void) {
    unsigned count = 0;
    virtual_address last = 0;
    for (struct tree_node *node = tree_first(&space->grants); node; node = tree_next(node), count++) {
        assert_true(grant_of(node)->start >= last);
        assert_true(grant_of(node)->end > grant_of(node)->start);
        last = grant_of(node)->end;
    }
    return count;
}

static void test_demand_zero(void **) {
    uintptr_t at = map(0, 10 * PAGE_SIZE, RW, ANONYMOUS);
    uint64_t resident = space->resident_pages;
    assert_int_equal(get(at), 0);
    assert_int_equal(space->resident_pages, resident); // the shared zero page
    assert_int_equal(put(at, 7), 0);
    assert_int_equal(get(at), 7);
    assert_int_equal(put(at + 9 * PAGE_SIZE + 5, 9), 0);
    assert_int_equal(space->resident_pages, resident + 2);
    assert_int_equal(get(at + 10 * PAGE_SIZE), -EFAULT);
    assert_int_equal(put(at - 1, 1), -EFAULT);
    assert_int_equal(address_space_unmap(space, at, 10 * PAGE_SIZE), 0);
    assert_int_equal(get(at), -EFAULT);
    assert_int_equal(space->resident_pages, resident);
    assert_int_equal(space->mapped_pages, 0);
}

static void test_map_errors(void **) {
    assert_int_equal((int32_t)map(0, 0, RW, ANONYMOUS), -EINVAL);
    assert_int_equal((int32_t)map(0, SIZE_MAX, RW, ANONYMOUS), -ENOMEM);
    assert_int_equal((int32_t)map(0, SIZE_MAX - PAGE_SIZE, RW, ANONYMOUS), -ENOMEM);
    assert_int_equal((int32_t)map(0x10001, PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED), -EINVAL);
    assert_int_equal((int32_t)map(0x1000, PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED), -EPERM);
    assert_int_equal((int32_t)map(USER_LIMIT, PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED), -ENOMEM);
    assert_int_equal((int32_t)map(0, 8 * MEMORY, RW, ANONYMOUS), -ENOMEM);
    uintptr_t at = map(0, 8 * MEMORY, RW, ANONYMOUS | MAP_NORESERVE);
    assert_true(at < USER_LIMIT);
    assert_int_equal((int32_t)map(at, PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED_NOREPLACE), -EEXIST);
    assert_int_equal(address_space_unmap(space, at + 1, PAGE_SIZE), -EINVAL);
    assert_int_equal(address_space_unmap(space, at, 0), -EINVAL);
    assert_int_equal(address_space_unmap(space, USER_LIMIT, PAGE_SIZE), -EINVAL);
    assert_int_equal(address_space_unmap(space, 0x100000, PAGE_SIZE), 0);
    space->limit_pages = space->mapped_pages + 4;
    assert_int_equal((int32_t)map(0, 5 * PAGE_SIZE, RW, ANONYMOUS), -ENOMEM);
    assert_true(map(0, 4 * PAGE_SIZE, RW, ANONYMOUS) < USER_LIMIT);
}

static void test_hint_and_gaps(void **) {
    uintptr_t hint = 0x12345000;
    assert_int_equal(map(hint + 5, PAGE_SIZE, RW, ANONYMOUS), hint);
    assert_int_not_equal(map(hint, PAGE_SIZE, RW, ANONYMOUS), hint);
    uintptr_t a = map(0, 4 * PAGE_SIZE, PROT_READ, ANONYMOUS), b = map(0, 4 * PAGE_SIZE, RW, ANONYMOUS);
    uintptr_t c = map(0, 4 * PAGE_SIZE, PROT_NONE, ANONYMOUS);
    assert_int_equal(b, a - 4 * PAGE_SIZE);
    assert_int_equal(c, b - 4 * PAGE_SIZE);
    assert_int_equal(address_space_unmap(space, b, 4 * PAGE_SIZE), 0);
    assert_int_equal(map(0, 3 * PAGE_SIZE, RW, ANONYMOUS), b + PAGE_SIZE); // first fit from above
    assert_int_equal(map(0, 2 * PAGE_SIZE, PROT_READ, ANONYMOUS), c - 2 * PAGE_SIZE);
    assert_int_equal(map(0, PAGE_SIZE, RW, ANONYMOUS), b);
}

static void test_neighbours_merge(void **) {
    uintptr_t at = map(0x20000000, 2 * PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED);
    unsigned before = grant_total();
    map(at + 2 * PAGE_SIZE, PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED);
    map(at - PAGE_SIZE, PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED);
    assert_int_equal(grant_total(), before);
    map(at + 4 * PAGE_SIZE, PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED);
    assert_int_equal(grant_total(), before + 1);
    map(at + 3 * PAGE_SIZE, PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED); // joins both sides
    assert_int_equal(grant_total(), before);
    assert_int_equal(address_space_protect(space, at, PAGE_SIZE, PROT_READ), 0);
    assert_int_equal(grant_total(), before + 2);
    assert_int_equal(address_space_protect(space, at, PAGE_SIZE, RW), 0);
    assert_int_equal(grant_total(), before);
    struct map_request request = {.address = at + 5 * PAGE_SIZE,
                                  .length = PAGE_SIZE,
                                  .protection = RW,
                                  .flags = ANONYMOUS | MAP_FIXED,
                                  .cookie = 9};
    uintptr_t result;
    assert_int_equal(address_space_map(space, &request, &result), 0);
    assert_int_equal(grant_total(), before + 1);
}

static void test_protect(void **) {
    uintptr_t at = map(0, 4 * PAGE_SIZE, RW, ANONYMOUS);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(put(at + i * PAGE_SIZE, (uint8_t)(i + 1)), 0);
    assert_int_equal(address_space_protect(space, at + PAGE_SIZE, PAGE_SIZE, PROT_READ), 0);
    assert_int_equal(address_space_protect(space, at + 2 * PAGE_SIZE, 1, PROT_NONE), 0);
    assert_int_equal(put(at + PAGE_SIZE, 9), -EFAULT);
    assert_int_equal(address_space_fault(space, at + PAGE_SIZE, FAULT_WRITE), -EACCES);
    assert_int_equal(get(at + PAGE_SIZE), 2);
    assert_int_equal(get(at + 2 * PAGE_SIZE), -EFAULT);
    assert_int_equal(address_space_fault(space, at + 2 * PAGE_SIZE, FAULT_READ), -EACCES);
    assert_int_equal(address_space_protect(space, at, 4 * PAGE_SIZE, RW), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(get(at + i * PAGE_SIZE), i + 1); // contents survive PROT_NONE
    assert_int_equal(address_space_fault(space, at, FAULT_EXECUTE), -EACCES);
    assert_int_equal(address_space_protect(space, at + 1, PAGE_SIZE, RW), -EINVAL);
    assert_int_equal(address_space_protect(space, at, PAGE_SIZE, 64), -EINVAL);
    assert_int_equal(address_space_protect(space, at, 0, RW), 0);
    assert_int_equal(address_space_protect(space, at + 3 * PAGE_SIZE, 2 * PAGE_SIZE, PROT_READ), -ENOMEM);
    assert_int_equal(put(at + 3 * PAGE_SIZE, 1), -EFAULT); // what lies before the hole was changed
    assert_int_equal(address_space_protect(space, at + 4 * PAGE_SIZE, PAGE_SIZE, RW), -ENOMEM);
}

static void test_unmap_middle(void **) {
    uintptr_t at = map(0, 5 * PAGE_SIZE, RW, ANONYMOUS);
    unsigned before = grant_total();
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(put(at + i * PAGE_SIZE, (uint8_t)(i + 1)), 0);
    assert_int_equal(address_space_unmap(space, at + 2 * PAGE_SIZE, 1), 0);
    assert_int_equal(grant_total(), before + 1);
    assert_int_equal(get(at + 2 * PAGE_SIZE), -EFAULT);
    assert_int_equal(get(at + PAGE_SIZE), 2);
    assert_int_equal(get(at + 3 * PAGE_SIZE), 4);
    assert_int_equal(address_space_unmap(space, at - PAGE_SIZE, 100 * PAGE_SIZE), 0);
    assert_int_equal(space->mapped_pages, 0);
}

static void test_fork_copies_on_write(void **) {
    uintptr_t at = map(0, 3 * PAGE_SIZE, RW, ANONYMOUS), shared = map_object(nullptr, 0, PAGE_SIZE, RW, ANONYMOUS);
    struct memory_object *object = memory_object_create(PAGE_SIZE);
    shared = map_object(object, 0, PAGE_SIZE, RW, MAP_SHARED);
    memory_object_put(object);
    assert_int_equal(put(at, 1), 0);
    assert_int_equal(put(at + PAGE_SIZE, 2), 0);
    assert_int_equal(put(shared, 3), 0);
    struct address_space *parent = space, *child = address_space_fork(parent);
    assert_non_null(child);
    uint64_t free_after_fork = frame_free_count();
    address_space_switch(space = child);
    assert_int_equal(get(at), 1);
    assert_int_equal(put(at, 11), 0);
    assert_int_equal(put(shared, 13), 0);
    assert_int_equal(frame_free_count(), free_after_fork - 1);
    address_space_switch(space = parent);
    assert_int_equal(get(at), 1);
    assert_int_equal(get(shared), 13);
    assert_int_equal(put(at, 21), 0); // the only user now: no copy
    assert_int_equal(frame_free_count(), free_after_fork - 1);
    assert_int_equal(put(at + PAGE_SIZE, 22), 0);
    assert_int_equal(frame_free_count(), free_after_fork - 2);
    address_space_switch(space = child);
    assert_int_equal(get(at), 11);
    assert_int_equal(get(at + PAGE_SIZE), 2);
    address_space_switch(space = parent);
    address_space_put(child);
    assert_int_equal(get(at + PAGE_SIZE), 22);
}

static void test_fork_flags_and_pins(void **) {
    uintptr_t wiped = map(0x30000000, PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED);
    uintptr_t absent = map(0x30010000, PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED);
    uintptr_t pinned = map(0x30020000, PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED);
    assert_int_equal(put(wiped, 1) | put(absent, 2) | put(pinned, 3), 0);
    assert_int_equal(address_space_advise(space, wiped, PAGE_SIZE, MADV_WIPEONFORK), 0);
    assert_int_equal(address_space_advise(space, absent, PAGE_SIZE, MADV_DONTFORK), 0);
    struct frame *frame;
    assert_int_equal(address_space_pin(space, pinned, FAULT_WRITE, &frame), 0);
    struct address_space *parent = space, *child = address_space_fork(parent);
    // The pinned page stays the parent's, writable: a device may write into it.
    assert_true(page_table_lookup(&parent->table, pinned).flags & PAGE_WRITE);
    assert_int_equal(page_table_lookup(&parent->table, pinned).physical, frame_physical(frame));
    address_space_switch(space = child);
    assert_int_equal(get(wiped), 0);
    assert_int_equal(get(absent), -EFAULT);
    assert_int_equal(get(pinned), 3);
    address_space_switch(space = parent);
    address_space_put(child);
    address_space_unpin(frame);
}

static void test_stack_grows(void **) {
    uintptr_t top = 0x7ff000000000;
    map(top - 4 * PAGE_SIZE, 4 * PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN);
    space->stack_limit = 64 * PAGE_SIZE;
    assert_int_equal(put(top - 20 * PAGE_SIZE, 5), 0);
    assert_int_equal(space->mapped_pages, 20);
    assert_int_equal(put(top - 65 * PAGE_SIZE, 5), -EFAULT); // RLIMIT_STACK
    space->stack_limit = 8UL << 20;
    uintptr_t below = top - 400 * PAGE_SIZE;
    map(below - PAGE_SIZE, PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED);
    assert_int_equal(put(below + 256 * PAGE_SIZE, 5), 0);
    assert_int_equal(put(below + 255 * PAGE_SIZE, 5), -EFAULT); // the guard gap
    uintptr_t other = map(top - 300 * PAGE_SIZE, 10 * PAGE_SIZE, RW, ANONYMOUS);
    assert_int_not_equal(other, top - 300 * PAGE_SIZE); // a hint in the gap is not taken
}

static void test_break(void **) {
    uintptr_t result;
    space->break_start = space->break_end = 0x5000010;
    assert_int_equal(address_space_break(space, 0, &result), 0);
    assert_int_equal(result, 0x5000010);
    assert_int_equal(address_space_break(space, 0x5003000, &result), 0);
    assert_int_equal(result, 0x5003000);
    assert_int_equal(put(0x5002fff, 3), 0);
    assert_int_equal(get(0x5003000), -EFAULT);
    assert_int_equal(address_space_break(space, 0x5001800, &result), 0);
    assert_int_equal(result, 0x5001800);
    assert_int_equal(get(0x5002fff), -EFAULT);
    space->data_limit = 0x10000;
    assert_int_equal(address_space_break(space, 0x5020000, &result), 0);
    assert_int_equal(result, 0x5001800);
    space->data_limit = UINT64_MAX;
    map(0x5008000, PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED);
    assert_int_equal(address_space_break(space, 0x5009000, &result), 0);
    assert_int_equal(result, 0x5001800); // something is in the way
}

static void test_remap(void **) {
    uintptr_t at = map(0x40000000, 4 * PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED), result;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(put(at + i * PAGE_SIZE, (uint8_t)(i + 1)), 0);
    assert_int_equal(address_space_remap(space, at, 4 * PAGE_SIZE, 6 * PAGE_SIZE, 0, 0, &result), 0);
    assert_int_equal(result, at);
    map(at + 6 * PAGE_SIZE, PAGE_SIZE, PROT_READ, ANONYMOUS | MAP_FIXED);
    assert_int_equal(address_space_remap(space, at, 6 * PAGE_SIZE, 7 * PAGE_SIZE, 0, 0, &result), -ENOMEM);
    assert_int_equal(address_space_remap(space, at, 6 * PAGE_SIZE, 7 * PAGE_SIZE, MREMAP_MAYMOVE, 0, &result), 0);
    assert_int_not_equal(result, at);
    assert_int_equal(get(at), -EFAULT);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(get(result + i * PAGE_SIZE), i + 1);
    assert_int_equal(get(result + 6 * PAGE_SIZE), 0);
    uintptr_t moved = result;
    assert_int_equal(address_space_remap(space, moved, 7 * PAGE_SIZE, 2 * PAGE_SIZE, 0, 0, &result), 0);
    assert_int_equal(get(moved + 2 * PAGE_SIZE), -EFAULT);
    assert_int_equal(
        address_space_remap(space, moved, 2 * PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, at, &result), 0);
    assert_int_equal(result, at);
    assert_int_equal(get(at), 1);
    assert_int_equal(get(moved), -EFAULT);
    constexpr uint32_t keep = MREMAP_MAYMOVE | MREMAP_DONTUNMAP;
    assert_int_equal(address_space_remap(space, at, PAGE_SIZE, PAGE_SIZE, keep, 0, &result), 0);
    assert_int_equal(get(at), 0); // still mapped, empty
    assert_int_equal(get(result), 1);
    assert_int_equal(address_space_remap(space, at, PAGE_SIZE, 0, 0, 0, &result), -EINVAL);
    assert_int_equal(address_space_remap(space, at + 1, PAGE_SIZE, PAGE_SIZE, 0, 0, &result), -EINVAL);
    assert_int_equal(address_space_remap(space, at, PAGE_SIZE, PAGE_SIZE, 64, 0, &result), -EINVAL);
    assert_int_equal(address_space_remap(space, at, PAGE_SIZE, PAGE_SIZE, MREMAP_FIXED, 0x60000000, &result), -EINVAL);
    assert_int_equal(address_space_remap(space, 0x70000000, PAGE_SIZE, 2 * PAGE_SIZE, MREMAP_MAYMOVE, 0, &result),
                     -EFAULT);
    assert_int_equal(address_space_remap(space, at, 9 * PAGE_SIZE, 10 * PAGE_SIZE, MREMAP_MAYMOVE, 0, &result),
                     -EFAULT);
}

static void test_advise(void **) {
    uintptr_t at = map(0, 4 * PAGE_SIZE, RW, ANONYMOUS);
    assert_int_equal(put(at, 1) | put(at + PAGE_SIZE, 2), 0);
    assert_int_equal(address_space_advise(space, at, PAGE_SIZE, MADV_DONTNEED), 0);
    assert_int_equal(get(at), 0);
    assert_int_equal(get(at + PAGE_SIZE), 2);
    assert_int_equal(address_space_advise(space, at + 1, PAGE_SIZE, MADV_DONTNEED), -EINVAL);
    assert_int_equal(address_space_advise(space, at, PAGE_SIZE, 77), -EINVAL);
    assert_int_equal(address_space_advise(space, at, 9 * PAGE_SIZE, MADV_NORMAL), -ENOMEM);
    assert_int_equal(address_space_advise(space, at, PAGE_SIZE, MADV_REMOVE), -EINVAL);
    assert_int_equal(address_space_lock(space, at, 2 * PAGE_SIZE, true, true), 0);
    assert_int_equal(space->locked_pages, 2);
    assert_int_equal(address_space_advise(space, at, PAGE_SIZE, MADV_DONTNEED), -EINVAL);
    uint8_t vector[5];
    assert_int_equal(address_space_resident(space, at, 4, vector), 0);
    assert_int_equal(vector[0] & vector[1], 1);
    assert_int_equal(vector[2] | vector[3], 0);
    assert_int_equal(address_space_resident(space, at, 5, vector), -ENOMEM);
    assert_int_equal(address_space_lock(space, at, PAGE_SIZE, false, false), 0);
    assert_int_equal(space->locked_pages, 1);
    assert_int_equal(address_space_lock(space, at + 4 * PAGE_SIZE, 1, true, true), -ENOMEM);
    assert_int_equal(address_space_sync(space, at, PAGE_SIZE, MS_SYNC | MS_ASYNC), -EINVAL);
    assert_int_equal(address_space_sync(space, at, PAGE_SIZE, MS_SYNC), 0);
    assert_int_equal(address_space_sync(space, at, 9 * PAGE_SIZE, MS_SYNC), -ENOMEM);
    assert_int_equal(address_space_sync(space, at + PAGE_SIZE, PAGE_SIZE, MS_SYNC | MS_INVALIDATE), -EBUSY);
}

static void test_remote(void **) {
    uintptr_t at = map(0, 3 * PAGE_SIZE, RW, ANONYMOUS);
    char text[PAGE_SIZE + 100], back[PAGE_SIZE + 100];
    memset(text, 'x', sizeof text);
    assert_int_equal(address_space_copy(space, at + PAGE_SIZE - 50, text, sizeof text, true), sizeof text);
    assert_int_equal(address_space_copy(space, at + PAGE_SIZE - 50, back, sizeof back, false), sizeof back);
    assert_memory_equal(text, back, sizeof text);
    assert_int_equal(address_space_copy(space, at + 3 * PAGE_SIZE - 10, back, 100, false), 10);
    struct memory_object *object = memory_object_create(4 * PAGE_SIZE), *found;
    uintptr_t shared = map_object(object, PAGE_SIZE, 2 * PAGE_SIZE, RW, MAP_SHARED);
    uint64_t offset;
    assert_int_equal(address_space_key(space, shared + PAGE_SIZE + 8, &found, &offset), 0);
    assert_ptr_equal(found, object);
    assert_int_equal(offset, 2 * PAGE_SIZE + 8);
    memory_object_put(found);
    memory_object_put(object);
    assert_int_equal(address_space_key(space, at, &found, &offset), 0);
    assert_null(found);
    assert_int_equal(address_space_key(space, 0x1000, &found, &offset), -EFAULT);
    // A debugger's write into read-only memory, shared with a child by fork: only this side sees it.
    assert_int_equal(put(at, 5), 0);
    assert_int_equal(address_space_protect(space, at, PAGE_SIZE, PROT_READ), 0);
    struct address_space *child = address_space_fork(space);
    struct frame *frame;
    assert_int_equal(address_space_pin(space, at, FAULT_WRITE, &frame), -EACCES);
    assert_int_equal(address_space_pin(space, at, FAULT_WRITE | FAULT_FORCE, &frame), 0);
    *(char *)frame_pointer(frame) = 6;
    address_space_unpin(frame);
    assert_int_equal(get(at), 6);
    assert_int_equal(put(at, 7), -EFAULT);
    char seen;
    assert_int_equal(address_space_copy(child, at, &seen, 1, false), 1);
    assert_int_equal(seen, 5);
    address_space_put(child);
    assert_int_equal(address_space_pin(space, shared, FAULT_WRITE | FAULT_FORCE, &frame), 0);
    address_space_unpin(frame);
    assert_int_equal(address_space_protect(space, shared, PAGE_SIZE, PROT_READ), 0);
    assert_int_equal(address_space_pin(space, shared, FAULT_WRITE | FAULT_FORCE, &frame), -EACCES);
}

// ---- random calls against a model: one value and protection a page

enum : unsigned { MODEL_PAGES = 256 };
constexpr uintptr_t MODEL_BASE = 0x50000000;
struct model {
    bool mapped[MODEL_PAGES];
    uint8_t value[MODEL_PAGES];
    uint8_t protection[MODEL_PAGES];
};

static void check_model(const struct model *model) {
    uint64_t mapped = 0;
    for (unsigned i = 0; i < MODEL_PAGES; i++) {
        uintptr_t at = MODEL_BASE + i * PAGE_SIZE + i;
        bool readable = model->mapped[i] && model->protection[i];
        assert_int_equal(get(at), readable ? model->value[i] : -EFAULT);
        mapped += model->mapped[i];
    }
    assert_int_equal(space->mapped_pages, mapped);
    grant_total();
}

static void random_step(struct model *model) {
    static const uint32_t protections[] = {PROT_NONE, PROT_READ, RW, RW, RW | PROT_EXEC};
    unsigned first = (unsigned)rand() % MODEL_PAGES, count = 1 + (unsigned)rand() % min(MODEL_PAGES - first, 24u);
    uintptr_t at = MODEL_BASE + first * PAGE_SIZE;
    uint32_t protection = protections[(unsigned)rand() % array_size(protections)];
    bool whole = true;
    for (unsigned i = first; i < first + count; i++)
        whole = whole && model->mapped[i];
    switch (rand() % 6) {
    case 0:
        assert_int_equal(map(at, count * PAGE_SIZE, protection, ANONYMOUS | MAP_FIXED), at);
        for (unsigned i = first; i < first + count; i++) {
            model->mapped[i] = true;
            model->value[i] = 0;
            model->protection[i] = (uint8_t)protection;
        }
        break;
    case 1:
        assert_int_equal(address_space_unmap(space, at, count * PAGE_SIZE), 0);
        for (unsigned i = first; i < first + count; i++)
            model->mapped[i] = false;
        break;
    case 2:
        if (!whole) break;
        assert_int_equal(address_space_protect(space, at, count * PAGE_SIZE, protection), 0);
        for (unsigned i = first; i < first + count; i++)
            model->protection[i] = (uint8_t)protection;
        break;
    case 3:
        if (!whole) break;
        assert_int_equal(address_space_advise(space, at, count * PAGE_SIZE, MADV_DONTNEED), 0);
        for (unsigned i = first; i < first + count; i++)
            model->value[i] = 0;
        break;
    default:
        for (unsigned i = first; i < first + count; i++) {
            bool writable = model->mapped[i] && model->protection[i] & PROT_WRITE;
            uint8_t value = (uint8_t)rand();
            assert_int_equal(put(MODEL_BASE + i * PAGE_SIZE + i, value), writable ? 0 : -EFAULT);
            if (writable) model->value[i] = value;
        }
    }
}

static void test_random_against_model(void **) {
    enum { SPACES = 3 };
    struct address_space *spaces[SPACES] = {space};
    static struct model models[SPACES];
    memset(models, 0, sizeof models);
    srand(5);
    for (unsigned round = 0; round < 3000; round++) {
        unsigned i = (unsigned)rand() % SPACES;
        if (!spaces[i]) { // fork of a living one
            unsigned from = 0;
            while (!spaces[from])
                from++;
            spaces[i] = address_space_fork(spaces[from]);
            assert_non_null(spaces[i]);
            models[i] = models[from];
        } else if (rand() % 40 == 0 && (i == 0 ? spaces[1] != nullptr : spaces[0] != nullptr)) {
            address_space_put(spaces[i]);
            spaces[i] = nullptr;
            continue;
        }
        address_space_switch(space = spaces[i]);
        random_step(&models[i]);
        if (round % 16 == 0) check_model(&models[i]);
    }
    space = nullptr;
    for (unsigned i = 0; i < SPACES; i++) {
        if (!spaces[i]) continue;
        if (space) address_space_put(space);
        address_space_switch(space = spaces[i]);
        check_model(&models[i]);
    }
}

// ---- every call with the n-th allocation failing: an honest error, nothing lost

static int32_t scenario(void) {
    uintptr_t at = map(0x60000000, 8 * PAGE_SIZE, RW, ANONYMOUS | MAP_FIXED), result;
    if (at != 0x60000000) return (int32_t)at;
    int32_t error = put(at, 1) | put(at + 5 * PAGE_SIZE, 2);
    if (!error) error = address_space_protect(space, at + PAGE_SIZE, PAGE_SIZE, PROT_READ);
    if (!error) error = address_space_unmap(space, at + 3 * PAGE_SIZE, PAGE_SIZE);
    if (!error)
        error = address_space_remap(space, at + 5 * PAGE_SIZE, PAGE_SIZE, 3UL << 30, MREMAP_MAYMOVE, 0, &result);
    if (error == -ENOMEM) error = 0; // three gigabytes are refused here anyway
    struct address_space *child = error ? nullptr : address_space_fork(space);
    if (!error && !child) error = -ENOMEM;
    if (child) {
        struct address_space *parent = space;
        address_space_switch(space = child);
        error = put(at, 3);
        address_space_switch(space = parent);
        address_space_put(child);
    }
    return error;
}

static void test_nth_allocation_fails(void **) {
    bool failed = true;
    for (unsigned n = 1; failed && n < 200; n++) {
        address_space_put(space);
        cpu_current()->address_space = nullptr;
        uint64_t before = all_memory();
        space = address_space_create();
        address_space_switch(space);
        frame_fail_after(n, 1);
        int32_t error = scenario();
        frame_fail_after(0, 0);
        assert_true(error == 0 || error == -ENOMEM || error == -EFAULT);
        failed = error != 0;
        address_space_put(space);
        assert_int_equal(all_memory(), before);
        space = address_space_create();
        address_space_switch(space);
    }
    assert_false(failed);
}

static void test_everything_comes_back(void **) {
    address_space_put(space);
    uint64_t before = all_memory();
    for (unsigned round = 0; round < 20; round++) {
        space = address_space_create();
        address_space_switch(space);
        uintptr_t at = map(0, 64 * PAGE_SIZE, RW, ANONYMOUS | MAP_POPULATE);
        struct address_space *child = address_space_fork(space);
        assert_int_equal(put(at, 1), 0);
        address_space_put(child);
        address_space_put(space);
    }
    assert_int_equal(all_memory(), before);
    space = address_space_create();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_demand_zero, start, stop),
        cmocka_unit_test_setup_teardown(test_map_errors, start, stop),
        cmocka_unit_test_setup_teardown(test_hint_and_gaps, start, stop),
        cmocka_unit_test_setup_teardown(test_neighbours_merge, start, stop),
        cmocka_unit_test_setup_teardown(test_protect, start, stop),
        cmocka_unit_test_setup_teardown(test_unmap_middle, start, stop),
        cmocka_unit_test_setup_teardown(test_fork_copies_on_write, start, stop),
        cmocka_unit_test_setup_teardown(test_fork_flags_and_pins, start, stop),
        cmocka_unit_test_setup_teardown(test_stack_grows, start, stop),
        cmocka_unit_test_setup_teardown(test_break, start, stop),
        cmocka_unit_test_setup_teardown(test_remap, start, stop),
        cmocka_unit_test_setup_teardown(test_advise, start, stop),
        cmocka_unit_test_setup_teardown(test_remote, start, stop),
        cmocka_unit_test_setup_teardown(test_random_against_model, start, stop),
        cmocka_unit_test_setup_teardown(test_nth_allocation_fails, start, stop),
        cmocka_unit_test_setup_teardown(test_everything_comes_back, start, stop),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
