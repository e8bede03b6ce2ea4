// sources: rmm/frame.c rmm/page_table.c lib/tree.c src/memory/heap.c src/memory/kernel_map.c src/memory/memory_object.c
// sources: src/memory/object_io.c src/memory/radix.c src/memory/reclaim.c src/memory/grant.c src/memory/zap.c
// sources: src/memory/address_space.c src/memory/fault.c src/memory/map.c src/memory/remap.c src/memory/advise.c
// sources: src/memory/remote.c src/memory/user_copy.c src/arch/hosted/hosted.c src/arch/hosted/hosted_lock.c
// sources: src/arch/hosted/hosted_user.c
#include "tests/unit/memory_fixture.h"

#include "src/memory/radix.h"

constexpr size_t MEMORY = 32UL << 20;
constexpr uint32_t RW = PROT_READ | PROT_WRITE;

static int start(void **) {
    memory_start(MEMORY);
    return 0;
}

static int stop(void **) {
    address_space_put(space);
    return 0;
}

static int64_t read_kernel(struct memory_object *object, uint64_t offset, void *buffer, size_t size) {
    struct segment segment = segment_kernel(buffer, size);
    struct segment_cursor cursor = segment_cursor_start(&segment, 1);
    return memory_object_read(object, offset, &cursor);
}

static int64_t write_kernel(struct memory_object *object, uint64_t offset, const void *buffer, size_t size) {
    struct segment segment = segment_kernel(buffer, size);
    struct segment_cursor cursor = segment_cursor_start(&segment, 1);
    return memory_object_write(object, offset, &cursor);
}

static void test_radix(void **) {
    enum : unsigned { COUNT = 3000 };
    static uint64_t keys[COUNT];
    void *root = nullptr;
    size_t used = heap_used();
    srand(1);
    for (unsigned i = 0; i < COUNT; i++) {
        keys[i] = i < 10 ? i : (uint64_t)rand() << (rand() % 30);
        if (radix_find(root, keys[i])) {
            i--;
            continue;
        }
        assert_int_equal(radix_insert(&root, keys[i], (struct frame *)(uintptr_t)((i + 1) * 64)), 0);
    }
    for (unsigned i = 0; i < COUNT; i++)
        assert_ptr_equal(radix_find(root, keys[i]), (uintptr_t)((i + 1) * 64));
    uint64_t index = 0;
    unsigned seen = 0;
    for (struct frame *frame; (frame = radix_next(root, &index)); index++, seen++)
        assert_int_equal(keys[(uintptr_t)frame / 64 - 1], index);
    assert_int_equal(seen, COUNT);
    for (unsigned i = 0; i < COUNT; i++)
        assert_ptr_equal(radix_remove(&root, keys[i]), (uintptr_t)((i + 1) * 64));
    assert_null(root);
    assert_true(heap_used() < used + 16 * PAGE_SIZE);
    frame_fail_after(1, 100000);
    int32_t error = 0;
    for (uint64_t i = 0; !error && i < 100; i++)
        error = radix_insert(&root, i << 40, (struct frame *)64);
    assert_int_equal(error, -ENOMEM);
    frame_fail_after(0, 0);
    index = 0;
    while (radix_next(root, &index))
        (void)radix_remove(&root, index++);
    assert_null(root);
}

static void test_read_write(void **) {
    struct memory_object *object = memory_object_create(0);
    char text[9000], back[9000];
    for (unsigned i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 7);
    assert_int_equal(write_kernel(object, 5000, text, sizeof text), sizeof text);
    assert_int_equal(object->size, 14000);
    assert_int_equal(read_kernel(object, 5000, back, sizeof back), sizeof back);
    assert_memory_equal(text, back, sizeof text);
    assert_int_equal(read_kernel(object, 0, back, 5000), 5000);
    for (unsigned i = 0; i < 5000; i++)
        assert_int_equal(back[i], 0);
    assert_int_equal(read_kernel(object, 13990, back, 100), 10);
    assert_int_equal(read_kernel(object, 14000, back, 100), 0);
    assert_int_equal(memory_object_seek(object, 0, true), PAGE_SIZE);
    assert_int_equal(memory_object_seek(object, 0, false), 0);
    assert_int_equal(memory_object_seek(object, 6000, false), 14000);
    assert_int_equal(memory_object_seek(object, 14000, true), -ENXIO);
    memory_object_put(object);
}

