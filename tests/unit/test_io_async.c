// Asynchronous requests: completion, cancelling, and both racing, with threads of the host.
// sources: src/scheme/io_async.c src/context/wait.c src/arch/hosted/hosted.c tests/unit/host_threads.c
// flags: -fno-sanitize=address,undefined -fsanitize=thread -pthread
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/context/context.h"
#include "src/memory/address_space.h"
#include "src/scheme/io.h"
#include "src/scheme/io_async.h"
#include "tests/unit/host_threads.h"

// ---- what the rest of the core would offer

static void file_object_release(struct object *) {
}
const struct object_type file_type = {.name = "file", .release = file_object_release};

void scheduler_enqueue_woken(struct context *) {
}
void scheduler_switch_blocked(void) {
}
nanoseconds clock_monotonic(void) {
    return host_now();
}
void timer_arm(struct timer *, nanoseconds) {
}
bool timer_cancel(struct timer *) {
    return false;
}
bool signal_deliverable(void) {
    return false;
}
bool signal_stop_in_wait(void) {
    return false;
}
void preemption_point(void) {
}
void address_space_get(struct address_space *) {
}
void address_space_put(struct address_space *) {
}
void address_space_switch(struct address_space *) {
}
int64_t io_perform(struct io_request *) {
    return -EIO;
}
// The tests drive the steps themselves.
struct context *kernel_thread_create(const char *, void (*)(void *), void *) {
    static struct context thread;
    return &thread;
}

// ---- a source of tokens

static uint32_t tokens; // (A)
static struct wait_queue readiness = WAIT_QUEUE_INIT(readiness);

static uint32_t source_ready(struct file *) {
    return atomic_load_seq_cst(&tokens) ? POLLIN : 0;
}
static const struct scheme source = {.name = "source", .ready = source_ready};
static struct file file = {
    .object = {.type = &file_type, .references = {1}}, .scheme = &source, .readiness = &readiness};

int64_t io_attempt(struct io_request *) {
    uint32_t left = atomic_load_seq_cst(&tokens);
    while (left) {
        if (atomic_compare_exchange_acq_rel(&tokens, &left, left - 1)) return 1;
    }
    return -EAGAIN;
}

static void give_token(void) {
    atomic_fetch_add_acq_rel(&tokens, 1u);
    atomic_fence_seq_cst();
    wait_queue_wake(&readiness, UINT32_MAX, POLLIN);
}

// ---- requests that note how often they were completed

struct counted {
    struct io_request request;
    uint32_t completions; // (A)
    int64_t result;
};

static void note(struct io_request *request) {
    struct counted *counted = container_of(request, struct counted, request);
    counted->result = request->result;
    atomic_fetch_add_acq_rel(&counted->completions, 1u);
}

static struct counted make(void) {
    return (struct counted){.request = {.operation = IO_READ, .file = &file, .complete = note}};
}

static int start(void **) {
    static struct context self;
    self = (struct context){};
    hosted_context = &self;
    atomic_store_relaxed(&tokens, 0u);
    return 0;
}

static void test_at_once(void **) {
    struct counted counted = make();
    give_token();
    assert_int_equal(io_submit(&counted.request), 1);
    assert_int_equal(counted.completions, 0);
}

static void test_later(void **) {
    struct counted counted = make();
    assert_int_equal(io_submit(&counted.request), -EINPROGRESS);
    assert_false(io_async_step());
    give_token();
    assert_true(io_async_step());
    assert_int_equal(counted.completions, 1);
    assert_int_equal(counted.result, 1);
    assert_false(io_cancel(&counted.request));
    assert_false(io_async_step());
    assert_true(list_empty(&readiness.entries));
}

static void test_cancelled(void **) {
    struct counted counted = make();
    assert_int_equal(io_submit(&counted.request), -EINPROGRESS);
    assert_true(io_cancel(&counted.request));
    assert_int_equal(counted.completions, 1);
    assert_int_equal(counted.result, -ECANCELED);
    give_token();
    assert_false(io_async_step());
    assert_int_equal(counted.completions, 1);
}

// Two requests, one token: the one that comes too late waits on.
static void test_spurious(void **) {
    struct counted first = make(), second = make();
    assert_int_equal(io_submit(&first.request), -EINPROGRESS);
    assert_int_equal(io_submit(&second.request), -EINPROGRESS);
    give_token();
    while (io_async_step())
        ;
    assert_int_equal(first.completions + second.completions, 1);
    give_token();
    while (io_async_step())
        ;
    assert_int_equal(first.completions, 1);
    assert_int_equal(second.completions, 1);
}

// ---- the race: one thread steps, one gives tokens, this one submits and cancels

static uint32_t stop;
static constexpr unsigned ROUNDS = 20000;

static void step_thread(void *) {
    static struct context self;
    hosted_context = &self;
    while (!atomic_load_acquire(&stop)) {
        if (!io_async_step()) host_yield();
    }
}

static void token_thread(void *) {
    static struct context self;
    hosted_context = &self;
    while (!atomic_load_acquire(&stop)) {
        if (!atomic_load_relaxed(&tokens)) give_token();
        host_yield();
    }
}

static void test_race(void **) {
    unsigned cancelled = 0, completed = 0;
    atomic_store_release(&stop, 0u);
    struct host_thread *steps = host_thread_start(step_thread, nullptr),
                       *giver = host_thread_start(token_thread, nullptr);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct counted *counted = malloc(sizeof(*counted)); // so that a late touch is seen
        *counted = make();
        int64_t result = io_submit(&counted->request);
        if (result == -EINPROGRESS) {
            for (unsigned pause = i % 8; pause > 1; pause--)
                host_yield();
            bool mine = io_cancel(&counted->request);
            while (!atomic_load_acquire(&counted->completions))
                host_yield();
            assert_int_equal(atomic_load_acquire(&counted->completions), 1);
            assert_true(counted->result == 1 || counted->result == -ECANCELED);
            if (mine) assert_int_equal(counted->result, -ECANCELED);
            cancelled += counted->result < 0;
            completed += counted->result == 1;
        } else {
            assert_int_equal(result, 1);
        }
        free(counted);
    }
    atomic_store_release(&stop, 1u);
    host_thread_join(steps);
    host_thread_join(giver);
    assert_true(list_empty(&readiness.entries));
    assert_true(cancelled && completed);
    print_message("%u cancelled, %u completed\n", cancelled, completed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_at_once, start), cmocka_unit_test_setup(test_later, start),
        cmocka_unit_test_setup(test_cancelled, start), cmocka_unit_test_setup(test_spurious, start),
        cmocka_unit_test_setup(test_race, start)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
