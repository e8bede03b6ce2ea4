// Interrupt vectors, the local APIC and the I/O APICs.
#pragma once

#include "src/arch/arch.h"

// Takes a free vector for a device. -ENOSPC.
[[nodiscard]] int32_t interrupt_vector_alloc(interrupt_handler *handler, void *data);

// apic.c: this processor's local APIC
void apic_init(void);           // finds it, masks the legacy controllers; then apic_init_processor
void apic_init_processor(void); // switches it on
void apic_timer_calibrate(void);
void apic_end_of_interrupt(void);
uint32_t apic_id(void);
// A message to one processor: vector, or with mode an INIT / start-up.
enum apic_message : uint32_t { APIC_FIXED = 0, APIC_NMI = 0x400, APIC_INIT = 0x4500, APIC_STARTUP = 0x4600 };
void apic_send(uint32_t to, enum apic_message message, unsigned vector);

// ioapic.c
void ioapic_init(void);

// clock.c
void clock_start(void); // the counter's value now is time 0; until clock_init the clock stands at 0
void clock_init(void);
// Waits by the cycle counter.
void clock_spin(nanoseconds time);
uint64_t clock_to_counter(nanoseconds time);

// serial.c: /dev/ttyS0
void serial_terminal_init(void);
