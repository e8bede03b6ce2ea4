// Asynchronous I/O: io_setup and its kin. A submitted operation is done at once, as Linux does with most files; its
// event then waits in the context until it is fetched.
#include "personality/src/linux/aio.h"

#include "lib/atomic.h"
#include "lib/string.h"
#include "personality/src/linux/file.h"
#include "personality/src/linux/poll.h"
#include "personality/src/linux/process.h"

struct linux_iocb {
    uint64_t aio_data;
    uint32_t aio_key, aio_rw_flags;
    uint16_t aio_lio_opcode;
    int16_t aio_reqprio;
    uint32_t aio_fildes;
    uint64_t aio_buf, aio_nbytes;
    int64_t aio_offset;
    uint64_t aio_reserved2;
    uint32_t aio_flags, aio_resfd;
};
static_assert(sizeof(struct linux_iocb) == 64);
struct linux_io_event {
    uint64_t data, obj;
    int64_t res, res2;
};
enum linux_iocb_command : uint16_t {
    IOCB_CMD_PREAD,
    IOCB_CMD_PWRITE,
    IOCB_CMD_FSYNC,
    IOCB_CMD_FDSYNC,
    IOCB_CMD_NOOP = 6,
    IOCB_CMD_PREADV,
    IOCB_CMD_PWRITEV,
};
constexpr uint32_t IOCB_FLAG_RESFD = 1;

constexpr uint32_t EVENTS_MAXIMUM = 32000; // of one context; an allocation's limit
constexpr uint32_t EVENTS_IMPOSSIBLE = 0x10000000 / 32;
constexpr nanoseconds LOOK_AGAIN = 10'000'000; // how often a wait for another thread's submissions looks

struct linux_aio {
    struct linux_aio *next;
    uintptr_t id; // the address of a page of the program's, which libraries look into
    uint32_t capacity, first, count;
    struct linux_io_event events[];
};

static void lock(struct linux_process *process) {
    while (atomic_exchange_acquire(&process->aio_lock, 1u) != 0)
        kernel_ops->yield();
}

static void unlock(struct linux_process *process) {
    atomic_store_release(&process->aio_lock, 0u);
}

void linux_aio_release(struct linux_process *process) {
    while (process->aio != nullptr) {
        struct linux_aio *aio = process->aio;
        process->aio = aio->next;
        kernel_ops->release(aio);
    }
}

// Caller holds the lock; nullptr: no such context.
static struct linux_aio *find(struct linux_process *process, uintptr_t id) {
    struct linux_aio *aio = process->aio;
    while (aio != nullptr && aio->id != id)
        aio = aio->next;
    return aio;
}

static int32_t exists(uintptr_t id, struct linux_process **process) {
    int32_t error = linux_process_current(process);
    if (error < 0) return error;
    lock(*process);
    bool found = find(*process, id) != nullptr;
    unlock(*process);
    return found ? 0 : -EINVAL;
}

SHIM2(linux_io_setup, count, pointer) {
    struct linux_process *process;
    uintptr_t id;
    void *memory;
    int32_t error = fetch_struct(&id, pointer);
    if (error < 0) return error;
    if (id != 0 || (uint32_t)count == 0 || (uint32_t)count > EVENTS_IMPOSSIBLE) return -EINVAL;
    if ((uint32_t)count > EVENTS_MAXIMUM) return -EAGAIN;
    error = linux_process_current(&process);
    if (error < 0) return error;
    error = kernel_ops->allocate(sizeof(struct linux_aio) + (uint32_t)count * sizeof(struct linux_io_event), &memory);
    if (error < 0) return error;
    struct linux_aio *aio = memory;
    aio->capacity = (uint32_t)count;
    error = kernel_ops->map(0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &aio->id);
    if (error == 0) {
        error = store_struct(pointer, &aio->id);
        if (error < 0) kernel_ops->unmap(aio->id, PAGE_SIZE);
    }
    if (error < 0) {
        kernel_ops->release(memory);
        return error;
    }
    lock(process);
    aio->next = process->aio;
    process->aio = aio;
    unlock(process);
    return 0;
}

SHIM1(linux_io_destroy, id) {
    struct linux_process *process;
    struct linux_aio *found = nullptr;
    int32_t error = linux_process_current(&process);
    if (error < 0) return error;
    lock(process);
    for (struct linux_aio **at = &process->aio; *at != nullptr; at = &(*at)->next) {
        if ((*at)->id != id) continue;
        found = *at;
        *at = found->next;
        break;
    }
    unlock(process);
    if (found == nullptr) return -EINVAL;
    kernel_ops->release(found);
    kernel_ops->unmap(id, PAGE_SIZE);
    return 0;
}

