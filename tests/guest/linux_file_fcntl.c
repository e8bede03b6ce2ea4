// fcntl in all its commands, flock, ioctl of every descriptor.
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "linux_calls.h"

static void test_duplicates(void) {
    int fd = file_with("dup", "x");
    WORKS(fcntl, fcntl(fd, F_DUPFD, 50) == 50 && fcntl(fd, F_DUPFD, 50) == 51 && fcntl(50, F_GETFD) == 0);
    WORKS(fcntl, fcntl(fd, F_DUPFD_CLOEXEC, 60) == 60 && fcntl(60, F_GETFD) == FD_CLOEXEC);
    FAILS(fcntl, EINVAL, fcntl(fd, F_DUPFD, -1));
    FAILS(fcntl, EINVAL, fcntl(fd, F_DUPFD, 1 << 30));
    FAILS(fcntl, EBADF, fcntl(-1, F_DUPFD, 0));
    FAILS(fcntl, EBADF, fcntl(999, F_GETFD));
    FAILS(fcntl, EBADF, fcntl(999, F_SETFD, 0));
    FAILS(fcntl, EBADF, fcntl(999, F_GETFL));
    FAILS(fcntl, EBADF, fcntl(999, F_SETFL, 0));
    FAILS(fcntl, EINVAL, fcntl(fd, 12345));
    FAILS(fcntl, EBADF, fcntl(999, 12345));
    WORKS(fcntl, fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC &&
                     fcntl(fd, F_SETFD, 0) == 0 && fcntl(fd, F_GETFD) == 0);
    pid_t child = fork();
    int status;
    if (child == 0) {
        struct rlimit limit = {61, 61};
        setrlimit(RLIMIT_NOFILE, &limit);
        if (fcntl(fd, F_DUPFD, 61) != -1 || errno != EINVAL) _exit(1);
        _exit(fcntl(fd, F_DUPFD, 60) == -1 && errno == EMFILE ? 0 : 2);
    }
    WORKS(fcntl, waitpid(child, &status, 0) == child && status == 0);
}

static void test_flags(void) {
    int fd = open("flags", O_RDWR | O_CREAT | O_EXCL | O_APPEND, 0600), path_only = open("flags", O_PATH);
    int mask = O_ACCMODE | O_APPEND | O_NONBLOCK | O_CREAT | O_EXCL | O_ASYNC;
    WORKS(fcntl, (fcntl(fd, F_GETFL) & mask) == (O_RDWR | O_APPEND));
    WORKS(fcntl, fcntl(fd, F_SETFL, O_NONBLOCK | O_WRONLY | O_CREAT) == 0 &&
                     (fcntl(fd, F_GETFL) & mask) == (O_RDWR | O_NONBLOCK));
    WORKS(fcntl, fcntl(path_only, F_GETFD) == 0 && (fcntl(path_only, F_GETFL) & O_PATH) != 0);
    FAILS(fcntl, EBADF, fcntl(path_only, F_SETFL, 0));
    FAILS(fcntl, EBADF, fcntl(path_only, F_GETOWN));
    WORKS(fcntl, fcntl(fd, F_SETOWN, getpid()) == 0 && fcntl(fd, F_GETOWN) == getpid());
    struct f_owner_ex owner = {F_OWNER_PGRP, getpgrp()}, back;
    WORKS(fcntl, fcntl(fd, F_SETOWN_EX, &owner) == 0 && fcntl(fd, F_GETOWN_EX, &back) == 0 &&
                     back.type == F_OWNER_PGRP && back.pid == getpgrp());
    owner.type = 9;
    FAILS(fcntl, EINVAL, fcntl(fd, F_SETOWN_EX, &owner));
    FAILS(fcntl, EFAULT, fcntl(fd, F_SETOWN_EX, BAD));
    FAILS(fcntl, ESRCH, fcntl(fd, F_SETOWN, 3999999));
    WORKS(fcntl, fcntl(fd, F_GETSIG) == 0);
    FAILS(fcntl, EINVAL, fcntl(fd, F_SETSIG, 100));
    WORKS(fcntl, fcntl(fd, F_GETLEASE) == F_UNLCK);
    FAILS(fcntl, ENOTDIR, fcntl(fd, F_NOTIFY, DN_MODIFY));
}

