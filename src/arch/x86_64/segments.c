// Descriptor tables and the system call entry of a processor.
#include "lib/string.h"
#include "src/arch/x86_64/x86.h"
#include "src/context/cpu.h"

extern char trap_stubs[], syscall_entry[], syscall_compatibility[];

struct idt_gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};
static struct idt_gate idt[256];

struct descriptor_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

// Order fixed by syscall (kernel code, then data) and sysret (user 32-bit code, data, 64-bit code). There is no 32-bit
// code: its place stays empty.
static const uint64_t gdt_template[] = {0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0,
                                        0, 0x00cff3000000ffff, 0x00affb000000ffff};

// Which exception runs on which own stack.
static const uint8_t exception_stack_of[32] = {[1] = 1, [2] = 2, [8] = 3, [18] = 4};

static void idt_init(void) {
    for (unsigned vector = 0; vector < 256; vector++) {
        uintptr_t stub = (uintptr_t)trap_stubs + vector * 16;
        bool from_user = vector == 3 || vector == 4; // int3 and into may be executed by programs
        idt[vector] = (struct idt_gate){.offset_low = (uint16_t)stub,
                                        .selector = KERNEL_CS,
                                        .ist = vector < 32 ? exception_stack_of[vector] : 0,
                                        .type = from_user ? 0xee : 0x8e,
                                        .offset_middle = (uint16_t)(stub >> 16),
                                        .offset_high = (uint32_t)(stub >> 32)};
    }
}

static void gdt_init(struct cpu_arch *arch) {
    uintptr_t tss = (uintptr_t)&arch->tss;
    memcpy(arch->gdt, gdt_template, sizeof(gdt_template));
    arch->gdt[7] = (sizeof(arch->tss) - 1) | (tss & 0xffffff) << 16 | 0x89ULL << 40 | (tss >> 24 & 0xff) << 56;
    arch->gdt[8] = tss >> 32;
}

void segments_init(struct cpu *cpu, struct cpu_arch *arch, void *stacks) {
    if (cpu->id == 0) idt_init();
    for (unsigned i = 0; i < EXCEPTION_STACKS; i++) {
        char *stack = (char *)stacks + (size_t)i * EXCEPTION_STACK_SIZE;
        *(struct cpu **)stack = cpu; // entry.S finds it when GS can't be trusted
        arch->tss.ist[i] = (uintptr_t)stack + EXCEPTION_STACK_SIZE;
    }
    arch->tss.io_map = sizeof(arch->tss);
    gdt_init(arch);

    struct descriptor_pointer gdt_pointer = {sizeof(arch->gdt) - 1, (uintptr_t)arch->gdt};
    struct descriptor_pointer idt_pointer = {sizeof(idt) - 1, (uintptr_t)idt};
    __asm__ volatile("lgdt %0\n"
                     "pushq %2\n"
                     "leaq 1f(%%rip), %%rax\n"
                     "pushq %%rax\n"
                     "lretq\n"
                     "1: movl %3, %%eax\n"
                     "movl %%eax, %%ss\n"
                     "xorl %%eax, %%eax\n"
                     "movl %%eax, %%ds\n"
                     "movl %%eax, %%es\n"
                     "movl %%eax, %%fs\n"
                     "movl %%eax, %%gs\n"
                     "lidt %1\n"
                     "movl %4, %%eax\n"
                     "ltr %%ax\n"
                     :
                     : "m"(gdt_pointer), "m"(idt_pointer), "i"(KERNEL_CS), "i"(KERNEL_SS), "i"(TSS_SELECTOR)
                     : "rax", "memory");
    msr_write(MSR_GS_BASE, (uintptr_t)cpu);
    msr_write(MSR_KERNEL_GS_BASE, 0);
    if (cpu_features.rdtscp) msr_write(MSR_TSC_AUX, cpu->id); // the boot processor, before detection, has 0 already
    msr_write(MSR_STAR, (uint64_t)0x23 << 48 | (uint64_t)KERNEL_CS << 32);
    msr_write(MSR_LSTAR, (uintptr_t)syscall_entry);
    msr_write(MSR_CSTAR, (uintptr_t)syscall_compatibility);
    msr_write(MSR_SYSCALL_MASK, 0x47700); // AC, NT, IOPL, DF, IF, TF
}
