#pragma once
// For the tests of Linux calls: each line begins with the call's name, as the coverage page wants it.
//   WORKS(openat, fd >= 0);
//   FAILS(openat, ENOTDIR, openat(AT_FDCWD, "file/x", O_RDONLY));
#include "tap.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>

#define WORKS(call, condition) tap_result(!!(condition), __FILE__, __LINE__, "%s: %s", #call, #condition)
#define FAILS(call, error, expression)                                                                                 \
    tap_result((errno = 0, (long)(expression) == -1 && errno == (error)), __FILE__, __LINE__, "%s: %s by %s", #call,   \
               #error, #expression)

// An address where nothing is mapped.
#define BAD ((void *)1)

// A fresh directory that becomes the current one.
[[maybe_unused]] static void work_in_fresh_directory(void) {
    static char name[] = "/tmp/linux-calls-XXXXXX";
    mkdir("/tmp", 01777);
    if (mkdtemp(name) == NULL || chdir(name) != 0) {
        printf("not ok 1 - a directory to work in\n");
        exit(1);
    }
    umask(022);
}

// A file with this text.
[[maybe_unused]] static int file_with(const char *name, const char *text) {
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (fd >= 0 && write(fd, text, strlen(text)) != (ssize_t)strlen(text)) return -1;
    return fd;
}

// Runs the function in a child as an unprivileged user; its checks count as the program's own.
[[maybe_unused]] static void as_user(void (*function)(void)) {
    int ends[2], counts[2] = {0, 0}, status = 0;
    fflush(stdout);
    if (pipe(ends) != 0) exit(1);
    pid_t child = fork();
    if (child == 0) {
        if (setgid(1000) != 0 || setuid(1000) != 0) _exit(99);
        function();
        fflush(stdout);
        counts[0] = tap_count, counts[1] = tap_failures;
        _exit(write(ends[1], counts, sizeof counts) != sizeof counts);
    }
    close(ends[1]);
    if (read(ends[0], counts, sizeof counts) == sizeof counts) tap_count = counts[0], tap_failures = counts[1];
    close(ends[0]);
    waitpid(child, &status, 0);
    if (status != 0) CHECK_NAMED(0, "the unprivileged child ends (status %#x)", status);
}

// A name of 256 characters, and a path of 4096.
[[maybe_unused]] static char long_name[257], long_path[4097];
[[maybe_unused]] static void make_long_names(void) {
    memset(long_name, 'n', 256);
    for (int i = 0; i < 4096; i++)
        long_path[i] = i % 2 == 0 ? '.' : '/';
}
