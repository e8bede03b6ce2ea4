// Delivery: every SA_ flag, the frame's contents, vector registers, faults, default actions, stop and continue.
#include "raw_call.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

static volatile int depth, deepest, count;
static volatile sig_atomic_t got_signal, got_code, got_status;
static volatile pid_t got_pid;
static void *volatile got_address;
static sigjmp_buf jump;

static void install(int signal, void (*handler)(int, siginfo_t *, void *), int flags) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigaction(signal, &action, nullptr);
}

static void note(int signal, siginfo_t *info, void *) {
    got_signal = signal;
    got_code = info->si_code;
    got_pid = info->si_pid;
    got_status = info->si_status;
    count++;
}

static void nested(int signal, siginfo_t *, void *) {
    depth++;
    if (depth > deepest) deepest = depth;
    if (count++ < 3) raise(signal);
    depth--;
}

static volatile uint64_t mask_inside;
static void look_at_mask(int, siginfo_t *, void *) {
    uint64_t mask;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, &mask, 8);
    mask_inside = mask;
}

static void test_flags(void) {
    struct sigaction action;
    install(SIGUSR1, nested, 0);
    raise(SIGUSR1);
    HOLDS("rt_sigaction: a handler is not interrupted by its own signal", deepest == 1 && count == 4);
    deepest = count = 0;
    install(SIGUSR1, nested, SA_NODEFER);
    raise(SIGUSR1);
    HOLDS("rt_sigaction: SA_NODEFER", deepest == 4);
    install(SIGUSR1, note, SA_RESETHAND);
    raise(SIGUSR1);
    sigaction(SIGUSR1, nullptr, &action);
    HOLDS("rt_sigaction: SA_RESETHAND", action.sa_handler == SIG_DFL && got_signal == SIGUSR1);
    action = (struct sigaction){.sa_sigaction = look_at_mask, .sa_flags = SA_SIGINFO};
    sigaddset(&action.sa_mask, SIGHUP);
    sigaction(SIGUSR1, &action, nullptr);
    raise(SIGUSR1);
    HOLDS("rt_sigaction: the mask is blocked inside", mask_inside == (1ULL << (SIGHUP - 1) | 1ULL << (SIGUSR1 - 1)));
    look_at_mask(0, nullptr, nullptr);
    HOLDS("rt_sigreturn: the mask is back", mask_inside == 0);
    install(SIGUSR2, note, 0);
    raise(SIGUSR2);
    HOLDS("tgkill: SI_TKILL and the sender", got_code == SI_TKILL && got_pid == getpid());
    kill(getpid(), SIGUSR2);
    HOLDS("kill: SI_USER", got_code == SI_USER && got_pid == getpid());
}

static void test_children(void) {
    int status;
    install(SIGCHLD, note, 0);
    count = 0;
    pid_t child = fork();
    if (child == 0) _exit(9);
    while (count == 0)
        sleep_milliseconds(1);
    HOLDS("rt_sigaction: SIGCHLD tells pid and status", got_pid == child && got_status == 9 && got_code == CLD_EXITED);
    waitpid(child, &status, 0);
    child = idle_child();
    count = 0;
    kill(child, SIGSTOP);
    while (count == 0)
        sleep_milliseconds(1);
    HOLDS("rt_sigaction: SIGCHLD for a stop", got_code == CLD_STOPPED && got_status == SIGSTOP);
    count = 0;
    kill(child, SIGCONT);
    while (count == 0)
        sleep_milliseconds(1);
    HOLDS("rt_sigaction: SIGCHLD for continuing", got_code == CLD_CONTINUED);
    install(SIGCHLD, note, SA_NOCLDSTOP);
    count = 0;
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    sleep_milliseconds(10);
    HOLDS("rt_sigaction: SA_NOCLDSTOP", count == 0);
    install(SIGCHLD, note, SA_NOCLDWAIT);
    kill(child, SIGKILL);
    HOLDS("rt_sigaction: SA_NOCLDWAIT leaves no zombie", waitpid(child, &status, 0) == -1 && errno == ECHILD);
    signal(SIGCHLD, SIG_DFL);
}

static void fault(int signal, siginfo_t *info, void *) {
    got_signal = signal;
    got_code = info->si_code;
    got_address = info->si_addr;
    siglongjmp(jump, 1);
}

