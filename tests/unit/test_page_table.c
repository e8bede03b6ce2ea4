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
    page_table_destroy(&table);
}

struct visit_state {
    virtual_address last;
    unsigned count;
};
static bool count_leaf(void *data, virtual_address address, uint64_t *entry, bool) {
    struct visit_state *state = data;
    assert_true(state->count == 0 || address > state->last);
    assert_true(*entry != 0);
    state->last = address;
    state->count++;
    return true;
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
    struct visit_state state = {};
    page_table_walk(&table, 0, 0x800000000000, count_leaf, &state);
    assert_int_equal(state.count, mapped);
    for (unsigned i = 0; i < PAGES; i++)
        (void)page_table_unmap(&table, address[i]);
    struct list freed = LIST_INIT(freed);
    page_table_trim(&table, 0, 0x800000000000, &freed);
    assert_false(list_empty(&freed));
    page_table_free_list(&freed);
    page_table_destroy(&table);
    assert_int_equal(frame_free_count(), before);
}

static void test_walk_bounds(void **) {
    start();
    struct page_table table;
    assert_int_equal(page_table_init(&table), 0);
    for (unsigned i = 0; i < 2048; i++)
        assert_int_equal(page_table_map(&table, 0x1000000 + i * PAGE_SIZE, 0x1000, USER_PAGE), 0);
    struct visit_state state = {};
    page_table_walk(&table, 0x1003000, 0x1003000, count_leaf, &state);
    assert_int_equal(state.count, 0);
    page_table_walk(&table, 0x1003000, 0x1703000, count_leaf, &state);
    assert_int_equal(state.count, 0x700);
    assert_int_equal(state.last, 0x1702000);
    page_table_destroy(&table);
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
                                       cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
