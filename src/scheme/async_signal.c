// The queue that is woken is locked while its entries are called, below the locks that sending a signal takes; so the
// entry only puts itself on a list, and a kernel thread sends.
#include "src/scheme/file.h"

#include "src/context/context.h"
#include "src/context/signal.h"
#include "src/memory/heap.h"
#include "src/scheme/async_signal.h"

struct async_signal {
    struct wait_entry entry; // in the file's readiness
    struct list link;        // in `due`
    struct file *file;       // which owns this
};

static struct spinlock lock = SPINLOCK_INIT(RANK_TIMER); // guards due
static struct list due = LIST_INIT(due);
static struct context *sender; // (A) nullptr: not started

static bool became_ready(struct wait_entry *entry, uint32_t) {
    struct async_signal *async = container_of(entry, struct async_signal, entry);
    spin_lock(&lock);
    if (list_empty(&async->link)) list_push_back(&due, &async->link);
    spin_unlock(&lock);
    struct context *thread = atomic_load_acquire(&sender);
    if (thread) (void)context_wake(thread);
    return false;
}

// The owner of the next file that is due; 0: none.
static int32_t take_owner(void) {
    int32_t owner = 0;
    spin_lock(&lock);
    while (!owner && !list_empty(&due)) {
        struct async_signal *async = list_first(&due, struct async_signal, link);
        list_remove(&async->link);
        owner = async->file->owner;
    }
    spin_unlock(&lock);
    return owner;
}

static void send(int32_t owner) {
    const struct kernel_siginfo info = {.signal = SIGIO, .code = SI_KERNEL};
    if (owner < 0) {
        (void)signal_send_group(-owner, &info);
        return;
    }
    struct process *process = process_find(owner);
    if (!process) return;
    (void)signal_send_process(process, &info);
    process_put(process);
}

static bool nothing_due(void) {
    spin_lock(&lock);
    bool empty = list_empty(&due);
    spin_unlock(&lock);
    return empty;
}

static void sender_main(void *) {
    for (;;) {
        int32_t owner;
        while ((owner = take_owner()))
            send(owner);
        context_block_prepare();
        if (nothing_due()) (void)context_block(WAIT_UNINTERRUPTIBLE, TIME_NEVER);
        context_block_cancel();
    }
}

// The thread is started for the first file that needs it.
static int32_t start_sender(void) {
    static uint32_t started;
    if (atomic_exchange_acq_rel(&started, 1u)) return 0;
    struct context *thread = kernel_thread_create("sigio", sender_main, nullptr);
    if (!thread) {
        atomic_store_release(&started, 0u);
        return -ENOMEM;
    }
    atomic_store_release(&sender, thread);
    (void)context_wake(thread);
    return 0;
}

int32_t async_signal_set(struct file *file, bool on) {
    if (!file->readiness) return 0;
    if (!on) {
        async_signal_forget(file);
        return 0;
    }
    int32_t error = start_sender();
    struct async_signal *async = error < 0 ? nullptr : heap_alloc_zeroed(sizeof(*async));
    if (!async) return -ENOMEM;
    async->file = file;
    async->entry.wake = became_ready;
    async->entry.events = (file_readable(file) ? POLLIN : 0) | (file_writable(file) ? POLLOUT : 0) | POLLHUP | POLLERR;
    list_init(&async->entry.link);
    list_init(&async->link);
    struct async_signal *none = nullptr;
    if (atomic_compare_exchange_acq_rel(&file->async, &none, async))
        wait_queue_add(file->readiness, &async->entry);
    else
        heap_free(async); // it is on already
    return 0;
}

void async_signal_forget(struct file *file) {
    struct async_signal *async = atomic_exchange_acq_rel(&file->async, nullptr);
    if (!async) return;
    wait_queue_remove(&async->entry);
    spin_lock(&lock);
    list_remove(&async->link);
    spin_unlock(&lock);
    heap_free(async);
}
