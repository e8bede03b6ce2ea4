// What a program may do to the processor's state before it enters the kernel, and after: exceptions and their codes,
// single steps, flags, segment registers, thread pointers, hostile return frames. The kernel must live, and answer as
// Linux does.
#include "raw_call.h"

#include <sched.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { ARCH_SET_GS = 0x1001, ARCH_SET_FS = 0x1002, ARCH_GET_FS = 0x1003, ARCH_GET_GS = 0x1004 };
static sigjmp_buf jump;
static volatile int got_signal, got_code;
static void *volatile got_address;

static void note(int signal, siginfo_t *info, void *) {
    got_signal = signal;
    got_code = info->si_code;
    got_address = info->si_addr;
    siglongjmp(jump, 1);
}

static void catch_all(void) {
    static const int signals[] = {SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGBUS};
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_NODEFER};
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, nullptr);
}

#define RAISES(name, wanted_signal, wanted_code, ...)                                                                  \
    ({                                                                                                                 \
        got_signal = 0;                                                                                                \
        if (!sigsetjmp(jump, 1)) {                                                                                     \
            __VA_ARGS__;                                                                                               \
        }                                                                                                              \
        HOLDS(name, got_signal == (wanted_signal) && got_code == (wanted_code));                                       \
        if (got_signal != (wanted_signal) || got_code != (wanted_code))                                                \
            printf("# got signal %d, code %d\n", got_signal, got_code);                                                \
    })

static void test_exceptions(void) {
    static const int constant = 1;
    RAISES("division by zero", SIGFPE, FPE_INTDIV,
           __asm__ volatile("xorl %%ecx, %%ecx; divl %%ecx" :: : "eax", "ecx", "edx"));
    RAISES("undefined instruction", SIGILL, ILL_ILLOPN, __asm__ volatile("ud2"));
    RAISES("int3", SIGTRAP, SI_KERNEL, __asm__ volatile("int3"));
    RAISES("a privileged instruction", SIGSEGV, SI_KERNEL, __asm__ volatile("hlt"));
    HOLDS("  has no address", got_address == nullptr);
    RAISES("cli", SIGSEGV, SI_KERNEL, __asm__ volatile("cli"));
    RAISES("a port", SIGSEGV, SI_KERNEL, __asm__ volatile("outb %al, $0xf4"));
    RAISES("a gate of the kernel's", SIGSEGV, SI_KERNEL, __asm__ volatile("int $0xf0"));
    RAISES("reading nothing", SIGSEGV, SEGV_MAPERR, (void)*(volatile char *)8);
    HOLDS("  has its address", got_address == (void *)8);
    RAISES("reading the kernel", SIGSEGV, SEGV_MAPERR, (void)*(volatile char *)0xffff800000001000);
    RAISES("writing to the kernel", SIGSEGV, SEGV_MAPERR, *(volatile char *)0xffffffff80200000 = 1);
    RAISES("a non-canonical address", SIGSEGV, SI_KERNEL, (void)*(volatile char *)0x1234567812345678);
    RAISES("writing to a constant", SIGSEGV, SEGV_ACCERR, *(volatile int *)(uintptr_t)&constant = 2);
    HOLDS("  has its address too", got_address == &constant);
    RAISES("executing data", SIGSEGV, SEGV_ACCERR, ((void (*)(void))(uintptr_t)&tap_count)());
    RAISES("jumping into the kernel", SIGSEGV, SEGV_MAPERR, ((void (*)(void))0xffffffff80200000)());
    RAISES("a jump out of the canonical half", SIGSEGV, SI_KERNEL, ((void (*)(void))0x0000800000000000)());
}

static void test_floating_point(void) {
    unsigned control = 0x1f80 & ~0x200u; // division by zero unmasked
    // QEMU's emulator notes the exception but does not raise it: then there is nothing to test.
    if (!sigsetjmp(jump, 1)) {
        __asm__ volatile("ldmxcsr %0; xorps %%xmm0, %%xmm0; movss %1, %%xmm1; divss %%xmm0, %%xmm1" ::"m"(control),
                         "m"((float){1})
                         : "xmm0", "xmm1");
        printf("# SSE exceptions are not raised here\n");
    } else {
        HOLDS("SSE division by zero", got_signal == SIGFPE && got_code == FPE_FLTDIV);
    }
    control = 0x1f80;
    __asm__ volatile("ldmxcsr %0" ::"m"(control));
    unsigned short word = 0x37b;
    RAISES("x87 division by zero", SIGFPE, FPE_FLTDIV,
           __asm__ volatile("fninit; fldcw %0; fldz; fld1; fdivp; fwait" ::"m"(word)));
    __asm__ volatile("fninit");
}

