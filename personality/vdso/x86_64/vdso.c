// Linux's vDSO on x86_64: clocks and the processor's number without a trap. Runs in user mode, in every Linux process.
// The timekeeper's record lies in the page right below this image; while its multiplier is 0 the calls trap.
#include <personality.h>

#include "lib/atomic.h"

constexpr long NUMBER_GETTIMEOFDAY = 96, NUMBER_TIME = 201, NUMBER_CLOCK_GETTIME = 228, NUMBER_CLOCK_GETRES = 229,
               NUMBER_GETCPU = 309;

struct timespec {
    int64_t seconds, nanoseconds;
};
struct timeval {
    int64_t seconds, microseconds;
};

[[gnu::visibility("hidden")]] extern const char image_start[] __asm__("__ehdr_start");

#define EXPORTED [[gnu::visibility("default")]]

static inline const struct kernel_time_record *time_record(void) {
    return (const struct kernel_time_record *)(image_start - PAGE_SIZE);
}

static long system_call(long number, const void *first, const void *second, const void *third) {
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second), "d"(third)
                     : "rcx", "r11", "memory");
    return result;
}

// Time since boot and, when wall, the offset to real time added. False: the record gives none.
static inline bool read_time(bool wall, nanoseconds *time) {
    const struct kernel_time_record *record = time_record();
    for (;;) {
        uint32_t generation = atomic_load_acquire(&record->generation);
        if ((generation & 1) != 0) {
            __builtin_ia32_pause();
            continue;
        }
        uint64_t multiplier = record->multiplier;
        if (generation == 0 || multiplier == 0) return false;
        __builtin_ia32_lfence();
        uint64_t counter = __builtin_ia32_rdtsc(), base = record->counter_base;
        // Another processor's counter may be a little behind the one that was read for the base.
        uint64_t passed = counter > base ? counter - base : 0;
        *time = (nanoseconds)((unsigned __int128)passed * multiplier >> record->shift) + record->base +
                (wall ? record->wall_offset : 0);
        atomic_fence_acquire();
        if (atomic_load_relaxed(&record->generation) == generation) return true;
    }
}

EXPORTED int __vdso_clock_gettime(int clock, struct timespec *to);
EXPORTED int __vdso_clock_gettime(int clock, struct timespec *to) {
    constexpr uint32_t wall = 1u << CLOCK_REALTIME | 1u << CLOCK_REALTIME_COARSE;
    constexpr uint32_t known =
        wall | 1u << CLOCK_MONOTONIC | 1u << CLOCK_MONOTONIC_RAW | 1u << CLOCK_MONOTONIC_COARSE | 1u << CLOCK_BOOTTIME;
    nanoseconds time;
    if ((unsigned)clock < 32 && (known >> clock & 1) != 0 && read_time((wall >> clock & 1) != 0, &time)) {
        to->seconds = time / NANOSECONDS_PER_SECOND;
        to->nanoseconds = time % NANOSECONDS_PER_SECOND;
        return 0;
    }
    return (int)system_call(NUMBER_CLOCK_GETTIME, (void *)(long)clock, to, nullptr);
}

EXPORTED int __vdso_gettimeofday(struct timeval *to, int32_t zone[2]);
EXPORTED int __vdso_gettimeofday(struct timeval *to, int32_t zone[2]) {
    nanoseconds time;
    if (!read_time(true, &time)) return (int)system_call(NUMBER_GETTIMEOFDAY, to, zone, nullptr);
    if (to != nullptr) {
        to->seconds = time / NANOSECONDS_PER_SECOND;
        to->microseconds = time % NANOSECONDS_PER_SECOND / 1000;
    }
    if (zone != nullptr) zone[0] = zone[1] = 0;
    return 0;
}

EXPORTED long __vdso_time(long *to);
EXPORTED long __vdso_time(long *to) {
    nanoseconds time;
    if (!read_time(true, &time)) return system_call(NUMBER_TIME, to, nullptr, nullptr);
    long seconds = time / NANOSECONDS_PER_SECOND;
    if (to != nullptr) *to = seconds;
    return seconds;
}

EXPORTED int __vdso_clock_getres(int clock, struct timespec *to);
EXPORTED int __vdso_clock_getres(int clock, struct timespec *to) {
    constexpr uint32_t fine =
        1u << CLOCK_REALTIME | 1u << CLOCK_MONOTONIC | 1u << CLOCK_MONOTONIC_RAW | 1u << CLOCK_BOOTTIME;
    if ((unsigned)clock < 32 && (fine >> clock & 1) != 0) {
        if (to != nullptr) *to = (struct timespec){0, 1};
        return 0;
    }
    return (int)system_call(NUMBER_CLOCK_GETRES, (void *)(long)clock, to, nullptr);
}

// The kernel keeps the processor's number in TSC_AUX where rdtscp exists; the record says so.
EXPORTED long __vdso_getcpu(uint32_t *cpu, uint32_t *node, void *unused);
EXPORTED long __vdso_getcpu(uint32_t *cpu, uint32_t *node, void *unused) {
    if (time_record()->processor_number_readable == 0) return system_call(NUMBER_GETCPU, cpu, node, unused);
    unsigned number;
    (void)__builtin_ia32_rdtscp(&number);
    if (cpu != nullptr) *cpu = number;
    if (node != nullptr) *node = 0;
    return 0;
}

#define ALIAS(name)                                                                                                    \
    [[gnu::visibility("default"), gnu::weak, gnu::alias("__vdso_" #name)]] extern typeof(__vdso_##name) name
ALIAS(clock_gettime);
ALIAS(gettimeofday);
ALIAS(clock_getres);
ALIAS(getcpu);
ALIAS(time);
