// sources: rmm/frame.c src/arch/hosted/hosted.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/string.h"
#include "rmm/frame.h"
#include "src/arch/hosted/hosted.h"
#include "src/boot.h"

constexpr size_t MEMORY = 64UL << 20;

static void start(void) {
    struct memory_range ranges[] = {
        {0, 0x9f000, MEMORY_USABLE}, {0x100000, MEMORY - 0x100000, MEMORY_USABLE}, {MEMORY, 1 << 20, MEMORY_RESERVED}};
    struct memory_range reserved[] = {{0x200000, 0x123456, MEMORY_USABLE}, {0x1000000, 0x400000, MEMORY_USABLE}};
    hosted_memory_init(MEMORY);
    frame_init(ranges, 3, reserved, 2);
}

static void test_init_cuts_reserved(void **) {
    start();
    assert_int_equal(frame_count, MEMORY >> PAGE_SHIFT);
    uint64_t table = (frame_count * sizeof(struct frame) + PAGE_MASK) >> PAGE_SHIFT;
    uint64_t expected = 0x9f - 1 + (MEMORY >> 12) - 0x100 - 0x124 - 0x400 - table;
    assert_int_equal(frame_total, expected);
    assert_int_equal(frame_free_count(), expected);
    struct frame *frame;
    while ((frame = frame_alloc(0))) {
        physical_address at = frame_physical(frame);
        assert_false(at == 0);
        assert_false(at >= 0x9f000 && at < 0x100000);
        assert_false(at >= 0x200000 && at < 0x324000);
        assert_false(at >= 0x1000000 && at < 0x1400000);
        assert_false(at >= physical_of(frame_table) && at < MEMORY);
    }
    assert_int_equal(frame_free_count(), 0);
    frame_release_range(0x1000000, 0x400000);
    assert_int_equal(frame_free_count(), 0x400);
    assert_non_null(frame_alloc(10));
}

// Random allocations against a map of owners: no overlap, alignment, everything merges again at the end.
static void test_random(void **) {
    start();
    uint64_t free_at_start = frame_free_count();
    constexpr unsigned SLOTS = 512;
    struct {
        struct frame *frame;
        unsigned order, extra;
    } held[SLOTS] = {};
    static uint8_t owned[MEMORY >> 12];
    memset(owned, 0, sizeof owned);
    srand(7);
    for (unsigned round = 0; round < 100'000; round++) {
        unsigned slot = (unsigned)rand() % SLOTS;
        if (held[slot].frame) {
            if (held[slot].extra) {
                held[slot].extra--;
                frame_put(held[slot].frame);
                continue;
            }
            memset(&owned[frame_physical(held[slot].frame) >> 12], 0, 1UL << held[slot].order);
            frame_put(held[slot].frame);
            held[slot].frame = nullptr;
            continue;
        }
        unsigned order = rand() % 4 ? 0 : (unsigned)rand() % 11;
        struct frame *frame = frame_alloc(order);
        if (!frame) continue;
        uint64_t number = frame_physical(frame) >> 12;
        assert_int_equal(number & ((1UL << order) - 1), 0);
        assert_int_equal(frame->references, 1);
        for (uint64_t i = number; i < number + (1UL << order); i++) {
            assert_false(owned[i]);
            owned[i] = 1;
        }
        held[slot].frame = frame;
        held[slot].order = order;
        if (rand() % 8 == 0) {
            frame_get(frame);
            held[slot].extra = 1;
        }
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        if (held[i].frame) {
            if (held[i].extra) frame_put(held[i].frame);
            frame_put(held[i].frame);
        }
    }
    assert_int_equal(frame_free_count(), free_at_start);
    assert_non_null(frame_alloc(10));
}

static void test_failure_injection(void **) {
    start();
    uint64_t before = frame_free_count();
    frame_fail_after(3, 2);
    struct frame *a = frame_alloc(0), *b = frame_alloc(1);
    assert_non_null(a);
    assert_non_null(b);
    assert_null(frame_alloc(0));
    assert_null(frame_alloc_zeroed());
    struct frame *c = frame_alloc_zeroed();
    assert_non_null(c);
    for (size_t i = 0; i < PAGE_SIZE; i++)
        assert_int_equal(((char *)frame_pointer(c))[i], 0);
    frame_put(a);
    frame_put(b);
    frame_put(c);
    assert_int_equal(frame_free_count(), before);
}

static void test_borrowed_initrd_frame(void **) {
    start();
    uint64_t before = frame_free_count();
    struct frame *borrowed = frame_of(0x1000000);
    frame_get(borrowed);
    frame_release_range(0x1000000, 0x2000);
    assert_int_equal(frame_free_count(), before + 1);
    frame_put(borrowed);
    assert_int_equal(frame_free_count(), before + 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_init_cuts_reserved), cmocka_unit_test(test_random),
                                       cmocka_unit_test(test_failure_injection),
                                       cmocka_unit_test(test_borrowed_initrd_frame)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
