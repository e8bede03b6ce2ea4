// The small calls about who and where a process is, and the refusals that an ordinary user gets.
#include "linux_calls.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

// Runs check in a child and returns its exit code; 255: killed.
static int in_child(int (*check)(void)) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) _exit(check());
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) != child) return 254;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int ids_by_raw_calls(void) {
    int wrong = 0;
    wrong |= syscall(SYS_setresuid, 1, 2, 3) != 0;
    wrong |= syscall(SYS_getuid) != 1 || syscall(SYS_geteuid) != 2;
    return wrong;
}

static int group_ids(void) {
    int wrong = 0;
    wrong |= syscall(SYS_setresgid, 4, 5, 6) != 0;
    wrong |= syscall(SYS_getgid) != 4 || syscall(SYS_getegid) != 5;
    wrong |= syscall(SYS_setresgid, -1, 4, -1) != 0 || syscall(SYS_getgid) != 4 || syscall(SYS_getegid) != 4;
    return wrong;
}

// As user 1000: only to ids it has.
static int resgid_refused(void) {
    if (syscall(SYS_setresgid, 7, 7, 7) || syscall(SYS_setresuid, 1000, 1000, 1000)) return 1;
    if (syscall(SYS_setresgid, 8, -1, -1) != -1 || errno != EPERM) return 2;
    return syscall(SYS_setresgid, 7, 7, 7) != 0;
}

static int resuid_refused(void) {
    if (syscall(SYS_setresuid, 1000, 1000, 1001)) return 1;
    if (syscall(SYS_setresuid, -1, 1002, -1) != -1 || errno != EPERM) return 2;
    return syscall(SYS_setresuid, -1, 1001, -1) != 0;
}

static int reuid_works(void) {
    if (syscall(SYS_setreuid, 1000, 1001)) return 1;
    if (syscall(SYS_getuid) != 1000 || syscall(SYS_geteuid) != 1001) return 2;
    return syscall(SYS_setreuid, 1001, 1000) != 0; // they may be exchanged
}

static int reuid_refused(void) {
    if (syscall(SYS_setreuid, 1000, 1001)) return 1;
    return !(syscall(SYS_setreuid, 5, -1) == -1 && errno == EPERM);
}

static int regid_works(void) {
    if (syscall(SYS_setregid, 1000, 1001)) return 1;
    return syscall(SYS_getgid) != 1000 || syscall(SYS_getegid) != 1001;
}

static int regid_refused(void) {
    if (syscall(SYS_setregid, 1000, 1001) || syscall(SYS_setresuid, 9, 9, 9)) return 1;
    return !(syscall(SYS_setregid, 5, -1) == -1 && errno == EPERM);
}

static int gid_works(void) {
    return syscall(SYS_setgid, 33) != 0 || syscall(SYS_getgid) != 33 || syscall(SYS_getegid) != 33;
}

static int session(void) {
    pid_t self = (pid_t)syscall(SYS_setsid);
    if (self != getpid() || syscall(SYS_getsid, 0) != self || syscall(SYS_getpgrp) != self) return 1;
    return !(syscall(SYS_setsid) == -1 && errno == EPERM); // already a leader
}

static int fork_refused(void) {
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_NPROC, &none) || syscall(SYS_setresuid, 4321, 4321, 4321)) return 1;
    return !(syscall(SYS_fork) == -1 && errno == EAGAIN);
}

static int vfork_refused(void) {
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_NPROC, &none) || syscall(SYS_setresuid, 4321, 4321, 4321)) return 1;
    pid_t child = vfork();
    if (child == 0) _exit(0);
    return !(child == -1 && errno == EAGAIN);
}

