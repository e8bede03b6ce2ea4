// Names: access, link, symlink, readlink, unlink, rmdir, rename, mkdir, mknod, chdir, chroot, getcwd, mount.
#include <sys/mount.h>

#include "linux_calls.h"

static char buffer[5000];

static void test_access(void) {
    WORKS(access, access("file", F_OK) == 0 && access("file", R_OK | W_OK) == 0);
    FAILS(access, EACCES, access("file", X_OK));
    FAILS(access, EINVAL, access("file", 8));
    FAILS(access, ENOENT, access("missing", F_OK));
    FAILS(access, ENOENT, access("", F_OK));
    FAILS(access, ENOTDIR, access("file/x", F_OK));
    FAILS(access, ELOOP, access("loop", F_OK));
    FAILS(access, ENAMETOOLONG, access(long_name, F_OK));
    FAILS(access, ENAMETOOLONG, access(long_path, F_OK));
    FAILS(access, EFAULT, access(BAD, F_OK));
    WORKS(faccessat, syscall(SYS_faccessat, AT_FDCWD, "file", R_OK) == 0);
    FAILS(faccessat, EBADF, syscall(SYS_faccessat, -1, "file", R_OK));
    FAILS(faccessat, EINVAL, syscall(SYS_faccessat, AT_FDCWD, "file", 8));
    int fd = open("file", O_RDONLY);
    FAILS(faccessat, ENOTDIR, syscall(SYS_faccessat, fd, "x", R_OK));
    WORKS(faccessat2, syscall(SYS_faccessat2, AT_FDCWD, "dangling", F_OK, AT_SYMLINK_NOFOLLOW) == 0);
    FAILS(faccessat2, ENOENT, syscall(SYS_faccessat2, AT_FDCWD, "dangling", F_OK, 0));
    FAILS(faccessat2, EINVAL, syscall(SYS_faccessat2, AT_FDCWD, "file", F_OK, 0x4000));
    WORKS(faccessat2, syscall(SYS_faccessat2, fd, "", R_OK, AT_EMPTY_PATH) == 0);
}

static void test_link(void) {
    struct stat stat;
    WORKS(link, link("file", "hard") == 0 && lstat("hard", &stat) == 0 && stat.st_nlink == 2);
    FAILS(link, EEXIST, link("file", "hard"));
    FAILS(link, ENOENT, link("missing", "x"));
    FAILS(link, ENOENT, link("", "x"));
    FAILS(link, ENOENT, link("file", ""));
    FAILS(link, ENOENT, link("file", "missing/x"));
    FAILS(link, ENOTDIR, link("file/x", "x"));
    FAILS(link, EPERM, link(".", "x"));
    FAILS(link, EFAULT, link(BAD, "x"));
    FAILS(link, EFAULT, link("file", BAD));
    FAILS(link, ELOOP, link("loop/x", "x"));
    FAILS(link, ENAMETOOLONG, link(long_name, "x"));
    FAILS(link, ENAMETOOLONG, link("file", long_name));
    WORKS(linkat, linkat(AT_FDCWD, "to-file", AT_FDCWD, "hard2", 0) == 0 && lstat("hard2", &stat) == 0 &&
                      S_ISLNK(stat.st_mode));
    WORKS(linkat, linkat(AT_FDCWD, "to-file", AT_FDCWD, "hard3", AT_SYMLINK_FOLLOW) == 0 &&
                      lstat("hard3", &stat) == 0 && S_ISREG(stat.st_mode));
    FAILS(linkat, EINVAL, linkat(AT_FDCWD, "file", AT_FDCWD, "x", 0x1));
    FAILS(linkat, EBADF, linkat(-1, "file", AT_FDCWD, "x", 0));
    FAILS(linkat, EBADF, linkat(AT_FDCWD, "file", -1, "x", 0));
    int fd = open("file", O_RDONLY);
    FAILS(linkat, ENOTDIR, linkat(fd, "file", AT_FDCWD, "x", 0));
    WORKS(linkat, linkat(fd, "", AT_FDCWD, "by-descriptor", AT_EMPTY_PATH) == 0 && access("by-descriptor", F_OK) == 0);
}

