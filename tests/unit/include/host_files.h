// The host's files and pipes as an oracle. Descriptors are the host's; all answer negative errno on failure.
#pragma once

#include <stddef.h>
#include <stdint.h>

int host_file(int flags); // a fresh file in memory, opened again with these flags (the old contents are gone)
int host_pipe_ends(int ends[2], int flags);
int host_close(int descriptor);
int host_dup(int descriptor);
int64_t host_read(int descriptor, void *buffer, size_t size);
int64_t host_write(int descriptor, const void *buffer, size_t size);
int64_t host_pread(int descriptor, void *buffer, size_t size, int64_t offset);
int64_t host_pwrite(int descriptor, const void *buffer, size_t size, int64_t offset);
int64_t host_seek(int descriptor, int64_t offset, int whence);
int host_ftruncate(int descriptor, int64_t size);
int host_fallocate(int descriptor, int mode, int64_t offset, int64_t length);
int64_t host_size(int descriptor);
int64_t host_copy(int from, int to, size_t size); // sendfile at the positions
int host_pipe_resize(int descriptor, int size);
int host_poll_events(int descriptor);
int host_lock(int descriptor, int command, int type, int64_t start, int64_t length); // fcntl of open-file locks
int host_reopen(int descriptor, int flags);                                          // another open of the same file
void host_ignore_pipe_signal(void);
