// Ops of processes and threads.
#include "lib/string.h"
#include "src/context/context.h"
#include "src/context/handle_table.h"
#include "src/context/scheduler.h"
#include "src/kernel.h"
#include "src/memory/address_space.h"
#include "src/memory/heap.h"
#include "src/scheme/file.h"
#include "src/scheme/tty.h"

int32_t kop_clone(const struct kernel_clone *clone, int32_t *id) {
    return process_clone(clone, id);
}

int32_t kop_exit_thread(int32_t code) {
    context_exit((code & 0xff) << 8);
}

int32_t kop_exit_process(int32_t code) {
    process_exit((code & 0xff) << 8);
}

int32_t kop_wait(enum wait_for which, int32_t id, uint32_t options, struct kernel_wait_result *result) {
    return process_wait(which, id, options, result);
}

int32_t kop_get_pid(void) {
    return process_current()->pid;
}

int32_t kop_get_tid(void) {
    return context_current()->tid;
}

int32_t kop_get_parent(void) {
    return atomic_load_relaxed(&process_current()->parent_pid);
}

int32_t kop_set_tid_address(struct user_address address) {
    context_current()->clear_child_tid = address;
    return context_current()->tid;
}

// ---- groups and sessions

static struct process *find_or_self(int32_t pid) {
    struct process *process = pid ? process_find(pid) : process_current();
    if (!pid) object_get(&process->object);
    return process;
}

int32_t kop_get_process_group(int32_t pid) {
    struct process *process = find_or_self(pid);
    if (!process) return -ESRCH;
    int32_t group = process->group;
    process_put(process);
    return group;
}

int32_t kop_get_session(int32_t pid) {
    struct process *process = find_or_self(pid);
    if (!process) return -ESRCH;
    int32_t session = process->session;
    process_put(process);
    return session;
}

// Caller holds tasklist_lock.
static bool session_has_group(int32_t session, int32_t group) {
    list_for_each(process, &processes, struct process, all_link) {
        if (process->group == group && process->session == session) return true;
    }
    return false;
}

// Caller holds tasklist_lock.
static int32_t check_new_group(const struct process *process, int32_t group) {
    const struct process *self = process_current();
    if (process != self && process->parent != self) return -ESRCH;
    if (process != self && process->session != self->session) return -EPERM;
    if (process != self && process->executed) return -EACCES;
    if (process->session == process->pid) return -EPERM;
    if (group != process->pid && !session_has_group(self->session, group)) return -EPERM;
    return 0;
}

int32_t kop_set_process_group(int32_t pid, int32_t group) {
    if (group < 0) return -EINVAL;
    struct process *process = find_or_self(pid);
    if (!process) return -ESRCH;
    if (!group) group = process->pid;
    spin_lock(&tasklist_lock);
    int32_t error = process->state >= PROCESS_ZOMBIE ? -ESRCH : check_new_group(process, group);
    if (!error) process->group = group;
    spin_unlock(&tasklist_lock);
    process_put(process);
    return error;
}

int32_t kop_create_session(void) {
    struct process *self = process_current();
    struct tty *terminal = nullptr;
    int32_t result = self->pid;
    spin_lock(&tasklist_lock);
    list_for_each(process, &processes, struct process, all_link) {
        if (process->group == self->pid) result = -EPERM;
    }
    if (result > 0) {
        self->session = self->group = self->pid;
        terminal = self->terminal;
        self->terminal = nullptr;
    }
    spin_unlock(&tasklist_lock);
    if (terminal) tty_put(terminal);
    return result;
}

// ---- sharing

int32_t kop_unshare(uint64_t flags) {
    struct process *self = process_current();
    constexpr uint64_t known = CLONE_FS | CLONE_FILES | CLONE_VM | CLONE_SIGHAND;
    if (flags & ~known) return -EINVAL;
    bool threads = atomic_load_relaxed(&self->thread_count) > 1;
    bool shares_memory = threads || atomic_load_relaxed(&self->address_space->references.count) > 1;
    if ((flags & CLONE_VM) && shares_memory) return -EINVAL;
    if ((flags & CLONE_SIGHAND) && (threads || atomic_load_relaxed(&self->actions->references.count) > 1))
        return -EINVAL;
    if (!(flags & (CLONE_FS | CLONE_FILES))) return 0;
    if (threads) return -EINVAL; // descriptors and directories belong to the process here
    if ((flags & CLONE_FILES) && atomic_load_relaxed(&self->handles->references.count) > 1) {
        struct handle_table *own = handle_table_copy(self->handles), *old = self->handles;
        if (!own) return -ENOMEM;
        self->handles = own;
        handle_table_put(old);
    }
    if ((flags & CLONE_FS) && atomic_load_relaxed(&self->file_system->references.count) > 1) {
        struct file_system_state *own = file_system_state_copy(self->file_system), *old = self->file_system;
        if (!own) return -ENOMEM;
        self->file_system = own;
        file_system_state_put(old);
    }
    return 0;
}

