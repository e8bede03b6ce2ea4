// The wait queue, waitables, mutexes and reader-writer locks, with threads of the host in the place of contexts.
// sources: src/context/wait.c src/context/lock.c src/arch/hosted/hosted.c tests/unit/host_threads.c
// flags: -fno-sanitize=address,undefined -fsanitize=thread -pthread
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/context/context.h"
#include "src/context/object.h"
#include "src/context/scheduler.h"
#include "src/kernel.h"
#include "tests/unit/host_threads.h"

// ---- the twin of the scheduler: a blocked context waits for its event

struct twin {
    struct context context;
    struct host_event *runnable;
    nanoseconds deadline;
    void (*body)(struct twin *twin);
    void *data;
    struct host_thread *thread;
};

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

void timer_arm(struct timer *timer, nanoseconds deadline) {
    twin_of(container_of(timer, struct context, wait_timer))->deadline = deadline;
}

bool timer_cancel(struct timer *timer) {
    twin_of(container_of(timer, struct context, wait_timer))->deadline = TIME_NEVER;
    return true;
}

bool signal_deliverable(void) {
    return context_current()->pending.set;
}

bool signal_stop_in_wait(void) {
    return false;
}

static void twin_main(void *argument) {
    struct twin *twin = argument;
    hosted_context = &twin->context;
    twin->body(twin);
}

static void twin_start(struct twin *twin, void (*body)(struct twin *), void *data) {
    *twin = (struct twin){.body = body, .data = data, .deadline = TIME_NEVER, .runnable = host_event_create()};
    twin->thread = host_thread_start(twin_main, twin);
}

static void twin_join(struct twin *twin) {
    host_thread_join(twin->thread);
    host_event_free(twin->runnable);
}

// ---- wait_until: nothing is lost between two threads that hand a token to and fro

enum { ROUNDS = 5000 };

struct table_tennis {
    struct wait_queue queues[2];
    uint32_t turn;
};

static void play(struct twin *twin, uint32_t side) {
    struct table_tennis *game = twin->data;
    for (unsigned i = 0; i < ROUNDS; i++) {
        assert_int_equal(
            wait_until(&game->queues[side], atomic_load_acquire(&game->turn) == side, WAIT_KILLABLE, TIME_NEVER),
            WAIT_WOKEN);
        atomic_store_release(&game->turn, 1 - side);
        wait_queue_wake_all(&game->queues[1 - side]);
    }
}

static void play_first(struct twin *twin) {
    play(twin, 0);
}

static void play_second(struct twin *twin) {
    play(twin, 1);
}

static void test_hand_over(void **) {
    static struct table_tennis game;
    static struct twin twins[2];
    wait_queue_init(&game.queues[0]);
    wait_queue_init(&game.queues[1]);
    twin_start(&twins[0], play_first, &game);
    twin_start(&twins[1], play_second, &game);
    twin_join(&twins[0]);
    twin_join(&twins[1]);
    assert_int_equal(game.turn, 0);
}

// ---- a semaphore and two events: what was added is what was taken

struct supply {
    struct waitable semaphore, event, other_event;
    uint32_t taken, both;
};

static void consume_some(struct twin *twin) {
    struct supply *supply = twin->data;
    struct waitable *waitables[] = {&supply->semaphore};
    unsigned index = 9;
    for (unsigned i = 0; i < ROUNDS; i++) {
        assert_int_equal(wait_objects(1, waitables, WAIT_ANY, WAIT_KILLABLE, TIME_NEVER, &index), WAIT_WOKEN);
        assert_int_equal(index, 0);
        atomic_fetch_add_relaxed(&supply->taken, 1);
    }
}

static void consume_both(struct twin *twin) {
    struct supply *supply = twin->data;
    struct waitable *waitables[] = {&supply->other_event, &supply->event, &supply->event};
    unsigned index;
    for (unsigned i = 0; i < ROUNDS / 10; i++) {
        assert_int_equal(wait_objects(3, waitables, WAIT_ALL, WAIT_KILLABLE, TIME_NEVER, &index), WAIT_WOKEN);
        atomic_fetch_add_relaxed(&supply->both, 1);
    }
}

