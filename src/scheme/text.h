// Text that grows: what the files of proc and sys are made of.
#pragma once

#include <stddef.h>

struct text {
    char *buffer;
    size_t length, capacity;
    bool failed; // no memory: the rest was dropped
};

[[gnu::format(printf, 2, 3)]] void text_print(struct text *text, const char *format, ...);
void text_append(struct text *text, const char *bytes, size_t length);
void text_free(struct text *text);
