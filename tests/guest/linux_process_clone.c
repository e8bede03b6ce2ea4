// clone, clone3, set_tid_address, exit of threads, tgkill of them.
#include "raw_call.h"

#include <linux/sched.h>
#include <sys/mman.h>

static char stack[65536] __attribute__((aligned(16)));
static volatile int shared, child_tid, parent_tid;

// A raw thread or process on a stack of its own; function's result is its exit status.
static long clone_on_stack(unsigned long flags, void *top, int (*function)(void *), void *argument, void *ptid,
                           void *ctid) {
    long result;
    void **place = top;
    *--place = argument;
    *--place = (void *)function;
    register void *r10 __asm__("r10") = ctid;
    register long r8 __asm__("r8") = 0;
    __asm__ volatile("syscall\n"
                     "test %%rax, %%rax\n"
                     "jnz 1f\n"
                     "xor %%ebp, %%ebp\n"
                     "pop %%rax\n"
                     "pop %%rdi\n"
                     "call *%%rax\n"
                     "mov %%eax, %%edi\n"
                     "mov $60, %%eax\n"
                     "syscall\n"
                     "1:"
                     : "=a"(result)
                     : "a"(SYS_clone), "D"(flags), "S"(place), "d"(ptid), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}

static long raw_clone(unsigned long flags, void *child_stack, void *ptid, void *ctid, unsigned long tls) {
    long result = syscall(SYS_clone, flags, child_stack, ptid, ctid, tls);
    if (result == 0) _exit(0);
    return result;
}

static int set_shared(void *value) {
    shared = (int)(long)value;
    return 9;
}

static int wait_a_moment(void *) {
    struct timespec span = {0, 30000000};
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_nanosleep), "D"(&span), "S"(0) : "rcx", "r11", "memory");
    shared = 77;
    return 34;
}

#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

static void wait_for_clear(volatile int *word) {
    for (int value; (value = *word) != 0;)
        syscall(SYS_futex, word, 0, value, nullptr);
}

static void test_flags(void) {
    FAILS("clone: EINVAL for CLONE_SIGHAND without CLONE_VM", EINVAL, raw_clone(CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0));
    FAILS("clone: EINVAL for CLONE_THREAD without CLONE_SIGHAND", EINVAL,
          raw_clone(CLONE_THREAD | CLONE_VM, 0, 0, 0, 0));
    FAILS("clone: EINVAL for CLONE_FS with CLONE_NEWNS", EINVAL, raw_clone(CLONE_FS | CLONE_NEWNS, 0, 0, 0, 0));
    FAILS("clone: EINVAL for CLONE_PIDFD with CLONE_PARENT_SETTID", EINVAL,
          raw_clone(CLONE_PIDFD | CLONE_PARENT_SETTID, 0, 0, 0, 0));
    FAILS("clone: EINVAL for CLONE_PIDFD with CLONE_DETACHED", EINVAL,
          raw_clone(CLONE_PIDFD | CLONE_DETACHED, 0, 0, 0, 0));
}

static void test_processes(void) {
    int status, descriptor = -1;
    long child = raw_clone(SIGCHLD, nullptr, nullptr, nullptr, 0);
    ANSWERS("clone: like fork", child, waitpid((pid_t)child, &status, 0));
    child = clone_on_stack(CLONE_VM | SIGCHLD, stack + sizeof stack, set_shared, (void *)5, nullptr, nullptr);
    ANSWERS("clone: CLONE_VM", child, waitpid((pid_t)child, &status, 0));
    HOLDS("clone: CLONE_VM shares memory", shared == 5 && WEXITSTATUS(status) == 9);
    child = clone_on_stack(SIGCHLD, stack + sizeof stack, set_shared, (void *)6, nullptr, nullptr);
    ANSWERS("clone: a stack without CLONE_VM", child, waitpid((pid_t)child, &status, 0));
    HOLDS("clone: memory is copied", shared == 5);
    shared = 0;
    child = clone_on_stack(CLONE_VM | CLONE_VFORK | SIGCHLD, stack + sizeof stack, wait_a_moment, nullptr, nullptr,
                           nullptr);
    HOLDS("clone: CLONE_VFORK waits until the child ends", shared == 77);
    waitpid((pid_t)child, &status, 0);
    child = raw_clone(CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, nullptr, (void *)&parent_tid,
                      (void *)&child_tid, 0);
    HOLDS("clone: CLONE_PARENT_SETTID", parent_tid == child);
    HOLDS("clone: CLONE_CHILD_SETTID writes in the child's copy", child_tid == 0);
    waitpid((pid_t)child, &status, 0);
    child = raw_clone(CLONE_PIDFD | SIGCHLD, nullptr, &descriptor, nullptr, 0);
    siginfo_t info = {};
    ANSWERS("clone: CLONE_PIDFD gives a descriptor", 0, syscall(SYS_waitid, 3, descriptor, &info, WEXITED, nullptr));
    HOLDS("clone: CLONE_PIDFD is of the child", info.si_pid == child);
    close(descriptor);
    child = raw_clone(SIGWINCH, nullptr, nullptr, nullptr, 0);
    FAILS("wait4: ECHILD for a child with another exit signal", ECHILD,
          syscall(SYS_wait4, child, &status, WNOHANG, nullptr));
    ANSWERS("wait4: __WCLONE waits for it", child, syscall(SYS_wait4, child, &status, __WCLONE, nullptr));
}

