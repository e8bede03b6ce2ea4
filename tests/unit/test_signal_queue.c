// Sending, queueing, choosing and taking signals, without the rest of the kernel.
// sources: src/context/signal_send.c src/arch/hosted/hosted.c lib/string.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/context/context.h"
#include "src/context/interval_timer.h"
#include "src/context/process.h"
#include "src/context/scheduler.h"
#include "src/context/signal_internal.h"
#include "src/memory/heap.h"

struct spinlock tasklist_lock = SPINLOCK_INIT(RANK_PROCESS - 1);
struct list processes = LIST_INIT(processes);
static struct process process;
static struct context threads[3];
static struct signal_actions *actions;
static int32_t ended_with, overrun_told;
static unsigned reports, woken, readiness, allocations_left, blocks;

void *slab_alloc(struct slab_cache *cache) {
    if (!allocations_left) return nullptr;
    allocations_left--;
    blocks++;
    return malloc(cache->size);
}
void slab_free(struct slab_cache *, void *object) {
    blocks--;
    free(object);
}
void *heap_alloc(size_t size) {
    return malloc(size);
}
void heap_free(void *pointer) {
    free(pointer);
}
void process_request_exit(struct process *, int32_t status) {
    ended_with = status;
}
void process_report_stop_locked(struct process *, bool continued, uint32_t signal) {
    assert_true(continued);
    assert_int_equal(signal, SIGCONT);
    reports++;
}
bool context_wake(struct context *) {
    woken++;
    return true;
}
void scheduler_poke(struct context *) {
}
void wait_queue_wake(struct wait_queue *, uint32_t, uint32_t) {
    readiness++;
}
void posix_timer_delivered(struct process *, int32_t, int32_t overrun) {
    overrun_told = overrun;
}

static int start(void **) {
    actions = calloc(1, sizeof(*actions));
    process = (struct process){.pid = 5, .group = 5, .actions = actions, .leader = &threads[0]};
    process.limits[RLIMIT_SIGPENDING].current = 10;
    spinlock_init(&process.lock, RANK_PROCESS);
    spinlock_init(&process.signal_lock, RANK_SIGNAL);
    list_init(&process.threads);
    list_init(&process.pending.entries);
    wait_queue_init(&process.signal_readiness);
    for (unsigned i = 0; i < 3; i++) {
        threads[i] = (struct context){.process = &process, .tid = 5 + (int32_t)i};
        list_init(&threads[i].pending.entries);
        list_push_back(&process.threads, &threads[i].process_link);
    }
    list_init(&processes);
    list_push_back(&processes, &process.all_link);
    hosted_context = &threads[0];
    ended_with = overrun_told = 0;
    reports = woken = readiness = 0;
    allocations_left = UINT32_MAX;
    return 0;
}

static int stop(void **) {
    signal_queue_clear(&process, &process.pending);
    for (unsigned i = 0; i < 3; i++)
        signal_queue_clear(&process, &threads[i].pending);
    assert_int_equal(blocks, 0);
    assert_int_equal(process.signals_queued, 0);
    free(actions);
    return 0;
}

static void handle(uint32_t signal) {
    actions->actions[signal - 1].disposition = SIGNAL_HANDLER;
}

static int32_t send(uint32_t signal, int32_t code, uintptr_t value) {
    return signal_send_process(&process, &(struct kernel_siginfo){.signal = signal, .code = code, .value = value});
}

static bool take(struct kernel_siginfo *info) {
    return signal_dequeue_locked(&process, &process.pending, ~0ULL, info);
}

static void test_merge_and_queue(void **) {
    struct kernel_siginfo info;
    handle(SIGUSR1);
    handle(40);
    assert_int_equal(send(SIGUSR1, SI_QUEUE, 1), 0);
    assert_int_equal(send(SIGUSR1, SI_QUEUE, 2), 0); // merges with the first
    for (uintptr_t i = 0; i < 3; i++)
        assert_int_equal(send(40, SI_QUEUE, i), 0);
    assert_true(take(&info));
    assert_int_equal(info.signal, SIGUSR1);
    assert_int_equal(info.value, 1);
    for (uintptr_t i = 0; i < 3; i++) { // in the order of sending
        assert_true(take(&info));
        assert_int_equal(info.signal, 40);
        assert_int_equal(info.value, i);
    }
    assert_false(take(&info));
}

static void test_limit_and_memory(void **) {
    struct kernel_siginfo info;
    handle(40);
    handle(SIGUSR1);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(send(40, SI_QUEUE, i), 0);
    assert_int_equal(send(40, SI_QUEUE, 10), -EAGAIN);
    assert_int_equal(send(40, SI_USER, 0), 0);      // kill: merges when there is no room
    assert_int_equal(send(SIGUSR1, SI_USER, 0), 0); // a standard one comes without its information
    signal_queue_clear(&process, &process.pending);
    allocations_left = 0;
    assert_int_equal(send(SIGUSR1, SI_USER, 0), 0);
    assert_int_equal(send(40, SI_QUEUE, 1), -EAGAIN);
    assert_true(take(&info));
    assert_int_equal(info.signal, SIGUSR1);
}

static void test_ignored_is_dropped(void **) {
    assert_int_equal(send(SIGCHLD, SI_USER, 0), 0);
    assert_int_equal(send(SIGWINCH, SI_USER, 0), 0);
    actions->actions[SIGTERM - 1].disposition = SIGNAL_IGNORE;
    assert_int_equal(send(SIGTERM, SI_USER, 0), 0);
    assert_int_equal(process.pending.set, 0);
    // Blocked, it stays: the action may change before it is unblocked.
    threads[0].blocked = signal_bit(SIGTERM);
    assert_int_equal(send(SIGTERM, SI_USER, 0), 0);
    assert_int_equal(process.pending.set, signal_bit(SIGTERM));
    assert_int_equal(ended_with, 0);
}

