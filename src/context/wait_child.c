// Waiting for children, and telling parents of stops.
#include "src/context/exit.h"
#include "src/context/process.h"
#include "src/context/trace.h"

struct child_search {
    enum wait_for which;
    int32_t id;
    uint32_t options;
    struct kernel_wait_result *result;
    int32_t error;          // -ECHILD: there is none that could match
    struct process *reaped; // taken out of the family, to be forgotten
};

static bool matches(const struct process *child, const struct child_search *search) {
    if (search->options & WAIT_ONLY_SIGCHLD && child->exit_signal != SIGCHLD) return false;
    if (search->options & WAIT_ONLY_CLONED && child->exit_signal == SIGCHLD) return false;
    switch (search->which) {
    case WAIT_FOR_PID:
        return child->pid == search->id;
    case WAIT_FOR_GROUP:
        return child->group == search->id;
    default:
        return true;
    }
}

static void fill_result(struct process *child, const struct child_search *search, enum child_code code,
                        int32_t status) {
    struct kernel_wait_result *result = search->result;
    *result = (struct kernel_wait_result){.pid = child->pid, .code = code, .status = status};
    result->uid = child->credentials->ids.uid;
    spin_lock(&child->lock);
    process_usage_locked(child, &result->usage);
    spin_unlock(&child->lock);
    usage_add(&result->usage, &child->children_usage);
}

static void take_zombie(struct process *child, struct child_search *search) {
    int32_t status = child->exit_status, signal = status & 0x7f;
    fill_result(child, search, child->wait_code, signal ? signal : status >> 8 & 0xff);
    if (search->options & WNOWAIT) return;
    usage_add(&child->parent->children_usage, &search->result->usage);
    process_unlink_locked(child);
    search->reaped = child;
}

// Whether the child has something to report now. Caller holds tasklist_lock.
static bool report(struct process *child, struct child_search *search) {
    if (child->state == PROCESS_ZOMBIE) {
        if (!(search->options & WEXITED)) return false;
        take_zombie(child, search);
        return true;
    }
    uint32_t wanted = child->wait_code == CLD_STOPPED ? WSTOPPED : WCONTINUED;
    if (!child->wait_pending || !(search->options & wanted)) return false;
    fill_result(child, search, child->wait_code,
                child->wait_code == CLD_STOPPED ? (int32_t)child->stop_signal : SIGCONT);
    if (!(search->options & WNOWAIT)) child->wait_pending = false;
    return true;
}

// True: the wait is over (found, or there is no such child).
static bool search_children(struct child_search *search) {
    bool found = false, possible = false;
    spin_lock(&tasklist_lock);
    list_for_each(child, &process_current()->children, struct process, sibling) {
        if (!matches(child, search)) continue;
        possible = true;
        if ((found = report(child, search))) break;
    }
    if (!found) found = trace_wait(search->which, search->id, search->options, search->result, &possible);
    spin_unlock(&tasklist_lock);
    search->error = possible ? 0 : -ECHILD;
    return found || !possible;
}

int32_t process_wait(enum wait_for which, int32_t id, uint32_t options, struct kernel_wait_result *result) {
    if (options &
        ~(uint32_t)(WNOHANG | WSTOPPED | WEXITED | WCONTINUED | WNOWAIT | WAIT_ONLY_SIGCHLD | WAIT_ONLY_CLONED))
        return -EINVAL;
    if (!(options & (WSTOPPED | WEXITED | WCONTINUED))) return -EINVAL;
    struct process *self = process_current();
    if (which == WAIT_FOR_GROUP && id == 0) id = self->group;
    struct child_search search = {.which = which, .id = id, .options = options, .result = result};
    result->pid = 0;
    if (!search_children(&search)) {
        if (options & WNOHANG) {
            *result = (struct kernel_wait_result){};
            return 0;
        }
        enum wait_result wait = wait_until(&self->child_wait, search_children(&search), WAIT_INTERRUPTIBLE, TIME_NEVER);
        if (wait != WAIT_WOKEN) return wait_result_error(wait);
    }
    if (search.reaped) process_forget(search.reaped);
    return search.error;
}

void process_report_stop_locked(struct process *process, bool continued, uint32_t signal) {
    struct process *parent = process->parent;
    if (process->state >= PROCESS_ZOMBIE) return;
    process->state = continued ? PROCESS_RUNNING : PROCESS_STOPPED;
    process->wait_code = continued ? CLD_CONTINUED : CLD_STOPPED;
    process->wait_pending = true;
    if (!parent || !parent->actions) return;
    const struct signal_action *action = &parent->actions->actions[SIGCHLD - 1];
    if (!(action->flags & SA_NOCLDSTOP)) {
        const struct kernel_siginfo info = {
            .signal = SIGCHLD,
            .code = process->wait_code,
            .pid = process->pid,
            .uid = process->credentials->ids.uid,
            .status = (int32_t)signal,
        };
        (void)signal_send_process_locked(parent, &info);
    }
    wait_queue_wake_all(&parent->child_wait);
}
