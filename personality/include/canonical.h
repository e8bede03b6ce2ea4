// The canonical structures and constants in which the core and the personalities talk. Values are Linux's generic ones
// (asm-generic) where a Linux counterpart exists, so that the most used personality translates least; each OS folder
// translates to and from its own.
#pragma once

#include "lib/errno.h"
#include "lib/types.h"

// The release that Linux programs see in uname and /proc: they compare it to find features.
#define LINUX_RELEASE "6.18.0-helctic"

// ---- files

// Flags of the open op (asm-generic/fcntl.h; O_LARGEFILE never appears here).
enum open_flags : uint32_t {
    O_RDONLY = 0,
    O_WRONLY = 1,
    O_RDWR = 2,
    O_ACCMODE = 3,
    O_CREAT = 0100,
    O_EXCL = 0200,
    O_NOCTTY = 0400,
    O_TRUNC = 01000,
    O_APPEND = 02000,
    O_NONBLOCK = 04000,
    O_DSYNC = 010000,
    O_ASYNC = 020000,
    O_DIRECT = 040000,
    O_DIRECTORY = 0200000,
    O_NOFOLLOW = 0400000,
    O_NOATIME = 01000000,
    O_CLOEXEC = 02000000,
    O_SYNC = 04010000,
    O_PATH = 010000000,
    O_TMPFILE = 020200000,
    // How the path may be walked: Linux's RESOLVE_* (openat2), shifted.
    O_RESOLVE_SHIFT = 24,
    O_RESOLVE_NO_MOUNTS = 1 << 24,
    O_RESOLVE_NO_MAGIC_LINKS = 1 << 25,
    O_RESOLVE_NO_SYMLINKS = 1 << 26,
    O_RESOLVE_BENEATH = 1 << 27,
    O_RESOLVE_IN_ROOT = 1 << 28,
    O_RESOLVE_ALL = 31 << 24,
};

constexpr int32_t AT_FDCWD = -100;
// Flags of the ops that take a path (linux/fcntl.h).
enum path_flags : uint32_t {
    AT_SYMLINK_NOFOLLOW = 0x100,
    AT_REMOVEDIR = 0x200,
    AT_EACCESS = 0x200,
    AT_SYMLINK_FOLLOW = 0x400,
    AT_EMPTY_PATH = 0x1000,
};

enum file_mode : uint32_t {
    S_IFMT = 0170000,
    S_IFSOCK = 0140000,
    S_IFLNK = 0120000,
    S_IFREG = 0100000,
    S_IFBLK = 0060000,
    S_IFDIR = 0040000,
    S_IFCHR = 0020000,
    S_IFIFO = 0010000,
    S_ISUID = 04000,
    S_ISGID = 02000,
    S_ISVTX = 01000,
};

struct kernel_stat {
    uint64_t device, inode, size, blocks; // blocks of 512 bytes
    uint64_t rdev;                        // device numbers: device_number(major, minor)
    uint32_t mode, links, uid, gid, block_size, mount_id;
    nanoseconds atime, mtime, ctime, btime; // since the epoch
};

// The encoding of Linux's stat: 12 bits of major and 20 of minor, low 8 of minor first.
static inline uint64_t device_number(uint32_t major, uint32_t minor) {
    return (minor & 0xff) | ((uint64_t)(major & 0xfff) << 8) | ((uint64_t)(minor & ~0xffU) << 12);
}

struct kernel_statfs {
    uint64_t type, block_size, blocks, blocks_free, blocks_available, files, files_free, id, name_max, flags;
};

// What set_attributes changes; `valid` is a set of enum attribute_mask.
enum attribute_mask : uint32_t {
    ATTRIBUTE_MODE = 1,
    ATTRIBUTE_UID = 2,
    ATTRIBUTE_GID = 4,
    ATTRIBUTE_SIZE = 8,
    ATTRIBUTE_ATIME = 16,
    ATTRIBUTE_MTIME = 32,
    ATTRIBUTE_ATIME_NOW = 64, // the time is now, and write permission is enough
    ATTRIBUTE_MTIME_NOW = 128,
};
struct kernel_attributes {
    uint32_t valid, mode, uid, gid;
    uint64_t size;
    nanoseconds atime, mtime;
};

