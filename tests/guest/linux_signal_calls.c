// The calls of signals and their errors: rt_sigaction, rt_sigprocmask, rt_sigpending, rt_sigsuspend, rt_sigtimedwait,
// rt_sigqueueinfo, kill, sigaltstack, pause.
#include "raw_call.h"

#include <limits.h>

struct action {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};

static volatile int handled, last_value;

static void handler(int signal) {
    handled = signal;
}

static void information_handler(int signal, siginfo_t *info, void *) {
    handled = signal;
    last_value = info->si_value.sival_int;
}

static void test_action(void) {
    struct action action = {.handler = (void *)1}, old;
    FAILS("rt_sigaction: EINVAL for the set's size", EINVAL, syscall(SYS_rt_sigaction, SIGUSR1, &action, &old, 4));
    FAILS("rt_sigaction: EINVAL for signal 0", EINVAL, syscall(SYS_rt_sigaction, 0, nullptr, &old, 8));
    FAILS("rt_sigaction: EINVAL for signal 65", EINVAL, syscall(SYS_rt_sigaction, 65, nullptr, &old, 8));
    FAILS("rt_sigaction: EINVAL for SIGKILL", EINVAL, syscall(SYS_rt_sigaction, SIGKILL, &action, nullptr, 8));
    FAILS("rt_sigaction: EINVAL for SIGSTOP", EINVAL, syscall(SYS_rt_sigaction, SIGSTOP, &action, nullptr, 8));
    ANSWERS("rt_sigaction: SIGKILL's action can be read", 0, syscall(SYS_rt_sigaction, SIGKILL, nullptr, &old, 8));
    FAILS("rt_sigaction: EFAULT for the new one", EFAULT, syscall(SYS_rt_sigaction, SIGUSR1, nowhere, nullptr, 8));
    FAILS("rt_sigaction: EFAULT for the old one", EFAULT, syscall(SYS_rt_sigaction, SIGUSR1, nullptr, nowhere, 8));
    action = (struct action){.handler = (void *)handler, .flags = SA_RESTART | SA_NODEFER, .mask = ~0ULL};
    ANSWERS("rt_sigaction: sets", 0, syscall(SYS_rt_sigaction, SIGUSR1, &action, nullptr, 8));
    ANSWERS("rt_sigaction: gets", 0, syscall(SYS_rt_sigaction, SIGUSR1, nullptr, &old, 8));
    HOLDS("rt_sigaction: what was set", old.handler == action.handler && old.flags == action.flags);
    HOLDS("rt_sigaction: the mask never has SIGKILL and SIGSTOP", old.mask == ~(1ULL << 8 | 1ULL << 18));
    signal(SIGUSR1, SIG_DFL);
}

static void test_mask(void) {
    uint64_t all = ~0ULL, none = 0, old, usr1 = 1ULL << (SIGUSR1 - 1), pending;
    FAILS("rt_sigprocmask: EINVAL for the set's size", EINVAL,
          syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, nullptr, 4));
    FAILS("rt_sigprocmask: EINVAL for the kind", EINVAL, syscall(SYS_rt_sigprocmask, 5, &all, nullptr, 8));
    ANSWERS("rt_sigprocmask: the kind doesn't matter without a set", 0,
            syscall(SYS_rt_sigprocmask, 5, nullptr, &old, 8));
    FAILS("rt_sigprocmask: EFAULT for the set", EFAULT, syscall(SYS_rt_sigprocmask, SIG_BLOCK, nowhere, nullptr, 8));
    FAILS("rt_sigprocmask: EFAULT for the old set", EFAULT,
          syscall(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, nowhere, 8));
    ANSWERS("rt_sigprocmask: blocks all", 0, syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, 8));
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, &old, 8);
    HOLDS("rt_sigprocmask: but SIGKILL and SIGSTOP", old == ~(1ULL << 8 | 1ULL << 18));
    signal(SIGUSR1, handler);
    kill(getpid(), SIGUSR1);
    FAILS("rt_sigpending: EFAULT", EFAULT, syscall(SYS_rt_sigpending, nowhere, 8));
    FAILS("rt_sigpending: EINVAL for the size", EINVAL, syscall(SYS_rt_sigpending, &pending, 9));
    ANSWERS("rt_sigpending: 0", 0, syscall(SYS_rt_sigpending, &pending, 8));
    HOLDS("rt_sigpending: the blocked signal", pending == usr1 && handled == 0);
    ANSWERS("rt_sigprocmask: unblocks", 0, syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &usr1, nullptr, 8));
    HOLDS("rt_sigprocmask: the signal came at once", handled == SIGUSR1);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, 8);
    handled = 0;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &usr1, nullptr, 8);
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    syscall(SYS_rt_sigpending, &pending, 8);
    HOLDS("rt_sigaction: ignoring drops a pending signal", pending == 0);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, 8);
}

