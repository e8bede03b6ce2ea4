// mount, umount2: trees in memory, views of a tree, moving, flags, expiry.
#include <sys/mount.h>

#include "linux_calls.h"

static int made(const char *path) {
    int fd = open(path, O_CREAT | O_WRONLY, 0644);
    return fd >= 0 && close(fd) == 0;
}

static int present(const char *path) {
    return access(path, F_OK) == 0;
}

static void trees(void) {
    struct statfs statfs_buffer;
    WORKS(mount, mount("none", "m", "tmpfs", 0, NULL) == 0 && made("m/x") && present("m/x"));
    WORKS(mount, statfs("m", &statfs_buffer) == 0 && statfs_buffer.f_type == 0x01021994);
    FAILS(rename, EXDEV, rename("m/x", "x"));
    FAILS(link, EXDEV, link("m/x", "x"));
    FAILS(rmdir, EBUSY, rmdir("m"));
    FAILS(rename, EBUSY, rename("m", "n"));
    int fd = open("m/x", O_RDONLY);
    FAILS(umount2, EBUSY, umount2("m", 0));
    WORKS(close, close(fd) == 0);
    WORKS(umount2, umount2("m", 0) == 0 && !present("m/x"));
    FAILS(umount2, EINVAL, umount2("m", 0));
    FAILS(umount2, EINVAL, umount2("m", 0x4000));
    FAILS(umount2, EINVAL, umount2("m", MNT_EXPIRE | MNT_FORCE));
    FAILS(umount2, ENOENT, umount2("missing", 0));
    FAILS(umount2, EFAULT, umount2((char *)1, 0));
    FAILS(mount, ENODEV, mount("none", "m", "no-such-kind", 0, NULL));
    FAILS(mount, ENOENT, mount("none", "missing", "tmpfs", 0, NULL));
    FAILS(mount, ENOTDIR, mount("none", "file", "tmpfs", 0, NULL));
    FAILS(mount, EINVAL, mount("none", "m", NULL, 0, NULL));
    FAILS(mount, EFAULT, mount("none", (char *)1, "tmpfs", 0, NULL));
}

static void flags(void) {
    WORKS(mount, mount("none", "m", "tmpfs", MS_NODEV, NULL) == 0 && made("m/x"));
    WORKS(mount, mount("none", "m", NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
    FAILS(open, EROFS, open("m/x", O_WRONLY));
    FAILS(open, EROFS, open("m/y", O_WRONLY | O_CREAT, 0644));
    FAILS(mkdir, EROFS, mkdir("m/d", 0755));
    FAILS(unlink, EROFS, unlink("m/x"));
    FAILS(chmod, EROFS, chmod("m/x", 0600));
    FAILS(mount, EINVAL, mount("none", "d", NULL, MS_REMOUNT | MS_RDONLY, NULL));
    WORKS(mount, mount(NULL, "m", NULL, MS_PRIVATE, NULL) == 0);
    FAILS(mount, EINVAL, mount(NULL, "d", NULL, MS_PRIVATE, NULL));
    WORKS(umount2, umount2("m", 0) == 0);
    WORKS(mount, mount("none", "m", "tmpfs", MS_NODEV, NULL) == 0 && mknod("m/null", S_IFCHR | 0666, 0x103) == 0);
    FAILS(open, EACCES, open("m/null", O_RDONLY));
    FAILS(umount2, EAGAIN, umount2("m", MNT_EXPIRE));
    WORKS(umount2, umount2("m", MNT_EXPIRE) == 0);
}

static void views(void) {
    WORKS(mkdir, mkdir("d/deep", 0755) == 0 && made("d/deep/file"));
    WORKS(mount,
          mount("d", "m", NULL, MS_BIND, NULL) == 0 && present("m/deep/file") && made("m/new") && present("d/new"));
    FAILS(mount, ENOTDIR, mount("file", "m", NULL, MS_BIND, NULL));
    FAILS(mount, ENOENT, mount("missing", "m", NULL, MS_BIND, NULL));
    FAILS(mount, ELOOP, mount("m", "m/deep", NULL, MS_MOVE, NULL));
    FAILS(mount, EINVAL, mount("d/deep", "n", NULL, MS_MOVE, NULL));
    WORKS(mount, mount("m", "n", NULL, MS_MOVE, NULL) == 0 && present("n/deep/file") && !present("m/deep"));
    WORKS(umount2, umount2("n", MNT_DETACH) == 0 && !present("n/deep"));
}

static char block[65536];

static void sizes(void) {
    struct statfs statfs_buffer;
    struct stat stat_buffer;
    WORKS(mount, mount("none", "m", "tmpfs", 0, "size=128k,mode=700,uid=5,gid=6") == 0 &&
                     stat("m", &stat_buffer) == 0 && stat_buffer.st_mode == (S_IFDIR | 0700) &&
                     stat_buffer.st_uid == 5 && stat_buffer.st_gid == 6);
    WORKS(statfs, statfs("m", &statfs_buffer) == 0 && statfs_buffer.f_blocks == 32 && statfs_buffer.f_bfree == 32);
    int fd = open("m/x", O_CREAT | O_RDWR, 0644);
    WORKS(write, write(fd, block, sizeof block) == sizeof block && write(fd, block, 60000) == 60000);
    WORKS(write, write(fd, block, sizeof block) == 131072 - 65536 - 60000);
    FAILS(write, ENOSPC, write(fd, block, 1));
    FAILS(pwrite64, ENOSPC, pwrite(fd, block, 1, 200000));
    WORKS(pwrite64, pwrite(fd, block, 4096, 4096) == 4096);
    FAILS(fallocate, ENOSPC, fallocate(fd, 0, 0, 1 << 20));
    WORKS(statfs, statfs("m", &statfs_buffer) == 0 && statfs_buffer.f_bfree == 0);
    WORKS(ftruncate, ftruncate(fd, 4096) == 0 && statfs("m", &statfs_buffer) == 0 && statfs_buffer.f_bfree == 31);
    WORKS(write, lseek(fd, 0, SEEK_END) == 4096 && write(fd, block, 1) == 1);
    WORKS(close,
          close(fd) == 0 && unlink("m/x") == 0 && statfs("m", &statfs_buffer) == 0 && statfs_buffer.f_bfree == 32);
    WORKS(umount2, umount2("m", 0) == 0);
    FAILS(mount, EINVAL, mount("none", "m", "tmpfs", 0, "size=x"));
    FAILS(mount, EINVAL, mount("none", "m", "tmpfs", 0, "no-such-option=1"));
    FAILS(mount, EFAULT, mount("none", "m", "tmpfs", 0, (void *)1));
}

int main(void) {
    WORKS(mkdir, mkdir("/tmp/mounts", 0755) == 0 && chdir("/tmp/mounts") == 0);
    WORKS(mkdir, mkdir("m", 0755) == 0 && mkdir("n", 0755) == 0 && mkdir("d", 0755) == 0 && made("file"));
    trees();
    flags();
    views();
    sizes();
    pid_t child = fork();
    int status;
    if (child == 0) {
        if (setuid(1000) != 0) _exit(2);
        FAILS(mount, EPERM, mount("none", "m", "tmpfs", 0, NULL));
        FAILS(mount, ENOENT, mount("none", "missing", "tmpfs", 0, NULL));
        FAILS(umount2, EPERM, umount2("m", 0));
        _exit(tap_failures != 0);
    }
    WORKS(mount, waitpid(child, &status, 0) == child && status == 0);
    return tap_done();
}
