// timerfd: a timer whose expirations are read.
#include "lib/string.h"
#include "src/context/context.h"
#include "src/memory/heap.h"
#include "src/scheme/file.h"
#include "src/scheme/io_request.h"

constexpr uint32_t TIMER_ABSOLUTE = 1, TIMER_CANCEL_ON_SET = 2;

struct timer_file {
    struct spinlock lock; // RANK_DEVICE: guards all but the timer
    enum clock_id clock;
    nanoseconds interval, deadline; // deadline on CLOCK_MONOTONIC; TIME_NEVER: disarmed
    uint64_t expirations;
    bool resting; // periodic and expired: nothing is armed until somebody looks
    struct timer timer;
    struct wait_queue readiness;
};

static const struct scheme timer_scheme;

// Counts what passed since the timer rests. Caller holds the lock.
static void catch_up(struct timer_file *t, nanoseconds now) {
    if (!t->resting || t->deadline > now) return;
    uint64_t count = (uint64_t)((now - t->deadline) / t->interval) + 1;
    t->deadline += (nanoseconds)count * t->interval;
    t->expirations += count;
}

// A periodic timer that nobody reads costs one interrupt, however short its interval.
static void expired(struct timer *timer) {
    struct timer_file *t = container_of(timer, struct timer_file, timer);
    nanoseconds now = clock_monotonic();
    spin_lock(&t->lock);
    if (t->deadline <= now && t->interval) {
        t->resting = true;
        catch_up(t, now);
    } else if (t->deadline <= now) {
        t->deadline = TIME_NEVER;
        t->expirations++;
    }
    spin_unlock(&t->lock);
    wait_queue_wake(&t->readiness, UINT32_MAX, POLLIN | POLLRDNORM);
}

static int64_t timer_read(struct file *file, struct io_request *request) {
    struct timer_file *t = file->data;
    if (request->cursor.remaining < sizeof(uint64_t)) return -EINVAL;
    spin_lock(&t->lock);
    catch_up(t, clock_monotonic());
    uint64_t count = t->expirations;
    t->expirations = 0;
    if (t->resting) {
        t->resting = false;
        timer_arm(&t->timer, t->deadline);
    }
    spin_unlock(&t->lock);
    if (!count) return -EAGAIN;
    return segment_copy_in(&request->cursor, &count, sizeof count) == sizeof count ? (int64_t)sizeof count : -EFAULT;
}

static uint32_t timer_ready(struct file *file) {
    struct timer_file *t = file->data;
    return t->expirations ? POLLIN | POLLRDNORM : 0;
}

static void timer_release(struct file *file) {
    struct timer_file *t = file->data;
    spin_lock(&t->lock);
    t->deadline = TIME_NEVER;
    t->interval = 0;
    t->resting = false;
    spin_unlock(&t->lock);
    timer_cancel(&t->timer);
    heap_free(t);
}

static int64_t timer_seek(struct file *, int64_t, uint32_t) {
    return -ESPIPE;
}

static size_t timer_describe(struct file *, char *buffer, size_t size) {
    string_copy(buffer, "anon_inode:[timerfd]", size);
    return strlen(buffer);
}

static const struct scheme timer_scheme = {
    .name = "timer",
    .read = timer_read,
    .ready = timer_ready,
    .release = timer_release,
    .seek = timer_seek,
    .describe = timer_describe,
};

int32_t kop_timer_file_create(enum clock_id clock, uint32_t flags) {
    bool known = clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME ||
                 clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM;
    if (!known || flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK)) return -EINVAL;
    struct timer_file *t = heap_alloc_zeroed(sizeof *t);
    if (!t) return -ENOMEM;
    spinlock_init(&t->lock, RANK_DEVICE);
    wait_queue_init(&t->readiness);
    timer_init(&t->timer, expired);
    t->clock = clock;
    t->deadline = TIME_NEVER;
    struct file *file = file_create(&timer_scheme, O_RDWR | (flags & O_NONBLOCK), t);
    if (!file) {
        heap_free(t);
        return -ENOMEM;
    }
    file->readiness = &t->readiness;
    int32_t descriptor = handle_install(&file->object, 0, flags & O_CLOEXEC ? HANDLE_CLOSE_ON_EXEC : 0);
    if (descriptor < 0) file_put(file);
    return descriptor;
}

static int32_t timer_of(int32_t descriptor, struct file_reference *reference, struct timer_file **t) {
    *reference = file_lookup(descriptor);
    if (!reference->file) return -EBADF;
    if (reference->file->scheme == &timer_scheme) {
        *t = reference->file->data;
        return 0;
    }
    file_release(*reference);
    return -EINVAL;
}

static struct kernel_itimer value_of(struct timer_file *t) {
    nanoseconds now = clock_monotonic();
    spin_lock(&t->lock);
    catch_up(t, now);
    struct kernel_itimer value = {.interval = t->interval};
    if (t->deadline != TIME_NEVER) value.value = max(t->deadline - now, (nanoseconds)1);
    spin_unlock(&t->lock);
    return value;
}

int32_t kop_timer_file_set(int32_t descriptor, uint32_t flags, const struct kernel_itimer *value,
                           struct kernel_itimer *old) {
    struct file_reference reference;
    struct timer_file *t;
    if (flags & ~(TIMER_ABSOLUTE | TIMER_CANCEL_ON_SET)) return -EINVAL;
    int32_t error = timer_of(descriptor, &reference, &t);
    if (error) return error;
    if (old) *old = value_of(t);
    bool realtime = t->clock == CLOCK_REALTIME || t->clock == CLOCK_REALTIME_ALARM;
    nanoseconds deadline = value->value;
    if (!(flags & TIMER_ABSOLUTE)) {
        nanoseconds now = clock_monotonic();
        deadline = deadline > TIME_NEVER - now ? TIME_NEVER : deadline + now;
    } else if (realtime) {
        deadline -= clock_wall_offset();
    }
    timer_cancel(&t->timer);
    spin_lock(&t->lock);
    t->expirations = 0;
    t->resting = false;
    t->interval = value->interval;
    t->deadline = value->value ? deadline : TIME_NEVER;
    spin_unlock(&t->lock);
    if (value->value) timer_arm(&t->timer, deadline);
    file_release(reference);
    return 0;
}

int32_t kop_timer_file_get(int32_t descriptor, struct kernel_itimer *value) {
    struct file_reference reference;
    struct timer_file *t;
    int32_t error = timer_of(descriptor, &reference, &t);
    if (error) return error;
    *value = value_of(t);
    file_release(reference);
    return 0;
}