// One entry of read_directory: entries lie one after the other, each `length` bytes (a multiple of 8), name
// NUL-terminated.
struct kernel_directory_entry {
    uint64_t inode;
    uint64_t next_offset; // seek here to continue after this entry
    uint16_t length;
    uint16_t name_length;
    uint8_t type; // DT_*: (mode & S_IFMT) >> 12
    char name[];
};

enum seek_whence : uint32_t { SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE };

enum access_mode : uint32_t { ACCESS_EXISTS = 0, ACCESS_EXECUTE = 1, ACCESS_WRITE = 2, ACCESS_READ = 4 };

enum rename_flags : uint32_t { RENAME_NOREPLACE = 1, RENAME_EXCHANGE = 2 };

// Flags of one read or write (linux/fs.h RWF_*).
enum io_flags : uint32_t {
    IO_NOWAIT = 8,
    IO_APPEND = 16,
    IO_DUPLICATE = 1u << 17, // copy_range between pipes: the source keeps its bytes
    IO_AT_OFFSET = 1u << 16, // use the given offset (pread); else the file's position
};

// Bulk data: bytes in a program's or in the kernel's memory. Made only by segment_user and segment_kernel.
enum segment_kind : uint32_t { SEGMENT_USER, SEGMENT_KERNEL };
struct segment {
    uintptr_t address;
    size_t length;
    enum segment_kind kind;
};
static inline struct segment segment_user(struct user_address address, size_t length) {
    return (struct segment){address.value, length, SEGMENT_USER};
}
static inline struct segment segment_kernel(const void *address, size_t length) {
    return (struct segment){(uintptr_t)address, length, SEGMENT_KERNEL};
}
constexpr size_t IO_MAXIMUM = 0x7ffff000;

// The poll events (asm-generic/poll.h); POLLERR, POLLHUP and POLLNVAL are always reported.
enum poll_events : uint32_t {
    POLLIN = 1,
    POLLPRI = 2,
    POLLOUT = 4,
    POLLERR = 8,
    POLLHUP = 16,
    POLLNVAL = 32,
    POLLRDNORM = 64,
    POLLRDBAND = 128,
    POLLWRNORM = 256,
    POLLWRBAND = 512,
    POLLRDHUP = 0x2000,
};
struct kernel_poll {
    int32_t descriptor; // negative: ignored
    uint16_t events, returned;
};
struct kernel_epoll_event {
    uint32_t events; // EPOLLET 1<<31, EPOLLONESHOT 1<<30, EPOLLEXCLUSIVE 1<<28
    uint64_t data;
};
enum epoll_operation : uint32_t { EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2, EPOLL_CTL_MOD = 3 };

// Advisory record locks. type: F_RDLCK 0, F_WRLCK 1, F_UNLCK 2. length 0: to the end. start is absolute.
struct kernel_file_lock {
    uint32_t type;
    int32_t pid;
    uint64_t start, length;
};

// ---- memory (asm-generic/mman.h)

enum memory_protection : uint32_t { PROT_NONE = 0, PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4 };
enum map_flags : uint32_t {
    MAP_SHARED = 1,
    MAP_PRIVATE = 2,
    MAP_FIXED = 0x10,
    MAP_ANONYMOUS = 0x20,
    MAP_GROWSDOWN = 0x100,
    MAP_LOCKED = 0x2000,
    MAP_NORESERVE = 0x4000,
    MAP_POPULATE = 0x8000,
    MAP_STACK = 0x20000,
    MAP_FIXED_NOREPLACE = 0x100000,
};
enum remap_flags : uint32_t { MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2, MREMAP_DONTUNMAP = 4 };
enum sync_flags : uint32_t { MS_ASYNC = 1, MS_INVALIDATE = 2, MS_SYNC = 4 };
enum memory_advice : uint32_t {
    MADV_NORMAL,
    MADV_RANDOM,
    MADV_SEQUENTIAL,
    MADV_WILLNEED,
    MADV_DONTNEED,
    MADV_FREE = 8,
    MADV_REMOVE,
    MADV_DONTFORK,
    MADV_DOFORK,
    MADV_MERGEABLE = 12,
    MADV_UNMERGEABLE,
    MADV_HUGEPAGE,
    MADV_NOHUGEPAGE,
    MADV_DONTDUMP,
    MADV_DODUMP,
    MADV_WIPEONFORK,
    MADV_KEEPONFORK,
    MADV_COLD,
    MADV_PAGEOUT,
};

// ---- processes and signals

