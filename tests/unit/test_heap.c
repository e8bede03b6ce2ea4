// sources: rmm/frame.c rmm/page_table.c src/memory/heap.c src/memory/kernel_map.c src/arch/hosted/hosted.c
// flags: -DKERNEL_DEBUG=1
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/string.h"
#include "rmm/frame.h"
#include "rmm/page_table.h"
#include "src/arch/hosted/hosted.h"
#include "src/boot.h"
#include "src/context/lock.h"
#include "src/memory/heap.h"
#include "src/memory/kernel_map.h"

constexpr size_t MEMORY = 64UL << 20;
struct page_table kernel_page_table;

void lock_debug_acquire(const void *, enum lock_rank) {
}
void lock_debug_acquired(const void *, enum lock_rank) {
}
void lock_debug_release(const void *, enum lock_rank) {
}

static void start(void) {
    struct memory_range range = {0, MEMORY, MEMORY_USABLE};
    hosted_memory_init(MEMORY);
    frame_init(&range, 1, nullptr, 0);
    kernel_page_table.root = frame_physical(frame_alloc_zeroed());
    heap_init();
}

static void test_random(void **) {
    start();
    constexpr unsigned SLOTS = 1000;
    struct {
        uint8_t *pointer;
        size_t size;
        uint8_t pattern;
    } held[SLOTS] = {};
    srand(11);
    for (unsigned round = 0; round < 100'000; round++) {
        unsigned i = (unsigned)rand() % SLOTS;
        size_t size = rand() % 20 ? (size_t)(rand() % 3000) : (size_t)(rand() % 60000);
        for (size_t at = 0; at < held[i].size; at += 97)
            assert_int_equal(held[i].pointer[at], held[i].pattern);
        if (held[i].pointer && rand() % 3 == 0) {
            uint8_t *pointer = heap_resize(held[i].pointer, size);
            if (!pointer) continue;
            for (size_t at = 0; at < min(size, held[i].size); at += 89)
                assert_int_equal(pointer[at], held[i].pattern);
            held[i].pointer = pointer;
        } else if (held[i].pointer) {
            heap_free(held[i].pointer);
            held[i].pointer = nullptr;
            held[i].size = 0;
            continue;
        } else {
            held[i].pointer = heap_alloc(size);
            if (!held[i].pointer) continue;
            assert_int_equal((uintptr_t)held[i].pointer & 15, 0);
        }
        held[i].size = size;
        held[i].pattern = (uint8_t)rand();
        memset(held[i].pointer, held[i].pattern, size);
    }
    for (unsigned i = 0; i < SLOTS; i++)
        heap_free(held[i].pointer);
    assert_true(heap_used() < 512 * 1024);
}

struct thing {
    uint64_t values[37];
};
static struct slab_cache things = SLAB_CACHE(struct thing);

static void test_named_cache(void **) {
    start();
    things.state = nullptr;
    struct thing *all[500];
    for (unsigned i = 0; i < 500; i++) {
        all[i] = slab_alloc_zeroed(&things);
        assert_non_null(all[i]);
        assert_int_equal(all[i]->values[36], 0);
        memset(all[i], 0xff, sizeof *all[i]);
    }
    size_t used = heap_used();
    for (unsigned i = 0; i < 500; i++)
        slab_free(&things, all[i]);
    assert_true(heap_used() < used / 4);
}

static void test_alignment_and_large(void **) {
    start();
    uint64_t before = frame_free_count();
    for (size_t alignment = 16; alignment <= 4096; alignment *= 2) {
        void *pointer = heap_alloc_aligned(24, alignment);
        assert_int_equal((uintptr_t)pointer & (alignment - 1), 0);
        heap_free(pointer);
    }
    void *large = heap_alloc(4 << 20);
    assert_non_null(large);
    heap_free(large);
    assert_null(heap_alloc((4 << 20) + 1));
    assert_null(heap_alloc(SIZE_MAX));
    assert_null(heap_alloc_aligned(SIZE_MAX, 64));
    assert_true(before - frame_free_count() < 64);
    char *copy = heap_copy_string("helctic!", 7);
    assert_string_equal(copy, "helctic");
    heap_free(copy);
    heap_free(nullptr);
}

static void test_no_memory(void **) {
    start();
    frame_fail_after(1, 3);
    assert_null(heap_alloc(100));
    assert_null(heap_alloc(10000));
    assert_null(kernel_stack_alloc());
    void *pointer = heap_alloc(100);
    assert_non_null(pointer);
    frame_fail_after(1, 1);
    assert_null(heap_resize(pointer, 5000));
    heap_free(pointer);
}

static void test_stacks(void **) {
    start();
    uint64_t before = frame_free_count();
    void *stacks[300];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 300; i++) {
            stacks[i] = kernel_stack_alloc();
            assert_non_null(stacks[i]);
            virtual_address address = (virtual_address)stacks[i];
            assert_true(kernel_stack_is_guard(address - 1));
            assert_false(kernel_stack_is_guard(address));
            assert_int_equal(page_table_lookup(&kernel_page_table, address - PAGE_SIZE).flags, 0);
            for (size_t at = 0; at < KERNEL_STACK_SIZE; at += PAGE_SIZE)
                assert_true(page_table_lookup(&kernel_page_table, address + at).flags & PAGE_WRITE);
        }
        for (unsigned i = 0; i < 8; i++)
            kernel_stack_free(stacks[i]);
    }
    assert_true(before - frame_free_count() < 900 * 4 + 20);
}

static void test_device_map(void **) {
    start();
    volatile void *a = device_map(0xfee00020, 0x1000), *b = device_map(0xfec00000, 4);
    assert_int_equal((uintptr_t)a & PAGE_MASK, 0x20);
    struct page_leaf leaf = page_table_lookup(&kernel_page_table, (virtual_address)a + 0x1000);
    assert_int_equal(leaf.physical, 0xfee01000);
    assert_true(leaf.flags & PAGE_DEVICE);
    assert_int_equal(page_table_lookup(&kernel_page_table, (virtual_address)b).physical, 0xfec00000);
}

// Runs misuse in a child: it must panic (abort), not go unnoticed.
static void expect_panic(void (*misuse)(void)) {
    pid_t pid = fork();
    if (pid == 0) {
        close(2);
        misuse();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void overrun(void) {
    char *volatile pointer = heap_alloc(20);
    pointer[20] = 1;
    heap_free(pointer);
}
static void double_free(void) {
    void *volatile pointer = heap_alloc(20);
    heap_free(pointer);
    heap_free(pointer);
}
static void use_after_free(void) {
    char *volatile pointer = heap_alloc(40);
    heap_free(pointer);
    pointer[12] = 1;
    for (unsigned i = 0; i < 100; i++)
        (void)heap_alloc(40);
}

static void test_misuse_is_noticed(void **) {
    start();
    expect_panic(overrun);
    expect_panic(double_free);
    expect_panic(use_after_free);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random),
                                       cmocka_unit_test(test_named_cache),
                                       cmocka_unit_test(test_alignment_and_large),
                                       cmocka_unit_test(test_no_memory),
                                       cmocka_unit_test(test_stacks),
                                       cmocka_unit_test(test_device_map),
                                       cmocka_unit_test(test_misuse_is_noticed)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
