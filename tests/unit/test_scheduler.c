// The scheduler on simulated processors: the switch is recorded instead of made, so the order of picks can be seen.
// sources: src/context/scheduler.c src/arch/hosted/hosted.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/arch/hosted/hosted.h"
#include "src/context/interval_timer.h"
#include "src/context/scheduler.h"
#include "src/memory/address_space.h"

enum { THREADS = 8, OTHER = 0, FIFO = 1, RR = 2, IDLE = 5, TICK_NS = 4'000'000 };

static nanoseconds now;
static struct context idles[4], threads[THREADS];
static unsigned kicked_mask;

nanoseconds arch_clock(void) {
    return now;
}
nanoseconds clock_monotonic(void) {
    return now;
}
void arch_context_switch(struct context *, struct context *to) {
    hosted_context = to;
}
void arch_processor_kick(unsigned cpu) {
    kicked_mask |= 1U << cpu;
}
void arch_idle(void) {
}
struct user_frame *arch_context_user_frame(struct context *) {
    static struct user_frame frame;
    return &frame;
}
void address_space_switch(struct address_space *) {
}
void timer_queue_init(unsigned) {
}
void timer_arm(struct timer *timer, nanoseconds deadline) {
    timer->armed = true;
    timer->deadline = deadline;
}
void interval_timer_tick(struct context *) {
}

static void on_processor(unsigned cpu) {
    hosted_cpu = &cpus[cpu];
    hosted_context = cpus[cpu].context;
}

static int start(void **) {
    scheduler_init();
    now = 1'000'000'000;
    kicked_mask = 0;
    for (unsigned i = 0; i < 4; i++) {
        idles[i] = (struct context){.name = "idle"};
        cpus[i] = (struct cpu){.self = &cpus[i]};
        scheduler_init_processor(i, &idles[i]);
        cpus[i].online = true;
    }
    cpu_count = 1;
    for (unsigned i = 0; i < THREADS; i++) {
        threads[i] = (struct context){.tid = (int32_t)i + 1, .affinity = ~0ULL, .state = CONTEXT_BLOCKED};
        object_init(&threads[i].object, nullptr);
        list_init(&threads[i].run_link);
    }
    on_processor(0);
    return 0;
}

static struct context *running(void) {
    return cpus[hosted_cpu->id].context;
}

// The running thread uses the processor for a while and gives way.
static void use(nanoseconds time) {
    now += time;
    schedule();
}

static void block(void) {
    running()->state = CONTEXT_BLOCKED;
    scheduler_switch_blocked();
}

static void wake(struct context *context) {
    context->state = CONTEXT_RUNNABLE;
    scheduler_enqueue_woken(context);
}

static nanoseconds time_of(const struct context *context) {
    return context->user_time + context->system_time;
}

