// Vectors 48 to 255: device handlers, the timer, and the messages between processors.
#include "src/arch/x86_64/interrupts.h"

#include "src/arch/x86_64/x86.h"
#include "src/context/cpu.h"
#include "src/kernel.h"

struct device_vector {
    interrupt_handler *handler;
    void *data;
};
static struct device_vector device_vectors[256];
static unsigned next_vector = VECTOR_DEVICE_FIRST;

int32_t interrupt_vector_alloc(interrupt_handler *handler, void *data) {
    if (next_vector > VECTOR_DEVICE_LAST) return -ENOSPC;
    device_vectors[next_vector] = (struct device_vector){handler, data};
    return (int32_t)next_vector++;
}

void interrupt_dispatch(unsigned vector) {
    switch (vector) {
    case VECTOR_TIMER:
        apic_end_of_interrupt();
        timer_interrupt();
        return;
    case VECTOR_KICK:
        apic_end_of_interrupt();
        cpu_current()->ipi_count++;
        scheduler_kicked();
        return;
    case VECTOR_CALL:
        apic_end_of_interrupt();
        cpu_current()->ipi_count++;
        arch_serve_processor_calls();
        return;
    case VECTOR_SPURIOUS:
        return;
    default:
        break;
    }
    const struct device_vector *device = &device_vectors[vector & 255];
    if (device->handler)
        device->handler(device->data);
    else
        log_warning("x86", "interrupt on vector %u has no handler", vector);
    apic_end_of_interrupt();
}

void arch_interrupt_window(void) {
    __asm__ volatile("sti; nop; cli" ::: "memory");
}

void arch_idle(void) {
    __asm__ volatile("sti; hlt; cli" ::: "memory");
}
