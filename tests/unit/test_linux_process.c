// sources: $(MOCKED_PERSONALITY)

#include "personality/src/linux/arch.h"
#include "personality/src/linux/process.h"
#include "personality/src/linux/shims.h"
#include "personality/src/linux/x86_64/signal_frame.h"
#include "personality/src/shim.h"
#include "tests/unit/include/mock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

constexpr size_t VECTOR_SIZE = 832;
constexpr int32_t TID = 77;
static unsigned vector_loads;

int32_t kop_extended_state_size(size_t *size) {
    *size = VECTOR_SIZE;
    return 0;
}

int32_t kop_extended_state_store(struct user_address to) {
    uint8_t bytes[VECTOR_SIZE];
    memset(bytes, 0xa5, sizeof(bytes));
    return kop_store(to, bytes, sizeof(bytes));
}

int32_t kop_extended_state_load(struct user_address from) {
    uint8_t bytes[VECTOR_SIZE];
    vector_loads++;
    return kop_fetch(bytes, from, sizeof(bytes));
}

int32_t kop_get_tid(void) {
    return TID;
}

int32_t kop_get_pid(void) {
    return TID;
}

static int initialise(void **) {
    personality_init(&mock_ops);
    return 0;
}

static int reset(void **) {
    mock_reset();
    vector_loads = 0;
    return 0;
}

// ---- start

static void test_start_stack(void **) {
    static const char strings[] = "prog\0one\0two words\0HOME=/\0A=B";
    const struct kernel_exec exec = {
        .strings = strings, .strings_size = sizeof(strings), .argument_count = 3, .environment_count = 2};
    uintptr_t low = mock_user(16384);
    const struct program_image image = {.entry = 0x401000,
                                        .start = 0x7000000,
                                        .interpreter_base = 0x6fff000,
                                        .program_headers = 0x400040,
                                        .program_header_size = 56,
                                        .program_header_count = 9,
                                        .stack_top = low + 16384,
                                        .vdso = 0x7f0000001000,
                                        .exec = &exec,
                                        .path = "/bin/prog",
                                        .uid = 1,
                                        .euid = 2,
                                        .gid = 3,
                                        .egid = 4,
                                        .secure = true,
                                        .random = {9, 8, 7}};
    struct user_frame frame;
    memset(&frame, 0xff, sizeof(frame));
    assert_int_equal(linux_start(&image, &frame), 0);
    assert_int_equal(frame.rip, 0x7000000);
    assert_int_equal(frame.rsp % 16, 0);
    assert_int_equal(frame.rax | frame.rbx | frame.rcx | frame.rdx | frame.rbp | frame.r15, 0);
    const uint64_t *word = (const uint64_t *)frame.rsp;
    assert_int_equal(*word++, 3);
    assert_string_equal((const char *)*word++, "prog");
    assert_string_equal((const char *)*word++, "one");
    assert_string_equal((const char *)*word++, "two words");
    assert_int_equal(*word++, 0);
    assert_string_equal((const char *)*word++, "HOME=/");
    assert_string_equal((const char *)*word++, "A=B");
    assert_int_equal(*word++, 0);
    uint64_t values[64] = {};
    bool seen[64] = {};
    for (; *word != AT_NULL; word += 2) {
        assert_true(*word < 64 && !seen[*word]);
        seen[*word] = true;
        values[*word] = word[1];
    }
    assert_int_equal(values[AT_PHDR], 0x400040);
    assert_int_equal(values[AT_PHENT], 56);
    assert_int_equal(values[AT_PHNUM], 9);
    assert_int_equal(values[AT_PAGESZ], 4096);
    assert_int_equal(values[AT_BASE], 0x6fff000);
    assert_int_equal(values[AT_ENTRY], 0x401000);
    assert_true(seen[AT_FLAGS] && seen[AT_HWCAP2]);
    assert_int_equal(values[AT_UID] * 1000 + values[AT_EUID] * 100 + values[AT_GID] * 10 + values[AT_EGID], 1234);
    assert_int_equal(values[AT_SECURE], 1);
    assert_int_equal(values[AT_CLKTCK], 100);
    assert_int_equal(values[AT_SYSINFO_EHDR], 0x7f0000001000);
    assert_true(values[AT_MINSIGSTKSZ] > sizeof(struct linux_rt_sigframe) + VECTOR_SIZE);
    assert_string_equal((const char *)values[AT_PLATFORM], "x86_64");
    assert_string_equal((const char *)values[AT_EXECFN], "/bin/prog");
    assert_int_equal(values[AT_RANDOM] % 16, 0);
    assert_memory_equal((const void *)values[AT_RANDOM], image.random, 16);
}

