// POSIX per-process timers. One that counts processor time is looked at by the scheduler's tick.
#include "src/context/interval_timer.h"

#include "src/context/process.h"
#include "src/context/signal_internal.h"
#include "src/memory/heap.h"

struct posix_timer {
    struct list link; // (s) signal_lock
    int32_t id;
    enum clock_id clock;
    enum timer_notify notify;
    uint32_t signal;
    uintptr_t value;
    struct context *target; // TIMER_NOTIFY_THREAD_SIGNAL: a reference; CPU clock of a thread: whose
    struct process *process;
    struct timer timer;
    nanoseconds deadline; // on its clock; 0: disarmed
    nanoseconds interval;
    int32_t overrun; // of the last signal taken
};

// One call at a time: a timer lives from its creation to its deletion for all of the others.
static struct mutex calls = MUTEX_INIT(calls, RANK_FILE);

static bool counts_cpu_time(enum clock_id clock) {
    return clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}

static nanoseconds timer_clock_now(const struct posix_timer *timer) {
    if (timer->clock == CLOCK_PROCESS_CPUTIME_ID) return process_cpu_time(timer->process, false);
    if (timer->clock == CLOCK_THREAD_CPUTIME_ID) return context_cpu_time(timer->target);
    nanoseconds now = 0;
    (void)clock_read(timer->clock, &now);
    return now;
}

static bool is_wall_clock(enum clock_id clock) {
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM || clock == CLOCK_TAI;
}

static nanoseconds to_monotonic(const struct posix_timer *timer, nanoseconds time) {
    return is_wall_clock(timer->clock) ? time - clock_wall_offset() : time;
}

// ---- expiry

// The signal of the last expiry is still queued: only its overrun count grows.
static bool merge_with_pending(struct posix_timer *timer, struct signal_queue *queue, int32_t expiries) {
    list_for_each(entry, &queue->entries, struct signal_entry, link) {
        if (entry->info.code != SI_TIMER || entry->info.timer_id != timer->id) continue;
        if (entry->info.status < INT32_MAX - expiries) entry->info.status += expiries;
        return true;
    }
    return false;
}

static void send(struct posix_timer *timer, int32_t expiries) {
    struct process *process = timer->process;
    struct context *target = timer->notify == TIMER_NOTIFY_THREAD_SIGNAL ? timer->target : nullptr;
    if (timer->notify == TIMER_NOTIFY_NONE) return;
    spin_lock(&process->signal_lock);
    bool merged = merge_with_pending(timer, target ? &target->pending : &process->pending, expiries);
    spin_unlock(&process->signal_lock);
    if (merged) return;
    const struct kernel_siginfo info = {.signal = timer->signal,
                                        .code = SI_TIMER,
                                        .timer_id = timer->id,
                                        .value = timer->value,
                                        .status = expiries - 1};
    (void)(target ? signal_send_context(target, &info) : signal_send_process(process, &info));
}

// Moves the deadline on; returns how often it passed.
static int32_t advance(struct posix_timer *timer, nanoseconds now) {
    if (!timer->interval) {
        timer->deadline = 0;
        return 1;
    }
    nanoseconds count = (now - timer->deadline) / timer->interval + 1;
    timer->deadline += count * timer->interval;
    return (int32_t)min(count, (nanoseconds)INT32_MAX);
}

static void expired(struct timer *hardware) {
    struct posix_timer *timer = container_of(hardware, struct posix_timer, timer);
    nanoseconds now = timer_clock_now(timer);
    if (timer->deadline > now) { // the wall clock was set back
        timer_arm(hardware, to_monotonic(timer, timer->deadline));
        return;
    }
    int32_t count = advance(timer, now);
    if (timer->deadline) timer_arm(hardware, to_monotonic(timer, timer->deadline));
    send(timer, count);
}

// Takes the next timer of processor time that has expired; a copy, whose target has a reference.
static bool take_expired(struct process *process, nanoseconds process_time, struct posix_timer *copy, int32_t *count) {
    bool found = false;
    spin_lock(&process->signal_lock);
    list_for_each(timer, &process->posix_timers, struct posix_timer, link) {
        if (!counts_cpu_time(timer->clock) || !timer->deadline) continue;
        bool of_thread = timer->clock == CLOCK_THREAD_CPUTIME_ID;
        nanoseconds now = of_thread ? context_cpu_time(timer->target) : process_time;
        if (timer->deadline > now) continue;
        *count = advance(timer, now);
        *copy = *timer;
        if (copy->target) object_get(&copy->target->object);
        found = true;
        break;
    }
    spin_unlock(&process->signal_lock);
    return found;
}

void posix_timers_tick(struct process *process) {
    nanoseconds process_time = process_cpu_time(process, false);
    struct posix_timer copy;
    int32_t count;
    while (take_expired(process, process_time, &copy, &count)) {
        send(&copy, count);
        if (copy.target) context_put(copy.target);
    }
}

// ---- the calls

static struct posix_timer *find(struct process *process, int32_t id) {
    struct posix_timer *found = nullptr;
    spin_lock(&process->signal_lock);
    list_for_each(timer, &process->posix_timers, struct posix_timer, link) {
        if (timer->id == id) found = timer;
    }
    spin_unlock(&process->signal_lock);
    return found;
}

void posix_timer_delivered(struct process *process, int32_t id, int32_t overrun) {
    list_for_each(timer, &process->posix_timers, struct posix_timer, link) {
        if (timer->id == id) timer->overrun = overrun;
    }
}