static int run_32_bit_code(void) {
    signal(SIGSEGV, SIG_DFL);
    __asm__ volatile("pushq $0x23; pushq $0x1000; lretq");
    return 0;
}

static void test_segments(void) {
    RAISES("a kernel selector in ds", SIGSEGV, SI_KERNEL, __asm__ volatile("movl %0, %%ds" ::"r"(0x10)));
    HOLDS("32-bit code ends the program at most", in_child(run_32_bit_code) == 128 + SIGSEGV);
    RAISES("kernel code", SIGSEGV, SI_KERNEL, __asm__ volatile("pushq $0x08; pushq $0x1000; lretq"));
    __asm__ volatile("movl %0, %%ds; movl %0, %%es; movl %0, %%gs" ::"r"(0x2b));
    HOLDS("calls work with data selectors loaded", getppid() > 0);
    __asm__ volatile("movl %0, %%ds; movl %0, %%es; movl %0, %%gs" ::"r"(0));
}

static void test_flags(void) {
    long result;
    unsigned long flags;
    __asm__ volatile("std; syscall; pushfq; popq %1; cld"
                     : "=a"(result), "=r"(flags)
                     : "a"(SYS_getpid)
                     : "rcx", "r11", "memory");
    HOLDS("the direction flag outlives a call", result == getpid() && (flags & 0x400));
    __asm__ volatile(
        "pushfq; orl $0x40000, (%%rsp); popfq; syscall; pushfq; popq %1; pushfq; andl $~0x40000, (%%rsp); popfq"
        : "=a"(result), "=r"(flags)
        : "a"(SYS_getpid)
        : "rcx", "r11", "memory");
    HOLDS("the alignment flag outlives a call", result == getpid() && (flags & 0x40000));
    unsigned long before = 0x3000;
    __asm__ volatile("pushfq; orq %1, (%%rsp); popfq; syscall; pushfq; popq %2"
                     : "=a"(result), "+r"(before), "=r"(flags)
                     : "a"(SYS_getpid)
                     : "rcx", "r11", "memory");
    HOLDS("programs have no I/O privilege", result == getpid() && !(flags & 0x3000));
}

static volatile int steps;
static void count_step(int, siginfo_t *info, void *) {
    if (info->si_code == TRAP_TRACE) steps++;
}

static void test_single_step(void) {
    struct sigaction action = {.sa_sigaction = count_step, .sa_flags = SA_SIGINFO};
    struct sigaction old;
    sigaction(SIGTRAP, &action, &old);
    long result;
    __asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; nop; nop; syscall; nop; pushfq; andl $~0x100, (%%rsp); popfq"
                     : "=a"(result)
                     : "a"(SYS_getpid)
                     : "rcx", "r11", "memory");
    HOLDS("single steps, through a system call", result == getpid() && steps >= 5 && steps <= 8);
    printf("# %d steps\n", steps);
    sigaction(SIGTRAP, &old, nullptr);
}

static long processor_control(int code, unsigned long value) {
    return syscall(SYS_arch_prctl, code, value);
}

static bool has_fsgsbase(void) {
    unsigned eax = 7, ebx, ecx = 0, edx;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return ebx & 1;
}

static void burn(void) {
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < start.tv_sec * 1000 + start.tv_nsec / 1000000 + 30);
}