static void test_user_segments(void **) {
    struct memory_object *object = memory_object_create(0);
    uintptr_t at = map(0, 4 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS);
    char text[2 * PAGE_SIZE];
    memset(text, 'h', sizeof text);
    assert_int_equal(write_kernel(object, 0, text, sizeof text), sizeof text);
    // Into memory that was never touched: short copies, faulted in without the object's lock.
    struct segment segments[] = {segment_user((struct user_address){at + 100}, PAGE_SIZE), segment_kernel(text, 0),
                                 segment_user((struct user_address){at + 3 * PAGE_SIZE}, 2 * PAGE_SIZE)};
    struct segment_cursor cursor = segment_cursor_start(segments, 3);
    assert_int_equal(memory_object_read(object, 10, &cursor), 2 * PAGE_SIZE - 10);
    assert_int_equal(get(at + 99), 0);
    assert_int_equal(get(at + 100 + PAGE_SIZE - 1), 'h');
    assert_int_equal(get(at + 3 * PAGE_SIZE), 'h');
    // A bad address: what was possible, then -EFAULT.
    assert_int_equal(memory_object_resize(object, 4 * PAGE_SIZE), 0);
    cursor = segment_cursor_start(&segments[2], 1);
    assert_int_equal(memory_object_read(object, 0, &cursor), PAGE_SIZE);
    assert_int_equal(memory_object_read(object, 0, &cursor), -EFAULT);
    assert_int_equal(memory_object_write(object, 0, &cursor), -EFAULT);
    memory_object_put(object);
}

static void test_shared_mapping_and_truncation(void **) {
    struct memory_object *object = memory_object_create(4 * PAGE_SIZE);
    uintptr_t a = map_object(object, 0, 4 * PAGE_SIZE, RW, MAP_SHARED);
    uintptr_t b = map_object(object, PAGE_SIZE, 4 * PAGE_SIZE, RW, MAP_SHARED);
    uintptr_t private = map_object(object, 0, 4 * PAGE_SIZE, RW, MAP_PRIVATE);
    assert_int_equal(object->writable_mappings, 2);
    assert_int_equal(put(a + PAGE_SIZE, 5), 0);
    assert_int_equal(get(b), 5);
    assert_int_equal(get(private + PAGE_SIZE), 5);
    assert_int_equal(put(private + PAGE_SIZE, 6), 0);
    assert_int_equal(get(b), 5);
    assert_int_equal(put(a + 2 * PAGE_SIZE + 50, 7), 0);
    assert_int_equal(address_space_fault(space, b + 3 * PAGE_SIZE, FAULT_READ), -ENXIO);
    char byte;
    assert_int_equal(read_kernel(object, 2 * PAGE_SIZE + 50, &byte, 1), 1);
    assert_int_equal(byte, 7);
    byte = 9;
    assert_int_equal(write_kernel(object, PAGE_SIZE, &byte, 1), 1);
    assert_int_equal(get(a + PAGE_SIZE), 9);
    assert_int_equal(get(private + PAGE_SIZE), 6);
    uint64_t resident = space->resident_pages;
    assert_int_equal(memory_object_resize(object, PAGE_SIZE), 0);
    assert_true(space->resident_pages < resident);
    assert_int_equal(address_space_fault(space, a + PAGE_SIZE, FAULT_READ), -ENXIO);
    assert_int_equal(address_space_fault(space, private + PAGE_SIZE, FAULT_READ), -ENXIO);
    assert_int_equal(memory_object_resize(object, 4 * PAGE_SIZE), 0);
    assert_int_equal(get(a + 2 * PAGE_SIZE + 50), 0);
    assert_int_equal(put(a + 100, 3), 0);
    assert_int_equal(memory_object_resize(object, 50), 0);
    assert_int_equal(memory_object_resize(object, PAGE_SIZE), 0);
    assert_int_equal(get(a + 100), 0); // the tail was cleared
    assert_int_equal(address_space_unmap(space, a, 4 * PAGE_SIZE), 0);
    assert_int_equal(object->writable_mappings, 1);
    memory_object_put(object);
}

