// Linux's own structures and constants of processes, signals, memory, time and scheduling, with Linux's names. Layouts
// are those of 64-bit Linux (x86_64, aarch64 and riscv64 share them unless said).
#pragma once

#include <stddef.h>
#include <stdint.h>

// ---- time

struct linux_timespec {
    int64_t tv_sec, tv_nsec;
};
struct linux_timeval {
    int64_t tv_sec, tv_usec;
};
struct linux_timezone {
    int32_t tz_minuteswest, tz_dsttime;
};
struct linux_itimerspec {
    struct linux_timespec it_interval, it_value;
};
struct linux_itimerval {
    struct linux_timeval it_interval, it_value;
};
struct linux_tms {
    int64_t tms_utime, tms_stime, tms_cutime, tms_cstime;
};
struct linux_timex {
    uint32_t modes, pad0;
    int64_t offset, freq, maxerror, esterror;
    int32_t status, pad1;
    int64_t constant, precision, tolerance;
    struct linux_timeval time;
    int64_t tick, ppsfreq, jitter;
    int32_t shift, pad2;
    int64_t stabil, jitcnt, calcnt, errcnt, stbcnt;
    int32_t tai;
    int32_t pad3[11];
};
static_assert(sizeof(struct linux_timex) == 208);

enum linux_timer_flags : uint32_t { LINUX_TIMER_ABSTIME = 1 };
enum linux_sigev : int32_t { SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID = 4 };
struct linux_sigevent {
    uint64_t sigev_value;
    int32_t sigev_signo, sigev_notify, sigev_tid;
    int32_t pad[11];
};
static_assert(sizeof(struct linux_sigevent) == 64);

// ---- signals

constexpr uintptr_t LINUX_SIG_DFL = 0;
constexpr uintptr_t LINUX_SIG_IGN = 1;
constexpr size_t LINUX_MINSIGSTKSZ = 2048;

struct linux_sigaction {
    uint64_t sa_handler, sa_flags, sa_restorer, sa_mask;
};
struct linux_stack {
    uint64_t ss_sp;
    int32_t ss_flags, pad;
    uint64_t ss_size;
};
static_assert(sizeof(struct linux_stack) == 24);

struct linux_siginfo {
    int32_t si_signo, si_errno, si_code, pad;
    union {
        struct {
            int32_t si_pid;
            uint32_t si_uid;
            union {
                uint64_t si_value;
                struct {
                    int32_t si_status, pad1;
                };
            };
            int64_t si_utime, si_stime;
        };
        struct {
            int32_t si_tid, si_overrun;
            uint64_t si_timer_value;
        };
        struct {
            uint64_t si_addr;
            int16_t si_addr_lsb;
        };
        struct {
            int64_t si_band;
            int32_t si_fd;
        };
        struct {
            uint64_t si_call_addr;
            int32_t si_syscall;
            uint32_t si_arch;
        };
        uint8_t bytes[112];
    };
};
static_assert(sizeof(struct linux_siginfo) == 128 && offsetof(struct linux_siginfo, si_pid) == 16);
static_assert(offsetof(struct linux_siginfo, si_utime) == 32 && offsetof(struct linux_siginfo, si_arch) == 28);

// ---- processes

struct linux_rusage {
    struct linux_timeval ru_utime, ru_stime;
    int64_t ru_maxrss, ru_ixrss, ru_idrss, ru_isrss, ru_minflt, ru_majflt, ru_nswap, ru_inblock, ru_oublock, ru_msgsnd,
        ru_msgrcv, ru_nsignals, ru_nvcsw, ru_nivcsw;
};
static_assert(sizeof(struct linux_rusage) == 144);

struct linux_clone_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    uint64_t set_tid, set_tid_size; // VER1
    uint64_t cgroup;                // VER2
};
static_assert(sizeof(struct linux_clone_args) == 88);
constexpr size_t LINUX_CLONE_ARGS_SIZE_VER0 = 64;

