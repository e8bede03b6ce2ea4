// Sending signals: queues, whom to wake, what happens at once (continue, death).
//
// Locks: tasklist_lock, then process->lock (the thread list), then process->signal_lock (queues, masks, actions).
#include "lib/string.h"
#include "src/context/exit.h"
#include "src/context/interval_timer.h"
#include "src/context/process.h"
#include "src/context/scheduler.h"
#include "src/context/signal_internal.h"
#include "src/kernel.h"
#include "src/memory/heap.h"

static struct slab_cache entry_cache = SLAB_CACHE(struct signal_entry);

enum signal_default signal_default_of(uint32_t signal) {
    static const uint8_t defaults[32] = {
        [SIGCHLD] = DEFAULT_IGNORE,   [SIGURG] = DEFAULT_IGNORE, [SIGWINCH] = DEFAULT_IGNORE,
        [SIGCONT] = DEFAULT_CONTINUE, [SIGSTOP] = DEFAULT_STOP,  [SIGTSTP] = DEFAULT_STOP,
        [SIGTTIN] = DEFAULT_STOP,     [SIGTTOU] = DEFAULT_STOP,  [SIGQUIT] = DEFAULT_CORE,
        [SIGILL] = DEFAULT_CORE,      [SIGTRAP] = DEFAULT_CORE,  [SIGABRT] = DEFAULT_CORE,
        [SIGBUS] = DEFAULT_CORE,      [SIGFPE] = DEFAULT_CORE,   [SIGSEGV] = DEFAULT_CORE,
        [SIGXCPU] = DEFAULT_CORE,     [SIGXFSZ] = DEFAULT_CORE,  [SIGSYS] = DEFAULT_CORE,
    };
    return signal < array_size(defaults) ? (enum signal_default)defaults[signal] : DEFAULT_TERMINATE;
}

// ---- queues

static int32_t enqueue(struct process *process, struct signal_queue *queue, const struct kernel_siginfo *info) {
    bool realtime = info->signal >= SIGNAL_REALTIME_FIRST;
    if (!realtime && queue->set & signal_bit(info->signal)) return 0;
    bool room = process->signals_queued < process->limits[RLIMIT_SIGPENDING].current || info->code > 0;
    struct signal_entry *entry = room ? slab_alloc(&entry_cache) : nullptr;
    if (entry) {
        entry->info = *info;
        list_push_back(&queue->entries, &entry->link);
        process->signals_queued++;
    } else if (realtime && info->code != SI_USER && info->code <= 0) {
        return -EAGAIN;
    }
    queue->set |= signal_bit(info->signal);
    return 0;
}

static void entry_free(struct process *process, struct signal_entry *entry) {
    list_remove(&entry->link);
    slab_free(&entry_cache, entry);
    process->signals_queued--;
}

static uint32_t lowest_signal(signal_set set) {
    signal_set first = set & SIGNALS_SYNCHRONOUS ? set & SIGNALS_SYNCHRONOUS : set;
    return (uint32_t)__builtin_ctzll(first) + 1;
}

bool signal_dequeue_locked(struct process *process, struct signal_queue *queue, signal_set set,
                           struct kernel_siginfo *info) {
    if (!(set &= queue->set)) return false;
    uint32_t signal = lowest_signal(set);
    struct signal_entry *found = nullptr;
    bool more = false;
    list_for_each(entry, &queue->entries, struct signal_entry, link) {
        if (entry->info.signal != signal) continue;
        if (found) {
            more = true;
            break;
        }
        found = entry;
    }
    *info = found ? found->info : (struct kernel_siginfo){.signal = signal, .code = SI_USER};
    if (found) entry_free(process, found);
    if (info->code == SI_TIMER) posix_timer_delivered(process, info->timer_id, info->status);
    if (!more) queue->set &= ~signal_bit(signal);
    return true;
}

uint32_t signal_next_locked(const struct context *context) {
    signal_set own = context->pending.set & ~context->blocked;
    if (own) return lowest_signal(own);
    signal_set shared = context->process->pending.set & ~context->blocked;
    return shared ? lowest_signal(shared) : 0;
}

