// Groups, sessions, users, capabilities, prctl, arch_prctl, personality, unshare, setns.
#include "raw_call.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>

static int new_session(void) {
    long session = syscall(SYS_setsid);
    if (session != getpid() || getsid(0) != session || getpgrp() != session) return 1;
    if (syscall(SYS_setsid) != -1 || errno != EPERM) return 2;        // a group's leader
    if (syscall(SYS_setpgid, 0, 0) != -1 || errno != EPERM) return 3; // a session's leader
    return 0;
}

static int moved_after_exec(void) {
    execl("/proc/self/exe", "ids", "wait", nullptr);
    return 9;
}

static void test_groups(void) {
    FAILS("setpgid: EINVAL for a negative group", EINVAL, syscall(SYS_setpgid, 0, -1));
    FAILS("setpgid: ESRCH for no child of mine", ESRCH, syscall(SYS_setpgid, 4000000, 0));
    FAILS("setpgid: ESRCH for the parent", ESRCH, syscall(SYS_setpgid, getppid(), 0));
    FAILS("getpgid: ESRCH", ESRCH, syscall(SYS_getpgid, 4000000));
    FAILS("getsid: ESRCH", ESRCH, syscall(SYS_getsid, 4000000));
    ANSWERS("getpgid: own", getpgrp(), syscall(SYS_getpgid, 0));
    ANSWERS("getpgid: by pid", getpgrp(), syscall(SYS_getpgid, getpid()));
    ANSWERS("getppid: unchanged", getppid(), syscall(SYS_getppid));
    ANSWERS("gettid: of the only thread", getpid(), syscall(SYS_gettid));
    ANSWERS("setsid: makes a session, refuses leaders", 0, in_child(new_session));
    pid_t child = idle_child();
    ANSWERS("setpgid: a child to its own group", 0, syscall(SYS_setpgid, child, 0));
    ANSWERS("getpgid: of the child", child, syscall(SYS_getpgid, child));
    pid_t second = idle_child();
    FAILS("setpgid: EPERM for a group that doesn't exist", EPERM, syscall(SYS_setpgid, second, second + 100000));
    ANSWERS("setpgid: to another's group", 0, syscall(SYS_setpgid, second, child));
    end_child(child);
    end_child(second);
    child = fork();
    if (child == 0) {
        setsid();
        for (;;)
            pause();
    }
    while (getsid(child) != child)
        sleep_milliseconds(1);
    FAILS("setpgid: EPERM for a child in another session", EPERM, syscall(SYS_setpgid, child, child));
    FAILS("setpgid: EPERM into a group of another session", EPERM, syscall(SYS_setpgid, 0, child));
    end_child(child);
    int ends[2];
    (void)!pipe2(ends, O_CLOEXEC);
    child = fork();
    if (child == 0) _exit(moved_after_exec());
    close(ends[1]);
    char byte;
    (void)!read(ends[0], &byte, 1); // ends when the child has run exec
    close(ends[0]);
    FAILS("setpgid: EACCES for a child that has run exec", EACCES, syscall(SYS_setpgid, child, child));
    end_child(child);
}

static void test_users(void) {
    uid_t real, effective, saved;
    ANSWERS("getresuid: three ids", 0, syscall(SYS_getresuid, &real, &effective, &saved));
    HOLDS("getuid, geteuid: the same", syscall(SYS_getuid) == real && syscall(SYS_geteuid) == effective);
    FAILS("getresuid: EFAULT", EFAULT, syscall(SYS_getresuid, nowhere, &effective, &saved));
    FAILS("getresgid: EFAULT", EFAULT, syscall(SYS_getresgid, &real, nowhere, &saved));
    ANSWERS("getresgid: three ids", 0, syscall(SYS_getresgid, &real, &effective, &saved));
    HOLDS("getgid, getegid: the same", syscall(SYS_getgid) == real && syscall(SYS_getegid) == effective);
    FAILS("setuid: EINVAL for -1", EINVAL, syscall(SYS_setuid, -1));
    FAILS("setgid: EINVAL for -1", EINVAL, syscall(SYS_setgid, -1));
    gid_t groups[3] = {5, 7, 6};
    FAILS("getgroups: EINVAL for a negative size", EINVAL, syscall(SYS_getgroups, -1, groups));
    FAILS("setgroups: EINVAL for too many", EINVAL, syscall(SYS_setgroups, 65537, groups));
    FAILS("setgroups: EFAULT", EFAULT, syscall(SYS_setgroups, 3, nowhere));
    ANSWERS("setgroups: three", 0, syscall(SYS_setgroups, 3, groups));
    ANSWERS("getgroups: count", 3, syscall(SYS_getgroups, 0, nullptr));
    ANSWERS("getgroups: list", 3, syscall(SYS_getgroups, 3, groups));
    HOLDS("getgroups: the members", groups[0] + groups[1] + groups[2] == 18);
    FAILS("getgroups: EINVAL for too few places", EINVAL, syscall(SYS_getgroups, 2, groups));
    FAILS("getgroups: EFAULT", EFAULT, syscall(SYS_getgroups, 3, nowhere));
    ANSWERS("setfsuid: answers the old one", 0, syscall(SYS_setfsuid, 44));
    ANSWERS("setfsuid: was set", 44, syscall(SYS_setfsuid, -1));
    ANSWERS("setfsuid: -1 changes nothing", 44, syscall(SYS_setfsuid, 0));
    ANSWERS("setfsgid: answers the old one", 0, syscall(SYS_setfsgid, 44));
    ANSWERS("setfsgid: was set", 44, syscall(SYS_setfsgid, 0));
}

