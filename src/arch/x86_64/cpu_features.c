// What the processor can do, and switching it on.
#include "lib/string.h"
#include "src/arch/x86_64/x86.h"
#include "src/kernel.h"

struct cpu_features cpu_features = {.mxcsr_mask = 0xffbf};

static inline bool bit(uint32_t word, unsigned number) {
    return word >> number & 1;
}

struct smap_patch {
    uint64_t at, bytes;
};
extern const struct smap_patch smap_patches_start[], smap_patches_end[];

// The image is still writable at this point of the boot.
static void patch_smap(void) {
    for (const struct smap_patch *patch = smap_patches_start; patch < smap_patches_end; patch++)
        memcpy((void *)patch->at, &patch->bytes, 3);
}

static void detect_xsave(void) {
    constexpr uint64_t wanted = 0xe7; // x87, SSE, AVX, AVX-512
    struct cpuid_result state = cpuid(0xd, 0);
    cpu_features.xsave_mask = (((uint64_t)state.edx << 32) | state.eax) & wanted;
    if ((cpu_features.xsave_mask & 0xe0) != 0xe0) cpu_features.xsave_mask &= ~0xe0ULL;
    cpu_features.xsaveopt = bit(cpuid(0xd, 1).eax, 0);
}

void cpu_features_detect(void) {
    struct cpu_features *f = &cpu_features;
    uint32_t highest = cpuid(0, 0).eax;
    struct cpuid_result one = cpuid(1, 0);
    f->x2apic = bit(one.ecx, 21);
    f->tsc_deadline = bit(one.ecx, 24);
    f->rdrand = bit(one.ecx, 30);
    f->xsave = bit(one.ecx, 26) && highest >= 0xd;
    if (highest >= 7) {
        struct cpuid_result seven = cpuid(7, 0);
        f->fsgsbase = bit(seven.ebx, 0);
        f->smep = bit(seven.ebx, 7);
        f->rdseed = bit(seven.ebx, 18);
        f->smap = bit(seven.ebx, 20);
        f->umip = bit(seven.ecx, 2);
    }
    if (cpuid(0x80000000, 0).eax >= 0x80000001) {
        struct cpuid_result extended = cpuid(0x80000001, 0);
        f->large_1g = bit(extended.edx, 26);
        f->rdtscp = bit(extended.edx, 27);
    }
    if (f->xsave) detect_xsave();
    if (f->smap) patch_smap();
}

void cpu_features_enable(void) {
    const struct cpu_features *f = &cpu_features;
    uint64_t cr4 = cr4_read() | 0x600; // OSFXSR, OSXMMEXCPT
    cr4 |= (uint64_t)f->fsgsbase << 16 | (uint64_t)f->xsave << 18 | (uint64_t)f->smep << 20 | (uint64_t)f->smap << 21 |
           (uint64_t)f->umip << 11;
    cr4_write(cr4);
    cr0_write((cr0_read() & ~0xcULL) | 0x50022); // no EM, TS; AM, WP, NE, MP
    if (f->xsave) {
        __asm__ volatile("xsetbv" ::"c"(0), "a"((uint32_t)f->xsave_mask), "d"((uint32_t)(f->xsave_mask >> 32)));
        cpu_features.xsave_size = cpuid(0xd, 0).ebx;
    } else {
        cpu_features.xsave_size = 512;
    }
    __asm__ volatile("fninit");
}

bool arch_processor_number_readable(void) {
    return cpu_features.rdtscp;
}
