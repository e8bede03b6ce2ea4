// The local APIC: timer, messages to other processors. x2APIC registers where there are, else memory-mapped ones.
#include "src/arch/x86_64/interrupts.h"
#include "src/arch/x86_64/x86.h"
#include "src/kernel.h"

enum apic_register : uint32_t {
    APIC_ID = 0x20,
    APIC_TASK_PRIORITY = 0x80,
    APIC_EOI = 0xb0,
    APIC_SPURIOUS = 0xf0,
    APIC_COMMAND = 0x300,
    APIC_COMMAND_HIGH = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370,
    APIC_TIMER_INITIAL = 0x380,
    APIC_TIMER_CURRENT = 0x390,
    APIC_TIMER_DIVIDE = 0x3e0,
};
constexpr uint32_t APIC_MASKED = 0x10000;
constexpr uint32_t APIC_TIMER_DEADLINE_MODE = 0x40000;
constexpr uint32_t MSR_X2APIC = 0x800;

static volatile char *apic_registers;
static uint64_t timer_ticks_per_ns_32; // ticks = ns * this >> 32

static inline uint32_t apic_read(enum apic_register which) {
    if (cpu_features.x2apic) return (uint32_t)msr_read(MSR_X2APIC + (which >> 4));
    return mmio_read32(apic_registers + which);
}

static inline void apic_write(enum apic_register which, uint32_t value) {
    if (cpu_features.x2apic)
        msr_write(MSR_X2APIC + (which >> 4), value);
    else
        mmio_write32((volatile void *)(apic_registers + which), value);
}

static void legacy_controllers_mask(void) {
    // Moved out of the exceptions' vectors first: a spurious interrupt can't be masked.
    static const struct {
        uint16_t port;
        uint8_t value;
    } sequence[] = {{0x20, 0x11}, {0xa0, 0x11}, {0x21, 0x20}, {0xa1, 0x28}, {0x21, 4},
                    {0xa1, 2},    {0x21, 1},    {0xa1, 1},    {0x21, 0xff}, {0xa1, 0xff}};
    for (unsigned i = 0; i < array_size(sequence); i++)
        port_write8(sequence[i].port, sequence[i].value);
}

void apic_init_processor(void) {
    uint64_t base = msr_read(MSR_APIC_BASE);
    msr_write(MSR_APIC_BASE, base | 0x800 | (cpu_features.x2apic ? 0x400 : 0));
    apic_write(APIC_TASK_PRIORITY, 0);
    apic_write(APIC_LVT_LINT0, APIC_MASKED);
    apic_write(APIC_LVT_LINT1, APIC_NMI);
    apic_write(APIC_LVT_ERROR, APIC_MASKED);
    apic_write(APIC_TIMER_DIVIDE, 3); // by 16
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER | (cpu_features.tsc_deadline ? APIC_TIMER_DEADLINE_MODE : 0));
    apic_write(APIC_SPURIOUS, 0x100 | VECTOR_SPURIOUS);
}

void apic_init(void) {
    legacy_controllers_mask();
    apic_registers = (volatile char *)(DIRECT_MAP_BASE + (msr_read(MSR_APIC_BASE) & 0xffffff000));
    apic_init_processor();
}

void apic_end_of_interrupt(void) {
    apic_write(APIC_EOI, 0);
}

uint32_t apic_id(void) {
    uint32_t id = apic_read(APIC_ID);
    return cpu_features.x2apic ? id : id >> 24;
}

void apic_send(uint32_t to, enum apic_message message, unsigned vector) {
    if (cpu_features.x2apic) {
        __asm__ volatile("mfence; lfence" ::: "memory");
        msr_write(MSR_X2APIC + (APIC_COMMAND >> 4), (uint64_t)to << 32 | message | vector);
        return;
    }
    apic_write(APIC_COMMAND_HIGH, to << 24);
    apic_write(APIC_COMMAND, message | vector);
    while (apic_read(APIC_COMMAND) & 0x1000)
        __asm__ volatile("pause");
}

// Counts the timer's ticks over a few milliseconds of arch_clock.
void apic_timer_calibrate(void) {
    if (cpu_features.tsc_deadline) return;
    apic_write(APIC_LVT_TIMER, APIC_MASKED);
    apic_write(APIC_TIMER_INITIAL, UINT32_MAX);
    nanoseconds start = arch_clock();
    uint32_t first = apic_read(APIC_TIMER_CURRENT);
    clock_spin(1'000'000);
    nanoseconds elapsed = arch_clock() - start;
    uint32_t ticks = first - apic_read(APIC_TIMER_CURRENT);
    apic_write(APIC_TIMER_INITIAL, 0);
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
    timer_ticks_per_ns_32 = ((uint64_t)ticks << 32) / (uint64_t)elapsed;
    kernel_assert(timer_ticks_per_ns_32 != 0);
}

void arch_timer_arm(nanoseconds deadline) {
    if (cpu_features.tsc_deadline) {
        msr_write(MSR_TSC_DEADLINE, deadline == TIME_NEVER ? 0 : clock_to_counter(deadline));
        return;
    }
    if (deadline == TIME_NEVER) {
        apic_write(APIC_TIMER_INITIAL, 0);
        return;
    }
    nanoseconds wait = deadline - arch_clock();
    uint64_t ticks = 1;
    if (wait > 0) ticks = (uint64_t)(((unsigned __int128)(uint64_t)wait * timer_ticks_per_ns_32) >> 32) + 1;
    apic_write(APIC_TIMER_INITIAL, (uint32_t)min(ticks, (uint64_t)UINT32_MAX));
}
