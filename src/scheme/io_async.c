// Asynchronous requests: one that can't finish at once waits on its file's readiness; a kernel thread tries it again in
// the issuer's address space. Whoever takes a request out of IO_PENDING completes it: the thread or io_cancel, never
// both.
#include "src/scheme/io_async.h"

#include "src/context/context.h"
#include "src/kernel.h"
#include "src/memory/address_space.h"
#include "src/scheme/io.h"

// Guards `retries`, and state, cancelled, link and entry.woken of requests. Taken under the locks of wait queues.
static struct spinlock lock = SPINLOCK_INIT(RANK_TIMER);
static struct list retries = LIST_INIT(retries);
static struct context *worker; // nullptr: not started

static uint32_t events_of(const struct io_request *request) {
    return (request->operation == IO_WRITE ? POLLOUT : POLLIN) | POLLERR | POLLHUP;
}

// The file's readiness changed; its queue's lock is held.
static bool readiness_changed(struct wait_entry *entry, uint32_t) {
    struct io_request *request = container_of(entry, struct io_request, entry);
    spin_lock(&lock);
    entry->woken = true; // for one that is being queued just now
    if (request->state == IO_PENDING && list_empty(&request->link)) list_push_back(&retries, &request->link);
    spin_unlock(&lock);
    struct context *thread = atomic_load_acquire(&worker);
    if (thread) (void)context_wake(thread);
    return false;
}

static bool is_ready(const struct io_request *request) {
    struct file *file = request->file;
    return !file->scheme->ready || file->scheme->ready(file) & events_of(request);
}

static void finish(struct io_request *request, int64_t result) {
    struct file *file = request->file;
    struct address_space *space = request->address_space;
    request->result = result;
    spin_lock(&lock);
    request->state = IO_DONE;
    spin_unlock(&lock);
    request->complete(request); // may free the request
    if (space) address_space_put(space);
    file_put(file);
}

// Makes a request that is IO_RUNNING pending. It is in the queue before its file is looked at, so no change is lost;
// and nobody but us touches it until it is IO_PENDING. Afterwards it may be gone.
static void pend(struct io_request *request) {
    request->entry.woken = false;
    wait_queue_add(request->file->readiness, &request->entry);
    bool ready = is_ready(request);
    spin_lock(&lock);
    bool cancelled = request->cancelled;
    if (!cancelled) {
        request->state = IO_PENDING;
        ready |= request->entry.woken;
        if (ready) list_push_back(&retries, &request->link);
    }
    spin_unlock(&lock);
    if (cancelled) {
        wait_queue_remove(&request->entry);
        finish(request, -ECANCELED);
    } else if (ready) {
        struct context *thread = atomic_load_acquire(&worker);
        if (thread) (void)context_wake(thread);
    }
}

static bool idle(void) {
    spin_lock(&lock);
    bool empty = list_empty(&retries);
    spin_unlock(&lock);
    return empty;
}

static void worker_main(void *) {
    for (;;) {
        while (io_async_step())
            preemption_point();
        context_block_prepare();
        if (idle()) (void)context_block(WAIT_UNINTERRUPTIBLE, TIME_NEVER);
        context_block_cancel();
    }
}

// The thread is started by the first request that has to wait.
static int32_t start_worker(void) {
    static uint32_t started;
    if (likely(atomic_load_acquire(&started))) return 0;
    if (atomic_exchange_acq_rel(&started, 1u)) return 0;
    struct context *thread = kernel_thread_create("io", worker_main, nullptr);
    if (!thread) {
        atomic_store_release(&started, 0u);
        return -ENOMEM;
    }
    atomic_store_release(&worker, thread);
    (void)context_wake(thread); // what came in meanwhile
    return 0;
}

int64_t io_submit(struct io_request *request) {
    struct file *file = request->file;
    if (file_positioned(file) || request->operation == IO_FSYNC || !file->readiness) return io_perform(request);
    int64_t done = io_attempt(request);
    if (done != -EAGAIN) return done;
    int32_t error = start_worker();
    if (error < 0) return error;
    request->address_space = process_current() ? process_current()->address_space : nullptr;
    if (request->address_space) address_space_get(request->address_space);
    file_get(file);
    request->state = IO_RUNNING;
    request->cancelled = false;
    list_init(&request->link);
    request->entry = (struct wait_entry){.wake = readiness_changed, .events = events_of(request)};
    list_init(&request->entry.link);
    pend(request);
    return -EINPROGRESS;
}

bool io_cancel(struct io_request *request) {
    spin_lock(&lock);
    bool mine = request->state == IO_PENDING;
    if (mine) {
        request->state = IO_RUNNING;
        list_remove(&request->link);
    } else {
        request->cancelled = true; // it completes, or pend sees it
    }
    spin_unlock(&lock);
    if (!mine) return false;
    wait_queue_remove(&request->entry);
    finish(request, -ECANCELED);
    return true;
}

static struct io_request *take_retry(void) {
    spin_lock(&lock);
    struct io_request *request = list_first(&retries, struct io_request, link);
    if (request) {
        list_remove(&request->link);
        request->state = IO_RUNNING;
    }
    spin_unlock(&lock);
    return request;
}

bool io_async_step(void) {
    struct io_request *request = take_retry();
    if (!request) return false;
    wait_queue_remove(&request->entry);
    struct context *context = context_current();
    context->borrowed_space = request->address_space;
    if (request->address_space) address_space_switch(request->address_space);
    int64_t done = io_attempt(request);
    context->borrowed_space = nullptr;
    if (done == -EAGAIN)
        pend(request);
    else
        finish(request, done);
    return true;
}
