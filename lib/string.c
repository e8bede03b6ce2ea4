#include "lib/string.h"

#include <stdint.h>

typedef uint64_t word __attribute__((may_alias, aligned(1)));

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    char *d = to;
    const char *s = from;
    for (; size >= 32; size -= 32, d += 32, s += 32) {
        word a = ((const word *)s)[0], b = ((const word *)s)[1], c = ((const word *)s)[2], e = ((const word *)s)[3];
        ((word *)d)[0] = a;
        ((word *)d)[1] = b;
        ((word *)d)[2] = c;
        ((word *)d)[3] = e;
    }
    for (; size >= 8; size -= 8, d += 8, s += 8)
        *(word *)d = *(const word *)s;
#pragma clang loop vectorize(disable) unroll(disable)
    while (size--)
        *d++ = *s++;
    return to;
}

void *memmove(void *to, const void *from, size_t size) {
    char *d = to;
    const char *s = from;
    if ((uintptr_t)d - (uintptr_t)s >= size) return memcpy(to, from, size);
    d += size;
    s += size;
    for (; size >= 8; size -= 8) {
        d -= 8;
        s -= 8;
        *(word *)d = *(const word *)s;
    }
    while (size--)
        *--d = *--s;
    return to;
}

void *memset(void *to, int value, size_t size) {
    char *d = to;
    word pattern = 0x0101010101010101ULL * (unsigned char)value;
    for (; size >= 32; size -= 32, d += 32) {
        ((word *)d)[0] = pattern;
        ((word *)d)[1] = pattern;
        ((word *)d)[2] = pattern;
        ((word *)d)[3] = pattern;
    }
    for (; size >= 8; size -= 8, d += 8)
        *(word *)d = pattern;
    while (size--)
        *d++ = (char)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t size) {
    const unsigned char *x = a, *y = b;
    for (; size >= 8 && *(const word *)x == *(const word *)y; size -= 8, x += 8, y += 8)
        ;
    for (; size; size--, x++, y++) {
        if (*x != *y) return *x - *y;
    }
    return 0;
}

void *memchr(const void *start, int value, size_t size) {
    for (const unsigned char *s = start; size; size--, s++) {
        if (*s == (unsigned char)value) return (void *)s;
    }
    return nullptr;
}

size_t strlen(const char *s) {
    const char *end = s;
    while (*end)
        end++;
    return (size_t)(end - s);
}

size_t strnlen(const char *s, size_t limit) {
    size_t length = 0;
    while (length < limit && s[length])
        length++;
    return length;
}

int strcmp(const char *a, const char *b) {
    while (*a && *a == *b)
        a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t size) {
    for (; size; size--, a++, b++) {
        if (*a != *b || !*a) return (unsigned char)*a - (unsigned char)*b;
    }
    return 0;
}

char *strchr(const char *s, int c) {
    for (;; s++) {
        if (*s == (char)c) return (char *)s;
        if (!*s) return nullptr;
    }
}

char *strrchr(const char *s, int c) {
    const char *last = nullptr;
    for (;; s++) {
        if (*s == (char)c) last = s;
        if (!*s) return (char *)last;
    }
}

bool string_copy(char *to, const char *from, size_t size) {
    size_t length = strnlen(from, size);
    bool whole = length < size;
    if (!whole) length = size - 1;
    memcpy(to, from, length);
    to[length] = 0;
    return whole;
}
