// Errors that need a special place: too many descriptors, a read-only file system, a running program, an interruption.
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

#include "linux_calls.h"

static char buffer[70000];

static void test_full_table(void) {
    int pair[2], server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "full"};
    bind(server, &name, sizeof name);
    listen(server, 4);
    connect(client, &name, sizeof name);
    sigset_t set;
    sigemptyset(&set);
    struct rlimit old, none;
    getrlimit(RLIMIT_NOFILE, &old);
    none = old, none.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &none);
    FAILS(open, EMFILE, open("file", O_RDONLY));
    FAILS(openat, EMFILE, openat(AT_FDCWD, "file", O_RDONLY));
    FAILS(creat, EMFILE, creat("file2", 0600));
    FAILS(dup, EMFILE, dup(1));
    FAILS(fcntl, EINVAL, fcntl(1, F_DUPFD, 3));
    FAILS(fcntl, EMFILE, fcntl(1, F_DUPFD, 2));
    FAILS(dup2, EBADF, dup2(1, 3));
    FAILS(dup3, EBADF, dup3(1, 3, 0));
    FAILS(pipe, EMFILE, pipe(pair));
    FAILS(pipe2, EMFILE, pipe2(pair, 0));
    FAILS(socket, EMFILE, socket(AF_UNIX, SOCK_STREAM, 0));
    FAILS(socketpair, EMFILE, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    FAILS(accept, EMFILE, accept(server, NULL, NULL));
    FAILS(epoll_create, EMFILE, epoll_create(1));
    FAILS(epoll_create1, EMFILE, epoll_create1(0));
    FAILS(eventfd, EMFILE, RAW(SYS_eventfd, 0));
    FAILS(eventfd2, EMFILE, eventfd(0, 0));
    FAILS(signalfd, EMFILE, RAW(SYS_signalfd, -1, &set, 8));
    FAILS(signalfd4, EMFILE, signalfd(-1, &set, 0));
    FAILS(timerfd_create, EMFILE, timerfd_create(CLOCK_MONOTONIC, 0));
    FAILS(memfd_create, EMFILE, memfd_create("m", 0));
    FAILS(inotify_init, EMFILE, RAW(SYS_inotify_init, 0));
    FAILS(inotify_init1, EMFILE, inotify_init1(0));
    setrlimit(RLIMIT_NOFILE, &old);
    WORKS(accept, accept(server, NULL, NULL) >= 0);
}