static volatile int thread_pid, thread_tid, handled_by;

static int look_at_ids(void *) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_getpid) : "rcx", "r11", "memory");
    thread_pid = (int)result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_gettid) : "rcx", "r11", "memory");
    thread_tid = (int)result;
    return 0;
}

static int sleep_long(void *) {
    struct timespec span = {60, 0};
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_nanosleep), "D"(&span), "S"(0) : "rcx", "r11", "memory");
    shared = (int)result;
    return 0;
}

static void handler(int) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_gettid) : "rcx", "r11", "memory");
    handled_by = (int)result;
}

static void test_threads(void) {
    child_tid = 1;
    long tid = clone_on_stack(THREAD | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID, stack + sizeof stack, look_at_ids,
                              nullptr, (void *)&parent_tid, (void *)&child_tid);
    HOLDS("clone: a thread", tid > 0 && parent_tid == tid);
    wait_for_clear(&child_tid);
    HOLDS("clone: CLONE_CHILD_CLEARTID clears and wakes", child_tid == 0);
    HOLDS("clone: CLONE_THREAD shares the pid", thread_pid == getpid() && thread_tid == tid);
    FAILS("wait4: ECHILD for a thread", ECHILD, syscall(SYS_wait4, tid, nullptr, __WALL, nullptr));
    signal(SIGUSR1, handler);
    child_tid = 1;
    tid = clone_on_stack(THREAD | CLONE_CHILD_CLEARTID, stack + sizeof stack, sleep_long, nullptr, nullptr,
                         (void *)&child_tid);
    sleep_milliseconds(20);
    ANSWERS("tgkill: a thread", 0, syscall(SYS_tgkill, getpid(), tid, SIGUSR1));
    wait_for_clear(&child_tid);
    HOLDS("tgkill: the thread handled it", handled_by == tid && shared == -EINTR);
    sleep_milliseconds(20); // the word is cleared a little before the end
    FAILS("tgkill: ESRCH once it is gone", ESRCH, syscall(SYS_tgkill, getpid(), tid, SIGUSR1));
    FAILS("tgkill: ESRCH for another process's id", ESRCH, syscall(SYS_tgkill, getppid(), getpid(), 0));
    FAILS("tgkill: EINVAL for a tid", EINVAL, syscall(SYS_tgkill, getpid(), 0, 0));
    FAILS("tgkill: EINVAL for a pid", EINVAL, syscall(SYS_tgkill, 0, getpid(), 0));
    FAILS("tgkill: EINVAL for a signal", EINVAL, syscall(SYS_tgkill, getpid(), getpid(), 65));
    FAILS("tkill: EINVAL for a tid", EINVAL, syscall(SYS_tkill, -1, 0));
    FAILS("tkill: ESRCH", ESRCH, syscall(SYS_tkill, 4000000, 0));
    FAILS("tkill: EINVAL for a signal", EINVAL, syscall(SYS_tkill, getpid(), 65));
    ANSWERS("tkill: signal 0", 0, syscall(SYS_tkill, getpid(), 0));
    ANSWERS("set_tid_address: answers the tid", getpid(), syscall(SYS_set_tid_address, &child_tid));
}

