// sources: rmm/frame.c rmm/page_table.c src/arch/hosted/hosted.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "rmm/frame.h"
#include "rmm/page_table.h"
#include "src/arch/hosted/hosted.h"
#include "src/boot.h"

constexpr size_t MEMORY = 64UL << 20;
constexpr uint32_t USER_PAGE = PAGE_READ | PAGE_WRITE | PAGE_USER;
struct page_table kernel_page_table;

static void start(void) {
    struct memory_range range = {0, MEMORY, MEMORY_USABLE};
    if (hosted_direct_map) page_table_drain(); // tables of the arena that goes
    hosted_memory_init(MEMORY);
    frame_init(&range, 1, nullptr, 0);
    kernel_page_table.root = frame_physical(frame_alloc_zeroed());
}

static void test_map_lookup_unmap(void **) {
    start();
    uint64_t before = frame_free_count();
    struct page_table table;
    assert_int_equal(page_table_init(&table), 0);
    assert_int_equal(page_table_lookup(&table, 0x400000).flags, 0);
    assert_int_equal(page_table_map(&table, 0x400000, 0x123000, USER_PAGE | PAGE_EXECUTE), 0);
    struct page_leaf leaf = page_table_lookup(&table, 0x400000);
    assert_int_equal(leaf.physical, 0x123000);
    assert_int_equal(leaf.flags, USER_PAGE | PAGE_EXECUTE);
    assert_false(leaf.large);
    page_table_protect(&table, 0x400000, PAGE_READ | PAGE_USER);
    assert_int_equal(page_table_lookup(&table, 0x400000).flags, PAGE_READ | PAGE_USER);
    // A page without access keeps its frame.
    page_table_protect(&table, 0x400000, PAGE_USER);
    leaf = page_table_lookup(&table, 0x400000);
    assert_int_equal(leaf.physical, 0x123000);
    assert_int_equal(leaf.flags, PAGE_USER);
    leaf = page_table_unmap(&table, 0x400000);
    assert_int_equal(leaf.physical, 0x123000);
    assert_int_equal(page_table_unmap(&table, 0x400000).flags, 0);
    page_table_destroy(&table);
    page_table_drain();
    assert_int_equal(frame_free_count(), before);
}

static void test_large_leaf_is_split(void **) {
    start();
    struct page_table table;
    assert_int_equal(page_table_init(&table), 0);
    assert_int_equal(page_table_map_large(&table, 0x40000000, 0x200000, USER_PAGE), 0);
    struct page_leaf leaf = page_table_lookup(&table, 0x40005000);
    assert_true(leaf.large);
    assert_int_equal(leaf.physical, 0x205000);
    assert_int_equal(page_table_map(&table, 0x40006000, 0x999000, PAGE_READ | PAGE_USER), 0);
    assert_int_equal(page_table_lookup(&table, 0x40006000).physical, 0x999000);
    leaf = page_table_lookup(&table, 0x40007000);
    assert_false(leaf.large);
    assert_int_equal(leaf.physical, 0x207000);
    assert_int_equal(leaf.flags, USER_PAGE);
    for (unsigned i = 0; i < 512; i++)
        (void)page_table_unmap(&table, 0x40000000 + i * PAGE_SIZE);
    page_table_destroy(&table);
}

static void test_dirty(void **) {
    start();
    struct page_table table;
    assert_int_equal(page_table_init(&table), 0);
    assert_int_equal(page_table_map(&table, 0x1000, 0x5000, USER_PAGE | PAGE_DIRTY), 0);
    page_table_protect(&table, 0x1000, PAGE_READ | PAGE_USER);
    assert_int_equal(page_table_lookup(&table, 0x1000).flags, PAGE_READ | PAGE_USER | PAGE_DIRTY);
    assert_true(page_table_clear_dirty(&table, 0x1000));
    assert_false(page_table_clear_dirty(&table, 0x1000));
    (void)page_table_unmap(&table, 0x1000);
    page_table_destroy(&table);
}

struct walk {
    virtual_address last;
    unsigned count;
};
static struct walk walk_leaves(const struct page_table *table, virtual_address start, virtual_address end) {
    struct walk walk = {};
    struct page_span span;
    while (page_table_next_span(table, &start, end, &span)) {
        page_span_for_each(i, &span) {
            virtual_address address = span.address + i * PAGE_SIZE;
            assert_true(walk.count == 0 || address > walk.last);
            assert_true(span.entries[i] != 0);
            walk.last = address;
            walk.count++;
        }
    }
    return walk;
}