// How clone makes the new context (linux/sched.h CLONE_*).
enum clone_flags : uint64_t {
    CLONE_VM = 0x100,
    CLONE_FS = 0x200,
    CLONE_FILES = 0x400,
    CLONE_SIGHAND = 0x800,
    CLONE_VFORK = 0x4000,
    CLONE_PARENT = 0x8000,
    CLONE_THREAD = 0x10000,
    CLONE_SETTLS = 0x80000,
    CLONE_PARENT_SETTID = 0x100000,
    CLONE_CHILD_CLEARTID = 0x200000,
    CLONE_CHILD_SETTID = 0x1000000,
    CLONE_CLEAR_SIGHAND = 0x100000000, // handlers become default in the child
};
struct kernel_clone {
    uint64_t flags;
    struct user_address stack; // the new stack pointer; 0: keep the parent's
    struct user_address parent_tid, child_tid;
    uintptr_t tls;
    uint32_t exit_signal; // 0: none
};

enum wait_options : uint32_t {
    WNOHANG = 1,
    WSTOPPED = 2, // WUNTRACED
    WEXITED = 4,
    WCONTINUED = 8,
    WNOWAIT = 0x1000000,
    WAIT_ONLY_SIGCHLD = 0x40000000, // only children whose exit signal is SIGCHLD
    WAIT_ONLY_CLONED = 0x80000000,  // only the others
};
enum wait_for : uint32_t { WAIT_FOR_ANY, WAIT_FOR_PID, WAIT_FOR_GROUP };
// What became of a child. status: exit code or signal number, meaning by code.
enum child_code : int32_t { CLD_EXITED = 1, CLD_KILLED, CLD_DUMPED, CLD_TRAPPED, CLD_STOPPED, CLD_CONTINUED };
struct kernel_rusage {
    nanoseconds user_time, system_time;
    uint64_t maximum_resident_pages, minor_faults, major_faults, voluntary_switches, involuntary_switches;
};
struct kernel_wait_result {
    int32_t pid; // 0: nothing (WNOHANG)
    uint32_t uid;
    enum child_code code;
    int32_t status;
    struct kernel_rusage usage;
};

enum signal_number : uint32_t {
    SIGHUP = 1,
    SIGINT,
    SIGQUIT,
    SIGILL,
    SIGTRAP,
    SIGABRT,
    SIGBUS,
    SIGFPE,
    SIGKILL,
    SIGUSR1,
    SIGSEGV,
    SIGUSR2,
    SIGPIPE,
    SIGALRM,
    SIGTERM,
    SIGSTKFLT,
    SIGCHLD,
    SIGCONT,
    SIGSTOP,
    SIGTSTP,
    SIGTTIN,
    SIGTTOU,
    SIGURG,
    SIGXCPU,
    SIGXFSZ,
    SIGVTALRM,
    SIGPROF,
    SIGWINCH,
    SIGIO,
    SIGPWR,
    SIGSYS,
    SIGNAL_REALTIME_FIRST = 32,
    SIGNAL_COUNT = 64, // numbers 1 to 64
};
typedef uint64_t signal_set; // bit n-1 is signal n
static inline signal_set signal_bit(uint32_t signal) {
    return 1ULL << (signal - 1);
}

enum signal_code : int32_t {
    SI_USER = 0,
    SI_KERNEL = 0x80,
    SI_QUEUE = -1,
    SI_TIMER = -2,
    SI_MESGQ = -3,
    SI_TKILL = -6,
    ILL_ILLOPC = 1,
    FPE_INTDIV = 1,
    FPE_FLTINV = 7,
    SEGV_MAPERR = 1,
    SEGV_ACCERR = 2,
    BUS_ADRALN = 1,
    BUS_ADRERR = 2,
    TRAP_BRKPT = 1,
    TRAP_TRACE = 2,
    SYS_SECCOMP = 1,
};
struct kernel_siginfo {
    uint32_t signal;
    int32_t error, code;
    int32_t pid; // sender, or the child of SIGCHLD
    uint32_t uid;
    int32_t status;    // SIGCHLD: exit status or signal; timers: overrun
    int32_t timer_id;  // SI_TIMER
    uintptr_t address; // fault address; SIGSYS: call address
    uintptr_t value;   // sigqueue's value; SIGSYS: number
    nanoseconds user_time, system_time;
};