static void test_faults(void) {
    install(SIGSEGV, fault, 0);
    install(SIGBUS, fault, 0);
    install(SIGFPE, fault, 0);
    install(SIGILL, fault, 0);
    install(SIGTRAP, note, 0);
    if (!sigsetjmp(jump, 1)) *(volatile int *)0x1234 = 1;
    HOLDS("rt_sigaction: SIGSEGV SEGV_MAPERR",
          got_signal == SIGSEGV && got_code == SEGV_MAPERR && got_address == (void *)0x1234);
    char *page = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!sigsetjmp(jump, 1)) *(volatile char *)(page + 5) = 1;
    HOLDS("rt_sigaction: SIGSEGV SEGV_ACCERR", got_code == SEGV_ACCERR && got_address == page + 5);
    if (!sigsetjmp(jump, 1)) ((void (*)(void))page)();
    HOLDS("rt_sigaction: SIGSEGV for executing data", got_code == SEGV_ACCERR && got_address == page);
    if (!sigsetjmp(jump, 1)) *(volatile int *)0xffff800000000000 = 1;
    HOLDS("rt_sigaction: SIGSEGV for the kernel's memory", got_signal == SIGSEGV);
    if (!sigsetjmp(jump, 1)) *(volatile int *)0x8000000000000000 = 1;
    HOLDS("rt_sigaction: SIGSEGV for a non-canonical address", got_signal == SIGSEGV && got_code == SI_KERNEL);
    FILE *file = tmpfile();
    char *mapped = mmap(nullptr, 8192, PROT_READ, MAP_SHARED, fileno(file), 0);
    if (!sigsetjmp(jump, 1)) (void)*(volatile char *)(mapped + 4096);
    HOLDS("rt_sigaction: SIGBUS behind a file's end",
          got_signal == SIGBUS && got_code == BUS_ADRERR && got_address == mapped + 4096);
    fclose(file);
#ifdef __x86_64__
    if (!sigsetjmp(jump, 1)) __asm__ volatile("ud2");
    HOLDS("rt_sigaction: SIGILL", got_signal == SIGILL && got_code == ILL_ILLOPN);
    if (!sigsetjmp(jump, 1))
        __asm__ volatile("xor %%edx, %%edx\n xor %%ecx, %%ecx\n div %%ecx" ::: "eax", "ecx", "edx", "cc");
    HOLDS("rt_sigaction: SIGFPE FPE_INTDIV", got_signal == SIGFPE && got_code == FPE_INTDIV);
    if (!sigsetjmp(jump, 1)) __asm__ volatile("cli");
    HOLDS("rt_sigaction: SIGSEGV for a privileged instruction", got_signal == SIGSEGV && got_code == SI_KERNEL);
    got_signal = 0;
    __asm__ volatile("int3");
    HOLDS("rt_sigaction: SIGTRAP, and the program goes on", got_signal == SIGTRAP);
#endif
    signal(SIGSEGV, SIG_DFL);
}

#ifdef __x86_64__
static void change_registers(int, siginfo_t *, void *context) {
    ucontext_t *user = context;
    user->uc_mcontext.gregs[REG_R12] = 0x1122334455667788;
    user->uc_mcontext.gregs[REG_EFL] |= 1; // carry
}

static void trash_vectors(int, siginfo_t *, void *) {
    __asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n movdqa %%xmm0, %%xmm5\n movdqa %%xmm0, %%xmm15\n fldz\n fstp %%st(0)" ::
                         : "xmm0", "xmm5", "xmm15");
}

static void change_vectors(int, siginfo_t *, void *context) {
    ucontext_t *user = context;
    ((uint32_t *)user->uc_mcontext.fpregs)[40 + 5 * 4] = 0xabcdef01; // xmm5
}

static void test_registers(void) {
    uint64_t r12 = 0, flags, pid = (uint64_t)getpid();
    install(SIGUSR1, change_registers, 0);
    __asm__ volatile("xor %%r12d, %%r12d\n clc\n syscall\n mov %%r12, %0\n pushfq\n pop %1"
                     : "=&r"(r12), "=&r"(flags)
                     : "a"(SYS_kill), "D"(pid), "S"(SIGUSR1)
                     : "rcx", "r11", "r12", "memory", "cc");
    HOLDS("rt_sigreturn: changed registers are taken over", r12 == 0x1122334455667788 && (flags & 1));
    uint32_t xmm5[4] = {}, pattern[4] = {1, 2, 3, 4};
    install(SIGUSR1, trash_vectors, 0);
    __asm__ volatile("movdqu %1, %%xmm5\n syscall\n movdqu %%xmm5, %0"
                     : "=m"(xmm5)
                     : "m"(pattern), "a"(SYS_kill), "D"(pid), "S"(SIGUSR1)
                     : "rcx", "r11", "xmm5", "memory");
    HOLDS("rt_sigreturn: vector registers are restored", memcmp(xmm5, pattern, 16) == 0);
    install(SIGUSR1, change_vectors, 0);
    __asm__ volatile("movdqu %1, %%xmm5\n syscall\n movdqu %%xmm5, %0"
                     : "=m"(xmm5)
                     : "m"(pattern), "a"(SYS_kill), "D"(pid), "S"(SIGUSR1)
                     : "rcx", "r11", "xmm5", "memory");
    HOLDS("rt_sigreturn: changed vector registers are taken over", xmm5[0] == 0xabcdef01 && xmm5[1] == 2);
}

static int hostile_code_segment(void) {
    __asm__ volatile("mov $15, %%eax\n xor %%esp, %%esp\n syscall" ::: "memory");
    return 1;
}

