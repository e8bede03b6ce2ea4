// sources: $(MOCKED_PERSONALITY)
// Dispatch: what is answered before and after personality_init, each OS's encoding of ENOSYS, restart codes, missing
// calls, tracing, and the shim helpers against a mock whose n-th op fails.
#include "personality/src/shim.h"
#include "personality/src/trace_print.h"
#include "tests/unit/include/mock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum : uintptr_t { LINUX_GETPID = 39, LINUX_UMASK = 95, LINUX_SCHED_YIELD = 24, NO_CALL = 0x7fff };

static uintptr_t call(uintptr_t number, uintptr_t b, uintptr_t c, uintptr_t d, uint32_t personality) {
    mock_frame.disposition = FRAME_WRITE;
    return personality_syscall(number, b, c, d, 0, 0, personality);
}

static void test_before_init(void **) {
    for (uint32_t personality = 0; personality < 300; personality++)
        assert_int_equal((intptr_t)call(LINUX_GETPID, 0, 0, 0, personality), -ENOSYS);
}

static void test_wrong_tables_are_refused(void **) {
    struct kernel_ops wrong = mock_ops;
    mock_reset();
    wrong.version++;
    personality_init(&wrong);
    assert_string_equal(mock_log, "");
    assert_int_equal((intptr_t)call(LINUX_GETPID, 0, 0, 0, PERSONALITY_LINUX), -ENOSYS);
    wrong = mock_ops;
    wrong.size -= sizeof(void *);
    personality_init(&wrong);
    assert_non_null(strstr(mock_log, "refused"));
    assert_int_equal((intptr_t)call(LINUX_GETPID, 0, 0, 0, PERSONALITY_LINUX), -ENOSYS);
    wrong.size = 8; // too small to hold the log op: it is not called
    mock_reset();
    personality_init(&wrong);
    assert_string_equal(mock_log, "");
}

static int initialise(void **) {
    personality_init(&mock_ops);
    personality_init(&mock_ops); // a second time does nothing
    return 0;
}

static int reset(void **) {
    mock_reset();
    return 0;
}

static int no_leak(void **) {
    return mock_kept() != 0;
}

static void test_unknown_personality(void **) {
    for (uint32_t personality = PERSONALITY_COUNT; personality <= PERSONALITY_MASK; personality++)
        assert_int_equal((intptr_t)call(LINUX_GETPID, 0, 0, 0, personality), -ENOSYS);
    assert_int_equal((intptr_t)call(LINUX_GETPID, 0, 0, 0, PERSONALITY_COUNT | PERSONALITY_TRACED), -ENOSYS);
}

static void test_results_pass(void **) {
    mock_results[KERNEL_OP_get_pid] = 1234;
    assert_int_equal(call(LINUX_GETPID, 0, 0, 0, PERSONALITY_LINUX), 1234);
    mock_results[KERNEL_OP_umask] = 022;
    assert_int_equal(call(LINUX_UMASK, 077, 0, 0, PERSONALITY_LINUX), 022);
    assert_int_equal(mock_find(KERNEL_OP_umask, 0)->arguments[0], 077);
    mock_results[KERNEL_OP_yield] = -EPERM;
    assert_int_equal((intptr_t)call(LINUX_SCHED_YIELD, 0, 0, 0, PERSONALITY_LINUX), -EPERM);
    // The number is the low 32 bits, as Linux has it.
    assert_int_equal(call(LINUX_GETPID | 0xabcd00000000, 0, 0, 0, PERSONALITY_LINUX), 1234);
}

static void test_enosys_encodings(void **) {
    assert_int_equal((intptr_t)call(NO_CALL, 0, 0, 0, PERSONALITY_LINUX), -38);
    assert_int_equal((intptr_t)call(NO_CALL, 0, 0, 0, PERSONALITY_NATIVE), -38);
    assert_int_equal(call(NO_CALL, 0, 0, 0, PERSONALITY_WINDOWS), 0xC000001C);
    static const uint32_t with_carry[] = {PERSONALITY_DARWIN, PERSONALITY_FREEBSD, PERSONALITY_NETBSD,
                                          PERSONALITY_OPENBSD};
    for (size_t i = 0; i < array_size(with_carry); i++) {
        mock_frame.rflags = 0x202;
        assert_int_equal(call(NO_CALL, 0, 0, 0, with_carry[i]), 78);
        assert_int_equal(mock_frame.rflags, 0x203);
    }
}

