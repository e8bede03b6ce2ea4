// The memory ops. Checks that need files, limits or other processes are here, the work is in src/memory.
#include <personality.h>

#include "rmm/frame.h"
#include "src/context/context.h"
#include "src/kernel.h"
#include "src/memory/address_space.h"
#include "src/memory/advise.h"
#include "src/memory/memory_object.h"
#include "src/memory/user_copy.h"
#include "src/scheme/file.h"
#include "src/scheme/seals.h"

constexpr uint32_t PROTECTION_ALL = PROT_READ | PROT_WRITE | PROT_EXEC;
enum lock_all_flags : uint32_t { MCL_CURRENT = 1, MCL_FUTURE = 2, MCL_ONFAULT = 4 };

// The running process's address space with its limits brought up to date.
static struct address_space *space_current(void) {
    struct process *process = process_current();
    struct address_space *space = process->address_space;
    uint64_t size = process->limits[RLIMIT_AS].current;
    space->limit_pages = size == RLIM_INFINITY ? UINT64_MAX : size >> PAGE_SHIFT;
    space->data_limit = process->limits[RLIMIT_DATA].current;
    return space;
}

// Whether `bytes` more may be locked: 0, or `too_much`; -EPERM when nothing may.
static int32_t check_lock_limit(struct address_space *space, size_t bytes, int32_t too_much) {
    uint64_t limit = process_limit(RLIMIT_MEMLOCK);
    if (limit == RLIM_INFINITY || capable(CAP_IPC_LOCK)) return 0;
    if (limit == 0) return -EPERM;
    uint64_t locked = space->locked_pages << PAGE_SHIFT;
    return locked > limit || bytes > limit - locked ? too_much : 0;
}

// ---- map

static int32_t check_file(struct file *file, uint32_t protection, uint32_t flags, uint32_t *maximum) {
    bool shared = flags & MAP_SHARED;
    if (file->flags & O_PATH) return -EBADF;
    if (!file_readable(file)) return -EACCES;
    if (shared && protection & PROT_WRITE && !file_writable(file)) return -EACCES;
    bool no_execute = file->path.mount && file->path.mount->flags & MOUNT_NO_EXECUTE;
    if (no_execute && protection & PROT_EXEC) return -EPERM;
    *maximum = PROTECTION_ALL;
    if (shared && !file_writable(file)) *maximum &= ~(uint32_t)PROT_WRITE;
    if (no_execute) *maximum &= ~(uint32_t)PROT_EXEC;
    return shared && file->node ? seals_check_map(file->node, protection, maximum) : 0;
}

static int32_t map_file(struct address_space *space, struct map_request *request, int32_t descriptor,
                        uintptr_t *result) {
    struct file_reference reference = file_lookup(descriptor);
    if (!reference.file) return -EBADF;
    int32_t error = check_file(reference.file, request->protection, request->flags, &request->maximum_protection);
    if (!error) error = file_memory_object(reference.file, &request->object);
    if (!error) {
        request->file = reference.file;
        error = address_space_map(space, request, result);
        memory_object_put(request->object);
    }
    file_release(reference);
    return error;
}

static int32_t map_shared_anonymous(struct address_space *space, struct map_request *request, uintptr_t *result) {
    request->offset = 0;
    request->object = memory_object_create(align_up(request->length, PAGE_SIZE));
    if (!request->object) return -ENOMEM;
    int32_t error = address_space_map(space, request, result);
    memory_object_put(request->object);
    return error;
}

int32_t kop_map(uintptr_t address, size_t length, uint32_t protection, uint32_t flags, int32_t descriptor,
                uint64_t offset, uintptr_t *result) {
    uint32_t sharing = flags & (MAP_SHARED | MAP_PRIVATE);
    if (sharing != MAP_SHARED && sharing != MAP_PRIVATE) return -EINVAL;
    if (protection & ~PROTECTION_ALL || offset & PAGE_MASK || !length) return -EINVAL;
    if (length > USER_LIMIT) return -ENOMEM;
    struct address_space *space = space_current();
    struct map_request request = {
        .address = address,
        .length = length,
        .protection = protection,
        .maximum_protection = PROTECTION_ALL,
        .flags = flags,
        .offset = offset,
    };
    if (space->lock_future) request.flags |= MAP_LOCKED;
    if (request.flags & MAP_LOCKED) {
        int32_t error = check_lock_limit(space, length, -EAGAIN);
        if (error) return error;
    }
    if (flags & MAP_STACK) request.flags &= ~(uint32_t)MAP_STACK; // only a hint
    if (!(flags & MAP_ANONYMOUS)) return map_file(space, &request, descriptor, result);
    if (sharing == MAP_SHARED) return map_shared_anonymous(space, &request, result);
    request.offset = 0;
    return address_space_map(space, &request, result);
}

int32_t kop_unmap(uintptr_t address, size_t length) {
    return address_space_unmap(process_current()->address_space, address, length);
}

int32_t kop_protect(uintptr_t address, size_t length, uint32_t protection) {
    return address_space_protect(space_current(), address, length, protection);
}