// ---- submitting

static intptr_t transfer(const struct linux_iocb *iocb, bool write, bool vectors) {
    struct segment one = segment_user(user_pointer(iocb->aio_buf), min(iocb->aio_nbytes, IO_MAXIMUM));
    struct segment_array array = {.segments = &one, .count = 1};
    struct kernel_stat stat;
    size_t done;
    int32_t error = vectors ? segments_fetch(&array, iocb->aio_buf, iocb->aio_nbytes) : 0;
    if (error == 0) error = linux_file_stat(iocb->aio_fildes, &stat);
    if (error < 0) return error;
    uint32_t flags = (stat.mode & S_IFMT) == S_IFREG || (stat.mode & S_IFMT) == S_IFBLK ? IO_AT_OFFSET : 0;
    error =
        write
            ? kernel_ops->write((int32_t)iocb->aio_fildes, array.segments, array.count, iocb->aio_offset, flags, &done)
            : kernel_ops->read((int32_t)iocb->aio_fildes, array.segments, array.count, iocb->aio_offset, flags, &done);
    if (vectors) segments_release(&array);
    return error < 0 ? error : (intptr_t)done;
}

// What is wrong with the request itself; a file's own errors come as the event's result.
static int32_t request_check(const struct linux_iocb *iocb) {
    uint32_t flags, resfd_flags;
    bool transfers = iocb->aio_lio_opcode != IOCB_CMD_FSYNC && iocb->aio_lio_opcode != IOCB_CMD_FDSYNC;
    if (iocb->aio_reserved2 != 0 || (iocb->aio_flags & ~IOCB_FLAG_RESFD) != 0 || (int64_t)iocb->aio_nbytes < 0)
        return -EINVAL;
    int32_t error = linux_file_flags(iocb->aio_fildes, &flags);
    if (error == 0 && (iocb->aio_flags & IOCB_FLAG_RESFD) != 0) error = linux_file_flags(iocb->aio_resfd, &resfd_flags);
    if (error < 0) return error;
    switch (iocb->aio_lio_opcode) {
    case IOCB_CMD_PREAD:
    case IOCB_CMD_PREADV:
        if ((flags & O_ACCMODE) == O_WRONLY) return -EBADF;
        break;
    case IOCB_CMD_PWRITE:
    case IOCB_CMD_PWRITEV:
        if ((flags & O_ACCMODE) == O_RDONLY) return -EBADF;
        break;
    case IOCB_CMD_FSYNC:
    case IOCB_CMD_FDSYNC:
        break;
    default:
        return -EINVAL;
    }
    return transfers && iocb->aio_offset < 0 ? -EINVAL : 0;
}

static intptr_t perform(const struct linux_iocb *iocb) {
    switch (iocb->aio_lio_opcode) {
    case IOCB_CMD_FSYNC:
    case IOCB_CMD_FDSYNC:
        return kernel_ops->fsync((int32_t)iocb->aio_fildes, iocb->aio_lio_opcode == IOCB_CMD_FDSYNC);
    default:
        return transfer(iocb, iocb->aio_lio_opcode == IOCB_CMD_PWRITE || iocb->aio_lio_opcode == IOCB_CMD_PWRITEV,
                        iocb->aio_lio_opcode == IOCB_CMD_PREADV || iocb->aio_lio_opcode == IOCB_CMD_PWRITEV);
    }
}

static int32_t event_add(struct linux_process *process, uintptr_t id, const struct linux_io_event *event) {
    lock(process);
    struct linux_aio *aio = find(process, id);
    int32_t error = aio == nullptr ? -EINVAL : aio->count == aio->capacity ? -EAGAIN : 0;
    if (error == 0) aio->events[(aio->first + aio->count++) % aio->capacity] = *event;
    unlock(process);
    return error;
}

static bool is_full(struct linux_process *process, uintptr_t id) {
    lock(process);
    const struct linux_aio *aio = find(process, id);
    bool full = aio != nullptr && aio->count == aio->capacity;
    unlock(process);
    return full;
}

static int32_t submit_one(struct linux_process *process, uintptr_t id, uintptr_t address) {
    struct linux_iocb iocb;
    constexpr uint32_t key = 0;
    int32_t error = fetch_struct(&iocb, address);
    if (error < 0) return error;
    if (is_full(process, id)) return -EAGAIN;
    error = request_check(&iocb);
    if (error == 0) error = store_struct(address + offsetof(struct linux_iocb, aio_key), &key);
    if (error < 0) return error;
    intptr_t result = perform(&iocb);
    if (result == -KERNEL_ERESTART || result == -KERNEL_ERESTART_NO_HANDLER) result = -EINTR;
    const struct linux_io_event event = {.data = iocb.aio_data, .obj = address, .res = result};
    error = event_add(process, id, &event);
    if (error == 0 && (iocb.aio_flags & IOCB_FLAG_RESFD) != 0) {
        uint64_t one = 1;
        size_t done;
        struct segment segment = segment_kernel(&one, sizeof(one));
        (void)!kernel_ops->write((int32_t)iocb.aio_resfd, &segment, 1, 0, IO_NOWAIT, &done);
    }
    return error;
}

