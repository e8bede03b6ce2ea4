// The Linux personality's part of each thread, and its hooks.
#include "personality/src/linux/aio.h"
#include "personality/src/linux/arch.h"
#include "personality/src/linux/process.h"
#include "personality/src/linux/seccomp.h"
#include "personality/src/linux/shims.h"
#include "personality/src/shim.h"

struct linux_thread *linux_thread_existing(void) {
    return *current_slot(SLOT_THREAD);
}

int32_t linux_thread_current(struct linux_thread **thread) {
    void **slot = current_slot(SLOT_THREAD);
    if (*slot == nullptr) {
        int32_t error = kernel_ops->allocate(sizeof(struct linux_thread), slot);
        if (error < 0) return error;
    }
    *thread = *slot;
    return 0;
}

int32_t linux_process_current(struct linux_process **process) {
    void **slot = current_slot(SLOT_PROCESS);
    if (*slot == nullptr) {
        int32_t error = kernel_ops->allocate(sizeof(struct linux_process), slot);
        if (error < 0) return error;
    }
    *process = *slot;
    return 0;
}

int32_t linux_thread_create(void *parent_slot, void **child_slot) {
    const struct linux_thread *parent = parent_slot;
    if (parent == nullptr) return 0;
    if (parent->persona == 0 && parent->memory_policy == 0 && parent->filters == nullptr && !parent->seccomp_strict) {
        return 0;
    }
    int32_t error = kernel_ops->allocate(sizeof(struct linux_thread), child_slot);
    if (error < 0) return error;
    struct linux_thread *child = *child_slot;
    child->persona = parent->persona;
    child->memory_policy = parent->memory_policy;
    child->seccomp_strict = parent->seccomp_strict;
    child->filters = parent->filters;
    linux_filter_get(child->filters);
    return 0;
}

void linux_thread_exit(void *slot) {
    struct linux_thread *thread = slot;
    if (thread != nullptr) linux_robust_list_exit(thread);
}

void linux_exec_commit(void *thread_slot, void *process_slot) {
    struct linux_thread *thread = thread_slot;
    if (process_slot != nullptr) linux_aio_release(process_slot);
    if (process_slot != nullptr) *(struct linux_process *)process_slot = (struct linux_process){};
    if (thread == nullptr) return;
    thread->robust_list = (struct user_address){};
    thread->restart.kind = LINUX_RESTART_NONE;
}

void linux_slot_release(enum slot_kind kind, void *slot) {
    if (slot == nullptr) return;
    if (kind == SLOT_PROCESS) linux_aio_release(slot);
    if (kind == SLOT_THREAD) linux_filter_put(((struct linux_thread *)slot)->filters);
    (void)!kernel_ops->release(slot);
}

static const char *linux_call_name(uint64_t number) {
    return number < linux_table.count ? linux_table.descriptions[number].name : nullptr;
}

const struct personality_hooks linux_hooks = {
    .start = linux_start,
    .signal_deliver = linux_signal_deliver,
    .interrupted = linux_interrupted,
    .thread_create = linux_thread_create,
    .thread_exit = linux_thread_exit,
    .exec_commit = linux_exec_commit,
    .slot_release = linux_slot_release,
    .call_name = linux_call_name,
};
