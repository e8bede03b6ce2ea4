// Letters: (t) traces_lock.
#include "src/context/trace.h"

#include "src/context/process.h"
#include "src/context/scheduler.h"
#include "src/context/signal_internal.h"
#include "src/memory/heap.h"

struct thread_trace {
    struct list link;           // (t) in traces
    struct context *context;    // (i) not a reference: removed at its end
    struct process *tracer;     // (i) not a reference: removed at its end
    bool stopped, reported;     // (t)
    bool resumed, detached;     // (t)
    bool seized, interrupts;    // (t) interrupts: its next SIGTRAP is the tracer's wish
    uint32_t options;           // (t)
    uint64_t message;           // (t)
    uint32_t resume_signal;     // (t)
    uint32_t stop_code;         // (t) what wait reports
    struct kernel_siginfo info; // (t) of the present stop
};

static struct spinlock traces_lock = SPINLOCK_INIT(RANK_READINESS); // guards all traces and context->trace
static struct list traces = LIST_INIT(traces);

// Caller holds traces_lock.
static void remove_locked(struct thread_trace *trace) {
    list_remove(&trace->link);
    trace->context->trace = nullptr;
    (void)context_wake(trace->context);
    heap_free(trace);
}

// ---- in the traced thread

// Whether the thread may go on.
static bool is_resumed(struct context *self) {
    spin_lock(&traces_lock);
    bool resumed = !self->trace || self->trace->resumed;
    spin_unlock(&traces_lock);
    return resumed;
}

// Tells the tracer. It stays: its end takes tasklist_lock.
static void notify_tracer(struct context *self, uint32_t signal) {
    spin_lock(&tasklist_lock);
    spin_lock(&traces_lock);
    struct process *tracer = self->trace ? self->trace->tracer : nullptr;
    spin_unlock(&traces_lock);
    if (tracer && tracer->actions) {
        const struct kernel_siginfo info = {.signal = SIGCHLD,
                                            .code = CLD_TRAPPED,
                                            .pid = self->tid,
                                            .uid = self->process->credentials->ids.uid,
                                            .status = (int32_t)signal};
        (void)signal_send_process_locked(tracer, &info);
        wait_queue_wake_all(&tracer->child_wait);
    }
    spin_unlock(&tasklist_lock);
}

// Returns the signal that the tracer wants the thread to have; info's own when it is not traced (any more).
static uint32_t stop(struct context *self, struct kernel_siginfo *info, uint32_t code) {
    spin_lock(&traces_lock);
    struct thread_trace *trace = self->trace;
    if (trace) {
        trace->info = *info;
        trace->stopped = true;
        trace->reported = trace->resumed = false;
        trace->resume_signal = info->signal;
        trace->stop_code = code;
    }
    spin_unlock(&traces_lock);
    if (!trace) return info->signal;
    notify_tracer(self, code & 0x7f);
    for (;;) {
        context_block_prepare();
        if (is_resumed(self) || atomic_load_seq_cst(&self->work) & WORK_EXIT) break;
        (void)context_block(WAIT_KILLABLE, TIME_NEVER);
    }
    context_block_cancel();
    uint32_t signal = info->signal;
    spin_lock(&traces_lock);
    if (self->trace) {
        self->trace->stopped = false;
        signal = self->trace->resume_signal;
        if (signal == info->signal) *info = self->trace->info;
        if (self->trace->detached) remove_locked(self->trace);
    }
    spin_unlock(&traces_lock);
    return signal;
}

bool trace_signal_stop(struct kernel_siginfo *info) {
    struct context *self = context_current();
    constexpr uint32_t event_stop = 128 << 8;
    spin_lock(&traces_lock);
    bool wished = self->trace && self->trace->interrupts && info->signal == SIGTRAP;
    if (wished) self->trace->interrupts = false;
    spin_unlock(&traces_lock);
    uint32_t signal = stop(self, info, info->signal | (wished ? event_stop : 0));
    if (signal && signal != info->signal)
        *info = (struct kernel_siginfo){.signal = signal, .code = SI_USER, .pid = self->process->pid};
    return signal != 0;
}

