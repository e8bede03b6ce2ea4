// The one wait queue, and how a thread blocks.
//
// context->state goes RUNNABLE → BLOCKING (context_block_prepare) → BLOCKED (context_block, just before the switch). A
// waker turns BLOCKING into RUNNABLE, and the thread then does not sleep; or BLOCKED into RUNNABLE, and then the waker,
// and nobody else, queues it. Both transitions are compare-and-exchange, so a wake-up is neither lost nor done twice.
#include "src/context/wait.h"

#include "src/context/context.h"
#include "src/context/object.h"
#include "src/context/scheduler.h"
#include "src/kernel.h"

bool wait_entry_wake_context(struct wait_entry *entry, uint32_t) {
    entry->woken = true;
    return context_wake(entry->context);
}

void wait_entry_init(struct wait_entry *entry) {
    entry->queue = nullptr;
    entry->wake = wait_entry_wake_context;
    entry->context = context_current();
    entry->events = 0;
    entry->exclusive = false;
    entry->woken = false;
}

void wait_queue_add(struct wait_queue *queue, struct wait_entry *entry) {
    spin_lock(&queue->lock);
    entry->queue = queue;
    if (entry->exclusive)
        list_push_back(&queue->entries, &entry->link);
    else
        list_push_front(&queue->entries, &entry->link);
    spin_unlock(&queue->lock);
}

void wait_queue_remove(struct wait_entry *entry) {
    struct wait_queue *queue = entry->queue;
    if (!queue) return;
    spin_lock(&queue->lock);
    list_remove(&entry->link);
    spin_unlock(&queue->lock);
    entry->queue = nullptr;
}

void wait_queue_wake(struct wait_queue *queue, uint32_t limit, uint32_t events) {
    spin_lock(&queue->lock);
    list_for_each_safe(entry, following, &queue->entries, struct wait_entry, link) {
        if (events && entry->events && !(entry->events & events)) continue;
        bool exclusive = entry->exclusive;
        if (entry->wake(entry, events) && exclusive && !--limit) break;
    }
    spin_unlock(&queue->lock);
}

int32_t wait_result_error(enum wait_result result) {
    switch (result) {
    case WAIT_WOKEN:
        return 0;
    case WAIT_TIMEOUT:
        return -ETIMEDOUT;
    default:
        return -KERNEL_ERESTART;
    }
}

// ---- blocking

void context_block_prepare(void) {
    atomic_store_seq_cst(&context_current()->state, CONTEXT_BLOCKING);
}

void context_block_cancel(void) {
    atomic_store_relaxed(&context_current()->state, CONTEXT_RUNNABLE);
}

bool context_wake(struct context *context) {
    enum context_state state = CONTEXT_BLOCKING;
    atomic_fence_seq_cst();
    if (atomic_load_relaxed(&context->state) == CONTEXT_RUNNABLE) return false;
    if (atomic_compare_exchange_acq_rel(&context->state, &state, CONTEXT_RUNNABLE)) return true;
    if (state != CONTEXT_BLOCKED || !atomic_compare_exchange_acq_rel(&context->state, &state, CONTEXT_RUNNABLE))
        return false;
    scheduler_enqueue_woken(context);
    return true;
}

// Why a wait that flags allow to be ended must end now; WAIT_WOKEN: it need not.
static enum wait_result wait_interruption(struct context *self, enum wait_flags flags) {
    uint32_t work = atomic_load_seq_cst(&self->work);
    if (likely(!(work & (WORK_EXIT | WORK_SIGNAL | WORK_STOP | WORK_ALERT)))) return WAIT_WOKEN;
    if (work & WORK_EXIT) return WAIT_KILL;
    if (work & WORK_ALERT && flags & WAIT_ALERTABLE) return WAIT_ALERT;
    if ((flags & WAIT_INTERRUPTIBLE) != WAIT_INTERRUPTIBLE) return WAIT_WOKEN;
    return signal_deliverable() ? WAIT_SIGNAL : WAIT_WOKEN;
}

static void wait_time_out(struct timer *timer) {
    struct context *context = container_of(timer, struct context, wait_timer);
    atomic_store_relaxed(&context->wait_timed_out, true);
    (void)context_wake(context);
}

enum wait_result context_block(enum wait_flags flags, nanoseconds deadline) {
    struct context *self = context_current();
    if (flags) {
        atomic_store_seq_cst(&self->wait_flags, flags);
        enum wait_result interruption = wait_interruption(self, flags);
        if (unlikely(self->work & (WORK_SIGNAL | WORK_STOP)) && interruption != WAIT_KILL &&
            (flags & WAIT_INTERRUPTIBLE) == WAIT_INTERRUPTIBLE && signal_stop_in_wait())
            return flags & WAIT_ENDED_BY_STOP ? WAIT_SIGNAL : WAIT_WOKEN;
        if (unlikely(interruption != WAIT_WOKEN)) {
            if (interruption == WAIT_SIGNAL) atomic_fetch_or_relaxed(&self->work, WORK_INTERRUPTED);
            context_block_cancel();
            return interruption;
        }
    } else {
        atomic_store_relaxed(&self->wait_flags, WAIT_UNINTERRUPTIBLE);
    }
    bool timed = deadline != TIME_NEVER;
    if (timed) {
        if (deadline <= clock_monotonic()) {
            context_block_cancel();
            return WAIT_TIMEOUT;
        }
        self->wait_timed_out = false;
        self->wait_timer.callback = wait_time_out;
        timer_arm(&self->wait_timer, deadline);
    }
    enum context_state state = CONTEXT_BLOCKING;
    if (atomic_compare_exchange_acq_rel(&self->state, &state, CONTEXT_BLOCKED)) scheduler_switch_blocked();
    if (timed) {
        timer_cancel(&self->wait_timer);
        if (atomic_load_relaxed(&self->wait_timed_out)) return WAIT_TIMEOUT;
    }
    return WAIT_WOKEN;
}

