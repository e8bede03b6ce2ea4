// File handles, and cloning of files.
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "linux_calls.h"

struct handle {
    unsigned bytes;
    int type;
    unsigned char data[128];
};

static long to_handle(int directory, const char *path, struct handle *handle, int *mount, int flags) {
    return RAW(SYS_name_to_handle_at, directory, path, handle, mount, flags);
}

static void as_a_user(void) {
    struct handle handle = {.bytes = 128};
    int mount;
    WORKS(name_to_handle_at, to_handle(AT_FDCWD, "file", &handle, &mount, 0) == 0);
    FAILS(open_by_handle_at, EPERM, RAW(SYS_open_by_handle_at, AT_FDCWD, &handle, O_RDONLY));
}

int main(void) {
    struct handle handle = {.bytes = 128}, again = {.bytes = 128}, link = {.bytes = 128}, small = {.bytes = 0},
                  large = {.bytes = 129};
    int mount = 0, fd;
    char buffer[10];
    work_in_fresh_directory();
    make_long_names();
    close(file_with("file", "content"));
    symlink("file", "link");
    if (to_handle(AT_FDCWD, "file", &handle, &mount, 0) != 0 && errno == EOPNOTSUPP) SKIP_ALL("no file handles");
    WORKS(name_to_handle_at, handle.bytes > 0 && handle.bytes < 128 && mount != 0);
    WORKS(open_by_handle_at,
          (fd = RAW(SYS_open_by_handle_at, AT_FDCWD, &handle, O_RDWR)) >= 0 && read(fd, buffer, 10) == 7);
    WORKS(open_by_handle_at, rename("file", "renamed") == 0 &&
                                 (fd = RAW(SYS_open_by_handle_at, fd, &handle, O_RDONLY)) >= 0 &&
                                 read(fd, buffer, 10) == 7);
    WORKS(name_to_handle_at,
          to_handle(AT_FDCWD, "renamed", &again, &mount, 0) == 0 && memcmp(&again, &handle, 8 + handle.bytes) == 0);
    again.bytes = 128;
    WORKS(name_to_handle_at,
          to_handle(fd, "", &again, &mount, AT_EMPTY_PATH) == 0 && memcmp(&again, &handle, 8 + handle.bytes) == 0);
    WORKS(name_to_handle_at, rename("renamed", "file") == 0 && to_handle(AT_FDCWD, "link", &link, &mount, 0) == 0 &&
                                 memcmp(&link, &handle, 8 + handle.bytes) != 0);
    FAILS(open_by_handle_at, ELOOP, RAW(SYS_open_by_handle_at, AT_FDCWD, &link, O_RDONLY));
    WORKS(open_by_handle_at, RAW(SYS_open_by_handle_at, AT_FDCWD, &link, O_PATH) >= 0);
    link.bytes = 128;
    WORKS(name_to_handle_at, to_handle(AT_FDCWD, "link", &link, &mount, AT_SYMLINK_FOLLOW) == 0 &&
                                 memcmp(&link, &handle, 8 + handle.bytes) == 0);
    FAILS(name_to_handle_at, EOVERFLOW, to_handle(AT_FDCWD, "file", &small, &mount, 0));
    WORKS(name_to_handle_at, small.bytes == handle.bytes);
    FAILS(name_to_handle_at, EINVAL, to_handle(AT_FDCWD, "file", &large, &mount, 0));
    FAILS(name_to_handle_at, EINVAL, to_handle(AT_FDCWD, "file", &again, &mount, 0x10000));
    FAILS(name_to_handle_at, EFAULT, to_handle(AT_FDCWD, "file", BAD, &mount, 0));
    again.bytes = 128;
    FAILS(name_to_handle_at, EFAULT, to_handle(AT_FDCWD, "file", &again, BAD, 0));
    FAILS(name_to_handle_at, EFAULT, to_handle(AT_FDCWD, BAD, &again, &mount, 0));
    FAILS(name_to_handle_at, ENOENT, to_handle(AT_FDCWD, "", &again, &mount, 0));
    FAILS(name_to_handle_at, ENOENT, to_handle(AT_FDCWD, "missing", &again, &mount, 0));
    FAILS(name_to_handle_at, ENOTDIR, to_handle(fd, "x", &again, &mount, 0));
    FAILS(name_to_handle_at, EBADF, to_handle(-1, "x", &again, &mount, 0));
    FAILS(open_by_handle_at, EBADF, RAW(SYS_open_by_handle_at, -1, &handle, O_RDONLY));
    FAILS(open_by_handle_at, EFAULT, RAW(SYS_open_by_handle_at, AT_FDCWD, BAD, O_RDONLY));
    FAILS(open_by_handle_at, EINVAL, RAW(SYS_open_by_handle_at, AT_FDCWD, &large, O_RDONLY));
    small.bytes = 0;
    FAILS(open_by_handle_at, EINVAL, RAW(SYS_open_by_handle_at, AT_FDCWD, &small, O_RDONLY));
    close(file_with("gone", "x"));
    again.bytes = 128;
    WORKS(name_to_handle_at, to_handle(AT_FDCWD, "gone", &again, &mount, 0) == 0 && unlink("gone") == 0);
    FAILS(open_by_handle_at, ESTALE, RAW(SYS_open_by_handle_at, AT_FDCWD, &again, O_RDONLY));
    int directory = open(".", O_RDONLY), other = file_with("other", "x"), only_read = open("other", O_RDONLY);
    fd = open("file", O_RDWR);
    FAILS(ioctl, EBADF, ioctl(fd, FICLONE, -1));
    FAILS(ioctl, EISDIR, ioctl(fd, FICLONE, directory));
    FAILS(ioctl, EXDEV, ioctl(fd, FICLONE, open("/proc/self/status", O_RDONLY)));
    int status = ioctl(other, FICLONE, fd);
    WORKS(ioctl, status == 0 || errno == EOPNOTSUPP);
    FAILS(ioctl, EBADF, ioctl(only_read, FICLONE, fd));
    chmod(".", 0755);
    as_user(as_a_user);
    return tap_done();
}
