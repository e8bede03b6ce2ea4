// The inline part of arch.h for hosted unit tests: one thread is one processor, physical memory is an arena.
#pragma once

#include "lib/types.h"

struct cpu;
struct context;

constexpr uint16_t ELF_MACHINE = 62; // of programs that run here
constexpr virtual_address USER_LIMIT = 0x00007ffffffff000;
constexpr virtual_address KERNEL_BASE = 0xffffffff80000000;
constexpr bool arch_needs_break_before_make = false;
constexpr unsigned PAGE_TABLE_LEVELS = 4;

// The address of physical address 0, set by hosted_memory_init.
extern virtual_address hosted_direct_map;
#define DIRECT_MAP_BASE hosted_direct_map

struct arch_context {
    uintptr_t kernel_stack_pointer;
    void *extended_state;
};

extern _Thread_local struct cpu *hosted_cpu;
extern _Thread_local struct context *hosted_context;

static inline struct cpu *cpu_current(void) {
    return hosted_cpu;
}

static inline struct context *context_current(void) {
    return hosted_context;
}

static inline bool arch_interrupts_disable(void) {
    return false;
}

static inline void arch_interrupts_restore(bool) {
}

void hosted_spin_pause(void);
static inline void arch_spin_pause(void) {
    hosted_spin_pause();
}

static inline uint64_t arch_cycle_counter(void) {
    return __builtin_readcyclecounter();
}

// Counted, so that tests see whether a flush happened.
extern uint64_t hosted_page_flushes, hosted_full_flushes;
static inline void arch_tlb_flush_page(virtual_address) {
    hosted_page_flushes++;
}

static inline void arch_tlb_flush_all(void) {
    hosted_full_flushes++;
}

static inline void arch_instruction_cache_sync(virtual_address, size_t) {
}

static inline void device_barrier(void) {
}