static void produce(struct twin *twin) {
    struct supply *supply = twin->data;
    for (unsigned i = 0; i < 2 * ROUNDS; i++)
        waitable_signal(&supply->semaphore, 1);
    while (atomic_load_relaxed(&supply->both) < ROUNDS / 10) {
        waitable_signal(&supply->event, 1);
        waitable_signal(&supply->other_event, 1);
    }
}

static void test_objects(void **) {
    static struct supply supply;
    static struct twin twins[4];
    waitable_init(&supply.semaphore, CONSUME_DECREMENT, 0);
    waitable_init(&supply.event, CONSUME_ONE, 0);
    waitable_init(&supply.other_event, CONSUME_ONE, 0);
    twin_start(&twins[0], consume_some, &supply);
    twin_start(&twins[1], consume_some, &supply);
    twin_start(&twins[2], consume_both, &supply);
    twin_start(&twins[3], produce, &supply);
    for (unsigned i = 0; i < 4; i++)
        twin_join(&twins[i]);
    assert_int_equal(supply.semaphore.count, 0);
    assert_int_equal(supply.taken, 2 * ROUNDS);
    assert_int_equal(supply.both, ROUNDS / 10);
}

// ---- what one thread can see

static void alone(struct twin *twin) {
    struct waitable events[2], mutant;
    struct waitable *waitables[] = {&events[0], &events[1]}, *mutants[] = {&mutant};
    unsigned index = 9;
    waitable_init(&events[0], CONSUME_ONE, 0);
    waitable_init(&events[1], CONSUME_NONE, 0);
    assert_int_equal(wait_objects(2, waitables, WAIT_ANY, WAIT_INTERRUPTIBLE, clock_monotonic() + 1'000'000, &index),
                     WAIT_TIMEOUT);
    assert_int_equal(wait_objects(2, waitables, WAIT_ANY, WAIT_INTERRUPTIBLE, 0, &index), WAIT_TIMEOUT);
    waitable_signal(&events[1], 1);
    assert_int_equal(wait_objects(2, waitables, WAIT_ANY, WAIT_INTERRUPTIBLE, TIME_NEVER, &index), WAIT_WOKEN);
    assert_int_equal(index, 1);
    assert_int_equal(events[1].count, 1);
    // All: one is not enough, and nothing is taken.
    assert_int_equal(wait_objects(2, waitables, WAIT_ALL, WAIT_INTERRUPTIBLE, 0, &index), WAIT_TIMEOUT);
    waitable_signal(&events[0], 1);
    waitable_signal(&events[0], 1);
    assert_int_equal(wait_objects(2, waitables, WAIT_ALL, WAIT_INTERRUPTIBLE, TIME_NEVER, &index), WAIT_WOKEN);
    assert_int_equal(events[0].count, 0);
    // A mutant is its owner's as often as he likes.
    waitable_init(&mutant, CONSUME_OWNER, 1);
    assert_int_equal(wait_objects(1, mutants, WAIT_ANY, WAIT_INTERRUPTIBLE, 0, &index), WAIT_WOKEN);
    assert_int_equal(wait_objects(1, mutants, WAIT_ANY, WAIT_INTERRUPTIBLE, 0, &index), WAIT_WOKEN);
    assert_ptr_equal(mutant.owner, &twin->context);
    waitable_signal(&mutant, 1);
    assert_int_equal(mutant.count, 0);
    waitable_signal(&mutant, 1);
    assert_int_equal(mutant.count, 1);
    assert_null(mutant.owner);
    // Signals end only waits that allow it.
    waitable_reset(&events[1]);
    twin->context.work = WORK_SIGNAL;
    twin->context.pending.set = 1;
    assert_int_equal(wait_objects(2, waitables, WAIT_ANY, WAIT_INTERRUPTIBLE, TIME_NEVER, &index), WAIT_SIGNAL);
    assert_true(twin->context.work & WORK_INTERRUPTED);
    assert_int_equal(wait_objects(2, waitables, WAIT_ANY, WAIT_KILLABLE, clock_monotonic() + 1'000'000, &index),
                     WAIT_TIMEOUT);
    twin->context.work = WORK_EXIT;
    assert_int_equal(wait_objects(2, waitables, WAIT_ANY, WAIT_KILLABLE, TIME_NEVER, &index), WAIT_KILL);
    assert_int_equal(wait_objects(2, waitables, WAIT_ANY, WAIT_UNINTERRUPTIBLE, clock_monotonic() + 1'000'000, &index),
                     WAIT_TIMEOUT);
    assert_true(list_empty(&events[0].queue.entries) && list_empty(&events[1].queue.entries));
}