static void test_punch(void **) {
    struct memory_object *object = memory_object_create(0);
    char text[4 * PAGE_SIZE], back[4 * PAGE_SIZE];
    memset(text, 1, sizeof text);
    assert_int_equal(write_kernel(object, 0, text, sizeof text), sizeof text);
    uintptr_t at = map_object(object, 0, 4 * PAGE_SIZE, RW, MAP_SHARED);
    assert_int_equal(get(at + PAGE_SIZE), 1);
    memory_object_punch(object, 100, 2 * PAGE_SIZE);
    assert_int_equal(read_kernel(object, 0, back, sizeof back), sizeof back);
    for (unsigned i = 0; i < sizeof back; i++)
        assert_int_equal(back[i], i < 100 || i >= 2 * PAGE_SIZE + 100);
    assert_int_equal(get(at + PAGE_SIZE), 0);
    assert_int_equal(object->page_count, 4); // the hole was read through the mapping: a page again
    memory_object_punch(object, 3 * PAGE_SIZE, UINT64_MAX);
    assert_int_equal(object->page_count, 3);
    memory_object_put(object);
}

// ---- an object with contents of its own

static unsigned fills, writes, releases;
static struct frame *original;
static int32_t fill_error;

static int32_t fill(struct memory_object *, uint64_t index, struct frame *frame) {
    fills++;
    if (fill_error) return fill_error;
    memset(frame_pointer(frame), (int)index + 1, PAGE_SIZE);
    return 0;
}
static int32_t write_back(struct memory_object *, uint64_t, struct frame *) {
    writes++;
    return 0;
}
static struct frame *borrow(struct memory_object *, uint64_t index) {
    if (index) return nullptr;
    frame_get(original);
    return original;
}
static void release(struct memory_object *) {
    releases++;
}
static const struct memory_object_operations disk = {.fill = fill, .write_back = write_back, .release = release};
static const struct memory_object_operations archive = {.fill = fill, .borrow = borrow, .release = release};

static void test_fill_and_write_back(void **) {
    struct memory_object object;
    fills = writes = releases = 0;
    assert_int_equal(memory_object_init(&object, &disk, 2 * PAGE_SIZE + 10), 0);
    char back[PAGE_SIZE];
    assert_int_equal(read_kernel(&object, PAGE_SIZE, back, 10), 10);
    assert_int_equal(back[0], 2);
    assert_int_equal(fills, 1);
    assert_int_equal(read_kernel(&object, PAGE_SIZE, back, 10), 10);
    assert_int_equal(fills, 1);
    fill_error = -EIO;
    assert_int_equal(read_kernel(&object, 0, back, 10), -EIO);
    assert_int_equal(read_kernel(&object, PAGE_SIZE + 4090, back, 10), 6);
    fill_error = 0;
    uintptr_t at = map_object(&object, 0, 3 * PAGE_SIZE, RW, MAP_SHARED);
    assert_int_equal(get(at + 2 * PAGE_SIZE + 9), 3);
    assert_int_equal(get(at + 2 * PAGE_SIZE + 10), 0); // behind the end
    assert_int_equal(memory_object_sync(&object, 0, UINT64_MAX), 0);
    assert_int_equal(writes, 0);
    assert_int_equal(put(at, 77), 0);
    assert_int_equal(address_space_sync(space, at, 3 * PAGE_SIZE, MS_SYNC), 0);
    assert_int_equal(writes, 1);
    assert_int_equal(address_space_sync(space, at, 3 * PAGE_SIZE, MS_SYNC), 0);
    assert_int_equal(writes, 1);
    assert_int_equal(put(at + 1, 78), 0); // marks it again
    assert_int_equal(memory_object_sync(&object, 0, 1), 0);
    assert_int_equal(writes, 2);
    assert_int_equal(get(at), 77);
    assert_int_equal(address_space_unmap(space, at, 3 * PAGE_SIZE), 0);
    // Clean pages that nobody maps can go and come back.
    uint64_t cached = memory_cached_pages();
    assert_true(cached >= 3);
    assert_true(memory_reclaim(100) >= 3);
    assert_int_equal(object.page_count, 0);
    memory_object_put(&object);
    assert_int_equal(releases, 1);
}