// The clone flags that the canonical list doesn't have.
enum linux_clone_flags : uint64_t {
    LINUX_CSIGNAL = 0xff,
    LINUX_CLONE_NEWTIME = 0x80,
    LINUX_CLONE_PIDFD = 0x1000,
    LINUX_CLONE_PTRACE = 0x2000,
    LINUX_CLONE_NEWNS = 0x20000,
    LINUX_CLONE_SYSVSEM = 0x40000,
    LINUX_CLONE_DETACHED = 0x400000,
    LINUX_CLONE_UNTRACED = 0x800000,
    LINUX_CLONE_NEWCGROUP = 0x2000000,
    LINUX_CLONE_NEWUTS = 0x4000000,
    LINUX_CLONE_NEWIPC = 0x8000000,
    LINUX_CLONE_NEWUSER = 0x10000000,
    LINUX_CLONE_NEWPID = 0x20000000,
    LINUX_CLONE_NEWNET = 0x40000000,
    LINUX_CLONE_IO = 0x80000000,
    LINUX_CLONE_INTO_CGROUP = 0x200000000,
};

struct linux_cap_header {
    uint32_t version;
    int32_t pid;
};
struct linux_cap_data {
    uint32_t effective, permitted, inheritable;
};

struct linux_sched_attr {
    uint32_t size, sched_policy;
    uint64_t sched_flags;
    int32_t sched_nice;
    uint32_t sched_priority;
    uint64_t sched_runtime, sched_deadline, sched_period;
    uint32_t sched_util_min, sched_util_max;
};
static_assert(sizeof(struct linux_sched_attr) == 56);
constexpr size_t LINUX_SCHED_ATTR_SIZE_VER0 = 48;

enum linux_sched_policy : uint32_t {
    SCHED_OTHER,
    SCHED_FIFO,
    SCHED_RR,
    SCHED_BATCH,
    SCHED_IDLE = 5,
    SCHED_DEADLINE,
    SCHED_RESET_ON_FORK = 0x40000000,
};

// ---- futex

enum linux_futex : uint32_t {
    FUTEX_WAIT,
    FUTEX_WAKE,
    FUTEX_FD,
    FUTEX_REQUEUE,
    FUTEX_CMP_REQUEUE,
    FUTEX_WAKE_OP,
    FUTEX_LOCK_PI,
    FUTEX_UNLOCK_PI,
    FUTEX_TRYLOCK_PI,
    FUTEX_WAIT_BITSET,
    FUTEX_WAKE_BITSET,
    FUTEX_WAIT_REQUEUE_PI,
    FUTEX_CMP_REQUEUE_PI,
    FUTEX_LOCK_PI2,
    FUTEX_PRIVATE_FLAG = 128,
    FUTEX_CLOCK_REALTIME = 256,
    FUTEX_BITSET_MATCH_ANY = 0xffffffff,
    FUTEX_WAITERS = 0x80000000,
    FUTEX_OWNER_DIED = 0x40000000,
    FUTEX_TID_MASK = 0x3fffffff,
};

struct linux_robust_list_head {
    uint64_t list; // the first entry's address; bit 0: a PI futex
    int64_t futex_offset;
    uint64_t list_op_pending;
};
struct linux_futex_waitv {
    uint64_t val, uaddr;
    uint32_t flags, reserved;
};

// ---- the auxiliary vector

enum linux_auxv : uint64_t {
    AT_NULL,
    AT_PHDR = 3,
    AT_PHENT,
    AT_PHNUM,
    AT_PAGESZ,
    AT_BASE,
    AT_FLAGS,
    AT_ENTRY,
    AT_UID = 11,
    AT_EUID,
    AT_GID,
    AT_EGID,
    AT_PLATFORM,
    AT_HWCAP,
    AT_CLKTCK,
    AT_SECURE = 23,
    AT_RANDOM = 25,
    AT_HWCAP2,
    AT_EXECFN = 31,
    AT_SYSINFO_EHDR = 33,
    AT_MINSIGSTKSZ = 51,
};
