// Ops on descriptors themselves, and pipes.
#include <personality.h>

#include "src/context/context.h"
#include "src/ipc/posix_queue.h"
#include "src/scheme/async_signal.h"
#include "src/scheme/file.h"
#include "src/scheme/lock_record.h"
#include "src/scheme/node.h"
#include "src/scheme/pipe.h"

int32_t kop_close(int32_t descriptor) {
    return handle_close(descriptor);
}

// POSIX: closing any descriptor of a file drops the process's record locks on it.
void file_descriptor_closed(struct file *file) {
    if (unlikely(file->node && file->node->locks)) lock_release_process(file->node);
    if (unlikely(file->node && file->node->data && file->node->data == file->data)) posix_queue_closed(file);
}

int32_t kop_close_range(uint32_t first, uint32_t last, uint32_t flags) {
    enum : uint32_t { CLOSE_RANGE_UNSHARE = 2, CLOSE_RANGE_CLOEXEC = 4 };
    if (first > last || flags & ~(uint32_t)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) return -EINVAL;
    struct process *process = process_current();
    if (flags & CLOSE_RANGE_UNSHARE && atomic_load_relaxed(&process->handles->references.count) > 1) {
        struct handle_table *copy = handle_table_copy(process->handles), *old;
        if (!copy) return -ENOMEM;
        spin_lock(&process->lock);
        old = process->handles;
        process->handles = copy;
        spin_unlock(&process->lock);
        handle_table_put(old);
    }
    uint32_t capacity = atomic_load_relaxed(&process->handles->capacity);
    for (uint32_t i = first; i < capacity && i <= last; i++) {
        if (flags & CLOSE_RANGE_CLOEXEC)
            (void)!handle_set_flags((int32_t)i, HANDLE_CLOSE_ON_EXEC);
        else
            (void)!kop_close((int32_t)i);
    }
    return 0;
}

int32_t kop_duplicate(int32_t descriptor, int32_t minimum, uint32_t flags) {
    struct object *object = handle_lookup(descriptor, &(uint32_t){0});
    if (!object) return -EBADF;
    int32_t result =
        minimum < 0 ? -EINVAL : handle_install(object, minimum, flags & O_CLOEXEC ? HANDLE_CLOSE_ON_EXEC : 0);
    if (result < 0) object_put(object);
    return result;
}

int32_t kop_duplicate_to(int32_t descriptor, int32_t target, uint32_t flags) {
    struct object *object = handle_lookup(descriptor, &(uint32_t){0});
    if (!object) return -EBADF;
    if (target < 0 || (uint64_t)target >= process_limit(RLIMIT_NOFILE) || target == descriptor) {
        object_put(object);
        // dup2 of a descriptor to itself is no change; dup3 refuses it before this op.
        return target == descriptor ? target : -EBADF;
    }
    int32_t error = handle_install_at(object, target, flags & O_CLOEXEC ? HANDLE_CLOSE_ON_EXEC : 0);
    if (error < 0) object_put(object);
    return error < 0 ? error : target;
}

int32_t kop_descriptor_flags_get(int32_t descriptor) {
    uint32_t flags;
    struct object *object = handle_lookup(descriptor, &flags);
    if (!object) return -EBADF;
    object_put(object);
    return flags & HANDLE_CLOSE_ON_EXEC ? 1 : 0;
}

int32_t kop_descriptor_flags_set(int32_t descriptor, uint32_t flags) {
    return handle_set_flags(descriptor, flags & 1 ? HANDLE_CLOSE_ON_EXEC : 0);
}

int32_t kop_file_flags_get(int32_t descriptor, uint32_t *flags) {
    struct file_reference reference = file_lookup(descriptor);
    if (!reference.file) return -EBADF;
    *flags = atomic_load_relaxed(&reference.file->flags);
    file_release(reference);
    return 0;
}

static int32_t flags_set(struct file *file, uint32_t flags) {
    constexpr uint32_t CHANGEABLE = O_APPEND | O_ASYNC | O_DIRECT | O_NOATIME | O_NONBLOCK;
    uint32_t old = atomic_load_relaxed(&file->flags);
    if (old & O_PATH) return -EBADF;
    if (flags & ~old & O_NOATIME && file->node && node_owner_check(file->node) < 0) return -EPERM;
    if ((flags ^ old) & O_ASYNC) {
        int32_t error = async_signal_set(file, flags & O_ASYNC);
        if (error < 0) return error;
    }
    while (!atomic_compare_exchange_acq_rel(&file->flags, &old, (old & ~CHANGEABLE) | (flags & CHANGEABLE)))
        ;
    return 0;
}

int32_t kop_file_flags_set(int32_t descriptor, uint32_t flags) {
    struct file_reference reference = file_lookup(descriptor);
    if (!reference.file) return -EBADF;
    int32_t error = flags_set(reference.file, flags);
    file_release(reference);
    return error;
}

int32_t kop_file_owner_get(int32_t descriptor, int32_t *owner) {
    struct file_reference reference = file_lookup(descriptor);
    if (!reference.file) return -EBADF;
    *owner = reference.file->owner;
    file_release(reference);
    return 0;
}

static bool owner_exists(int32_t owner) {
    if (!owner) return true;
    struct process *process = process_find(owner < 0 ? -owner : owner);
    if (!process) return owner < 0; // a group may outlive its leader
    process_put(process);
    return true;
}

int32_t kop_file_owner_set(int32_t descriptor, int32_t owner) {
    struct file_reference reference = file_lookup(descriptor);
    if (!reference.file) return -EBADF;
    int32_t error = owner == INT32_MIN ? -EINVAL : owner_exists(owner) ? 0 : -ESRCH;
    if (error == 0) reference.file->owner = owner;
    file_release(reference);
    return error;
}

// ---- pipes

int32_t kop_pipe(uint32_t flags, int32_t descriptors[2]) {
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) return -EINVAL;
    struct file *ends[2];
    int32_t error = pipe_create(flags & (O_NONBLOCK | O_DIRECT), ends);
    if (error < 0) return error;
    uint32_t handle_flags = flags & O_CLOEXEC ? HANDLE_CLOSE_ON_EXEC : 0;
    int32_t reader = handle_install(&ends[0]->object, 0, handle_flags);
    if (reader < 0) {
        file_put(ends[0]);
        file_put(ends[1]);
        return reader;
    }
    int32_t writer = handle_install(&ends[1]->object, 0, handle_flags);
    if (writer < 0) {
        (void)!handle_close(reader);
        file_put(ends[1]);
        return writer;
    }
    descriptors[0] = reader;
    descriptors[1] = writer;
    return 0;
}

int32_t kop_pipe_size_get(int32_t descriptor, size_t *size) {
    struct file_reference reference = file_lookup(descriptor);
    if (!reference.file) return -EBADF;
    struct pipe *pipe = pipe_of(reference.file);
    if (pipe) *size = pipe_size(pipe);
    file_release(reference);
    return pipe ? 0 : -EBADF;
}

int32_t kop_pipe_size_set(int32_t descriptor, size_t size) {
    struct file_reference reference = file_lookup(descriptor);
    if (!reference.file) return -EBADF;
    struct pipe *pipe = pipe_of(reference.file);
    int32_t error = pipe ? pipe_resize(pipe, size) : -EBADF;
    file_release(reference);
    return error;
}