static void test_symlink(void) {
    int fd = open("file", O_RDONLY), directory = open("d", O_RDONLY);
    WORKS(symlink, symlink("anything at all", "s") == 0 && readlink("s", buffer, 100) == 15 &&
                       memcmp(buffer, "anything at all", 15) == 0);
    WORKS(readlink, readlink("s", buffer, 3) == 3);
    FAILS(symlink, EEXIST, symlink("x", "s"));
    FAILS(symlink, ENOENT, symlink("", "x"));
    FAILS(symlink, ENOENT, symlink("x", ""));
    FAILS(symlink, ENOENT, symlink("x", "missing/x"));
    FAILS(symlink, ENOTDIR, symlink("x", "file/x"));
    FAILS(symlink, EFAULT, symlink(BAD, "x"));
    FAILS(symlink, EFAULT, symlink("x", BAD));
    FAILS(symlink, ENAMETOOLONG, symlink("x", long_name));
    FAILS(symlink, ENAMETOOLONG, symlink(long_path, "x"));
    FAILS(symlink, ELOOP, symlink("x", "loop/x"));
    WORKS(symlinkat, symlinkat("t", directory, "inside") == 0 && readlinkat(directory, "inside", buffer, 9) == 1);
    FAILS(symlinkat, EBADF, symlinkat("t", -1, "inside"));
    FAILS(symlinkat, ENOTDIR, symlinkat("t", fd, "inside"));
    FAILS(readlink, EINVAL, readlink("file", buffer, 9));
    FAILS(readlink, EINVAL, syscall(SYS_readlink, "s", buffer, 0));
    FAILS(readlink, EINVAL, syscall(SYS_readlink, "s", buffer, -1));
    FAILS(readlink, ENOENT, readlink("missing", buffer, 9));
    FAILS(readlink, ENOENT, readlink("", buffer, 9));
    FAILS(readlink, ENOTDIR, readlink("file/x", buffer, 9));
    FAILS(readlink, EFAULT, readlink("s", BAD, 9));
    FAILS(readlink, EFAULT, readlink(BAD, buffer, 9));
    FAILS(readlink, ELOOP, readlink("loop/x", buffer, 9));
    FAILS(readlink, ENAMETOOLONG, readlink(long_name, buffer, 9));
    FAILS(readlinkat, EBADF, readlinkat(-1, "inside", buffer, 9));
    FAILS(readlinkat, ENOTDIR, readlinkat(fd, "inside", buffer, 9));
    FAILS(readlinkat, EINVAL, syscall(SYS_readlinkat, directory, "inside", buffer, 0));
    int link = open("s", O_PATH | O_NOFOLLOW);
    WORKS(readlinkat, readlinkat(link, "", buffer, 100) == 15);
}

static void test_unlink(void) {
    close(file_with("gone", "x"));
    int fd = open("gone", O_RDONLY);
    WORKS(unlink, unlink("gone") == 0 && access("gone", F_OK) == -1 && read(fd, buffer, 1) == 1);
    FAILS(unlink, ENOENT, unlink("gone"));
    FAILS(unlink, ENOENT, unlink(""));
    FAILS(unlink, EISDIR, unlink("d"));
    FAILS(unlink, ENOTDIR, unlink("file/x"));
    FAILS(unlink, EFAULT, unlink(BAD));
    FAILS(unlink, ENAMETOOLONG, unlink(long_name));
    FAILS(unlink, ELOOP, unlink("loop/x"));
    FAILS(unlink, ENOTDIR, unlink("file/"));
    WORKS(unlink, unlink("loop") == 0 && symlink("loop", "loop") == 0);
    WORKS(unlinkat, mkdir("e", 0700) == 0 && unlinkat(AT_FDCWD, "e", AT_REMOVEDIR) == 0);
    FAILS(unlinkat, EINVAL, unlinkat(AT_FDCWD, "file", 0x1));
    FAILS(unlinkat, EBADF, unlinkat(-1, "file", 0));
    FAILS(unlinkat, ENOTDIR, unlinkat(fd, "file", 0));
    FAILS(unlinkat, ENOTDIR, unlinkat(AT_FDCWD, "file", AT_REMOVEDIR));
    FAILS(unlinkat, EISDIR, unlinkat(AT_FDCWD, "d", 0));
    WORKS(rmdir, mkdir("e", 0700) == 0 && rmdir("e") == 0);
    FAILS(rmdir, ENOENT, rmdir("e"));
    FAILS(rmdir, ENOTDIR, rmdir("file"));
    FAILS(rmdir, ENOTEMPTY, rmdir("d"));
    FAILS(rmdir, EINVAL, rmdir("d/."));
    FAILS(rmdir, ENOTEMPTY, rmdir("d/.."));
    FAILS(rmdir, EFAULT, rmdir(BAD));
    FAILS(rmdir, ENAMETOOLONG, rmdir(long_name));
    FAILS(rmdir, ELOOP, rmdir("loop/x"));
    FAILS(rmdir, ENOTDIR, rmdir("to-file"));
    FAILS(rmdir, EBUSY, rmdir("/"));
}