static void test_pipe_size(void) {
    int ends[2], fd = file_with("file", "x");
    if (pipe(ends) != 0) exit(1);
    WORKS(fcntl, fcntl(ends[0], F_GETPIPE_SZ) == 65536);
    WORKS(fcntl, fcntl(ends[0], F_SETPIPE_SZ, 4096) == 4096 && fcntl(ends[1], F_GETPIPE_SZ) == 4096);
    WORKS(fcntl, fcntl(ends[0], F_SETPIPE_SZ, 100000) == 131072);
    WORKS(fcntl, write(ends[1], (char[8192]){}, 8192) == 8192);
    FAILS(fcntl, EBUSY, fcntl(ends[0], F_SETPIPE_SZ, 4096));
    FAILS(fcntl, EBADF, fcntl(fd, F_GETPIPE_SZ));
    FAILS(fcntl, EBADF, fcntl(fd, F_SETPIPE_SZ, 4096));
}

static void test_seals(void) {
    int fd = memfd_create("s", MFD_ALLOW_SEALING), file = open("/dev/null", O_RDWR);
    WORKS(fcntl, fcntl(fd, F_GET_SEALS) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) == 0 &&
                     fcntl(fd, F_GET_SEALS) == F_SEAL_GROW);
    FAILS(fcntl, EPERM, write(fd, "x", 1));
    FAILS(fcntl, EINVAL, fcntl(fd, F_ADD_SEALS, 0x1000));
    WORKS(fcntl, fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL) == 0);
    FAILS(fcntl, EPERM, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    FAILS(fcntl, EINVAL, fcntl(file, F_GET_SEALS));
    FAILS(fcntl, EINVAL, fcntl(file, F_ADD_SEALS, F_SEAL_GROW));
}

static struct flock lock(int type, int whence, off_t start, off_t length) {
    return (struct flock){.l_type = type, .l_whence = whence, .l_start = start, .l_len = length};
}

