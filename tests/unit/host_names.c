#define _GNU_SOURCE
#include "tests/unit/include/host_names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

static int answer(long result) {
    return result < 0 ? -errno : (int)result;
}

static bool can_change_ids;

int host_enter(void) {
    char folder[] = "/dev/shm/namesXXXXXX";
    struct statfs statfs_buffer;
    if (!mkdtemp(folder)) return -1;
    if (statfs(folder, &statfs_buffer) < 0 || statfs_buffer.f_type != 0x01021994) return -1;
    can_change_ids = geteuid() == 0 && setgroups(0, NULL) == 0;
    if (geteuid() != 0 && unshare(CLONE_NEWUSER) < 0) return -1;
    umask(0);
    // The folder loses its name at once: it is the root from here on and vanishes with the process.
    if (chmod(folder, 0755) < 0 || chdir(folder) < 0 || chroot(".") < 0) return -1;
    return mkdir("/root", 0755) < 0 || chroot("/root") < 0 || chdir("/") < 0 ? -1 : 0;
}

int host_open(const char *path, int flags, unsigned mode) {
    int descriptor = open(path, flags | O_NONBLOCK, mode);
    if (descriptor < 0) return -errno;
    close(descriptor);
    return 0;
}
int host_mkdir(const char *path, unsigned mode) {
    return answer(mkdir(path, mode));
}
int host_unlink(const char *path, int flags) {
    return answer(unlinkat(AT_FDCWD, path, flags));
}
int host_rename(const char *from, const char *to, unsigned flags) {
    return answer(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags));
}
int host_link(const char *from, const char *to, int flags) {
    return answer(linkat(AT_FDCWD, from, AT_FDCWD, to, flags));
}
int host_symlink(const char *target, const char *path) {
    return answer(symlink(target, path));
}
int host_mkfifo(const char *path, unsigned mode) {
    return answer(mkfifo(path, mode));
}
int host_stat(const char *path, int flags, struct host_stat *result) {
    struct stat buffer;
    if (fstatat(AT_FDCWD, path, &buffer, flags) < 0) return -errno;
    *result = (struct host_stat){buffer.st_mode, (uint32_t)buffer.st_nlink, buffer.st_uid, buffer.st_gid,
                                 (uint64_t)buffer.st_size};
    return 0;
}
int host_readlink(const char *path, char *buffer, size_t size) {
    return answer(readlink(path, buffer, size));
}
int host_truncate(const char *path, int64_t size) {
    return answer(truncate(path, size));
}
int host_chdir(const char *path) {
    return answer(chdir(path));
}
int host_getcwd(char *buffer, size_t size) {
    return answer(syscall(SYS_getcwd, buffer, size));
}
int host_access(const char *path, int mode) {
    return answer(access(path, mode));
}
int host_list(const char *path, unsigned *count, unsigned *sum) {
    DIR *folder = opendir(path);
    if (!folder) return -errno;
    *count = *sum = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.' && (!entry->d_name[1] || (entry->d_name[1] == '.' && !entry->d_name[2]))) continue;
        ++*count;
        for (const char *byte = entry->d_name; *byte; byte++)
            *sum += (unsigned char)*byte;
    }
    closedir(folder);
    return 0;
}
int host_chmod(const char *path, unsigned mode) {
    return answer(chmod(path, mode));
}
int host_chown(const char *path, unsigned uid, unsigned gid) {
    return answer(chown(path, uid, gid));
}
bool host_can_change_ids(void) {
    return can_change_ids;
}
int host_become(unsigned uid, unsigned gid) {
    if (setresuid(0, 0, 0) < 0 || setresgid(gid, gid, 0) < 0) return -errno;
    return answer(setresuid(uid, uid, 0));
}
