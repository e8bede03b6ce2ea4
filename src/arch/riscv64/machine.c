// The SBI console and power control; and what is not ported yet.
#include <user_frame.h>

#include "src/arch/arch.h"
#include "src/context/context.h"
#include "src/kernel.h"

constexpr uint64_t SBI_CONSOLE_WRITE = 1; // the legacy extension: one byte
constexpr uint64_t SBI_SYSTEM_RESET = 0x53525354;
enum reset_type : uint64_t { RESET_OFF, RESET_COLD };
constexpr uint64_t TIME_FREQUENCY = 10'000'000; // of the virt machine

static void sbi(uint64_t extension, uint64_t argument0, uint64_t argument1) {
    register uint64_t a0 __asm__("a0") = argument0;
    register uint64_t a1 __asm__("a1") = argument1;
    register uint64_t a6 __asm__("a6") = 0;
    register uint64_t a7 __asm__("a7") = extension;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a6), "r"(a7) : "memory");
}

void arch_console_write(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') sbi(SBI_CONSOLE_WRITE, '\r', 0);
        sbi(SBI_CONSOLE_WRITE, (uint8_t)text[i], 0);
    }
}

[[noreturn]] void exception_panic(uint64_t cause, uintptr_t at, uintptr_t address);

void exception_panic(uint64_t cause, uintptr_t at, uintptr_t address) {
    panic("exception: cause %lu at %#lx, address %#lx", cause, at, address);
}

[[noreturn]] static void halt(void) {
    for (;;)
        __asm__ volatile("csrci sstatus, 2\nwfi");
}

void arch_power_off(void) {
    sbi(SBI_SYSTEM_RESET, RESET_OFF, 0);
    halt();
}

void arch_reset(void) {
    sbi(SBI_SYSTEM_RESET, RESET_COLD, 0);
    halt();
}

void arch_stop_other_processors(void) { // none is started
}

void arch_halt_after_panic(void) {
    sbi(SBI_SYSTEM_RESET, RESET_OFF, 1); // the reason: a failure
    halt();
}

void arch_clock_scale(uint64_t *counter_base, uint64_t *multiplier, uint32_t *shift) {
    *counter_base = 0;
    *multiplier = (uint64_t)NANOSECONDS_PER_SECOND / TIME_FREQUENCY;
    *shift = 0;
}

nanoseconds arch_clock(void) {
    return (nanoseconds)(arch_cycle_counter() * ((uint64_t)NANOSECONDS_PER_SECOND / TIME_FREQUENCY));
}

bool arch_processor_number_readable(void) {
    return false;
}

unsigned arch_random_seed(uint64_t *value) {
    *value = arch_cycle_counter();
    return 1;
}

void arch_idle(void) {
    __asm__ volatile("wfi\ncsrsi sstatus, 2\ncsrci sstatus, 2" ::: "memory");
}

void arch_backtrace(const struct user_frame *frame, void (*visit)(uintptr_t address)) {
    uintptr_t at = frame ? frame->x[8] : (uintptr_t)__builtin_frame_address(0);
    if (frame) visit(frame->pc);
    // The record lies below where the frame pointer points: the caller's frame pointer, then the return address.
    for (unsigned depth = 0; depth < 32 && at >= DIRECT_MAP_BASE && at % 8 == 0; depth++) {
        const uintptr_t *record = (const uintptr_t *)at - 2;
        if (record[1] < KERNEL_BASE) return;
        visit(record[1]);
        if (record[0] <= at || record[0] - at > KERNEL_STACK_SIZE) return;
        at = record[0];
    }
}

void arch_print_registers(const struct user_frame *frame) {
    log_error("riscv64", "pc %016lx", frame->pc);
    for (unsigned i = 1; i < 31; i += 3)
        log_error("riscv64", "x%-2u %016lx x%-2u %016lx x%-2u %016lx", i, frame->x[i], i + 1, frame->x[i + 1], i + 2,
                  frame->x[i + 2]);
    log_error("riscv64", "x31 %016lx", frame->x[31]);
}

struct user_frame *arch_context_user_frame(struct context *context) {
    return (struct user_frame *)((char *)context->kernel_stack + KERNEL_STACK_SIZE) - 1;
}

// ---- not ported yet

#define UNPORTED(result, name, parameters)                                                                             \
    result name parameters {                                                                                           \
        panic("riscv64: " #name " is not implemented");                                                                \
    }
#include "src/arch/unported.def"