// Runs a lock call in a child and returns its errno (0: it worked).
static int in_child(int command, struct flock lock) {
    pid_t child = fork();
    int status;
    if (child == 0) {
        int fd = open("locks", O_RDWR);
        _exit(fcntl(fd, command, &lock) == 0 ? 0 : errno);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_locks(void) {
    int fd = file_with("locks", "0123456789"), only_read = open("locks", O_RDONLY),
        only_write = open("locks", O_WRONLY);
    struct flock a = lock(F_WRLCK, SEEK_SET, 2, 3);
    WORKS(fcntl, fcntl(fd, F_SETLK, &a) == 0);
    WORKS(fcntl, in_child(F_SETLK, lock(F_WRLCK, SEEK_SET, 4, 1)) == EAGAIN);
    WORKS(fcntl, in_child(F_SETLK, lock(F_RDLCK, SEEK_SET, 0, 3)) == EAGAIN);
    WORKS(fcntl, in_child(F_SETLK, lock(F_WRLCK, SEEK_SET, 5, 0)) == 0);
    WORKS(fcntl, in_child(F_SETLK, lock(F_WRLCK, SEEK_END, -8, -2)) == 0);
    struct flock b = lock(F_WRLCK, SEEK_SET, 0, 0);
    WORKS(fcntl, fcntl(fd, F_GETLK, &b) == 0 && b.l_type == F_UNLCK);
    pid_t child = fork(), parent = getpid();
    int status;
    if (child == 0) {
        struct flock c = lock(F_RDLCK, SEEK_SET, 0, 100);
        int other = open("locks", O_RDWR);
        if (fcntl(other, F_GETLK, &c) != 0) _exit(1);
        _exit(c.l_type == F_WRLCK && c.l_start == 2 && c.l_len == 3 && c.l_pid != 0 && c.l_whence == SEEK_SET ? 0 : 2);
    }
    (void)parent;
    WORKS(fcntl, waitpid(child, &status, 0) == child && status == 0);
    a = lock(F_UNLCK, SEEK_SET, 3, 1);
    WORKS(fcntl, fcntl(fd, F_SETLK, &a) == 0 && in_child(F_SETLK, lock(F_WRLCK, SEEK_SET, 3, 1)) == 0 &&
                     in_child(F_SETLK, lock(F_WRLCK, SEEK_SET, 4, 1)) == EAGAIN &&
                     in_child(F_SETLK, lock(F_WRLCK, SEEK_SET, 2, 1)) == EAGAIN);
    a = lock(F_RDLCK, SEEK_SET, 0, 0);
    WORKS(fcntl, fcntl(fd, F_SETLK, &a) == 0 && in_child(F_SETLK, lock(F_RDLCK, SEEK_SET, 0, 0)) == 0 &&
                     in_child(F_SETLK, lock(F_WRLCK, SEEK_SET, 100, 1)) == EAGAIN);
    a = lock(F_WRLCK, SEEK_SET, 0, 0);
    FAILS(fcntl, EBADF, fcntl(only_read, F_SETLK, &a));
    a = lock(F_RDLCK, SEEK_SET, 0, 0);
    FAILS(fcntl, EBADF, fcntl(only_write, F_SETLK, &a));
    a = lock(9, SEEK_SET, 0, 0);
    FAILS(fcntl, EINVAL, fcntl(fd, F_SETLK, &a));
    a = lock(F_WRLCK, 9, 0, 0);
    FAILS(fcntl, EINVAL, fcntl(fd, F_SETLK, &a));
    a = lock(F_WRLCK, SEEK_SET, -1, 0);
    FAILS(fcntl, EINVAL, fcntl(fd, F_SETLK, &a));
    a = lock(F_UNLCK, SEEK_SET, 0, 0);
    FAILS(fcntl, EINVAL, fcntl(fd, F_GETLK, &a));
    FAILS(fcntl, EFAULT, fcntl(fd, F_SETLK, BAD));
    FAILS(fcntl, EFAULT, fcntl(fd, F_GETLK, BAD));
    FAILS(fcntl, EBADF, fcntl(-1, F_SETLK, &a));
    close(open("locks", O_RDWR));
    WORKS(fcntl, in_child(F_SETLK, lock(F_WRLCK, SEEK_SET, 0, 0)) == 0);
    struct flock o = lock(F_WRLCK, SEEK_SET, 0, 4);
    WORKS(fcntl, fcntl(fd, F_OFD_SETLK, &o) == 0 && in_child(F_OFD_SETLK, lock(F_WRLCK, SEEK_SET, 3, 1)) == EAGAIN);
    int second = open("locks", O_RDWR);
    WORKS(fcntl, fcntl(second, F_OFD_SETLK, &o) == -1 && errno == EAGAIN);
    WORKS(fcntl, fcntl(second, F_OFD_GETLK, &o) == 0 && o.l_type == F_WRLCK && o.l_pid == -1);
    o = lock(F_WRLCK, SEEK_SET, 0, 4);
    o.l_pid = 1;
    FAILS(fcntl, EINVAL, fcntl(fd, F_OFD_SETLK, &o));
    // waiting: the child gets the lock when it is released
    a = lock(F_WRLCK, SEEK_SET, 50, 1);
    WORKS(fcntl, fcntl(fd, F_SETLK, &a) == 0);
    int ends[2];
    if (pipe(ends) != 0) exit(1);
    child = fork();
    if (child == 0) {
        int other = open("locks", O_RDWR);
        struct flock w = lock(F_WRLCK, SEEK_SET, 50, 1);
        if (write(ends[1], "r", 1) != 1) _exit(1);
        _exit(fcntl(other, F_SETLKW, &w) == 0 ? 0 : 1);
    }
    char byte;
    if (read(ends[0], &byte, 1) != 1) exit(1);
    usleep(50000);
    a.l_type = F_UNLCK;
    WORKS(fcntl, waitpid(child, &status, WNOHANG) == 0 && fcntl(fd, F_SETLK, &a) == 0 &&
                     waitpid(child, &status, 0) == child && status == 0);
    // a deadlock of two
    a = lock(F_WRLCK, SEEK_SET, 60, 1);
    fcntl(fd, F_SETLK, &a);
    child = fork();
    if (child == 0) {
        int other = open("locks", O_RDWR);
        struct flock mine = lock(F_WRLCK, SEEK_SET, 70, 1), theirs = lock(F_WRLCK, SEEK_SET, 60, 1);
        if (fcntl(other, F_SETLK, &mine) != 0 || write(ends[1], "r", 1) != 1) _exit(1);
        _exit(fcntl(other, F_SETLKW, &theirs) == 0 ? 0 : 1);
    }
    if (read(ends[0], &byte, 1) != 1) exit(1);
    usleep(50000);
    a = lock(F_WRLCK, SEEK_SET, 70, 1);
    FAILS(fcntl, EDEADLK, fcntl(fd, F_SETLKW, &a));
    a = lock(F_UNLCK, SEEK_SET, 0, 0);
    WORKS(fcntl, fcntl(fd, F_SETLK, &a) == 0 && waitpid(child, &status, 0) == child && status == 0);
}

static void test_flock(void) {
    int a = file_with("flock", "x"), b = open("flock", O_RDWR), path_only = open("flock", O_PATH);
    WORKS(flock, flock(a, LOCK_SH) == 0 && flock(b, LOCK_SH | LOCK_NB) == 0);
    FAILS(flock, EWOULDBLOCK, flock(a, LOCK_EX | LOCK_NB));
    WORKS(flock, flock(b, LOCK_UN) == 0 && flock(a, LOCK_EX | LOCK_NB) == 0);
    FAILS(flock, EWOULDBLOCK, flock(b, LOCK_SH | LOCK_NB));
    int c = dup(a);
    WORKS(flock, flock(c, LOCK_EX | LOCK_NB) == 0 && close(a) == 0 && flock(b, LOCK_SH | LOCK_NB) == -1 &&
                     close(c) == 0 && flock(b, LOCK_EX | LOCK_NB) == 0);
    FAILS(flock, EINVAL, flock(b, 0));
    FAILS(flock, EINVAL, flock(b, LOCK_SH | LOCK_EX));
    FAILS(flock, EBADF, flock(-1, LOCK_SH));
    FAILS(flock, EBADF, flock(path_only, LOCK_SH));
}

static void test_ioctl(void) {
    int ends[2], fd = file_with("ioctl", "0123456789"), on = 1, count = -1, path_only = open("ioctl", O_PATH);
    if (pipe(ends) != 0) exit(1);
    WORKS(ioctl, write(ends[1], "abc", 3) == 3 && ioctl(ends[0], FIONREAD, &count) == 0 && count == 3);
    WORKS(ioctl, lseek(fd, 4, SEEK_SET) == 4 && ioctl(fd, FIONREAD, &count) == 0 && count == 6);
    WORKS(ioctl, ioctl(ends[0], FIONBIO, &on) == 0 && (fcntl(ends[0], F_GETFL) & O_NONBLOCK) != 0);
    WORKS(ioctl, ioctl(fd, FIOCLEX) == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && ioctl(fd, FIONCLEX) == 0 &&
                     fcntl(fd, F_GETFD) == 0);
    FAILS(ioctl, EBADF, ioctl(-1, FIONREAD, &count));
    FAILS(ioctl, EBADF, ioctl(path_only, FIONREAD, &count));
    FAILS(ioctl, EFAULT, ioctl(ends[0], FIONREAD, BAD));
    FAILS(ioctl, EFAULT, ioctl(ends[0], FIONBIO, BAD));
    FAILS(ioctl, ENOTTY, ioctl(fd, TCGETS, &(char[100]){}));
    FAILS(ioctl, ENOTTY, ioctl(ends[0], TIOCGWINSZ, &(char[100]){}));
    FAILS(ioctl, ENOTTY, ioctl(fd, 0x5499, 0));
}

int main(void) {
    work_in_fresh_directory();
    test_duplicates();
    test_flags();
    test_pipe_size();
    test_seals();
    test_locks();
    test_flock();
    test_ioctl();
    return tap_done();
}
