#define _GNU_SOURCE
#include "tests/unit/include/host_files.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t answer(int64_t result) {
    return result < 0 ? -errno : result;
}

int host_file(int flags) {
    char name[] = "/dev/shm/filesXXXXXX";
    int made = mkstemp(name);
    if (made < 0) return -errno;
    int result = (int)answer(open(name, flags));
    close(made);
    unlink(name);
    return result;
}
int host_reopen(int descriptor, int flags) {
    char name[64];
    snprintf(name, sizeof(name), "/proc/self/fd/%d", descriptor);
    return (int)answer(open(name, flags));
}
int host_pipe_ends(int ends[2], int flags) {
    return (int)answer(pipe2(ends, flags));
}
int host_close(int descriptor) {
    return (int)answer(close(descriptor));
}
int host_dup(int descriptor) {
    return (int)answer(dup(descriptor));
}
int64_t host_read(int descriptor, void *buffer, size_t size) {
    return answer(read(descriptor, buffer, size));
}
int64_t host_write(int descriptor, const void *buffer, size_t size) {
    return answer(write(descriptor, buffer, size));
}
int64_t host_pread(int descriptor, void *buffer, size_t size, int64_t offset) {
    return answer(pread(descriptor, buffer, size, offset));
}
int64_t host_pwrite(int descriptor, const void *buffer, size_t size, int64_t offset) {
    return answer(pwrite(descriptor, buffer, size, offset));
}
int64_t host_seek(int descriptor, int64_t offset, int whence) {
    return answer(lseek(descriptor, offset, whence));
}
int host_ftruncate(int descriptor, int64_t size) {
    return (int)answer(ftruncate(descriptor, size));
}
int host_fallocate(int descriptor, int mode, int64_t offset, int64_t length) {
    return (int)answer(fallocate(descriptor, mode, offset, length));
}
int64_t host_size(int descriptor) {
    struct stat buffer;
    return fstat(descriptor, &buffer) < 0 ? -errno : buffer.st_size;
}
int64_t host_copy(int from, int to, size_t size) {
    return answer(sendfile(to, from, NULL, size));
}
int host_pipe_resize(int descriptor, int size) {
    return (int)answer(fcntl(descriptor, F_SETPIPE_SZ, size));
}
int host_poll_events(int descriptor) {
    struct pollfd entry = {descriptor, POLLIN | POLLOUT, 0};
    return poll(&entry, 1, 0) < 0 ? -errno : entry.revents;
}
int host_lock(int descriptor, int command, int type, int64_t start, int64_t length) {
    struct flock lock = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    int result = fcntl(descriptor, command ? F_OFD_GETLK : F_OFD_SETLK, &lock);
    if (result < 0) return -errno;
    return command ? lock.l_type : 0;
}
void host_ignore_pipe_signal(void) {
    signal(SIGPIPE, SIG_IGN);
}
