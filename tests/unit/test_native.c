// sources: $(MOCKED_PERSONALITY)
// The native interface: marshalling by op index, refusal of ops that take kernel memory, a failing n-th op, hostile
// words, and the stack of a fresh program.
#include "personality/src/os.h"
#include "personality/src/shim.h"
#include "tests/unit/include/mock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define call(op, ...) call_(KERNEL_OP_##op __VA_OPT__(, ) __VA_ARGS__, 0, 0, 0, 0, 0)
#define call_(op, b, c, d, e, f, ...)                                                                                  \
    (intptr_t)personality_syscall(op, (uintptr_t)(b), (uintptr_t)(c), (uintptr_t)(d), (uintptr_t)(e), (uintptr_t)(f),  \
                                  PERSONALITY_NATIVE)

// Ops with results that the generated mock can't give.
static char opened[64];
int32_t kop_open(int32_t, const char *path, size_t length, uint32_t, uint32_t) {
    assert_int_equal(path[length], 0);
    memcpy(opened, path, length + 1);
    return 5;
}

int32_t kop_read(int32_t, const struct segment *segments, uint32_t count, int64_t, uint32_t, size_t *done) {
    assert_int_equal(count, 1);
    assert_int_equal(segments->kind, SEGMENT_USER);
    *done = segments->length;
    return 0;
}

int32_t kop_map(uintptr_t, size_t, uint32_t, uint32_t, int32_t, uint64_t offset, uintptr_t *result) {
    *result = 0x7f0000000000 + offset;
    return 0;
}

static int initialise(void **) {
    personality_init(&mock_ops);
    return 0;
}

static int reset(void **) {
    mock_reset();
    return 0;
}

static int no_leak(void **) {
    return mock_kept() != 0;
}

static void test_marshalling(void **) {
    assert_int_equal(call(open, AT_FDCWD, mock_user_string("/etc/motd"), O_RDONLY), 5);
    assert_string_equal(opened, "/etc/motd");
    assert_int_equal(call(open, AT_FDCWD, 0, O_RDONLY), -EFAULT);
    assert_int_equal(call(read, 0, 0x1000, 17), 17);
    assert_int_equal(call(read, 0, 0x1000, SIZE_MAX), IO_MAXIMUM);
    mock_frame.r9 = 0x3000;
    assert_int_equal(call(map, 0, 4096, PROT_READ, MAP_PRIVATE, 3), 0x7f0000003000);
    assert_int_equal(call(exit_process, 42), 0);
    assert_int_equal(mock_find(KERNEL_OP_exit_process, 0)->arguments[0], 42);
    uintptr_t to = mock_user(sizeof(struct kernel_stat));
    assert_int_equal(call(stat, AT_FDCWD, mock_user_string("x"), 0, to), 0);
    assert_int_equal(call(stat, AT_FDCWD, mock_user_string("x"), 0, 0x10), -EFAULT);
}

static void test_refused(void **) {
    static const enum kernel_op_index refused[] = {
        KERNEL_OP_user_frame, KERNEL_OP_fetch,        KERNEL_OP_store,          KERNEL_OP_clear,
        KERNEL_OP_allocate,   KERNEL_OP_slot,         KERNEL_OP_register_hooks, KERNEL_OP_register_time_page,
        KERNEL_OP_log,        KERNEL_OP_fetch_string, KERNEL_OP_personality_set};
    for (size_t i = 0; i < array_size(refused); i++) {
        mock_reset();
        assert_int_equal((intptr_t)personality_syscall(refused[i], 0x1000, 0x1000, 8, 0, 0, PERSONALITY_NATIVE),
                         -ENOSYS);
        assert_null(mock_find(refused[i], 0));
    }
    assert_int_equal((intptr_t)personality_syscall(KERNEL_OP_COUNT, 0, 0, 0, 0, 0, PERSONALITY_NATIVE), -ENOSYS);
}

// The whole table with words that point nowhere: no crash, nothing leaks, no op of the layer itself is reached.
static void test_hostile_words(void **) {
    static const uintptr_t words[] = {0, 1, 0x1000, UINTPTR_MAX, INTPTR_MAX, UINT32_MAX, 0xffff800000000000};
    for (uint32_t op = 0; op < KERNEL_OP_COUNT; op++) {
        for (size_t i = 0; i < array_size(words) * array_size(words); i++) {
            uintptr_t a = words[i % array_size(words)], b = words[i / array_size(words)];
            personality_syscall(op, a, b, a, b, a, PERSONALITY_NATIVE | (i % 2 ? PERSONALITY_TRACED : 0));
            assert_int_equal(mock_kept(), 0);
            assert_null(mock_find(KERNEL_OP_register_hooks, 0));
            mock_reset();
        }
    }
}

static void test_every_op_fails(void **) {
    for (uint32_t op = 0; op < KERNEL_OP_COUNT; op++) {
        for (unsigned n = 1;; n++) {
            mock_reset();
            uintptr_t user = mock_user_string("/a/name");
            mock_fail(n, ENOMEM);
            intptr_t result = (intptr_t)personality_syscall(op, user, user, user, user, user, PERSONALITY_NATIVE);
            assert_int_equal(mock_kept(), 0);
            if (!mock_failed) break;
            if (op != KERNEL_OP_kill && op != KERNEL_OP_kill_thread) assert_true(result < 0);
        }
    }
}

static void test_start(void **) {
    const char strings[] = "prog\0arg\0HOME=/";
    const struct kernel_exec exec = {strings, sizeof(strings), 2, 1};
    mock_user(4096);
    uintptr_t top = mock_user(16);
    const struct program_image image = {.entry = 0x401000, .start = 0x401000, .stack_top = top, .exec = &exec};
    assert_int_equal(os_native.hooks->start(&image, &mock_frame), 0);
    assert_int_equal(mock_frame.rip, 0x401000);
    assert_int_equal(mock_frame.rsp % 16, 0);
    const uintptr_t *stack = (const uintptr_t *)mock_frame.rsp;
    assert_int_equal(stack[0], 2);
    assert_string_equal((const char *)stack[1], "prog");
    assert_string_equal((const char *)stack[2], "arg");
    assert_int_equal(stack[3], 0);
    assert_string_equal((const char *)stack[4], "HOME=/");
    assert_int_equal(stack[5], 0);
    const struct program_image nowhere = {.stack_top = 0x1000, .exec = &exec};
    assert_int_equal(os_native.hooks->start(&nowhere, &mock_frame), -EFAULT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_marshalling, reset, no_leak),
        cmocka_unit_test_setup_teardown(test_refused, reset, no_leak),
        cmocka_unit_test_setup_teardown(test_hostile_words, reset, no_leak),
        cmocka_unit_test_setup_teardown(test_every_op_fails, reset, no_leak),
        cmocka_unit_test_setup_teardown(test_start, reset, no_leak),
    };
    return cmocka_run_group_tests(tests, initialise, nullptr);
}
