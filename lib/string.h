// The string functions of ISO C that the kernel and the two libraries use, and bounded helpers.
#pragma once

#include <stdbool.h>
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *start, int value, size_t size);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t limit);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t size);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

// Copies at most size - 1 bytes and ends with a NUL. False: the text was cut.
bool string_copy(char *to, const char *from, size_t size);

static inline bool string_equal(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

static inline bool string_starts_with(const char *s, const char *prefix) {
    return strncmp(s, prefix, strlen(prefix)) == 0;
}