#define MUST(condition, code)                                                                                          \
    if (!(condition)) return code
#define REFUSED(call) (errno = 0, (call) == -1 && errno == EPERM)

static int unprivileged(void) {
    uid_t real, effective, saved;
    gid_t groups[1] = {1};
    MUST(syscall(SYS_setresgid, 100, 101, 102) == 0, 1);
    MUST(syscall(SYS_setresuid, 1000, 1001, 1002) == 0, 2);
    MUST(syscall(SYS_getresuid, &real, &effective, &saved) == 0 && real == 1000 && effective == 1001 && saved == 1002,
         3);
    MUST(REFUSED(syscall(SYS_setuid, 0)), 4);
    MUST(REFUSED(syscall(SYS_setgid, 0)), 5);
    MUST(REFUSED(syscall(SYS_setresuid, -1, 0, -1)), 6);
    MUST(REFUSED(syscall(SYS_setresgid, 5, -1, -1)), 7);
    MUST(REFUSED(syscall(SYS_setreuid, 5, -1)), 8);
    MUST(REFUSED(syscall(SYS_setregid, -1, 5)), 9);
    MUST(REFUSED(syscall(SYS_setgroups, 1, groups)), 10);
    MUST(syscall(SYS_setresuid, -1, 1002, -1) == 0 && geteuid() == 1002, 11);
    MUST(syscall(SYS_setreuid, 1002, 1000) == 0 && getuid() == 1002 && geteuid() == 1000, 12);
    MUST(syscall(SYS_getresuid, &real, &effective, &saved) == 0 && saved == 1000,
         13); // setting the real id moves the saved
    MUST(syscall(SYS_setuid, 1002) == 0 && geteuid() == 1002, 14);
    MUST(REFUSED(syscall(SYS_kill, 1, 0)), 15);
    MUST(REFUSED(syscall(SYS_clock_settime, CLOCK_REALTIME, &(struct timespec){1})), 16);
    MUST(syscall(SYS_setfsuid, 0) == 1002 && syscall(SYS_setfsuid, -1) == 1002, 17);
    return 0;
}

static int setuid_drops_all(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    MUST(syscall(SYS_capget, &header, data) == 0 && data[0].effective != 0, 1);
    MUST(syscall(SYS_setuid, 1000) == 0, 2);
    MUST(syscall(SYS_capget, &header, data) == 0 && data[0].effective == 0 && data[0].permitted == 0, 3);
    data[0].effective = 1;
    MUST(REFUSED(syscall(SYS_capset, &header, data)), 4);
    return 0;
}

static int effective_user_only(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    MUST(syscall(SYS_setresuid, -1, 1000, -1) == 0, 1);
    MUST(syscall(SYS_capget, &header, data) == 0 && data[0].effective == 0 && data[0].permitted != 0, 2);
    MUST(syscall(SYS_setresuid, -1, 0, -1) == 0, 3);
    MUST(syscall(SYS_capget, &header, data) == 0 && data[0].effective != 0, 4);
    return 0;
}

static int keep_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    MUST(prctl(PR_SET_KEEPCAPS, 1) == 0 && prctl(PR_GET_KEEPCAPS) == 1, 1);
    MUST(syscall(SYS_setuid, 1000) == 0, 2);
    MUST(syscall(SYS_capget, &header, data) == 0 && data[0].effective == 0 && data[0].permitted != 0, 3);
    data[0].effective = data[0].permitted;
    MUST(syscall(SYS_capset, &header, data) == 0, 4);
    return 0;
}