static void test_read_only(void) {
    mkdir("ro", 0755);
    if (mount("none", "ro", "tmpfs", 0, NULL) != 0) exit(1);
    close(file_with("ro/file", "text"));
    mkdir("ro/d", 0755);
    symlink("file", "ro/link");
    WORKS(mount, mount("none", "ro", "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) == 0);
    int fd = open("ro/file", O_RDONLY);
    struct timespec times[2] = {{1, 0}, {2, 0}};
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "ro/socket"};
    WORKS(mount, fd >= 0 && read(fd, buffer, 10) == 4);
    FAILS(open, EROFS, open("ro/file", O_RDWR));
    FAILS(open, EROFS, open("ro/new", O_CREAT | O_RDWR, 0600));
    FAILS(openat, EROFS, openat(AT_FDCWD, "ro/file", O_WRONLY));
    FAILS(creat, EROFS, creat("ro/new", 0600));
    FAILS(access, EROFS, access("ro/file", W_OK));
    FAILS(faccessat, EROFS, RAW(SYS_faccessat, AT_FDCWD, "ro/file", W_OK));
    FAILS(chmod, EROFS, chmod("ro/file", 0600));
    FAILS(fchmod, EROFS, fchmod(fd, 0600));
    FAILS(chown, EROFS, chown("ro/file", 1, 1));
    FAILS(lchown, EROFS, lchown("ro/link", 1, 1));
    FAILS(fchown, EROFS, fchown(fd, 1, 1));
    FAILS(truncate, EROFS, truncate("ro/file", 1));
    FAILS(link, EROFS, link("ro/file", "ro/new"));
    FAILS(symlink, EROFS, symlink("x", "ro/new"));
    FAILS(unlink, EROFS, unlink("ro/file"));
    FAILS(rmdir, EROFS, rmdir("ro/d"));
    FAILS(mkdir, EROFS, mkdir("ro/new", 0700));
    FAILS(mknod, EROFS, mknod("ro/new", S_IFIFO | 0600, 0));
    FAILS(rename, EROFS, rename("ro/file", "ro/new"));
    FAILS(utime, EROFS, utime("ro/file", NULL));
    FAILS(utimes, EROFS, RAW(SYS_utimes, "ro/file", NULL));
    FAILS(utimensat, EROFS, utimensat(AT_FDCWD, "ro/file", times, 0));
    FAILS(bind, EROFS, bind(socket(AF_UNIX, SOCK_STREAM, 0), &name, sizeof name));
    FAILS(mkdir, EEXIST, mkdir("ro/d", 0700));
    FAILS(unlink, EROFS, unlink("ro/missing"));
    WORKS(mount, mount("none", "ro", "tmpfs", MS_REMOUNT, NULL) == 0 && chmod("ro/file", 0600) == 0);
    int writer = open("ro/file", O_RDWR);
    FAILS(mount, EBUSY, mount("none", "ro", "tmpfs", MS_REMOUNT | MS_RDONLY, NULL));
    close(writer);
    close(fd);
    FAILS(umount2, EINVAL, umount2("ro", MNT_EXPIRE | MNT_DETACH));
    FAILS(umount2, EAGAIN, umount2("ro", MNT_EXPIRE));
    WORKS(umount2, umount2("ro", MNT_EXPIRE) == 0);
    FAILS(mount, EINVAL, mount("none", "d", "tmpfs", MS_REMOUNT, NULL));
    WORKS(mount, mount("d", "ro", NULL, MS_BIND, NULL) == 0 && access("ro/inside", F_OK) == 0);
    FAILS(mount, ENOENT, mount("missing", "ro", NULL, MS_BIND, NULL));
    WORKS(umount2, umount2("ro", MNT_DETACH) == 0 && access("ro/inside", F_OK) == -1);
    FAILS(mount, ELOOP, mount("none", "loop", "tmpfs", 0, NULL));
    FAILS(mount, ENAMETOOLONG, mount("none", long_name, "tmpfs", 0, NULL));
}

static void test_running_program(void) {
    int from = open("/proc/self/exe", O_RDONLY), to = open("program", O_CREAT | O_WRONLY, 0755), status;
    struct stat size;
    fstat(from, &size);
    for (off_t at = 0; at < size.st_size; at = lseek(from, 0, SEEK_CUR))
        if (sendfile(to, from, NULL, size.st_size) <= 0) exit(1);
    close(to);
    int ends[2], back[2];
    if (pipe(ends) != 0 || pipe(back) != 0) exit(1);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[0], 0);
        dup2(back[1], 1);
        close(ends[1]);
        close(back[0]);
        execl("./program", "program", "wait", NULL);
        _exit(99);
    }
    char byte;
    close(ends[0]);
    close(back[1]);
    WORKS(execve, read(back[0], &byte, 1) == 1);
    FAILS(open, ETXTBSY, open("program", O_WRONLY));
    FAILS(open, ETXTBSY, open("program", O_RDWR | O_TRUNC));
    FAILS(truncate, ETXTBSY, truncate("program", 1));
    WORKS(open, open("program", O_RDONLY) >= 0 && chmod("program", 0700) == 0 && rename("program", "program2") == 0);
    close(ends[1]);
    WORKS(execve, waitpid(child, &status, 0) == child && status == 0);
    WORKS(open, (to = open("program2", O_WRONLY)) >= 0);
    child = fork();
    if (child == 0) {
        execl("./program2", "program", "wait", NULL);
        _exit(errno == ETXTBSY ? 0 : 1);
    }
    WORKS(execve, waitpid(child, &status, 0) == child && status == 0);
}

static void on_signal(int number) {
    (void)number;
}