enum signal_disposition : uint32_t { SIGNAL_DEFAULT, SIGNAL_IGNORE, SIGNAL_HANDLER };
enum signal_action_flags : uint32_t {
    SA_NOCLDSTOP = 1,
    SA_NOCLDWAIT = 2,
    SA_SIGINFO = 4,
    SA_RESTORER = 0x04000000,
    SA_ONSTACK = 0x08000000,
    SA_RESTART = 0x10000000,
    SA_NODEFER = 0x40000000,
    SA_RESETHAND = 0x80000000,
};
struct signal_action {
    enum signal_disposition disposition;
    uint32_t flags;
    signal_set mask;
    uintptr_t handler, restorer; // opaque to the core
};
enum signal_mask_how : uint32_t { SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK };
enum signal_stack_flags : uint32_t { SS_ONSTACK = 1, SS_DISABLE = 2, SS_AUTODISARM = 1u << 31 };
struct signal_stack {
    struct user_address base;
    size_t size;
    uint32_t flags;
};

enum resource_limit : uint32_t {
    RLIMIT_CPU,
    RLIMIT_FSIZE,
    RLIMIT_DATA,
    RLIMIT_STACK,
    RLIMIT_CORE,
    RLIMIT_RSS,
    RLIMIT_NPROC,
    RLIMIT_NOFILE,
    RLIMIT_MEMLOCK,
    RLIMIT_AS,
    RLIMIT_LOCKS,
    RLIMIT_SIGPENDING,
    RLIMIT_MSGQUEUE,
    RLIMIT_NICE,
    RLIMIT_RTPRIO,
    RLIMIT_RTTIME,
    RLIMIT_COUNT,
};
constexpr uint64_t RLIM_INFINITY = ~0ULL;
// Beside the policy: children are made without real-time policy and negative nice value.
constexpr uint32_t SCHEDULER_RESET_ON_FORK = 0x40000000;
struct kernel_rlimit {
    uint64_t current, maximum;
};

// One word of futex_wait_any. flags as futex_wait.
struct kernel_futex_wait {
    struct user_address address;
    uint32_t expected, flags;
};
constexpr uint32_t FUTEX_WAITS_MAXIMUM = 128;

constexpr unsigned GROUPS_MAXIMUM = 64;
struct kernel_credentials {
    uint32_t uid, euid, suid, fsuid, gid, egid, sgid, fsgid;
    uint64_t capabilities_effective, capabilities_permitted, capabilities_inheritable;
    uint32_t group_count;
    uint32_t groups[GROUPS_MAXIMUM];
};
enum capability : uint32_t {
    CAP_CHOWN,
    CAP_DAC_OVERRIDE,
    CAP_DAC_READ_SEARCH,
    CAP_FOWNER,
    CAP_FSETID,
    CAP_KILL,
    CAP_SETGID,
    CAP_SETUID,
    CAP_SETPCAP,
    CAP_IPC_LOCK = 14,
    CAP_IPC_OWNER = 15,
    CAP_SYS_MODULE = 16,
    CAP_SYS_RAWIO = 17,
    CAP_SYS_CHROOT = 18,
    CAP_SYS_PTRACE = 19,
    CAP_SYS_PACCT = 20,
    CAP_SYS_ADMIN = 21,
    CAP_SYS_BOOT = 22,
    CAP_SYS_NICE = 23,
    CAP_SYS_RESOURCE = 24,
    CAP_SYS_TIME = 25,
    CAP_SYS_TTY_CONFIG = 26,
    CAP_MKNOD = 27,
    CAP_LAST = 40,
};

struct kernel_system_information {
    uint64_t memory_total, memory_free, memory_cached; // bytes
    uint64_t processes;
    uint32_t load[3]; // 1, 5, 15 minutes, 16.16 fixed point
    uint32_t cpus;
    nanoseconds uptime;
};

enum trace_request : uint32_t {
    TRACE_ME,
    TRACE_ATTACH,
    TRACE_SEIZE,
    TRACE_KILL,
    TRACE_INTERRUPT,
    TRACE_CHECK,
    TRACE_CONTINUE,
    TRACE_CONTINUE_TO_CALL, // until the entry or exit of a system call
    TRACE_DETACH,
    TRACE_OPTIONS,
    TRACE_MESSAGE,
};

enum comparison : uint32_t {
    COMPARE_FILE,
    COMPARE_MEMORY,
    COMPARE_DESCRIPTORS,
    COMPARE_FILE_SYSTEM,
    COMPARE_SIGNAL_HANDLERS,
};

// ---- System V IPC (asm-generic/ipcbuf.h and its like)

