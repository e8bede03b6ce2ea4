#include "src/context/interval_timer.h"

#include "src/context/exit.h"
#include "src/context/process.h"
#include "src/context/scheduler.h"
#include "src/memory/heap.h"

// Made when first needed; freed with the process's last thread.
struct interval_timer {
    struct process *process;
    struct timer real;
    nanoseconds real_interval; // (m) process->lock
    // Processor time at which VIRTUAL and PROFILE expire, 0: off. (m)
    nanoseconds cpu_deadline[INTERVAL_COUNT], cpu_interval[INTERVAL_COUNT];
};

// ---- processor time

nanoseconds context_cpu_time(const struct context *context) {
    nanoseconds time = context->user_time + context->system_time;
    if (atomic_load_relaxed(&context->on_cpu)) time += arch_clock() - context->accounted;
    return time;
}

nanoseconds process_cpu_time(struct process *process, bool user_only) {
    spin_lock(&process->lock);
    nanoseconds time = process->usage.user_time + (user_only ? 0 : process->usage.system_time);
    list_for_each(context, &process->threads, struct context, process_link) {
        time += user_only ? context->user_time : context_cpu_time(context);
    }
    spin_unlock(&process->lock);
    return time;
}

int32_t clock_read(enum clock_id clock, nanoseconds *time) {
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI:
        *time = clock_realtime();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        *time = clock_monotonic();
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
        *time = process_cpu_time(process_current(), false);
        return 0;
    case CLOCK_THREAD_CPUTIME_ID:
        *time = context_cpu_time(context_current());
        return 0;
    }
    return -EINVAL;
}

// ---- the three timers

static void real_expired(struct timer *timer) {
    struct interval_timer *own = container_of(timer, struct interval_timer, real);
    const struct kernel_siginfo info = {.signal = SIGALRM, .code = SI_KERNEL};
    nanoseconds interval = atomic_load_relaxed(&own->real_interval);
    if (interval) {
        nanoseconds now = clock_monotonic(), next = timer->deadline + interval;
        if (next <= now) next += (now - next) / interval * interval + interval;
        timer_arm(timer, next);
    }
    (void)signal_send_process(own->process, &info);
}

static struct interval_timer *timers_of(struct process *process) {
    if (process->interval_timers) return process->interval_timers;
    struct interval_timer *new = heap_alloc_zeroed(sizeof(*new));
    if (!new) return nullptr;
    new->process = process;
    timer_init(&new->real, real_expired);
    struct interval_timer *expected = nullptr;
    if (!atomic_compare_exchange_acq_rel(&process->interval_timers, &expected, new)) heap_free(new);
    return process->interval_timers;
}

static nanoseconds time_left(nanoseconds deadline, nanoseconds now) {
    return max(deadline - now, (nanoseconds)1000);
}

static nanoseconds kind_time(struct process *process, uint32_t which) {
    return process_cpu_time(process, which == INTERVAL_VIRTUAL);
}

int32_t interval_timer_get(uint32_t which, struct kernel_itimer *value) {
    struct process *process = process_current();
    if (which >= INTERVAL_COUNT) return -EINVAL;
    struct interval_timer *timers = process->interval_timers;
    *value = (struct kernel_itimer){};
    if (!timers) return 0;
    if (which == INTERVAL_REAL) {
        value->interval = timers->real_interval;
        if (atomic_load_relaxed(&timers->real.armed))
            value->value = time_left(timers->real.deadline, clock_monotonic());
        return 0;
    }
    value->interval = timers->cpu_interval[which];
    if (timers->cpu_deadline[which]) value->value = time_left(timers->cpu_deadline[which], kind_time(process, which));
    return 0;
}

static nanoseconds deadline_after(nanoseconds now, nanoseconds span) {
    return span > TIME_NEVER - 1 - now ? TIME_NEVER - 1 : now + span;
}

int32_t interval_timer_set(uint32_t which, const struct kernel_itimer *value, struct kernel_itimer *old) {
    struct process *process = process_current();
    if (which >= INTERVAL_COUNT || value->value < 0 || value->interval < 0) return -EINVAL;
    struct interval_timer *timers = timers_of(process);
    if (!timers) return -ENOMEM;
    if (old) (void)interval_timer_get(which, old);
    if (which == INTERVAL_REAL) {
        timer_cancel(&timers->real);
        atomic_store_relaxed(&timers->real_interval, value->value ? value->interval : 0);
        if (value->value) timer_arm(&timers->real, deadline_after(clock_monotonic(), value->value));
        return 0;
    }
    scheduler_account_current();
    timers->cpu_interval[which] = value->interval;
    timers->cpu_deadline[which] = value->value ? deadline_after(kind_time(process, which), value->value) : 0;
    return 0;
}

static void check_cpu_timer(struct process *process, struct interval_timer *timers, uint32_t which, uint32_t signal) {
    nanoseconds deadline = timers->cpu_deadline[which];
    if (!deadline || kind_time(process, which) < deadline) return;
    nanoseconds interval = timers->cpu_interval[which];
    timers->cpu_deadline[which] = interval ? deadline_after(kind_time(process, which), interval) : 0;
    const struct kernel_siginfo info = {.signal = signal, .code = SI_KERNEL};
    (void)signal_send_process(process, &info);
}

// RLIMIT_CPU: SIGXCPU each second beyond the soft limit, SIGKILL at the hard one.
static void check_cpu_limit(struct process *process) {
    struct kernel_rlimit *limit = &process->limits[RLIMIT_CPU];
    if (likely(limit->current == RLIM_INFINITY)) return;
    uint64_t seconds = (uint64_t)(process_cpu_time(process, false) / NANOSECONDS_PER_SECOND);
    if (seconds >= limit->maximum) {
        process_request_exit(process, SIGKILL);
    } else if (seconds >= limit->current) {
        const struct kernel_siginfo info = {.signal = SIGXCPU, .code = SI_KERNEL};
        limit->current = seconds + 1;
        (void)signal_send_process(process, &info);
    }
}

void interval_timer_tick(struct context *context) {
    struct process *process = context->process;
    struct interval_timer *timers = process->interval_timers;
    if (timers) {
        check_cpu_timer(process, timers, INTERVAL_VIRTUAL, SIGVTALRM);
        check_cpu_timer(process, timers, INTERVAL_PROFILE, SIGPROF);
    }
    check_cpu_limit(process);
    if (!list_empty(&process->posix_timers)) posix_timers_tick(process);
}

void process_end_timers(struct process *process) {
    struct interval_timer *timers = process->interval_timers;
    posix_timers_delete_all(process);
    if (!timers) return;
    process->interval_timers = nullptr;
    timer_cancel(&timers->real);
    heap_free(timers);
}
