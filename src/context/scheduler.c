// The scheduler: one run queue per processor, fair by virtual time among SCHED_OTHER, BATCH and IDLE; SCHED_FIFO and RR
// run before them by priority.
//
// A thread that blocks leaves its processor before its registers are saved (on_cpu stays set until the next thread
// runs). A waker may come in between: it then queues the thread where it last ran, and there it is picked after the
// switch is over. Others (stealing) leave a thread with on_cpu set alone.
#include "src/context/scheduler.h"

#include "src/context/interval_timer.h"
#include "src/kernel.h"
#include "src/memory/address_space.h"

constexpr nanoseconds TICK = 4'000'000;             // while anything runs
constexpr nanoseconds SLICE = 4'000'000;            // of a thread when others wait
constexpr nanoseconds WAKE_CREDIT = 2'000'000;      // how far a sleeper may come back before the others
constexpr nanoseconds WAKE_GRANULARITY = 1'000'000; // how far it must be ahead to interrupt
constexpr nanoseconds STEAL_AFTER = 200'000;        // how long a thread waits before another processor may take it
constexpr nanoseconds LONG_RUN = 8'000'000;         // who runs longer does not keep those it wakes near

struct run_queue {
    struct spinlock lock; // RANK_RUN_QUEUE; guards the rest
    struct list ready;    // contexts by order of running
    uint32_t count;       // (A) in ready
    unsigned cpu;
    struct context *current;
    struct context *previous; // the owner: who was switched away from, until scheduler_switch_finish
    nanoseconds minimum;      // (A) virtual time that new arrivals start from
    struct timer tick;        // the owner
    struct timer overdue;     // the owner: when a waiting thread should be offered to others
    bool ticking;             // the owner
    bool migrating;           // the owner: previous may not run here any more and is runnable
};
static struct run_queue run_queues[CPU_MAXIMUM];
static uint32_t virtual_factor[41]; // by nice + 20; [40]: SCHED_IDLE. In 1/1024 of virtual time per time

static bool is_realtime(const struct context *context) {
    return context->policy == SCHED_FIFO || context->policy == SCHED_RR;
}

static bool runs_before(const struct context *a, const struct context *b) {
    bool a_realtime = is_realtime(a);
    if (unlikely(a_realtime || is_realtime(b))) return a_realtime && (!is_realtime(b) || a->priority > b->priority);
    return a->virtual_time < b->virtual_time;
}

// Caller holds the lock.
static void enqueue(struct run_queue *queue, struct context *context, nanoseconds now) {
    context->queued_since = now;
    struct list *position = queue->ready.previous;
    while (position != &queue->ready && runs_before(context, list_entry(position, struct context, run_link)))
        position = position->previous;
    list_insert_after(position, &context->run_link);
    context->queued = true;
    atomic_store_relaxed(&queue->count, queue->count + 1);
}

static void dequeue(struct run_queue *queue, struct context *context) {
    list_remove(&context->run_link);
    context->queued = false;
    atomic_store_relaxed(&queue->count, queue->count - 1);
}

// ---- accounting

static uint32_t factor_of(const struct context *context) {
    return virtual_factor[context->policy == SCHED_IDLE ? 40 : context->nice + 20];
}

static void account(struct context *context, nanoseconds now) {
    nanoseconds time = now - context->accounted;
    context->accounted = now;
    if (context->in_system)
        context->system_time += time;
    else
        context->user_time += time;
    uint32_t factor = factor_of(context);
    context->virtual_time += likely(factor == 1024) ? time : (nanoseconds)((uint64_t)time * factor >> 10);
}

void scheduler_account_current(void) {
    struct context *self = context_current();
    struct run_queue *queue = &run_queues[cpu_current()->id];
    spin_lock(&queue->lock);
    account(self, arch_clock());
    spin_unlock(&queue->lock);
}

// ---- switching

static struct context *steal(struct run_queue *own);

static void tick_start(struct run_queue *queue, nanoseconds now) {
    queue->ticking = true;
    timer_arm(&queue->tick, now + TICK);
}

void scheduler_switch_finish(void) {
    struct cpu *cpu = cpu_current();
    struct run_queue *queue = &run_queues[cpu->id];
    struct context *previous = queue->previous;
    bool dead = atomic_load_relaxed(&previous->state) == CONTEXT_DEAD;
    atomic_store_release(&previous->on_cpu, false);
    if (unlikely(dead)) context_put(previous);
    if (unlikely(queue->migrating)) {
        queue->migrating = false;
        scheduler_enqueue_woken(previous);
    }
}

