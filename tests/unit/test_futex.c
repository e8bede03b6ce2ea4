// Futexes between threads of the host: nothing is lost, counts are right, words that are not there are faulted in.
// sources: src/context/futex.c src/context/wait.c src/context/lock.c src/arch/hosted/hosted.c tests/unit/host_threads.c
// flags: -fno-sanitize=address,undefined -fsanitize=thread -pthread
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/context/context.h"
#include "src/context/cpu.h"
#include "src/context/futex.h"
#include "src/context/scheduler.h"
#include "src/memory/address_space.h"
#include "src/memory/heap.h"
#include "src/memory/memory_object.h"
#include "tests/unit/host_threads.h"

// ---- twins of the scheduler, the memory and the clock

struct twin {
    struct context context;
    struct cpu cpu;
    struct host_event *runnable;
    nanoseconds deadline;
    void (*body)(struct twin *twin);
    struct host_thread *thread;
};

static struct address_space space;
static struct process process = {.address_space = &space};
static uint32_t absent; // (A) how many loads still find no page

static struct twin *twin_of(struct context *context) {
    return container_of(context, struct twin, context);
}
void scheduler_enqueue_woken(struct context *context) {
    host_event_set(twin_of(context)->runnable);
}
void scheduler_switch_blocked(void) {
    struct twin *twin = twin_of(context_current());
    if (host_event_wait(twin->runnable, twin->deadline)) return;
    twin->context.wait_timer.callback(&twin->context.wait_timer);
    host_event_wait(twin->runnable, INT64_MAX);
}
nanoseconds clock_monotonic(void) {
    return host_now();
}
nanoseconds clock_wall_offset(void) {
    return 1000;
}
void timer_arm(struct timer *timer, nanoseconds deadline) {
    twin_of(container_of(timer, struct context, wait_timer))->deadline = deadline;
}
bool timer_cancel(struct timer *timer) {
    twin_of(container_of(timer, struct context, wait_timer))->deadline = TIME_NEVER;
    return true;
}
bool signal_deliverable(void) {
    return false;
}
bool signal_stop_in_wait(void) {
    return false;
}
void *heap_alloc(size_t size) {
    return malloc(size);
}
void heap_free(void *pointer) {
    free(pointer);
}
int32_t address_space_key(struct address_space *, uintptr_t, struct memory_object **object, uint64_t *) {
    *object = nullptr;
    return 0;
}
void memory_object_get(struct memory_object *) {
}
void memory_object_put(struct memory_object *) {
}
int32_t arch_user_load32(uintptr_t from, uint32_t *value) {
    if (from == 4096) return -EFAULT;
    uint32_t left = atomic_load_relaxed(&absent);
    if (cpu_current()->faults_disabled && left && atomic_compare_exchange_acq_rel(&absent, &left, left - 1))
        return -EFAULT;
    *value = atomic_load_seq_cst((uint32_t *)from);
    return 0;
}
int32_t arch_user_compare_exchange32(uintptr_t at, uint32_t *expected, uint32_t desired) {
    (void)atomic_compare_exchange_acq_rel((uint32_t *)at, expected, desired);
    return 0;
}

static void twin_main(void *argument) {
    struct twin *twin = argument;
    hosted_context = &twin->context;
    hosted_cpu = &twin->cpu;
    twin->body(twin);
}
static void twin_start(struct twin *twin, void (*body)(struct twin *)) {
    *twin = (struct twin){.body = body, .deadline = TIME_NEVER, .runnable = host_event_create()};
    twin->context.process = &process;
    twin->thread = host_thread_start(twin_main, twin);
}
static void twin_join(struct twin *twin) {
    host_thread_join(twin->thread);
    host_event_free(twin->runnable);
}
static void run(unsigned count, void (*const bodies[])(struct twin *)) {
    static struct twin twins[8];
    futex_init();
    for (unsigned i = 0; i < count; i++)
        twin_start(&twins[i], bodies[i]);
    for (unsigned i = 0; i < count; i++)
        twin_join(&twins[i]);
}
static struct user_address at(uint32_t *word) {
    return (struct user_address){(uintptr_t)word};
}

// ---- a lock as C libraries build it: 0 free, 1 held, 2 held and waited for

enum { ROUNDS = 3000, WORKERS = 3 };
static uint32_t lock_word;
static uint64_t guarded;

static void worker(struct twin *) {
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t seen = 0;
        if (!atomic_compare_exchange_acq_rel(&lock_word, &seen, 1U)) {
            while (atomic_exchange_acq_rel(&lock_word, 2U))
                (void)futex_wait(at(&lock_word), 2, UINT32_MAX, TIME_NEVER, 0);
        }
        guarded++;
        if (i % 64 == 0) atomic_store_relaxed(&absent, 2);
        if (atomic_exchange_acq_rel(&lock_word, 0U) == 2) (void)futex_wake(at(&lock_word), 1, UINT32_MAX, 0);
    }
}

