// What Linux's file and system calls leave to the processor, on x86_64.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LINUX_MACHINE            "x86_64"
#define LINUX_EPOLL_EVENT_LAYOUT [[gnu::packed]]

struct linux_stat {
    uint64_t st_dev, st_ino, st_nlink;
    uint32_t st_mode, st_uid, st_gid, padding;
    uint64_t st_rdev;
    int64_t st_size, st_blksize, st_blocks;
    int64_t st_atime, st_atime_nsec, st_mtime, st_mtime_nsec, st_ctime, st_ctime_nsec;
    int64_t unused[3];
};
static_assert(sizeof(struct linux_stat) == 144 && offsetof(struct linux_stat, st_size) == 48);
