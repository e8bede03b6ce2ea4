// Signals of the running thread: masks, taking, delivery, stopping.
#include "src/context/exit.h"
#include "src/context/interval_timer.h"
#include "src/context/process.h"
#include "src/context/scheduler.h"
#include "src/context/signal_internal.h"
#include "src/context/trace.h"
#include "src/kernel.h"
#include "src/syscall_handler/syscall_handler.h"
#include "src/syscall_handler/trace_output.h"

void signal_recalculate_locked(struct context *context) {
    if (signal_next_locked(context))
        atomic_fetch_or_relaxed(&context->work, WORK_SIGNAL);
    else if (context->work & WORK_SIGNAL)
        atomic_fetch_and_relaxed(&context->work, ~(uint32_t)WORK_SIGNAL);
}

bool signal_deliverable(void) {
    struct context *self = context_current();
    if (atomic_load_relaxed(&self->work) & WORK_EXIT) return true;
    if (!self->process) return false;
    return (self->pending.set | self->process->pending.set) & ~self->blocked;
}

bool signal_fatal_pending(void) {
    return atomic_load_relaxed(&context_current()->work) & WORK_EXIT;
}

bool signal_ignored_or_blocked(uint32_t signal) {
    struct context *self = context_current();
    return self->blocked & signal_bit(signal) ||
           self->process->actions->actions[signal - 1].disposition == SIGNAL_IGNORE;
}

signal_set signal_pending_set(void) {
    struct context *self = context_current();
    return self->pending.set | self->process->pending.set;
}

bool signal_take(signal_set set, struct kernel_siginfo *info) {
    struct context *self = context_current();
    struct process *process = self->process;
    spin_lock(&process->signal_lock);
    bool found = signal_dequeue_locked(process, &self->pending, set, info) ||
                 signal_dequeue_locked(process, &process->pending, set, info);
    if (found) signal_recalculate_locked(self);
    spin_unlock(&process->signal_lock);
    return found;
}

void signal_set_mask(signal_set mask) {
    struct context *self = context_current();
    struct process *process = self->process;
    mask &= ~SIGNALS_UNBLOCKABLE;
    spin_lock(&process->signal_lock);
    self->blocked = mask;
    signal_recalculate_locked(self);
    spin_unlock(&process->signal_lock);
}

void signal_mask_temporarily(signal_set mask) {
    struct context *self = context_current();
    self->saved_blocked = self->blocked;
    atomic_fetch_or_relaxed(&self->work, WORK_RESTORE_MASK);
    signal_set_mask(mask);
}

static void restore_mask(struct context *self) {
    atomic_fetch_and_relaxed(&self->work, ~(uint32_t)WORK_RESTORE_MASK);
    signal_set_mask(self->saved_blocked);
}

void signal_exec_reset(struct process *process) {
    posix_timers_delete_all(process);
    if (atomic_load_acquire(&process->actions->references.count) > 1) {
        struct signal_actions *own = signal_actions_copy(process->actions);
        if (own) signal_actions_replace(process, own);
    }
    spin_lock(&process->signal_lock);
    for (uint32_t signal = 1; signal <= SIGNAL_COUNT; signal++) {
        struct signal_action *action = &process->actions->actions[signal - 1];
        bool ignored = action->disposition == SIGNAL_IGNORE;
        *action = (struct signal_action){.disposition = ignored ? SIGNAL_IGNORE : SIGNAL_DEFAULT};
    }
    spin_unlock(&process->signal_lock);
}

// ---- stopping

void signal_stop_sleep(void) {
    struct context *self = context_current();
    atomic_store_seq_cst(&self->stop_waiting, true);
    for (;;) {
        context_block_prepare();
        uint32_t work = atomic_load_seq_cst(&self->work);
        if (!(work & WORK_STOP) || work & WORK_EXIT) break;
        (void)context_block(WAIT_KILLABLE, TIME_NEVER);
    }
    context_block_cancel();
    atomic_store_relaxed(&self->stop_waiting, false);
}

// Default action of a stop signal that was taken: stops all threads; the running one sleeps until it continues.
static void stop_process(struct process *process, uint32_t signal) {
    spin_lock(&tasklist_lock);
    bool stop = signal == SIGSTOP || !process_group_orphaned(process->group, nullptr);
    spin_lock(&process->lock);
    spin_lock(&process->signal_lock);
    // A SIGCONT that came since the signal was taken wins.
    if ((process->pending.set & signal_bit(SIGCONT)) || process->exiting || process->stopped) stop = false;
    if (stop) {
        process->stopped = true;
        process->stop_signal = signal;
        list_for_each(context, &process->threads, struct context, process_link) {
            atomic_fetch_or_acq_rel(&context->work, WORK_STOP);
            scheduler_poke(context);
        }
    }
    spin_unlock(&process->signal_lock);
    spin_unlock(&process->lock);
    if (stop) process_report_stop_locked(process, false, signal);
    spin_unlock(&tasklist_lock);
    signal_stop_sleep();
}

bool signal_stop_in_wait(void) {
    struct context *self = context_current();
    struct process *process = self->process;
    if (!process) return false;
    if (self->work & WORK_STOP) {
        signal_stop_sleep();
        return true;
    }
    struct kernel_siginfo info;
    spin_lock(&process->signal_lock);
    uint32_t signal = signal_next_locked(self);
    bool stop = signal && signal_default_of(signal) == DEFAULT_STOP && process->pid != 1 && !self->trace &&
                process->actions->actions[signal - 1].disposition == SIGNAL_DEFAULT;
    if (stop) {
        if (!signal_dequeue_locked(process, &self->pending, signal_bit(signal), &info))
            (void)signal_dequeue_locked(process, &process->pending, signal_bit(signal), &info);
        signal_recalculate_locked(self);
    }
    spin_unlock(&process->signal_lock);
    if (stop) stop_process(process, signal);
    return stop;
}