static void test_alone(void **) {
    static struct twin twin;
    twin_start(&twin, alone, nullptr);
    twin_join(&twin);
    assert_int_equal(wait_result_error(WAIT_WOKEN), 0);
    assert_int_equal(wait_result_error(WAIT_TIMEOUT), -ETIMEDOUT);
    assert_int_equal(wait_result_error(WAIT_SIGNAL), -KERNEL_ERESTART);
}

// ---- exclusive waiters: one wake-up reaches one of them

struct crowd {
    struct wait_queue queue;
    uint32_t tickets, waiting, served;
};

static bool take_ticket(struct crowd *crowd) {
    uint32_t tickets = atomic_load_acquire(&crowd->tickets);
    while (tickets && !atomic_compare_exchange_acq_rel(&crowd->tickets, &tickets, tickets - 1))
        ;
    return tickets;
}

static void queue_up(struct twin *twin) {
    struct crowd *crowd = twin->data;
    for (unsigned i = 0; i < ROUNDS / 10; i++) {
        struct wait_entry entry;
        wait_entry_init(&entry);
        entry.exclusive = true;
        wait_queue_add(&crowd->queue, &entry);
        for (;;) {
            context_block_prepare();
            if (take_ticket(crowd)) break;
            (void)context_block(WAIT_KILLABLE, TIME_NEVER);
        }
        context_block_cancel();
        wait_queue_remove(&entry);
        atomic_fetch_add_relaxed(&crowd->served, 1);
    }
}

static void test_exclusive(void **) {
    static struct crowd crowd;
    static struct twin twins[3];
    wait_queue_init(&crowd.queue);
    for (unsigned i = 0; i < 3; i++)
        twin_start(&twins[i], queue_up, &crowd);
    while (atomic_load_relaxed(&crowd.served) < 3 * (ROUNDS / 10)) {
        if (atomic_load_relaxed(&crowd.tickets)) {
            host_yield();
            continue;
        }
        atomic_fetch_add_acq_rel(&crowd.tickets, 1);
        wait_queue_wake(&crowd.queue, 1, 0);
    }
    for (unsigned i = 0; i < 3; i++)
        twin_join(&twins[i]);
    assert_int_equal(crowd.served, 3 * (ROUNDS / 10));
}

// ---- sleeping locks

struct guarded {
    struct mutex mutex;
    struct rwlock rwlock;
    uint64_t counter, copy, checks;
};

static void use_locks(struct twin *twin) {
    struct guarded *guarded = twin->data;
    for (unsigned i = 0; i < ROUNDS; i++) {
        mutex_lock(&guarded->mutex);
        guarded->counter++;
        mutex_unlock(&guarded->mutex);
        if (i % 4) {
            rwlock_read_lock(&guarded->rwlock);
            assert_int_equal(guarded->copy, guarded->checks);
            rwlock_read_unlock(&guarded->rwlock);
        } else {
            rwlock_write_lock(&guarded->rwlock);
            guarded->copy++;
            guarded->checks++;
            rwlock_write_unlock(&guarded->rwlock);
        }
    }
}

static void test_locks(void **) {
    static struct guarded guarded;
    static struct twin twins[3];
    mutex_init(&guarded.mutex, RANK_NODE);
    rwlock_init(&guarded.rwlock, RANK_ADDRESS_SPACE);
    for (unsigned i = 0; i < 3; i++)
        twin_start(&twins[i], use_locks, &guarded);
    for (unsigned i = 0; i < 3; i++)
        twin_join(&twins[i]);
    assert_int_equal(guarded.counter, 3 * ROUNDS);
    assert_int_equal(guarded.checks, 3 * (ROUNDS / 4));
    assert_int_equal(guarded.mutex.state, 0);
    assert_true(rwlock_read_trylock(&guarded.rwlock));
    assert_int_equal(guarded.rwlock.readers, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hand_over), cmocka_unit_test(test_objects), cmocka_unit_test(test_alone),
        cmocka_unit_test(test_exclusive), cmocka_unit_test(test_locks),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
