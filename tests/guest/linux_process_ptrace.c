// ptrace: tracing of a child and of another process, stops at signals and exec, memory and registers, each error.
#include "raw_call.h"

#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/user.h>

static volatile long shared_word = 0x1122334455667788;
static volatile int handled;

static long trace(long request, pid_t pid, void *address, void *data) {
    return syscall(SYS_ptrace, request, (long)pid, address, data);
}

static void note(int) {
    handled = 1;
}

static pid_t traced_child(int exit_code) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGUSR1, note);
        if (trace(PTRACE_TRACEME, 0, nullptr, nullptr)) _exit(99);
        raise(SIGSTOP);
        raise(SIGUSR1);
        _exit(handled ? exit_code : exit_code + 1);
    }
    return child;
}

static int unprivileged(void) {
    pid_t root = getppid();
    if (setuid(1000)) return 1;
    return trace(PTRACE_ATTACH, root, nullptr, nullptr) == -1 && errno == EPERM ? 0 : 2;
}

static void test_child(void) {
    int status = 0;
    long word = 0;
    struct user_regs_struct registers;
    siginfo_t info;
    pid_t child = traced_child(40);
    ANSWERS("wait4: a traced child stops", child, syscall(SYS_wait4, child, &status, 0, nullptr));
    HOLDS("ptrace: it stopped by SIGSTOP", WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    ANSWERS("wait4: a stop is reported once", 0, syscall(SYS_wait4, child, &status, WNOHANG, nullptr));
    ANSWERS("ptrace: PTRACE_PEEKDATA", 0, trace(PTRACE_PEEKDATA, child, (void *)&shared_word, &word));
    HOLDS("ptrace: the word", word == 0x1122334455667788);
    ANSWERS("ptrace: PTRACE_POKEDATA", 0, trace(PTRACE_POKEDATA, child, (void *)&shared_word, (void *)7L));
    trace(PTRACE_PEEKDATA, child, (void *)&shared_word, &word);
    HOLDS("ptrace: the word was changed there only", word == 7 && shared_word != 7);
    long *code = (long *)((uintptr_t)traced_child & ~7UL), before = *code;
    ANSWERS("ptrace: PTRACE_POKETEXT writes into read-only code", 0, trace(PTRACE_POKETEXT, child, code, (void *)9L));
    trace(PTRACE_PEEKTEXT, child, code, &word);
    HOLDS("ptrace: the code was changed there only", word == 9 && *code == before);
    ANSWERS("ptrace: and back", 0, trace(PTRACE_POKETEXT, child, code, (void *)before));
    ANSWERS("ptrace: PTRACE_GETREGS", 0, trace(PTRACE_GETREGS, child, nullptr, &registers));
    HOLDS("ptrace: registers of a call",
          registers.orig_rax == SYS_tkill || registers.orig_rax == SYS_tgkill || registers.orig_rax == SYS_kill);
    ANSWERS("ptrace: PTRACE_PEEKUSER", 0,
            trace(PTRACE_PEEKUSER, child, (void *)offsetof(struct user_regs_struct, rip), &word));
    HOLDS("ptrace: the same rip", (unsigned long)word == registers.rip);
    ANSWERS("ptrace: PTRACE_SETREGS", 0, trace(PTRACE_SETREGS, child, nullptr, &registers));
    ANSWERS("ptrace: PTRACE_GETSIGINFO", 0, trace(PTRACE_GETSIGINFO, child, nullptr, &info));
    HOLDS("ptrace: whose signal it is", info.si_signo == SIGSTOP && info.si_pid == child);
    ANSWERS("ptrace: PTRACE_SETOPTIONS", 0, trace(PTRACE_SETOPTIONS, child, nullptr, nullptr));
    FAILS("ptrace: EINVAL for options", EINVAL, trace(PTRACE_SETOPTIONS, child, nullptr, (void *)0x80000000));
    FAILS("ptrace: EIO for a request", EIO, trace(0x7777, child, nullptr, nullptr));
    FAILS("ptrace: EIO for an address", EIO, trace(PTRACE_PEEKDATA, child, nowhere, &word));
    FAILS("ptrace: EIO for a place in the user area", EIO, trace(PTRACE_PEEKUSER, child, (void *)3, &word));
    FAILS("ptrace: EIO for a signal", EIO, trace(PTRACE_CONT, child, nullptr, (void *)999));
    FAILS("ptrace: EFAULT for the registers", EFAULT, trace(PTRACE_GETREGS, child, nullptr, nowhere));
    FAILS("ptrace: EPERM for what is traced", EPERM, trace(PTRACE_ATTACH, child, nullptr, nullptr));
    ANSWERS("ptrace: PTRACE_CONT", 0, trace(PTRACE_CONT, child, nullptr, nullptr));
    waitpid(child, &status, 0);
    HOLDS("ptrace: stops at the next signal", WIFSTOPPED(status) && WSTOPSIG(status) == SIGUSR1);
    trace(PTRACE_CONT, child, nullptr, nullptr);
    waitpid(child, &status, 0);
    HOLDS("ptrace: the signal was suppressed", WIFEXITED(status) && WEXITSTATUS(status) == 41);
    child = traced_child(50);
    waitpid(child, &status, 0);
    trace(PTRACE_CONT, child, nullptr, nullptr);
    waitpid(child, &status, 0);
    trace(PTRACE_CONT, child, nullptr, (void *)SIGUSR1);
    waitpid(child, &status, 0);
    HOLDS("ptrace: the signal was handed on", WIFEXITED(status) && WEXITSTATUS(status) == 50);
    child = traced_child(60);
    waitpid(child, &status, 0);
    ANSWERS("ptrace: PTRACE_DETACH", 0, trace(PTRACE_DETACH, child, nullptr, nullptr));
    waitpid(child, &status, 0);
    HOLDS("ptrace: goes on untraced", WIFEXITED(status) && WEXITSTATUS(status) == 60);
    child = traced_child(70);
    waitpid(child, &status, 0);
    ANSWERS("ptrace: PTRACE_KILL", 0, trace(PTRACE_KILL, child, nullptr, nullptr));
    waitpid(child, &status, 0);
    HOLDS("ptrace: it was killed", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void test_calls_and_steps(void) {
    int status, stops = 0, getppids = 0;
    struct user_regs_struct registers, next;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        trace(PTRACE_TRACEME, 0, nullptr, nullptr);
        raise(SIGSTOP);
        _exit(syscall(SYS_getppid) == 12345 ? 11 : 12);
    }
    waitpid(child, &status, 0);
    trace(PTRACE_SETOPTIONS, child, nullptr, (void *)1);
    trace(PTRACE_SINGLESTEP, child, nullptr, nullptr);
    waitpid(child, &status, 0);
    HOLDS("ptrace: PTRACE_SINGLESTEP", WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
    trace(PTRACE_GETREGS, child, nullptr, &registers);
    trace(PTRACE_SINGLESTEP, child, nullptr, nullptr);
    waitpid(child, &status, 0);
    trace(PTRACE_GETREGS, child, nullptr, &next);
    HOLDS("ptrace: another instruction", WIFSTOPPED(status) && next.rip != registers.rip);
    for (;;) {
        if (trace(PTRACE_SYSCALL, child, nullptr, nullptr)) break;
        waitpid(child, &status, 0);
        if (!WIFSTOPPED(status)) break;
        if (WSTOPSIG(status) == (SIGTRAP | 0x80)) stops++;
        trace(PTRACE_GETREGS, child, nullptr, &registers);
        if (registers.orig_rax != SYS_getppid || ++getppids != 2) continue;
        registers.rax = 12345;
        trace(PTRACE_SETREGS, child, nullptr, &registers);
    }
    HOLDS("ptrace: PTRACE_SYSCALL stops at entry and exit", stops >= 3 && getppids == 2);
    HOLDS("ptrace: a changed result is taken over", WIFEXITED(status) && WEXITSTATUS(status) == 11);
}

static void test_others(void) {
    int status;
    long word;
    fflush(stdout);
    pid_t child = idle_child();
    FAILS("ptrace: ESRCH for a process that isn't traced", ESRCH,
          trace(PTRACE_PEEKDATA, child, (void *)&shared_word, &word));
    FAILS("ptrace: ESRCH", ESRCH, trace(PTRACE_ATTACH, 4000000, nullptr, nullptr));
    FAILS("ptrace: EPERM for oneself", EPERM, trace(PTRACE_ATTACH, getpid(), nullptr, nullptr));
    ANSWERS("ptrace: EPERM for an unprivileged user", 0, in_child(unprivileged));
    ANSWERS("ptrace: PTRACE_ATTACH", 0, trace(PTRACE_ATTACH, child, nullptr, nullptr));
    ANSWERS("wait4: it stops", child, syscall(SYS_wait4, child, &status, 0, nullptr));
    HOLDS("ptrace: by SIGSTOP", WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    ANSWERS("ptrace: looks at it", 0, trace(PTRACE_PEEKDATA, child, (void *)&shared_word, &word));
    ANSWERS("ptrace: lets it go", 0, trace(PTRACE_DETACH, child, nullptr, nullptr));
    FAILS("ptrace: ESRCH afterwards", ESRCH, trace(PTRACE_PEEKDATA, child, (void *)&shared_word, &word));
    end_child(child);
    child = fork();
    if (child == 0) {
        trace(PTRACE_TRACEME, 0, nullptr, nullptr);
        execl("/proc/self/exe", "ptrace", "again", nullptr);
        _exit(9);
    }
    waitpid(child, &status, 0);
    HOLDS("ptrace: stops after exec", WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
    trace(PTRACE_CONT, child, nullptr, nullptr);
    waitpid(child, &status, 0);
    HOLDS("ptrace: the new program ran", WIFEXITED(status) && WEXITSTATUS(status) == 3);
    FAILS("ptrace: EPERM when traced already", EPERM, ({
              int result = 0;
              pid_t twice = fork();
              if (twice == 0) {
                  trace(PTRACE_TRACEME, 0, nullptr, nullptr);
                  _exit(trace(PTRACE_TRACEME, 0, nullptr, nullptr) == -1 ? errno : 0);
              }
              waitpid(twice, &status, 0);
              result = WEXITSTATUS(status);
              errno = result;
              result ? -1 : 0;
          }));
}

int main(int count, char **) {
    if (count > 1) return 3;
    test_child();
    test_calls_and_steps();
    test_others();
    return tap_done();
}