// Takes the next thread off the queue; the idle thread when there is none. Caller holds the lock.
static struct context *pick(struct run_queue *queue, struct cpu *cpu) {
    struct context *next = list_first(&queue->ready, struct context, run_link);
    if (!next) return cpu->idle_context;
    dequeue(queue, next);
    if (next->virtual_time > queue->minimum) atomic_store_relaxed(&queue->minimum, next->virtual_time);
    return next;
}

// From idling to a thread: does the flushes that were left out meanwhile.
static void leave_idle(struct cpu *cpu) {
    atomic_store_relaxed(&cpu->lazy, false);
    atomic_fence_seq_cst(); // see tlb_flush_range
    if (!atomic_load_relaxed(&cpu->flush_wanted)) return;
    atomic_store_relaxed(&cpu->flush_wanted, false);
    cpu->flush_count++;
    arch_tlb_flush_all();
}

static void switch_to(struct cpu *cpu, struct run_queue *queue, struct context *previous, struct context *next) {
    queue->current = next;
    queue->previous = previous;
    atomic_store_relaxed(&next->on_cpu, true);
    next->cpu = cpu->id;
    cpu->switch_count++;
    if (unlikely(!(next->affinity >> cpu->id & 1))) atomic_fetch_or_relaxed(&next->work, WORK_RESCHEDULE);
    spin_unlock(&queue->lock);
    if (next == cpu->idle_context) {
        atomic_store_relaxed(&cpu->lazy, true);
    } else {
        if (previous == cpu->idle_context) leave_idle(cpu);
        if (!queue->ticking) tick_start(queue, next->slice_start);
        struct process *process = next->process;
        struct address_space *space = process ? process->address_space : next->borrowed_space;
        if (space && space != cpu->address_space) address_space_switch(space);
    }
    cpu->context = next;
    cpu->kernel_stack_top = (uintptr_t)next->kernel_stack + KERNEL_STACK_SIZE;
    arch_context_switch(previous, next);
    scheduler_switch_finish();
}

// requeue: the running thread stays runnable.
static void switch_away(bool requeue) {
    lock_debug_may_sleep();
    struct cpu *cpu = cpu_current();
    struct run_queue *queue = &run_queues[cpu->id];
    struct context *previous = cpu->context, *stolen = nullptr;
    if (!requeue && cpu_count > 1 && !atomic_load_relaxed(&queue->count)) stolen = steal(queue);
    nanoseconds now = arch_clock();
    spin_lock(&queue->lock);
    if (stolen) enqueue(queue, stolen, now);
    if (previous->work & WORK_RESCHEDULE) atomic_fetch_and_relaxed(&previous->work, ~(uint32_t)WORK_RESCHEDULE);
    if (previous != cpu->idle_context) {
        account(previous, now);
        if (requeue) {
            queue->migrating = unlikely(!(previous->affinity >> cpu->id & 1));
            if (likely(!queue->migrating)) enqueue(queue, previous, now);
        } else {
            previous->voluntary_switches++;
        }
    }
    struct context *next = pick(queue, cpu);
    next->slice_start = next->accounted = now;
    if (next == previous) {
        spin_unlock(&queue->lock);
        return;
    }
    if (requeue) previous->involuntary_switches++;
    switch_to(cpu, queue, previous, next);
}

void scheduler_switch_blocked(void) {
    switch_away(false);
}

void schedule(void) {
    switch_away(true);
}

void context_yield(void) {
    struct context *self = context_current();
    struct run_queue *queue = &run_queues[cpu_current()->id];
    if (!atomic_load_relaxed(&queue->count)) return;
    spin_lock(&queue->lock);
    // Behind the one that would run next, so that a yield gives way whatever the virtual times.
    struct context *first = list_first(&queue->ready, struct context, run_link);
    if (first && first->virtual_time >= self->virtual_time) self->virtual_time = first->virtual_time + 1;
    spin_unlock(&queue->lock);
    self->voluntary_switches++;
    switch_away(true);
}

void preemption_point(void) {
    arch_interrupt_window();
    if (atomic_load_relaxed(&context_current()->work) & WORK_RESCHEDULE) schedule();
}

// ---- waking

