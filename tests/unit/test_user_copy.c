// sources: rmm/frame.c rmm/page_table.c lib/tree.c src/memory/heap.c src/memory/kernel_map.c src/memory/memory_object.c
// sources: src/memory/object_io.c src/memory/radix.c src/memory/reclaim.c src/memory/grant.c src/memory/zap.c
// sources: src/memory/address_space.c src/memory/fault.c src/memory/map.c src/memory/remap.c src/memory/advise.c
// sources: src/memory/remote.c src/memory/user_copy.c src/arch/hosted/hosted.c src/arch/hosted/hosted_lock.c
// sources: src/arch/hosted/hosted_user.c
#include "tests/unit/memory_fixture.h"

constexpr uint32_t RW = PROT_READ | PROT_WRITE;

static int start(void **) {
    memory_start(32UL << 20);
    return 0;
}

static int stop(void **) {
    address_space_put(space);
    return 0;
}

static struct user_address user(uintptr_t value) {
    return (struct user_address){value};
}

static void test_ranges(void **) {
    assert_true(user_range_valid(0, 0));
    assert_true(user_range_valid(USER_LIMIT - 1, 1));
    assert_true(user_range_valid(0, USER_LIMIT));
    assert_false(user_range_valid(USER_LIMIT, 1));
    assert_false(user_range_valid(1, USER_LIMIT));
    assert_false(user_range_valid(UINTPTR_MAX, 2));
    assert_false(user_range_valid(1, SIZE_MAX));
}

static void test_copies(void **) {
    uintptr_t at = map(0, 2 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS);
    char text[5000], back[5000];
    memset(text, 'q', sizeof text);
    assert_int_equal(copy_to_user(user(at), text, sizeof text), 0);
    assert_int_equal(copy_from_user(back, user(at), sizeof back), 0);
    assert_memory_equal(text, back, sizeof text);
    assert_int_equal(clear_user(user(at + 10), 5), 0);
    assert_int_equal(get(at + 9), 'q');
    assert_int_equal(get(at + 14), 0);
    assert_int_equal(get(at + 15), 'q');
    assert_int_equal(copy_to_user(user(at + PAGE_SIZE), text, sizeof text), -EFAULT);
    assert_int_equal(copy_from_user(back, user(0), 1), -EFAULT);
    assert_int_equal(copy_from_user(back, user(USER_LIMIT), 1), -EFAULT);
    assert_int_equal(copy_from_user(back, user((uintptr_t)text), sizeof text), -EFAULT);
    assert_int_equal(address_space_protect(space, at, PAGE_SIZE, PROT_READ), 0);
    assert_int_equal(copy_to_user(user(at), text, 1), -EFAULT);
}

static void test_disabled_faults_make_short_copies(void **) {
    uintptr_t at = map(0, 2 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS);
    assert_int_equal(put(at, 1), 0);
    char text[100];
    memset(text, 'z', sizeof text);
    struct segment segment = segment_user(user(at + PAGE_SIZE - 40), 100);
    struct segment_cursor cursor = segment_cursor_start(&segment, 1);
    cpu_current()->faults_disabled++;
    assert_int_equal(segment_copy_in(&cursor, text, 100), 40);
    cpu_current()->faults_disabled--;
    assert_int_equal(cursor.remaining, 60);
    assert_int_equal(segment_copy_in(&cursor, text, 60), 60);
    assert_int_equal(get(at + PAGE_SIZE + 59), 'z');
    assert_int_equal(get(at + PAGE_SIZE + 60), 0);
}

static void test_cursor(void **) {
    char a[10] = {}, b[20] = {}, text[40];
    memset(text, 'k', sizeof text);
    struct segment segments[] = {segment_kernel(a, 10), segment_kernel(b, 0), segment_kernel(b, 20)};
    struct segment_cursor cursor = segment_cursor_start(segments, 3);
    assert_int_equal(cursor.remaining, 30);
    assert_int_equal(segment_copy_in(&cursor, text, 15), 15);
    assert_int_equal(a[9], 'k');
    assert_int_equal(b[4], 'k');
    assert_int_equal(b[5], 0);
    segment_advance(&cursor, 2);
    assert_int_equal(segment_copy_in(&cursor, text, 40), 13);
    assert_int_equal(b[6], 0);
    assert_int_equal(b[7], 'k');
    assert_int_equal(cursor.remaining, 0);
    assert_int_equal(segment_copy_in(&cursor, text, 1), 0);
    cursor = segment_cursor_start(segments, 3);
    assert_int_equal(segment_clear(&cursor, 12), 12);
    assert_int_equal(a[0], 0);
    cursor = segment_cursor_start(segments, 3);
    char back[30];
    assert_int_equal(segment_copy_out(back, &cursor, 30), 30);
    assert_int_equal(back[29], 'k');
    assert_int_equal(back[11], 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ranges, start, stop),
        cmocka_unit_test_setup_teardown(test_copies, start, stop),
        cmocka_unit_test_setup_teardown(test_disabled_faults_make_short_copies, start, stop),
        cmocka_unit_test_setup_teardown(test_cursor, start, stop),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