static void test_start_fails_when_a_store_fails(void **) {
    static const char strings[] = "a";
    const struct kernel_exec exec = {.strings = strings, .strings_size = 2, .argument_count = 1};
    struct program_image image = {.exec = &exec, .path = "a"};
    struct user_frame frame = {};
    for (unsigned n = 1;; n++) {
        mock_reset();
        image.stack_top = mock_user(8192) + 8192;
        mock_fail(n, EFAULT);
        int32_t result = linux_start(&image, &frame);
        if (!mock_failed) {
            assert_int_equal(result, 0);
            break;
        }
        assert_int_equal(result, -EFAULT);
    }
}

// ---- signal frames

static struct user_frame program_frame(uintptr_t stack) {
    return (struct user_frame){.rax = 1,
                               .rbx = 2,
                               .rcx = 3,
                               .r15 = 15,
                               .number = 35,
                               .rip = 0x401234,
                               .cs = 0x33,
                               .rflags = 0x246 | RFLAGS_DIRECTION,
                               .rsp = stack,
                               .ss = 0x2b,
                               .cause = TRAP_SYSCALL};
}

static const struct signal_action handler = {
    .disposition = SIGNAL_HANDLER, .flags = SA_SIGINFO | SA_RESTORER, .handler = 0x402000, .restorer = 0x403000};
static const struct kernel_siginfo user_signal = {.signal = SIGUSR1, .code = SI_QUEUE, .pid = 5, .uid = 6, .value = 7};

static struct linux_rt_sigframe *deliver(const struct signal_action *action, const struct signal_stack *stack) {
    assert_int_equal(linux_signal_deliver(&user_signal, action, 0x123, stack, &mock_frame), 0);
    return (struct linux_rt_sigframe *)mock_frame.rsp;
}

static void test_frame_below_the_red_zone(void **) {
    const struct signal_stack none = {.flags = SS_DISABLE};
    uintptr_t stack = mock_user(8192) + 8192;
    mock_frame = program_frame(stack);
    struct linux_rt_sigframe *frame = deliver(&handler, &none);
    assert_int_equal(mock_frame.rsp % 16, 8);
    assert_int_equal(frame->pretcode, 0x403000);
    assert_int_equal(mock_frame.rip, 0x402000);
    assert_int_equal(mock_frame.rdi, SIGUSR1);
    assert_ptr_equal(mock_frame.rsi, &frame->info);
    assert_ptr_equal(mock_frame.rdx, &frame->uc);
    assert_int_equal(mock_frame.rax, 0);
    assert_int_equal(mock_frame.rflags & RFLAGS_DIRECTION, 0);
    assert_int_equal(frame->uc.uc_sigmask, 0x123);
    assert_int_equal(frame->uc.uc_flags, UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS);
    assert_int_equal(frame->uc.uc_stack.ss_flags, SS_DISABLE);
    assert_int_equal(frame->uc.uc_mcontext.ip, 0x401234);
    assert_int_equal(frame->uc.uc_mcontext.sp, stack);
    assert_int_equal(frame->uc.uc_mcontext.bx, 2);
    assert_int_equal(frame->info.si_signo, SIGUSR1);
    assert_int_equal(frame->info.si_code, SI_QUEUE);
    assert_int_equal(frame->info.si_pid, 5);
    assert_int_equal(frame->info.si_value, 7);
    uintptr_t vector = frame->uc.uc_mcontext.fpstate;
    assert_int_equal(vector % 64, 0);
    assert_true(vector >= (uintptr_t)(frame + 1) && vector + VECTOR_SIZE + 4 <= stack - 128);
    const struct linux_fpx_software *software = (const void *)(vector + LINUX_FPX_SOFTWARE_OFFSET);
    assert_int_equal(software->magic1, LINUX_FP_XSTATE_MAGIC1);
    assert_int_equal(software->xstate_size, VECTOR_SIZE);
    assert_int_equal(software->extended_size, VECTOR_SIZE + 4);
    assert_int_equal(software->xfeatures, 7);
    assert_int_equal(*(const uint32_t *)(vector + VECTOR_SIZE), LINUX_FP_XSTATE_MAGIC2);
}