void scheduler_poke(struct context *context) {
    struct cpu *here = cpu_current();
    unsigned cpu = atomic_load_relaxed(&context->cpu);
    if (cpu != here->id && atomic_load_relaxed(&context->on_cpu)) arch_processor_kick(cpu);
}

static bool may_run_on(const struct context *context, unsigned cpu) {
    return context->affinity >> cpu & 1 && atomic_load_relaxed(&cpus[cpu].online);
}

static bool any_idle(void) {
    for (unsigned cpu = 0; cpu < cpu_count; cpu++) {
        if (atomic_load_relaxed(&cpus[cpu].idle)) return true;
    }
    return false;
}

static bool claim_idle(unsigned cpu) {
    bool expected = true;
    return atomic_load_relaxed(&cpus[cpu].idle) && atomic_compare_exchange_acq_rel(&cpus[cpu].idle, &expected, false);
}

// Where a woken (or new) thread should run. *kick: the processor is idle and must be woken.
//
// Near the waker when nobody else waits there: the waker will often wait itself soon, the data is in its caches and no
// other processor must be woken. When the waker goes on, an idle processor takes the thread after STEAL_AFTER.
static unsigned place(struct context *context, nanoseconds now, bool *kick) {
    struct cpu *here = cpu_current();
    // Its registers are being saved there: only that processor may run it next.
    if (atomic_load_acquire(&context->on_cpu)) return context->cpu;
    bool here_allowed = may_run_on(context, here->id);
    bool idle_here = here->context == here->idle_context;
    bool near = idle_here || now - here->context->slice_start < LONG_RUN;
    if (here_allowed && near && !atomic_load_relaxed(&run_queues[here->id].count)) return here->id;
    if (may_run_on(context, context->cpu) && (*kick = claim_idle(context->cpu))) return context->cpu;
    for (unsigned cpu = 0; cpu < cpu_count; cpu++) {
        if (may_run_on(context, cpu) && (*kick = claim_idle(cpu))) return cpu;
    }
    if (may_run_on(context, context->cpu)) return context->cpu;
    if (here_allowed) return here->id;
    return (unsigned)__builtin_ctzll(context->affinity);
}

// Whether a new arrival should interrupt the running thread. Caller holds the lock.
static bool preempts(const struct context *arrival, const struct context *current) {
    if (unlikely(is_realtime(arrival) || is_realtime(current))) return runs_before(arrival, current);
    if (unlikely(current->policy == SCHED_IDLE && arrival->policy != SCHED_IDLE)) return true;
    return arrival->policy != SCHED_BATCH && arrival->virtual_time + WAKE_GRANULARITY < current->virtual_time;
}

void scheduler_enqueue_woken(struct context *context) {
    struct cpu *here = cpu_current();
    bool kick = false;
    nanoseconds now = cpu_count > 1 ? arch_clock() : 0;
    unsigned cpu = cpu_count > 1 ? place(context, now, &kick) : here->id;
    struct run_queue *queue = &run_queues[cpu];
    nanoseconds relative = context->virtual_time - atomic_load_relaxed(&run_queues[context->cpu].minimum);
    spin_lock(&queue->lock);
    context->virtual_time = queue->minimum + max(relative, -WAKE_CREDIT);
    context->cpu = cpu;
    enqueue(queue, context, now);
    struct context *current = queue->current;
    if (current != cpus[cpu].idle_context) {
        if (preempts(context, current)) {
            atomic_fetch_or_relaxed(&current->work, WORK_RESCHEDULE);
            kick = true;
        }
    } else {
        // Its idle loop sets `idle`, then looks at the count: either we see the one or it sees the other.
        atomic_fence_seq_cst();
        if (claim_idle(cpu)) kick = true;
    }
    spin_unlock(&queue->lock);
    if (cpu != here->id) {
        if (kick) arch_processor_kick(cpu);
    } else if (cpu_count > 1 && !queue->overdue.armed && current != here->idle_context && any_idle()) {
        timer_arm(&queue->overdue, now + STEAL_AFTER);
    }
}

void scheduler_kicked(void) {
}

void context_start(struct context *context) {
    struct context *self = context_current();
    struct run_queue *queue = &run_queues[cpu_current()->id];
    context->cpu = cpu_current()->id;
    context->virtual_time = max(queue->minimum, self->virtual_time);
    atomic_store_release(&context->state, CONTEXT_RUNNABLE);
    scheduler_enqueue_woken(context);
}

