// The other processors: starting them, calls and kicks between processors.
#include "lib/format.h"
#include "lib/string.h"
#include "rmm/frame.h"
#include "rmm/page_table.h"
#include "src/arch/x86_64/interrupts.h"
#include "src/arch/x86_64/x86.h"
#include "src/context/process.h"
#include "src/drivers/acpi.h"
#include "src/kernel.h"
#include "src/memory/heap.h"

extern char trampoline_start[], trampoline_end[];
void ap_main(struct cpu *cpu);

// What trampoline.S reads, for the processor being started.
struct {
    uint64_t page_table;
    uint64_t stack_top;
    struct cpu *cpu;
} ap_start;

void ap_main(struct cpu *cpu) {
    segments_init(cpu, cpu->arch, ((struct cpu_arch *)cpu->arch)->exception_stacks);
    cpu_features_enable();
    apic_init_processor();
    cpu->kernel_stack_top = (uintptr_t)cpu->context->kernel_stack + KERNEL_STACK_SIZE;
    ((struct cpu_arch *)cpu->arch)->tss.rsp[0] = cpu->kernel_stack_top;
    atomic_store_release(&cpu->online, true);
    scheduler_processor_main();
    panic("the scheduler of processor %u returned", cpu->id);
}

// Memory and the idle context of a processor. False: no memory.
static bool processor_prepare(struct cpu *cpu, unsigned id, uint32_t apic) {
    struct cpu_arch *arch = heap_alloc_zeroed(sizeof(*arch));
    char name[16];
    format_string(name, sizeof(name), "idle/%u", id);
    struct frame *stacks = frame_alloc(3);
    static_assert(EXCEPTION_STACKS * EXCEPTION_STACK_SIZE == PAGE_SIZE << 3);
    struct context *idle = arch && stacks ? context_alloc(name) : nullptr;
    if (!idle) {
        heap_free(arch);
        if (stacks) frame_put(stacks);
        return false;
    }
    arch->apic_id = apic;
    arch->exception_stacks = frame_pointer(stacks);
    cpu->self = cpu;
    cpu->id = id;
    cpu->arch = arch;
    scheduler_init_processor(id, idle);
    return true;
}

// INIT, then up to two start-up messages.
static bool processor_start(struct cpu *cpu, uint32_t apic) {
    ap_start.page_table = kernel_page_table.root;
    ap_start.stack_top = (uintptr_t)cpu->idle_context->kernel_stack + KERNEL_STACK_SIZE;
    ap_start.cpu = cpu;
    atomic_fence_seq_cst();
    apic_send(apic, APIC_INIT, 0);
    clock_spin(100'000);
    for (unsigned tries = 0; tries < 2; tries++) {
        apic_send(apic, APIC_STARTUP, TRAMPOLINE_ADDRESS >> PAGE_SHIFT);
        nanoseconds limit = arch_clock() + 200'000'000;
        while (arch_clock() < limit) {
            if (atomic_load_acquire(&cpu->online)) return true;
            __asm__ volatile("pause");
        }
    }
    return false;
}

unsigned arch_start_processors(void) {
    memcpy(physical_pointer(TRAMPOLINE_ADDRESS), trampoline_start, (size_t)(trampoline_end - trampoline_start));
    cpus[0].online = true;
    unsigned running = 1;
    for (unsigned i = 0; i < acpi_information.processor_count && running < CPU_MAXIMUM; i++) {
        uint32_t apic = acpi_information.processor_ids[i];
        if (apic == apic_id()) continue;
        struct cpu *cpu = &cpus[running];
        if (!processor_prepare(cpu, running, apic)) {
            log_error("x86", "no memory for processor %u", running);
            break;
        }
        if (!processor_start(cpu, apic)) {
            log_error("x86", "processor %u (APIC id %u) does not start", running, apic);
            break; // it may still come up late, with what was prepared for it: nothing may be freed or used again
        }
        cpu_count = ++running;
    }
    return running;
}

// ---- messages

void arch_processor_kick(unsigned cpu) {
    apic_send(((struct cpu_arch *)cpus[cpu].arch)->apic_id, APIC_FIXED, VECTOR_KICK);
}

// One call at a time. Whoever spins serves the call of others meanwhile (arch_spin_pause), so two callers can't block
// each other.
static struct {
    uint32_t held;
    void (*function)(void *data);
    void *data;
    uint64_t pending; // (A) processors that have not run it
} call;
bool arch_processor_calls_pending;

void arch_serve_processor_calls(void) {
    uint64_t self = 1ULL << cpu_current()->id;
    if (!(atomic_load_acquire(&call.pending) & self)) return;
    call.function(call.data);
    atomic_fetch_and_acq_rel(&call.pending, ~self);
}

void arch_processors_call(uint64_t mask, void (*function)(void *), void *data) {
    unsigned self = cpu_current()->id;
    mask &= ~(1ULL << self);
    for (unsigned i = 0; i < CPU_MAXIMUM; i++) {
        if ((mask >> i & 1) && !atomic_load_acquire(&cpus[i].online)) mask &= ~(1ULL << i);
    }
    if (!mask) return;
    while (atomic_exchange_acquire(&call.held, 1))
        arch_spin_pause();
    call.function = function;
    call.data = data;
    atomic_store_release(&call.pending, mask);
    atomic_store_seq_cst(&arch_processor_calls_pending, true);
    for (unsigned i = 0; i < CPU_MAXIMUM; i++) {
        if (mask >> i & 1) apic_send(((struct cpu_arch *)cpus[i].arch)->apic_id, APIC_FIXED, VECTOR_CALL);
    }
    while (atomic_load_acquire(&call.pending))
        __asm__ volatile("pause");
    atomic_store_relaxed(&arch_processor_calls_pending, false);
    atomic_store_release(&call.held, 0);
}