static int exit_with_threads(void) {
    child_tid = 1;
    clone_on_stack(THREAD, stack + sizeof stack, sleep_long, nullptr, nullptr, nullptr);
    return 21; // exit_group ends the sleeper
}

static int leader_leaves(void) {
    clone_on_stack(THREAD, stack + sizeof stack, wait_a_moment, nullptr, nullptr, nullptr);
    syscall(SYS_exit, 33); // the process lives on until the last thread ends
    return 1;
}

static long clone3(struct clone_args arguments, size_t size) {
    long result = syscall(SYS_clone3, &arguments, size);
    if (result == 0) _exit(5);
    return result;
}

static void test_clone3(void) {
    int status, descriptor = -1;
    struct clone_args plain = {.exit_signal = SIGCHLD}, arguments;
    FAILS("clone3: EINVAL for a small size", EINVAL, clone3(plain, 63));
    FAILS("clone3: E2BIG for a size beyond a page", E2BIG, clone3(plain, 4097));
    FAILS("clone3: EFAULT", EFAULT, syscall(SYS_clone3, nowhere, sizeof plain));
    long child = clone3(plain, 64);
    ANSWERS("clone3: the first version's size", child, waitpid((pid_t)child, &status, 0));
    HOLDS("clone3: the child's status", WEXITSTATUS(status) == 5);
    arguments = plain;
    arguments.flags = SIGCHLD;
    FAILS("clone3: EINVAL for a signal in the flags", EINVAL, clone3(arguments, sizeof arguments));
    arguments = plain;
    arguments.flags = CLONE_DETACHED;
    FAILS("clone3: EINVAL for CLONE_DETACHED", EINVAL, clone3(arguments, sizeof arguments));
    arguments = plain;
    arguments.exit_signal = 65;
    FAILS("clone3: EINVAL for an exit signal", EINVAL, clone3(arguments, sizeof arguments));
    arguments = plain;
    arguments.flags = THREAD;
    FAILS("clone3: EINVAL for a thread with an exit signal", EINVAL, clone3(arguments, sizeof arguments));
    arguments = plain;
    arguments.stack = (uintptr_t)stack;
    FAILS("clone3: EINVAL for a stack without a size", EINVAL, clone3(arguments, sizeof arguments));
    arguments = plain;
    arguments.set_tid_size = 33;
    FAILS("clone3: EINVAL for too many tids", EINVAL, clone3(arguments, sizeof arguments));
    arguments = plain;
    arguments.flags = CLONE_SIGHAND | CLONE_VM | CLONE_CLEAR_SIGHAND;
    FAILS("clone3: EINVAL for CLONE_SIGHAND with CLONE_CLEAR_SIGHAND", EINVAL, clone3(arguments, sizeof arguments));
    arguments = plain;
    arguments.flags = CLONE_PIDFD;
    arguments.pidfd = (uintptr_t)&descriptor;
    child = clone3(arguments, sizeof arguments);
    HOLDS("clone3: CLONE_PIDFD", child > 0 && descriptor > 2);
    waitpid((pid_t)child, &status, 0);
    close(descriptor);
    struct {
        struct clone_args known;
        uint64_t more;
    } longer = {.known = plain, .more = 1};
    FAILS("clone3: E2BIG for something unknown", E2BIG, syscall(SYS_clone3, &longer, sizeof longer));
    signal(SIGUSR1, handler);
    arguments = plain;
    arguments.flags = CLONE_CLEAR_SIGHAND;
    child = syscall(SYS_clone3, &arguments, sizeof arguments);
    if (child == 0) {
        struct sigaction action;
        sigaction(SIGUSR1, nullptr, &action);
        _exit(action.sa_handler == SIG_DFL ? 4 : 1);
    }
    waitpid((pid_t)child, &status, 0);
    HOLDS("clone3: CLONE_CLEAR_SIGHAND", WIFEXITED(status) && WEXITSTATUS(status) == 4);
}

int main(void) {
    test_flags();
    test_processes();
    test_threads();
    ANSWERS("exit_group: with another thread", 21, in_child(exit_with_threads));
    ANSWERS("exit: the last thread's status counts", 34, in_child(leader_leaves));
    test_clone3();
    return tap_done();
}
