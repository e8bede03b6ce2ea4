// The inline part of arch.h for aarch64.
#pragma once

#include "lib/types.h"

struct cpu;
struct context;

constexpr uint16_t ELF_MACHINE = 183; // of programs that run here
constexpr virtual_address USER_LIMIT = 0x0001000000000000;
constexpr virtual_address DIRECT_MAP_BASE = 0xffff800000000000;
constexpr virtual_address KERNEL_BASE = 0xffffffff80000000; // stands for physical address 0x40000000
constexpr bool arch_needs_break_before_make = true;
constexpr unsigned PAGE_TABLE_LEVELS = 4;

struct arch_context {
    uintptr_t kernel_stack_pointer;
    uintptr_t thread_pointer; // TPIDR_EL0
    void *extended_state;
};

static inline struct cpu *cpu_current(void) {
    struct cpu *cpu;
    __asm__ volatile("mrs %0, tpidr_el1" : "=r"(cpu));
    return cpu;
}

// The second field of struct cpu (src/context/cpu.h).
static inline struct context *context_current(void) {
    struct context *context;
    __asm__ volatile("mrs %0, tpidr_el1\nldr %0, [%0, #8]" : "=r"(context));
    return context;
}

static inline bool arch_interrupts_disable(void) {
    uint64_t mask;
    __asm__ volatile("mrs %0, daif\nmsr daifset, #2" : "=r"(mask)::"memory");
    return !(mask & 0x80);
}

static inline void arch_interrupts_restore(bool on) {
    if (on) __asm__ volatile("msr daifclr, #2" ::: "memory");
}

static inline void arch_spin_pause(void) {
    __asm__ volatile("yield" ::: "memory");
}

static inline uint64_t arch_cycle_counter(void) {
    uint64_t counter;
    __asm__ volatile("isb\nmrs %0, cntvct_el0" : "=r"(counter));
    return counter;
}

static inline void arch_tlb_flush_page(virtual_address address) {
    __asm__ volatile("dsb ishst\ntlbi vaae1, %0\ndsb ish\nisb" ::"r"(address >> 12 & 0xfffffffffff) : "memory");
}

static inline void arch_tlb_flush_all(void) {
    __asm__ volatile("dsb ishst\ntlbi vmalle1\ndsb ish\nisb" ::: "memory");
}

// Makes instructions that were written to [start, start + size) visible to fetches.
static inline void arch_instruction_cache_sync(virtual_address start, size_t size) {
    constexpr size_t line = 16; // the smallest there may be
    for (virtual_address at = start & ~(line - 1); at < start + size; at += line)
        __asm__ volatile("dc cvau, %0" ::"r"(at) : "memory");
    __asm__ volatile("dsb ish" ::: "memory");
    for (virtual_address at = start & ~(line - 1); at < start + size; at += line)
        __asm__ volatile("ic ivau, %0" ::"r"(at) : "memory");
    __asm__ volatile("dsb ish\nisb" ::: "memory");
}

static inline void device_barrier(void) {
    __asm__ volatile("dsb sy" ::: "memory");
}

#define MMIO_ACCESS(bits, width, register_name)                                                                        \
    static inline uint##bits##_t mmio_read##bits(const volatile void *address) {                                       \
        uint##bits##_t value;                                                                                          \
        __asm__ volatile("ldr" width " %" register_name "0, [%1]\ndmb oshld" : "=r"(value) : "r"(address) : "memory"); \
        return value;                                                                                                  \
    }                                                                                                                  \
    static inline void mmio_write##bits(volatile void *address, uint##bits##_t value) {                                \
        __asm__ volatile("dmb oshst\nstr" width " %" register_name "0, [%1]" ::"r"(value), "r"(address) : "memory");   \
    }
MMIO_ACCESS(8, "b", "w")
MMIO_ACCESS(16, "h", "w")
MMIO_ACCESS(32, "", "w")
MMIO_ACCESS(64, "", "x")
#undef MMIO_ACCESS