static void test_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    ANSWERS("capget: own", 0, syscall(SYS_capget, &header, data));
    header.pid = getpid();
    ANSWERS("capget: by pid", 0, syscall(SYS_capget, &header, data));
    header.pid = -1;
    FAILS("capget: EINVAL for a negative pid", EINVAL, syscall(SYS_capget, &header, data));
    header.pid = 4000000;
    FAILS("capget: ESRCH", ESRCH, syscall(SYS_capget, &header, data));
    header.pid = 0;
    FAILS("capget: EFAULT for the header", EFAULT, syscall(SYS_capget, nowhere, data));
    FAILS("capget: EFAULT for the data", EFAULT, syscall(SYS_capget, &header, nowhere));
    header.version = 1;
    FAILS("capget: EINVAL for a version", EINVAL, syscall(SYS_capget, &header, data));
    HOLDS("capget: tells the version it wants", header.version == _LINUX_CAPABILITY_VERSION_3);
    header.version = 1;
    ANSWERS("capget: a version alone may be asked", 0, syscall(SYS_capget, &header, nullptr));
    FAILS("capset: EFAULT for the data", EFAULT, syscall(SYS_capset, &header, nowhere));
    header.version = 1;
    FAILS("capset: EINVAL for a version", EINVAL, syscall(SYS_capset, &header, data));
    header.pid = getppid();
    FAILS("capset: EPERM for another process", EPERM, syscall(SYS_capset, &header, data));
    ANSWERS("setresuid: an unprivileged user's limits", 0, in_child(unprivileged));
    ANSWERS("setuid: drops all capabilities", 0, in_child(setuid_drops_all));
    ANSWERS("setresuid: the effective user alone", 0, in_child(effective_user_only));
    ANSWERS("prctl: PR_SET_KEEPCAPS", 0, in_child(keep_capabilities));
}