// ---- waitables

void waitable_init(struct waitable *waitable, enum consume_rule rule, int32_t count) {
    *waitable = (struct waitable){.rule = rule, .count = count};
    wait_queue_init(&waitable->queue);
}

// Caller holds the queue's lock.
static int32_t waitable_add(struct waitable *waitable, int32_t amount) {
    int32_t old = waitable->count;
    switch (waitable->rule) {
    case CONSUME_NONE:
    case CONSUME_ONE:
        waitable->count = 1;
        break;
    case CONSUME_DECREMENT:
        waitable->count += amount;
        break;
    case CONSUME_OWNER:
        if (waitable->recursion) waitable->recursion--;
        if (!waitable->recursion) {
            waitable->owner = nullptr;
            waitable->count = 1;
        }
        break;
    }
    return old;
}

int32_t waitable_signal(struct waitable *waitable, int32_t amount) {
    spin_lock(&waitable->queue.lock);
    int32_t old = waitable_add(waitable, amount);
    spin_unlock(&waitable->queue.lock);
    wait_queue_wake_all(&waitable->queue);
    return old;
}

void waitable_reset(struct waitable *waitable) {
    spin_lock(&waitable->queue.lock);
    waitable->count = 0;
    spin_unlock(&waitable->queue.lock);
}

static bool waitable_signalled(const struct waitable *waitable, const struct context *self) {
    return waitable->count > 0 || (waitable->rule == CONSUME_OWNER && waitable->owner == self);
}

static void waitable_consume(struct waitable *waitable, struct context *self) {
    switch (waitable->rule) {
    case CONSUME_NONE:
        break;
    case CONSUME_ONE:
        waitable->count = 0;
        break;
    case CONSUME_DECREMENT:
        waitable->count--;
        break;
    case CONSUME_OWNER:
        waitable->owner = self;
        waitable->count = 0;
        waitable->recursion++;
        break;
    }
}

static bool wait_objects_take_any(unsigned n, struct waitable *const *waitables, unsigned *index) {
    struct context *self = context_current();
    for (unsigned i = 0; i < n; i++) {
        struct waitable *waitable = waitables[i];
        spin_lock(&waitable->queue.lock);
        bool taken = waitable_signalled(waitable, self);
        if (taken) waitable_consume(waitable, self);
        spin_unlock(&waitable->queue.lock);
        if (taken) {
            *index = i;
            return true;
        }
    }
    return false;
}

// sorted: by address, without duplicates.
static bool wait_objects_take_all(unsigned n, struct waitable **sorted) {
    struct context *self = context_current();
    bool all = true;
    for (unsigned i = 0; i < n; i++) {
        spin_lock(&sorted[i]->queue.lock);
        all &= waitable_signalled(sorted[i], self);
    }
    for (unsigned i = n; i--;) {
        if (all) waitable_consume(sorted[i], self);
        spin_unlock(&sorted[i]->queue.lock);
    }
    return all;
}

static unsigned sort_by_address(unsigned n, struct waitable *const *waitables, struct waitable **sorted) {
    unsigned count = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned at = count;
        while (at && sorted[at - 1] > waitables[i])
            at--;
        if (at && sorted[at - 1] == waitables[i]) continue;
        for (unsigned j = count; j > at; j--)
            sorted[j] = sorted[j - 1];
        sorted[at] = waitables[i];
        count++;
    }
    return count;
}

enum wait_result wait_objects(unsigned n, struct waitable *const *waitables, enum wait_objects_kind kind,
                              enum wait_flags flags, nanoseconds deadline, unsigned *index) {
    struct waitable *sorted[WAIT_OBJECTS_MAXIMUM];
    struct wait_entry entries[WAIT_OBJECTS_MAXIMUM];
    enum wait_result result = WAIT_WOKEN;
    kernel_assert(n && n <= WAIT_OBJECTS_MAXIMUM);
    unsigned count = sort_by_address(n, waitables, sorted);
    *index = 0;
    if (kind == WAIT_ALL ? wait_objects_take_all(count, sorted) : wait_objects_take_any(n, waitables, index))
        return WAIT_WOKEN;
    for (unsigned i = 0; i < count; i++) {
        wait_entry_init(&entries[i]);
        wait_queue_add(&sorted[i]->queue, &entries[i]);
    }
    for (;;) {
        context_block_prepare();
        if (kind == WAIT_ALL ? wait_objects_take_all(count, sorted) : wait_objects_take_any(n, waitables, index)) {
            result = WAIT_WOKEN;
            break;
        }
        if (result != WAIT_WOKEN) break;
        result = context_block(flags, deadline);
    }
    context_block_cancel();
    for (unsigned i = 0; i < count; i++)
        wait_queue_remove(&entries[i]);
    return result;
}
