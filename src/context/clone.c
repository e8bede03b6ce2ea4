// New threads and processes from running ones.
#include "lib/string.h"
#include "src/context/handle_table.h"
#include "src/context/process.h"
#include "src/context/scheduler.h"
#include "src/memory/address_space.h"
#include "src/memory/heap.h"
#include "src/memory/user_copy.h"
#include "src/scheme/file.h"
#include "src/scheme/tty.h"
#include "src/syscall_handler/syscall_handler.h"

constexpr uint64_t CLONE_KNOWN = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_VFORK | CLONE_PARENT |
                                 CLONE_THREAD | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID |
                                 CLONE_CHILD_SETTID | CLONE_CLEAR_SIGHAND;
constexpr uint64_t CLONE_OF_THREADS = CLONE_VM | CLONE_SIGHAND | CLONE_FILES | CLONE_FS;

static int32_t check_flags(const struct kernel_clone *clone) {
    uint64_t flags = clone->flags;
    if (flags & ~CLONE_KNOWN) return -EINVAL;
    if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM)) return -EINVAL;
    if ((flags & CLONE_SIGHAND) && (flags & CLONE_CLEAR_SIGHAND)) return -EINVAL;
    if ((flags & CLONE_THREAD) && (flags & CLONE_OF_THREADS) != CLONE_OF_THREADS) return -EINVAL;
    if (clone->exit_signal > SIGNAL_COUNT) return -EINVAL;
    if ((flags & CLONE_PARENT) && process_current()->pid == 1) return -EINVAL;
    if ((flags & CLONE_SETTLS) && clone->tls >= USER_LIMIT) return -EPERM;
    return 0;
}

// RLIMIT_NPROC, which binds all but the superuser.
static int32_t check_process_limit(void) {
    uint64_t limit = process_limit(RLIMIT_NPROC);
    uint32_t uid = process_current()->credentials->ids.uid;
    if (limit == RLIM_INFINITY || !uid || capable(CAP_SYS_RESOURCE) || capable(CAP_SYS_ADMIN)) return 0;
    uint64_t count = 0;
    spin_lock(&tasklist_lock);
    list_for_each(process, &processes, struct process, all_link) {
        if (process->credentials->ids.uid == uid) count += max(process->thread_count, 1U);
    }
    spin_unlock(&tasklist_lock);
    return count >= limit ? -EAGAIN : 0;
}

// ---- the thread

static void copy_scheduling(struct context *child, const struct context *self) {
    child->nice = self->nice;
    child->policy = self->policy;
    child->priority = self->priority;
    child->affinity = self->affinity;
    if (!self->reset_on_fork) return;
    child->nice = max(child->nice, 0);
    child->policy = child->policy == SCHED_FIFO || child->policy == SCHED_RR ? SCHED_OTHER : child->policy;
    child->priority = 0;
}

static int32_t copy_frame(struct context *child, const struct context *self, const struct kernel_clone *clone) {
    struct user_frame *frame = arch_context_user_frame(child);
    arch_context_init_user(child);
    *frame = *arch_context_user_frame((struct context *)self);
    user_frame_set_result(frame, 0);
    frame->disposition = FRAME_KEEP;
    if (clone->stack.value) user_frame_set_stack_pointer(frame, clone->stack.value);
    return arch_context_copy(child);
}

static int32_t copy_thread_slot(struct context *child, const struct context *self) {
    const struct personality_hooks *hooks = personality_hooks_of(self->personality);
    if (!hooks || !hooks->thread_create) return 0;
    return hooks->thread_create(self->personality_slot, &child->personality_slot);
}

static int32_t copy_context(struct context *child, const struct context *self, const struct kernel_clone *clone) {
    child->personality = self->personality;
    child->blocked = self->blocked;
    copy_scheduling(child, self);
    if (!(clone->flags & CLONE_VM) || clone->flags & CLONE_VFORK)
        child->signal_stack = self->signal_stack;
    else
        child->signal_stack.flags = SS_DISABLE;
    if (clone->flags & CLONE_CHILD_CLEARTID) child->clear_child_tid = clone->child_tid;
    if (clone->flags & CLONE_CHILD_SETTID) child->start_tid_store = clone->child_tid;
    if (clone->flags & CLONE_SETTLS) {
        child->start_sets_thread_pointer = true;
        child->start_thread_pointer = clone->tls;
    }
    int32_t error = copy_frame(child, self, clone);
    return error ? error : copy_thread_slot(child, self);
}

// ---- the process

static struct signal_actions *copy_actions(struct signal_actions *actions, bool share) {
    if (share) {
        refcount_get(&actions->references);
        return actions;
    }
    return signal_actions_copy(actions);
}

static int32_t copy_shared(struct process *child, struct process *parent, uint64_t flags) {
    child->actions = copy_actions(parent->actions, flags & CLONE_SIGHAND);
    if (!child->actions) return -ENOMEM;
    if (flags & CLONE_CLEAR_SIGHAND) signal_exec_reset(child);
    if (flags & CLONE_FS)
        file_system_state_get(child->file_system = parent->file_system);
    else if (!(child->file_system = file_system_state_copy(parent->file_system)))
        return -ENOMEM;
    if (flags & CLONE_FILES)
        handle_table_get(child->handles = parent->handles);
    else if (!(child->handles = handle_table_copy(parent->handles)))
        return -ENOMEM;
    if (flags & CLONE_VM)
        address_space_get(child->address_space = parent->address_space);
    else if (!(child->address_space = address_space_fork(parent->address_space)))
        return -ENOMEM;
    return 0;
}

