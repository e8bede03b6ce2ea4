#include "lib/format.h"

#include <stdbool.h>
#include <stdckdint.h>
#include <stdint.h>

#include "lib/string.h"

struct conversion {
    bool left, zero, plus, space, alternate;
    int width, precision; // precision -1: not given
    int length;           // -2 hh, -1 h, 0 int, 1 l / z / t / j / ll
};

static void pad(format_sink *sink, void *data, char c, int count) {
    while (count-- > 0)
        sink(data, &c, 1);
}

static void put_padded(format_sink *sink, void *data, const struct conversion *c, const char *text, size_t length) {
    int fill = c->width - (int)length;
    if (!c->left) pad(sink, data, ' ', fill);
    sink(data, text, length);
    if (c->left) pad(sink, data, ' ', fill);
}

static void put_number(format_sink *sink, void *data, const struct conversion *c, uint64_t value, unsigned base,
                       bool upper, const char *sign) {
    char digits[24];
    size_t at = sizeof digits;
    const char *alphabet = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    bool zero_value = value == 0;
    if (!(zero_value && c->precision == 0)) {
        do {
            digits[--at] = alphabet[value % base];
            value /= base;
        } while (value);
    }
    int count = (int)(sizeof digits - at);
    const char *prefix = "";
    if (c->alternate && base == 16 && !zero_value)
        prefix = upper ? "0X" : "0x";
    else if (c->alternate && base == 8 && c->precision <= count)
        prefix = "0";
    int zeros = c->precision > count ? c->precision - count : 0;
    int used = (int)strlen(sign) + (int)strlen(prefix) + zeros + count;
    if (c->zero && !c->left && c->precision < 0 && c->width > used) {
        zeros += c->width - used;
        used = c->width;
    }
    if (!c->left) pad(sink, data, ' ', c->width - used);
    sink(data, sign, strlen(sign));
    sink(data, prefix, strlen(prefix));
    pad(sink, data, '0', zeros);
    sink(data, digits + at, (size_t)count);
    if (c->left) pad(sink, data, ' ', c->width - used);
}

static int64_t next_signed(const struct conversion *c, va_list *arguments) {
    if (c->length > 0) return va_arg(*arguments, long);
    int value = va_arg(*arguments, int);
    return c->length == -2 ? (signed char)value : c->length == -1 ? (short)value : value;
}

static uint64_t next_unsigned(const struct conversion *c, va_list *arguments) {
    if (c->length > 0) return va_arg(*arguments, unsigned long);
    unsigned value = va_arg(*arguments, unsigned);
    return c->length == -2 ? (unsigned char)value : c->length == -1 ? (unsigned short)value : value;
}

static int parse_count(const char **format, va_list *arguments) {
    int value = 0;
    if (**format == '*') {
        ++*format;
        return va_arg(*arguments, int);
    }
    while (**format >= '0' && **format <= '9')
        value = value * 10 + (*(*format)++ - '0');
    return value;
}

static struct conversion parse_conversion(const char **format, va_list *arguments) {
    struct conversion c = {.precision = -1};
    for (;; ++*format) {
        switch (**format) {
        case '-':
            c.left = true;
            continue;
        case '0':
            c.zero = true;
            continue;
        case '+':
            c.plus = true;
            continue;
        case ' ':
            c.space = true;
            continue;
        case '#':
            c.alternate = true;
            continue;
        default:
            break;
        }
        break;
    }
    c.width = parse_count(format, arguments);
    if (c.width < 0) {
        c.left = true;
        c.width = -c.width;
    }
    if (**format == '.') {
        ++*format;
        c.precision = parse_count(format, arguments);
    }
    for (;; ++*format) {
        if (**format == 'h')
            c.length--;
        else if (**format && strchr("lzjt", **format))
            c.length = 1;
        else
            return c;
    }
}

static void put_conversion(format_sink *sink, void *data, struct conversion *c, char kind, va_list *arguments) {
    switch (kind) {
    case 'd':
    case 'i': {
        int64_t value = next_signed(c, arguments);
        const char *sign = value < 0 ? "-" : c->plus ? "+" : c->space ? " " : "";
        put_number(sink, data, c, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, false, sign);
        return;
    }
    case 'u':
        put_number(sink, data, c, next_unsigned(c, arguments), 10, false, "");
        return;
    case 'x':
    case 'X':
        put_number(sink, data, c, next_unsigned(c, arguments), 16, kind == 'X', "");
        return;
    case 'o':
        put_number(sink, data, c, next_unsigned(c, arguments), 8, false, "");
        return;
    case 'p':
        c->alternate = true;
        put_number(sink, data, c, (uintptr_t)va_arg(*arguments, void *), 16, false, "");
        return;
    case 'c': {
        char character = (char)va_arg(*arguments, int);
        put_padded(sink, data, c, &character, 1);
        return;
    }
    case 's': {
        const char *text = va_arg(*arguments, const char *);
        if (!text) text = "(null)";
        put_padded(sink, data, c, text, c->precision >= 0 ? strnlen(text, (size_t)c->precision) : strlen(text));
        return;
    }
    default:
        sink(data, &kind, 1);
    }
}

void format_to(format_sink *sink, void *data, const char *format, va_list arguments) {
    va_list rest;
    va_copy(rest, arguments);
    while (*format) {
        const char *start = format;
        while (*format && *format != '%')
            format++;
        if (format != start) sink(data, start, (size_t)(format - start));
        if (!*format) break;
        format++;
        struct conversion c = parse_conversion(&format, &rest);
        if (!*format) break;
        put_conversion(sink, data, &c, *format++, &rest);
    }
    va_end(rest);
}

struct bounded_buffer {
    char *buffer;
    size_t size, length;
};

static void bounded_sink(void *data, const char *text, size_t length) {
    struct bounded_buffer *b = data;
    if (b->length < b->size) {
        size_t room = b->size - b->length;
        memcpy(b->buffer + b->length, text, length < room ? length : room);
    }
    b->length += length;
}

size_t format_string_va(char *buffer, size_t size, const char *format, va_list arguments) {
    struct bounded_buffer b = {buffer, size, 0};
    format_to(bounded_sink, &b, format, arguments);
    if (size) buffer[b.length < size ? b.length : size - 1] = 0;
    return b.length;
}

size_t format_string(char *buffer, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_string_va(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}

static unsigned digit_value(char c) {
    if (c >= '0' && c <= '9') return (unsigned)(c - '0');
    c |= 0x20;
    return c >= 'a' && c <= 'z' ? (unsigned)(c - 'a') + 10 : 99;
}

bool parse_unsigned(const char *text, const char **end, unsigned base, unsigned long *value) {
    if (base == 0) {
        base = 10;
        if (text[0] == '0' && (text[1] | 0x20) == 'x') {
            base = 16;
            text += 2;
        } else if (text[0] == '0') {
            base = 8;
        }
    }
    unsigned long result = 0;
    const char *start = text;
    for (; digit_value(*text) < base; text++) {
        if (ckd_mul(&result, result, base) || ckd_add(&result, result, digit_value(*text))) return false;
    }
    *end = text;
    *value = result;
    return text != start;
}