// ---- attributes

int32_t kop_process_attribute_get(enum process_attribute attribute, uint64_t *value) {
    const struct process *self = process_current();
    switch (attribute) {
    case PROCESS_DUMPABLE:
        *value = self->dumpable;
        return 0;
    case PROCESS_DEATH_SIGNAL:
        *value = self->death_signal;
        return 0;
    case PROCESS_NO_NEW_PRIVILEGES:
        *value = self->no_new_privileges;
        return 0;
    case PROCESS_SUBREAPER:
        *value = self->child_subreaper;
        return 0;
    case PROCESS_KEEP_CAPABILITIES:
        *value = self->keep_capabilities;
        return 0;
    case PROCESS_TIMER_SLACK:
        *value = self->timer_slack;
        return 0;
    }
    return -EINVAL;
}

int32_t kop_process_attribute_set(enum process_attribute attribute, uint64_t value) {
    struct process *self = process_current();
    switch (attribute) {
    case PROCESS_DUMPABLE:
        if (value > 1) return -EINVAL;
        self->dumpable = value;
        return 0;
    case PROCESS_DEATH_SIGNAL:
        if (value > SIGNAL_COUNT) return -EINVAL;
        self->death_signal = (uint32_t)value;
        return 0;
    case PROCESS_NO_NEW_PRIVILEGES:
        if (value != 1) return -EINVAL;
        self->no_new_privileges = true;
        return 0;
    case PROCESS_SUBREAPER:
        self->child_subreaper = value;
        return 0;
    case PROCESS_KEEP_CAPABILITIES:
        if (value > 1) return -EINVAL;
        self->keep_capabilities = value;
        return 0;
    case PROCESS_TIMER_SLACK:
        self->timer_slack = value ? value : self->timer_slack_default;
        return 0;
    }
    return -EINVAL;
}

static struct context *find_thread(int32_t tid) {
    struct context *context = tid ? context_find(tid) : context_current();
    if (!tid) object_get(&context->object);
    return context;
}

int32_t kop_thread_name_get(int32_t tid, char name[16]) {
    struct context *context = find_thread(tid);
    if (!context) return -ESRCH;
    memcpy(name, context->name, 16);
    context_put(context);
    return 0;
}

int32_t kop_thread_name_set(int32_t tid, const char name[16]) {
    struct context *context = find_thread(tid);
    if (!context) return -ESRCH;
    int32_t error = context->process == process_current() ? 0 : -EPERM;
    if (!error) {
        memset(context->name, 0, 16);
        memcpy(context->name, name, strnlen(name, 15));
    }
    context_put(context);
    return error;
}

// ---- pidfd

static uint32_t pidfd_ready(struct file *file) {
    const struct process *process = file->data;
    return atomic_load_acquire(&process->exited.count) ? POLLIN | POLLRDNORM : 0;
}

static void pidfd_release(struct file *file) {
    process_put(file->data);
}

static int64_t pidfd_seek(struct file *, int64_t, uint32_t) {
    return -ESPIPE;
}

static size_t pidfd_describe(struct file *, char *buffer, size_t size) {
    (void)string_copy(buffer, "anon_inode:[pidfd]", size);
    return strlen(buffer);
}

static const struct scheme pidfd_scheme = {
    .name = "pidfd",
    .ready = pidfd_ready,
    .release = pidfd_release,
    .seek = pidfd_seek,
    .describe = pidfd_describe,
};

int32_t kop_process_file_open(int32_t pid, uint32_t flags) {
    if (pid <= 0 || flags & ~(uint32_t)O_NONBLOCK) return -EINVAL;
    struct process *process = process_find(pid);
    if (!process) {
        struct context *thread = context_find(pid);
        if (!thread) return -ESRCH;
        context_put(thread);
        return -EINVAL; // a thread that is no leader
    }
    struct file *file = file_create(&pidfd_scheme, O_RDWR | flags, process);
    if (!file) {
        process_put(process);
        return -ENOMEM;
    }
    file->readiness = &process->exited.queue;
    int32_t descriptor = handle_install(&file->object, 0, HANDLE_CLOSE_ON_EXEC);
    if (descriptor < 0) file_put(file);
    return descriptor;
}

int32_t kop_process_file_pid(int32_t descriptor, int32_t *pid) {
    struct file_reference reference = file_lookup(descriptor);
    if (!reference.file) return -EBADF;
    int32_t error = reference.file->scheme == &pidfd_scheme ? 0 : -EBADF;
    if (!error) {
        const struct process *process = reference.file->data;
        *pid = process->pid;
    }
    file_release(reference);
    return error;
}