static void test_thread_pointers(void) {
    FAILS("arch_prctl: GS into the kernel", EPERM, processor_control(ARCH_SET_GS, 0xffff800000000000));
    FAILS("arch_prctl: FS out of the canonical half", EPERM, processor_control(ARCH_SET_FS, 0x800000000000));
    SUCCEEDS("arch_prctl: GS", processor_control(ARCH_SET_GS, 0x12345000));
    unsigned long value = 0;
    processor_control(ARCH_GET_GS, (unsigned long)&value);
    HOLDS("arch_prctl: GS comes back", value == 0x12345000);
    pid_t child = fork();
    if (child == 0) {
        processor_control(ARCH_GET_GS, (unsigned long)&value);
        processor_control(ARCH_SET_GS, 0x777000);
        for (int i = 0; i < 50; i++)
            sched_yield();
        _exit(value == 0x12345000 ? 0 : 1);
    }
    for (int i = 0; i < 50; i++)
        sched_yield();
    int status;
    waitpid(child, &status, 0);
    processor_control(ARCH_GET_GS, (unsigned long)&value);
    HOLDS("GS is each process's own", status == 0 && value == 0x12345000);
    if (!has_fsgsbase()) return;
    static const unsigned long hostile[] = {0xffffffff80200000, 0xffff800000000000, 0xffffffffffffffff, 8};
    for (unsigned i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        __asm__ volatile("wrgsbase %0" ::"r"(hostile[i]));
        burn();
        sched_yield();
        getppid();
        RAISES("an exception under a hostile GS", SIGILL, ILL_ILLOPN, __asm__ volatile("ud2"));
        RAISES("a trap under a hostile GS", SIGTRAP, TRAP_TRACE,
               __asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; nop; nop" :: : "memory"));
        __asm__ volatile("rdgsbase %0" : "=r"(value));
        HOLDS("the hostile GS is kept", value == hostile[i]);
    }
    __asm__ volatile("wrgsbase %0" ::"r"(0L));
}

// ---- hostile return frames, each in a child

static int spoil_which;
static void spoil(int, siginfo_t *, void *data) {
    greg_t *registers = ((ucontext_t *)data)->uc_mcontext.gregs;
    static const unsigned long program_counters[] = {0x1234567800000000, 0xffffffff80200000, 0x800000000000};
    if (spoil_which < 3) registers[REG_RIP] = (greg_t)program_counters[spoil_which];
    if (spoil_which == 3) registers[REG_CSGSFS] = 0x08;
    if (spoil_which == 4) registers[REG_CSGSFS] = 0x002b00000008;
    if (spoil_which == 5) registers[REG_RSP] = 0x1234567800000000;
    if (spoil_which == 6) registers[REG_EFL] = (greg_t)0xfffffffffffffeff;
}

static int spoiled_return(void) {
    struct sigaction action = {.sa_sigaction = spoil, .sa_flags = SA_SIGINFO};
    signal(SIGSEGV, SIG_DFL);
    sigaction(SIGUSR1, &action, nullptr);
    raise(SIGUSR1);
    __asm__ volatile("pushq $0x202; popfq");
    return 0;
}

static void test_frames(void) {
    static const int wanted[] = {
        128 + SIGSEGV, 128 + SIGSEGV, 128 + SIGSEGV, 128 + SIGSEGV, 128 + SIGSEGV, 128 + SIGSEGV, 0};
    for (spoil_which = 0; spoil_which < 7; spoil_which++) {
        int status = in_child(spoiled_return);
        CHECK_NAMED(status == wanted[spoil_which], "hostile return frame %d", spoil_which);
        if (status != wanted[spoil_which]) printf("# status %d\n", status);
    }
}

// The stack pointer in the kernel, nowhere, or out of the canonical half, at a call and at an exception.
static int bad_stack_which;
static int bad_stack(void) {
    static const unsigned long stacks[] = {8, 0xffff800000001000, 0x1234567800000000};
    signal(SIGILL, SIG_DFL);
    unsigned long old, bad = stacks[bad_stack_which];
    long result;
    __asm__ volatile("movq %%rsp, %1; movq %2, %%rsp; syscall; movq %1, %%rsp"
                     : "=a"(result), "=&r"(old)
                     : "r"(bad), "a"(SYS_getpid)
                     : "rcx", "r11", "memory");
    if (result != getpid()) return 1;
    __asm__ volatile("movq %0, %%rsp; ud2" ::"r"(bad));
    return 2;
}

static void test_stacks(void) {
    for (bad_stack_which = 0; bad_stack_which < 3; bad_stack_which++)
        CHECK_NAMED(in_child(bad_stack) == 128 + SIGILL, "calls and exceptions on bad stack %d", bad_stack_which);
}

// Two processes on one or more processors keep their vector registers apart.
static int keep_vectors(unsigned long seed) {
    unsigned long words[2] = {seed, ~seed}, back[2];
    for (int i = 0; i < 3000; i++) {
        __asm__ volatile("movdqu %1, %%xmm7; movl %2, %%eax; syscall; movdqu %%xmm7, %0"
                         : "=m"(back)
                         : "m"(words), "i"(SYS_sched_yield)
                         : "rax", "rcx", "r11", "xmm7", "memory");
        if (back[0] != words[0] || back[1] != words[1]) return 1;
        words[0]++;
    }
    return 0;
}

static void test_vectors(void) {
    int failed = 0;
    pid_t children[3];
    for (unsigned long i = 0; i < 3; i++) {
        children[i] = fork();
        if (children[i] == 0) _exit(keep_vectors(i << 32));
    }
    for (int i = 0; i < 3; i++) {
        int status = 1;
        waitpid(children[i], &status, 0);
        failed |= status;
    }
    HOLDS("vector registers are each process's own", !failed);
}

int main(void) {
    catch_all();
    test_exceptions();
    test_floating_point();
    test_segments();
    test_flags();
    test_single_step();
    test_thread_pointers();
    test_frames();
    test_stacks();
    test_vectors();
    return tap_done();
}
