// What each processor has of its own.
#pragma once

#include "lib/list.h"
#include "lib/types.h"
#include "src/arch/arch.h"

struct address_space;

struct syscall_record {
    uint32_t number, tid;
};
constexpr unsigned SYSCALL_RECORDS = 16;

// The first four fields are known to src/arch/<arch>/entry.S. Only the owner touches the rest, with interrupts off,
// unless said otherwise.
struct cpu {
    struct cpu *self;
    struct context *context;    // the running thread
    uintptr_t kernel_stack_top; // of it
    uintptr_t user_stack;       // scratch of the system call entry
    unsigned id;
    bool online;
    bool idle; // (A) in arch_idle; other processors read it
    struct context *idle_context;
    struct address_space *address_space; // whose page table is loaded; kernel threads keep the last one
    unsigned faults_disabled;            // > 0: page_fault fails at once instead of sleeping or allocating
    unsigned spinlocks_held;
    uint64_t flush_count, ipi_count, switch_count; // for the benchmark
    uint32_t syscall_at;                           // next slot of the ring
    struct syscall_record syscalls[SYSCALL_RECORDS];
    uint64_t table_count; // page tables loaded, for the benchmark
    // While it idles a processor needs no flush of the program's address space that it still has loaded: it does one
    // when it leaves the idle thread. Written by others with `lazy` looked at afterwards (tlb_flush_range).
    bool lazy;         // (A) the idle thread runs
    bool flush_wanted; // (A)
    void *run_queue;   // src/context/scheduler.c
    void *timer_queue; // src/context/timer.c
    void *frame_cache; // rmm: per-processor cache of single frames
    void *arch;        // src/arch
};

extern struct cpu cpus[CPU_MAXIMUM];
extern unsigned cpu_count; // processors that run
