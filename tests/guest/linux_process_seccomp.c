// seccomp: strict mode, filters and what they may answer, what children inherit.
#include "raw_call.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#define NUMBER           BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define WHEN(call, what) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), BPF_STMT(BPF_RET | BPF_K, (what))
#define OTHERWISE        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static long set_filter(struct sock_filter *instructions, size_t count) {
    struct sock_fprog program = {(unsigned short)count, instructions};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}
#define FILTER(...)                                                                                                    \
    ({                                                                                                                 \
        struct sock_filter instructions_[] = {__VA_ARGS__};                                                            \
        set_filter(instructions_, sizeof instructions_ / sizeof instructions_[0]);                                     \
    })

static int strict_allowed(void) {
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, nullptr)) return 1;
    (void)!write(1, "", 0);
    syscall(SYS_exit, 6);
    return 2;
}
static int strict_killed(void) {
    if (prctl(PR_SET_SECCOMP, 1)) return 1;
    syscall(SYS_getpid);
    return 2;
}
static int errno_answer(void) {
    if (FILTER(NUMBER, WHEN(SYS_getppid, SECCOMP_RET_ERRNO | EDOM), OTHERWISE)) return 1;
    if (syscall(SYS_getppid) != -1 || errno != EDOM) return 2;
    if (syscall(SYS_getpid) != getpid()) return 3;
    if (prctl(PR_GET_SECCOMP) != 2) return 4;
    pid_t child = fork();
    if (child == 0) _exit(syscall(SYS_getppid) == -1 && errno == EDOM ? 5 : 6);
    int status;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status) == 5 ? 0 : 7;
}
static int sternest(void) {
    FILTER(NUMBER, WHEN(SYS_getppid, SECCOMP_RET_ERRNO | EDOM), OTHERWISE);
    FILTER(NUMBER, WHEN(SYS_getppid, SECCOMP_RET_ALLOW), WHEN(SYS_getsid, SECCOMP_RET_ERRNO | EXDEV), OTHERWISE);
    if (syscall(SYS_getppid) != -1 || errno != EDOM) return 1;
    return syscall(SYS_getsid, 0) == -1 && errno == EXDEV ? 0 : 2;
}
static int kill_answer(void) {
    FILTER(NUMBER, WHEN(SYS_getppid, SECCOMP_RET_KILL_PROCESS), OTHERWISE);
    syscall(SYS_getppid);
    return 1;
}
static siginfo_t seen;
static void trapped(int, siginfo_t *info, void *) {
    seen = *info;
}
static int trap_answer(void) {
    struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO};
    sigaction(SIGSYS, &action, nullptr);
    FILTER(NUMBER, WHEN(SYS_getppid, SECCOMP_RET_TRAP | 77), OTHERWISE);
    syscall(SYS_getppid);
    if (seen.si_signo != SIGSYS || seen.si_code != 1 || seen.si_errno != 77) return 1;
    return seen.si_syscall == SYS_getppid && seen.si_arch == 0xc000003e ? 0 : 2;
}
static int by_argument(void) {
    if (FILTER(NUMBER, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 3),
               BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
               BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EBUSY),
               OTHERWISE))
        return 1;
    if (syscall(SYS_getpgid, 0) != -1 || errno != EBUSY) return 2;
    return syscall(SYS_getpgid, getpid()) > 0 ? 0 : 3;
}
static int unprivileged(void) {
    if (setuid(1000)) return 1;
    if (FILTER(OTHERWISE) != -1 || errno != EACCES) return 2;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return 3;
    if (FILTER(OTHERWISE)) return 4;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, nullptr) == -1 && errno == EINVAL ? 0 : 5;
}
static int after_exec(void) {
    FILTER(NUMBER, WHEN(SYS_getppid, SECCOMP_RET_ERRNO | EDOM), OTHERWISE);
    execl("/proc/self/exe", "seccomp", "again", nullptr);
    return 9;
}

int main(int count, char **) {
    uint32_t action = SECCOMP_RET_ERRNO, unknown = 0x12340000;
    if (count > 1) return syscall(SYS_getppid) == -1 && errno == EDOM ? 8 : 1;
    FAILS("seccomp: EINVAL for an operation", EINVAL, syscall(SYS_seccomp, 99, 0, nullptr));
    FAILS("seccomp: EINVAL for flags of strict mode", EINVAL,
          syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, nullptr));
    FAILS("seccomp: EINVAL for an argument of strict mode", EINVAL,
          syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, &action));
    FAILS("seccomp: EINVAL for flags of a filter", EINVAL,
          syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 1 << 20, nullptr));
    FAILS("seccomp: EFAULT", EFAULT, syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, nowhere));
    FAILS("seccomp: EINVAL for no instructions", EINVAL, set_filter(nullptr, 0));
    FAILS("seccomp: EINVAL for too many instructions", EINVAL, set_filter(nullptr, 4097));
    FAILS("seccomp: EFAULT for the instructions", EFAULT, set_filter(nowhere, 3));
    FAILS("seccomp: EINVAL without a return", EINVAL, FILTER(NUMBER));
    FAILS("seccomp: EINVAL for an instruction", EINVAL, FILTER(BPF_STMT(0xffff, 0), OTHERWISE));
    FAILS("seccomp: EINVAL for a place outside the data", EINVAL,
          FILTER(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), OTHERWISE));
    FAILS("seccomp: EINVAL for a jump outside", EINVAL,
          FILTER(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 9, 9), OTHERWISE));
    FAILS("seccomp: EINVAL for a division by 0", EINVAL, FILTER(BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), OTHERWISE));
    ANSWERS("seccomp: a known action", 0, syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action));
    FAILS("seccomp: EOPNOTSUPP for an unknown one", EOPNOTSUPP,
          syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &unknown));
    FAILS("seccomp: EFAULT for the action", EFAULT, syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, nowhere));
    FAILS("seccomp: EINVAL for flags of the action", EINVAL,
          syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 1, &action));
    ANSWERS("prctl: PR_GET_SECCOMP", 0, prctl(PR_GET_SECCOMP));
    FAILS("prctl: PR_SET_SECCOMP EINVAL", EINVAL, prctl(PR_SET_SECCOMP, 9));
    ANSWERS("seccomp: strict mode allows write and exit", 6, in_child(strict_allowed));
    ANSWERS("seccomp: strict mode kills for the rest", 128 + SIGKILL, in_child(strict_killed));
    ANSWERS("seccomp: an errno, inherited by a child", 0, in_child(errno_answer));
    ANSWERS("seccomp: of two filters the sternest", 0, in_child(sternest));
    ANSWERS("seccomp: kills the process", 128 + SIGSYS, in_child(kill_answer));
    ANSWERS("seccomp: traps", 0, in_child(trap_answer));
    ANSWERS("seccomp: looks at arguments", 0, in_child(by_argument));
    ANSWERS("seccomp: EACCES for an unprivileged user", 0, in_child(unprivileged));
    ANSWERS("seccomp: stays after exec", 8, in_child(after_exec));
    return tap_done();
}
