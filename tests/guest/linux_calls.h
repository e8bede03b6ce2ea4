#pragma once
// For the tests of Linux calls: each line begins with the call's name, as the coverage page wants it.
//   WORKS(openat, fd >= 0);
//   FAILS(openat, ENOTDIR, openat(AT_FDCWD, "file/x", O_RDONLY));
#include "tap.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <utime.h>

#define WORKS(call, condition) tap_result(!!(condition), __FILE__, __LINE__, "%s: %s", #call, #condition)
#define FAILS(call, error, expression)                                                                                 \
    tap_result((errno = 0, (long)(expression) == -1 && errno == (error)), __FILE__, __LINE__, "%s: %s by %s", #call,   \
               #error, #expression)

// What a C library may do in its own way goes straight to the kernel, every word widened as the kernel reads it.
#define WIDE1(a)                                       (long)(a)
#define WIDE2(a, b)                                    (long)(a), (long)(b)
#define WIDE3(a, b, c)                                 WIDE2(a, b), (long)(c)
#define WIDE4(a, b, c, d)                              WIDE3(a, b, c), (long)(d)
#define WIDE5(a, b, c, d, e)                           WIDE4(a, b, c, d), (long)(e)
#define WIDE6(a, b, c, d, e, f)                        WIDE5(a, b, c, d, e), (long)(f)
#define WIDE_PICK(a, b, c, d, e, f, name, ...)         name
#define RAW(number, ...)                               syscall(number, WIDE_PICK(__VA_ARGS__, WIDE6, WIDE5, WIDE4, WIDE3, WIDE2, WIDE1)(__VA_ARGS__))
#define accept(...)                                    RAW(SYS_accept, __VA_ARGS__)
#define accept4(...)                                   RAW(SYS_accept4, __VA_ARGS__)
#define chmod(...)                                     RAW(SYS_chmod, __VA_ARGS__)
#define chown(...)                                     RAW(SYS_chown, __VA_ARGS__)
#define bind(...)                                      RAW(SYS_bind, __VA_ARGS__)
#define connect(...)                                   RAW(SYS_connect, __VA_ARGS__)
#define creat(...)                                     RAW(SYS_creat, __VA_ARGS__)
#define dup2(...)                                      RAW(SYS_dup2, __VA_ARGS__)
#define dup3(...)                                      RAW(SYS_dup3, __VA_ARGS__)
#define epoll_create(...)                              RAW(SYS_epoll_create, __VA_ARGS__)
#define epoll_create1(...)                             RAW(SYS_epoll_create1, __VA_ARGS__)
#define epoll_pwait(fd, events, maximum, timeout, set) RAW(SYS_epoll_pwait, fd, events, maximum, timeout, set, 8)
#define epoll_wait(...)                                RAW(SYS_epoll_wait, __VA_ARGS__)
#define fchmod(...)                                    RAW(SYS_fchmod, __VA_ARGS__)
#define fchown(...)                                    RAW(SYS_fchown, __VA_ARGS__)
#define fchownat(...)                                  RAW(SYS_fchownat, __VA_ARGS__)
#define fstat(...)                                     RAW(SYS_fstat, __VA_ARGS__)
#define fstatfs(...)                                   RAW(SYS_fstatfs, __VA_ARGS__)
#define ftruncate(...)                                 RAW(SYS_ftruncate, __VA_ARGS__)
#define getsockopt(...)                                RAW(SYS_getsockopt, __VA_ARGS__)
#define lchown(...)                                    RAW(SYS_lchown, __VA_ARGS__)
#define link(...)                                      RAW(SYS_link, __VA_ARGS__)
#define lstat(...)                                     RAW(SYS_lstat, __VA_ARGS__)
#define mkdir(...)                                     RAW(SYS_mkdir, __VA_ARGS__)
#define mknod(...)                                     RAW(SYS_mknod, __VA_ARGS__)
#define open(...)                                      RAW(SYS_open, __VA_ARGS__)
#define openat(...)                                    RAW(SYS_openat, __VA_ARGS__)
#define pipe(...)                                      RAW(SYS_pipe, __VA_ARGS__)
#define pipe2(...)                                     RAW(SYS_pipe2, __VA_ARGS__)
#define recvmmsg(...)                                  RAW(SYS_recvmmsg, __VA_ARGS__)
#define recvmsg(...)                                   RAW(SYS_recvmsg, __VA_ARGS__)
#define rename(...)                                    RAW(SYS_rename, __VA_ARGS__)
#define rmdir(...)                                     RAW(SYS_rmdir, __VA_ARGS__)
#define select(...)                                    RAW(SYS_select, __VA_ARGS__)
#define sendmmsg(...)                                  RAW(SYS_sendmmsg, __VA_ARGS__)
#define sendmsg(...)                                   RAW(SYS_sendmsg, __VA_ARGS__)
#define setsockopt(...)                                RAW(SYS_setsockopt, __VA_ARGS__)
#define socket(...)                                    RAW(SYS_socket, __VA_ARGS__)
#define socketpair(...)                                RAW(SYS_socketpair, __VA_ARGS__)
#define stat(...)                                      RAW(SYS_stat, __VA_ARGS__)
#define statfs(...)                                    RAW(SYS_statfs, __VA_ARGS__)
#define symlink(...)                                   RAW(SYS_symlink, __VA_ARGS__)
#define timerfd_settime(...)                           RAW(SYS_timerfd_settime, __VA_ARGS__)
#define truncate(...)                                  RAW(SYS_truncate, __VA_ARGS__)
#define unlink(...)                                    RAW(SYS_unlink, __VA_ARGS__)
#define utime(...)                                     RAW(SYS_utime, __VA_ARGS__)
#define eventfd(initial, flags)                        RAW(SYS_eventfd2, initial, flags)
#define signalfd(fd, set, flags)                       RAW(SYS_signalfd4, fd, set, 8, flags)

// An address where nothing is mapped.
#define BAD ((void *)1)

// A fresh directory that becomes the current one.
[[maybe_unused]] static void work_in_fresh_directory(void) {
    static char name[] = "/tmp/linux-calls-XXXXXX";
    mkdir("/tmp", 01777);
    if (mkdtemp(name) == NULL || chdir(name) != 0) {
        printf("not ok 1 - a directory to work in\n");
        exit(1);
    }
    umask(022);
}

// A file with this text.
[[maybe_unused]] static int file_with(const char *name, const char *text) {
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (fd >= 0 && write(fd, text, strlen(text)) != (ssize_t)strlen(text)) return -1;
    return fd;
}

// Runs the function in a child as an unprivileged user; its checks count as the program's own.
[[maybe_unused]] static void as_user(void (*function)(void)) {
    int ends[2], counts[2] = {0, 0}, status = 0;
    fflush(stdout);
    if (pipe(ends) != 0) exit(1);
    pid_t child = fork();
    if (child == 0) {
        if (setgid(1000) != 0 || setuid(1000) != 0) _exit(99);
        function();
        fflush(stdout);
        counts[0] = tap_count, counts[1] = tap_failures;
        _exit(write(ends[1], counts, sizeof counts) != sizeof counts);
    }
    close(ends[1]);
    if (read(ends[0], counts, sizeof counts) == sizeof counts) tap_count = counts[0], tap_failures = counts[1];
    close(ends[0]);
    waitpid(child, &status, 0);
    if (status != 0) CHECK_NAMED(0, "the unprivileged child ends (status %#x)", status);
}

// A name of 256 characters, and a path of 4096.
[[maybe_unused]] static char long_name[257], long_path[4097];
[[maybe_unused]] static void make_long_names(void) {
    memset(long_name, 'n', 256);
    for (int i = 0; i < 4096; i++)
        long_path[i] = i % 2 == 0 ? '.' : '/';
}