static void test_ids(void) {
    WORKS(getpid, syscall(SYS_getpid) == getpid() && getpid() > 1);
    WORKS(getpid, in_child((int (*)(void))getppid) == (getpid() & 255));
    WORKS(getuid, syscall(SYS_getuid) == 0);
    WORKS(getgid, syscall(SYS_getgid) == 0);
    WORKS(geteuid, in_child(ids_by_raw_calls) == 0);
    WORKS(getegid, in_child(group_ids) == 0);
    WORKS(getpgrp, syscall(SYS_getpgrp) == syscall(SYS_getpgid, 0));
    WORKS(getsid, syscall(SYS_getsid, getpid()) > 0);
    WORKS(setresgid, in_child(group_ids) == 0);
    tap_result(in_child(resgid_refused) == 0, __FILE__, __LINE__, "setresgid: EPERM for a foreign id");
    tap_result(in_child(resuid_refused) == 0, __FILE__, __LINE__, "setresuid: EPERM for a foreign id");
    WORKS(setreuid, in_child(reuid_works) == 0);
    tap_result(in_child(reuid_refused) == 0, __FILE__, __LINE__, "setreuid: EPERM for a foreign id");
    WORKS(setregid, in_child(regid_works) == 0);
    tap_result(in_child(regid_refused) == 0, __FILE__, __LINE__, "setregid: EPERM for a foreign id");
    WORKS(setgid, in_child(gid_works) == 0);
    WORKS(setsid, in_child(session) == 0);
    tap_result(in_child(session) == 0, __FILE__, __LINE__, "setsid: EPERM for a session's leader");
}

static int fork_works(void) {
    int status;
    pid_t child = (pid_t)syscall(SYS_fork);
    if (child == 0) _exit(7);
    return !(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void test_fork(void) {
    WORKS(fork, in_child(fork_works) == 0);
    tap_result(in_child(fork_refused) == 0, __FILE__, __LINE__, "fork: EAGAIN beyond RLIMIT_NPROC");
    tap_result(in_child(vfork_refused) == 0, __FILE__, __LINE__, "vfork: EAGAIN beyond RLIMIT_NPROC");
}

// ---- what needs privileges

static int refused_number;
static int refused_user(void) {
    if (syscall(SYS_setresuid, 1000, 1000, 1000)) return 1;
    static char text[64] = "/"; // a name, and a time
    return !(syscall(refused_number, text, 0, 0, 0, 0) == -1 && errno == EPERM);
}

static void refused(int number, const char *name) {
    refused_number = number;
    tap_result(in_child(refused_user) == 0, __FILE__, __LINE__, "%s: EPERM for an ordinary user", name);
}

static void test_privileged(void) {
    refused(SYS_acct, "acct");
    refused(SYS_swapon, "swapon");
    refused(SYS_swapoff, "swapoff");
    refused(SYS_chroot, "chroot");
    refused(SYS_init_module, "init_module");
    refused(SYS_delete_module, "delete_module");
    refused(SYS_settimeofday, "settimeofday");
    refused(SYS_sethostname, "sethostname");
}

// ---- files that wait

static void test_waiting_files(void) {
    int pair[2], epoll = epoll_create1(0);
    struct epoll_event wanted = {.events = EPOLLIN, .data.u64 = 5}, got = {};
    char text[8] = "";
    WORKS(recvfrom, socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0 && send(pair[0], "hello", 5, 0) == 5 &&
                        syscall(SYS_recvfrom, pair[1], text, sizeof text, 0, nullptr, nullptr) == 5 &&
                        memcmp(text, "hello", 5) == 0);
    FAILS(recvfrom, EAGAIN, syscall(SYS_recvfrom, pair[1], text, sizeof text, MSG_DONTWAIT, nullptr, nullptr));
    epoll_ctl(epoll, EPOLL_CTL_ADD, pair[1], &wanted);
    WORKS(epoll_pwait, syscall(SYS_epoll_pwait, epoll, &got, 1, 0, nullptr, 8) == 0);
    WORKS(epoll_pwait, send(pair[0], "x", 1, 0) == 1 &&
                           syscall(SYS_epoll_pwait, epoll, &got, 1, 1000, nullptr, 8) == 1 && got.data.u64 == 5 &&
                           got.events == EPOLLIN);
    uint64_t value = 0;
    int file = (int)syscall(SYS_eventfd, 3);
    WORKS(eventfd, file >= 0 && read(file, &value, 8) == 8 && value == 3);
    struct rlimit old, none = {3, 3};
    getrlimit(RLIMIT_NOFILE, &old);
    none.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_NOFILE, &none);
    FAILS(eventfd, EMFILE, syscall(SYS_eventfd, 0));
    setrlimit(RLIMIT_NOFILE, &old);
    close(pair[0]);
    close(pair[1]);
    close(epoll);
    close(file);
}

int main(void) {
    test_ids();
    test_fork();
    test_privileged();
    test_waiting_files();
    return tap_done();
}
