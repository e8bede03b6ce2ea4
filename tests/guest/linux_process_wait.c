// fork, vfork, exit, wait4, waitid, pidfd_open, pidfd_send_signal, getrusage.
#include "raw_call.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>

static int vfork_value;

static void test_wait4(void) {
    int status = 0;
    struct rusage usage;
    pid_t child = fork();
    if (child == 0) _exit(300); // the low 8 bits
    ANSWERS("wait4: waits for the child", child, syscall(SYS_wait4, child, &status, 0, &usage));
    HOLDS("wait4: exit status", WIFEXITED(status) && WEXITSTATUS(status) == (300 & 255));
    FAILS("wait4: ECHILD without children", ECHILD, syscall(SYS_wait4, -1, &status, 0, nullptr));
    FAILS("wait4: ECHILD for a process that is no child", ECHILD,
          syscall(SYS_wait4, 1 + getpid(), &status, WNOHANG, nullptr));
    FAILS("wait4: EINVAL for unknown options", EINVAL, syscall(SYS_wait4, -1, &status, 0x100, nullptr));
    FAILS("wait4: ESRCH for INT_MIN", ESRCH, syscall(SYS_wait4, INT_MIN, &status, 0, nullptr));
    child = idle_child();
    ANSWERS("wait4: WNOHANG answers 0", 0, syscall(SYS_wait4, child, &status, WNOHANG, nullptr));
    kill(child, SIGSTOP);
    ANSWERS("wait4: WUNTRACED reports a stop", child, syscall(SYS_wait4, child, &status, WUNTRACED, nullptr));
    HOLDS("wait4: stop signal", WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    ANSWERS("wait4: a stop is reported once", 0, syscall(SYS_wait4, child, &status, WUNTRACED | WNOHANG, nullptr));
    kill(child, SIGCONT);
    ANSWERS("wait4: WCONTINUED reports continuing", child, syscall(SYS_wait4, child, &status, WCONTINUED, nullptr));
    HOLDS("wait4: continued status", WIFCONTINUED(status));
    kill(child, SIGTERM);
    ANSWERS("wait4: pid 0 waits for the own group", child, syscall(SYS_wait4, 0, &status, 0, nullptr));
    HOLDS("wait4: death by a signal", WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    child = fork();
    if (child == 0) _exit(0);
    FAILS("wait4: EFAULT for a bad status pointer", EFAULT, syscall(SYS_wait4, child, nowhere, 0, nullptr));
    child = idle_child();
    setpgid(child, child);
    kill(child, SIGKILL);
    ANSWERS("wait4: a negative pid waits for a group", child, syscall(SYS_wait4, -child, &status, 0, nullptr));
}

static void no_action(int) {
}

static void test_wait_interrupted(void) {
    struct sigaction action = {.sa_handler = no_action};
    int status;
    sigaction(SIGALRM, &action, nullptr);
    pid_t child = idle_child();
    ualarm(20000, 0);
    FAILS("wait4: EINTR when a handler ran", EINTR, syscall(SYS_wait4, child, &status, 0, nullptr));
    end_child(child);
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, nullptr);
    child = fork();
    if (child == 0) {
        sleep_milliseconds(60);
        _exit(3);
    }
    ualarm(20000, 0);
    ANSWERS("wait4: goes on after a handler with SA_RESTART", child, syscall(SYS_wait4, child, &status, 0, nullptr));
    signal(SIGALRM, SIG_DFL);
}

static void test_waitid(void) {
    siginfo_t info;
    struct rusage usage;
    FAILS("waitid: EINVAL without a kind of change", EINVAL, syscall(SYS_waitid, P_ALL, 0, &info, 0, nullptr));
    FAILS("waitid: EINVAL for unknown options", EINVAL, syscall(SYS_waitid, P_ALL, 0, &info, WEXITED | 0x100, nullptr));
    FAILS("waitid: EINVAL for an unknown kind of id", EINVAL, syscall(SYS_waitid, 9, 0, &info, WEXITED, nullptr));
    FAILS("waitid: EINVAL for pid 0", EINVAL, syscall(SYS_waitid, P_PID, 0, &info, WEXITED, nullptr));
    FAILS("waitid: EINVAL for a negative group", EINVAL, syscall(SYS_waitid, P_PGID, -1, &info, WEXITED, nullptr));
    FAILS("waitid: EINVAL for a negative pidfd", EINVAL, syscall(SYS_waitid, 3, -1, &info, WEXITED, nullptr));
    FAILS("waitid: EBADF for a closed pidfd", EBADF, syscall(SYS_waitid, 3, 999, &info, WEXITED, nullptr));
    FAILS("waitid: EBADF for a descriptor that is no pidfd", EBADF, syscall(SYS_waitid, 3, 1, &info, WEXITED, nullptr));
    FAILS("waitid: ECHILD without children", ECHILD, syscall(SYS_waitid, P_ALL, 0, &info, WEXITED, nullptr));
    pid_t child = idle_child();
    memset(&info, 0xff, sizeof info);
    ANSWERS("waitid: WNOHANG answers 0", 0, syscall(SYS_waitid, P_PID, child, &info, WEXITED | WNOHANG, nullptr));
    HOLDS("waitid: nothing found leaves pid and signal 0", info.si_pid == 0 && info.si_signo == 0);
    kill(child, SIGSTOP);
    ANSWERS("waitid: WSTOPPED", 0, syscall(SYS_waitid, P_PID, child, &info, WSTOPPED, nullptr));
    HOLDS("waitid: CLD_STOPPED", info.si_signo == SIGCHLD && info.si_code == CLD_STOPPED && info.si_status == SIGSTOP);
    kill(child, SIGCONT);
    ANSWERS("waitid: WCONTINUED", 0, syscall(SYS_waitid, P_PID, child, &info, WCONTINUED, nullptr));
    HOLDS("waitid: CLD_CONTINUED", info.si_code == CLD_CONTINUED && info.si_status == SIGCONT);
    kill(child, SIGKILL);
    ANSWERS("waitid: WNOWAIT", 0, syscall(SYS_waitid, P_PID, child, &info, WEXITED | WNOWAIT, nullptr));
    HOLDS("waitid: CLD_KILLED", info.si_code == CLD_KILLED && info.si_status == SIGKILL && info.si_pid == child);
    ANSWERS("waitid: WNOWAIT left the child", 0, syscall(SYS_waitid, P_ALL, 0, &info, WEXITED, &usage));
    FAILS("waitid: ECHILD once it is gone", ECHILD, syscall(SYS_waitid, P_PID, child, &info, WEXITED, nullptr));
    child = fork();
    if (child == 0) _exit(7);
    ANSWERS("waitid: without an info", 0, syscall(SYS_waitid, P_PGID, 0, nullptr, WEXITED, nullptr));
    child = fork();
    if (child == 0) _exit(7);
    FAILS("waitid: EFAULT for a bad info", EFAULT, syscall(SYS_waitid, P_PID, child, nowhere, WEXITED, nullptr));
}

static void test_children_ignored(void) {
    int status;
    signal(SIGCHLD, SIG_IGN);
    pid_t child = fork();
    if (child == 0) _exit(0);
    FAILS("wait4: ECHILD when SIGCHLD is ignored", ECHILD, syscall(SYS_wait4, child, &status, 0, nullptr));
    signal(SIGCHLD, SIG_DFL);
}

static void test_vfork(void) {
    pid_t child = vfork();
    if (child == 0) {
        vfork_value = 5;
        _exit(1);
    }
    int status;
    HOLDS("vfork: shares memory and runs first", vfork_value == 5);
    ANSWERS("vfork: its child is waited for", child, syscall(SYS_wait4, child, &status, 0, nullptr));
}

static int exit_group_child(void) {
    syscall(SYS_exit_group, 0x105);
    return 1;
}

static void test_pidfd(void) {
    siginfo_t info = {};
    pid_t child = idle_child();
    int descriptor = (int)syscall(SYS_pidfd_open, child, 0);
    HOLDS("pidfd_open: a descriptor", descriptor >= 0);
    ANSWERS("pidfd_open: close on exec", FD_CLOEXEC, fcntl(descriptor, F_GETFD));
    FAILS("pidfd_open: EINVAL for flags", EINVAL, syscall(SYS_pidfd_open, child, 1));
    FAILS("pidfd_open: EINVAL for pid 0", EINVAL, syscall(SYS_pidfd_open, 0, 0));
    FAILS("pidfd_open: ESRCH for no process", ESRCH, syscall(SYS_pidfd_open, 4000000, 0));
    ANSWERS("pidfd_send_signal: signal 0", 0, syscall(SYS_pidfd_send_signal, descriptor, 0, nullptr, 0));
    FAILS("pidfd_send_signal: EINVAL for a signal", EINVAL, syscall(SYS_pidfd_send_signal, descriptor, 65, nullptr, 0));
    FAILS("pidfd_send_signal: EINVAL for flags", EINVAL, syscall(SYS_pidfd_send_signal, descriptor, 0, nullptr, 64));
    FAILS("pidfd_send_signal: EBADF", EBADF, syscall(SYS_pidfd_send_signal, 999, 0, nullptr, 0));
    FAILS("pidfd_send_signal: EBADF for another file", EBADF, syscall(SYS_pidfd_send_signal, 1, 0, nullptr, 0));
    FAILS("pidfd_send_signal: EFAULT", EFAULT, syscall(SYS_pidfd_send_signal, descriptor, SIGTERM, nowhere, 0));
    info.si_signo = SIGUSR1;
    FAILS("pidfd_send_signal: EINVAL when the info has another signal", EINVAL,
          syscall(SYS_pidfd_send_signal, descriptor, SIGTERM, &info, 0));
    info.si_signo = SIGTERM;
    info.si_code = SI_USER;
    FAILS("pidfd_send_signal: EPERM for pretending", EPERM,
          syscall(SYS_pidfd_send_signal, descriptor, SIGTERM, &info, 0));
    ANSWERS("pidfd_send_signal: SIGKILL", 0, syscall(SYS_pidfd_send_signal, descriptor, SIGKILL, nullptr, 0));
    ANSWERS("waitid: P_PIDFD", 0, syscall(SYS_waitid, 3, descriptor, &info, WEXITED, nullptr));
    HOLDS("waitid: P_PIDFD found the child", info.si_pid == child && info.si_status == SIGKILL);
    FAILS("pidfd_send_signal: ESRCH afterwards", ESRCH, syscall(SYS_pidfd_send_signal, descriptor, 0, nullptr, 0));
    close(descriptor);
}

static void test_rusage(void) {
    struct rusage usage;
    ANSWERS("getrusage: self", 0, syscall(SYS_getrusage, RUSAGE_SELF, &usage));
    HOLDS("getrusage: resident size and faults", usage.ru_maxrss > 0 && usage.ru_minflt > 0);
    ANSWERS("getrusage: children", 0, syscall(SYS_getrusage, RUSAGE_CHILDREN, &usage));
    ANSWERS("getrusage: thread", 0, syscall(SYS_getrusage, RUSAGE_THREAD, &usage));
    FAILS("getrusage: EINVAL", EINVAL, syscall(SYS_getrusage, 5, &usage));
    FAILS("getrusage: EFAULT", EFAULT, syscall(SYS_getrusage, RUSAGE_SELF, nowhere));
}

int main(void) {
    test_wait4();
    test_wait_interrupted();
    test_waitid();
    test_children_ignored();
    test_vfork();
    ANSWERS("exit_group: status", 5, in_child(exit_group_child));
    test_pidfd();
    test_rusage();
    return tap_done();
}