static void test_fair(void **) {
    for (unsigned i = 0; i < 4; i++)
        context_start(&threads[i]);
    scheduler_switch_blocked();
    for (unsigned i = 0; i < 4000; i++)
        use(1'000'000);
    for (unsigned i = 0; i < 4; i++)
        assert_in_range(time_of(&threads[i]), 999'000'000, 1'001'000'000);
}

static void test_nice(void **) {
    context_start(&threads[0]);
    context_start(&threads[1]);
    context_set_nice(&threads[1], 5);
    scheduler_switch_blocked();
    for (unsigned i = 0; i < 4000; i++)
        use(1'000'000);
    // Five steps of 1.25: a factor of 3.05.
    nanoseconds ratio = time_of(&threads[0]) * 100 / time_of(&threads[1]);
    assert_in_range(ratio, 295, 315);
}

static void test_realtime(void **) {
    context_start(&threads[0]);
    scheduler_switch_blocked();
    assert_ptr_equal(running(), &threads[0]);
    threads[1].policy = FIFO;
    threads[1].priority = 10;
    threads[2].policy = FIFO;
    threads[2].priority = 20;
    wake(&threads[1]);
    assert_true(threads[0].work & WORK_RESCHEDULE);
    wake(&threads[2]);
    schedule();
    assert_ptr_equal(running(), &threads[2]);
    assert_false(threads[0].work & WORK_RESCHEDULE);
    use(100'000'000);
    assert_ptr_equal(running(), &threads[2]); // nobody of lower priority gets in
    block();
    assert_ptr_equal(running(), &threads[1]);
    block();
    assert_ptr_equal(running(), &threads[0]);
}

static void test_idle_policy(void **) {
    threads[1].policy = IDLE;
    context_start(&threads[0]);
    context_start(&threads[1]);
    scheduler_switch_blocked();
    for (unsigned i = 0; i < 2000; i++)
        use(1'000'000);
    assert_true(time_of(&threads[1]) * 50 < time_of(&threads[0]));
    // A normal thread interrupts one that is only to run when nothing else does.
    block();
    if (running() != &threads[1]) block();
    assert_ptr_equal(running(), &threads[1]);
    wake(&threads[0]);
    assert_true(threads[1].work & WORK_RESCHEDULE);
}

static void test_sleeper_is_not_owed_the_past(void **) {
    context_start(&threads[0]);
    context_start(&threads[1]);
    scheduler_switch_blocked();
    struct context *sleeper = running();
    block();
    struct context *other = running();
    for (unsigned i = 0; i < 1000; i++)
        use(1'000'000);
    wake(sleeper);
    assert_true(other->work & WORK_RESCHEDULE); // it has slept: it may go first
    nanoseconds before = time_of(sleeper);
    for (unsigned i = 0; i < 100; i++)
        use(1'000'000);
    assert_in_range(time_of(sleeper) - before, 49'000'000, 54'000'000); // but does not get the whole second back
}

static void test_yield(void **) {
    context_start(&threads[0]);
    context_start(&threads[1]);
    scheduler_switch_blocked();
    struct context *first = running();
    now += 10;
    context_yield();
    assert_ptr_not_equal(running(), first);
    now += 10;
    context_yield();
    assert_ptr_equal(running(), first);
}

static void test_near_and_stolen(void **) {
    cpu_count = 2;
    context_start(&threads[0]);
    scheduler_switch_blocked();
    cpus[1].idle = true;
    now += 10'000;
    wake(&threads[1]);
    assert_int_equal(threads[1].cpu, 0); // near its waker
    assert_int_equal(kicked_mask, 0);
    // The other processor leaves it alone for a while, then takes it.
    on_processor(1);
    cpus[1].idle = false;
    block();
    assert_ptr_equal(running(), &idles[1]);
    now += 300'000;
    block();
    assert_ptr_equal(running(), &threads[1]);
    assert_int_equal(threads[1].cpu, 1);
    // A second one that is woken while somebody waits here goes to the idle processor at once.
    on_processor(0);
    threads[1].state = CONTEXT_RUNNABLE;
    cpus[1].idle = true;
    wake(&threads[2]);
    wake(&threads[3]);
    assert_int_equal(threads[3].cpu, 1);
    assert_int_equal(kicked_mask, 2);
    assert_false(cpus[1].idle);
}

static void test_being_saved_elsewhere(void **) {
    cpu_count = 2;
    threads[0].on_cpu = true; // processor 1 has not saved its registers yet
    threads[0].cpu = 1;
    wake(&threads[0]);
    assert_int_equal(threads[0].cpu, 1);
    now += 1'000'000;
    block(); // processor 0 is idle, but must not take it
    assert_ptr_equal(running(), &idles[0]);
    threads[0].on_cpu = false;
    block();
    assert_ptr_equal(running(), &threads[0]);
}

static void test_affinity(void **) {
    cpu_count = 2;
    assert_int_equal(context_set_affinity(&threads[0], 4), -EINVAL);
    assert_int_equal(context_set_affinity(&threads[0], 2), 0);
    wake(&threads[0]);
    assert_int_equal(threads[0].cpu, 1);
    on_processor(1);
    block();
    assert_ptr_equal(running(), &threads[0]);
    // Moved away while it runs: at its next pass it goes where it may be.
    assert_int_equal(context_set_affinity(&threads[0], 1), 0);
    assert_true(threads[0].work & WORK_RESCHEDULE);
    schedule();
    assert_ptr_equal(running(), &idles[1]);
    assert_int_equal(threads[0].cpu, 0);
    on_processor(0);
    block();
    assert_ptr_equal(running(), &threads[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_fair, start),
        cmocka_unit_test_setup(test_nice, start),
        cmocka_unit_test_setup(test_realtime, start),
        cmocka_unit_test_setup(test_idle_policy, start),
        cmocka_unit_test_setup(test_sleeper_is_not_owed_the_past, start),
        cmocka_unit_test_setup(test_yield, start),
        cmocka_unit_test_setup(test_near_and_stolen, start),
        cmocka_unit_test_setup(test_being_saved_elsewhere, start),
        cmocka_unit_test_setup(test_affinity, start),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