static void test_rename(void) {
    struct stat stat, before;
    close(file_with("old", "old"));
    lstat("old", &before);
    WORKS(rename, rename("old", "new") == 0 && lstat("new", &stat) == 0 && stat.st_ino == before.st_ino &&
                      access("old", F_OK) == -1);
    close(file_with("old", "old2"));
    WORKS(rename, rename("old", "new") == 0 && lstat("new", &stat) == 0 && stat.st_size == 4);
    WORKS(rename,
          mkdir("a", 0700) == 0 && mkdir("a/b", 0700) == 0 && mkdir("c", 0700) == 0 && rename("a/b", "c/b") == 0);
    WORKS(rename, lstat("a", &stat) == 0 && stat.st_nlink == 2 && lstat("c", &stat) == 0 && stat.st_nlink == 3);
    WORKS(rename, rename("file", "hard") == 0 && access("file", F_OK) == 0);
    FAILS(rename, EINVAL, rename("c", "c/b/d"));
    FAILS(rename, EISDIR, rename("new", "a"));
    FAILS(rename, ENOTDIR, rename("a", "new"));
    FAILS(rename, ENOTEMPTY, rename("a", "c"));
    FAILS(rename, ENOTEMPTY, rename("a", "d"));
    FAILS(rename, ENOENT, rename("missing", "x"));
    FAILS(rename, ENOENT, rename("", "x"));
    FAILS(rename, ENOENT, rename("new", "missing/x"));
    FAILS(rename, ENOTDIR, rename("new/x", "x"));
    FAILS(rename, EFAULT, rename(BAD, "x"));
    FAILS(rename, EFAULT, rename("new", BAD));
    FAILS(rename, ENAMETOOLONG, rename("new", long_name));
    FAILS(rename, ELOOP, rename("loop/x", "x"));
    FAILS(rename, EBUSY, rename("a/.", "x"));
    FAILS(renameat, EBADF, renameat(-1, "new", AT_FDCWD, "x"));
    WORKS(renameat,
          renameat(AT_FDCWD, "new", AT_FDCWD, "new2") == 0 && renameat(AT_FDCWD, "new2", AT_FDCWD, "new") == 0);
    int fd = open("file", O_RDONLY);
    FAILS(renameat, ENOTDIR, renameat(fd, "new", AT_FDCWD, "x"));
    FAILS(renameat2, EEXIST, syscall(SYS_renameat2, AT_FDCWD, "new", AT_FDCWD, "file", 1));
    WORKS(renameat2, syscall(SYS_renameat2, AT_FDCWD, "new", AT_FDCWD, "fresh", 1) == 0 &&
                         syscall(SYS_renameat2, AT_FDCWD, "fresh", AT_FDCWD, "a", 2) == 0 &&
                         lstat("fresh", &stat) == 0 && S_ISDIR(stat.st_mode));
    FAILS(renameat2, EINVAL, syscall(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, "x", 3));
    FAILS(renameat2, EINVAL, syscall(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, "x", 0x100));
    FAILS(renameat2, ENOENT, syscall(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, "missing", 2));
    FAILS(renameat2, EINVAL, syscall(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, "a", 6));
    close(file_with("covered", "x"));
    WORKS(renameat2, syscall(SYS_renameat2, AT_FDCWD, "covered", AT_FDCWD, "uncovered", 4) == 0 &&
                         lstat("covered", &stat) == 0 && S_ISCHR(stat.st_mode) && stat.st_rdev == 0 &&
                         unlink("covered") == 0);
}

