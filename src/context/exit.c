// The end of threads and processes.
#include "src/context/exit.h"

#include "src/context/futex.h"
#include "src/context/handle_table.h"
#include "src/context/process.h"
#include "src/context/scheduler.h"
#include "src/context/trace.h"
#include "src/ipc/ipc.h"
#include "src/kernel.h"
#include "src/memory/address_space.h"
#include "src/memory/heap.h"
#include "src/memory/user_copy.h"
#include "src/scheme/file.h"
#include "src/scheme/tty.h"
#include "src/syscall_handler/syscall_handler.h"

// ---- asking threads to die

static void thread_kill(struct context *context) {
    atomic_fetch_or_acq_rel(&context->work, WORK_EXIT);
    if (atomic_load_seq_cst(&context->wait_flags) & WAIT_KILLABLE) (void)context_wake(context);
    scheduler_poke(context);
}

void process_kill_threads_locked(struct process *process, struct context *except) {
    list_for_each(context, &process->threads, struct context, process_link) {
        if (context != except) thread_kill(context);
    }
}

void process_request_exit(struct process *process, int32_t status) {
    spin_lock(&process->lock);
    if (!process->exiting) {
        process->exiting = true;
        process->exit_request = status;
        process_kill_threads_locked(process, nullptr);
    }
    spin_unlock(&process->lock);
}

void process_exit(int32_t status) {
    struct process *process = process_current();
    process_request_exit(process, status);
    context_exit(process->exit_request);
}

// The last one left takes the process's id over when the leader was another. Nobody else runs in the process.
static void become_leader(struct process *process, struct context *self) {
    struct context *old = process->leader;
    if (old == self) return;
    id_withdraw_context(old);
    id_withdraw_context(self);
    id_free(self->tid);
    self->tid = process->pid;
    id_publish_context(self);
    object_get(&self->object);
    spin_lock(&process->lock);
    process->leader = self;
    spin_unlock(&process->lock);
    context_put(old);
}

int32_t process_kill_other_threads(void) {
    struct context *self = context_current();
    struct process *process = self->process;
    spin_lock(&process->lock);
    bool first = !process->exiting && !process->survivor;
    if (first && process->thread_count > 1) {
        process->survivor = self;
        process_kill_threads_locked(process, self);
    }
    spin_unlock(&process->lock);
    if (!first) return -EAGAIN;
    enum wait_result result =
        wait_until(&process->child_wait, atomic_load_acquire(&process->thread_count) == 1, WAIT_KILLABLE, TIME_NEVER);
    process->survivor = nullptr;
    if (result != WAIT_WOKEN) return -EAGAIN;
    become_leader(process, self);
    return 0;
}

// ---- a thread

static void clear_child_tid(struct context *self) {
    struct user_address address = self->clear_child_tid;
    if (!address.value) return;
    uint32_t zero = 0;
    self->clear_child_tid.value = 0;
    if (atomic_load_relaxed(&self->process->address_space->references.count) == 1 &&
        atomic_load_relaxed(&self->process->thread_count) == 1)
        return; // nobody is left to see it
    if (copy_to_user(address, &zero, sizeof(zero))) return;
    (void)!futex_wake(address, 1, UINT32_MAX, FUTEX_SHARED);
}

static void vfork_release(struct context *self) {
    struct waitable *done = self->vfork_done;
    self->vfork_done = nullptr;
    if (done) waitable_signal(done, 1);
}

static void usage_add_thread(struct kernel_rusage *usage, const struct context *context) {
    usage->user_time += context->user_time;
    usage->system_time += context->system_time;
    usage->voluntary_switches += context->voluntary_switches;
    usage->involuntary_switches += context->involuntary_switches;
    usage->minor_faults += context->minor_faults;
    usage->major_faults += context->major_faults;
}

void process_usage_locked(struct process *process, struct kernel_rusage *usage) {
    *usage = process->usage;
    list_for_each(context, &process->threads, struct context, process_link) usage_add_thread(usage, context);
    if (process->address_space)
        usage->maximum_resident_pages =
            max(usage->maximum_resident_pages, process->address_space->maximum_resident_pages);
}

void usage_add(struct kernel_rusage *to, const struct kernel_rusage *from) {
    to->user_time += from->user_time;
    to->system_time += from->system_time;
    to->voluntary_switches += from->voluntary_switches;
    to->involuntary_switches += from->involuntary_switches;
    to->minor_faults += from->minor_faults;
    to->major_faults += from->major_faults;
    to->maximum_resident_pages = max(to->maximum_resident_pages, from->maximum_resident_pages);
}