static void test_fatal(void **) {
    assert_int_equal(send(SIGTERM, SI_USER, 0), 0);
    assert_int_equal(ended_with, SIGTERM);
    ended_with = 0;
    for (unsigned i = 0; i < 3; i++)
        threads[i].blocked = signal_bit(SIGINT);
    assert_int_equal(send(SIGINT, SI_USER, 0), 0);
    assert_int_equal(ended_with, 0); // all block it
    threads[2].blocked = 0;
    assert_int_equal(send(SIGHUP, SI_USER, 0), 0);
    assert_int_equal(ended_with, SIGHUP);
    process.pid = 1;
    ended_with = 0;
    assert_int_equal(send(SIGKILL, SI_USER, 0), 0);
    assert_int_equal(ended_with, 0); // process 1 has no default death
}

static void test_choice_of_thread(void **) {
    handle(SIGUSR1);
    threads[0].blocked = threads[1].blocked = signal_bit(SIGUSR1);
    threads[2].wait_flags = WAIT_INTERRUPTIBLE;
    assert_int_equal(send(SIGUSR1, SI_USER, 0), 0);
    assert_false(threads[0].work & WORK_SIGNAL);
    assert_false(threads[1].work & WORK_SIGNAL);
    assert_true(threads[2].work & WORK_SIGNAL);
    assert_int_equal(woken, 1);
    // To one thread.
    handle(SIGUSR2);
    assert_int_equal(signal_send_context(&threads[1], &(struct kernel_siginfo){.signal = SIGUSR2}), 0);
    assert_int_equal(threads[1].pending.set, signal_bit(SIGUSR2));
    assert_true(threads[1].work & WORK_SIGNAL);
    assert_int_equal(process.pending.set, signal_bit(SIGUSR1));
    assert_int_equal(signal_next_locked(&threads[1]), SIGUSR2);
    assert_int_equal(signal_next_locked(&threads[0]), 0);
    assert_int_equal(signal_next_locked(&threads[2]), SIGUSR1);
}

static void test_synchronous_first(void **) {
    struct kernel_siginfo info;
    handle(SIGINT);
    handle(SIGSEGV);
    handle(SIGHUP);
    send(SIGINT, SI_USER, 0);
    send(SIGSEGV, SI_USER, 0);
    send(SIGHUP, SI_USER, 0);
    const uint32_t order[] = {SIGSEGV, SIGHUP, SIGINT};
    for (unsigned i = 0; i < 3; i++) {
        assert_true(take(&info));
        assert_int_equal(info.signal, order[i]);
    }
}

static void test_stop_and_continue(void **) {
    send(SIGTSTP, SI_USER, 0);
    assert_int_equal(process.pending.set, signal_bit(SIGTSTP));
    process.stopped = true;
    threads[0].work = threads[1].work = threads[2].work = WORK_STOP;
    threads[1].stop_waiting = true;
    send(SIGCONT, SI_USER, 0);
    assert_false(process.stopped);
    assert_int_equal(process.pending.set, 0); // the stop is forgotten
    assert_false((threads[0].work | threads[1].work | threads[2].work) & WORK_STOP);
    assert_int_equal(woken, 1);
    assert_int_equal(reports, 1);
    handle(SIGCONT);
    send(SIGCONT, SI_USER, 0);
    assert_int_equal(reports, 1); // it was not stopped
    assert_int_equal(process.pending.set, signal_bit(SIGCONT));
    send(SIGSTOP, SI_USER, 0);
    assert_int_equal(process.pending.set, signal_bit(SIGSTOP));
}

static void test_force(void **) {
    const struct kernel_siginfo info = {.signal = SIGSEGV, .code = SEGV_MAPERR};
    handle(SIGSEGV);
    signal_force(&info);
    assert_int_equal(threads[0].pending.set, signal_bit(SIGSEGV));
    assert_int_equal(ended_with, 0);
    // Blocked: the default action, whatever was set.
    threads[0].blocked = signal_bit(SIGSEGV);
    signal_force(&info);
    assert_int_equal(ended_with, SIGSEGV);
    assert_int_equal(threads[0].blocked, 0);
    // Process 1 dies of its own fault too.
    process.pid = 1;
    ended_with = 0;
    signal_force(&info);
    assert_int_equal(ended_with, SIGSEGV);
}

static void test_timer_and_group(void **) {
    struct kernel_siginfo info = {.signal = SIGALRM, .code = SI_TIMER, .timer_id = 3, .status = 4};
    handle(SIGALRM);
    assert_int_equal(signal_send_process(&process, &info), 0);
    assert_true(take(&info));
    assert_int_equal(overrun_told, 4);
    assert_int_equal(signal_send_group(6, &info), -ESRCH);
    assert_int_equal(signal_send_group_simple(5, SIGALRM), 0);
    assert_int_equal(process.pending.set, signal_bit(SIGALRM));
    info.signal = 0;
    assert_int_equal(signal_send_process(&process, &info), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_merge_and_queue, start, stop),
        cmocka_unit_test_setup_teardown(test_limit_and_memory, start, stop),
        cmocka_unit_test_setup_teardown(test_ignored_is_dropped, start, stop),
        cmocka_unit_test_setup_teardown(test_fatal, start, stop),
        cmocka_unit_test_setup_teardown(test_choice_of_thread, start, stop),
        cmocka_unit_test_setup_teardown(test_synchronous_first, start, stop),
        cmocka_unit_test_setup_teardown(test_stop_and_continue, start, stop),
        cmocka_unit_test_setup_teardown(test_force, start, stop),
        cmocka_unit_test_setup_teardown(test_timer_and_group, start, stop),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
