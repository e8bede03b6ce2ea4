#pragma once
// The Linux system calls that /init uses, in Linux's own convention and numbers. Each returns what the kernel returns:
// a result, or a negative errno.
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
enum : long {
    CALL_READ = 0,
    CALL_WRITE = 1,
    CALL_CLOSE = 3,
    CALL_IOCTL = 16,
    CALL_NANOSLEEP = 35,
    CALL_GETPID = 39,
    CALL_FSYNC = 74,
    CALL_CHDIR = 80,
    CALL_SETUID = 105,
    CALL_SETGID = 106,
    CALL_SETSID = 112,
    CALL_KILL = 62,
    CALL_EXIT_GROUP = 231,
    CALL_WAIT4 = 61,
    CALL_EXECVE = 59,
    CALL_REBOOT = 169,
    CALL_OPENAT = 257,
    CALL_DUP3 = 292,
    CALL_PIPE2 = 293,
    CALL_CLONE = 56,
    CALL_RT_SIGACTION = 13,
};

static inline long linux_call(long number, long a, long b, long c, long d) {
    register long r10 __asm__("r10") = d;
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__) || defined(__riscv)
enum : long {
    CALL_READ = 63,
    CALL_WRITE = 64,
    CALL_CLOSE = 57,
    CALL_IOCTL = 29,
    CALL_NANOSLEEP = 101,
    CALL_GETPID = 172,
    CALL_FSYNC = 82,
    CALL_CHDIR = 49,
    CALL_SETUID = 146,
    CALL_SETGID = 144,
    CALL_SETSID = 157,
    CALL_KILL = 129,
    CALL_EXIT_GROUP = 94,
    CALL_WAIT4 = 260,
    CALL_EXECVE = 221,
    CALL_REBOOT = 142,
    CALL_OPENAT = 56,
    CALL_DUP3 = 24,
    CALL_PIPE2 = 59,
    CALL_CLONE = 220,
    CALL_RT_SIGACTION = 134,
};

static inline long linux_call(long number, long a, long b, long c, long d) {
#if defined(__aarch64__)
    register long call __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(call), "r"(x1), "r"(x2), "r"(x3) : "memory");
#else
    register long call __asm__("a7") = number;
    register long x0 __asm__("a0") = a;
    register long x1 __asm__("a1") = b;
    register long x2 __asm__("a2") = c;
    register long x3 __asm__("a3") = d;
    __asm__ volatile("ecall" : "+r"(x0) : "r"(call), "r"(x1), "r"(x2), "r"(x3) : "memory");
#endif
    return x0;
}
#endif

enum : int {
    LINUX_ENOENT = 2,
    LINUX_EINTR = 4,
    LINUX_ENOTDIR = 20,
    LINUX_O_RDONLY = 0,
    LINUX_O_WRONLY = 1,
    LINUX_O_RDWR = 2,
    LINUX_O_NOCTTY = 0400,
    LINUX_O_CLOEXEC = 02000000,
    LINUX_AT_FDCWD = -100,
    LINUX_SIGHUP = 1,
    LINUX_SIGKILL = 9,
    LINUX_SIGCHLD = 17,
    LINUX_TIOCSCTTY = 0x540e,
    LINUX_TIOCSWINSZ = 0x5414,
};

struct linux_timespec {
    int64_t seconds;
    int64_t nanoseconds;
};

struct linux_winsize {
    uint16_t rows, columns, x_pixels, y_pixels;
};

static inline long linux_read(int file, void *data, size_t size) {
    return linux_call(CALL_READ, file, (long)data, (long)size, 0);
}

static inline long linux_write(int file, const void *data, size_t size) {
    return linux_call(CALL_WRITE, file, (long)data, (long)size, 0);
}

static inline int linux_open(const char *path, int flags) {
    return (int)linux_call(CALL_OPENAT, LINUX_AT_FDCWD, (long)path, flags, 0);
}

static inline int linux_close(int file) {
    return (int)linux_call(CALL_CLOSE, file, 0, 0, 0);
}

static inline int linux_ioctl(int file, unsigned request, void *argument) {
    return (int)linux_call(CALL_IOCTL, file, (long)request, (long)argument, 0);
}

// A duplicate that stays open over exec.
static inline int linux_dup_to(int from, int to) {
    return from == to ? to : (int)linux_call(CALL_DUP3, from, to, 0, 0);
}

static inline int linux_pipe(int ends[2]) {
    return (int)linux_call(CALL_PIPE2, (long)ends, LINUX_O_CLOEXEC, 0, 0);
}

static inline int linux_fork(void) {
    return (int)linux_call(CALL_CLONE, LINUX_SIGCHLD, 0, 0, 0);
}

static inline int linux_execve(const char *path, const char *const *arguments, const char *const *environment) {
    return (int)linux_call(CALL_EXECVE, (long)path, (long)arguments, (long)environment, 0);
}

static inline int linux_wait(int process, int *status) {
    return (int)linux_call(CALL_WAIT4, process, (long)status, 0, 0);
}

static inline int linux_kill(int process, int signal) {
    return (int)linux_call(CALL_KILL, process, signal, 0, 0);
}

static inline void linux_sleep_ms(int milliseconds) {
    struct linux_timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000ll};
    linux_call(CALL_NANOSLEEP, (long)&time, 0, 0, 0);
}

static inline long linux_simple(long number, long a, long b, long c) {
    return linux_call(number, a, b, c, 0);
}

[[noreturn]] static inline void linux_exit(int status) {
    for (;;)
        linux_call(CALL_EXIT_GROUP, status, 0, 0, 0);
}

[[noreturn]] static inline void linux_power_off(void) {
    linux_call(CALL_REBOOT, (long)0xfee1dead, 0x28121969, 0x4321fedc, 0);
    // A kernel that cannot switch off: end here, process 1 is the last thing that runs.
    linux_exit(0);
}