[[noreturn]] static void thread_end(struct context *self) {
    waitable_signal(&self->exited, 1);
    atomic_store_relaxed(&self->state, CONTEXT_DEAD);
    scheduler_switch_blocked();
    panic("a dead thread runs");
}

// Takes the thread off its process. Returns whether it was the last one.
static bool leave_process(struct process *process, struct context *self, int32_t status) {
    scheduler_account_current();
    spin_lock(&process->lock);
    list_remove(&self->process_link);
    usage_add_thread(&process->usage, self);
    bool last = process->thread_count == 1;
    if (last) {
        if (!process->exiting) process->exit_request = status;
        process->exiting = true;
    }
    atomic_store_release(&process->thread_count, process->thread_count - 1);
    spin_unlock(&process->lock);
    return last;
}

void context_exit(int32_t status) {
    struct context *self = context_current();
    struct process *process = self->process;
    if (!process) thread_end(self);
    const struct personality_hooks *hooks = personality_hooks_of(self->personality);
    self->exit_code = status;
    if (hooks && hooks->thread_exit) hooks->thread_exit(self->personality_slot);
    clear_child_tid(self);
    trace_thread_exit(self);
    bool leader = process->leader == self;
    bool last = leave_process(process, self, status);
    spin_lock(&process->signal_lock);
    signal_queue_clear(process, &self->pending);
    spin_unlock(&process->signal_lock);
    if (!last) {
        vfork_release(self);
        if (!leader) {
            id_withdraw_context(self);
            id_free(self->tid);
        }
        wait_queue_wake_all(&process->child_wait);
    } else {
        if (!leader) {
            id_withdraw_context(self);
            id_free(self->tid);
        }
        process_end(process, self);
    }
    thread_end(self);
}

// ---- a process

static void release_resources(struct process *process, struct context *self) {
    semaphores_undo(process);
    struct address_space *space = process->address_space;
    process->usage.maximum_resident_pages = max(process->usage.maximum_resident_pages, space->maximum_resident_pages);
    address_space_switch(nullptr);
    spin_lock(&process->lock);
    process->address_space = nullptr;
    struct file *executable = process->executable;
    process->executable = nullptr;
    struct handle_table *handles = process->handles;
    struct file_system_state *file_system = process->file_system;
    process->handles = nullptr; // others that look at this process find nothing that is being taken down
    process->file_system = nullptr;
    spin_unlock(&process->lock);
    address_space_put(space);
    vfork_release(self);
    handle_table_put(handles);
    file_system_state_put(file_system);
    if (executable) {
        file_allow_write(executable);
        file_put(executable);
    }
}

bool process_group_orphaned(int32_t group, const struct process *ignored) {
    list_for_each(process, &processes, struct process, all_link) {
        if (process->group != group || process == ignored || process->state >= PROCESS_ZOMBIE || !process->parent)
            continue;
        if (process->parent->group != group && process->parent->session == process->session) return false;
    }
    return true;
}

static bool group_has_stopped(int32_t group, const struct process *ignored) {
    list_for_each(process, &processes, struct process, all_link) {
        if (process->group == group && process != ignored && process->state == PROCESS_STOPPED) return true;
    }
    return false;
}

static void hang_up_group(int32_t group) {
    const uint32_t signals[] = {SIGHUP, SIGCONT};
    for (unsigned i = 0; i < array_size(signals); i++) {
        const struct kernel_siginfo info = {.signal = signals[i], .code = SI_KERNEL};
        list_for_each(process, &processes, struct process, all_link) {
            if (process->group == group) (void)signal_send_process_locked(process, &info);
        }
    }
}

// POSIX: a group that becomes orphaned and has a stopped member gets SIGHUP and SIGCONT. `process` is leaving, or loses
// `parent`.
static void check_orphaned_group(struct process *process, const struct process *parent, const struct process *ignored) {
    if (!parent || parent->group == process->group || parent->session != process->session) return;
    if (process_group_orphaned(process->group, ignored) && group_has_stopped(process->group, ignored))
        hang_up_group(process->group);
}

static struct process *find_reaper(struct process *process) {
    for (struct process *ancestor = process->parent; ancestor; ancestor = ancestor->parent) {
        if (ancestor->pid == 1 || (ancestor->child_subreaper && ancestor->state < PROCESS_ZOMBIE)) return ancestor;
    }
    return nullptr;
}