int32_t kop_trace_call(uint32_t) {
    constexpr uint32_t option_mark_calls = 1, mark = 0x80;
    struct context *self = context_current();
    struct kernel_siginfo info = {.signal = SIGTRAP, .code = SIGTRAP, .pid = self->process->pid};
    spin_lock(&traces_lock);
    const struct thread_trace *trace = self->trace;
    uint32_t code = SIGTRAP | (trace && trace->options & option_mark_calls ? mark : 0);
    spin_unlock(&traces_lock);
    if (!trace) return 0;
    uint32_t signal = stop(self, &info, code);
    if (!signal || !atomic_load_relaxed(&self->trace)) return 0;
    const struct kernel_siginfo wanted = {.signal = signal, .code = SI_USER, .pid = self->process->pid};
    return signal_send_context(self, &wanted);
}

void trace_exec(void) {
    struct context *self = context_current();
    constexpr uint32_t option_exec = 0x10, event_exec = 4 << 8;
    struct kernel_siginfo info = {.signal = SIGTRAP, .code = SI_USER, .pid = self->process->pid};
    if (likely(!atomic_load_relaxed(&self->trace))) return;
    spin_lock(&traces_lock);
    struct thread_trace *trace = self->trace;
    bool event = trace && trace->options & option_exec, plain = trace && !event && !trace->seized;
    if (event) trace->message = (uint64_t)self->tid;
    spin_unlock(&traces_lock);
    if (event) (void)stop(self, &info, SIGTRAP | event_exec);
    if (plain) (void)signal_send_context(self, &info);
}

// ---- beginning and end

void trace_thread_exit(struct context *self) {
    if (likely(!atomic_load_relaxed(&self->trace))) return;
    spin_lock(&traces_lock);
    if (self->trace) remove_locked(self->trace);
    spin_unlock(&traces_lock);
}

void trace_process_exit(struct process *process) {
    if (list_empty(&traces)) return;
    spin_lock(&traces_lock);
    list_for_each_safe(trace, following, &traces, struct thread_trace, link) {
        if (trace->tracer == process) remove_locked(trace);
    }
    spin_unlock(&traces_lock);
}

// -EPERM: it is traced already.
static int32_t begin(struct context *context, struct process *tracer, uint32_t options, bool seized) {
    struct thread_trace *trace = heap_alloc_zeroed(sizeof(*trace));
    if (!trace) return -ENOMEM;
    trace->context = context;
    trace->tracer = tracer;
    trace->options = options;
    trace->seized = seized;
    spin_lock(&traces_lock);
    bool free = !context->trace;
    if (free) {
        context->trace = trace;
        list_push_back(&traces, &trace->link);
    }
    spin_unlock(&traces_lock);
    if (!free) heap_free(trace);
    return free ? 0 : -EPERM;
}

static int32_t attach(int32_t tid, uint32_t options, bool stop_it) {
    struct context *target = tid > 0 ? context_find(tid) : nullptr;
    struct process *self = process_current();
    if (!target) return -ESRCH;
    bool allowed =
        target->process && target->process != self && target->process->pid != 1 && !(target->work & WORK_EXIT);
    int32_t error = allowed ? process_access(target->process) : -EPERM;
    if (!error) error = begin(target, self, options, !stop_it);
    if (!error && stop_it) {
        const struct kernel_siginfo info = {.signal = SIGSTOP, .code = SI_KERNEL};
        (void)signal_send_context(target, &info);
    }
    context_put(target);
    return error;
}

static int32_t trace_me(void) {
    struct process *self = process_current();
    spin_lock(&tasklist_lock);
    struct process *parent = self->parent;
    if (parent) object_get(&parent->object);
    spin_unlock(&tasklist_lock);
    if (!parent) return -EPERM;
    int32_t error = begin(context_current(), parent, 0, false);
    process_put(parent);
    return error;
}

// ---- by the tracer

// The trace of a thread that the running process traces and that is stopped; traces_lock is then held. nullptr: none.
static struct thread_trace *hold_stopped(int32_t tid) {
    const struct process *self = process_current();
    spin_lock(&traces_lock);
    list_for_each(trace, &traces, struct thread_trace, link) {
        if (trace->tracer == self && trace->context->tid == tid && trace->stopped && !trace->resumed) return trace;
    }
    spin_unlock(&traces_lock);
    return nullptr;
}

static void resume_locked(struct thread_trace *trace, uint32_t signal) {
    trace->resume_signal = signal;
    trace->resumed = true;
    (void)context_wake(trace->context);
}

