// Clearing and copying one page, in as few instructions as the processor allows.
#pragma once

#include "lib/string.h"
#include "lib/types.h"

static inline void page_clear(void *page) {
#ifdef __x86_64__
    size_t count = PAGE_SIZE / 8;
    __asm__ volatile("rep stosq" : "+D"(page), "+c"(count) : "a"(0UL) : "memory");
#else
    memset(page, 0, PAGE_SIZE);
#endif
}

static inline void page_copy(void *to, const void *from) {
#ifdef __x86_64__
    size_t count = PAGE_SIZE / 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count)::"memory");
#else
    memcpy(to, from, PAGE_SIZE);
#endif
}
