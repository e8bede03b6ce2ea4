// The end: what happened, where, and the last system calls of this processor.
#include <stdarg.h>

#include "lib/format.h"
#include "lib/string.h"
#include "src/arch/arch.h"
#include "src/context/context.h"
#include "src/context/cpu.h"
#include "src/kernel.h"
#include "src/symbols.h"
#include "src/syscall_handler/syscall_handler.h"

static uint32_t panicking; // (A) the first processor wins

static void console_sink(void *, const char *text, size_t length) {
    arch_console_write(text, length);
}

[[gnu::format(printf, 1, 2)]] static void print(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    format_to(console_sink, nullptr, format, arguments);
    va_end(arguments);
}

static void print_call(uintptr_t address) {
    uintptr_t offset;
    const char *name = symbol_find(address - 1, &offset); // a call that never returns may be a function's last bytes
    if (name)
        print("  %#lx %s+%#lx\n", address, name, offset + 1);
    else
        print("  %#lx\n", address);
}

// Names are those of the running program's OS; a number alone may be another program's.
static void print_system_calls(const struct cpu *cpu) {
    const struct personality_hooks *hooks = cpu->context ? personality_hooks_of(cpu->context->personality) : nullptr;
    print("last system calls of this processor, newest last:\n");
    for (unsigned i = 0; i < SYSCALL_RECORDS; i++) {
        const struct syscall_record *record = &cpu->syscalls[(cpu->syscall_at + i) % SYSCALL_RECORDS];
        if (!record->tid) continue;
        const char *name = hooks && hooks->call_name ? hooks->call_name(record->number) : nullptr;
        print("  thread %u: %s (%u)\n", record->tid, name ? name : "call", record->number);
    }
}

[[noreturn]] static void die(const struct user_frame *frame, const char *format, va_list arguments) {
    arch_interrupts_disable();
    if (atomic_exchange_acquire(&panicking, 1)) arch_halt_after_panic();
    arch_stop_other_processors();
    const struct cpu *cpu = cpu_current();
    print("\nkernel panic: ");
    format_to(console_sink, nullptr, format, arguments);
    print("\nprocessor %u", cpu->id);
    const struct context *context = cpu->context;
    if (context) print(", thread %d (%.15s)", context->tid, context->name);
    print("\n");
    if (frame) arch_print_registers(frame);
    print("backtrace:\n");
    arch_backtrace(frame, print_call);
    print_system_calls(cpu);
    arch_halt_after_panic();
}

void panic(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    die(nullptr, format, arguments);
}

void panic_at(const struct user_frame *frame, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    die(frame, format, arguments);
}
