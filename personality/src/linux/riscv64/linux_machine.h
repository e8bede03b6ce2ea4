// What Linux's file and system calls leave to the processor, on riscv64.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LINUX_MACHINE "riscv64"
#define LINUX_EPOLL_EVENT_LAYOUT

struct linux_stat {
    uint64_t st_dev, st_ino;
    uint32_t st_mode, st_nlink, st_uid, st_gid;
    uint64_t st_rdev, padding;
    int64_t st_size;
    int32_t st_blksize, padding2;
    int64_t st_blocks;
    int64_t st_atime, st_atime_nsec, st_mtime, st_mtime_nsec, st_ctime, st_ctime_nsec;
    uint32_t unused[2];
};
static_assert(sizeof(struct linux_stat) == 128 && offsetof(struct linux_stat, st_size) == 48);