static void queue_discard(struct process *process, struct signal_queue *queue, signal_set set) {
    if (!(queue->set & set)) return;
    queue->set &= ~set;
    list_for_each_safe(entry, following, &queue->entries, struct signal_entry, link) {
        if (set & signal_bit(entry->info.signal)) entry_free(process, entry);
    }
}

void signal_queue_clear(struct process *process, struct signal_queue *queue) {
    queue_discard(process, queue, ~0ULL);
}

void signal_discard_locked(struct process *process, signal_set set) {
    queue_discard(process, &process->pending, set);
    list_for_each(context, &process->threads, struct context, process_link) {
        queue_discard(process, &context->pending, set);
    }
}

// ---- who takes it

static void notify_thread(struct context *context) {
    atomic_fetch_or_acq_rel(&context->work, WORK_SIGNAL);
    if ((atomic_load_seq_cst(&context->wait_flags) & WAIT_INTERRUPTIBLE) == WAIT_INTERRUPTIBLE)
        (void)context_wake(context);
    scheduler_poke(context);
}

static bool wants(const struct context *context, uint32_t signal) {
    return !(context->blocked & signal_bit(signal)) && !(context->work & WORK_EXIT);
}

// A thread that does not block the signal: the first one for the process's signals. Wakes who waits for it by name too.
static void notify(struct process *process, struct context *only, uint32_t signal) {
    struct context *chosen = nullptr;
    list_for_each(context, &process->threads, struct context, process_link) {
        if (only && context != only) continue;
        if (context->suspended_for & signal_bit(signal)) (void)context_wake(context);
        if (!wants(context, signal)) continue;
        if (!chosen || context == context_current()) chosen = context;
    }
    if (chosen) notify_thread(chosen);
    wait_queue_wake_all(&process->signal_readiness);
}

// Whether nobody will ever see it. `target`: the thread it is for, or the leader.
static bool is_ignored(const struct process *process, const struct context *target, uint32_t signal) {
    const struct signal_action *action = &process->actions->actions[signal - 1];
    if (target && (target->blocked | target->suspended_for) & signal_bit(signal)) return false;
    if (target && target->trace) return false; // its tracer sees it
    if (action->disposition == SIGNAL_IGNORE) return true;
    if (action->disposition != SIGNAL_DEFAULT) return false;
    if (process->pid == 1 && !process->signal_forced) return true;
    enum signal_default kind = signal_default_of(signal);
    return kind == DEFAULT_IGNORE || kind == DEFAULT_CONTINUE;
}

// Whether it ends the process without a thread having to look at it.
static bool is_fatal(const struct process *process, struct context *only, uint32_t signal) {
    const struct signal_action *action = &process->actions->actions[signal - 1];
    enum signal_default kind = signal_default_of(signal);
    // A stopped process dies of nothing but SIGKILL until it continues.
    if (process->stopped && signal != SIGKILL) return false;
    if (action->disposition != SIGNAL_DEFAULT || (kind != DEFAULT_TERMINATE && kind != DEFAULT_CORE)) return false;
    list_for_each(context, &process->threads, struct context, process_link) {
        if ((only && context != only) || (context->trace && signal != SIGKILL)) continue;
        if (!((context->blocked | context->suspended_for) & signal_bit(signal))) return true;
    }
    return false;
}

// ---- stop and continue

// Caller holds process->lock and signal_lock. Returns whether it was stopped.
static bool continue_locked(struct process *process) {
    signal_discard_locked(process, SIGNALS_STOP);
    if (!process->stopped) return false;
    process->stopped = false;
    list_for_each(context, &process->threads, struct context, process_link) {
        atomic_fetch_and_acq_rel(&context->work, ~(uint32_t)WORK_STOP);
        if (atomic_load_seq_cst(&context->stop_waiting)) (void)context_wake(context);
    }
    return true;
}