// ---- balance

// Takes a thread from the longest of the other queues.
static struct context *steal(struct run_queue *own) {
    struct run_queue *victim = nullptr;
    uint32_t longest = 0;
    for (unsigned cpu = 0; cpu < cpu_count; cpu++) {
        uint32_t count = atomic_load_relaxed(&run_queues[cpu].count);
        if (&run_queues[cpu] != own && count > longest) {
            longest = count;
            victim = &run_queues[cpu];
        }
    }
    if (!victim) return nullptr;
    struct context *found = nullptr;
    nanoseconds long_ago = arch_clock() - STEAL_AFTER;
    spin_lock(&victim->lock);
    list_for_each(context, &victim->ready, struct context, run_link) {
        if (context->queued_since > long_ago || !may_run_on(context, own->cpu) || atomic_load_acquire(&context->on_cpu))
            continue;
        found = context;
        dequeue(victim, found);
        found->virtual_time += atomic_load_relaxed(&own->minimum) - victim->minimum;
        found->cpu = own->cpu;
        break;
    }
    spin_unlock(&victim->lock);
    return found;
}

// Wakes an idle processor, which steals.
static void balance(struct run_queue *queue) {
    for (unsigned cpu = 0; cpu < cpu_count; cpu++) {
        if (&run_queues[cpu] != queue && claim_idle(cpu)) {
            arch_processor_kick(cpu);
            return;
        }
    }
}

static void overdue(struct timer *timer) {
    struct run_queue *queue = container_of(timer, struct run_queue, overdue);
    nanoseconds now = arch_clock(), next = now + STEAL_AFTER;
    spin_lock(&queue->lock);
    const struct context *first = list_first(&queue->ready, struct context, run_link);
    bool waits_long = first && now - first->queued_since >= STEAL_AFTER;
    if (first && !waits_long) next = first->queued_since + STEAL_AFTER;
    spin_unlock(&queue->lock);
    if (waits_long) balance(queue);
    if (first && any_idle()) timer_arm(timer, next);
}

static bool slice_is_over(const struct run_queue *queue, const struct context *current, nanoseconds now) {
    const struct context *first = list_first(&queue->ready, struct context, run_link);
    if (!first || current->policy == SCHED_FIFO) return false;
    if (is_realtime(current))
        return is_realtime(first) && first->priority >= current->priority && now - current->slice_start >= SLICE;
    return is_realtime(first) || first->virtual_time < current->virtual_time || now - current->slice_start >= SLICE;
}

static void tick(struct timer *timer) {
    struct run_queue *queue = container_of(timer, struct run_queue, tick);
    struct context *current = queue->current;
    if (current == cpus[queue->cpu].idle_context && !queue->count) {
        queue->ticking = false;
        return;
    }
    nanoseconds now = arch_clock();
    spin_lock(&queue->lock);
    if (current->process) current->in_system = user_frame_fresh_from_call(arch_context_user_frame(current));
    account(current, now);
    if (slice_is_over(queue, current, now)) atomic_fetch_or_relaxed(&current->work, WORK_RESCHEDULE);
    bool crowded = queue->count;
    spin_unlock(&queue->lock);
    if (crowded && cpu_count > 1) balance(queue);
    if (current->process) interval_timer_tick(current);
    timer_arm(timer, now + TICK);
}

// ---- load averages: exponential, sampled each 5 seconds by the boot processor's timer

static constexpr nanoseconds LOAD_PERIOD = 5'000'000'000;
static struct timer load_timer;
static uint32_t load_averages[3]; // 16.16

static void sample_load(struct timer *timer) {
    static const uint32_t decay[3] = {60296, 64455, 65173}; // e^(-5/60), e^(-5/300), e^(-5/900) in 1/65536
    uint64_t running = 0;
    for (unsigned cpu = 0; cpu < cpu_count; cpu++)
        running += run_queues[cpu].count + (run_queues[cpu].current != cpus[cpu].idle_context);
    for (unsigned i = 0; i < 3; i++)
        load_averages[i] =
            (uint32_t)(((uint64_t)load_averages[i] * decay[i] + (running << 16) * (65536 - decay[i])) >> 16);
    timer_arm(timer, clock_monotonic() + LOAD_PERIOD);
}

void scheduler_load(uint32_t load[3]) {
    for (unsigned i = 0; i < 3; i++)
        load[i] = atomic_load_relaxed(&load_averages[i]);
}

