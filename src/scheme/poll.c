// poll: waits until one of many files is ready.
#include "src/scheme/poll.h"

#include "src/context/context.h"
#include "src/kernel.h"
#include "src/memory/heap.h"
#include "src/scheme/file.h"

constexpr uint32_t ON_STACK = 8;
constexpr uint32_t ALWAYS_REPORTED = POLLERR | POLLHUP | POLLNVAL;
constexpr uint32_t READY_WITHOUT_FUNCTION = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;

struct poll_slot {
    struct file_reference reference; // file nullptr: not open, or ignored
    struct wait_entry entry;
};

uint32_t file_ready(struct file *file) {
    return file->scheme->ready ? file->scheme->ready(file) : READY_WITHOUT_FUNCTION;
}

static uint32_t scan(struct kernel_poll *polls, struct poll_slot *slots, uint32_t count) {
    uint32_t ready = 0;
    for (uint32_t i = 0; i < count; i++) {
        polls[i].returned = 0;
        if (polls[i].descriptor < 0) continue;
        if (slots[i].reference.file)
            polls[i].returned = (uint16_t)(file_ready(slots[i].reference.file) & (polls[i].events | ALWAYS_REPORTED));
        else
            polls[i].returned = POLLNVAL;
        ready += polls[i].returned != 0;
    }
    return ready;
}

static void enqueue(struct kernel_poll *polls, struct poll_slot *slots, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        struct file *file = slots[i].reference.file;
        if (!file || !file->readiness) continue;
        slots[i].entry.events = polls[i].events | ALWAYS_REPORTED;
        wait_queue_add(file->readiness, &slots[i].entry);
    }
}

static int32_t wait_ready(struct kernel_poll *polls, struct poll_slot *slots, uint32_t count, nanoseconds deadline) {
    uint32_t ready = scan(polls, slots, count);
    if (ready || deadline <= clock_monotonic()) return (int32_t)ready;
    enum wait_result result = WAIT_WOKEN;
    enqueue(polls, slots, count);
    for (;;) {
        context_block_prepare();
        ready = scan(polls, slots, count);
        if (ready || result != WAIT_WOKEN) break;
        result = context_block(WAIT_INTERRUPTIBLE, deadline);
    }
    context_block_cancel();
    for (uint32_t i = 0; i < count; i++)
        wait_queue_remove(&slots[i].entry);
    if (ready || result == WAIT_TIMEOUT) return (int32_t)ready;
    return -EINTR;
}

int32_t kop_poll(struct kernel_poll *polls, uint32_t count, nanoseconds deadline, const signal_set *mask) {
    struct poll_slot on_stack[ON_STACK];
    if (count > process_limit(RLIMIT_NOFILE)) return -EINVAL;
    struct poll_slot *slots = count <= ON_STACK ? on_stack : heap_alloc(count * sizeof *slots);
    if (!slots) return -ENOMEM;
    if (mask) signal_mask_temporarily(*mask);
    for (uint32_t i = 0; i < count; i++) {
        wait_entry_init(&slots[i].entry);
        slots[i].reference =
            polls[i].descriptor >= 0 ? file_lookup(polls[i].descriptor) : (struct file_reference){nullptr, false};
    }
    int32_t ready = wait_ready(polls, slots, count, deadline);
    for (uint32_t i = 0; i < count; i++) {
        if (slots[i].reference.file) file_release(slots[i].reference);
    }
    if (slots != on_stack) heap_free(slots);
    return ready;
}