// ended: gets the zombies that the new parent does not want to know of.
static void reparent_children(struct process *process, struct list *ended) {
    if (list_empty(&process->children)) return; // the search may have a long way up
    struct process *reaper = find_reaper(process);
    if (!reaper) return;
    bool zombies = false;
    list_for_each_safe(child, following, &process->children, struct process, sibling) {
        child->parent = reaper;
        atomic_store_relaxed(&child->parent_pid, reaper->pid);
        list_remove(&child->sibling);
        list_push_back(&reaper->children, &child->sibling);
        if (child->death_signal) {
            const struct kernel_siginfo info = {.signal = child->death_signal, .code = SI_USER, .pid = process->pid};
            (void)signal_send_process_locked(child, &info);
        }
        if (child->exit_signal) child->exit_signal = SIGCHLD;
        if (child->state == PROCESS_ZOMBIE) {
            zombies = true;
            if (!process_notify_parent(child)) continue;
            process_unlink_locked(child);
            list_push_back(ended, &child->sibling);
        } else {
            check_orphaned_group(child, process, nullptr);
        }
    }
    if (zombies) wait_queue_wake_all(&reaper->child_wait);
}

// Whether the parent does not want to know: then the zombie goes at once.
static bool parent_reaps_automatically(const struct process *child) {
    if (child->exit_signal != SIGCHLD || !child->parent->actions) return false;
    const struct signal_action *action = &child->parent->actions->actions[SIGCHLD - 1];
    return action->disposition == SIGNAL_IGNORE || action->flags & SA_NOCLDWAIT;
}

static void child_siginfo(struct process *child, struct kernel_siginfo *info) {
    int32_t signal = child->exit_status & 0x7f;
    *info = (struct kernel_siginfo){
        .signal = child->exit_signal,
        .code = child->wait_code,
        .pid = child->pid,
        .uid = child->credentials->ids.uid,
        .status = signal ? signal : child->exit_status >> 8 & 0xff,
        .user_time = child->usage.user_time,
        .system_time = child->usage.system_time,
    };
}

bool process_notify_parent(struct process *child) {
    bool automatic = parent_reaps_automatically(child);
    if (child->exit_signal) {
        struct kernel_siginfo info;
        child_siginfo(child, &info);
        (void)signal_send_process_locked(child->parent, &info);
    }
    wait_queue_wake_all(&child->parent->child_wait);
    return automatic;
}

void process_unlink_locked(struct process *process) {
    list_remove(&process->sibling);
    list_remove(&process->all_link);
    process->state = PROCESS_REAPED;
}

void process_forget(struct process *process) {
    atomic_fetch_sub_relaxed(&process_count, 1);
    id_withdraw_context(process->leader);
    id_withdraw_process(process);
    if (process->terminal) tty_put(process->terminal);
    struct context *leader = process->leader;
    process->leader = nullptr;
    context_put(leader);
    process_put(process);
}

[[noreturn]] static void first_process_ended(int32_t status) {
    if (status & 0x7f)
        log_error("init", "process 1 was killed by signal %d: powering off", status & 0x7f);
    else
        log_info("init", "process 1 exited with status %d: powering off", status >> 8 & 0xff);
    arch_power_off();
}

void process_end(struct process *process, struct context *self) {
    int32_t status = process->exit_request;
    if (process->pid == 1) first_process_ended(status);
    process_end_timers(process);
    trace_process_exit(process);
    release_resources(process, self);
    if (process->session == process->pid) tty_session_exit(process);
    spin_lock(&process->signal_lock);
    signal_queue_clear(process, &process->pending);
    spin_unlock(&process->signal_lock);

    struct list ended = LIST_INIT(ended);
    spin_lock(&tasklist_lock);
    reparent_children(process, &ended);
    check_orphaned_group(process, process->parent, process);
    process->exit_status = status;
    process->wait_code = !(status & 0x7f) ? CLD_EXITED : status & 0x80 ? CLD_DUMPED : CLD_KILLED;
    process->state = PROCESS_ZOMBIE;
    spin_lock(&process->signal_lock);
    struct signal_actions *actions = process->actions;
    process->actions = nullptr;
    spin_unlock(&process->signal_lock);
    bool automatic = process_notify_parent(process);
    if (automatic) process_unlink_locked(process);
    spin_unlock(&tasklist_lock);

    if (refcount_put(&actions->references)) heap_free(actions);
    waitable_signal(&process->exited, 1);
    list_for_each_safe(child, following, &ended, struct process, sibling) process_forget(child);
    if (automatic) process_forget(process);
}
