// open, openat, openat2, creat, close, close_range, dup*, pipe*, memfd_create.
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "linux_calls.h"

static void test_open(void) {
    int fd = open("file", O_RDWR | O_CREAT, 0666);
    struct stat stat;
    WORKS(open, fd >= 0 && fstat(fd, &stat) == 0 && stat.st_mode == (S_IFREG | 0644));
    WORKS(open, open("file", O_RDONLY) == fd + 1);
    close(fd + 1);
    FAILS(open, EEXIST, open("file", O_RDWR | O_CREAT | O_EXCL, 0666));
    FAILS(open, ENOENT, open("missing", O_RDONLY));
    FAILS(open, ENOENT, open("", O_RDONLY));
    FAILS(open, ENOENT, open("missing/x", O_RDWR | O_CREAT, 0666));
    FAILS(open, ENOTDIR, open("file/x", O_RDONLY));
    FAILS(open, ENOTDIR, open("file", O_RDONLY | O_DIRECTORY));
    FAILS(open, ENOTDIR, open("file/", O_RDONLY));
    FAILS(open, EISDIR, open(".", O_RDWR));
    FAILS(open, EISDIR, open(".", O_WRONLY));
    FAILS(open, EISDIR, open("new/", O_CREAT | O_RDWR, 0666));
    FAILS(open, ENAMETOOLONG, open(long_name, O_RDONLY));
    FAILS(open, ENAMETOOLONG, open(long_path, O_RDONLY));
    FAILS(open, EFAULT, open(BAD, O_RDONLY));
    WORKS(open, symlink("loop", "loop") == 0);
    FAILS(open, ELOOP, open("loop", O_RDONLY));
    WORKS(open, symlink("file", "to-file") == 0);
    FAILS(open, ELOOP, open("to-file", O_RDONLY | O_NOFOLLOW));
    WORKS(open, (fd = open("to-file", O_RDONLY)) >= 0 && close(fd) == 0);
    FAILS(open, EINVAL, open(".", O_TMPFILE | O_RDONLY, 0600));
    WORKS(open, mkfifo("fifo", 0600) == 0);
    FAILS(open, ENXIO, open("fifo", O_WRONLY | O_NONBLOCK));
    WORKS(open, (fd = open("fifo", O_RDONLY | O_NONBLOCK)) >= 0 && close(fd) == 0);
    WORKS(open, mknod("socket", S_IFSOCK | 0600, 0) == 0);
    FAILS(open, ENXIO, open("socket", O_RDWR));
    WORKS(open, mknod("device", S_IFCHR | 0600, 0xfffff) == 0);
    FAILS(open, ENXIO, open("device", O_RDWR));
    fd = file_with("cut", "abc");
    WORKS(open, (fd = open("cut", O_WRONLY | O_TRUNC)) >= 0 && fstat(fd, &stat) == 0 && stat.st_size == 0);
    fd = open("append", O_RDWR | O_CREAT | O_APPEND, 0600);
    WORKS(open, write(fd, "ab", 2) == 2 && lseek(fd, 0, SEEK_SET) == 0 && write(fd, "c", 1) == 1 &&
                    lseek(fd, 0, SEEK_CUR) == 3);
    fd = open("file", O_PATH);
    char byte;
    FAILS(open, EBADF, read(fd, &byte, 1));
    WORKS(open, fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode));
    WORKS(open, (fd = open("to-file", O_PATH | O_NOFOLLOW)) >= 0 && fstat(fd, &stat) == 0 && S_ISLNK(stat.st_mode));
    fd = open("file", O_RDONLY | O_CLOEXEC);
    WORKS(open, fcntl(fd, F_GETFD) == FD_CLOEXEC);
    struct rlimit limit, small = {4, 4};
    getrlimit(RLIMIT_NOFILE, &limit);
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_NOFILE, &small);
        int last = -1, next;
        while ((next = open("file", O_RDONLY)) >= 0)
            last = next;
        _exit(errno == EMFILE && last <= 3 ? 0 : 1);
    }
    int status;
    WORKS(open, waitpid(child, &status, 0) == child && status == 0);
}

static void test_open_errors_of_user(void) {
    FAILS(open, EACCES, open("secret", O_RDONLY));
    FAILS(open, EACCES, open("new-by-user", O_RDWR | O_CREAT, 0600));
    FAILS(open, EACCES, open("closed/x", O_RDONLY));
    FAILS(openat, EACCES, openat(AT_FDCWD, "secret", O_RDONLY));
    FAILS(creat, EACCES, creat("secret", 0600));
    FAILS(open, EPERM, open("readable", O_RDONLY | O_NOATIME));
}

