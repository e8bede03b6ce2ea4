// The timer queue and the clocks, on a clock that the test moves.
// sources: src/context/timer.c lib/tree.c src/arch/hosted/hosted.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/arch/hosted/hosted.h"
#include "src/context/cpu.h"
#include "src/context/timer.h"
#include "src/context/wait.h"

static nanoseconds now, programmed;
static unsigned wakes;

nanoseconds arch_clock(void) {
    return now;
}

nanoseconds arch_clock_wall(void) {
    return 1'000'000'000'000;
}

void arch_clock_scale(uint64_t *counter_base, uint64_t *multiplier, uint32_t *shift) {
    *counter_base = 7;
    *multiplier = 3;
    *shift = 1;
}

bool arch_processor_number_readable(void) {
    return true;
}

void arch_timer_arm(nanoseconds deadline) {
    programmed = deadline;
}

void wait_queue_wake(struct wait_queue *, uint32_t, uint32_t) {
    wakes++;
}

struct recorder {
    struct timer timer;
    unsigned fired;
    nanoseconds period; // 0: once
};

static nanoseconds last_fired;

static void record(struct timer *timer) {
    struct recorder *recorder = container_of(timer, struct recorder, timer);
    assert_true(now >= timer->deadline);
    assert_true(timer->deadline >= last_fired);
    last_fired = timer->deadline;
    recorder->fired++;
    if (recorder->period) timer_arm(timer, timer->deadline + recorder->period);
}

static int start(void **) {
    cpus[0] = (struct cpu){.self = &cpus[0]};
    hosted_cpu = &cpus[0];
    now = 0;
    programmed = TIME_NEVER;
    last_fired = 0;
    timer_queue_init(0);
    return 0;
}

// The hardware's part: time passes, and interrupts come at what was programmed.
static void run_until(nanoseconds end) {
    while (programmed <= end) {
        now = max(now, programmed);
        programmed = TIME_NEVER;
        timer_interrupt();
    }
    now = end;
}

static void test_order(void **) {
    static struct recorder recorders[64];
    uint32_t seed = 1;
    for (unsigned i = 0; i < 64; i++) {
        recorders[i] = (struct recorder){};
        timer_init(&recorders[i].timer, record);
        timer_arm(&recorders[i].timer, (seed = seed * 1103515245 + 12345) / 65536 % 1000 + 1);
    }
    run_until(1001);
    for (unsigned i = 0; i < 64; i++) {
        assert_int_equal(recorders[i].fired, 1);
        assert_false(recorders[i].timer.armed);
        assert_false(timer_cancel(&recorders[i].timer));
    }
}

static void test_rearm_and_cancel(void **) {
    struct recorder a = {.period = 10}, b = {};
    timer_init(&a.timer, record);
    timer_init(&b.timer, record);
    timer_arm(&b.timer, 500);
    assert_int_equal(programmed, 500);
    timer_arm(&a.timer, 10);
    assert_int_equal(programmed, 10);
    timer_arm(&b.timer, 55); // moved
    run_until(100);
    assert_int_equal(a.fired, 10);
    assert_int_equal(b.fired, 1);
    assert_true(timer_cancel(&a.timer));
    assert_false(timer_cancel(&a.timer));
    run_until(1000);
    assert_int_equal(a.fired, 10);
}

static void test_early_interrupt(void **) {
    struct recorder a = {};
    timer_init(&a.timer, record);
    timer_arm(&a.timer, 100);
    now = 50;
    timer_interrupt(); // of something else
    assert_int_equal(a.fired, 0);
    assert_int_equal(programmed, 100);
    run_until(100);
    assert_int_equal(a.fired, 1);
}

static void test_random_against_a_model(void **) {
    static struct recorder recorders[32];
    uint32_t seed = 9;
    for (unsigned i = 0; i < 32; i++) {
        recorders[i] = (struct recorder){};
        timer_init(&recorders[i].timer, record);
    }
    unsigned expected[32] = {};
    for (unsigned step = 0; step < 5000; step++) {
        unsigned which = (seed = seed * 1103515245 + 12345) / 65536 % 32;
        struct timer *timer = &recorders[which].timer;
        switch (seed / 4096 % 3) {
        case 0:
            timer_arm(timer, now + 1 + seed / 8192 % 100);
            break;
        case 1:
            (void)timer_cancel(timer);
            assert_false(timer->armed);
            break;
        default:
            for (unsigned i = 0; i < 32; i++)
                expected[i] += recorders[i].timer.armed && recorders[i].timer.deadline <= now + 20;
            last_fired = 0;
            run_until(now + 20);
            for (unsigned i = 0; i < 32; i++)
                assert_int_equal(recorders[i].fired, expected[i]);
        }
    }
}

static void test_clocks(void **) {
    static struct kernel_time_record record_page;
    now = 100;
    time_record = &record_page;
    time_init();
    assert_int_equal(clock_realtime(), 1'000'000'000'000);
    assert_int_equal(record_page.generation % 2, 0);
    assert_int_equal(record_page.wall_offset, clock_wall_offset());
    assert_int_equal(record_page.multiplier, 3);
    uint32_t generation = record_page.generation;
    struct wait_entry entry = {.queue = clock_changes()};
    list_push_back(&clock_changes()->entries, &entry.link); // somebody waits for a time on the wall clock
    clock_set_realtime(5000);
    list_remove(&entry.link);
    assert_int_equal(clock_realtime(), 5000);
    assert_int_equal(record_page.wall_offset, 4900);
    assert_int_equal(record_page.generation, generation + 2);
    assert_int_equal(wakes, 1);
    assert_int_equal(clock_monotonic(), 100);
    time_record = nullptr;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_order, start),           cmocka_unit_test_setup(test_rearm_and_cancel, start),
        cmocka_unit_test_setup(test_early_interrupt, start), cmocka_unit_test_setup(test_random_against_a_model, start),
        cmocka_unit_test_setup(test_clocks, start),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
