// The timer queue of each processor, and the clocks.
#include "src/context/timer.h"

#include "lib/atomic.h"
#include "src/context/cpu.h"
#include "src/context/lock.h"
#include "src/context/wait.h"
#include "src/kernel.h"

struct timer_queue {
    struct spinlock lock;   // RANK_TIMER; guards the rest
    struct tree tree;       // by deadline
    struct timer *first;    // leftmost
    struct timer *running;  // its callback runs
    nanoseconds programmed; // what the hardware was told
};
static struct timer_queue timer_queues[CPU_MAXIMUM];

struct kernel_time_record *time_record;
static nanoseconds wall_offset; // (A)

void timer_queue_init(unsigned cpu) {
    spinlock_init(&timer_queues[cpu].lock, RANK_TIMER);
    timer_queues[cpu].programmed = TIME_NEVER;
    cpus[cpu].timer_queue = &timer_queues[cpu];
}

static void timer_insert(struct timer_queue *queue, struct timer *timer) {
    struct tree_node *parent = nullptr, **link = &queue->tree.root;
    bool leftmost = true;
    while (*link) {
        parent = *link;
        if (timer->deadline < tree_entry(parent, struct timer, node)->deadline) {
            link = &parent->left;
        } else {
            link = &parent->right;
            leftmost = false;
        }
    }
    tree_insert(&queue->tree, &timer->node, parent, link);
    if (leftmost) queue->first = timer;
}

static void timer_take(struct timer_queue *queue, struct timer *timer) {
    if (queue->first == timer) {
        struct tree_node *next = tree_next(&timer->node);
        queue->first = next ? tree_entry(next, struct timer, node) : nullptr;
    }
    tree_remove(&queue->tree, &timer->node);
    atomic_store_relaxed(&timer->armed, false);
}

// Takes the timer out of its queue. Returns whether it was in one. *running: its callback runs on another processor.
static bool timer_detach(struct timer *timer, bool *running) {
    for (;;) {
        unsigned cpu = atomic_load_relaxed(&timer->cpu);
        struct timer_queue *queue = &timer_queues[cpu];
        spin_lock(&queue->lock);
        bool armed = atomic_load_acquire(&timer->armed);
        bool here = atomic_load_relaxed(&timer->cpu) == cpu; // else it was armed elsewhere meanwhile
        if (here && armed) timer_take(queue, timer);
        *running = queue->running == timer && queue != cpu_current()->timer_queue;
        spin_unlock(&queue->lock);
        if (likely(here)) return armed;
    }
}

void timer_arm(struct timer *timer, nanoseconds deadline) {
    struct cpu *cpu = cpu_current();
    struct timer_queue *queue = &timer_queues[cpu->id];
    bool running;
    while (unlikely(atomic_exchange_acquire(&timer->arming, 1)))
        arch_spin_pause();
    if (atomic_load_relaxed(&timer->armed)) (void)timer_detach(timer, &running);
    spin_lock(&queue->lock);
    timer->deadline = deadline;
    atomic_store_relaxed(&timer->cpu, cpu->id);
    atomic_store_release(&timer->armed, true);
    timer_insert(queue, timer);
    // A deadline that goes away is not unprogrammed: its interrupt finds nothing to do.
    if (queue->first == timer && deadline < queue->programmed) {
        queue->programmed = deadline;
        arch_timer_arm(deadline);
    }
    spin_unlock(&queue->lock);
    atomic_store_release(&timer->arming, 0);
}

bool timer_cancel(struct timer *timer) {
    bool was_armed = false, running;
    for (;;) {
        was_armed |= timer_detach(timer, &running);
        if (likely(!running)) return was_armed;
        arch_spin_pause();
    }
}

// So many timers at once, then the processor goes back to what it did for a while: timers that come faster than they
// can be served must not stop it.
constexpr unsigned TIMERS_AT_ONCE = 64;
constexpr nanoseconds BREATH = 100'000;

void timer_interrupt(void) {
    struct timer_queue *queue = cpu_current()->timer_queue;
    if (!queue) return;
    spin_lock(&queue->lock);
    queue->programmed = TIME_NEVER;
    for (unsigned served = 0;; served++) {
        struct timer *timer = queue->first;
        if (!timer) break;
        nanoseconds now = clock_monotonic(), next = timer->deadline;
        if (unlikely(served == TIMERS_AT_ONCE)) next = max(next, now + BREATH);
        if (next > now) {
            queue->programmed = next;
            arch_timer_arm(next);
            break;
        }
        timer_take(queue, timer);
        queue->running = timer;
        spin_unlock(&queue->lock);
        timer->callback(timer);
        spin_lock(&queue->lock);
        queue->running = nullptr;
    }
    spin_unlock(&queue->lock);
}

// ---- clocks

nanoseconds clock_monotonic(void) {
    return arch_clock();
}

nanoseconds clock_wall_offset(void) {
    return atomic_load_relaxed(&wall_offset);
}

nanoseconds clock_realtime(void) {
    return arch_clock() + clock_wall_offset();
}

void time_record_publish(void) {
    struct kernel_time_record *record = time_record;
    if (!record) return;
    atomic_store_relaxed(&record->generation, record->generation + 1);
    atomic_fence_release();
    arch_clock_scale(&record->counter_base, &record->multiplier, &record->shift);
    record->base = 0;
    record->wall_offset = clock_wall_offset();
    record->processor_number_readable = arch_processor_number_readable();
    atomic_store_release(&record->generation, record->generation + 1);
}

void time_init(void) {
    nanoseconds wall = arch_clock_wall();
    atomic_store_relaxed(&wall_offset, wall ? wall - arch_clock() : 0);
    time_record_publish();
}

static struct wait_queue clock_set_queue = WAIT_QUEUE_INIT(clock_set_queue);

struct wait_queue *clock_changes(void) {
    return &clock_set_queue;
}

void clock_set_realtime(nanoseconds time) {
    static struct spinlock lock = SPINLOCK_INIT(RANK_DEVICE);
    spin_lock(&lock);
    atomic_store_relaxed(&wall_offset, time - arch_clock());
    time_record_publish();
    spin_unlock(&lock);
    wait_queue_wake_all(&clock_set_queue);
}