static void test_return_restores(void **) {
    const struct signal_stack none = {.flags = SS_DISABLE};
    mock_frame = program_frame(mock_user(8192) + 8192);
    struct user_frame before = mock_frame;
    deliver(&handler, &none);
    mock_frame.rsp += 8; // the handler's ret
    mock_frame.rbx = mock_frame.r15 = 99;
    assert_int_equal(linux_rt_sigreturn(0, 0, 0, 0, 0), -KERNEL_EKEEP_FRAME);
    assert_int_equal(mock_frame.rip, before.rip);
    assert_int_equal(mock_frame.rsp, before.rsp);
    assert_int_equal(mock_frame.rbx, 2);
    assert_int_equal(mock_frame.r15, 15);
    assert_int_equal(mock_frame.rflags, before.rflags);
    assert_int_equal(vector_loads, 1);
    assert_int_equal(mock_find(KERNEL_OP_signal_mask, 0)->arguments[0], SIG_SETMASK);
    assert_null(mock_find(KERNEL_OP_kill_thread, 0));
}

static void test_hostile_returns(void **) {
    enum { BAD_STACK, BAD_SEGMENT, BAD_ADDRESS, BAD_MAGIC, BAD_VECTOR_POINTER, CASES };
    const struct signal_stack none = {.flags = SS_DISABLE};
    for (unsigned which = 0; which < CASES; which++) {
        mock_reset();
        mock_frame = program_frame(mock_user(8192) + 8192);
        struct linux_rt_sigframe *frame = deliver(&handler, &none);
        mock_frame.rsp += 8;
        if (which == BAD_STACK) mock_frame.rsp = 0x1000;
        if (which == BAD_SEGMENT) frame->uc.uc_mcontext.cs = 8;
        if (which == BAD_ADDRESS) frame->uc.uc_mcontext.ip = 0x800000000000;
        if (which == BAD_MAGIC) *(uint32_t *)(frame->uc.uc_mcontext.fpstate + VECTOR_SIZE) = 0;
        if (which == BAD_VECTOR_POINTER) frame->uc.uc_mcontext.fpstate = 0xffff800000000000;
        uint64_t rip = mock_frame.rip;
        assert_int_equal(linux_rt_sigreturn(0, 0, 0, 0, 0), -KERNEL_EKEEP_FRAME);
        assert_int_equal(mock_frame.rip, rip);
        assert_non_null(mock_find(KERNEL_OP_kill_thread, 0));
        assert_int_equal(mock_frame.cs, 0x33);
    }
}

static void test_return_cannot_gain_flags(void **) {
    const struct signal_stack none = {.flags = SS_DISABLE};
    mock_frame = program_frame(mock_user(8192) + 8192);
    struct linux_rt_sigframe *frame = deliver(&handler, &none);
    mock_frame.rsp += 8;
    frame->uc.uc_mcontext.flags = ~0ULL;
    linux_rt_sigreturn(0, 0, 0, 0, 0);
    assert_int_equal(mock_frame.rflags & 0x3000, 0);  // I/O privilege level
    assert_int_equal(mock_frame.rflags & 0x24000, 0); // nested task, virtual 8086
    assert_int_equal(mock_frame.rflags & 0x200, 0x200);
}

static void test_alternate_stack(void **) {
    uintptr_t normal = mock_user(8192) + 8192, base = mock_user(8192);
    struct signal_action action = handler;
    const struct signal_stack stack = {.base = {base}, .size = 8192};
    action.flags |= SA_ONSTACK;
    mock_frame = program_frame(normal);
    struct linux_rt_sigframe *frame = deliver(&action, &stack);
    assert_true((uintptr_t)frame > base && (uintptr_t)frame < base + 8192);
    assert_int_equal(frame->uc.uc_stack.ss_sp, base);
    // A second signal while on it continues there.
    mock_frame.disposition = FRAME_KEEP;
    struct linux_rt_sigframe *second = deliver(&action, &stack);
    assert_true(second < frame && (uintptr_t)second > base);
    // Too small a rest: the program can't be told.
    mock_frame.rsp = base + 600;
    assert_int_equal(linux_signal_deliver(&user_signal, &action, 0, &stack, &mock_frame), -EFAULT);
    // Without SA_ONSTACK the frame stays on the present stack.
    mock_frame = program_frame(normal);
    frame = deliver(&handler, &stack);
    assert_true((uintptr_t)frame > normal - 8192 && (uintptr_t)frame < normal);
}