SHIM3(linux_io_submit, id, count, pointers) {
    struct linux_process *process;
    int32_t error = exists(id, &process);
    if (error == 0 && (intptr_t)count < 0) error = -EINVAL;
    intptr_t done = 0;
    for (; error == 0 && done < (intptr_t)count; done++) {
        uintptr_t address;
        error =
            kernel_ops->fetch(&address, user_pointer(pointers + (uintptr_t)done * sizeof(address)), sizeof(address));
        if (error == 0) error = submit_one(process, id, address);
        if (error < 0) break;
    }
    return done > 0 ? done : error;
}

// What was submitted is done already: nothing is ever found to cancel.
SHIM3(linux_io_cancel, id, address, result) {
    struct linux_process *process;
    struct linux_iocb iocb;
    (void)result;
    int32_t error = fetch_struct(&iocb, address);
    if (error == 0) error = exists(id, &process);
    return error < 0 ? error : -EINVAL;
}

// ---- fetching events

static uint32_t take(struct linux_process *process, uintptr_t id, struct linux_io_event *events, uint32_t room) {
    lock(process);
    struct linux_aio *aio = find(process, id);
    uint32_t count = aio == nullptr ? 0 : min(aio->count, room);
    for (uint32_t i = 0; i < count; i++) {
        events[i] = aio->events[aio->first];
        aio->first = (aio->first + 1) % aio->capacity;
    }
    if (aio != nullptr) aio->count -= count;
    unlock(process);
    return count;
}

static intptr_t get_events(uintptr_t id, intptr_t least, intptr_t most, uintptr_t pointer, nanoseconds deadline,
                           const signal_set *mask) {
    struct linux_process *process;
    struct linux_io_event events[16];
    nanoseconds now = 0;
    intptr_t total = 0;
    int32_t error = exists(id, &process);
    if (error < 0) return error;
    if (least < 0 || least > most) return -EINVAL;
    for (;;) {
        uint32_t count = take(process, id, events, (uint32_t)min(most - total, (intptr_t)array_size(events)));
        error = kernel_ops->store(user_pointer(pointer + (uintptr_t)total * sizeof(events[0])), events,
                                  count * sizeof(events[0]));
        if (error < 0) return total > 0 ? total : error;
        total += count;
        if (count == array_size(events) && total < most) continue;
        if (total >= least) return total;
        error = kernel_ops->clock_get(CLOCK_MONOTONIC, &now);
        if (error < 0 || now >= deadline) return total;
        error = kernel_ops->poll(nullptr, 0, min(deadline, now + LOOK_AGAIN), mask);
        if (error < 0) return total > 0 ? total : -EINTR;
    }
}

static int32_t deadline_fetch(nanoseconds *deadline, uintptr_t pointer) {
    nanoseconds span;
    *deadline = TIME_NEVER;
    if (pointer == 0) return 0;
    int32_t error = linux_fetch_timespec(user_pointer(pointer), &span);
    if (error == -EINVAL)
        span = 0; // Linux doesn't look at it so closely
    else if (error < 0)
        return error;
    *deadline = span == 0 ? 0 : linux_deadline(CLOCK_MONOTONIC, span);
    return 0;
}

SHIM5(linux_io_getevents, id, least, most, events, timeout) {
    nanoseconds deadline;
    int32_t error = deadline_fetch(&deadline, timeout);
    if (error < 0) return error;
    return get_events(id, (intptr_t)least, (intptr_t)most, events, deadline, nullptr);
}

SHIM5(linux_io_pgetevents, id, least, most, events, timeout) {
    struct {
        uintptr_t set, size;
    } given = {};
    signal_set room;
    const signal_set *mask;
    nanoseconds deadline;
    uintptr_t sixth = sixth_argument();
    int32_t error = deadline_fetch(&deadline, timeout);
    if (error == 0 && sixth != 0) error = fetch_struct(&given, sixth);
    if (error == 0) error = linux_mask_fetch(&room, &mask, given.set, given.size);
    if (error < 0) return error;
    return get_events(id, (intptr_t)least, (intptr_t)most, events, deadline, mask);
}