static void insert(struct process *process, struct posix_timer *timer) {
    spin_lock(&process->signal_lock);
    struct list *position = &process->posix_timers;
    list_for_each(other, &process->posix_timers, struct posix_timer, link) {
        if (other->id != timer->id) break;
        timer->id++;
        position = &other->link;
    }
    list_insert_after(position, &timer->link);
    spin_unlock(&process->signal_lock);
}

static void timer_free(struct posix_timer *timer) {
    timer_cancel(&timer->timer);
    if (timer->target) context_put(timer->target);
    heap_free(timer);
}

static uint64_t count(struct process *process) {
    uint64_t number = 0;
    spin_lock(&process->signal_lock);
    list_for_each(timer, &process->posix_timers, struct posix_timer, link) {
        number++;
    }
    spin_unlock(&process->signal_lock);
    return number;
}

static int32_t create(enum clock_id clock, enum timer_notify notify, uint32_t signal, uintptr_t value, int32_t tid,
                      int32_t *id) {
    struct process *process = process_current();
    nanoseconds now;
    if (clock_read(clock, &now) < 0 || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE)
        return -EINVAL;
    if (clock == CLOCK_MONOTONIC_RAW) return -EOPNOTSUPP;
    if ((clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM) && !capable((enum capability)35))
        return -EPERM;
    if (notify > TIMER_NOTIFY_THREAD_SIGNAL) return -EINVAL;
    if (notify != TIMER_NOTIFY_NONE && (!signal || signal > SIGNAL_COUNT)) return -EINVAL;
    // Each timer may need a place among the pending signals.
    if (count(process) >= process_limit(RLIMIT_SIGPENDING)) return -EAGAIN;
    struct context *target = nullptr;
    if (notify == TIMER_NOTIFY_THREAD_SIGNAL) {
        target = context_find(tid);
        if (!target || target->process != process) {
            if (target) context_put(target);
            return -EINVAL;
        }
    } else if (clock == CLOCK_THREAD_CPUTIME_ID) {
        target = context_current();
        object_get(&target->object);
    }
    struct posix_timer *timer = heap_alloc_zeroed(sizeof(*timer));
    if (!timer) {
        if (target) context_put(target);
        return -EAGAIN;
    }
    *timer = (struct posix_timer){.clock = clock, .notify = notify, .signal = signal, .value = value};
    timer->process = process;
    timer->target = target;
    timer_init(&timer->timer, expired);
    insert(process, timer);
    *id = timer->id;
    return 0;
}

static void read_value(const struct posix_timer *timer, struct kernel_itimer *value) {
    value->interval = timer->interval;
    value->value = timer->deadline ? max(timer->deadline - timer_clock_now(timer), (nanoseconds)1) : 0;
}

static int32_t get(int32_t id, struct kernel_itimer *value) {
    const struct posix_timer *timer = find(process_current(), id);
    if (!timer) return -EINVAL;
    read_value(timer, value);
    return 0;
}

static int32_t set(int32_t id, uint32_t flags, const struct kernel_itimer *value, struct kernel_itimer *old) {
    struct posix_timer *timer = find(process_current(), id);
    if (!timer || value->value < 0 || value->interval < 0) return -EINVAL;
    if (old) read_value(timer, old);
    timer_cancel(&timer->timer);
    timer->interval = value->interval;
    timer->deadline = 0;
    timer->overrun = 0;
    if (!value->value) return 0;
    nanoseconds base = flags & 1 ? 0 : timer_clock_now(timer);
    timer->deadline = value->value > TIME_NEVER - 1 - base ? TIME_NEVER - 1 : base + value->value;
    if (!counts_cpu_time(timer->clock)) timer_arm(&timer->timer, to_monotonic(timer, timer->deadline));
    return 0;
}

static int32_t overrun(int32_t id) {
    const struct posix_timer *timer = find(process_current(), id);
    return timer ? timer->overrun : -EINVAL;
}

static int32_t delete(int32_t id) {
    struct process *process = process_current();
    struct posix_timer *timer = find(process, id);
    if (!timer) return -EINVAL;
    spin_lock(&process->signal_lock);
    list_remove(&timer->link);
    spin_unlock(&process->signal_lock);
    timer_free(timer);
    return 0;
}

void posix_timers_delete_all(struct process *process) {
    list_for_each_safe(timer, following, &process->posix_timers, struct posix_timer, link) {
        list_remove(&timer->link);
        timer_free(timer);
    }
}

int32_t posix_timer_create(enum clock_id clock, enum timer_notify notify, uint32_t signal, uintptr_t value, int32_t tid,
                           int32_t *id) {
    mutex_lock(&calls);
    int32_t result = create(clock, notify, signal, value, tid, id);
    mutex_unlock(&calls);
    return result;
}

int32_t posix_timer_get(int32_t id, struct kernel_itimer *value) {
    mutex_lock(&calls);
    int32_t result = get(id, value);
    mutex_unlock(&calls);
    return result;
}

int32_t posix_timer_set(int32_t id, uint32_t flags, const struct kernel_itimer *value, struct kernel_itimer *old) {
    mutex_lock(&calls);
    int32_t result = set(id, flags, value, old);
    mutex_unlock(&calls);
    return result;
}

int32_t posix_timer_overrun(int32_t id) {
    mutex_lock(&calls);
    int32_t result = overrun(id);
    mutex_unlock(&calls);
    return result;
}

int32_t posix_timer_delete(int32_t id) {
    mutex_lock(&calls);
    int32_t result = delete (id);
    mutex_unlock(&calls);
    return result;
}
