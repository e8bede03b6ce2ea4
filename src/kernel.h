// What every part of the core may use: the log, panic, assertions.
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "lib/errno.h"
#include "lib/types.h"

enum log_level : unsigned { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

// One line "[seconds.microseconds] subsystem: message" to the log ring and, above the console level, to the console.
// Callable everywhere, also in interrupts.
[[gnu::format(printf, 3, 4)]] void log_message(enum log_level level, const char *subsystem, const char *format, ...);
#define log_info(subsystem, ...)    log_message(LOG_INFO, subsystem, __VA_ARGS__)
#define log_warning(subsystem, ...) log_message(LOG_WARNING, subsystem, __VA_ARGS__)
#define log_error(subsystem, ...)   log_message(LOG_ERROR, subsystem, __VA_ARGS__)
#define log_debug(subsystem, ...)   log_message(LOG_DEBUG, subsystem, __VA_ARGS__)

// Copies up to size bytes of the log ring's newest text; returns the number.
size_t log_read(char *buffer, size_t size);

// Stops all processors after printing registers, a symbolised backtrace and the last system calls of this one.
struct user_frame;
[[noreturn]] [[gnu::format(printf, 1, 2)]] void panic(const char *format, ...);
// The same for an exception in the kernel: frame holds the registers at the fault.
[[noreturn]] [[gnu::format(printf, 2, 3)]] void panic_at(const struct user_frame *frame, const char *format, ...);

// A broken invariant: always checked.
#define kernel_assert(condition)                                                                                       \
    do {                                                                                                               \
        if (unlikely(!(condition))) panic("assertion failed: %s (%s:%d)", #condition, __FILE__, __LINE__);             \
    } while (0)
// Checked in debug builds only (make DEBUG=1).
#ifdef KERNEL_DEBUG
#define debug_assert(condition) kernel_assert(condition)
#else
#define debug_assert(condition) ((void)sizeof(condition))
#endif

// The value of `name=value` on the kernel command line, or "" for a bare `name`; nullptr when absent. The text ends at
// a space: *length gets its length.
const char *command_line_option(const char *name, size_t *length);
bool command_line_flag(const char *name);