// ---- parameters

// Runs change(context, value) with the context's place in a queue taken account of.
static void change_parameters(struct context *context, void (*change)(struct context *, uint64_t), uint64_t value) {
    for (;;) {
        unsigned cpu = atomic_load_relaxed(&context->cpu);
        struct run_queue *queue = &run_queues[cpu];
        spin_lock(&queue->lock);
        if (context->cpu == cpu) {
            bool queued = context->queued;
            if (queued) dequeue(queue, context);
            change(context, value);
            if (queued) enqueue(queue, context, context->queued_since);
            if (queue->current == context && queue->count) {
                atomic_fetch_or_relaxed(&context->work, WORK_RESCHEDULE);
            } else if (queued && preempts(context, queue->current)) {
                atomic_fetch_or_relaxed(&queue->current->work, WORK_RESCHEDULE);
            }
            spin_unlock(&queue->lock);
            return;
        }
        spin_unlock(&queue->lock);
    }
}

static void change_nice(struct context *context, uint64_t nice) {
    context->nice = (int32_t)nice;
}

void context_set_nice(struct context *context, int32_t nice) {
    change_parameters(context, change_nice, (uint64_t)nice);
}

static void change_policy(struct context *context, uint64_t value) {
    context->policy = (uint32_t)value;
    context->priority = (uint32_t)(value >> 32);
}

void context_set_policy(struct context *context, uint32_t policy, uint32_t priority) {
    change_parameters(context, change_policy, policy | (uint64_t)priority << 32);
}

static void change_affinity(struct context *context, uint64_t mask) {
    context->affinity = mask;
}

int32_t context_set_affinity(struct context *context, uint64_t mask) {
    uint64_t online = cpu_count >= 64 ? ~0ULL : (1ULL << cpu_count) - 1;
    mask &= online;
    if (!mask) return -EINVAL;
    change_parameters(context, change_affinity, mask);
    // On a processor that it may not use any more, it is moved when it next gives way.
    if (!(mask >> context->cpu & 1)) {
        atomic_fetch_or_acq_rel(&context->work, WORK_RESCHEDULE);
        scheduler_poke(context);
    }
    return 0;
}

// ---- processors

void scheduler_init(void) {
    uint32_t factor = 1024;
    for (int nice = 0; nice <= 20; nice++, factor += factor / 4)
        virtual_factor[20 + nice] = factor;
    factor = 1024;
    for (int nice = 0; nice >= -20; nice--, factor -= factor / 5)
        virtual_factor[20 + nice] = factor;
}

void scheduler_init_processor(unsigned cpu, struct context *idle) {
    struct run_queue *queue = &run_queues[cpu];
    *queue = (struct run_queue){.cpu = cpu, .current = idle, .previous = idle};
    spinlock_init(&queue->lock, RANK_RUN_QUEUE);
    list_init(&queue->ready);
    timer_init(&queue->tick, tick);
    timer_init(&queue->overdue, overdue);
    timer_queue_init(cpu);
    idle->cpu = cpu;
    idle->affinity = 1ULL << cpu;
    idle->on_cpu = true;
    idle->nice = 19;
    idle->state = CONTEXT_RUNNABLE;
    cpus[cpu].id = cpu;
    cpus[cpu].idle_context = idle;
    cpus[cpu].context = idle;
    cpus[cpu].run_queue = queue;
}

void scheduler_processor_main(void) {
    struct cpu *cpu = cpu_current();
    struct run_queue *queue = &run_queues[cpu->id];
    atomic_store_release(&cpu->online, true);
    if (!cpu->id) {
        timer_init(&load_timer, sample_load);
        timer_arm(&load_timer, clock_monotonic() + LOAD_PERIOD);
    }
    for (;;) {
        atomic_store_seq_cst(&cpu->idle, true);
        if (atomic_load_seq_cst(&queue->count)) {
            atomic_store_relaxed(&cpu->idle, false);
            switch_away(false);
            continue;
        }
        arch_idle();
        atomic_store_relaxed(&cpu->idle, false);
        if (!atomic_load_relaxed(&queue->count)) {
            struct context *stolen = cpu_count > 1 ? steal(queue) : nullptr;
            if (!stolen) continue;
            spin_lock(&queue->lock);
            enqueue(queue, stolen, arch_clock());
            spin_unlock(&queue->lock);
        }
        switch_away(false);
    }
}
