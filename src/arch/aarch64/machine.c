// The virt machine: PL011 for the log, PSCI to switch off; and what is not ported yet.
#include <user_frame.h>

#include "src/arch/arch.h"
#include "src/context/context.h"
#include "src/kernel.h"

constexpr physical_address PL011 = 0x09000000;
constexpr size_t PL011_DATA = 0, PL011_FLAGS = 0x18;
constexpr uint32_t PL011_TRANSMIT_FULL = 0x20;

void arch_console_write(const char *text, size_t length) {
    volatile char *registers = (volatile char *)(DIRECT_MAP_BASE + PL011);
    for (size_t i = 0; i < length; i++) {
        for (unsigned tries = 0; tries < 100'000 && (mmio_read32(registers + PL011_FLAGS) & PL011_TRANSMIT_FULL);
             tries++)
            arch_spin_pause();
        if (text[i] == '\n') mmio_write32(registers + PL011_DATA, '\r');
        mmio_write32(registers + PL011_DATA, (uint8_t)text[i]);
    }
}

void exception_panic(struct user_frame *frame);

void exception_panic(struct user_frame *frame) {
    uint64_t syndrome, address;
    __asm__ volatile("mrs %0, esr_el1\nmrs %1, far_el1" : "=r"(syndrome), "=r"(address));
    panic_at(frame, "exception: vector %u, syndrome %#lx, address %#lx", frame->cause, syndrome, address);
}

// ---- power: PSCI through the hypervisor call

constexpr uint32_t PSCI_SYSTEM_OFF = 0x84000008, PSCI_SYSTEM_RESET = 0x84000009;

[[noreturn]] static void halt(void) {
    for (;;)
        __asm__ volatile("msr daifset, #15\nwfi");
}

[[noreturn]] static void psci(uint32_t function) {
    register uint64_t x0 __asm__("x0") = function;
    __asm__ volatile("hvc #0" : "+r"(x0)::"x1", "x2", "x3", "memory");
    halt();
}

void arch_power_off(void) {
    psci(PSCI_SYSTEM_OFF);
}

void arch_reset(void) {
    psci(PSCI_SYSTEM_RESET);
}

void arch_stop_other_processors(void) { // none is started
}

void arch_halt_after_panic(void) {
    psci(PSCI_SYSTEM_OFF);
}

// ---- time

static uint64_t counter_frequency(void) {
    uint64_t frequency;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
    return frequency;
}

void arch_clock_scale(uint64_t *counter_base, uint64_t *multiplier, uint32_t *shift) {
    *counter_base = 0;
    *multiplier = ((uint64_t)NANOSECONDS_PER_SECOND << 24) / counter_frequency();
    *shift = 24;
}

nanoseconds arch_clock(void) {
    uint64_t base, multiplier;
    uint32_t shift;
    arch_clock_scale(&base, &multiplier, &shift);
    return (nanoseconds)(((unsigned __int128)(arch_cycle_counter() - base) * multiplier) >> shift);
}

bool arch_processor_number_readable(void) {
    return false;
}

unsigned arch_random_seed(uint64_t *value) {
    *value = arch_cycle_counter();
    return 1;
}

void arch_idle(void) {
    __asm__ volatile("msr daifclr, #2\nwfi\nmsr daifset, #2" ::: "memory");
}

// ---- panics

void arch_backtrace(const struct user_frame *frame, void (*visit)(uintptr_t address)) {
    uintptr_t at = frame ? frame->x[29] : (uintptr_t)__builtin_frame_address(0);
    if (frame) visit(frame->pc);
    for (unsigned depth = 0; depth < 32 && at >= DIRECT_MAP_BASE && at % 16 == 0; depth++) {
        const uintptr_t *record = (const uintptr_t *)at;
        if (record[1] < KERNEL_BASE) return;
        visit(record[1]);
        if (record[0] <= at || record[0] - at > KERNEL_STACK_SIZE) return;
        at = record[0];
    }
}

void arch_print_registers(const struct user_frame *frame) {
    log_error("aarch64", "pc %016lx sp %016lx pstate %lx", frame->pc, frame->sp, frame->pstate);
    for (unsigned i = 0; i < 30; i += 3)
        log_error("aarch64", "x%-2u %016lx x%-2u %016lx x%-2u %016lx", i, frame->x[i], i + 1, frame->x[i + 1], i + 2,
                  frame->x[i + 2]);
    log_error("aarch64", "x30 %016lx", frame->x[30]);
}

struct user_frame *arch_context_user_frame(struct context *context) {
    return (struct user_frame *)((char *)context->kernel_stack + KERNEL_STACK_SIZE) - 1;
}

// ---- not ported yet

#define UNPORTED(result, name, parameters)                                                                             \
    result name parameters {                                                                                           \
        panic("aarch64: " #name " is not implemented");                                                                \
    }
#include "src/arch/unported.def"