static void test_lock(void **) {
    void (*const bodies[])(struct twin *) = {worker, worker, worker};
    run(WORKERS, bodies);
    assert_int_equal(guarded, WORKERS * ROUNDS);
    atomic_store_relaxed(&absent, 0);
}

// ---- moving waiters, and choosing them by bits

static uint32_t first_word, second_word, waiting, returned;

static void wait_there(uint32_t bits) {
    atomic_fetch_add_acq_rel(&waiting, 1);
    assert_int_equal(futex_wait(at(&first_word), 0, bits, TIME_NEVER, 0), 0);
    atomic_fetch_add_acq_rel(&returned, 1);
}
static void wait_for_one(struct twin *) {
    wait_there(1);
}
static void wait_for_all(struct twin *) {
    wait_there(UINT32_MAX);
}
static void until_returned(uint32_t count) {
    while (atomic_load_acquire(&returned) != count)
        host_yield();
}

static void conduct(struct twin *) {
    uint32_t expected = 7;
    while (atomic_load_acquire(&waiting) != 4)
        host_yield();
    assert_int_equal(futex_requeue(at(&first_word), 0, 0, at(&second_word), &expected, 0), -EAGAIN);
    // All four must have queued: the one bit reaches only those that wait for everything.
    uint32_t woken = 0;
    while (woken < 2)
        woken += (uint32_t)futex_wake(at(&first_word), 8, 2, 0);
    until_returned(2);
    expected = 0;
    int32_t moved = 0;
    while (moved < 2)
        moved += futex_requeue(at(&first_word), 0, 2, at(&second_word), &expected, 0);
    assert_int_equal(futex_wake(at(&first_word), 8, UINT32_MAX, 0), 0);
    assert_int_equal(futex_wake(at(&second_word), 1, UINT32_MAX, 0), 1);
    until_returned(3);
    // Sets second_word to 5, and wakes there because it was 0.
    assert_int_equal(futex_wake_op(at(&first_word), 1, at(&second_word), 1, 0U << 28 | 0U << 24 | 5 << 12 | 0, 0), 1);
    assert_int_equal(second_word, 5);
    until_returned(4);
}

static void test_requeue(void **) {
    void (*const bodies[])(struct twin *) = {wait_for_one, wait_for_one, wait_for_all, wait_for_all, conduct};
    run(5, bodies);
    assert_int_equal(returned, 4);
}

// ---- errors and deadlines

static void alone(struct twin *) {
    uint32_t word = 3;
    nanoseconds soon = host_now() + 2'000'000;
    assert_int_equal(futex_wait(at(&word), 4, UINT32_MAX, TIME_NEVER, 0), -EAGAIN);
    assert_int_equal(futex_wait(at(&word), 3, 0, TIME_NEVER, 0), -EINVAL);
    assert_int_equal(futex_wait((struct user_address){2}, 3, 1, TIME_NEVER, 0), -EINVAL);
    assert_int_equal(futex_wait((struct user_address){4096}, 3, 1, TIME_NEVER, 0), -EFAULT);
    assert_int_equal(futex_wait((struct user_address){USER_LIMIT}, 3, 1, TIME_NEVER, 0), -EFAULT);
    assert_int_equal(futex_wait(at(&word), 3, 1, soon, 0), -ETIMEDOUT);
    assert_int_equal(futex_wait(at(&word), 3, 1, soon + 1000, FUTEX_REALTIME | FUTEX_SHARED), -ETIMEDOUT);
    assert_int_equal(futex_wake(at(&word), 1, 0, 0), -EINVAL);
    assert_int_equal(futex_wake(at(&word), 1, 1, 0), 0);
    assert_int_equal(futex_requeue(at(&word), -1, 1, at(&word), nullptr, 0), -EINVAL);
    assert_int_equal(futex_wake_op(at(&word), 1, at(&word), 1, 7U << 28, 0), -ENOSYS);
    assert_int_equal(futex_wake_op(at(&word), 1, at(&word), 1, 15U << 24, 0), -ENOSYS);
    // Arithmetic: add 2 shifted (1 << 2), or, and-not, xor.
    word = 1;
    assert_int_equal(futex_wake_op(at(&word), 0, at(&word), 0, (8U | 1) << 28 | 2 << 12, 0), 0);
    assert_int_equal(word, 5);
    assert_int_equal(futex_wake_op(at(&word), 0, at(&word), 0, 3U << 28 | 4 << 12, 0), 0);
    assert_int_equal(word, 1);
    assert_int_equal(futex_wake_op(at(&word), 0, at(&word), 0, 4U << 28 | 0xfff << 12, 0), 0);
    assert_int_equal(word, 0xfffffffe); // the operand is signed
}

static void test_alone(void **) {
    void (*const bodies[])(struct twin *) = {alone};
    run(1, bodies);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_requeue),
        cmocka_unit_test(test_alone),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
