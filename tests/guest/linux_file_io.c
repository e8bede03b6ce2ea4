// read, write and their kin, lseek, truncation, allocation, copies between files, syncing.
#include <limits.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "linux_calls.h"

static char buffer[70000];

static void test_read_write(void) {
    int fd = file_with("file", "0123456789"), only_read = open("file", O_RDONLY), only_write = open("file", O_WRONLY);
    int directory = open(".", O_RDONLY);
    WORKS(read, read(only_read, buffer, 4) == 4 && memcmp(buffer, "0123", 4) == 0);
    WORKS(read, read(only_read, buffer, 100) == 6 && read(only_read, buffer, 100) == 0);
    WORKS(read, read(only_read, buffer, 0) == 0);
    FAILS(read, EBADF, read(-1, buffer, 1));
    FAILS(read, EBADF, read(999, buffer, 1));
    FAILS(read, EBADF, read(only_write, buffer, 1));
    FAILS(read, EISDIR, read(directory, buffer, 1));
    lseek(only_read, 0, SEEK_SET);
    FAILS(read, EFAULT, read(only_read, BAD, 1));
    WORKS(write, write(fd, "abc", 3) == 3 && lseek(fd, 0, SEEK_CUR) == 13);
    WORKS(write, write(fd, buffer, 0) == 0);
    FAILS(write, EBADF, write(-1, buffer, 1));
    FAILS(write, EBADF, write(only_read, buffer, 1));
    FAILS(write, EBADF, write(directory, buffer, 1));
    FAILS(write, EFAULT, write(fd, BAD, 1));
    WORKS(write, pwrite(fd, "x", 1, 100) == 1 && pread(fd, buffer, 100, 20) == 81 && buffer[0] == 0);
    struct rlimit limit = {200, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    FAILS(write, EFBIG, pwrite(fd, "x", 1, 200));
    WORKS(write, pwrite(fd, buffer, 100, 150) == 50);
    FAILS(ftruncate, EFBIG, ftruncate(fd, 201));
    FAILS(truncate, EFBIG, truncate("file", 201));
    setrlimit(RLIMIT_FSIZE, &none);
}

static void test_positioned(void) {
    int fd = file_with("positioned", "0123456789"), ends[2];
    if (pipe(ends) != 0) exit(1);
    WORKS(pread64, pread(fd, buffer, 3, 7) == 3 && memcmp(buffer, "789", 3) == 0 && lseek(fd, 0, SEEK_CUR) == 10);
    FAILS(pread64, EINVAL, pread(fd, buffer, 1, -1));
    FAILS(pread64, EBADF, pread(-1, buffer, 1, 0));
    FAILS(pread64, ESPIPE, pread(ends[0], buffer, 1, 0));
    FAILS(pread64, EFAULT, pread(fd, BAD, 1, 0));
    WORKS(pread64, pread(fd, buffer, 1, 1000) == 0);
    WORKS(pwrite64,
          pwrite(fd, "ab", 2, 4) == 2 && pread(fd, buffer, 10, 0) == 10 && memcmp(buffer, "0123ab6789", 10) == 0);
    FAILS(pwrite64, EINVAL, pwrite(fd, buffer, 1, -1));
    FAILS(pwrite64, EBADF, pwrite(-1, buffer, 1, 0));
    FAILS(pwrite64, ESPIPE, pwrite(ends[1], buffer, 1, 0));
    FAILS(pwrite64, EFAULT, pwrite(fd, BAD, 1, 0));
}

static void test_vectors(void) {
    int fd = file_with("vectors", "0123456789");
    char a[3], b[4];
    struct iovec two[2] = {{a, 3}, {b, 4}}, negative[2] = {{a, 3}, {b, (size_t)-1}}, bad[1] = {{BAD, 3}};
    static struct iovec many[1025];
    for (int i = 0; i < 1025; i++)
        many[i] = (struct iovec){buffer + i, 1};
    WORKS(readv, lseek(fd, 0, SEEK_SET) == 0 && readv(fd, two, 2) == 7 && memcmp(a, "012", 3) == 0 &&
                     memcmp(b, "3456", 4) == 0);
    WORKS(readv, readv(fd, two, 2) == 3 && readv(fd, two, 0) == 0);
    lseek(fd, 0, SEEK_SET);
    WORKS(readv, readv(fd, many, 1024) == 10 && memcmp(buffer, "0123456789", 10) == 0);
    FAILS(readv, EINVAL, readv(fd, many, 1025));
    FAILS(readv, EINVAL, syscall(SYS_readv, fd, many, -1));
    FAILS(readv, EINVAL, readv(fd, negative, 2));
    FAILS(readv, EFAULT, syscall(SYS_readv, fd, BAD, 1));
    lseek(fd, 0, SEEK_SET);
    FAILS(readv, EFAULT, readv(fd, bad, 1));
    FAILS(readv, EBADF, readv(-1, two, 2));
    WORKS(writev, lseek(fd, 0, SEEK_SET) == 0 && writev(fd, two, 2) == 7);
    FAILS(writev, EINVAL, writev(fd, many, 1025));
    FAILS(writev, EINVAL, writev(fd, negative, 2));
    FAILS(writev, EFAULT, syscall(SYS_writev, fd, BAD, 1));
    FAILS(writev, EFAULT, writev(fd, bad, 1));
    FAILS(writev, EBADF, writev(-1, two, 2));
    WORKS(preadv, preadv(fd, two, 2, 1) == 7);
    FAILS(preadv, EINVAL, preadv(fd, two, 2, -1));
    FAILS(preadv, EBADF, preadv(-1, two, 2, 0));
    WORKS(pwritev, pwritev(fd, two, 2, 20) == 7 && lseek(fd, 0, SEEK_END) == 27);
    FAILS(pwritev, EINVAL, pwritev(fd, two, 2, -1));
    FAILS(pwritev, EBADF, pwritev(-1, two, 2, 0));
    lseek(fd, 0, SEEK_SET);
    WORKS(preadv2, syscall(SYS_preadv2, fd, two, 2, -1L, 0L, 0L) == 7 && lseek(fd, 0, SEEK_CUR) == 7);
    WORKS(preadv2, syscall(SYS_preadv2, fd, two, 2, 0L, 0L, 1) == 7 && lseek(fd, 0, SEEK_CUR) == 7);
    FAILS(preadv2, EOPNOTSUPP, syscall(SYS_preadv2, fd, two, 2, 0L, 0L, 0x10000));
    FAILS(preadv2, EINVAL, syscall(SYS_preadv2, fd, two, 2, -2L, 0L, 0L));
    WORKS(pwritev2, syscall(SYS_pwritev2, fd, two, 2, 0L, 0L, 2) == 7);
    WORKS(pwritev2, syscall(SYS_pwritev2, fd, two, 2, 0L, 0L, 16) == 7 && lseek(fd, 0, SEEK_END) == 34);
    FAILS(pwritev2, EOPNOTSUPP, syscall(SYS_pwritev2, fd, two, 2, 0L, 0L, 0x10000));
}

static void test_seek(void) {
    int fd = file_with("seek", "0123456789"), ends[2];
    if (pipe(ends) != 0) exit(1);
    WORKS(lseek, lseek(fd, 3, SEEK_SET) == 3 && lseek(fd, 2, SEEK_CUR) == 5 && lseek(fd, -1, SEEK_END) == 9);
    WORKS(lseek, lseek(fd, 1000, SEEK_SET) == 1000 && read(fd, buffer, 1) == 0);
    FAILS(lseek, EINVAL, lseek(fd, -1, SEEK_SET));
    FAILS(lseek, EINVAL, lseek(fd, 0, 9));
    FAILS(lseek, EBADF, lseek(-1, 0, SEEK_SET));
    FAILS(lseek, ESPIPE, lseek(ends[0], 0, SEEK_SET));
    WORKS(lseek, lseek(fd, 0, SEEK_DATA) == 0 && lseek(fd, 0, SEEK_HOLE) == 10);
    FAILS(lseek, ENXIO, lseek(fd, 10, SEEK_DATA));
    FAILS(lseek, ENXIO, lseek(fd, 11, SEEK_HOLE));
}

static void test_size(void) {
    int fd = file_with("size", "0123456789"), only_read = open("size", O_RDONLY), ends[2],
        directory = open(".", O_RDONLY);
    struct stat stat;
    if (pipe(ends) != 0) exit(1);
    WORKS(ftruncate, ftruncate(fd, 4) == 0 && fstat(fd, &stat) == 0 && stat.st_size == 4);
    WORKS(ftruncate, ftruncate(fd, 8) == 0 && pread(fd, buffer, 100, 0) == 8 && memcmp(buffer, "0123\0\0\0\0", 8) == 0);
    FAILS(ftruncate, EINVAL, ftruncate(fd, -1));
    FAILS(ftruncate, EINVAL, ftruncate(only_read, 1));
    FAILS(ftruncate, EBADF, ftruncate(-1, 1));
    FAILS(ftruncate, EINVAL, ftruncate(ends[1], 1));
    FAILS(ftruncate, EINVAL, ftruncate(directory, 1));
    WORKS(truncate, truncate("size", 2) == 0 && fstat(fd, &stat) == 0 && stat.st_size == 2);
    FAILS(truncate, EINVAL, truncate("size", -1));
    FAILS(truncate, EISDIR, truncate(".", 1));
    FAILS(truncate, ENOENT, truncate("missing", 1));
    FAILS(truncate, ENOENT, truncate("", 1));
    FAILS(truncate, ENOTDIR, truncate("size/x", 1));
    FAILS(truncate, ENAMETOOLONG, truncate(long_name, 1));
    FAILS(truncate, EFAULT, truncate(BAD, 1));
    symlink("loop", "loop");
    FAILS(truncate, ELOOP, truncate("loop", 1));
    mkfifo("fifo", 0600);
    FAILS(truncate, EINVAL, truncate("fifo", 1));
    WORKS(fallocate, fallocate(fd, 0, 0, 100) == 0 && fstat(fd, &stat) == 0 && stat.st_size == 100);
    WORKS(fallocate, fallocate(fd, 1, 0, 10000) == 0 && fstat(fd, &stat) == 0 && stat.st_size == 100);
    FAILS(fallocate, EINVAL, fallocate(fd, 0, -1, 1));
    FAILS(fallocate, EINVAL, fallocate(fd, 0, 0, 0));
    FAILS(fallocate, EBADF, fallocate(-1, 0, 0, 1));
    FAILS(fallocate, EBADF, fallocate(only_read, 0, 0, 1));
    FAILS(fallocate, ESPIPE, fallocate(ends[1], 0, 0, 1));
    FAILS(fallocate, EFBIG, fallocate(fd, 0, 1, LLONG_MAX));
    FAILS(fallocate, EOPNOTSUPP, fallocate(fd, 2, 0, 1));
    WORKS(fallocate, pwrite(fd, "full", 4, 0) == 4 && fallocate(fd, 3, 0, 4) == 0 && pread(fd, buffer, 4, 0) == 4 &&
                         memcmp(buffer, "\0\0\0\0", 4) == 0);
    WORKS(fadvise64, posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL) == 0);
    FAILS(fadvise64, EINVAL, syscall(SYS_fadvise64, fd, 0, 0, 100));
    FAILS(fadvise64, EINVAL, syscall(SYS_fadvise64, fd, 0L, -1L, 0));
    FAILS(fadvise64, EBADF, syscall(SYS_fadvise64, -1, 0, 0, 0));
    FAILS(fadvise64, ESPIPE, syscall(SYS_fadvise64, ends[0], 0, 0, 0));
    WORKS(readahead, readahead(fd, 0, 4096) == 0);
    FAILS(readahead, EBADF, readahead(-1, 0, 1));
    FAILS(readahead, EINVAL, readahead(ends[0], 0, 1));
}