static void test_autodisarm(void **) {
    uintptr_t normal = mock_user(8192) + 8192, base = mock_user(8192);
    struct signal_action action = handler;
    const struct signal_stack stack = {.base = {base}, .size = 8192, .flags = SS_AUTODISARM};
    action.flags |= SA_ONSTACK;
    mock_frame = program_frame(normal);
    struct linux_rt_sigframe *frame = deliver(&action, &stack);
    assert_true((uintptr_t)frame > base && (uintptr_t)frame < base + 8192);
    assert_int_equal((uint32_t)frame->uc.uc_stack.ss_flags, SS_AUTODISARM);
    assert_non_null(mock_find(KERNEL_OP_signal_stack, 0));
}

static void test_interrupted_calls(void **) {
    static const struct {
        enum frame_disposition disposition;
        bool restarts, with_handler;
        int64_t rax;
        int64_t rip;
    } cases[] = {
        {FRAME_RESTART, true, true, 35, -2},
        {FRAME_RESTART, false, true, -EINTR, 0},
        {FRAME_RESTART_NO_HANDLER, true, true, -EINTR, 0},
        {FRAME_RESTART_WITH, true, true, -EINTR, 0},
        {FRAME_RESTART, false, false, 35, -2},
        {FRAME_RESTART_NO_HANDLER, false, false, 35, -2},
        {FRAME_RESTART_WITH, false, false, 219, -2},
        {FRAME_WRITE, false, false, 1, 0},
        {FRAME_WRITE, true, true, 1, 0},
    };
    const struct signal_stack none = {.flags = SS_DISABLE};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mock_reset();
        mock_frame = program_frame(mock_user(8192) + 8192);
        mock_frame.disposition = cases[i].disposition;
        int64_t rax, rip;
        if (cases[i].with_handler) {
            struct signal_action action = handler;
            if (cases[i].restarts) action.flags |= SA_RESTART;
            struct linux_rt_sigframe *frame = deliver(&action, &none);
            rax = (int64_t)frame->uc.uc_mcontext.ax;
            rip = (int64_t)frame->uc.uc_mcontext.ip;
        } else {
            linux_interrupted(&mock_frame);
            rax = (int64_t)mock_frame.rax;
            rip = (int64_t)mock_frame.rip;
        }
        assert_int_equal(rax, cases[i].rax);
        assert_int_equal(rip - 0x401234, cases[i].rip);
    }
}

// ---- clone

static void test_clone_flags(void **) {
    assert_int_equal(linux_clone_flags_check(0), 0);
    assert_int_equal(linux_clone_flags_check(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD), 0);
    assert_int_equal(linux_clone_flags_check(CLONE_SIGHAND), -EINVAL);
    assert_int_equal(linux_clone_flags_check(CLONE_THREAD | CLONE_VM), -EINVAL);
    assert_int_equal(linux_clone_flags_check(LINUX_CLONE_NEWNS | CLONE_FS), -EINVAL);
    assert_int_equal(linux_clone_flags_check(CLONE_CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_VM), -EINVAL);
    assert_int_equal(linux_clone_flags_check(LINUX_CLONE_NEWPID), -EPERM);
}

static intptr_t clone3(struct linux_clone_args arguments, size_t size) {
    uintptr_t at = mock_user_bytes(&arguments, sizeof(arguments));
    mock_user(64);
    return linux_clone3(at, size, 0, 0, 0);
}

static void test_clone3(void **) {
    constexpr size_t size = sizeof(struct linux_clone_args);
    const struct linux_clone_args plain = {.exit_signal = SIGCHLD};
    struct linux_clone_args bad = plain;
    assert_int_equal(clone3(plain, 63), -EINVAL);
    assert_int_equal(clone3(plain, 4097), -E2BIG);
    assert_int_equal(clone3(plain, size + 8), 0);
    assert_int_equal(linux_clone3(8, size, 0, 0, 0), -EFAULT);
    bad.exit_signal = 65;
    assert_int_equal(clone3(bad, size), -EINVAL);
    bad = plain;
    bad.flags = 1ULL << 40;
    assert_int_equal(clone3(bad, size), -EINVAL);
    bad = plain;
    bad.stack = 0x1000;
    assert_int_equal(clone3(bad, size), -EINVAL);
    bad = plain;
    bad.flags = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
    assert_int_equal(clone3(bad, size), -EINVAL); // a thread has no exit signal
}

