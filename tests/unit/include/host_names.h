// The host's own file system as an oracle: an empty folder in memory that the process made its root.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct host_stat {
    uint32_t mode, links, uid, gid;
    uint64_t size;
};
// 0, or -1 where the host does not allow it (then the test is skipped).
int host_enter(void);
// Negative errno or 0; flags have Linux's values.
int host_open(const char *path, int flags, unsigned mode);
int host_mkdir(const char *path, unsigned mode);
int host_unlink(const char *path, int flags);
int host_rename(const char *from, const char *to, unsigned flags);
int host_link(const char *from, const char *to, int flags);
int host_symlink(const char *target, const char *path);
int host_mkfifo(const char *path, unsigned mode);
int host_stat(const char *path, int flags, struct host_stat *stat);
int host_readlink(const char *path, char *buffer, size_t size);
int host_truncate(const char *path, int64_t size);
int host_chdir(const char *path);
int host_getcwd(char *buffer, size_t size);
int host_access(const char *path, int mode);
// Entries but "." and "..", and the sum of their name bytes.
int host_list(const char *path, unsigned *count, unsigned *sum);
int host_chmod(const char *path, unsigned mode);
int host_chown(const char *path, unsigned uid, unsigned gid);
// Effective ids, without supplementary groups; only when host_can_change_ids.
int host_become(unsigned uid, unsigned gid);
bool host_can_change_ids(void);
