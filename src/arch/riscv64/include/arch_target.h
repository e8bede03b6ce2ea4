// The inline part of arch.h for riscv64.
#pragma once

#include "lib/types.h"

struct cpu;
struct context;

constexpr uint16_t ELF_MACHINE = 243; // of programs that run here
constexpr virtual_address USER_LIMIT = 0x00007ffffffff000;
constexpr virtual_address DIRECT_MAP_BASE = 0xffff800000000000;
constexpr virtual_address KERNEL_BASE = 0xffffffff80000000; // stands for physical address 0x80000000
constexpr bool arch_needs_break_before_make = false;
constexpr unsigned PAGE_TABLE_LEVELS = 4; // Sv48

struct arch_context {
    uintptr_t kernel_stack_pointer;
    uintptr_t thread_pointer; // tp of the program
    void *extended_state;
};

// tp holds this processor's data while the kernel runs.
static inline struct cpu *cpu_current(void) {
    struct cpu *cpu;
    __asm__ volatile("mv %0, tp" : "=r"(cpu));
    return cpu;
}

// The second field of struct cpu (src/context/cpu.h).
static inline struct context *context_current(void) {
    struct context *context;
    __asm__ volatile("ld %0, 8(tp)" : "=r"(context));
    return context;
}

static inline bool arch_interrupts_disable(void) {
    uint64_t status;
    __asm__ volatile("csrrci %0, sstatus, 2" : "=r"(status)::"memory");
    return status & 2;
}

static inline void arch_interrupts_restore(bool on) {
    if (on) __asm__ volatile("csrsi sstatus, 2" ::: "memory");
}

static inline void arch_spin_pause(void) {
    __asm__ volatile(".4byte 0x0100000f" ::: "memory"); // pause: a hint that older processors take for a fence
}

static inline uint64_t arch_cycle_counter(void) {
    uint64_t counter;
    __asm__ volatile("rdtime %0" : "=r"(counter));
    return counter;
}

static inline void arch_tlb_flush_page(virtual_address address) {
    __asm__ volatile("sfence.vma %0, zero" ::"r"(address) : "memory");
}

static inline void arch_tlb_flush_all(void) {
    __asm__ volatile("sfence.vma" ::: "memory");
}

static inline void arch_instruction_cache_sync(virtual_address, size_t) {
    __asm__ volatile("fence.i" ::: "memory");
}

static inline void device_barrier(void) {
    __asm__ volatile("fence iorw, iorw" ::: "memory");
}

#define MMIO_ACCESS(bits)                                                                                              \
    static inline uint##bits##_t mmio_read##bits(const volatile void *address) {                                       \
        uint##bits##_t value = *(const volatile uint##bits##_t *)address;                                              \
        __asm__ volatile("fence i, iorw" ::: "memory");                                                                \
        return value;                                                                                                  \
    }                                                                                                                  \
    static inline void mmio_write##bits(volatile void *address, uint##bits##_t value) {                                \
        __asm__ volatile("fence iorw, o" ::: "memory");                                                                \
        *(volatile uint##bits##_t *)address = value;                                                                   \
    }
MMIO_ACCESS(8)
MMIO_ACCESS(16)
MMIO_ACCESS(32)
MMIO_ACCESS(64)
#undef MMIO_ACCESS
