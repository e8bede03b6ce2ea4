// signalfd: pending signals of the reader, read as records in Linux's layout (linux/signalfd.h).
#include "lib/string.h"
#include "src/context/context.h"
#include "src/memory/heap.h"
#include "src/scheme/file.h"
#include "src/scheme/io_request.h"

struct signal_record {
    uint32_t signal;
    int32_t error, code;
    uint32_t pid, uid;
    int32_t descriptor;
    uint32_t timer_id, band, overrun, trap_number;
    int32_t status, int_value;
    uint64_t pointer_value, user_time, system_time, address;
    uint16_t address_lsb;
    uint8_t pad[46];
};
static_assert(sizeof(struct signal_record) == 128);

struct signal_file {
    signal_set mask;       // (A)
    struct process *owner; // a reference: the file may outlive it and waits on its queue
};

static const struct scheme signal_scheme;

static struct signal_record record_of(const struct kernel_siginfo *info) {
    constexpr nanoseconds tick = NANOSECONDS_PER_SECOND / 100;
    return (struct signal_record){
        .signal = info->signal,
        .error = info->error,
        .code = info->code,
        .pid = (uint32_t)info->pid,
        .uid = info->uid,
        .timer_id = (uint32_t)info->timer_id,
        .overrun = info->code == SI_TIMER ? (uint32_t)info->status : 0,
        .status = info->signal == SIGCHLD ? info->status : 0,
        .int_value = (int32_t)info->value,
        .pointer_value = info->value,
        .user_time = (uint64_t)(info->user_time / tick),
        .system_time = (uint64_t)(info->system_time / tick),
        .address = info->address,
    };
}

static int64_t signal_read(struct file *file, struct io_request *request) {
    struct signal_file *s = file->data;
    int64_t total = 0;
    if (request->cursor.remaining < sizeof(struct signal_record)) return -EINVAL;
    while (request->cursor.remaining >= sizeof(struct signal_record)) {
        struct kernel_siginfo info;
        if (kop_signal_wait(atomic_load_relaxed(&s->mask), &info, 0) < 0) break;
        struct signal_record record = record_of(&info);
        if (segment_copy_in(&request->cursor, &record, sizeof record) != sizeof record) return total ? total : -EFAULT;
        total += sizeof record;
    }
    return total ? total : -EAGAIN;
}

static uint32_t signal_ready(struct file *file) {
    struct signal_file *s = file->data;
    signal_set pending = 0;
    struct context *context = context_current();
    pending = atomic_load_relaxed(&context->pending.set) | atomic_load_relaxed(&context->process->pending.set);
    return pending & atomic_load_relaxed(&s->mask) ? POLLIN | POLLRDNORM : 0;
}

static void signal_release(struct file *file) {
    struct signal_file *s = file->data;
    process_put(s->owner);
    heap_free(s);
}

static int64_t signal_seek(struct file *, int64_t, uint32_t) {
    return -ESPIPE;
}

static size_t signal_describe(struct file *, char *buffer, size_t size) {
    string_copy(buffer, "anon_inode:[signalfd]", size);
    return strlen(buffer);
}

static const struct scheme signal_scheme = {
    .name = "signal",
    .read = signal_read,
    .ready = signal_ready,
    .release = signal_release,
    .seek = signal_seek,
    .describe = signal_describe,
};

static int32_t change_mask(int32_t descriptor, signal_set mask) {
    struct file_reference reference = file_lookup(descriptor);
    if (!reference.file) return -EBADF;
    int32_t result = -EINVAL;
    if (reference.file->scheme == &signal_scheme) {
        struct signal_file *s = reference.file->data;
        atomic_store_relaxed(&s->mask, mask);
        result = descriptor;
    }
    file_release(reference);
    return result;
}

int32_t kop_signal_file(int32_t descriptor, signal_set mask, uint32_t flags) {
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK)) return -EINVAL;
    mask &= ~(signal_bit(SIGKILL) | signal_bit(SIGSTOP));
    if (descriptor != -1) return change_mask(descriptor, mask);
    struct signal_file *s = heap_alloc(sizeof *s);
    if (!s) return -ENOMEM;
    s->mask = mask;
    struct file *file = file_create(&signal_scheme, O_RDWR | (flags & O_NONBLOCK), s);
    if (!file) {
        heap_free(s);
        return -ENOMEM;
    }
    s->owner = process_current();
    object_get(&s->owner->object);
    file->readiness = &s->owner->signal_readiness;
    descriptor = handle_install(&file->object, 0, flags & O_CLOEXEC ? HANDLE_CLOSE_ON_EXEC : 0);
    if (descriptor < 0) file_put(file);
    return descriptor;
}