static void test_missing_is_reported_once(void **) {
    call(NO_CALL, 0, 0, 0, PERSONALITY_LINUX);
    assert_non_null(strstr(mock_log, "call 32767 (unknown) is not implemented"));
    mock_reset();
    static const char name[] = "(uselib)"; // gone for good, so never implemented
    call(134, 0, 0, 0, PERSONALITY_LINUX);
    const char *first = strstr(mock_log, name);
    call(134, 0, 0, 0, PERSONALITY_LINUX);
    assert_null(first ? strstr(first + 1, name) : nullptr);
    mock_reset();
    assert_int_equal((intptr_t)call(174, 0, 0, 0, PERSONALITY_LINUX | PERSONALITY_STRICT), -ENOSYS); // create_module
    assert_string_equal(mock_log, "");
}

static void test_strict_ends_the_process(void **) {
    assert_int_equal((intptr_t)call(NO_CALL, 0, 0, 0, PERSONALITY_LINUX | PERSONALITY_STRICT), -ENOSYS);
    assert_non_null(strstr(mock_log, "ended (--strict)"));
    assert_non_null(mock_find(KERNEL_OP_kill_thread, 0));
    mock_reset();
    call(LINUX_GETPID, 0, 0, 0, PERSONALITY_LINUX | PERSONALITY_STRICT);
    assert_null(mock_find(KERNEL_OP_kill_thread, 0));
}

static void test_restart_codes(void **) {
    static const struct {
        int32_t error;
        uint32_t disposition;
        intptr_t word;
    } cases[] = {
        {KERNEL_ERESTART, FRAME_RESTART, -EINTR},
        {KERNEL_ERESTART_NO_HANDLER, FRAME_RESTART_NO_HANDLER, -EINTR},
        {KERNEL_ERESTART_WITH, FRAME_RESTART_WITH, -EINTR},
        {KERNEL_EKEEP_FRAME, FRAME_KEEP, 0},
    };
    for (unsigned traced = 0; traced < 2; traced++) {
        for (size_t i = 0; i < array_size(cases); i++) {
            mock_results[KERNEL_OP_yield] = -cases[i].error;
            uintptr_t word = call(LINUX_SCHED_YIELD, 0, 0, 0, PERSONALITY_LINUX | (traced ? PERSONALITY_TRACED : 0));
            assert_int_equal(mock_frame.disposition, cases[i].disposition);
            assert_int_equal((intptr_t)word, cases[i].word);
        }
    }
}

static void test_rewind(void **) {
    mock_frame = (struct user_frame){.rip = 0x1002, .rax = (uint64_t)-EINTR, .number = 24};
    user_frame_rewind(&mock_frame);
    assert_int_equal(mock_frame.rip, 0x1000);
    assert_int_equal(mock_frame.rax, 24);
}

static void test_trace_line(void **) {
    mock_results[KERNEL_OP_get_tid] = 12;
    mock_results[KERNEL_OP_umask] = 022;
    assert_int_equal(call(LINUX_UMASK, 077, 0, 0, PERSONALITY_LINUX | PERSONALITY_TRACED), 022);
    assert_string_equal(mock_trace, "12 umask(077) = 18\n");
    mock_reset();
    mock_results[KERNEL_OP_yield] = -EPERM;
    call(LINUX_SCHED_YIELD, 0, 0, 0, PERSONALITY_LINUX | PERSONALITY_TRACED);
    assert_string_equal(mock_trace, "0 sched_yield() = -1 EPERM (Operation not permitted)\n");
    mock_reset();
    call(NO_CALL, 1, 2, 3, PERSONALITY_LINUX | PERSONALITY_TRACED);
    assert_string_equal(mock_trace, "0 syscall_32767(0x1, 0x2, 0x3, 0, 0) = -1 ENOSYS (Function not implemented)\n");
}

// Without memory for the line the call still happens.
static void test_trace_without_memory(void **) {
    mock_results[KERNEL_OP_get_pid] = 7;
    mock_fail(1, ENOMEM);
    assert_int_equal(call(LINUX_GETPID, 0, 0, 0, PERSONALITY_LINUX | PERSONALITY_TRACED), 7);
    assert_string_equal(mock_trace, "");
}

static const char *printed(enum syscall_kind kind, intptr_t result, const uintptr_t *words, unsigned count) {
    static char buffer[160];
    struct trace_text text = {buffer, sizeof(buffer), 0};
    buffer[0] = 0;
    trace_kinds[kind].print(&text, &(struct traced_argument){words, count, result});
    return buffer;
}