// Every 40 ms, so that none comes too early.
static void ticking(int on) {
    struct itimerval timer = {{0, on ? 40000 : 0}, {0, on ? 40000 : 0}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void test_interruptions(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGALRM, &action, NULL);
    int ends[2], pair[2], server = socket(AF_UNIX, SOCK_STREAM, 0), status;
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "interrupted"};
    bind(server, &name, sizeof name);
    listen(server, 1);
    if (pipe(ends) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) exit(1);
    int lock = open("lock", O_CREAT | O_RDWR, 0600), go[2], ready[2];
    if (pipe(go) != 0 || pipe(ready) != 0) exit(1);
    pid_t child = fork();
    if (child == 0) {
        int other = open("lock", O_RDWR);
        struct flock all = {.l_type = F_WRLCK};
        flock(other, LOCK_EX);
        fcntl(other, F_SETLK, &all);
        write(ready[1], "r", 1);
        close(go[1]);
        read(go[0], buffer, 1);
        _exit(0);
    }
    close(go[0]);
    read(ready[0], buffer, 1);
    struct iovec part = {buffer, 10};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    struct flock all = {.l_type = F_WRLCK};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    ticking(1);
    FAILS(read, EINTR, read(ends[0], buffer, 1));
    FAILS(readv, EINTR, readv(ends[0], &part, 1));
    FAILS(recvfrom, EINTR, recv(pair[0], buffer, 1, 0));
    FAILS(recvmsg, EINTR, recvmsg(pair[0], &message, 0));
    FAILS(accept, EINTR, accept(server, NULL, NULL));
    FAILS(accept4, EINTR, accept4(server, NULL, NULL, 0));
    FAILS(flock, EINTR, flock(lock, LOCK_EX));
    FAILS(fcntl, EINTR, fcntl(lock, F_SETLKW, &all));
    FAILS(pselect6, EINTR, RAW(SYS_pselect6, ends[0] + 1, &set, NULL, NULL, NULL, NULL));
    FAILS(poll, EINTR, poll(&(struct pollfd){ends[0], POLLIN, 0}, 1, -1));
    FAILS(splice, EINTR, splice(ends[0], NULL, go[1], NULL, 1, 0));
    ticking(0);
    while (fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0 && write(ends[1], buffer, sizeof buffer) > 0)
        continue;
    FAILS(write, EAGAIN, write(ends[1], buffer, 1));
    FAILS(vmsplice, EAGAIN, vmsplice(ends[1], &part, 1, SPLICE_F_NONBLOCK));
    int text = open("lock", O_RDWR);
    if (write(text, "text", 4) != 4) exit(1);
    off_t offset = 0;
    FAILS(sendfile, EAGAIN, sendfile(ends[1], text, &offset, 4));
    fcntl(ends[1], F_SETFL, 0);
    ticking(1);
    FAILS(write, EINTR, write(ends[1], buffer, 1));
    FAILS(writev, EINTR, writev(ends[1], &part, 1));
    ticking(0);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    while (send(pair[0], buffer, sizeof buffer, 0) > 0)
        continue;
    FAILS(sendto, EAGAIN, send(pair[0], buffer, 1, 0));
    FAILS(sendmsg, EAGAIN, sendmsg(pair[0], &message, 0));
    fcntl(pair[0], F_SETFL, 0);
    ticking(1);
    FAILS(sendto, EINTR, send(pair[0], buffer, 1, 0));
    ticking(0);
    // with SA_RESTART the call goes on
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, NULL);
    int late[2];
    if (pipe(late) != 0) exit(1);
    pid_t writer = fork();
    if (writer == 0) {
        usleep(150000);
        _exit(write(late[1], "late", 4) != 4);
    }
    ticking(1);
    WORKS(read, read(late[0], buffer, 10) == 4);
    ticking(0);
    waitpid(writer, &status, 0);
    close(go[1]);
    waitpid(child, &status, 0);
}

