#pragma once
// Raw system calls for the guest's tests of single calls: what the kernel answers, without the C library's own checks.
#include "tap.h"

#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

// The call's name comes first in each line: SUCCEEDS("getpid: …", syscall(SYS_getpid)); FAILS("kill: …", EINVAL, call).
#define SUCCEEDS(name, call) tap_result((errno = 0, (long)(call) >= 0), __FILE__, __LINE__, "%s", name)
#define ANSWERS(name, value, call)                                                                                     \
    ({                                                                                                                 \
        errno = 0;                                                                                                     \
        long answer_ = (long)(call), wanted_ = (long)(value);                                                          \
        tap_result(answer_ == wanted_, __FILE__, __LINE__, "%s", name);                                                \
        if (answer_ != wanted_) printf("# got %ld, wanted %ld\n", answer_, wanted_);                                   \
    })
#define FAILS(name, error, call)                                                                                       \
    ({                                                                                                                 \
        errno = 0;                                                                                                     \
        long answer_ = (long)(call);                                                                                   \
        tap_result(answer_ == -1 && errno == (error), __FILE__, __LINE__, "%s", name);                                 \
    })
#define HOLDS(name, condition) tap_result(!!(condition), __FILE__, __LINE__, "%s", name)

// An address that no program has mapped, and one of the kernel's.
[[maybe_unused]] static void *const nowhere = (void *)8;
[[maybe_unused]] static void *const kernel_place = (void *)0xffff800000001000;

// Runs function in a child and returns its exit status, or 128 + signal.
[[maybe_unused]] static int in_child(int (*function)(void)) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) _exit(function());
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return 255;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// A child that waits for a signal.
[[maybe_unused]] static pid_t idle_child(void) {
    pid_t child = fork();
    if (child == 0) {
        for (;;)
            pause();
    }
    return child;
}
[[maybe_unused]] static void end_child(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
}

[[maybe_unused]] static long milliseconds_now(void) {
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
[[maybe_unused]] static void sleep_milliseconds(long time) {
    struct timespec span = {time / 1000, time % 1000 * 1000000};
    while (syscall(SYS_nanosleep, &span, &span) == -1 && errno == EINTR) {
    }
}
