// Clearing and copying one page, in as few instructions as the processor allows.
#pragma once

#include "lib/string.h"
#include "lib/types.h"

static inline void page_clear(void *page) {
#ifdef __x86_64__
    // Sixteen bytes a store. The kernel uses no vector registers otherwise: what lies in this one is a program's.
    struct {
        uint64_t words[2];
    } kept;
    void *end = (char *)page + PAGE_SIZE;
    __asm__ volatile("movups %%xmm0, %[kept]\n"
                     "xorps %%xmm0, %%xmm0\n"
                     "1: movaps %%xmm0, (%[at])\n"
                     "movaps %%xmm0, 16(%[at])\n"
                     "movaps %%xmm0, 32(%[at])\n"
                     "movaps %%xmm0, 48(%[at])\n"
                     "movaps %%xmm0, 64(%[at])\n"
                     "movaps %%xmm0, 80(%[at])\n"
                     "movaps %%xmm0, 96(%[at])\n"
                     "movaps %%xmm0, 112(%[at])\n"
                     "movaps %%xmm0, 128(%[at])\n"
                     "movaps %%xmm0, 144(%[at])\n"
                     "movaps %%xmm0, 160(%[at])\n"
                     "movaps %%xmm0, 176(%[at])\n"
                     "movaps %%xmm0, 192(%[at])\n"
                     "movaps %%xmm0, 208(%[at])\n"
                     "movaps %%xmm0, 224(%[at])\n"
                     "movaps %%xmm0, 240(%[at])\n"
                     "addq $256, %[at]\n"
                     "cmpq %[end], %[at]\n"
                     "jne 1b\n"
                     "movups %[kept], %%xmm0"
                     : [at] "+r"(page), [kept] "=m"(kept)
                     : [end] "r"(end)
                     : "memory", "cc");
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