static void test_sync(void) {
    int fd = file_with("sync", "x"), ends[2];
    if (pipe(ends) != 0) exit(1);
    WORKS(sync, syscall(SYS_sync) == 0);
    WORKS(fsync, fsync(fd) == 0);
    FAILS(fsync, EBADF, fsync(-1));
    FAILS(fsync, EINVAL, fsync(ends[1]));
    WORKS(fdatasync, fdatasync(fd) == 0);
    FAILS(fdatasync, EBADF, fdatasync(-1));
    FAILS(fdatasync, EINVAL, fdatasync(ends[1]));
    WORKS(syncfs, syncfs(fd) == 0);
    FAILS(syncfs, EBADF, syncfs(-1));
    WORKS(sync_file_range, sync_file_range(fd, 0, 1, 7) == 0);
    FAILS(sync_file_range, EINVAL, sync_file_range(fd, 0, 1, 8));
    FAILS(sync_file_range, EINVAL, sync_file_range(fd, -1, 1, 7));
    FAILS(sync_file_range, EBADF, sync_file_range(-1, 0, 1, 7));
    FAILS(sync_file_range, ESPIPE, sync_file_range(ends[1], 0, 1, 7));
}

static void test_copies(void) {
    int from = file_with("from", "0123456789"), to = open("to", O_RDWR | O_CREAT, 0600), ends[2],
        directory = open(".", O_RDONLY);
    int only_read = open("from", O_RDONLY), only_write = open("from", O_WRONLY), append = open("to", O_RDWR | O_APPEND);
    off_t offset = 2, zero = 0, negative = -1;
    if (pipe(ends) != 0) exit(1);
    WORKS(sendfile, sendfile(to, from, &offset, 5) == 5 && offset == 7 && pread(to, buffer, 10, 0) == 5 &&
                        memcmp(buffer, "23456", 5) == 0);
    WORKS(sendfile,
          lseek(from, 8, SEEK_SET) == 8 && sendfile(ends[1], from, NULL, 100) == 2 && read(ends[0], buffer, 9) == 2);
    FAILS(sendfile, EBADF, sendfile(-1, from, NULL, 1));
    FAILS(sendfile, EBADF, sendfile(to, -1, NULL, 1));
    FAILS(sendfile, EBADF, sendfile(to, only_write, NULL, 1));
    FAILS(sendfile, EBADF, sendfile(only_read, from, NULL, 1));
    FAILS(sendfile, EINVAL, sendfile(append, from, NULL, 1));
    FAILS(sendfile, EINVAL, sendfile(to, from, &negative, 1));
    FAILS(sendfile, EFAULT, syscall(SYS_sendfile, to, from, BAD, 1));
    FAILS(sendfile, ESPIPE, sendfile(to, ends[0], &zero, 1));
    WORKS(splice,
          write(ends[1], "pipe", 4) == 4 && (offset = 0, splice(ends[0], NULL, to, &offset, 4, 0) == 4) && offset == 4);
    WORKS(splice, (offset = 1, splice(from, &offset, ends[1], NULL, 3, 0) == 3) && read(ends[0], buffer, 9) == 3 &&
                      memcmp(buffer, "123", 3) == 0);
    FAILS(splice, EINVAL, splice(from, NULL, to, NULL, 1, 0));
    FAILS(splice, EINVAL, splice(ends[0], NULL, to, NULL, 1, 0x100));
    FAILS(splice, EBADF, splice(-1, NULL, ends[1], NULL, 1, 0));
    FAILS(splice, EBADF, splice(from, NULL, ends[0], NULL, 1, 0));
    FAILS(splice, ESPIPE, splice(ends[0], &zero, to, NULL, 1, 0));
    FAILS(splice, EINVAL, splice(ends[0], NULL, append, NULL, 1, 0));
    FAILS(splice, EINVAL, splice(ends[0], NULL, ends[1], NULL, 1, 0));
    FAILS(splice, EAGAIN, splice(ends[0], NULL, to, NULL, 1, 2));
    off_t in = 0, out = 3;
    WORKS(copy_file_range, copy_file_range(from, &in, to, &out, 4, 0) == 4 && in == 4 && out == 7 &&
                               pread(to, buffer, 4, 3) == 4 && memcmp(buffer, "0123", 4) == 0);
    WORKS(copy_file_range, lseek(from, 10, SEEK_SET) == 10 && copy_file_range(from, NULL, to, NULL, 4, 0) == 0);
    in = out = 0;
    FAILS(copy_file_range, EINVAL, copy_file_range(from, &in, to, &out, 4, 1));
    FAILS(copy_file_range, EBADF, copy_file_range(-1, &in, to, &out, 4, 0));
    FAILS(copy_file_range, EBADF, copy_file_range(only_write, &in, to, &out, 4, 0));
    FAILS(copy_file_range, EBADF, copy_file_range(from, &in, only_read, &out, 4, 0));
    FAILS(copy_file_range, EBADF, copy_file_range(from, &in, append, &out, 4, 0));
    FAILS(copy_file_range, EISDIR, copy_file_range(directory, &in, to, &out, 4, 0));
    FAILS(copy_file_range, EINVAL, copy_file_range(ends[0], NULL, to, &out, 4, 0));
    out = 2;
    WORKS(copy_file_range, (in = 6, copy_file_range(from, &in, from, &out, 100, 0)) == 4 && out == 6);
    in = 0, out = 2;
    FAILS(copy_file_range, EINVAL, copy_file_range(from, &in, from, &out, 4, 0));
    FAILS(copy_file_range, EOVERFLOW, copy_file_range(from, &in, to, &out, SIZE_MAX, 0));
}

static void truncate_as_user(void) {
    FAILS(truncate, EACCES, truncate("size", 1));
    FAILS(truncate, EACCES, truncate("closed/x", 1));
}

int main(void) {
    work_in_fresh_directory();
    make_long_names();
    test_read_write();
    test_positioned();
    test_vectors();
    test_seek();
    test_size();
    test_sync();
    test_copies();
    mkdir("closed", 0700);
    chmod(".", 0755);
    as_user(truncate_as_user);
    return tap_done();
}