static void test_openat(void) {
    WORKS(openat, mkdir("d", 0755) == 0);
    int directory = open("d", O_RDONLY | O_DIRECTORY), fd;
    WORKS(openat, (fd = openat(directory, "x", O_CREAT | O_RDWR, 0600)) >= 0 && access("d/x", F_OK) == 0);
    char absolute[4200];
    WORKS(openat, getcwd(absolute, 4000) != NULL && strcat(absolute, "/d/x") && openat(-1, absolute, O_RDONLY) >= 0);
    FAILS(openat, EBADF, openat(-1, "x", O_RDONLY));
    FAILS(openat, EBADF, openat(9999, "x", O_RDONLY));
    FAILS(openat, ENOTDIR, openat(fd, "x", O_RDONLY));
    FAILS(openat, ENOENT, openat(directory, "y", O_RDONLY));
    FAILS(openat, EFAULT, openat(directory, BAD, O_RDONLY));
    FAILS(openat, EEXIST, openat(directory, "x", O_CREAT | O_EXCL | O_RDWR, 0600));
    FAILS(openat, ENAMETOOLONG, openat(directory, long_name, O_RDONLY));
    FAILS(openat, EISDIR, openat(AT_FDCWD, "d", O_WRONLY));
    FAILS(openat, ELOOP, openat(AT_FDCWD, "loop", O_RDONLY));
    FAILS(openat, EINVAL, openat(directory, "x", O_TMPFILE | O_RDONLY, 0600));
    fd = openat(directory, ".", O_TMPFILE | O_RDWR, 0600);
    struct stat stat;
    WORKS(openat, fd >= 0 && write(fd, "t", 1) == 1 && fstat(fd, &stat) == 0 && stat.st_nlink == 0);
}

static long openat2(int directory, const char *path, const struct open_how *how, size_t size) {
    return syscall(SYS_openat2, directory, path, how, size);
}

static void test_openat2(void) {
    struct open_how how = {.flags = O_RDONLY};
    struct {
        struct open_how how;
        uint64_t more;
    } longer = {.how = how}, wrong = {.how = how, .more = 1};
    WORKS(openat2, openat2(AT_FDCWD, "file", &how, sizeof how) >= 0);
    WORKS(openat2, openat2(AT_FDCWD, "file", &longer.how, sizeof longer) >= 0);
    FAILS(openat2, E2BIG, openat2(AT_FDCWD, "file", &wrong.how, sizeof wrong));
    FAILS(openat2, EINVAL, openat2(AT_FDCWD, "file", &how, sizeof how - 1));
    FAILS(openat2, EINVAL, openat2(AT_FDCWD, "file", &how, 0));
    FAILS(openat2, E2BIG, openat2(AT_FDCWD, "file", &how, 5000));
    FAILS(openat2, EFAULT, openat2(AT_FDCWD, "file", BAD, sizeof how));
    how.flags = 1ULL << 40;
    FAILS(openat2, EINVAL, openat2(AT_FDCWD, "file", &how, sizeof how));
    how.flags = O_RDONLY, how.mode = 0600;
    FAILS(openat2, EINVAL, openat2(AT_FDCWD, "file", &how, sizeof how));
    how.flags = O_RDWR | O_CREAT, how.mode = 010000;
    FAILS(openat2, EINVAL, openat2(AT_FDCWD, "file", &how, sizeof how));
    how.mode = 0, how.flags = O_RDONLY, how.resolve = 1 << 20;
    FAILS(openat2, EINVAL, openat2(AT_FDCWD, "file", &how, sizeof how));
    how.resolve = RESOLVE_BENEATH | RESOLVE_IN_ROOT;
    FAILS(openat2, EINVAL, openat2(AT_FDCWD, "file", &how, sizeof how));
    how.resolve = 0;
    FAILS(openat2, ENOENT, openat2(AT_FDCWD, "missing", &how, sizeof how));
    how.resolve = RESOLVE_NO_SYMLINKS;
    FAILS(openat2, ELOOP, openat2(AT_FDCWD, "to-file", &how, sizeof how));
    WORKS(openat2, openat2(AT_FDCWD, "file", &how, sizeof how) >= 0);
    how.resolve = RESOLVE_BENEATH;
    FAILS(openat2, EXDEV, openat2(AT_FDCWD, "/tmp", &how, sizeof how));
    FAILS(openat2, EXDEV, openat2(AT_FDCWD, "../", &how, sizeof how));
    WORKS(openat2, openat2(AT_FDCWD, "d/../file", &how, sizeof how) >= 0);
    how.resolve = RESOLVE_IN_ROOT;
    WORKS(openat2, openat2(AT_FDCWD, "/../file", &how, sizeof how) >= 0);
}

static void test_creat_and_close(void) {
    int fd = creat("created", 0640);
    struct stat stat;
    WORKS(creat, fd >= 0 && fstat(fd, &stat) == 0 && (stat.st_mode & 0777) == 0640);
    WORKS(creat, fcntl(fd, F_GETFL, 0) % 4 == O_WRONLY);
    FAILS(creat, EISDIR, creat(".", 0600));
    FAILS(creat, ENOENT, creat("missing/x", 0600));
    FAILS(creat, ENOTDIR, creat("file/x", 0600));
    FAILS(creat, EFAULT, creat(BAD, 0600));
    FAILS(creat, ENAMETOOLONG, creat(long_name, 0600));
    FAILS(creat, ELOOP, creat("loop", 0600));
    WORKS(close, close(fd) == 0);
    FAILS(close, EBADF, close(fd));
    FAILS(close, EBADF, close(-1));
    FAILS(close_range, EINVAL, syscall(SYS_close_range, 10, 9, 0));
    FAILS(close_range, EINVAL, syscall(SYS_close_range, 9, 10, 0x100));
    WORKS(close_range, dup2(1, 200) == 200 && dup2(1, 202) == 202 && syscall(SYS_close_range, 199, 202, 0) == 0);
    FAILS(close_range, EBADF, fcntl(200, F_GETFD));
    WORKS(close_range,
          dup2(1, 200) == 200 && syscall(SYS_close_range, 199, ~0U, 4) == 0 && fcntl(200, F_GETFD) == FD_CLOEXEC);
    close(200);
}

