#include "user/init/text.h"

size_t text_length(const char *text) {
    size_t length = 0;
    while (text[length])
        length++;
    return length;
}

bool text_equal(const char *a, const char *b) {
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

const char *text_after(const char *text, const char *prefix) {
    while (*prefix)
        if (*text++ != *prefix++) return nullptr;
    return text;
}

int text_number(const char **cursor) {
    const char *at = *cursor;
    int value = 0;
    if (*at < '0' || *at > '9') return -1;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (value > 100'000'000) return -1;
        value = value * 10 + (*at - '0');
    }
    while (*at == ' ')
        at++;
    *cursor = at;
    return value;
}

void line_add(struct line *line, const char *text) {
    while (*text && line->used < sizeof line->text - 1)
        line->text[line->used++] = *text++;
    line->text[line->used] = '\0';
}

void line_add_number(struct line *line, int value) {
    char digits[12];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    unsigned left = value < 0 ? 0u - (unsigned)value : (unsigned)value;
    do
        digits[--at] = (char)('0' + left % 10);
    while (left /= 10);
    if (value < 0) digits[--at] = '-';
    line_add(line, digits + at);
}