static void test_suspend(void) {
    uint64_t usr1 = 1ULL << (SIGUSR1 - 1), none = 0, old;
    handled = 0;
    signal(SIGUSR1, handler);
    signal(SIGALRM, handler);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &usr1, nullptr, 8);
    raise(SIGUSR1);
    FAILS("rt_sigsuspend: EINVAL for the size", EINVAL, syscall(SYS_rt_sigsuspend, &none, 4));
    FAILS("rt_sigsuspend: EFAULT", EFAULT, syscall(SYS_rt_sigsuspend, nowhere, 8));
    FAILS("rt_sigsuspend: EINTR", EINTR, syscall(SYS_rt_sigsuspend, &none, 8));
    HOLDS("rt_sigsuspend: the pending signal came", handled == SIGUSR1);
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, &old, 8);
    HOLDS("rt_sigsuspend: the mask is back", old == usr1);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, 8);
    ualarm(20000, 0);
    FAILS("pause: EINTR", EINTR, syscall(SYS_pause));
    HOLDS("pause: after the handler", handled == SIGALRM);
}

static void test_timed_wait(void) {
    uint64_t set = 1ULL << (SIGUSR1 - 1) | 1ULL << (SIGRTMIN - 1), none = 0;
    struct timespec zero = {}, bad = {0, 1000000000}, negative = {-1, 0}, moment = {0, 20000000};
    siginfo_t info;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, nullptr, 8);
    FAILS("rt_sigtimedwait: EINVAL for the size", EINVAL, syscall(SYS_rt_sigtimedwait, &set, &info, &zero, 4));
    FAILS("rt_sigtimedwait: EFAULT for the set", EFAULT, syscall(SYS_rt_sigtimedwait, nowhere, &info, &zero, 8));
    FAILS("rt_sigtimedwait: EFAULT for the time", EFAULT, syscall(SYS_rt_sigtimedwait, &set, &info, nowhere, 8));
    FAILS("rt_sigtimedwait: EINVAL for the time", EINVAL, syscall(SYS_rt_sigtimedwait, &set, &info, &bad, 8));
    FAILS("rt_sigtimedwait: EINVAL for a negative time", EINVAL,
          syscall(SYS_rt_sigtimedwait, &set, &info, &negative, 8));
    FAILS("rt_sigtimedwait: EAGAIN at once", EAGAIN, syscall(SYS_rt_sigtimedwait, &set, &info, &zero, 8));
    long before = milliseconds_now();
    FAILS("rt_sigtimedwait: EAGAIN after a time", EAGAIN, syscall(SYS_rt_sigtimedwait, &set, &info, &moment, 8));
    HOLDS("rt_sigtimedwait: waited", milliseconds_now() - before >= 19);
    raise(SIGUSR1);
    ANSWERS("rt_sigtimedwait: a pending signal", SIGUSR1, syscall(SYS_rt_sigtimedwait, &set, &info, nullptr, 8));
    HOLDS("rt_sigtimedwait: tells who",
          info.si_signo == SIGUSR1 && info.si_pid == getpid() && info.si_code == SI_TKILL);
    union sigval value = {.sival_int = 1234};
    sigqueue(getpid(), SIGRTMIN, value);
    value.sival_int = 1235;
    sigqueue(getpid(), SIGRTMIN, value);
    ANSWERS("rt_sigtimedwait: a queued signal", SIGRTMIN, syscall(SYS_rt_sigtimedwait, &set, &info, nullptr, 8));
    HOLDS("rt_sigtimedwait: its value", info.si_code == SI_QUEUE && info.si_value.sival_int == 1234);
    ANSWERS("rt_sigtimedwait: the second one", SIGRTMIN, syscall(SYS_rt_sigtimedwait, &set, &info, nullptr, 8));
    HOLDS("rt_sigtimedwait: in order", info.si_value.sival_int == 1235);
    signal(SIGALRM, handler);
    ualarm(20000, 0);
    FAILS("rt_sigtimedwait: EINTR for another signal", EINTR, syscall(SYS_rt_sigtimedwait, &set, &info, nullptr, 8));
    raise(SIGUSR1);
    FAILS("rt_sigtimedwait: EFAULT for the info", EFAULT, syscall(SYS_rt_sigtimedwait, &set, nowhere, nullptr, 8));
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, 8);
}

static int as_other_user(void) {
    if (setuid(1000)) return 1;
    siginfo_t info = {.si_code = SI_QUEUE};
    if (kill(getppid(), SIGUSR1) != -1 || errno != EPERM) return 2;
    if (syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &info) != -1 || errno != EPERM) return 3;
    return 0;
}