static void test_odd_files(void) {
    int full = open("/dev/full", O_RDWR), zero = open("/dev/zero", O_RDWR), null = open("/dev/null", O_RDWR);
    FAILS(write, ENOSPC, write(full, "x", 1));
    WORKS(read, read(full, buffer, 10) == 10 && read(zero, buffer, 10) == 10 && read(null, buffer, 10) == 0);
    WORKS(write, write(zero, "x", 1) == 1 && write(null, "x", 1) == 1);
    int fd = file_with("odd", "0123456789"), timer = timerfd_create(CLOCK_MONOTONIC, 0), epoll = epoll_create1(0);
    FAILS(lseek, EINVAL, lseek(fd, LLONG_MAX, SEEK_CUR));
    FAILS(write, EINVAL, write(timer, buffer, 8));
    FAILS(write, EINVAL, write(epoll, buffer, 8));
    FAILS(read, EINVAL, read(epoll, buffer, 8));
    FAILS(lseek, ESPIPE, lseek(socket(AF_UNIX, SOCK_STREAM, 0), 0, SEEK_SET));
    int a = socket(AF_UNIX, SOCK_STREAM, 0), datagram = socket(AF_UNIX, SOCK_DGRAM, 0);
    FAILS(recvfrom, EINVAL, recv(a, buffer, 1, 0));
    FAILS(write, ENOTCONN, write(datagram, buffer, 1));
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "nobody"};
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    FAILS(sendto, EISCONN, sendto(pair[0], "x", 1, 0, (void *)&name, sizeof name));
    struct sockaddr odd = {.sa_family = 99};
    FAILS(connect, EINVAL, connect(a, &odd, sizeof odd));
    FAILS(bind, EINVAL, bind(a, &odd, sizeof odd));
    FAILS(bind, EINVAL, bind(a, &name, 1));
    struct sockaddr_un circle = {.sun_family = AF_UNIX, .sun_path = "loop/x"};
    FAILS(bind, ELOOP, bind(a, &circle, sizeof circle));
    FAILS(getsockopt, EOPNOTSUPP, getsockopt(a, 6, 1, buffer, &(socklen_t){4}));
    FAILS(setsockopt, EOPNOTSUPP, setsockopt(a, 6, 1, buffer, 4));
    bind(datagram, &name, sizeof name);
    int sender = socket(AF_UNIX, SOCK_DGRAM, 0);
    connect(sender, &name, sizeof name);
    close(datagram);
    FAILS(sendto, ECONNREFUSED, send(sender, "x", 1, 0));
    WORKS(sendto, write(pair[0], "lost", 4) == 4 && close(pair[1]) == 0);
    FAILS(recvfrom, ECONNRESET, recv(pair[0], buffer, 1, 0));
    FAILS(sendto, EPIPE, send(pair[0], "x", 1, MSG_NOSIGNAL));
}

static void as_a_user(void) {
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "users"},
                       closed = {.sun_family = AF_UNIX, .sun_path = "private"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), queue = inotify_init1(0);
    struct stat stat;
    FAILS(bind, EACCES, bind(fd, &name, sizeof name));
    FAILS(connect, EACCES, connect(fd, &closed, sizeof closed));
    FAILS(inotify_add_watch, EACCES, inotify_add_watch(queue, "secret", IN_ALL_EVENTS));
    FAILS(statx, EACCES, RAW(SYS_statx, AT_FDCWD, "dark/x", 0, 0x7ff, buffer));
    FAILS(chroot, EACCES, chroot("dark/x"));
    (void)stat;
}

int main(int count, char **arguments) {
    if (count > 1 && strcmp(arguments[1], "wait") == 0) {
        char byte;
        return write(1, "r", 1) == 1 && read(0, &byte, 1) == 0 ? 0 : 1;
    }
    work_in_fresh_directory();
    make_long_names();
    close(file_with("file", "x"));
    symlink("loop", "loop");
    mkdir("d", 0755);
    close(file_with("d/inside", "x"));
    test_full_table();
    test_read_only();
    test_running_program();
    test_interruptions();
    signal(SIGPIPE, SIG_IGN);
    test_odd_files();
    close(file_with("secret", "x"));
    chmod("secret", 0600);
    mkdir("dark", 0700);
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "private"};
    bind(server, &name, sizeof name);
    chmod("private", 0600);
    listen(server, 1);
    chmod(".", 0755);
    as_user(as_a_user);
    return tap_done();
}
