// Ops that look into two processes: comparing what they share, copying a descriptor.
#include "src/context/context.h"
#include "src/context/handle_table.h"
#include "src/scheme/file.h"

// A process that may be looked into, with a reference. -ESRCH, -EPERM.
static int32_t process_open(int32_t pid, struct process **process) {
    *process = pid > 0 ? process_find(pid) : nullptr;
    if (!*process) return -ESRCH;
    int32_t error = process_access(*process);
    if (error) process_put(*process);
    return error;
}

// What the descriptor of a process names, with a reference. -EBADF, -ESRCH (it is ending).
static int32_t object_of(struct process *process, int32_t descriptor, struct object **object) {
    spin_lock(&process->lock);
    struct handle_table *handles = process->handles;
    if (handles) handle_table_get(handles);
    spin_unlock(&process->lock);
    if (!handles) return -ESRCH;
    spin_lock(&handles->lock);
    bool valid = descriptor >= 0 && (uint32_t)descriptor < handles->capacity && handles->handles[descriptor].object;
    *object = valid ? handles->handles[descriptor].object : nullptr;
    if (valid) object_get(*object);
    spin_unlock(&handles->lock);
    handle_table_put(handles);
    return valid ? 0 : -EBADF;
}

static int32_t part_of(struct process *process, enum comparison what, int32_t descriptor, const void **part) {
    if (what == COMPARE_FILE) {
        struct object *object = nullptr;
        int32_t error = object_of(process, descriptor, &object);
        if (!error) object_put(object);
        *part = object;
        return error;
    }
    spin_lock(&process->lock);
    *part = what == COMPARE_MEMORY        ? (const void *)process->address_space
            : what == COMPARE_DESCRIPTORS ? (const void *)process->handles
            : what == COMPARE_FILE_SYSTEM ? (const void *)process->file_system
                                          : (const void *)process->actions;
    spin_unlock(&process->lock);
    return 0;
}

int32_t kop_compare(int32_t first_pid, int32_t second_pid, enum comparison what, int32_t first, int32_t second) {
    struct process *a, *b;
    const void *part_a, *part_b;
    if (what > COMPARE_SIGNAL_HANDLERS) return -EINVAL;
    int32_t error = process_open(first_pid, &a);
    if (error) return error;
    error = process_open(second_pid, &b);
    if (!error) {
        error = part_of(a, what, first, &part_a);
        if (!error) error = part_of(b, what, second, &part_b);
        process_put(b);
    }
    process_put(a);
    // The order of addresses would tell where the kernel's memory lies: it is that of scrambled ones.
    constexpr uintptr_t scramble = 0x9e3779b97f4a7c15;
    if (error || part_a == part_b) return error;
    return (uintptr_t)part_a * scramble < (uintptr_t)part_b * scramble ? 1 : 2;
}

int32_t kop_duplicate_from(int32_t pid, int32_t descriptor) {
    struct process *process;
    struct object *object;
    int32_t error = process_open(pid, &process);
    if (error) return error;
    error = object_of(process, descriptor, &object);
    process_put(process);
    if (error) return error;
    error = handle_install(object, 0, HANDLE_CLOSE_ON_EXEC);
    if (error < 0) object_put(object);
    return error;
}
