// What the files of this folder share: instructions, the processor's features, per-processor descriptor tables.
#pragma once

#include "lib/types.h"
#include "src/arch/arch.h"
#include "src/arch/x86_64/entry_offsets.h"

enum msr : uint32_t {
    MSR_APIC_BASE = 0x1b,
    MSR_TSC_DEADLINE = 0x6e0,
    MSR_EFER = 0xc0000080,
    MSR_STAR = 0xc0000081,
    MSR_LSTAR = 0xc0000082,
    MSR_CSTAR = 0xc0000083,
    MSR_SYSCALL_MASK = 0xc0000084,
    MSR_FS_BASE = 0xc0000100,
    MSR_KERNEL_GS_BASE = 0xc0000102,
    MSR_TSC_AUX = 0xc0000103,
};

static inline uint64_t msr_read(uint32_t msr) {
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return ((uint64_t)high << 32) | low;
}

static inline void msr_write(uint32_t msr, uint64_t value) {
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

#define PORT_ACCESS(name, type, suffix)                                                                                \
    static inline type port_read##name(uint16_t port) {                                                                \
        type value;                                                                                                    \
        __asm__ volatile("in" suffix " %1, %0" : "=a"(value) : "Nd"(port) : "memory");                                 \
        return value;                                                                                                  \
    }                                                                                                                  \
    static inline void port_write##name(uint16_t port, type value) {                                                   \
        __asm__ volatile("out" suffix " %0, %1" ::"a"(value), "Nd"(port) : "memory");                                  \
    }
PORT_ACCESS(8, uint8_t, "b")
PORT_ACCESS(16, uint16_t, "w")
PORT_ACCESS(32, uint32_t, "l")
#undef PORT_ACCESS

struct cpuid_result {
    uint32_t eax, ebx, ecx, edx;
};
static inline struct cpuid_result cpuid(uint32_t leaf, uint32_t subleaf) {
    struct cpuid_result result;
    __asm__ volatile("cpuid"
                     : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
                     : "a"(leaf), "c"(subleaf));
    return result;
}

#define CONTROL_REGISTER(number)                                                                                       \
    static inline uint64_t cr##number##_read(void) {                                                                   \
        uint64_t value;                                                                                                \
        __asm__ volatile("movq %%cr" #number ", %0" : "=r"(value)::"memory");                                          \
        return value;                                                                                                  \
    }                                                                                                                  \
    static inline void cr##number##_write(uint64_t value) {                                                            \
        __asm__ volatile("movq %0, %%cr" #number ::"r"(value) : "memory");                                             \
    }
CONTROL_REGISTER(0)
CONTROL_REGISTER(2)
CONTROL_REGISTER(3)
CONTROL_REGISTER(4)
#undef CONTROL_REGISTER

struct cpu_features {
    bool fsgsbase, smep, smap, umip, xsave, xsaveopt, large_1g, rdtscp, x2apic, tsc_deadline, rdrand, rdseed;
    uint64_t xsave_mask; // what XCR0 gets
    uint32_t xsave_size;
    uint32_t mxcsr_mask;
};
extern struct cpu_features cpu_features;

// cpu_features.c: detection once, patches of the code for SMAP, then the control registers of each processor.
void cpu_features_detect(void);
void cpu_features_enable(void);

// paging.c: the final page tables: W^X for the image, all memory and the devices below 4 GiB in the direct map.
void paging_init(void);

// segments.c
struct task_state {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3, io_map;
} __attribute__((packed, aligned(4)));
struct cpu_arch {
    uint64_t gdt[9];
    struct task_state tss;
    uint32_t apic_id;
    void *exception_stacks;
    void *loaded_state; // whose vector registers this processor holds: an XSAVE area, or nullptr
};
constexpr unsigned EXCEPTION_STACKS = 4;
// Descriptor tables, GS base and the system call entry of this processor. stacks: EXCEPTION_STACKS stacks, aligned to
// EXCEPTION_STACK_SIZE.
void segments_init(struct cpu *cpu, struct cpu_arch *arch, void *stacks);

// boot.c and AP start
extern char boot_pml4[];

// serial.c
void serial_init(void);

// traps.c: vectors above 31. handler runs with interrupts off.
constexpr unsigned VECTOR_DEVICE_FIRST = 0x30;
constexpr unsigned VECTOR_DEVICE_LAST = 0xef;
constexpr unsigned VECTOR_TIMER = 0xf0;
constexpr unsigned VECTOR_KICK = 0xf1;
constexpr unsigned VECTOR_CALL = 0xf2;
constexpr unsigned VECTOR_STOP = 0xf3;
constexpr unsigned VECTOR_SPURIOUS = 0xff;
void interrupt_dispatch(unsigned vector); // interrupts.c

// power.c: on an NMI; does not return once the machine stops.
void power_stop_if_stopping(void);

// traps.c, called by entry.S
void trap_from_user(struct user_frame *frame);
void trap_from_kernel(struct user_frame *frame);
struct user_frame *trap_rebuild_user_frame(struct user_frame *frame);
void trap_bad_user_frame(struct user_frame *frame);