static void test_dup(void) {
    int fd = file_with("dup", "abcd"), other;
    WORKS(dup, (other = dup(fd)) > fd && lseek(other, 1, SEEK_SET) == 1 && lseek(fd, 0, SEEK_CUR) == 1);
    WORKS(dup, fcntl(other, F_GETFD) == 0);
    FAILS(dup, EBADF, dup(-1));
    FAILS(dup, EBADF, dup(777));
    WORKS(dup2, dup2(fd, 77) == 77 && dup2(fd, 77) == 77 && dup2(77, 77) == 77);
    FAILS(dup2, EBADF, dup2(777, 778));
    FAILS(dup2, EBADF, dup2(777, 777));
    FAILS(dup2, EBADF, dup2(fd, -1));
    FAILS(dup2, EBADF, dup2(fd, 1 << 30));
    WORKS(dup3, dup3(fd, 78, O_CLOEXEC) == 78 && fcntl(78, F_GETFD) == FD_CLOEXEC);
    FAILS(dup3, EINVAL, dup3(fd, fd, 0));
    FAILS(dup3, EINVAL, dup3(fd, 79, O_NONBLOCK));
    FAILS(dup3, EBADF, dup3(777, 79, 0));
    FAILS(dup3, EBADF, dup3(fd, 1 << 30, 0));
}

static void test_pipe(void) {
    int ends[2];
    char buffer[8];
    WORKS(pipe, pipe(ends) == 0 && write(ends[1], "hello", 5) == 5 && read(ends[0], buffer, 8) == 5 &&
                    memcmp(buffer, "hello", 5) == 0);
    FAILS(pipe, EBADF, write(ends[0], "x", 1));
    FAILS(pipe, EBADF, read(ends[1], buffer, 1));
    FAILS(pipe, ESPIPE, lseek(ends[0], 0, SEEK_CUR));
    WORKS(pipe, close(ends[1]) == 0 && read(ends[0], buffer, 1) == 0);
    FAILS(pipe, EFAULT, syscall(SYS_pipe, BAD));
    FAILS(pipe2, EFAULT, syscall(SYS_pipe2, BAD, 0));
    FAILS(pipe2, EINVAL, syscall(SYS_pipe2, ends, O_TRUNC));
    WORKS(pipe2, pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0 && fcntl(ends[0], F_GETFD) == FD_CLOEXEC &&
                     (fcntl(ends[1], F_GETFL) & O_NONBLOCK) != 0);
    FAILS(pipe2, EAGAIN, read(ends[0], buffer, 1));
    static char big[70000];
    WORKS(pipe2, write(ends[1], big, sizeof big) == 65536);
    FAILS(pipe2, EAGAIN, write(ends[1], big, 1));
    signal(SIGPIPE, SIG_IGN);
    close(ends[0]);
    FAILS(pipe2, EPIPE, write(ends[1], "x", 1));
}

static void test_memfd(void) {
    char name[260];
    memset(name, 'm', sizeof name);
    name[250] = 0;
    int fd = memfd_create("memory", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    char buffer[4];
    WORKS(memfd_create, fd >= 0 && write(fd, "abc", 3) == 3 && pread(fd, buffer, 4, 0) == 3);
    WORKS(memfd_create, fcntl(fd, F_GETFD) == FD_CLOEXEC);
    WORKS(memfd_create, fcntl(fd, F_GET_SEALS) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK) == 0);
    FAILS(memfd_create, EPERM, write(fd, "x", 1));
    FAILS(memfd_create, EPERM, ftruncate(fd, 1));
    FAILS(memfd_create, EINVAL, memfd_create("x", 0x1000));
    FAILS(memfd_create, EINVAL, memfd_create(name, 0));
    name[249] = 0;
    WORKS(memfd_create, (fd = memfd_create(name, 0)) >= 0);
    WORKS(memfd_create, fcntl(fd, F_GET_SEALS) == F_SEAL_SEAL);
    FAILS(memfd_create, EPERM, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    FAILS(memfd_create, EFAULT, memfd_create(BAD, 0));
}

int main(void) {
    work_in_fresh_directory();
    make_long_names();
    test_open();
    close(file_with("secret", "s"));
    chmod("secret", 0600);
    close(file_with("readable", "r"));
    mkdir("closed", 0700);
    chmod(".", 0755);
    as_user(test_open_errors_of_user);
    test_openat();
    test_openat2();
    test_creat_and_close();
    test_dup();
    test_pipe();
    test_memfd();
    return tap_done();
}