static void test_make(void) {
    struct stat stat;
    WORKS(mkdir, mkdir("made", 01777) == 0 && lstat("made", &stat) == 0 && stat.st_mode == (S_IFDIR | 01755) &&
                     stat.st_nlink == 2);
    WORKS(mkdir, mkdir("made/slash/", 0700) == 0);
    FAILS(mkdir, EEXIST, mkdir("made", 0700));
    FAILS(mkdir, EEXIST, mkdir("file", 0700));
    FAILS(mkdir, EEXIST, mkdir("dangling", 0700));
    FAILS(mkdir, EEXIST, mkdir("/", 0700));
    FAILS(mkdir, EEXIST, mkdir(".", 0700));
    FAILS(mkdir, ENOENT, mkdir("missing/x", 0700));
    FAILS(mkdir, ENOENT, mkdir("", 0700));
    FAILS(mkdir, ENOTDIR, mkdir("file/x", 0700));
    FAILS(mkdir, EFAULT, mkdir(BAD, 0700));
    FAILS(mkdir, ENAMETOOLONG, mkdir(long_name, 0700));
    FAILS(mkdir, ELOOP, mkdir("loop/x", 0700));
    FAILS(mkdirat, EBADF, mkdirat(-1, "x", 0700));
    int fd = open("file", O_RDONLY), directory = open("made", O_RDONLY);
    FAILS(mkdirat, ENOTDIR, mkdirat(fd, "x", 0700));
    WORKS(mkdirat, mkdirat(directory, "x", 0700) == 0 && access("made/x", F_OK) == 0);
    WORKS(mknod, mknod("n", S_IFREG | 0600, 0) == 0 && mknod("n0", 0600, 0) == 0 && lstat("n0", &stat) == 0 &&
                     S_ISREG(stat.st_mode));
    WORKS(mknod, mknod("p", S_IFIFO | 0600, 0) == 0 && lstat("p", &stat) == 0 && S_ISFIFO(stat.st_mode));
    WORKS(mknod, mknod("null", S_IFCHR | 0666, 0x103) == 0 && lstat("null", &stat) == 0 && S_ISCHR(stat.st_mode) &&
                     stat.st_rdev == 0x103);
    WORKS(mknod, (fd = open("null", O_RDWR)) >= 0 && write(fd, "x", 1) == 1 && read(fd, buffer, 1) == 0);
    FAILS(mknod, EEXIST, mknod("n", S_IFREG | 0600, 0));
    FAILS(mknod, EPERM, mknod("x", S_IFDIR | 0700, 0));
    FAILS(mknod, EINVAL, mknod("x", 0170000 | 0700, 0));
    FAILS(mknod, ENOENT, mknod("missing/x", S_IFIFO | 0600, 0));
    FAILS(mknod, ENOTDIR, mknod("file/x", S_IFIFO | 0600, 0));
    FAILS(mknod, EFAULT, mknod(BAD, S_IFIFO | 0600, 0));
    FAILS(mknod, ENAMETOOLONG, mknod(long_name, S_IFIFO | 0600, 0));
    FAILS(mknod, ELOOP, mknod("loop/x", S_IFIFO | 0600, 0));
    FAILS(mknodat, EBADF, mknodat(-1, "x", S_IFIFO | 0600, 0));
    WORKS(mknodat, mknodat(directory, "p", S_IFIFO | 0600, 0) == 0 && access("made/p", F_OK) == 0);
}

static void test_working_directory(void) {
    static char start[4096], now[4096];
    long length = syscall(SYS_getcwd, start, sizeof start);
    WORKS(getcwd, length == (long)strlen(start) + 1 && start[0] == '/');
    FAILS(getcwd, ERANGE, syscall(SYS_getcwd, now, length - 1));
    FAILS(getcwd, ERANGE, syscall(SYS_getcwd, now, 0));
    FAILS(getcwd, EFAULT, syscall(SYS_getcwd, BAD, 4096));
    WORKS(chdir, chdir("d") == 0 && getcwd(now, sizeof now) && strncmp(now, start, strlen(start)) == 0 &&
                     strcmp(now + strlen(start), "/d") == 0 && chdir("..") == 0);
    FAILS(chdir, ENOENT, chdir("missing"));
    FAILS(chdir, ENOENT, chdir(""));
    FAILS(chdir, ENOTDIR, chdir("file"));
    FAILS(chdir, EFAULT, chdir(BAD));
    FAILS(chdir, ENAMETOOLONG, chdir(long_name));
    FAILS(chdir, ELOOP, chdir("loop"));
    int directory = open("d", O_RDONLY), fd = open("file", O_RDONLY), here = open(".", O_PATH);
    WORKS(fchdir,
          fchdir(directory) == 0 && access("inside", F_OK) == -1 && fchdir(here) == 0 && access("d", F_OK) == 0);
    FAILS(fchdir, EBADF, fchdir(-1));
    FAILS(fchdir, EBADF, syscall(SYS_fchdir, AT_FDCWD));
    FAILS(fchdir, ENOTDIR, fchdir(fd));
    WORKS(getcwd, mkdir("removed", 0700) == 0 && chdir("removed") == 0 && rmdir("../removed") == 0);
    FAILS(getcwd, ENOENT, syscall(SYS_getcwd, now, sizeof now));
    FAILS(open, ENOENT, open("x", O_CREAT | O_RDWR, 0600));
    fchdir(here);
    WORKS(umask, umask(027) == 022 && umask(0xffff) == 027 && umask(022) == 0777);
    FAILS(chroot, ENOENT, chroot("missing"));
    FAILS(chroot, ENOTDIR, chroot("file"));
    FAILS(chroot, EFAULT, chroot(BAD));
    FAILS(chroot, ELOOP, chroot("loop"));
    FAILS(chroot, ENAMETOOLONG, chroot(long_name));
    pid_t child = fork();
    int status;
    if (child == 0) {
        if (chroot("d") != 0 || chdir("/") != 0) _exit(1);
        if (getcwd(now, sizeof now) == NULL || strcmp(now, "/") != 0) _exit(2);
        _exit(access("/../../file", F_OK) == -1 && access("/kept", F_OK) == 0 ? 0 : 3);
    }
    WORKS(chroot, waitpid(child, &status, 0) == child && status == 0);
}

