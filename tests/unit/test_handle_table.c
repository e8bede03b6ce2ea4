// The handle table against a model: lowest free number, limits, growth, copies, closing on exec.
// sources: src/context/handle_table.c src/arch/hosted/hosted.c lib/string.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/string.h"
#include "src/context/context.h"
#include "src/context/handle_table.h"
#include "src/memory/heap.h"
#include "src/scheme/file.h"

static struct process process;
static struct context context = {.process = &process};
static uint64_t limit;
static unsigned released, closed, allocations_left;

void *heap_alloc(size_t size) {
    if (!allocations_left) return nullptr;
    allocations_left--;
    return malloc(size);
}
void *heap_alloc_zeroed(size_t size) {
    void *memory = heap_alloc(size);
    return memory ? memset(memory, 0, size) : nullptr;
}
void *heap_resize(void *pointer, size_t size) {
    return allocations_left ? realloc(pointer, size) : nullptr;
}
void heap_free(void *pointer) {
    free(pointer);
}
uint64_t process_limit(enum resource_limit) {
    return limit;
}
void file_descriptor_closed(struct file *) {
    closed++;
}

static void release(struct object *object) {
    released++;
    free(object);
}
const struct object_type file_type = {.name = "file", .release = release};
static const struct object_type other_type = {.name = "other", .release = release};

static struct object *make(const struct object_type *type) {
    struct object *object = calloc(1, sizeof(struct file));
    object_init(object, type);
    return object;
}

static int start(void **) {
    hosted_context = &context;
    process.thread_count = 1;
    limit = 1024;
    released = closed = 0;
    allocations_left = UINT32_MAX;
    process.handles = handle_table_create();
    assert_non_null(process.handles);
    return 0;
}

static int stop(void **) {
    handle_table_put(process.handles);
    return 0;
}

static int32_t install(int32_t minimum) {
    struct object *object = make(&file_type);
    int32_t descriptor = handle_install(object, minimum, 0);
    if (descriptor < 0) object_put(object);
    return descriptor;
}

static void test_lowest_free(void **) {
    for (int32_t i = 0; i < 40; i++)
        assert_int_equal(install(0), i);
    assert_int_equal(handle_close(7), 0);
    assert_int_equal(handle_close(3), 0);
    assert_int_equal(handle_close(3), -EBADF);
    assert_int_equal(install(5), 7);
    assert_int_equal(install(0), 3);
    assert_int_equal(install(0), 40);
    assert_int_equal(install(100), 100);
    assert_int_equal(install(100), 101);
    assert_int_equal(released, 2);
    assert_int_equal(closed, 2);
}

static void test_limits(void **) {
    limit = 4;
    for (int32_t i = 0; i < 4; i++)
        assert_int_equal(install(0), i);
    assert_int_equal(install(0), -EMFILE);
    assert_int_equal(install(3), -EMFILE);
    assert_int_equal(install(4), -EINVAL);
    assert_int_equal(install(-1), -EINVAL);
    struct object *object = make(&file_type);
    assert_int_equal(handle_install_at(object, 4, 0), -EBADF);
    assert_int_equal(handle_install_at(object, -1, 0), -EBADF);
    assert_int_equal(handle_install_at(object, 2, 0), 2); // closes what was there
    assert_int_equal(closed, 1);
    limit = 100'000;
    allocations_left = 0;
    assert_int_equal(install(50'000), -ENOMEM);
    allocations_left = UINT32_MAX;
    assert_int_equal(install(50'000), 50'000);
    limit = UINT64_MAX;
    assert_int_equal(install(INT32_MAX), -ENOMEM);
}

static void test_lookup(void **) {
    uint32_t flags = 9;
    int32_t file = install(0);
    struct object *other = make(&other_type);
    int32_t no_file = handle_install(other, 0, HANDLE_CLOSE_ON_EXEC);
    assert_null(handle_lookup(55, &flags));
    assert_null(handle_lookup(-1, &flags));
    struct object *found = handle_lookup(no_file, &flags);
    assert_ptr_equal(found, other);
    assert_int_equal(flags, HANDLE_CLOSE_ON_EXEC);
    object_put(found);
    assert_int_equal(handle_set_flags(no_file, 0), 0);
    assert_int_equal(handle_set_flags(77, 0), -EBADF);
    // Alone: no reference is taken; shared or with threads: one is.
    struct file_reference reference = file_lookup(file);
    assert_non_null(reference.file);
    assert_false(reference.counted);
    file_release(reference);
    assert_null(file_lookup(no_file).file);
    process.thread_count = 2;
    reference = file_lookup(file);
    assert_true(reference.counted);
    assert_int_equal(reference.file->object.references.count, 2);
    assert_int_equal(handle_close(file), 0);
    assert_int_equal(released, 0); // still in use
    file_release(reference);
    assert_int_equal(released, 1);
    assert_null(file_lookup(no_file).file);
    assert_null(file_lookup(-1).file);
}

static void test_copy_and_exec(void **) {
    for (int32_t i = 0; i < 70; i++) {
        struct object *object = make(&file_type);
        assert_int_equal(handle_install(object, 0, i % 2 ? HANDLE_CLOSE_ON_EXEC : 0), i);
    }
    struct handle_table *old = process.handles, *copy = handle_table_copy(old);
    assert_non_null(copy);
    handle_table_close_on_exec(copy);
    assert_int_equal(released, 0); // the first table has them still
    assert_int_equal(copy->count, 35);
    process.handles = copy;
    assert_int_equal(install(0), 1);
    process.handles = old;
    handle_table_close_on_exec(old);
    assert_int_equal(released, 35);
    handle_table_put(copy);
    assert_int_equal(released, 36);
    for (unsigned n = 0; n < 2; n++) {
        allocations_left = n;
        assert_null(handle_table_copy(old));
    }
}

static void test_random(void **) {
    bool model[300] = {};
    uint32_t seed = 4;
    for (unsigned step = 0; step < 20000; step++) {
        uint32_t number = (seed = seed * 1103515245 + 12345) / 65536 % 300;
        if (seed / 512 % 2) {
            int32_t expected = (int32_t)number;
            while (expected < 300 && model[expected])
                expected++;
            if (expected == 300) continue;
            assert_int_equal(install((int32_t)number), expected);
            model[expected] = true;
        } else {
            assert_int_equal(handle_close((int32_t)number), model[number] ? 0 : -EBADF);
            model[number] = false;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lowest_free, start, stop),
        cmocka_unit_test_setup_teardown(test_limits, start, stop),
        cmocka_unit_test_setup_teardown(test_lookup, start, stop),
        cmocka_unit_test_setup_teardown(test_copy_and_exec, start, stop),
        cmocka_unit_test_setup_teardown(test_random, start, stop),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