// SIGKILL to its process, or the stop that the tracer of a seized thread may ask for at any time.
static int32_t signal_traced(int32_t tid, uint32_t signal) {
    struct context *target = nullptr;
    const struct process *self = process_current();
    spin_lock(&traces_lock);
    list_for_each(trace, &traces, struct thread_trace, link) {
        if (trace->tracer == self && trace->context->tid == tid && (signal == SIGKILL || trace->seized)) {
            trace->interrupts = signal == SIGTRAP;
            target = trace->context;
            object_get(&target->object);
        }
    }
    spin_unlock(&traces_lock);
    if (!target) return -ESRCH;
    const struct kernel_siginfo info = {.signal = signal, .code = SI_KERNEL};
    int32_t error =
        signal == SIGKILL ? signal_send_process(target->process, &info) : signal_send_context(target, &info);
    context_put(target);
    return error;
}

int32_t kop_trace(enum trace_request request, int32_t tid, uint64_t value, uint64_t *result) {
    constexpr uint64_t options_known = 0x3000ff;
    *result = 0;
    if (request == TRACE_ME) return trace_me();
    if (request == TRACE_ATTACH) return attach(tid, 0, true);
    if (request == TRACE_SEIZE) return value & ~options_known ? -EINVAL : attach(tid, (uint32_t)value, false);
    if (request == TRACE_KILL) return signal_traced(tid, SIGKILL);
    if (request == TRACE_INTERRUPT) return signal_traced(tid, SIGTRAP);
    struct thread_trace *trace = hold_stopped(tid);
    if (!trace) return -ESRCH;
    int32_t error = 0;
    switch (request) {
    case TRACE_CHECK:
        *result = (uint64_t)trace->context->process->pid;
        break;
    case TRACE_CONTINUE:
    case TRACE_CONTINUE_TO_CALL:
    case TRACE_DETACH:
        if (value > SIGNAL_COUNT) {
            error = -EIO;
            break;
        }
        // It is stopped: nobody else changes its word.
        trace->context->personality &= ~(uint32_t)PERSONALITY_STOPS;
        if (request == TRACE_CONTINUE_TO_CALL) trace->context->personality |= PERSONALITY_STOPS;
        resume_locked(trace, (uint32_t)value);
        // The thread itself lets go of its trace: it reads there what to do with its signal.
        if (request == TRACE_DETACH) trace->detached = true;
        break;
    case TRACE_OPTIONS:
        if (value & ~options_known)
            error = -EINVAL;
        else
            trace->options = (uint32_t)value;
        break;
    case TRACE_MESSAGE:
        *result = trace->message;
        break;
    default:
        error = -EIO;
        break;
    }
    spin_unlock(&traces_lock);
    return error;
}

int32_t kop_trace_frame(int32_t tid, struct user_frame *frame, uint32_t set) {
    struct thread_trace *trace = hold_stopped(tid);
    if (!trace) return -ESRCH;
    struct user_frame *own = arch_context_user_frame(trace->context);
    if (set)
        *own = *frame;
    else
        *frame = *own;
    spin_unlock(&traces_lock);
    return 0;
}

int32_t kop_trace_siginfo(int32_t tid, struct kernel_siginfo *info, uint32_t set) {
    struct thread_trace *trace = hold_stopped(tid);
    if (!trace) return -ESRCH;
    if (set)
        trace->info = *info;
    else
        *info = trace->info;
    spin_unlock(&traces_lock);
    return 0;
}

// ---- wait

bool trace_wait(enum wait_for which, int32_t id, uint32_t options, struct kernel_wait_result *result, bool *possible) {
    const struct process *self = process_current();
    bool found = false;
    if (list_empty(&traces)) return false;
    spin_lock(&traces_lock);
    list_for_each(trace, &traces, struct thread_trace, link) {
        const struct context *context = trace->context;
        if (trace->tracer != self || trace->detached) continue;
        if (which == WAIT_FOR_PID && context->tid != id) continue;
        if (which == WAIT_FOR_GROUP && context->process->group != id) continue;
        *possible = true;
        if (!trace->stopped || trace->reported || trace->resumed || !(options & (WSTOPPED | WEXITED))) continue;
        *result = (struct kernel_wait_result){.pid = context->tid,
                                              .uid = context->process->credentials->ids.uid,
                                              .code = CLD_TRAPPED,
                                              .status = (int32_t)trace->stop_code};
        if (!(options & WNOWAIT)) trace->reported = true;
        found = true;
        break;
    }
    spin_unlock(&traces_lock);
    return found;
}