static void test_mount(void) {
    WORKS(mount, mkdir("m", 0755) == 0 && mount("none", "m", "tmpfs", 0, NULL) == 0);
    WORKS(mount, close(file_with("m/x", "x")) == 0);
    FAILS(rmdir, EBUSY, rmdir("m"));
    FAILS(rename, EXDEV, rename("file", "m/file"));
    FAILS(link, EXDEV, link("file", "m/file"));
    int fd = open("m/x", O_RDONLY);
    FAILS(umount2, EBUSY, umount2("m", 0));
    close(fd);
    FAILS(umount2, EINVAL, umount2("m", 0x100));
    WORKS(umount2, umount2("m", 0) == 0 && access("m/x", F_OK) == -1);
    FAILS(umount2, EINVAL, umount2("d", 0));
    FAILS(umount2, ENOENT, umount2("missing", 0));
    FAILS(umount2, EFAULT, umount2(BAD, 0));
    FAILS(umount2, ENAMETOOLONG, umount2(long_name, 0));
    FAILS(mount, ENODEV, mount("none", "d", "no-such-type", 0, NULL));
    FAILS(mount, ENOENT, mount("none", "missing", "tmpfs", 0, NULL));
    FAILS(mount, ENOTDIR, mount("none", "file", "tmpfs", 0, NULL));
    FAILS(mount, EFAULT, mount("none", BAD, "tmpfs", 0, NULL));
    FAILS(mount, EFAULT, mount("none", "d", BAD, 0, NULL));
}

static void as_a_user(void) {
    FAILS(access, EACCES, access("secret", R_OK));
    FAILS(access, EACCES, access("closed/x", F_OK));
    close(file_with("sticky/own", "x"));
    FAILS(link, EACCES, link("sticky/own", "user-link"));
    FAILS(symlink, EACCES, symlink("x", "user-link"));
    FAILS(readlink, EACCES, readlink("closed/x", buffer, 9));
    FAILS(unlink, EACCES, unlink("file"));
    FAILS(unlink, EPERM, unlink("sticky/file"));
    FAILS(rmdir, EACCES, rmdir("d"));
    FAILS(rmdir, EPERM, rmdir("sticky/d"));
    FAILS(rename, EACCES, rename("file", "user-file"));
    FAILS(rename, EPERM, rename("sticky/file", "sticky/x"));
    FAILS(mkdir, EACCES, mkdir("user-d", 0700));
    FAILS(mknod, EACCES, mknod("user-p", S_IFIFO | 0600, 0));
    FAILS(mknod, EPERM, mknod("sticky/c", S_IFCHR | 0600, 0x103));
    FAILS(chdir, EACCES, chdir("closed"));
    FAILS(chroot, EPERM, chroot("d"));
    FAILS(mount, EPERM, mount("none", "d", "tmpfs", 0, NULL));
    FAILS(umount2, EPERM, umount2("/", 0));
    WORKS(access, access("file", R_OK) == 0);
}

int main(void) {
    work_in_fresh_directory();
    make_long_names();
    close(file_with("file", "file"));
    symlink("loop", "loop");
    symlink("file", "to-file");
    symlink("nowhere", "dangling");
    mkdir("d", 0755);
    close(file_with("d/kept", "kept"));
    test_access();
    test_link();
    test_symlink();
    test_unlink();
    test_rename();
    test_make();
    test_working_directory();
    test_mount();
    close(file_with("secret", "s"));
    chmod("secret", 0600);
    mkdir("closed", 0700);
    mkdir("sticky", 0777);
    chmod("sticky", 01777);
    mkdir("sticky/d", 0700);
    close(file_with("sticky/file", "x"));
    chmod(".", 0755);
    as_user(as_a_user);
    return tap_done();
}