static void test_prctl(void) {
    char name[17] = "";
    int value = -1;
    FAILS("prctl: EINVAL for an unknown option", EINVAL, syscall(SYS_prctl, 9999, 0, 0, 0, 0));
    ANSWERS("prctl: PR_SET_NAME", 0, syscall(SYS_prctl, PR_SET_NAME, "a name that is too long", 0, 0, 0));
    ANSWERS("prctl: PR_GET_NAME", 0, syscall(SYS_prctl, PR_GET_NAME, name, 0, 0, 0));
    HOLDS("prctl: the name is cut to 15 bytes", strcmp(name, "a name that is ") == 0);
    FAILS("prctl: PR_SET_NAME EFAULT", EFAULT, syscall(SYS_prctl, PR_SET_NAME, nowhere, 0, 0, 0));
    FAILS("prctl: PR_GET_NAME EFAULT", EFAULT, syscall(SYS_prctl, PR_GET_NAME, nowhere, 0, 0, 0));
    ANSWERS("prctl: PR_SET_PDEATHSIG", 0, syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0));
    ANSWERS("prctl: PR_GET_PDEATHSIG", 0, syscall(SYS_prctl, PR_GET_PDEATHSIG, &value, 0, 0, 0));
    HOLDS("prctl: the death signal", value == SIGUSR1);
    FAILS("prctl: PR_SET_PDEATHSIG EINVAL", EINVAL, syscall(SYS_prctl, PR_SET_PDEATHSIG, 65, 0, 0, 0));
    FAILS("prctl: PR_GET_PDEATHSIG EFAULT", EFAULT, syscall(SYS_prctl, PR_GET_PDEATHSIG, nowhere, 0, 0, 0));
    syscall(SYS_prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0);
    ANSWERS("prctl: PR_GET_DUMPABLE", 1, syscall(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0));
    FAILS("prctl: PR_SET_DUMPABLE EINVAL", EINVAL, syscall(SYS_prctl, PR_SET_DUMPABLE, 2, 0, 0, 0));
    FAILS("prctl: PR_SET_NO_NEW_PRIVS EINVAL", EINVAL, syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    FAILS("prctl: PR_GET_NO_NEW_PRIVS EINVAL", EINVAL, syscall(SYS_prctl, PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0));
    ANSWERS("prctl: PR_GET_NO_NEW_PRIVS", 0, syscall(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    ANSWERS("prctl: PR_SET_CHILD_SUBREAPER", 0, syscall(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
    ANSWERS("prctl: PR_GET_CHILD_SUBREAPER", 0, syscall(SYS_prctl, PR_GET_CHILD_SUBREAPER, &value, 0, 0, 0));
    HOLDS("prctl: is a subreaper", value == 1);
    FAILS("prctl: PR_GET_CHILD_SUBREAPER EFAULT", EFAULT, syscall(SYS_prctl, PR_GET_CHILD_SUBREAPER, nowhere, 0, 0, 0));
    int ends[2];
    (void)!pipe(ends);
    pid_t child = fork();
    if (child == 0) {
        pid_t grandchild = fork();
        if (grandchild == 0) {
            sleep_milliseconds(30);
            _exit(33);
        }
        (void)!write(ends[1], &grandchild, sizeof grandchild);
        _exit(0);
    }
    pid_t orphan = 0;
    int status = 0;
    (void)!read(ends[0], &orphan, sizeof orphan);
    waitpid(child, nullptr, 0);
    ANSWERS("prctl: a subreaper inherits orphans", orphan, waitpid(orphan, &status, 0));
    HOLDS("prctl: the orphan's status", WEXITSTATUS(status) == 33);
    close(ends[0]);
    close(ends[1]);
    syscall(SYS_prctl, PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
    ANSWERS("prctl: PR_SET_TIMERSLACK", 0, syscall(SYS_prctl, PR_SET_TIMERSLACK, 1000, 0, 0, 0));
    ANSWERS("prctl: PR_GET_TIMERSLACK", 1000, syscall(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0));
    FAILS("prctl: PR_CAPBSET_READ EINVAL", EINVAL, syscall(SYS_prctl, PR_CAPBSET_READ, 99, 0, 0, 0));
    ANSWERS("prctl: PR_GET_TIMING", 0, syscall(SYS_prctl, PR_GET_TIMING, 0, 0, 0, 0));
    FAILS("prctl: PR_SET_TIMING EINVAL", EINVAL, syscall(SYS_prctl, PR_SET_TIMING, 1, 0, 0, 0));
    FAILS("prctl: PR_SET_KEEPCAPS EINVAL", EINVAL, syscall(SYS_prctl, PR_SET_KEEPCAPS, 2, 0, 0, 0));
}

static void test_arch(void) {
#ifdef __x86_64__
    unsigned long base = 0;
    ANSWERS("arch_prctl: ARCH_GET_FS", 0, syscall(SYS_arch_prctl, 0x1003, &base));
    HOLDS("arch_prctl: the thread's base", base == *(unsigned long *)base);
    FAILS("arch_prctl: EFAULT", EFAULT, syscall(SYS_arch_prctl, 0x1003, nowhere));
    FAILS("arch_prctl: EINVAL", EINVAL, syscall(SYS_arch_prctl, 0x1999, 0));
    FAILS("arch_prctl: EPERM for the kernel's memory", EPERM, syscall(SYS_arch_prctl, 0x1001, kernel_place));
    ANSWERS("arch_prctl: ARCH_SET_GS", 0, syscall(SYS_arch_prctl, 0x1001, 0x1234000));
    ANSWERS("arch_prctl: ARCH_GET_GS", 0, syscall(SYS_arch_prctl, 0x1004, &base));
    HOLDS("arch_prctl: the other base", base == 0x1234000);
    // The call answers an unsigned int: a library's wrapper doesn't see an error in it.
    HOLDS("modify_ldt: an empty table", (int)syscall(SYS_modify_ldt, 0, &base, 8UL) == 0);
    HOLDS("modify_ldt: EINVAL for a size", (int)syscall(SYS_modify_ldt, 1, &base, 8UL) == -EINVAL);
    HOLDS("modify_ldt: EFAULT", (int)syscall(SYS_modify_ldt, 1, nowhere, 16UL) == -EFAULT);
    FAILS("get_thread_area: ENOSYS on this processor", ENOSYS, syscall(SYS_get_thread_area, nowhere));
    FAILS("set_thread_area: ENOSYS on this processor", ENOSYS, syscall(SYS_set_thread_area, nowhere));
#endif
    ANSWERS("personality: the standard one", 0, syscall(SYS_personality, 0xffffffff));
    ANSWERS("personality: sets", 0, syscall(SYS_personality, 0x0040000));
    ANSWERS("personality: answers the old one", 0x0040000, syscall(SYS_personality, 0));
    FAILS("unshare: EINVAL", EINVAL, syscall(SYS_unshare, 1));
    ANSWERS("unshare: nothing", 0, syscall(SYS_unshare, 0));
    ANSWERS("unshare: CLONE_FILES", 0, syscall(SYS_unshare, CLONE_FILES));
    ANSWERS("unshare: CLONE_FS", 0, syscall(SYS_unshare, CLONE_FS));
    FAILS("setns: EBADF", EBADF, syscall(SYS_setns, 999, 0));
    FAILS("setns: EINVAL for another file", EINVAL, syscall(SYS_setns, 1, 0));
}

int main(int count, char **) {
    if (count > 1) {
        for (;;)
            pause();
    }
    test_groups();
    test_prctl();
    test_users();
    test_capabilities();
    ANSWERS("prctl: PR_GET_DUMPABLE after the ids changed", 0, syscall(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0));
    test_arch();
    return tap_done();
}
