// Time from the invariant cycle counter, calibrated against the legacy timer; the date from the CMOS clock.
#include "src/arch/x86_64/interrupts.h"
#include "src/arch/x86_64/x86.h"
#include "src/kernel.h"

constexpr uint64_t PIT_FREQUENCY = 1'193'182;
constexpr uint32_t CLOCK_SHIFT = 32;
enum pit : uint16_t { PIT_CHANNEL_2 = 0x42, PIT_COMMAND = 0x43, PIT_GATE = 0x61 };

static uint64_t counter_base;
static uint64_t clock_multiplier;   // ns = counter * this >> 32
static uint64_t counter_multiplier; // counter = ns * this >> 32
static nanoseconds wall_at_boot;

static uint64_t scale(uint64_t value, uint64_t multiplier) {
    return (uint64_t)(((unsigned __int128)value * multiplier) >> CLOCK_SHIFT);
}

void clock_start(void) {
    counter_base = arch_cycle_counter();
}

nanoseconds arch_clock(void) {
    return (nanoseconds)scale(arch_cycle_counter() - counter_base, clock_multiplier);
}

uint64_t clock_to_counter(nanoseconds time) {
    return counter_base + scale((uint64_t)max(time, (nanoseconds)0), counter_multiplier);
}

void arch_clock_scale(uint64_t *base, uint64_t *multiplier, uint32_t *shift) {
    *base = counter_base;
    *multiplier = clock_multiplier;
    *shift = CLOCK_SHIFT;
}

void clock_spin(nanoseconds time) {
    nanoseconds end = arch_clock() + time;
    while (arch_clock() < end)
        __asm__ volatile("pause");
}

struct sample {
    uint64_t counter;
    uint16_t pit;
};

// The best of a few readings: the one that took least time.
static struct sample sample_read(void) {
    struct sample best = {};
    uint64_t best_width = UINT64_MAX;
    for (unsigned i = 0; i < 4; i++) {
        uint64_t before = arch_cycle_counter();
        port_write8(PIT_COMMAND, 0x80); // latch channel 2
        uint8_t low = port_read8(PIT_CHANNEL_2);
        uint64_t after = arch_cycle_counter();
        uint8_t high = port_read8(PIT_CHANNEL_2);
        if (after - before < best_width) {
            best_width = after - before;
            best = (struct sample){before, (uint16_t)(high << 8 | low)};
        }
    }
    return best;
}

// The counter's frequency in Hz; 0: no legacy timer.
static uint64_t calibrate(void) {
    constexpr uint16_t ticks_wanted = (uint16_t)(PIT_FREQUENCY / 250); // 4 ms
    port_write8(PIT_GATE, (port_read8(PIT_GATE) & ~2u) | 1);           // gate on, speaker off
    port_write8(PIT_COMMAND, 0xb0);                                    // channel 2, both bytes, mode 0
    port_write8(PIT_CHANNEL_2, 0xff);
    port_write8(PIT_CHANNEL_2, 0xff);
    struct sample start = sample_read(), end = start;
    for (unsigned round = 0; round < 100'000 && (uint16_t)(start.pit - end.pit) < ticks_wanted; round++)
        end = sample_read();
    uint16_t ticks = start.pit - end.pit;
    if (ticks < ticks_wanted) return 0;
    return (end.counter - start.counter) * PIT_FREQUENCY / ticks;
}

// ---- the CMOS clock

static uint8_t cmos_read(uint8_t index) {
    port_write8(0x70, 0x80 | index);
    return port_read8(0x71);
}

struct date {
    uint8_t second, minute, hour, day, month, year;
};

static struct date date_read(void) {
    return (struct date){cmos_read(0), cmos_read(2), cmos_read(4), cmos_read(7), cmos_read(8), cmos_read(9)};
}

static unsigned from_bcd(uint8_t value, bool bcd) {
    return bcd ? (value & 15u) + (value >> 4) * 10u : value;
}

// Days from 1970-01-01 of a date of the Gregorian calendar (years start in March here, so that leap days come last).
static int64_t days_of(unsigned year, unsigned month, unsigned day) {
    unsigned y = month > 2 ? year : year - 1;
    unsigned m = month > 2 ? month - 3 : month + 9;
    return (int64_t)(365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1) - 719468;
}

static nanoseconds wall_read(void) {
    struct date date = date_read();
    if (date.month == 0xff || date.month == 0) return 0;
    for (unsigned tries = 0; tries < 10; tries++) { // an update in progress tears the reading
        struct date again = date_read();
        bool same = __builtin_memcmp(&again, &date, sizeof(date)) == 0;
        date = again;
        if (same && !(cmos_read(10) & 0x80)) break;
    }
    uint8_t format = cmos_read(11);
    bool bcd = !(format & 4);
    unsigned hour = from_bcd(date.hour & 0x7f, bcd);
    if (!(format & 2)) hour = hour % 12 + (date.hour & 0x80 ? 12 : 0);
    int64_t days = days_of(2000 + from_bcd(date.year, bcd), from_bcd(date.month, bcd), from_bcd(date.day, bcd));
    int64_t seconds = ((days * 24 + hour) * 60 + from_bcd(date.minute, bcd)) * 60 + from_bcd(date.second, bcd);
    return seconds * NANOSECONDS_PER_SECOND;
}

nanoseconds arch_clock_wall(void) {
    return wall_at_boot;
}

void clock_init(void) {
    uint64_t frequency = calibrate();
    if (frequency < 1'000'000) {
        log_warning("clock", "no legacy timer to calibrate against: taking 1 GHz");
        frequency = 1'000'000'000;
    }
    // 10^9 * 2^32 fits 64 bits only up to 4.29 * 10^9: fine for the dividend, and the counter is slower than 2^32 GHz.
    clock_multiplier = ((uint64_t)NANOSECONDS_PER_SECOND << CLOCK_SHIFT) / frequency;
    counter_multiplier = (frequency << 22) / (uint64_t)NANOSECONDS_PER_SECOND << 10;
    wall_at_boot = wall_read();
    log_info("clock", "cycle counter at %lu kHz", (unsigned long)(frequency / 1000));
}
