#pragma once
// TAP for the guest's test programs. A program calls CHECK for each fact and ends with `return tap_done();`.
//   CHECK(write(fd, "x", 1) == 1);
//   CHECK_ERROR(close(-1), EBADF);          the call answers -1 with that errno
//   CHECK_NAMED(condition, "text %d", 3);
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int tap_count, tap_failures;

[[gnu::format(printf, 4, 5), maybe_unused]] static int tap_result(int good, const char *file, int line,
                                                                  const char *format, ...) {
    int error = errno;
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printf("%sok %d - %s\n", good ? "" : "not ", ++tap_count, text);
    if (!good) {
        printf("# at %s:%d, errno %d (%s)\n", file, line, error, strerror(error));
        tap_failures++;
    }
    fflush(stdout);
    return good;
}

#define CHECK(condition)            tap_result(!!(condition), __FILE__, __LINE__, "%s", #condition)
#define CHECK_NAMED(condition, ...) tap_result(!!(condition), __FILE__, __LINE__, __VA_ARGS__)
#define CHECK_ERROR(call, error)                                                                                       \
    tap_result((errno = 0, (long)(call) == -1 && errno == (error)), __FILE__, __LINE__, "%s fails with %s", #call,     \
               #error)

// Ends a program that cannot test what it is for, for example for want of a device.
#define SKIP_ALL(why)                                                                                                  \
    do {                                                                                                               \
        printf("1..0 # SKIP %s\n", why);                                                                               \
        exit(0);                                                                                                       \
    } while (0)

[[maybe_unused]] static int tap_done(void) {
    printf("1..%d\n", tap_count);
    fflush(stdout);
    return tap_failures != 0;
}