enum ipc_kind : uint32_t { IPC_SHARED_MEMORY, IPC_SEMAPHORES, IPC_MESSAGES, IPC_KINDS };
enum ipc_flags : uint32_t { IPC_CREAT = 01000, IPC_EXCL = 02000, IPC_NOWAIT = 04000 };
constexpr int32_t IPC_PRIVATE = 0; // a key that is never found
struct kernel_ipc_status {
    int32_t key, sequence;
    uint32_t uid, gid, creator_uid, creator_gid;
    uint32_t mode; // SHARED_MEMORY_REMOVED: gone when nothing is attached any more
    int32_t creator_pid, last_pid, last_receive_pid;
    uint64_t size;    // shared memory: bytes; semaphores: their number; messages: bytes in the queue
    uint64_t count;   // shared memory: attachments; messages: their number
    uint64_t maximum; // messages: bytes the queue may hold
    nanoseconds changed, last, last_receive; // last: attach, operate, send; last_receive: also detach
};
constexpr uint32_t SHARED_MEMORY_REMOVED = 01000;
struct kernel_ipc_usage {
    uint32_t used;  // objects
    uint64_t total; // bytes of shared memory or messages, semaphores
    uint64_t resident, messages;
};
struct kernel_semaphore_operation {
    uint16_t number;
    int16_t change;
    uint16_t flags; // IPC_NOWAIT, SEMAPHORE_UNDO
};
constexpr uint16_t SEMAPHORE_UNDO = 0x1000;
constexpr uint32_t SEMAPHORE_OPERATIONS_MAXIMUM = 500, SEMAPHORES_MAXIMUM = 32000, SEMAPHORE_VALUE_MAXIMUM = 32767;
enum semaphore_figure : uint32_t { SEMAPHORE_VALUE, SEMAPHORE_PID, SEMAPHORE_WAITING_MORE, SEMAPHORE_WAITING_ZERO };
constexpr size_t IPC_MESSAGE_MAXIMUM = 8192, MESSAGE_QUEUE_MAXIMUM = 16384;
enum ipc_message_flags : uint32_t { MESSAGE_NO_ERROR = 010000, MESSAGE_EXCEPT = 020000, MESSAGE_COPY = 040000 };

// ---- time (linux/time.h)

enum clock_id : uint32_t {
    CLOCK_REALTIME,
    CLOCK_MONOTONIC,
    CLOCK_PROCESS_CPUTIME_ID,
    CLOCK_THREAD_CPUTIME_ID,
    CLOCK_MONOTONIC_RAW,
    CLOCK_REALTIME_COARSE,
    CLOCK_MONOTONIC_COARSE,
    CLOCK_BOOTTIME,
    CLOCK_REALTIME_ALARM,
    CLOCK_BOOTTIME_ALARM,
    CLOCK_TAI = 11,
};
struct kernel_itimer {
    nanoseconds interval, value; // relative; value 0: disarmed
};
enum timer_notify : uint32_t { TIMER_NOTIFY_NONE, TIMER_NOTIFY_SIGNAL, TIMER_NOTIFY_THREAD_SIGNAL };

// The timekeeper's record: time since boot = ((counter - counter_base) * multiplier >> shift) + base, and real time is
// that plus wall_offset. generation is odd while the record changes.
struct kernel_time_record {
    uint32_t generation, shift;
    uint64_t counter_base, multiplier;
    nanoseconds base, wall_offset;
    uint32_t processor_number_readable; // programs can read the processor's number (x86_64: TSC_AUX, by rdtscp)
};

// ---- terminals (asm-generic/termbits.h values)

struct kernel_termios {
    uint32_t input, output, control, local; // c_iflag, c_oflag, c_cflag, c_lflag
    uint8_t line;
    uint8_t characters[19]; // c_cc
};
struct kernel_winsize {
    uint16_t rows, columns, x_pixels, y_pixels;
};

// ---- sockets

constexpr size_t SOCKET_ADDRESS_MAXIMUM = 128;
struct kernel_socket_address {
    uint32_t length; // of the whole, family included; 0: none
    uint16_t family; // AF_UNIX 1, AF_INET 2, AF_INET6 10
    uint8_t data[SOCKET_ADDRESS_MAXIMUM - 2];
};

// A POSIX message queue.
struct kernel_queue_attributes {
    uint32_t flags; // O_NONBLOCK
    int64_t maximum, message_size, count;
};
