// uname, sysinfo, host names, random bytes, the log, reboot's refusals, calls that are gone.
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "linux_calls.h"

static char buffer[70000];

static void as_a_user(void) {
    FAILS(sethostname, EPERM, sethostname("x", 1));
    FAILS(setdomainname, EPERM, setdomainname("x", 1));
    FAILS(reboot, EPERM, syscall(SYS_reboot, 0xfee1dead, 672274793, 0, 0));
    FAILS(syslog, EPERM, syscall(SYS_syslog, 5, NULL, 0));
}

int main(void) {
    struct utsname name;
    struct sysinfo info;
    WORKS(uname, uname(&name) == 0 && strcmp(name.sysname, "Linux") == 0 && strcmp(name.machine, "x86_64") == 0 &&
                     name.release[0] >= '5');
    FAILS(uname, EFAULT, uname(BAD));
    WORKS(sysinfo, sysinfo(&info) == 0 && info.totalram > info.freeram && info.mem_unit >= 1 && info.procs >= 1 &&
                       info.uptime >= 0);
    FAILS(sysinfo, EFAULT, sysinfo(BAD));
    pid_t child = fork();
    int status;
    if (child == 0) {
        struct utsname before, after;
        uname(&before);
        int good =
            sethostname("of-the-test", 11) == 0 && uname(&after) == 0 && strcmp(after.nodename, "of-the-test") == 0;
        good = sethostname(before.nodename, strlen(before.nodename)) == 0 && good;
        _exit(good ? 0 : 1);
    }
    WORKS(sethostname, waitpid(child, &status, 0) == child && status == 0);
    FAILS(sethostname, EINVAL, sethostname("x", -1));
    FAILS(sethostname, EINVAL, sethostname(buffer, 65));
    FAILS(sethostname, EFAULT, sethostname(BAD, 5));
    FAILS(setdomainname, EINVAL, setdomainname(buffer, 65));
    FAILS(setdomainname, EFAULT, setdomainname(BAD, 5));
    WORKS(setdomainname, setdomainname(name.domainname, strlen(name.domainname)) == 0);
    int zeros = 0;
    WORKS(getrandom, syscall(SYS_getrandom, buffer, 1000, 0) == 1000);
    for (int i = 0; i < 1000; i++)
        zeros += buffer[i] == 0;
    WORKS(getrandom, zeros < 50);
    WORKS(getrandom, syscall(SYS_getrandom, buffer, 0, 0) == 0 &&
                         syscall(SYS_getrandom, buffer, sizeof buffer, 1) == sizeof buffer);
    FAILS(getrandom, EINVAL, syscall(SYS_getrandom, buffer, 10, 8));
    FAILS(getrandom, EINVAL, syscall(SYS_getrandom, buffer, 10, 6));
    FAILS(getrandom, EFAULT, syscall(SYS_getrandom, BAD, 10, 0));
    WORKS(syslog, syscall(SYS_syslog, 10, NULL, 0) > 0);
    WORKS(syslog, syscall(SYS_syslog, 3, buffer, sizeof buffer) > 0);
    FAILS(syslog, EINVAL, syscall(SYS_syslog, 99, buffer, 10));
    FAILS(syslog, EINVAL, syscall(SYS_syslog, 3, NULL, 10));
    FAILS(syslog, EINVAL, syscall(SYS_syslog, 3, buffer, -1));
    FAILS(reboot, EINVAL, syscall(SYS_reboot, 0xfee1dead, 1, 0x01234567, 0));
    FAILS(reboot, EINVAL, syscall(SYS_reboot, 1, 672274793, 0x01234567, 0));
    FAILS(reboot, EINVAL, syscall(SYS_reboot, 0xfee1dead, 672274793, 0x1111, 0));
    WORKS(reboot, syscall(SYS_reboot, 0xfee1dead, 672274793, 0, 0) == 0);
    FAILS(afs_syscall, ENOSYS, syscall(183));
    FAILS(tuxcall, ENOSYS, syscall(184));
    FAILS(security, ENOSYS, syscall(185));
    FAILS(create_module, ENOSYS, syscall(174));
    FAILS(getpmsg, ENOSYS, syscall(181));
    FAILS(epoll_ctl_old, ENOSYS, syscall(214));
    FAILS(vserver, ENOSYS, syscall(236));
    CHECK_ERROR(syscall(399), ENOSYS);
    CHECK_ERROR(syscall(100000), ENOSYS);
    CHECK_ERROR(syscall(-1), ENOSYS);
    as_user(as_a_user);
    return tap_done();
}
