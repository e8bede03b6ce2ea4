// Linux's own structures and constants of files, time, terminals and sockets, as programs see them on 64-bit machines.
// What differs between architectures is in <arch>/linux_machine.h. Structures of processes and signals: abi_process.h.
#pragma once

#include "canonical.h"
#include "linux_machine.h"

// ---- files

struct linux_utimbuf {
    int64_t actime, modtime;
};
enum linux_utime : int64_t { UTIME_NOW = 0x3fffffff, UTIME_OMIT = 0x3ffffffe };

constexpr uint32_t LINUX_O_LARGEFILE = 0100000;
constexpr uint32_t LINUX_O_TMPFILE_BIT = 020000000; // O_TMPFILE without O_DIRECTORY
constexpr size_t LINUX_PATH_MAXIMUM = 4096;

enum linux_at_flags : uint32_t {
    AT_NO_AUTOMOUNT = 0x800,
    AT_STATX_SYNC_TYPE = 0x6000,
};

struct linux_open_how {
    uint64_t flags, mode, resolve;
};
enum linux_resolve : uint64_t {
    RESOLVE_NO_XDEV = 1,
    RESOLVE_NO_MAGICLINKS = 2,
    RESOLVE_NO_SYMLINKS = 4,
    RESOLVE_BENEATH = 8,
    RESOLVE_IN_ROOT = 16,
    RESOLVE_CACHED = 32,
};

enum linux_statx_mask : uint32_t {
    STATX_BASIC_STATS = 0x7ff,
    STATX_BTIME = 0x800,
    STATX_MNT_ID = 0x1000,
    STATX_RESERVED = 0x80000000,
};
struct linux_statx_timestamp {
    int64_t tv_sec;
    uint32_t tv_nsec;
    int32_t reserved;
};
struct linux_statx {
    uint32_t stx_mask, stx_blksize;
    uint64_t stx_attributes;
    uint32_t stx_nlink, stx_uid, stx_gid;
    uint16_t stx_mode, spare0;
    uint64_t stx_ino, stx_size, stx_blocks, stx_attributes_mask;
    struct linux_statx_timestamp stx_atime, stx_btime, stx_ctime, stx_mtime;
    uint32_t stx_rdev_major, stx_rdev_minor, stx_dev_major, stx_dev_minor;
    uint64_t stx_mnt_id;
    uint32_t stx_dio_mem_align, stx_dio_offset_align;
    uint64_t spare[12];
};
static_assert(sizeof(struct linux_statx) == 256);
static_assert(offsetof(struct linux_statx, stx_ino) == 0x20 && offsetof(struct linux_statx, stx_mnt_id) == 0x90);

struct linux_statfs {
    int64_t f_type, f_bsize;
    uint64_t f_blocks, f_bfree, f_bavail, f_files, f_ffree;
    uint32_t f_fsid[2];
    int64_t f_namelen, f_frsize, f_flags, f_spare[4];
};
static_assert(sizeof(struct linux_statfs) == 120);

// Both directory entry forms; the old one keeps the type in the last byte of the record.
struct linux_dirent64 {
    uint64_t d_ino;
    int64_t d_off;
    uint16_t d_reclen;
    uint8_t d_type;
    char d_name[];
};
struct linux_dirent {
    uint64_t d_ino;
    int64_t d_off;
    uint16_t d_reclen;
    char d_name[];
};
constexpr size_t LINUX_DIRENT64_HEADER = 19;
constexpr size_t LINUX_DIRENT_HEADER = 18;
static_assert(offsetof(struct linux_dirent64, d_name) == LINUX_DIRENT64_HEADER);
static_assert(offsetof(struct linux_dirent, d_name) == LINUX_DIRENT_HEADER);

struct linux_iovec {
    uintptr_t iov_base;
    size_t iov_len;
};
constexpr unsigned LINUX_IOV_MAXIMUM = 1024;

enum linux_rwf : uint32_t {
    RWF_HIPRI = 1,
    RWF_DSYNC = 2,
    RWF_SYNC = 4,
    RWF_NOWAIT = 8,
    RWF_APPEND = 16,
    RWF_NOAPPEND = 32,
};

enum linux_fcntl_command : uint32_t {
    F_DUPFD,
    F_GETFD,
    F_SETFD,
    F_GETFL,
    F_SETFL,
    F_GETLK,
    F_SETLK,
    F_SETLKW,
    F_SETOWN,
    F_GETOWN,
    F_SETSIG,
    F_GETSIG,
    F_SETOWN_EX = 15,
    F_GETOWN_EX,
    F_OFD_GETLK = 36,
    F_OFD_SETLK,
    F_OFD_SETLKW,
    F_SETLEASE = 1024,
    F_GETLEASE,
    F_NOTIFY,
    F_DUPFD_QUERY,
    F_CREATED_QUERY,
    F_DUPFD_CLOEXEC = 1030,
    F_SETPIPE_SZ,
    F_GETPIPE_SZ,
    F_ADD_SEALS,
    F_GET_SEALS,
};
enum linux_lock_type : int16_t { F_RDLCK, F_WRLCK, F_UNLCK };
struct linux_flock {
    int16_t l_type, l_whence;
    int64_t l_start, l_len;
    int32_t l_pid;
};
static_assert(sizeof(struct linux_flock) == 32);
enum linux_owner_type : int32_t { F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP };
struct linux_owner_ex {
    int32_t type, pid;
};