static void test_trace_kinds(void **) {
#define PRINTED(kind, result, ...)                                                                                     \
    printed(KIND_##kind, result, (const uintptr_t[]){__VA_ARGS__},                                                     \
            sizeof((uintptr_t[]){__VA_ARGS__}) / sizeof(uintptr_t))
    assert_string_equal(PRINTED(INT, 0, (uintptr_t)-1), "-1");
    assert_string_equal(PRINTED(DIRECTORY_FD, 0, (uintptr_t)-100), "AT_FDCWD");
    assert_string_equal(PRINTED(UADDR, 0, 0), "NULL");
    assert_string_equal(PRINTED(OPEN_FLAGS, 0, O_WRONLY | O_CREAT | O_CLOEXEC), "O_WRONLY|O_CREAT|O_CLOEXEC");
    assert_string_equal(PRINTED(OPEN_FLAGS, 0, 0), "O_RDONLY");
    assert_string_equal(PRINTED(OPEN_FLAGS, 0, O_TMPFILE | O_RDWR), "O_RDWR|O_TMPFILE");
    assert_string_equal(PRINTED(PROTECTION, 0, 0), "PROT_NONE");
    assert_string_equal(PRINTED(MAP_FLAGS, 0, MAP_PRIVATE | MAP_ANONYMOUS), "MAP_PRIVATE|MAP_ANONYMOUS");
    assert_string_equal(PRINTED(SIGNAL, 0, SIGKILL), "SIGKILL");
    assert_string_equal(PRINTED(SIGNAL, 0, 34), "SIGRT_2");
    assert_string_equal(PRINTED(SIGNAL, 0, 99), "0x63");
    assert_string_equal(PRINTED(FUTEX_OP, 0, 128), "FUTEX_WAIT|FUTEX_PRIVATE_FLAG");
    assert_string_equal(PRINTED(PATH, 0, mock_user_string("/etc/\"x\"\n")), "\"/etc/\\\"x\\\"\\n\"");
    assert_string_equal(PRINTED(PATH, 0, 0xdead000), "0xdead000");
    assert_string_equal(PRINTED(PATH, 0, 0), "NULL");
    uintptr_t data = mock_user_bytes("a\0b\0001\x80", 6);
    assert_string_equal(PRINTED(BUFFER_IN, 0, data, 6), "\"a\\0b\\x001\\x80\"");
    assert_string_equal(PRINTED(BUFFER_OUT, 1, data, 100), "\"a\"");
    assert_string_equal(PRINTED(BUFFER_OUT, -EBADF, data, 100) + 0, PRINTED(UADDR, 0, data));
    uintptr_t text = mock_user_string("0123456789012345678901234567890123456789");
    assert_string_equal(PRINTED(BUFFER_IN, 0, text, 40), "\"01234567890123456789012345678901\"...");
    uintptr_t vectors[] = {text, 2, text, 3}, iov = mock_user_bytes(vectors, sizeof(vectors));
    assert_string_equal(PRINTED(SEGMENTS_IN, 0, iov, 2), "[{\"01\", 2}, {\"012\", 3}]");
    assert_string_equal(PRINTED(SEGMENTS_OUT, 3, iov, 2), "[{\"01\", 2}, {\"0\", 3}]");
    uintptr_t arguments[] = {mock_user_string("ls"), mock_user_string("-l"), 0};
    assert_string_equal(PRINTED(STRING_VECTOR, 0, mock_user_bytes(arguments, sizeof(arguments))), "[\"ls\", \"-l\"]");
    int pair[] = {3, 4};
    assert_string_equal(PRINTED(INT_PAIR_OUT, 0, mock_user_bytes(pair, sizeof(pair))), "[3, 4]");
    uint64_t set = 5;
    assert_string_equal(PRINTED(SIGNAL_SET_IN, 0, mock_user_bytes(&set, 8)), "[SIGHUP SIGQUIT]");
    uint64_t poll = 3 | (uint64_t)POLLIN << 32 | (uint64_t)POLLHUP << 48;
    assert_string_equal(PRINTED(POLLS, 1, mock_user_bytes(&poll, 8), 1), "[{3, POLLIN = POLLHUP}]");
#undef PRINTED
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) // hostile words
        printed((enum syscall_kind)kind, -1, (const uintptr_t[]){UINTPTR_MAX, UINTPTR_MAX}, 2);
}