static bool is_locked(struct address_space *space, uintptr_t address) {
    rwlock_read_lock(&space->lock);
    const struct grant *grant = address_space_find_locked(space, address);
    bool locked = grant && grant->start <= address && grant->flags & GRANT_LOCKED;
    rwlock_read_unlock(&space->lock);
    return locked;
}

int32_t kop_remap(uintptr_t address, size_t length, size_t new_length, uint32_t flags, uintptr_t new_address,
                  uintptr_t *result) {
    struct address_space *space = process_current()->address_space;
    if (space->locked_pages && new_length > length && is_locked(space, address)) {
        int32_t error = check_lock_limit(space, new_length - length, -EAGAIN);
        if (error) return error;
    }
    return address_space_remap(space_current(), address, length, new_length, flags, new_address, result);
}

int32_t kop_sync_memory(uintptr_t address, size_t length, uint32_t flags) {
    return address_space_sync(process_current()->address_space, address, length, flags);
}

int32_t kop_advise_memory(uintptr_t address, size_t length, uint32_t advice) {
    return address_space_advise(process_current()->address_space, address, length, advice);
}

int32_t kop_program_break(uintptr_t address, uintptr_t *result) {
    return address_space_break(space_current(), address, result);
}

// ---- locking and residency

int32_t kop_lock_memory(uintptr_t address, size_t length, uint32_t on_fault) {
    struct address_space *space = process_current()->address_space;
    size_t whole = align_up(length + (address & PAGE_MASK), PAGE_SIZE);
    if (whole < length) return -EINVAL;
    int32_t error = check_lock_limit(space, whole, -ENOMEM);
    return error ? error : address_space_lock(space, address, length, true, !on_fault);
}

int32_t kop_unlock_memory(uintptr_t address, size_t length) {
    return address_space_lock(process_current()->address_space, address, length, false, false);
}

int32_t kop_lock_all_memory(uint32_t flags) {
    struct address_space *space = process_current()->address_space;
    if (!flags) {
        space->lock_future = false;
        return address_space_lock_all(space, false, false);
    }
    if (flags & ~(uint32_t)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || flags == MCL_ONFAULT) return -EINVAL;
    size_t all = flags & MCL_CURRENT ? (space->mapped_pages - space->locked_pages) << PAGE_SHIFT : 0;
    int32_t error = check_lock_limit(space, all, -ENOMEM);
    if (error) return error;
    space->lock_future = flags & MCL_FUTURE;
    return flags & MCL_CURRENT ? address_space_lock_all(space, true, !(flags & MCL_ONFAULT)) : 0;
}

int32_t kop_resident(uintptr_t address, size_t length, uint8_t *vector) {
    if (address & PAGE_MASK) return -EINVAL;
    if (length > USER_LIMIT || address > USER_LIMIT - length) return -ENOMEM;
    size_t pages = (length + PAGE_MASK) >> PAGE_SHIFT;
    if (pages > 4096) return -EINVAL;
    return address_space_resident(process_current()->address_space, address, pages, vector);
}

// ---- other processes

// The address space of a process, with a reference. -ESRCH, -EPERM.
static int32_t space_of(int32_t pid, struct address_space **space) {
    struct process *process = process_find(pid);
    if (!process) return -ESRCH;
    int32_t error = process_access(process);
    if (!error) {
        spin_lock(&process->lock);
        *space = process->address_space;
        if (*space) address_space_get(*space);
        spin_unlock(&process->lock);
        if (!*space) error = -ESRCH;
    }
    process_put(process);
    return error;
}

// Copies straight between a pinned page and the caller's segments. Returns the bytes done.
static size_t copy_page(struct address_space *space, uintptr_t address, size_t size, struct segment_cursor *local,
                        uint32_t write) {
    uint32_t access = !write ? FAULT_READ : write & 2 ? FAULT_WRITE | FAULT_FORCE : FAULT_WRITE;
    struct frame *frame;
    if (address_space_pin(space, address, access, &frame) < 0) return 0;
    char *at = (char *)frame_pointer(frame) + (address & PAGE_MASK);
    size_t done = write ? segment_copy_out(at, local, size) : segment_copy_in(local, at, size);
    address_space_unpin(frame);
    return done;
}

int32_t kop_process_memory(int32_t pid, const struct segment *local, uint32_t local_count, const struct segment *remote,
                           uint32_t remote_count, uint32_t write, size_t *done) {
    struct address_space *space;
    int32_t error = space_of(pid, &space);
    if (error) return error;
    struct segment_cursor cursor = segment_cursor_start(local, local_count);
    size_t total = 0, asked = 0;
    bool stopped = false;
    for (uint32_t i = 0; i < remote_count && cursor.remaining && !stopped; i++) {
        uintptr_t address = remote[i].address, end = address + remote[i].length;
        asked += remote[i].length;
        while (address < end && cursor.remaining) {
            size_t size = min(end - address, PAGE_SIZE - (address & PAGE_MASK));
            size_t wanted = min(size, cursor.remaining), copied = copy_page(space, address, wanted, &cursor, write);
            total += copied;
            address += copied;
            stopped = copied < wanted;
            if (stopped) break;
        }
    }
    address_space_put(space);
    if (!total && asked && stopped) return -EFAULT;
    *done = total;
    return 0;
}
