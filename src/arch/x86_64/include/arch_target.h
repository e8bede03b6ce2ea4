// The inline part of arch.h for x86_64.
#pragma once

#include "lib/types.h"

struct cpu;
struct context;

constexpr uint16_t ELF_MACHINE = 62; // of programs that run here
constexpr virtual_address USER_LIMIT = 0x00007ffffffff000;
constexpr virtual_address DIRECT_MAP_BASE = 0xffff800000000000;
constexpr virtual_address KERNEL_BASE = 0xffffffff80000000;
constexpr bool arch_needs_break_before_make = false;
constexpr unsigned PAGE_TABLE_LEVELS = 4;

struct arch_context {
    uintptr_t kernel_stack_pointer;
    uintptr_t fs_base, gs_base;
    void *extended_state; // XSAVE area, 64-byte aligned; nullptr for kernel threads
    uint32_t vector_cpu;  // the processor that may still hold it
};

// The head of struct cpu is known to entry.S: self, context, kernel_stack_top, user_stack (scratch), in this order.
static inline struct cpu *cpu_current(void) {
    struct cpu *cpu;
    __asm__ volatile("movq %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

static inline struct context *context_current(void) {
    struct context *context;
    __asm__ volatile("movq %%gs:8, %0" : "=r"(context));
    return context;
}

static inline bool arch_interrupts_disable(void) {
    uint64_t flags;
    __asm__ volatile("pushfq; popq %0; cli" : "=r"(flags)::"memory");
    return flags & 0x200;
}

static inline void arch_interrupts_restore(bool on) {
    if (on) __asm__ volatile("sti" ::: "memory");
}

// src/arch/x86_64/smp.c: serves calls that other processors wait for.
void arch_serve_processor_calls(void);
extern bool arch_processor_calls_pending;
static inline void arch_spin_pause(void) {
    __asm__ volatile("pause" ::: "memory");
    if (__atomic_load_n(&arch_processor_calls_pending, __ATOMIC_RELAXED)) arch_serve_processor_calls();
}

static inline uint64_t arch_cycle_counter(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return ((uint64_t)high << 32) | low;
}

static inline void arch_tlb_flush_page(virtual_address address) {
    __asm__ volatile("invlpg (%0)" ::"r"(address) : "memory");
}

static inline void arch_tlb_flush_all(void) {
    uint64_t table;
    __asm__ volatile("movq %%cr3, %0; movq %0, %%cr3" : "=r"(table)::"memory");
}

static inline void arch_instruction_cache_sync(virtual_address, size_t) {
}

static inline void device_barrier(void) {
    __asm__ volatile("mfence" ::: "memory");
}

#define MMIO_ACCESS(bits)                                                                                              \
    static inline uint##bits##_t mmio_read##bits(const volatile void *address) {                                       \
        uint##bits##_t value = *(const volatile uint##bits##_t *)address;                                              \
        __asm__ volatile("" ::: "memory");                                                                             \
        return value;                                                                                                  \
    }                                                                                                                  \
    static inline void mmio_write##bits(volatile void *address, uint##bits##_t value) {                                \
        __asm__ volatile("" ::: "memory");                                                                             \
        *(volatile uint##bits##_t *)address = value;                                                                   \
    }
MMIO_ACCESS(8)
MMIO_ACCESS(16)
MMIO_ACCESS(32)
MMIO_ACCESS(64)
#undef MMIO_ACCESS

// Page-table entries (Intel SDM vol. 3, 4.5). PTE_GLOBAL marks kernel leaves.
enum page_entry : uint64_t {
    PTE_PRESENT = 1,
    PTE_WRITABLE = 2,
    PTE_USER = 4,
    PTE_NO_CACHE = 0x18,
    PTE_ACCESSED = 0x20,
    PTE_DIRTY = 0x40,
    PTE_LARGE = 0x80,
    PTE_GLOBAL = 0x100,
    PTE_NO_EXECUTE = 1ULL << 63,
    PTE_ADDRESS = 0x000ffffffffff000,
};