// Locks of the target are held. *continued: a stopped process runs again; *fatal: the process must be ended.
static int32_t post_locked(struct process *process, struct context *only, const struct kernel_siginfo *info,
                           bool *continued, bool *fatal) {
    uint32_t signal = info->signal;
    if (!process->actions) return 0;
    if (signal == SIGKILL || signal == SIGCONT) *continued = continue_locked(process) && signal == SIGCONT;
    if (SIGNALS_STOP & signal_bit(signal)) signal_discard_locked(process, signal_bit(SIGCONT));
    if (is_ignored(process, only ? only : process->leader, signal)) return 0;
    if (is_fatal(process, only, signal)) {
        *fatal = true;
        return 0;
    }
    int32_t error = enqueue(process, only ? &only->pending : &process->pending, info);
    if (!error) notify(process, only, signal);
    return error;
}

static int32_t post(struct process *process, struct context *only, const struct kernel_siginfo *info,
                    bool tasklist_held) {
    bool continued = false, fatal = false;
    if (!info->signal) return 0;
    spin_lock(&process->lock);
    spin_lock(&process->signal_lock);
    int32_t error = post_locked(process, only, info, &continued, &fatal);
    spin_unlock(&process->signal_lock);
    spin_unlock(&process->lock);
    if (fatal) {
        // No core file is written, so the status never says one was.
        process_request_exit(process, (int32_t)info->signal);
    }
    if (continued) {
        if (!tasklist_held) spin_lock(&tasklist_lock);
        process_report_stop_locked(process, true, SIGCONT);
        if (!tasklist_held) spin_unlock(&tasklist_lock);
    }
    return error;
}

int32_t signal_send_process(struct process *process, const struct kernel_siginfo *info) {
    return post(process, nullptr, info, false);
}

int32_t signal_send_process_locked(struct process *process, const struct kernel_siginfo *info) {
    return post(process, nullptr, info, true);
}

int32_t signal_send_context(struct context *context, const struct kernel_siginfo *info) {
    if (!context->process) return 0;
    if (atomic_load_relaxed(&context->state) == CONTEXT_DEAD) return 0;
    return post(context->process, context, info, false);
}

int32_t signal_send_group(int32_t group, const struct kernel_siginfo *info) {
    int32_t result = -ESRCH;
    spin_lock(&tasklist_lock);
    list_for_each(process, &processes, struct process, all_link) {
        if (process->group != group) continue;
        int32_t error = post(process, nullptr, info, true);
        if (result) result = error;
    }
    spin_unlock(&tasklist_lock);
    return result;
}

int32_t signal_send_group_simple(int32_t group, uint32_t signal) {
    const struct kernel_siginfo info = {.signal = signal, .code = SI_KERNEL};
    return signal_send_group(group, &info);
}

void signal_force(const struct kernel_siginfo *info) {
    struct context *self = context_current();
    struct process *process = self->process;
    struct signal_action *action = &process->actions->actions[info->signal - 1];
    spin_lock(&process->signal_lock);
    bool blocked = self->blocked & signal_bit(info->signal);
    if (blocked || action->disposition == SIGNAL_IGNORE) action->disposition = SIGNAL_DEFAULT;
    self->blocked &= ~signal_bit(info->signal);
    if (action->disposition == SIGNAL_DEFAULT) process->signal_forced = true;
    spin_unlock(&process->signal_lock);
    (void)signal_send_context(self, info);
}

// ---- actions

struct signal_actions *signal_actions_copy(const struct signal_actions *actions) {
    struct signal_actions *copy = heap_alloc(sizeof(*copy));
    if (!copy) return nullptr;
    memcpy(copy->actions, actions->actions, sizeof(copy->actions));
    refcount_init(&copy->references);
    return copy;
}

void signal_actions_replace(struct process *process, struct signal_actions *new) {
    spin_lock(&process->signal_lock);
    struct signal_actions *old = process->actions;
    process->actions = new;
    spin_unlock(&process->signal_lock);
    if (refcount_put(&old->references)) heap_free(old);
}