// ---- delivery

static void perform_default(struct process *process, const struct kernel_siginfo *info) {
    if (process->pid == 1 && !process->signal_forced) return;
    switch (signal_default_of(info->signal)) {
    case DEFAULT_IGNORE:
    case DEFAULT_CONTINUE:
        return;
    case DEFAULT_STOP:
        stop_process(process, info->signal);
        return;
    default:
        process_exit((int32_t)info->signal);
    }
}

// A handler's frame could not be built: SIGSEGV, whose own handler is not tried when it was its frame.
static void delivery_failed(uint32_t signal) {
    struct process *process = process_current();
    if (signal == SIGSEGV) {
        spin_lock(&process->signal_lock);
        process->actions->actions[SIGSEGV - 1].disposition = SIGNAL_DEFAULT;
        spin_unlock(&process->signal_lock);
    }
    const struct kernel_siginfo info = {.signal = SIGSEGV, .code = SI_KERNEL};
    signal_force(&info);
}

static void run_handler(struct context *self, const struct kernel_siginfo *info, const struct signal_action *action,
                        struct user_frame *frame) {
    const struct personality_hooks *hooks = personality_hooks_of(self->personality);
    signal_set mask = self->blocked;
    if (self->work & WORK_RESTORE_MASK) {
        mask = self->saved_blocked;
        atomic_fetch_and_relaxed(&self->work, ~(uint32_t)WORK_RESTORE_MASK);
    }
    if (frame->cause != TRAP_SYSCALL) frame->disposition = FRAME_KEEP;
    if (!hooks || !hooks->signal_deliver || hooks->signal_deliver(info, action, mask, &self->signal_stack, frame) < 0) {
        frame->disposition = FRAME_KEEP;
        delivery_failed(info->signal);
        return;
    }
    frame->disposition = FRAME_KEEP;
    if (self->signal_stack.flags & SS_AUTODISARM) self->signal_stack = (struct signal_stack){.flags = SS_DISABLE};
    signal_set_mask(self->blocked | action->mask | (action->flags & SA_NODEFER ? 0 : signal_bit(info->signal)));
}

// Takes the next signal and a copy of its action. False: none is deliverable.
static bool take_next(struct context *self, struct kernel_siginfo *info, struct signal_action *action) {
    struct process *process = self->process;
    spin_lock(&process->signal_lock);
    bool found = signal_dequeue_locked(process, &self->pending, ~self->blocked, info) ||
                 signal_dequeue_locked(process, &process->pending, ~self->blocked, info);
    if (found) {
        struct signal_action *own = &process->actions->actions[info->signal - 1];
        *action = *own;
        if (own->disposition == SIGNAL_HANDLER && own->flags & SA_RESETHAND) own->disposition = SIGNAL_DEFAULT;
    }
    signal_recalculate_locked(self);
    spin_unlock(&process->signal_lock);
    return found;
}

static void end_interrupted_call(struct context *self, struct user_frame *frame) {
    atomic_fetch_and_relaxed(&self->work, ~(uint32_t)WORK_INTERRUPTED);
    if (frame->cause != TRAP_SYSCALL || frame->disposition == FRAME_WRITE || frame->disposition == FRAME_KEEP) return;
    const struct personality_hooks *hooks = personality_hooks_of(self->personality);
    if (hooks && hooks->interrupted) hooks->interrupted(frame);
    frame->disposition = FRAME_KEEP;
}

void signal_deliver_pending(struct user_frame *frame) {
    struct context *self = context_current();
    struct kernel_siginfo info;
    struct signal_action action;
    // A call that was not interrupted (poll that found something) gives the mask back before any handler runs.
    if ((self->work & (WORK_RESTORE_MASK | WORK_INTERRUPTED)) == WORK_RESTORE_MASK) restore_mask(self);
    while (self->work & WORK_SIGNAL && !(self->work & WORK_EXIT) && take_next(self, &info, &action)) {
        if (unlikely(self->trace) && info.signal != SIGKILL) {
            if (!trace_signal_stop(&info)) continue;
            action = self->process->actions->actions[info.signal - 1];
        }
        if (action.disposition == SIGNAL_IGNORE) continue;
        if (unlikely(self->personality & PERSONALITY_TRACED))
            trace_output_signal(&info, action.disposition == SIGNAL_HANDLER);
        if (action.disposition == SIGNAL_HANDLER)
            run_handler(self, &info, &action, frame);
        else
            perform_default(self->process, &info);
    }
    if (self->work & WORK_EXIT) return;
    if (self->work & WORK_INTERRUPTED) end_interrupted_call(self, frame);
    if (self->work & WORK_RESTORE_MASK) restore_mask(self);
}

// ---- exceptions

void user_exception(struct user_frame *frame, uint32_t signal, int32_t code, uintptr_t address) {
    struct context *self = context_current();
    const struct personality_hooks *hooks = personality_hooks_of(self->personality);
    const struct kernel_exception exception = {
        .info = {.signal = signal, .code = code, .address = address},
        .vector = frame->cause,
    };
    self->trap = exception.info;
    if (hooks && hooks->exception && hooks->exception(&exception, frame) != EXCEPTION_DEFAULT) return;
    signal_force(&exception.info);
}