static void copy_attributes(struct process *child, struct process *parent) {
    spin_lock(&parent->lock);
    child->personality = parent->personality;
    child->credentials = parent->credentials;
    credentials_get(child->credentials);
    child->executable = parent->executable;
    if (child->executable) {
        file_get(child->executable);
        (void)!file_deny_write(child->executable); // cannot fail: the parent denies it already
    }
    memcpy(child->limits, parent->limits, sizeof(child->limits));
    spin_unlock(&parent->lock);
    child->no_new_privileges = parent->no_new_privileges;
    child->dumpable = parent->dumpable;
    child->keep_capabilities = parent->keep_capabilities;
    child->timer_slack = child->timer_slack_default = parent->timer_slack;
    child->kill_preference = atomic_load_relaxed(&parent->kill_preference);
}

static int32_t copy_process_slot(struct process *child, struct process *parent) {
    const struct personality_hooks *hooks = personality_hooks_of(parent->personality);
    if (!hooks || !hooks->process_create) return 0;
    return hooks->process_create(parent->personality_slot, &child->personality_slot);
}

// Undoes a process that was never published.
static void discard_process(struct process *child) {
    if (child->address_space) address_space_put(child->address_space);
    if (child->handles) handle_table_put(child->handles);
    if (child->file_system) file_system_state_put(child->file_system);
    if (child->actions && refcount_put(&child->actions->references)) heap_free(child->actions);
    if (child->executable) {
        file_allow_write(child->executable);
        file_put(child->executable);
    }
    process_put(child);
}

static int32_t clone_process(struct context *thread, const struct kernel_clone *clone) {
    struct process *parent = process_current();
    struct process *child = process_alloc();
    if (!child) return -ENOMEM;
    copy_attributes(child, parent);
    int32_t error = copy_shared(child, parent, clone->flags);
    if (!error) error = copy_process_slot(child, parent);
    if (error) {
        discard_process(child);
        return error;
    }
    child->pid = thread->tid;
    child->leader = thread;
    object_get(&thread->object); // the leader pointer's
    object_get(&child->object);  // the thread's
    thread->process = child;
    child->exit_signal = clone->exit_signal;
    child->vforked = clone->flags & CLONE_VFORK;
    process_add_thread(child, thread);
    process_publish(child, clone->flags & CLONE_PARENT ? nullptr : parent);
    return 0;
}

static int32_t clone_thread(struct context *thread) {
    struct process *process = process_current();
    spin_lock(&process->lock);
    bool dying = process->exiting || process->survivor;
    if (!dying) {
        object_get(&process->object);
        thread->process = process;
        process_add_thread(process, thread);
        if (process->stopped) atomic_fetch_or_relaxed(&thread->work, WORK_STOP);
    }
    spin_unlock(&process->lock);
    return dying ? -KERNEL_ERESTART : 0;
}

// ---- clone

static int32_t wait_for_vfork(struct process *child) {
    return wait_until(&child->vfork_done.queue, child->vfork_done.count, WAIT_KILLABLE, TIME_NEVER) == WAIT_WOKEN
               ? 0
               : -EINTR;
}

int32_t process_clone(const struct kernel_clone *clone, int32_t *id) {
    struct context *self = context_current();
    int32_t error = check_flags(clone);
    if (!error) error = check_process_limit();
    if (error) return error;
    struct context *child = context_alloc(self->name);
    if (!child) return -ENOMEM;
    child->tid = id_allocate();
    error = child->tid < 0 ? child->tid : copy_context(child, self, clone);
    if (!error) error = clone->flags & CLONE_THREAD ? clone_thread(child) : clone_process(child, clone);
    if (error) {
        if (child->tid > 0) id_free(child->tid);
        context_put(child);
        return error;
    }
    int32_t tid = *id = child->tid;
    struct process *vforked = nullptr;
    if (clone->flags & CLONE_VFORK) {
        vforked = child->process;
        object_get(&vforked->object);
        child->vfork_done = &vforked->vfork_done;
    }
    id_publish_context(child);
    if (clone->flags & CLONE_PARENT_SETTID) (void)!copy_to_user(clone->parent_tid, &tid, sizeof(tid));
    context_start(child);
    if (vforked) {
        (void)wait_for_vfork(vforked);
        process_put(vforked);
    }
    return 0;
}

void context_user_start(void) {
    scheduler_switch_finish();
    struct context *self = context_current();
    if (self->start_sets_thread_pointer) (void)!arch_thread_pointer_set(THREAD_POINTER_FS, self->start_thread_pointer);
    if (self->start_tid_store.value) (void)!copy_to_user(self->start_tid_store, &self->tid, sizeof(self->tid));
    if (self->start_function) self->start_function(self->start_argument);
}
