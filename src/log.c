// The kernel's log: a ring that keeps the newest text, and the console.
#include <stdarg.h>

#include "lib/format.h"
#include "lib/string.h"
#include "src/arch/arch.h"
#include "src/boot.h"
#include "src/context/lock.h"
#include "src/kernel.h"

constexpr size_t LOG_SIZE = 64 * 1024;

static struct spinlock log_lock = SPINLOCK_INIT(RANK_LOG); // guards the ring
static char ring[LOG_SIZE];
static uint64_t written; // bytes ever written; the newest is at (written - 1) % LOG_SIZE

static enum log_level console_level(void) {
    return command_line_flag("quiet") ? LOG_WARNING : command_line_flag("debug") ? LOG_DEBUG : LOG_INFO;
}

static void ring_sink(void *, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        ring[written++ % LOG_SIZE] = text[i];
}

static void log_text(void *data, const char *text, size_t length) {
    ring_sink(nullptr, text, length);
    if (data) arch_console_write(text, length);
}

void log_message(enum log_level level, const char *subsystem, const char *format, ...) {
    static const char *const words[] = {[LOG_WARNING] = "warning: ", [LOG_ERROR] = "error: "};
    nanoseconds now = arch_clock();
    void *console = level >= console_level() ? ring : nullptr;
    char head[96];
    size_t length = format_string(head, sizeof head, "[%5ld.%06ld] %s: %s", now / NANOSECONDS_PER_SECOND,
                                  now % NANOSECONDS_PER_SECOND / 1000, subsystem,
                                  level < array_size(words) && words[level] ? words[level] : "");
    va_list arguments;
    va_start(arguments, format);
    spin_lock(&log_lock);
    log_text(console, head, min(length, sizeof head - 1));
    format_to(log_text, console, format, arguments);
    log_text(console, "\n", 1);
    spin_unlock(&log_lock);
    va_end(arguments);
}

size_t log_read(char *buffer, size_t size) {
    spin_lock(&log_lock);
    size_t available = min(written, (uint64_t)LOG_SIZE);
    size_t count = min(size, available);
    for (size_t i = 0; i < count; i++)
        buffer[i] = ring[(written - count + i) % LOG_SIZE];
    spin_unlock(&log_lock);
    return count;
}

const char *command_line_option(const char *name, size_t *length) {
    size_t name_length = strlen(name);
    for (const char *word = boot_information.command_line; *word;) {
        while (*word == ' ')
            word++;
        size_t size = 0;
        while (word[size] && word[size] != ' ')
            size++;
        if (size >= name_length && memcmp(word, name, name_length) == 0) {
            if (size == name_length || word[name_length] == '=') {
                size_t skip = name_length + (size > name_length);
                *length = size - skip;
                return word + skip;
            }
        }
        word += size;
    }
    return nullptr;
}

bool command_line_flag(const char *name) {
    size_t length;
    return command_line_option(name, &length) != nullptr;
}