static void test_borrowed_pages(void **) {
    struct memory_object object;
    releases = 0;
    original = frame_alloc_zeroed();
    memset(frame_pointer(original), 42, PAGE_SIZE);
    assert_int_equal(memory_object_init(&object, &archive, PAGE_SIZE), 0);
    uintptr_t private = map_object(&object, 0, PAGE_SIZE, RW, MAP_PRIVATE);
    uintptr_t shared = map_object(&object, 0, PAGE_SIZE, RW, MAP_SHARED);
    uint64_t before = frame_free_count();
    assert_int_equal(get(private), 42);
    assert_int_equal(get(shared), 42);
    assert_int_equal(page_table_lookup(&space->table, private).physical, frame_physical(original));
    assert_true(before - frame_free_count() <= 3); // tables only: no copy
    assert_int_equal(object.page_count, 0);
    assert_int_equal(put(private, 1), 0);
    assert_int_equal(*(char *)frame_pointer(original), 42);
    assert_int_equal(put(shared, 2), 0); // now the object has a page of its own
    assert_int_equal(*(char *)frame_pointer(original), 42);
    assert_int_equal(get(shared), 2);
    char byte;
    assert_int_equal(read_kernel(&object, 0, &byte, 1), 1);
    assert_int_equal(byte, 2);
    assert_int_equal(memory_object_resize(&object, 0), 0);
    assert_int_equal(memory_object_resize(&object, PAGE_SIZE), 0);
    assert_int_equal(get(shared), 0); // the archive's contents don't come back
    assert_int_equal(address_space_unmap(space, private, PAGE_SIZE), 0);
    assert_int_equal(address_space_unmap(space, shared, PAGE_SIZE), 0);
    memory_object_put(&object);
    assert_int_equal(original->references, 1);
    frame_put(original);
    assert_int_equal(releases, 1);
}

static void test_faults_map_around(void **) {
    struct memory_object *object = memory_object_create(0);
    char text[PAGE_SIZE];
    memset(text, 3, sizeof text);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(write_kernel(object, i * PAGE_SIZE, text, PAGE_SIZE), PAGE_SIZE);
    uintptr_t at = map_object(object, 0, 40 * PAGE_SIZE, PROT_READ, MAP_PRIVATE);
    uint64_t resident = space->resident_pages;
    assert_int_equal(get(at + 20 * PAGE_SIZE), 3);
    assert_true(space->resident_pages > resident + 1 && space->resident_pages <= resident + 16);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(get(at + i * PAGE_SIZE), 3);
    assert_int_equal(space->resident_pages, resident + 40);
    memory_object_put(object);
}

// Random reads, writes, truncations and mapped accesses against a plain array.
static void test_random_against_model(void **) {
    enum : size_t { LIMIT = 20 * PAGE_SIZE };
    static uint8_t model[LIMIT], buffer[LIMIT];
    size_t size = 0;
    memset(model, 0, sizeof model);
    struct memory_object *object = memory_object_create(0);
    uintptr_t at = map_object(object, 0, LIMIT, RW, MAP_SHARED);
    srand(9);
    for (unsigned round = 0; round < 5000; round++) {
        size_t offset = (size_t)rand() % LIMIT, length = (size_t)rand() % min((size_t)9000, LIMIT - offset) + 1;
        switch (rand() % 5) {
        case 0:
            memset(buffer, rand(), length);
            assert_int_equal(write_kernel(object, offset, buffer, length), length);
            memcpy(model + offset, buffer, length);
            size = max(size, offset + length);
            break;
        case 1: {
            size_t expected = offset < size ? min(length, size - offset) : 0;
            assert_int_equal(read_kernel(object, offset, buffer, length), expected);
            assert_memory_equal(buffer, model + offset, expected);
            break;
        }
        case 2:
            if (rand() % 8) break;
            assert_int_equal(memory_object_resize(object, offset), 0);
            if (offset < size) memset(model + offset, 0, LIMIT - offset);
            size = offset;
            break;
        case 3:
            memory_object_punch(object, offset, length);
            if (offset < size) memset(model + offset, 0, min(length, size - offset));
            break;
        default:
            if (offset >= align_up(size, PAGE_SIZE)) {
                assert_int_equal(get(at + offset), -EFAULT);
            } else if (offset < size) {
                assert_int_equal(get(at + offset), model[offset]);
                model[offset] = (uint8_t)rand();
                assert_int_equal(put(at + offset, model[offset]), 0);
            }
        }
        assert_int_equal(object->size, size);
    }
    memory_object_put(object);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_radix, start, stop),
        cmocka_unit_test_setup_teardown(test_read_write, start, stop),
        cmocka_unit_test_setup_teardown(test_user_segments, start, stop),
        cmocka_unit_test_setup_teardown(test_shared_mapping_and_truncation, start, stop),
        cmocka_unit_test_setup_teardown(test_punch, start, stop),
        cmocka_unit_test_setup_teardown(test_fill_and_write_back, start, stop),
        cmocka_unit_test_setup_teardown(test_borrowed_pages, start, stop),
        cmocka_unit_test_setup_teardown(test_faults_map_around, start, stop),
        cmocka_unit_test_setup_teardown(test_random_against_model, start, stop),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
