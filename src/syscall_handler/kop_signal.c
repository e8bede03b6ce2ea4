// Ops of signals.
#include "src/context/context.h"
#include "src/context/signal_internal.h"

// ---- sending

// kill(2)'s rule. Takes process->lock.
static bool may_signal(struct process *target, uint32_t signal) {
    const struct process *self = process_current();
    const struct kernel_credentials *own = &self->credentials->ids;
    if (target == self || capable(CAP_KILL)) return true;
    struct credentials *other = process_credentials(target);
    bool allowed = own->euid == other->ids.suid || own->euid == other->ids.uid || own->uid == other->ids.suid ||
                   own->uid == other->ids.uid;
    credentials_put(other);
    return allowed || (signal == SIGCONT && target->session == self->session);
}

static int32_t kill_process(int32_t pid, const struct kernel_siginfo *info) {
    struct process *process = process_find(pid);
    if (!process) {
        struct context *thread = context_find(pid);
        if (!thread) return -ESRCH;
        process = thread->process;
        object_get(&process->object);
        context_put(thread);
    }
    int32_t error = may_signal(process, info->signal) ? signal_send_process(process, info) : -EPERM;
    process_put(process);
    return error;
}

// group 0: all but process 1 and the caller's own.
static int32_t kill_many(int32_t group, const struct kernel_siginfo *info) {
    const struct process *self = process_current();
    int32_t result = -ESRCH;
    bool sent = false;
    spin_lock(&tasklist_lock);
    list_for_each(process, &processes, struct process, all_link) {
        if (group ? process->group != group : process->pid == 1 || process == self) continue;
        int32_t error = may_signal(process, info->signal) ? signal_send_process_locked(process, info) : -EPERM;
        if (!error) sent = true;
        result = error;
    }
    spin_unlock(&tasklist_lock);
    return sent ? 0 : result;
}

int32_t kop_kill(int32_t pid, const struct kernel_siginfo *info) {
    if (info->signal > SIGNAL_COUNT) return -EINVAL;
    if (pid > 0) return kill_process(pid, info);
    if (pid == INT32_MIN) return -ESRCH;
    if (pid == -1) return kill_many(0, info);
    return kill_many(pid ? -pid : process_current()->group, info);
}

int32_t kop_kill_thread(int32_t pid, int32_t tid, const struct kernel_siginfo *info) {
    if (info->signal > SIGNAL_COUNT || tid <= 0) return -EINVAL;
    struct context *context = context_find(tid);
    if (!context) return -ESRCH;
    int32_t error = 0;
    if (!context->process || (pid != -1 && context->process->pid != pid))
        error = -ESRCH;
    else if (!may_signal(context->process, info->signal))
        error = -EPERM;
    else
        error = signal_send_context(context, info);
    context_put(context);
    return error;
}

// ---- actions and masks

static bool action_ignores(uint32_t signal, const struct signal_action *action) {
    enum signal_default kind = signal_default_of(signal);
    return action->disposition == SIGNAL_IGNORE ||
           (action->disposition == SIGNAL_DEFAULT && (kind == DEFAULT_IGNORE || kind == DEFAULT_CONTINUE));
}

int32_t kop_signal_action(uint32_t signal, const struct signal_action *action, struct signal_action *old) {
    if (!signal || signal > SIGNAL_COUNT) return -EINVAL;
    if (action && SIGNALS_UNBLOCKABLE & signal_bit(signal)) return -EINVAL;
    struct process *process = process_current();
    struct signal_action *own = &process->actions->actions[signal - 1];
    spin_lock(&process->lock);
    spin_lock(&process->signal_lock);
    if (old) *old = *own;
    if (action) {
        *own = *action;
        own->mask &= ~SIGNALS_UNBLOCKABLE;
        if (unlikely(action_ignores(signal, action))) signal_discard_locked(process, signal_bit(signal));
    }
    spin_unlock(&process->signal_lock);
    spin_unlock(&process->lock);
    return 0;
}

int32_t kop_signal_mask(enum signal_mask_how how, const signal_set *set, signal_set *old) {
    struct context *self = context_current();
    signal_set before = self->blocked, after = before;
    if (set) {
        switch (how) {
        case SIG_BLOCK:
            after |= *set;
            break;
        case SIG_UNBLOCK:
            after &= ~*set;
            break;
        case SIG_SETMASK:
            after = *set;
            break;
        default:
            return -EINVAL;
        }
    }
    if (old) *old = before;
    after &= ~SIGNALS_UNBLOCKABLE;
    if (after != before) signal_set_mask(after);
    return 0;
}

int32_t kop_signal_pending(signal_set *set) {
    *set = signal_pending_set() & context_current()->blocked;
    return 0;
}

int32_t kop_signal_stack(const struct signal_stack *stack, struct signal_stack *old) {
    struct context *self = context_current();
    if (old) *old = self->signal_stack;
    if (stack) self->signal_stack = *stack;
    return 0;
}

// ---- waiting

int32_t kop_signal_suspend(signal_set mask) {
    enum wait_result result = WAIT_WOKEN;
    signal_mask_temporarily(mask);
    while (result == WAIT_WOKEN) {
        context_block_prepare();
        result = context_block(WAIT_INTERRUPTIBLE, TIME_NEVER);
    }
    return -KERNEL_ERESTART_NO_HANDLER;
}

int32_t kop_signal_wait(signal_set set, struct kernel_siginfo *info, nanoseconds deadline) {
    struct context *self = context_current();
    struct process *process = self->process;
    enum wait_result result = WAIT_WOKEN;
    set &= ~SIGNALS_UNBLOCKABLE;
    if (signal_take(set, info)) return 0;
    if (deadline <= clock_monotonic()) return -EAGAIN;
    spin_lock(&process->signal_lock);
    self->suspended_for = set;
    spin_unlock(&process->signal_lock);
    bool taken = false;
    for (;;) {
        context_block_prepare();
        if ((taken = signal_take(set, info)) || result != WAIT_WOKEN) break;
        result = context_block(WAIT_INTERRUPTIBLE, deadline);
    }
    context_block_cancel();
    spin_lock(&process->signal_lock);
    self->suspended_for = 0;
    spin_unlock(&process->signal_lock);
    if (taken) return 0;
    return result == WAIT_TIMEOUT ? -EAGAIN : -EINTR;
}