static void test_random_against_model(void **) {
    start();
    struct page_table table;
    uint64_t before = frame_free_count();
    assert_int_equal(page_table_init(&table), 0);
    constexpr unsigned PAGES = 4096;
    static physical_address model[PAGES];
    static virtual_address address[PAGES];
    memset(model, 0, sizeof model);
    srand(3);
    for (unsigned i = 0; i < PAGES; i++) // clusters far apart, ascending
        address[i] = ((uint64_t)(i / 64) << 33) + ((uint64_t)(i % 64) << (i & 1 ? 12 : 13)) + (i & 1 ? 0x2000000 : 0);
    for (unsigned round = 0; round < 50'000; round++) {
        unsigned i = (unsigned)rand() % PAGES;
        if (rand() % 2) {
            model[i] = (physical_address)(1 + rand() % 10000) << 12;
            assert_int_equal(page_table_map(&table, address[i], model[i], USER_PAGE), 0);
        } else {
            assert_int_equal(page_table_unmap(&table, address[i]).physical, model[i]);
            model[i] = 0;
        }
    }
    unsigned mapped = 0;
    for (unsigned i = 0; i < PAGES; i++) {
        mapped += model[i] != 0;
        assert_int_equal(page_table_lookup(&table, address[i]).physical, model[i]);
        uint64_t *entry = page_table_entry(&table, address[i]);
        assert_true(entry ? page_entry_decode(*entry, false).physical == model[i] : !model[i]);
    }
    assert_int_equal(walk_leaves(&table, 0, 0x800000000000).count, mapped);
    for (unsigned i = 0; i < PAGES; i++)
        (void)page_table_unmap(&table, address[i]);
    struct list freed = LIST_INIT(freed);
    page_table_trim(&table, 0, 0x800000000000, &freed);
    assert_false(list_empty(&freed));
    page_table_free_list(&freed);
    page_table_destroy(&table);
    page_table_drain();
    assert_int_equal(frame_free_count(), before);
}

static void test_walk_bounds(void **) {
    start();
    struct page_table table;
    assert_int_equal(page_table_init(&table), 0);
    for (unsigned i = 0; i < 2048; i++)
        assert_int_equal(page_table_map(&table, 0x1000000 + i * PAGE_SIZE, 0x1000, USER_PAGE), 0);
    assert_int_equal(walk_leaves(&table, 0x1003000, 0x1003000).count, 0);
    struct walk walk = walk_leaves(&table, 0x1003000, 0x1703000);
    assert_int_equal(walk.count, 0x700);
    assert_int_equal(walk.last, 0x1702000);
    for (unsigned i = 0; i < 2048; i++)
        (void)page_table_unmap(&table, 0x1000000 + i * PAGE_SIZE);
    page_table_destroy(&table);
}

static void test_recycled_tables_are_empty(void **) {
    start();
    for (unsigned round = 0; round < 3; round++) {
        struct page_table table;
        assert_int_equal(page_table_init(&table), 0);
        for (unsigned i = 0; i < 20; i++) {
            virtual_address at = 0x7f0000000000 + ((uint64_t)(i * 7 + round) << 28);
            assert_int_equal(page_table_lookup(&table, at).flags, 0);
            assert_int_equal(page_table_map(&table, at, 0x1000, USER_PAGE), 0);
        }
        assert_int_equal(walk_leaves(&table, 0, 0x800000000000).count, 20);
        for (unsigned i = 0; i < 20; i++)
            (void)page_table_unmap(&table, 0x7f0000000000 + ((uint64_t)(i * 7 + round) << 28));
        page_table_destroy(&table);
    }
    assert_true(page_table_drain() > 20);
}

static void test_no_memory(void **) {
    start();
    uint64_t before = frame_free_count();
    for (unsigned n = 1; n <= 4; n++) {
        struct page_table table;
        frame_fail_after(n, 1);
        int32_t result = page_table_init(&table);
        if (result == 0) {
            result = page_table_map(&table, 0x7fff00000000, 0x1000, USER_PAGE);
            page_table_destroy(&table);
            page_table_drain();
        }
        assert_int_equal(result, -ENOMEM);
        frame_fail_after(0, 0);
        assert_int_equal(frame_free_count(), before);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_map_lookup_unmap),
                                       cmocka_unit_test(test_large_leaf_is_split),
                                       cmocka_unit_test(test_dirty),
                                       cmocka_unit_test(test_random_against_model),
                                       cmocka_unit_test(test_walk_bounds),
                                       cmocka_unit_test(test_recycled_tables_are_empty),
                                       cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