struct LINUX_EPOLL_EVENT_LAYOUT linux_epoll_event {
    uint32_t events;
    uint64_t data;
};

struct linux_pollfd {
    int32_t fd;
    uint16_t events, revents;
};
static_assert(sizeof(struct linux_pollfd) == sizeof(struct kernel_poll) &&
              offsetof(struct kernel_poll, returned) == offsetof(struct linux_pollfd, revents));

// ---- terminals

struct linux_termios {
    uint32_t c_iflag, c_oflag, c_cflag, c_lflag;
    uint8_t c_line, c_cc[19];
};
static_assert(sizeof(struct linux_termios) == 36 && sizeof(struct linux_termios) == sizeof(struct kernel_termios));
struct linux_termios2 {
    struct linux_termios base;
    uint32_t c_ispeed, c_ospeed;
};
static_assert(sizeof(struct linux_termios2) == 44);
struct linux_termio {
    uint16_t c_iflag, c_oflag, c_cflag, c_lflag;
    uint8_t c_line, c_cc[8], padding;
};
static_assert(sizeof(struct linux_termio) == 18);

enum linux_ioctl : uint32_t {
    TCGETS = 0x5401,
    TCSETS,
    TCSETSW,
    TCSETSF,
    TCGETA,
    TCSETA,
    TCSETAW,
    TCSETAF,
    TCSBRK,
    TCXONC,
    TCFLSH,
    TIOCEXCL,
    TIOCNXCL,
    TIOCSCTTY,
    TIOCGPGRP,
    TIOCSPGRP,
    TIOCOUTQ,
    TIOCSTI,
    TIOCGWINSZ,
    TIOCSWINSZ,
    FIONREAD = 0x541b,
    FIONBIO = 0x5421,
    TIOCNOTTY,
    TIOCSETD,
    TIOCGETD,
    TCSBRKP,
    TIOCGSID = 0x5429,
    FIONCLEX = 0x5450,
    FIOCLEX,
    FIOASYNC,
    FIOQSIZE = 0x5460,
    FICLONE = 0x40049409,
    FICLONERANGE = 0x4020940d,
    TCGETS2 = 0x802c542a,
    TCSETS2 = 0x402c542b,
    TCSETSW2 = 0x402c542c,
    TCSETSF2 = 0x402c542d,
    TIOCGPTN = 0x80045430,
    TIOCSPTLCK = 0x40045431,
};

// ---- sockets

struct linux_msghdr {
    uintptr_t msg_name;
    int32_t msg_namelen;
    uint32_t padding0;
    uintptr_t msg_iov;
    size_t msg_iovlen;
    uintptr_t msg_control;
    size_t msg_controllen;
    uint32_t msg_flags, padding1;
};
static_assert(sizeof(struct linux_msghdr) == 56);
struct linux_mmsghdr {
    struct linux_msghdr msg_hdr;
    uint32_t msg_len, padding;
};
static_assert(sizeof(struct linux_mmsghdr) == 64);
struct linux_cmsghdr {
    size_t cmsg_len; // with this header
    int32_t cmsg_level, cmsg_type;
};
static_assert(sizeof(struct linux_cmsghdr) == 16);
struct linux_ucred {
    int32_t pid;
    uint32_t uid, gid;
};
enum linux_socket_constant : uint32_t {
    SOL_SOCKET = 1,
    SCM_RIGHTS = 1,
    SCM_CREDENTIALS = 2,
    SOCK_TYPE_MASK = 0xf,
    SOCK_TYPE_MAXIMUM = 10,
    AF_MAXIMUM = 46,
    MSG_CTRUNC = 8,
    MSG_DONTWAIT = 0x40,
    MSG_WAITFORONE = 0x10000,
    MSG_CMSG_CLOEXEC = 0x40000000,
};

// ---- the system

struct linux_utsname {
    char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65];
};
static_assert(sizeof(struct linux_utsname) == 390);
struct linux_sysinfo {
    int64_t uptime;
    uint64_t loads[3];
    uint64_t totalram, freeram, sharedram, bufferram, totalswap, freeswap;
    uint16_t procs, padding;
    uint64_t totalhigh, freehigh;
    uint32_t mem_unit, padding1;
};
static_assert(sizeof(struct linux_sysinfo) == 112);
