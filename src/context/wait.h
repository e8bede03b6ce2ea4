// Waiting: the one wait queue, under everything that blocks.
#pragma once

#include "lib/list.h"
#include "src/context/lock.h"

struct context;
struct wait_entry;

enum wait_result : int32_t { WAIT_WOKEN, WAIT_TIMEOUT, WAIT_SIGNAL, WAIT_ALERT, WAIT_KILL };
// Which things besides a wake-up and the deadline may end a wait.
enum wait_flags : uint32_t {
    WAIT_UNINTERRUPTIBLE = 0,
    WAIT_KILLABLE = 1,      // a fatal signal
    WAIT_INTERRUPTIBLE = 3, // any deliverable signal
    WAIT_ALERTABLE = 4,     // an APC
    WAIT_ENDED_BY_STOP = 8, // a stop, once continued, counts as a signal (Linux's epoll_wait)
};

struct wait_queue {
    struct spinlock lock; // RANK_WAIT_QUEUE; guards entries
    struct list entries;
};
#define WAIT_QUEUE_INIT(queue) {.lock = SPINLOCK_INIT(RANK_WAIT_QUEUE), .entries = LIST_INIT((queue).entries)}

// Called with the queue's lock held when the queue is woken with events. Returns whether it consumed the wake-up (it
// counts against the limit of wait_queue_wake). It may remove the entry from the queue. Must not sleep.
typedef bool wait_callback(struct wait_entry *entry, uint32_t events);

struct wait_entry {
    struct list link; // guarded by the queue's lock
    struct wait_queue *queue;
    wait_callback *wake;
    struct context *context; // wait_entry_wake_context wakes it
    uint32_t events;         // only these events wake it; 0: any
    bool exclusive;          // goes to the end of the queue, and counts
    bool woken;
};

static inline void wait_queue_init(struct wait_queue *queue) {
    spinlock_init(&queue->lock, RANK_WAIT_QUEUE);
    list_init(&queue->entries);
}
// An entry that wakes the running thread.
void wait_entry_init(struct wait_entry *entry);
void wait_queue_add(struct wait_queue *queue, struct wait_entry *entry);
void wait_queue_remove(struct wait_entry *entry); // no harm when it is in no queue
wait_callback wait_entry_wake_context;            // what wait_entry_init sets

// Wakes non-exclusive waiters and up to `limit` exclusive ones whose events match. events 0: all match.
// Any context, interrupts included.
void wait_queue_wake(struct wait_queue *queue, uint32_t limit, uint32_t events);
// A look without the lock: it races with additions on purpose, ordered by the fences around it.
[[clang::no_sanitize("thread")]] static inline bool wait_queue_is_empty(const struct wait_queue *queue) {
    return *(struct list *const volatile *)&queue->entries.next == &queue->entries;
}
static inline void wait_queue_wake_all(struct wait_queue *queue) {
    atomic_fence_seq_cst();
    if (!wait_queue_is_empty(queue)) // the waker's condition is already visible: see wait_until
        wait_queue_wake(queue, UINT32_MAX, 0);
}

// Waits until condition holds. The condition is evaluated again after each wake-up; the entry is queued before it is
// evaluated, so no wake-up is lost. Evaluates to an enum wait_result. May sleep.
#define wait_until(wait_queue_pointer, condition, flags, deadline)                                                     \
    ({                                                                                                                 \
        struct wait_entry wait_entry_;                                                                                 \
        enum wait_result wait_result_ = WAIT_WOKEN;                                                                    \
        wait_entry_init(&wait_entry_);                                                                                 \
        wait_queue_add((wait_queue_pointer), &wait_entry_);                                                            \
        for (;;) {                                                                                                     \
            context_block_prepare();                                                                                   \
            if (condition) {                                                                                           \
                wait_result_ = WAIT_WOKEN;                                                                             \
                break;                                                                                                 \
            }                                                                                                          \
            if (wait_result_ != WAIT_WOKEN) break;                                                                     \
            wait_result_ = context_block((flags), (deadline));                                                         \
        }                                                                                                              \
        context_block_cancel();                                                                                        \
        wait_queue_remove(&wait_entry_);                                                                               \
        wait_result_;                                                                                                  \
    })

// Marks the running thread as about to block: a context_wake from now on makes context_block return at once.
void context_block_prepare(void);
void context_block_cancel(void);
// Sleeps until context_wake, the deadline (CLOCK_MONOTONIC) or what flags allow. A stop (SIGSTOP, suspend) happens
// inside and does not end the wait.
enum wait_result context_block(enum wait_flags flags, nanoseconds deadline);
// Makes a blocked (or blocking) thread run. Returns whether it was blocked. Any context.
bool context_wake(struct context *context);

// The negative errno of an interrupted wait that has no time-out of its own: -KERNEL_ERESTART, -ETIMEDOUT for
// WAIT_TIMEOUT, 0 for WAIT_WOKEN.
[[nodiscard]] int32_t wait_result_error(enum wait_result result);