static void bad_context(int, siginfo_t *, void *context) {
    ucontext_t *user = context;
    user->uc_mcontext.gregs[REG_RIP] = (long long)0xffff800000000000;
}
static int hostile_return(void) {
    install(SIGUSR1, bad_context, 0);
    raise(SIGUSR1);
    return 1;
}

static void bad_vectors(int, siginfo_t *, void *context) {
    ucontext_t *user = context;
    user->uc_mcontext.fpregs = (void *)0xffff800000001000;
}
static int hostile_vectors(void) {
    install(SIGUSR1, bad_vectors, 0);
    raise(SIGUSR1);
    return 1;
}

static int no_room_for_the_frame(void) {
    install(SIGUSR1, note, 0);
    __asm__ volatile("mov $8, %%esp\n syscall" ::"a"(SYS_kill), "D"((uint64_t)getpid()), "S"(SIGUSR1) : "memory");
    return 1;
}
#else
static void test_registers(void) {
}
#endif

static int dies(int signal) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        raise(signal);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void test_defaults(void) {
    static const int deadly[] = {SIGHUP,  SIGINT,  SIGQUIT,   SIGILL,  SIGTRAP, SIGABRT, SIGBUS,  SIGFPE,
                                 SIGKILL, SIGUSR1, SIGSEGV,   SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT,
                                 SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGSYS,  40};
    static const int harmless[] = {SIGCHLD, SIGCONT, SIGURG, SIGWINCH};
    char text[60];
    for (int signal = 1; signal < 32; signal++) {
        if (signal != SIGKILL && signal != SIGSTOP) {
            struct sigaction action = {.sa_handler = SIG_DFL};
            sigaction(signal, &action, nullptr);
        }
    }
    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++) {
        snprintf(text, sizeof text, "kill: signal %d ends a process", deadly[i]);
        ANSWERS(text, deadly[i], dies(deadly[i]));
    }
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++) {
        snprintf(text, sizeof text, "kill: signal %d is ignored by default", harmless[i]);
        ANSWERS(text, 0, dies(harmless[i]));
    }
}

static int ignored_fault(void) {
    signal(SIGSEGV, SIG_IGN);
    *(volatile int *)8 = 1;
    return 1;
}

static int blocked_fault(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGSEGV);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    *(volatile int *)8 = 1;
    return 1;
}

static char *volatile deep;
static int overflow(int level) {
    char room[4096];
    deep = room;
    memset(room, level, sizeof room);
    return overflow(level + 1) + room[7];
}
static char spare_stack[65536];
static void on_spare_stack(int, siginfo_t *, void *) {
    char here;
    _exit(&here > spare_stack && &here < spare_stack + sizeof spare_stack ? 12 : 13);
}
static int stack_overflow(void) {
    sigaltstack(&(stack_t){.ss_sp = spare_stack, .ss_size = sizeof spare_stack}, nullptr);
    install(SIGSEGV, on_spare_stack, SA_ONSTACK);
    return overflow(0);
}

static void test_restart(void) {
    int ends[2];
    char byte = 0;
    (void)!pipe(ends);
    install(SIGALRM, note, 0);
    ualarm(10000, 0);
    FAILS("read: EINTR without SA_RESTART", EINTR, read(ends[0], &byte, 1));
    install(SIGALRM, note, SA_RESTART);
    pid_t child = fork();
    if (child == 0) {
        sleep_milliseconds(40);
        (void)!write(ends[1], "x", 1);
        _exit(0);
    }
    ualarm(10000, 0);
    ANSWERS("read: goes on with SA_RESTART", 1, read(ends[0], &byte, 1));
    waitpid(child, nullptr, 0);
    child = fork();
    if (child == 0) {
        sleep_milliseconds(20);
        kill(getppid(), SIGSTOP);
        sleep_milliseconds(20);
        kill(getppid(), SIGCONT);
        sleep_milliseconds(20);
        (void)!write(ends[1], "x", 1);
        _exit(0);
    }
    ANSWERS("read: goes on after a stop", 1, read(ends[0], &byte, 1));
    waitpid(child, nullptr, 0);
}

int main(void) {
    test_flags();
    test_children();
    test_faults();
    test_registers();
    test_defaults();
    ANSWERS("rt_sigaction: an ignored fault kills", 128 + SIGSEGV, in_child(ignored_fault));
    ANSWERS("rt_sigprocmask: a blocked fault kills", 128 + SIGSEGV, in_child(blocked_fault));
    ANSWERS("sigaltstack: a handler runs after the stack is full", 12, in_child(stack_overflow));
#ifdef __x86_64__
    ANSWERS("rt_sigreturn: without a frame kills", 128 + SIGSEGV, in_child(hostile_code_segment));
    ANSWERS("rt_sigreturn: to a kernel address kills", 128 + SIGSEGV, in_child(hostile_return));
    ANSWERS("rt_sigreturn: a bad vector image kills", 128 + SIGSEGV, in_child(hostile_vectors));
    ANSWERS("rt_sigaction: no room for the frame kills", 128 + SIGSEGV, in_child(no_room_for_the_frame));
#endif
    test_restart();
    return tap_done();
}
