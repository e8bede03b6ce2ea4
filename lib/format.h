// printf-like formatting without floating point: %d %i %u %x %X %o %c %s %p %%, flags - 0 + # space, width and
// precision (also *), lengths hh h l ll z j t.
#pragma once

#include <stdarg.h>
#include <stddef.h>

// Receives each piece of the result in order.
typedef void format_sink(void *data, const char *text, size_t length);

void format_to(format_sink *sink, void *data, const char *format, va_list arguments);

// Like vsnprintf / snprintf of ISO C: always ends with a NUL when size > 0; returns the whole length.
size_t format_string_va(char *buffer, size_t size, const char *format, va_list arguments);
[[gnu::format(printf, 3, 4)]] size_t format_string(char *buffer, size_t size, const char *format, ...);

// Parses an unsigned number (base 10, or 0x…/0… when base is 0). False: no digits or overflow. *end is set past it.
[[nodiscard]] bool parse_unsigned(const char *text, const char **end, unsigned base, unsigned long *value);