// ---- robust lists

static void test_robust_list(void **) {
    struct entry {
        uint64_t next;
        uint32_t word, pad;
    };
    uintptr_t head_at = mock_user(sizeof(struct linux_robust_list_head));
    struct entry *mine = (struct entry *)mock_user(sizeof(struct entry));
    struct entry *other = (struct entry *)mock_user(sizeof(struct entry));
    *mine = (struct entry){(uintptr_t)other, TID | FUTEX_WAITERS, 0};
    *other = (struct entry){head_at, 1234, 0};
    *(struct linux_robust_list_head *)head_at =
        (struct linux_robust_list_head){.list = (uintptr_t)mine, .futex_offset = 8};
    struct linux_thread thread = {.robust_list = {head_at}};
    linux_robust_list_exit(&thread);
    assert_int_equal(mine->word, FUTEX_WAITERS | FUTEX_OWNER_DIED);
    assert_int_equal(other->word, 1234);
    assert_non_null(mock_find(KERNEL_OP_futex_wake, 0));
}

static void test_hostile_robust_lists(void **) {
    // A list that runs in a circle ends after a bounded number of steps; one that leads nowhere ends at once.
    uintptr_t head_at = mock_user(sizeof(struct linux_robust_list_head));
    uint64_t *circle = (uint64_t *)mock_user(16);
    *circle = (uintptr_t)circle;
    *(struct linux_robust_list_head *)head_at =
        (struct linux_robust_list_head){.list = (uintptr_t)circle, .futex_offset = 8};
    struct linux_thread thread = {.robust_list = {head_at}};
    linux_robust_list_exit(&thread);
    assert_true(mock_call_count < 10'000);
    *(struct linux_robust_list_head *)head_at =
        (struct linux_robust_list_head){.list = 0xdeadbeef0000, .futex_offset = INT64_MIN, .list_op_pending = 0xfff1};
    thread.robust_list.value = head_at;
    linux_robust_list_exit(&thread);
    thread.robust_list.value = 16;
    linux_robust_list_exit(&thread);
    assert_int_equal(thread.robust_list.value, 0);
}

// ---- siginfo

static void test_siginfo_layouts(void **) {
    struct linux_siginfo to;
    linux_siginfo_from_kernel(&to, &(struct kernel_siginfo){.signal = SIGSEGV, .code = SEGV_MAPERR, .address = 0x1234});
    assert_int_equal(to.si_addr, 0x1234);
    linux_siginfo_from_kernel(
        &to, &(struct kernel_siginfo){
                 .signal = SIGCHLD, .code = CLD_EXITED, .pid = 9, .uid = 8, .status = 3, .user_time = 50'000'000});
    assert_int_equal(to.si_pid, 9);
    assert_int_equal(to.si_status, 3);
    assert_int_equal(to.si_utime, 5);
    linux_siginfo_from_kernel(
        &to, &(struct kernel_siginfo){
                 .signal = SIGALRM, .code = SI_TIMER, .timer_id = 4, .status = 2, .value = LINUX_TIMER_VALUE_IS_ID});
    assert_int_equal(to.si_tid, 4);
    assert_int_equal(to.si_overrun, 2);
    assert_int_equal(to.si_timer_value, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_start_stack, reset),
        cmocka_unit_test_setup(test_start_fails_when_a_store_fails, reset),
        cmocka_unit_test_setup(test_frame_below_the_red_zone, reset),
        cmocka_unit_test_setup(test_return_restores, reset),
        cmocka_unit_test_setup(test_hostile_returns, reset),
        cmocka_unit_test_setup(test_return_cannot_gain_flags, reset),
        cmocka_unit_test_setup(test_alternate_stack, reset),
        cmocka_unit_test_setup(test_autodisarm, reset),
        cmocka_unit_test_setup(test_interrupted_calls, reset),
        cmocka_unit_test_setup(test_clone_flags, reset),
        cmocka_unit_test_setup(test_clone3, reset),
        cmocka_unit_test_setup(test_robust_list, reset),
        cmocka_unit_test_setup(test_hostile_robust_lists, reset),
        cmocka_unit_test_setup(test_siginfo_layouts, reset),
    };
    return cmocka_run_group_tests(tests, initialise, nullptr);
}