static void test_sending(void) {
    siginfo_t info = {.si_code = SI_QUEUE};
    struct sigaction action = {.sa_sigaction = information_handler, .sa_flags = SA_SIGINFO};
    FAILS("kill: ESRCH", ESRCH, syscall(SYS_kill, 4000000, 0));
    FAILS("kill: ESRCH for a group", ESRCH, syscall(SYS_kill, -4000000, 0));
    FAILS("kill: ESRCH for INT_MIN", ESRCH, syscall(SYS_kill, INT_MIN, 0));
    FAILS("kill: EINVAL for a signal", EINVAL, syscall(SYS_kill, getpid(), 65));
    FAILS("kill: EINVAL for a negative signal", EINVAL, syscall(SYS_kill, getpid(), -1));
    ANSWERS("kill: signal 0", 0, syscall(SYS_kill, getpid(), 0));
    pid_t child = idle_child();
    setpgid(child, child);
    ANSWERS("kill: a group", 0, syscall(SYS_kill, -child, SIGKILL));
    int status;
    waitpid(child, &status, WNOHANG | WNOWAIT);
    waitpid(child, &status, 0);
    HOLDS("kill: the group died", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    child = fork();
    if (child == 0) _exit(0);
    sleep_milliseconds(20);
    ANSWERS("kill: a zombie exists", 0, syscall(SYS_kill, child, 0));
    waitpid(child, &status, 0);
    ANSWERS("kill, rt_sigqueueinfo: EPERM for another user", 0, in_child(as_other_user));
    sigaction(SIGUSR1, &action, nullptr);
    info.si_value.sival_int = 77;
    ANSWERS("rt_sigqueueinfo: sends a value", 0, syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info));
    HOLDS("rt_sigqueueinfo: it arrived", handled == SIGUSR1 && last_value == 77);
    FAILS("rt_sigqueueinfo: EINVAL for a signal", EINVAL, syscall(SYS_rt_sigqueueinfo, getpid(), 65, &info));
    FAILS("rt_sigqueueinfo: ESRCH", ESRCH, syscall(SYS_rt_sigqueueinfo, 4000000, SIGUSR1, &info));
    FAILS("rt_sigqueueinfo: EFAULT", EFAULT, syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, nowhere));
    info.si_code = SI_USER;
    FAILS("rt_sigqueueinfo: EPERM for pretending to be kill", EPERM,
          syscall(SYS_rt_sigqueueinfo, getppid(), SIGCONT, &info));
    info.si_code = SI_QUEUE;
    ANSWERS("rt_tgsigqueueinfo: sends", 0, syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGUSR1, &info));
    FAILS("rt_tgsigqueueinfo: EINVAL for a tid", EINVAL, syscall(SYS_rt_tgsigqueueinfo, getpid(), 0, SIGUSR1, &info));
    FAILS("rt_tgsigqueueinfo: ESRCH", ESRCH, syscall(SYS_rt_tgsigqueueinfo, getpid(), 4000000, SIGUSR1, &info));
    FAILS("rt_tgsigqueueinfo: EINVAL for a signal", EINVAL,
          syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), 65, &info));
    FAILS("rt_tgsigqueueinfo: EFAULT", EFAULT, syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGUSR1, nowhere));
}

static char stack_memory[32768];
static volatile int on_stack_flags, refused;

static void look_at_stack(int) {
    stack_t stack;
    syscall(SYS_sigaltstack, nullptr, &stack);
    on_stack_flags = stack.ss_flags;
    refused = syscall(SYS_sigaltstack, &(stack_t){.ss_flags = SS_DISABLE}, nullptr) == -1 ? errno : 0;
}

static void test_stack(void) {
    stack_t stack = {.ss_sp = stack_memory, .ss_size = sizeof stack_memory}, old;
    FAILS("sigaltstack: EFAULT", EFAULT, syscall(SYS_sigaltstack, nowhere, nullptr));
    FAILS("sigaltstack: EFAULT for the old one", EFAULT, syscall(SYS_sigaltstack, nullptr, nowhere));
    stack.ss_flags = 77;
    FAILS("sigaltstack: EINVAL for flags", EINVAL, syscall(SYS_sigaltstack, &stack, nullptr));
    stack.ss_flags = 0;
    stack.ss_size = 1000;
    FAILS("sigaltstack: ENOMEM for a small one", ENOMEM, syscall(SYS_sigaltstack, &stack, nullptr));
    stack.ss_size = sizeof stack_memory;
    ANSWERS("sigaltstack: sets", 0, syscall(SYS_sigaltstack, &stack, &old));
    HOLDS("sigaltstack: there was none", old.ss_flags == SS_DISABLE);
    struct sigaction action = {.sa_handler = look_at_stack, .sa_flags = SA_ONSTACK};
    sigaction(SIGUSR1, &action, nullptr);
    raise(SIGUSR1);
    HOLDS("sigaltstack: SS_ONSTACK in a handler", on_stack_flags == SS_ONSTACK);
    HOLDS("sigaltstack: EPERM while in use", refused == EPERM);
    ANSWERS("sigaltstack: disables", 0, syscall(SYS_sigaltstack, &(stack_t){.ss_flags = SS_DISABLE}, &old));
    HOLDS("sigaltstack: the old one",
          old.ss_sp == stack_memory && old.ss_size == sizeof stack_memory && old.ss_flags == 0);
}

int main(void) {
    test_action();
    test_mask();
    test_suspend();
    test_timed_wait();
    test_sending();
    test_stack();
    return tap_done();
}
