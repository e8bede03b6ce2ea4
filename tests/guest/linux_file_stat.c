// stat and its kin, statfs, getdents, modes, owners, times, extended attributes.
#include <dirent.h>
#define statx           kernel_statx // newer C libraries have their own
#define statx_timestamp kernel_statx_timestamp
#include <linux/stat.h>
#undef statx
#undef statx_timestamp
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <utime.h>

#include "linux_calls.h"

static char buffer[70000];

static void test_stat(void) {
    struct stat a, b, c;
    int fd = open("file", O_RDONLY);
    WORKS(stat,
          stat("file", &a) == 0 && a.st_size == 4 && a.st_mode == (S_IFREG | 0644) && a.st_nlink == 1 && a.st_uid == 0);
    WORKS(stat, a.st_blksize > 0 && a.st_blocks >= 0 && a.st_mtime > 1000000000);
    WORKS(fstat, fstat(fd, &b) == 0 && b.st_ino == a.st_ino && b.st_dev == a.st_dev);
    WORKS(lstat, lstat("to-file", &c) == 0 && S_ISLNK(c.st_mode) && c.st_size == 4);
    WORKS(stat, stat("to-file", &c) == 0 && c.st_ino == a.st_ino);
    WORKS(stat, stat("/dev/null", &c) == 0 && S_ISCHR(c.st_mode) && c.st_rdev == makedev(1, 3));
    FAILS(stat, ENOENT, stat("missing", &a));
    FAILS(stat, ENOENT, stat("", &a));
    FAILS(stat, ENOENT, stat("dangling", &a));
    FAILS(stat, ENOTDIR, stat("file/x", &a));
    FAILS(stat, ENOTDIR, stat("file/", &a));
    FAILS(stat, ELOOP, stat("loop", &a));
    FAILS(stat, ENAMETOOLONG, stat(long_name, &a));
    FAILS(stat, ENAMETOOLONG, stat(long_path, &a));
    FAILS(stat, EFAULT, syscall(SYS_stat, BAD, &a));
    FAILS(stat, EFAULT, syscall(SYS_stat, "file", BAD));
    FAILS(lstat, ENOENT, lstat("missing", &a));
    FAILS(lstat, ENOTDIR, lstat("file/x", &a));
    FAILS(lstat, EFAULT, syscall(SYS_lstat, "file", BAD));
    FAILS(lstat, ENAMETOOLONG, lstat(long_name, &a));
    FAILS(lstat, ELOOP, lstat("loop/x", &a));
    FAILS(fstat, EBADF, syscall(SYS_fstat, -1, &a));
    FAILS(fstat, EBADF, syscall(SYS_fstat, AT_FDCWD, &a));
    FAILS(fstat, EFAULT, syscall(SYS_fstat, fd, BAD));
    WORKS(newfstatat, syscall(SYS_newfstatat, AT_FDCWD, "file", &b, 0) == 0 && b.st_size == 4);
    WORKS(newfstatat, syscall(SYS_newfstatat, fd, "", &b, AT_EMPTY_PATH) == 0 && b.st_size == 4);
    WORKS(newfstatat, syscall(SYS_newfstatat, AT_FDCWD, "to-file", &b, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(b.st_mode));
    WORKS(newfstatat, syscall(SYS_newfstatat, AT_FDCWD, "", &b, AT_EMPTY_PATH) == 0 && S_ISDIR(b.st_mode));
    FAILS(newfstatat, EINVAL, syscall(SYS_newfstatat, AT_FDCWD, "file", &b, 1));
    FAILS(newfstatat, EBADF, syscall(SYS_newfstatat, -1, "file", &b, 0));
    FAILS(newfstatat, ENOTDIR, syscall(SYS_newfstatat, fd, "file", &b, 0));
    FAILS(newfstatat, ENOENT, syscall(SYS_newfstatat, fd, "", &b, 0));
    FAILS(newfstatat, EFAULT, syscall(SYS_newfstatat, AT_FDCWD, BAD, &b, 0));
}

static long statx_call(int directory, const char *path, unsigned flags, unsigned mask, void *out) {
    return syscall(SYS_statx, directory, path, flags, mask, out);
}

static void test_statx(void) {
    struct kernel_statx x;
    struct stat s;
    int fd = open("file", O_RDONLY);
    fstat(fd, &s);
    WORKS(statx, statx_call(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &x) == 0 && x.stx_size == 4 &&
                     x.stx_ino == s.st_ino && (x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
    WORKS(statx, makedev(x.stx_dev_major, x.stx_dev_minor) == s.st_dev && x.stx_mtime.tv_sec == s.st_mtime);
    WORKS(statx, statx_call(fd, "", AT_EMPTY_PATH, STATX_ALL, &x) == 0 && x.stx_ino == s.st_ino);
    WORKS(statx,
          statx_call(AT_FDCWD, "/dev/null", 0, STATX_ALL, &x) == 0 && x.stx_rdev_major == 1 && x.stx_rdev_minor == 3);
    FAILS(statx, EINVAL, statx_call(AT_FDCWD, "file", 1, STATX_ALL, &x));
    FAILS(statx, EINVAL, statx_call(AT_FDCWD, "file", 0x6000, STATX_ALL, &x));
    FAILS(statx, EINVAL, statx_call(AT_FDCWD, "file", 0, 0x80000000, &x));
    FAILS(statx, EBADF, statx_call(-1, "file", 0, STATX_ALL, &x));
    FAILS(statx, ENOTDIR, statx_call(fd, "file", 0, STATX_ALL, &x));
    FAILS(statx, ENOENT, statx_call(AT_FDCWD, "missing", 0, STATX_ALL, &x));
    FAILS(statx, ENOENT, statx_call(AT_FDCWD, "", 0, STATX_ALL, &x));
    FAILS(statx, EFAULT, statx_call(AT_FDCWD, "file", 0, STATX_ALL, BAD));
    FAILS(statx, EFAULT, statx_call(AT_FDCWD, BAD, 0, STATX_ALL, &x));
    FAILS(statx, ELOOP, statx_call(AT_FDCWD, "loop", 0, STATX_ALL, &x));
    FAILS(statx, ENAMETOOLONG, statx_call(AT_FDCWD, long_name, 0, STATX_ALL, &x));
}

static void test_statfs(void) {
    struct statfs s, t;
    int fd = open("file", O_RDONLY);
    WORKS(statfs, statfs(".", &s) == 0 && s.f_bsize > 0 && s.f_namelen == 255);
    WORKS(statfs, statfs("/proc", &t) == 0 && t.f_type == 0x9fa0);
    FAILS(statfs, ENOENT, statfs("missing", &s));
    FAILS(statfs, ENOTDIR, statfs("file/x", &s));
    FAILS(statfs, EFAULT, statfs(".", BAD));
    FAILS(statfs, EFAULT, statfs(BAD, &s));
    FAILS(statfs, ELOOP, statfs("loop", &s));
    FAILS(statfs, ENAMETOOLONG, statfs(long_name, &s));
    WORKS(fstatfs, fstatfs(fd, &t) == 0 && t.f_type == s.f_type);
    FAILS(fstatfs, EBADF, fstatfs(-1, &s));
    FAILS(fstatfs, EFAULT, fstatfs(fd, BAD));
}

struct entry {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

// How many names the directory has, and whether `name` of `type` is among them.
static int entries(int directory, const char *name, int type, size_t size) {
    int count = 0, found = name == NULL;
    long length;
    while ((length = syscall(SYS_getdents64, directory, buffer, size)) > 0) {
        for (long at = 0; at < length;) {
            struct entry *entry = (void *)(buffer + at);
            if (name != NULL && strcmp(entry->name, name) == 0 && entry->type == type) found = 1;
            at += entry->length;
            count++;
        }
    }
    return length == 0 && found ? count : -1;
}

static void test_directories(void) {
    mkdir("many", 0755);
    for (int i = 0; i < 300; i++) {
        char name[40];
        snprintf(name, sizeof name, "many/name-%d", i);
        close(open(name, O_CREAT | O_WRONLY, 0600));
    }
    mkdir("many/dir", 0755);
    symlink("x", "many/link");
    int directory = open("many", O_RDONLY | O_DIRECTORY), fd = open("file", O_RDONLY);
    WORKS(getdents64, entries(directory, "name-299", DT_REG, sizeof buffer) == 304);
    WORKS(getdents64, syscall(SYS_getdents64, directory, buffer, 1000) == 0);
    WORKS(getdents64, lseek(directory, 0, SEEK_SET) == 0 && entries(directory, "dir", DT_DIR, 300) == 304);
    WORKS(getdents64, lseek(directory, 0, SEEK_SET) == 0 && entries(directory, "link", DT_LNK, 4096) == 304);
    WORKS(getdents64, lseek(directory, 0, SEEK_SET) == 0 && entries(directory, "..", DT_DIR, 4096) == 304);
    lseek(directory, 0, SEEK_SET);
    WORKS(getdents64, syscall(SYS_getdents64, directory, buffer, 4096) > 0);
    struct entry *first = (void *)buffer, *second = (void *)(buffer + first->length);
    char name[256];
    strcpy(name, second->name);
    WORKS(getdents64, lseek(directory, first->offset, SEEK_SET) == first->offset &&
                          syscall(SYS_getdents64, directory, buffer, 4096) > 0 &&
                          strcmp(((struct entry *)buffer)->name, name) == 0);
    lseek(directory, 0, SEEK_SET);
    FAILS(getdents64, EINVAL, syscall(SYS_getdents64, directory, buffer, 10));
    FAILS(getdents64, EFAULT, syscall(SYS_getdents64, directory, BAD, 1000));
    FAILS(getdents64, EBADF, syscall(SYS_getdents64, -1, buffer, 1000));
    FAILS(getdents64, ENOTDIR, syscall(SYS_getdents64, fd, buffer, 1000));
    mkdir("deleted", 0700);
    int deleted = open("deleted", O_RDONLY);
    rmdir("deleted");
    FAILS(getdents64, ENOENT, syscall(SYS_getdents64, deleted, buffer, 1000));
    lseek(directory, 0, SEEK_SET);
    long length = syscall(SYS_getdents, directory, buffer, 1000);
    unsigned short reclen = *(unsigned short *)(buffer + 16);
    WORKS(getdents, length > 0 && reclen % 8 == 0 && strlen(buffer + 18) > 0 && buffer[reclen - 1] != 0);
    FAILS(getdents, EBADF, syscall(SYS_getdents, -1, buffer, 1000));
    FAILS(getdents, ENOTDIR, syscall(SYS_getdents, fd, buffer, 1000));
    FAILS(getdents, EINVAL, (lseek(directory, 0, SEEK_SET), syscall(SYS_getdents, directory, buffer, 10)));
    FAILS(getdents, EFAULT, syscall(SYS_getdents, directory, BAD, 1000));
}

static void test_mode_and_owner(void) {
    struct stat s;
    int fd = open("file", O_RDONLY), path_only = open("file", O_PATH);
    WORKS(chmod, chmod("file", 06755) == 0 && stat("file", &s) == 0 && s.st_mode == (S_IFREG | 06755));
    WORKS(fchmod, fchmod(fd, 0600) == 0 && stat("file", &s) == 0 && s.st_mode == (S_IFREG | 0600));
    WORKS(fchmodat, syscall(SYS_fchmodat, AT_FDCWD, "to-file", 0644) == 0 && stat("file", &s) == 0 &&
                        s.st_mode == (S_IFREG | 0644));
    FAILS(chmod, ENOENT, chmod("missing", 0600));
    FAILS(chmod, ENOTDIR, chmod("file/x", 0600));
    FAILS(chmod, EFAULT, chmod(BAD, 0600));
    FAILS(chmod, ELOOP, chmod("loop", 0600));
    FAILS(chmod, ENAMETOOLONG, chmod(long_name, 0600));
    FAILS(fchmod, EBADF, fchmod(-1, 0600));
    FAILS(fchmod, EBADF, syscall(SYS_fchmod, path_only, 0600));
    FAILS(fchmodat, EBADF, syscall(SYS_fchmodat, -1, "file", 0600));
    FAILS(fchmodat, ENOTDIR, syscall(SYS_fchmodat, fd, "file", 0600));
    WORKS(fchmodat2,
          syscall(452, AT_FDCWD, "file", 0640, 0) == 0 && stat("file", &s) == 0 && s.st_mode == (S_IFREG | 0640));
    FAILS(fchmodat2, EINVAL, syscall(452, AT_FDCWD, "file", 0640, 1));
    FAILS(fchmodat2, EOPNOTSUPP, syscall(452, AT_FDCWD, "to-file", 0640, AT_SYMLINK_NOFOLLOW));
    chmod("file", 06755);
    WORKS(chown, chown("file", 5, 6) == 0 && stat("file", &s) == 0 && s.st_uid == 5 && s.st_gid == 6);
    WORKS(chown, s.st_mode == (S_IFREG | 0755));
    WORKS(chown, chown("file", -1, 7) == 0 && stat("file", &s) == 0 && s.st_uid == 5 && s.st_gid == 7);
    WORKS(lchown, lchown("to-file", 8, 9) == 0 && lstat("to-file", &s) == 0 && s.st_uid == 8 && stat("file", &s) == 0 &&
                      s.st_uid == 5);
    WORKS(fchown, fchown(fd, 0, 0) == 0 && stat("file", &s) == 0 && s.st_uid == 0);
    WORKS(fchownat,
          fchownat(AT_FDCWD, "to-file", 1, 1, AT_SYMLINK_NOFOLLOW) == 0 && lstat("to-file", &s) == 0 && s.st_uid == 1);
    WORKS(fchownat, fchownat(fd, "", 0, 0, AT_EMPTY_PATH) == 0);
    FAILS(chown, ENOENT, chown("missing", 0, 0));
    FAILS(chown, ENOTDIR, chown("file/x", 0, 0));
    FAILS(chown, EFAULT, chown(BAD, 0, 0));
    FAILS(chown, ELOOP, chown("loop", 0, 0));
    FAILS(chown, ENAMETOOLONG, chown(long_name, 0, 0));
    FAILS(lchown, ENOENT, lchown("missing", 0, 0));
    FAILS(lchown, EFAULT, lchown(BAD, 0, 0));
    FAILS(fchown, EBADF, fchown(-1, 0, 0));
    FAILS(fchown, EBADF, fchown(path_only, 0, 0));
    FAILS(fchownat, EINVAL, fchownat(AT_FDCWD, "file", 0, 0, 1));
    FAILS(fchownat, EBADF, fchownat(-1, "file", 0, 0, 0));
    FAILS(fchownat, ENOTDIR, fchownat(fd, "file", 0, 0, 0));
}

static void test_times(void) {
    struct stat s;
    struct utimbuf old = {1000, 2000};
    struct timeval values[2] = {{3000, 500000}, {4000, 0}}, wrong[2] = {{0, 1000000}, {0, 0}};
    struct timespec exact[2] = {{5000, 123456789}, {-6000, 987654321}}, bad[2] = {{0, -5}, {0, 0}};
    struct timespec omit[2] = {{1, UTIME_OMIT}, {2, UTIME_OMIT}}, now[2] = {{1, UTIME_NOW}, {7000, 0}};
    int fd = open("file", O_RDONLY);
    WORKS(utime, utime("file", &old) == 0 && stat("file", &s) == 0 && s.st_atime == 1000 && s.st_mtime == 2000);
    WORKS(utime, utime("file", NULL) == 0 && stat("file", &s) == 0 && s.st_mtime > 1000000000);
    FAILS(utime, ENOENT, utime("missing", &old));
    FAILS(utime, EFAULT, syscall(SYS_utime, "file", BAD));
    FAILS(utime, ENOTDIR, utime("file/x", &old));
    WORKS(utimes, syscall(SYS_utimes, "file", values) == 0 && stat("file", &s) == 0 && s.st_atim.tv_sec == 3000 &&
                      s.st_atim.tv_nsec == 500000000 && s.st_mtime == 4000);
    FAILS(utimes, EINVAL, syscall(SYS_utimes, "file", wrong));
    FAILS(utimes, ENOENT, syscall(SYS_utimes, "missing", values));
    FAILS(utimes, EFAULT, syscall(SYS_utimes, "file", BAD));
    FAILS(utimes, EFAULT, syscall(SYS_utimes, BAD, values));
    WORKS(futimesat,
          syscall(SYS_futimesat, AT_FDCWD, "file", values) == 0 && syscall(SYS_futimesat, fd, NULL, values) == 0);
    FAILS(futimesat, EBADF, syscall(SYS_futimesat, -1, "file", values));
    FAILS(futimesat, ENOTDIR, syscall(SYS_futimesat, fd, "file", values));
    WORKS(utimensat, utimensat(AT_FDCWD, "file", exact, 0) == 0 && stat("file", &s) == 0 &&
                         s.st_atim.tv_nsec == 123456789 && s.st_mtim.tv_sec == -6000 && s.st_mtim.tv_nsec == 987654321);
    WORKS(utimensat, utimensat(AT_FDCWD, "file", omit, 0) == 0 && stat("file", &s) == 0 && s.st_atime == 5000);
    WORKS(utimensat, utimensat(AT_FDCWD, "missing", omit, 0) == 0);
    WORKS(utimensat, syscall(SYS_utimensat, fd, NULL, now, 0) == 0 && stat("file", &s) == 0 && s.st_mtime == 7000 &&
                         s.st_atime > 1000000000);
    WORKS(utimensat, utimensat(AT_FDCWD, "to-file", exact, AT_SYMLINK_NOFOLLOW) == 0 && lstat("to-file", &s) == 0 &&
                         s.st_atime == 5000);
    FAILS(utimensat, EINVAL, syscall(SYS_utimensat, AT_FDCWD, "file", bad, 0));
    FAILS(utimensat, EINVAL, syscall(SYS_utimensat, AT_FDCWD, "file", exact, 1));
    FAILS(utimensat, EINVAL, syscall(SYS_utimensat, fd, NULL, exact, AT_SYMLINK_NOFOLLOW));
    FAILS(utimensat, EFAULT, syscall(SYS_utimensat, AT_FDCWD, NULL, exact, 0));
    FAILS(utimensat, EFAULT, syscall(SYS_utimensat, AT_FDCWD, "file", BAD, 0));
    FAILS(utimensat, EBADF, syscall(SYS_utimensat, -1, "file", exact, 0));
    FAILS(utimensat, EBADF, syscall(SYS_utimensat, 999, NULL, exact, 0));
    FAILS(utimensat, ENOENT, syscall(SYS_utimensat, AT_FDCWD, "missing", exact, 0));
    FAILS(utimensat, ENOENT, syscall(SYS_utimensat, AT_FDCWD, "", exact, 0));
    FAILS(utimensat, ENOTDIR, syscall(SYS_utimensat, AT_FDCWD, "file/x", exact, 0));
    FAILS(utimensat, ELOOP, syscall(SYS_utimensat, AT_FDCWD, "loop", exact, 0));
    FAILS(utimensat, ENAMETOOLONG, syscall(SYS_utimensat, AT_FDCWD, long_name, exact, 0));
}

static void test_xattr(void) {
    int fd = open("file", O_RDWR), path_only = open("file", O_PATH);
    char name[300] = "user.";
    memset(name + 5, 'n', 290);
    if (setxattr("file", "user.a", "value", 5, 0) != 0 && errno == EOPNOTSUPP) {
        WORKS(setxattr, errno == EOPNOTSUPP); // a file system without them
        FAILS(getxattr, EOPNOTSUPP, getxattr("file", "user.a", buffer, 100));
        FAILS(removexattr, EOPNOTSUPP, removexattr("file", "user.a"));
    } else {
        WORKS(getxattr, getxattr("file", "user.a", buffer, 100) == 5 && memcmp(buffer, "value", 5) == 0);
        WORKS(getxattr, getxattr("file", "user.a", NULL, 0) == 5);
        FAILS(getxattr, ERANGE, getxattr("file", "user.a", buffer, 3));
        FAILS(getxattr, ENODATA, getxattr("file", "user.none", buffer, 3));
        FAILS(setxattr, EEXIST, setxattr("file", "user.a", "x", 1, XATTR_CREATE));
        FAILS(setxattr, ENODATA, setxattr("file", "user.b", "x", 1, XATTR_REPLACE));
        WORKS(fsetxattr, fsetxattr(fd, "user.f", "f", 1, 0) == 0 && fgetxattr(fd, "user.f", buffer, 9) == 1);
        WORKS(listxattr, listxattr("file", buffer, 100) >= 14 && flistxattr(fd, NULL, 0) >= 14);
        FAILS(listxattr, ERANGE, listxattr("file", buffer, 3));
        WORKS(removexattr, removexattr("file", "user.a") == 0 && fremovexattr(fd, "user.f") == 0);
        FAILS(removexattr, ENODATA, removexattr("file", "user.a"));
    }
    FAILS(setxattr, EINVAL, setxattr("file", "user.a", "x", 1, 4));
    FAILS(setxattr, ERANGE, setxattr("file", name, "x", 1, 0));
    FAILS(setxattr, ERANGE, setxattr("file", "", "x", 1, 0));
    FAILS(setxattr, E2BIG, setxattr("file", "user.a", buffer, 65537, 0));
    FAILS(setxattr, EFAULT, setxattr("file", "user.a", BAD, 1, 0));
    FAILS(setxattr, EFAULT, setxattr("file", BAD, "x", 1, 0));
    FAILS(setxattr, ENOENT, setxattr("missing", "user.a", "x", 1, 0));
    FAILS(lsetxattr, ENOENT, lsetxattr("missing", "user.a", "x", 1, 0));
    FAILS(fsetxattr, EBADF, fsetxattr(-1, "user.a", "x", 1, 0));
    FAILS(fsetxattr, EBADF, fsetxattr(path_only, "user.a", "x", 1, 0));
    FAILS(getxattr, ENOENT, getxattr("missing", "user.a", buffer, 9));
    FAILS(lgetxattr, ENOENT, lgetxattr("missing", "user.a", buffer, 9));
    FAILS(fgetxattr, EBADF, fgetxattr(-1, "user.a", buffer, 9));
    FAILS(getxattr, ERANGE, getxattr("file", name, buffer, 9));
    FAILS(listxattr, ENOENT, listxattr("missing", buffer, 9));
    FAILS(llistxattr, ENOENT, llistxattr("missing", buffer, 9));
    FAILS(flistxattr, EBADF, flistxattr(-1, buffer, 9));
    WORKS(listxattr, listxattr("file", buffer, 1000) >= 0 && llistxattr("to-file", buffer, 1000) >= 0);
    FAILS(removexattr, ENOENT, removexattr("missing", "user.a"));
    FAILS(lremovexattr, ENOENT, lremovexattr("missing", "user.a"));
    FAILS(fremovexattr, EBADF, fremovexattr(-1, "user.a"));
}

static void as_a_user(void) {
    struct stat s;
    struct timespec exact[2] = {{5000, 0}, {6000, 0}}, one[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
    FAILS(stat, EACCES, stat("closed/x", &s));
    FAILS(lstat, EACCES, lstat("closed/x", &s));
    FAILS(newfstatat, EACCES, syscall(SYS_newfstatat, AT_FDCWD, "closed/x", &s, 0));
    FAILS(chmod, EPERM, chmod("file", 0600));
    FAILS(chmod, EACCES, chmod("closed/x", 0600));
    FAILS(chown, EPERM, chown("file", 1000, 1000));
    FAILS(chown, EACCES, chown("closed/x", 1000, 1000));
    FAILS(lchown, EPERM, lchown("to-file", 1000, 1000));
    FAILS(utimensat, EPERM, utimensat(AT_FDCWD, "file", exact, 0));
    FAILS(utimensat, EACCES, utimensat(AT_FDCWD, "file", NULL, 0));
    WORKS(utimensat, utimensat(AT_FDCWD, "open-to-all", NULL, 0) == 0);
    FAILS(utimensat, EPERM, utimensat(AT_FDCWD, "open-to-all", exact, 0));
    FAILS(utimensat, EPERM, utimensat(AT_FDCWD, "open-to-all", one, 0));
    FAILS(utime, EACCES, utime("file", NULL));
    int fd = open("file", O_RDONLY);
    FAILS(fchmod, EPERM, fchmod(fd, 0600));
    FAILS(fchown, EPERM, fchown(fd, 1000, 1000));
}

int main(void) {
    work_in_fresh_directory();
    make_long_names();
    close(file_with("file", "file"));
    close(file_with("open-to-all", ""));
    chmod("open-to-all", 0666);
    symlink("loop", "loop");
    symlink("file", "to-file");
    symlink("nowhere", "dangling");
    mkdir("closed", 0700);
    test_stat();
    test_statx();
    test_statfs();
    test_directories();
    test_mode_and_owner();
    test_times();
    test_xattr();
    chmod(".", 0755);
    chmod("file", 0644);
    as_user(as_a_user);
    return tap_done();
}