static void test_segments(void **) {
    struct segment_array array;
    uintptr_t vectors[2 * 20];
    for (unsigned i = 0; i < 20; i++) {
        vectors[2 * i] = 0x1000 * i;
        vectors[2 * i + 1] = i;
    }
    uintptr_t user = mock_user_bytes(vectors, sizeof(vectors));
    for (unsigned count = 0; count <= 20; count++) {
        assert_int_equal(segments_fetch(&array, user, count), 0);
        assert_int_equal(array.count, count);
        assert_int_equal(array.total, count ? count * (count - 1) / 2 : 0);
        for (unsigned i = 0; i < count; i++) {
            assert_int_equal(array.segments[i].kind, SEGMENT_USER);
            assert_int_equal(array.segments[i].address, 0x1000 * i);
        }
        segments_release(&array);
    }
    assert_int_equal(segments_fetch(&array, user, 1025), -EINVAL);
    assert_int_equal(segments_fetch(&array, user, UINTPTR_MAX), -EINVAL);
    assert_int_equal(segments_fetch(&array, 0x10, 1), -EFAULT);
    assert_int_equal(segments_fetch(&array, 0x10, 100), -EFAULT);
}

static void test_segments_lengths(void **) {
    struct segment_array array;
    uintptr_t negative[] = {0, 5, 0, (uintptr_t)-1}, huge[] = {0, INT64_MAX, 0, 7};
    assert_int_equal(segments_fetch(&array, mock_user_bytes(negative, sizeof(negative)), 2), -EINVAL);
    assert_int_equal(segments_fetch(&array, mock_user_bytes(huge, sizeof(huge)), 2), 0);
    assert_int_equal(array.total, IO_MAXIMUM);
    assert_int_equal(array.segments[1].length, 0);
}

static void test_segments_failures(void **) {
    uintptr_t vectors[2 * 20] = {}, user = mock_user_bytes(vectors, sizeof(vectors));
    for (unsigned n = 1;; n++) {
        struct segment_array array;
        mock_fail(n, ENOMEM);
        int32_t error = segments_fetch(&array, user, 20);
        if (!mock_failed) {
            assert_int_equal(error, 0);
            assert_true(n > 3);
            segments_release(&array);
            break;
        }
        assert_int_equal(error, -ENOMEM);
        assert_int_equal(mock_kept(), 0);
    }
}

static void test_path(void **) {
    struct path_argument path;
    assert_int_equal(path_fetch(&path, mock_user_string("/a")), 0);
    assert_int_equal(path.length, 2);
    assert_int_equal(path_fetch(&path, mock_user_string("")), 0);
    assert_int_equal(path.length, 0);
    assert_int_equal(path_fetch(&path, 0), -EFAULT);
    char text[5000];
    memset(text, 'x', sizeof(text));
    text[4095] = 0;
    assert_int_equal(path_fetch(&path, mock_user_string(text)), 0);
    text[4095] = 'x';
    text[4096] = 0;
    assert_int_equal(path_fetch(&path, mock_user_string(text)), -ENAMETOOLONG);
}

int main(void) {
    const struct CMUnitTest before[] = {
        cmocka_unit_test(test_before_init),
        cmocka_unit_test(test_wrong_tables_are_refused),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_unknown_personality, reset, no_leak),
        cmocka_unit_test_setup_teardown(test_results_pass, reset, no_leak),
        cmocka_unit_test_setup_teardown(test_enosys_encodings, reset, no_leak),
        cmocka_unit_test_setup_teardown(test_missing_is_reported_once, reset, no_leak),
        cmocka_unit_test_setup_teardown(test_strict_ends_the_process, reset, no_leak),
        cmocka_unit_test_setup_teardown(test_restart_codes, reset, no_leak),
        cmocka_unit_test_setup_teardown(test_rewind, reset, no_leak),
        cmocka_unit_test_setup_teardown(test_trace_line, reset, no_leak),
        cmocka_unit_test_setup_teardown(test_trace_without_memory, reset, no_leak),
        cmocka_unit_test_setup_teardown(test_trace_kinds, reset, no_leak),
        cmocka_unit_test_setup_teardown(test_segments, reset, no_leak),
        cmocka_unit_test_setup_teardown(test_segments_lengths, reset, no_leak),
        cmocka_unit_test_setup_teardown(test_segments_failures, reset, no_leak),
        cmocka_unit_test_setup_teardown(test_path, reset, no_leak),
    };
    int failed = cmocka_run_group_tests_name("before init", before, nullptr, nullptr);
    return failed + cmocka_run_group_tests_name("after init", tests, initialise, nullptr);
}
