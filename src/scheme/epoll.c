// epoll: a set of files that stays registered. An item hangs on its file's readiness queue; a wake-up puts it on the
// set's ready list, where epoll_wait looks again whether it is ready.
#include "src/context/context.h"
#include "src/kernel.h"
#include "src/memory/heap.h"
#include "src/scheme/file.h"
#include "src/scheme/poll.h"

constexpr uint32_t EPOLLEXCLUSIVE = 1u << 28, EPOLLWAKEUP = 1u << 29, EPOLLONESHOT = 1u << 30, EPOLLET = 1u << 31;
constexpr uint32_t OPTIONS = EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLONESHOT | EPOLLET;
constexpr uint32_t ALWAYS_REPORTED = POLLERR | POLLHUP;
constexpr unsigned NESTING_MAXIMUM = 5;
constexpr enum lock_rank RANK_EPOLL_READY = RANK_WAIT_QUEUE + 1; // taken in wake callbacks

// Letters: (m) the set's mutex, (r) its ready lock.
struct epoll_item {
    struct epoll *epoll;
    struct file *file; // no reference: epoll_forget removes the item
    int32_t descriptor;
    struct kernel_epoll_event event; // (m)
    struct wait_entry entry;
    struct list link;      // (m) in epoll->items
    struct list file_link; // file_items_lock, in file->epoll_items
    struct list ready;     // (r)
    bool on_ready;         // (r)
};

struct epoll {
    struct mutex lock; // RANK_FILE: guards items
    struct list items;
    struct spinlock ready_lock;
    struct list ready_items;
    struct wait_queue readiness;
};

static struct spinlock file_items_lock = SPINLOCK_INIT(RANK_READINESS);
static struct mutex forget_lock = MUTEX_INIT(forget_lock, RANK_FILE); // closing against control
static const struct scheme epoll_scheme;

static void make_ready(struct epoll_item *item) {
    struct epoll *epoll = item->epoll;
    spin_lock(&epoll->ready_lock);
    if (!item->on_ready) {
        item->on_ready = true;
        list_push_back(&epoll->ready_items, &item->ready);
    }
    spin_unlock(&epoll->ready_lock);
    wait_queue_wake(&epoll->readiness, 1, POLLIN | POLLRDNORM);
}

static bool item_woken(struct wait_entry *entry, uint32_t events) {
    struct epoll_item *item = container_of(entry, struct epoll_item, entry);
    if (!(item->event.events & ~OPTIONS) || (events && !(events & (item->event.events | ALWAYS_REPORTED))))
        return false;
    make_ready(item);
    return true;
}

static uint32_t item_events(struct epoll_item *item) {
    if (!(item->event.events & ~OPTIONS)) return 0; // a one-shot item that fired
    return file_ready(item->file) & (item->event.events | ALWAYS_REPORTED);
}

static void item_remove(struct epoll_item *item) {
    struct epoll *epoll = item->epoll;
    wait_queue_remove(&item->entry);
    spin_lock(&epoll->ready_lock);
    if (item->on_ready) list_remove(&item->ready);
    spin_unlock(&epoll->ready_lock);
    list_remove(&item->link);
    spin_lock(&file_items_lock);
    list_remove(&item->file_link);
    spin_unlock(&file_items_lock);
    heap_free(item);
}

void epoll_forget(struct file *file) {
    if (list_empty(&file->epoll_items)) return;
    mutex_lock(&forget_lock);
    while (!list_empty(&file->epoll_items)) {
        struct epoll_item *item = list_first(&file->epoll_items, struct epoll_item, file_link);
        struct epoll *epoll = item->epoll;
        mutex_lock(&epoll->lock);
        item_remove(item);
        mutex_unlock(&epoll->lock);
    }
    mutex_unlock(&forget_lock);
}

// ---- the set as a file

static void epoll_release(struct file *file) {
    struct epoll *epoll = file->data;
    mutex_lock(&forget_lock);
    list_for_each_safe(item, next, &epoll->items, struct epoll_item, link) item_remove(item);
    mutex_unlock(&forget_lock);
    heap_free(epoll);
}

static uint32_t epoll_ready(struct file *file) {
    struct epoll *epoll = file->data;
    uint32_t events = 0;
    mutex_lock(&epoll->lock);
    list_for_each(item, &epoll->items, struct epoll_item, link) {
        if (item->on_ready && item_events(item)) {
            events = POLLIN | POLLRDNORM;
            break;
        }
    }
    mutex_unlock(&epoll->lock);
    return events;
}

static size_t epoll_describe(struct file *, char *buffer, size_t size) {
    static const char text[] = "anon_inode:[eventpoll]";
    size_t length = min(size, sizeof text - 1);
    for (size_t i = 0; i < length; i++)
        buffer[i] = text[i];
    return length;
}

static const struct scheme epoll_scheme = {
    .name = "epoll", .release = epoll_release, .ready = epoll_ready, .describe = epoll_describe};

int32_t kop_epoll_create(uint32_t flags) {
    if (flags & ~(uint32_t)O_CLOEXEC) return -EINVAL;
    struct epoll *epoll = heap_alloc_zeroed(sizeof *epoll);
    if (!epoll) return -ENOMEM;
    mutex_init(&epoll->lock, RANK_FILE);
    list_init(&epoll->items);
    spinlock_init(&epoll->ready_lock, RANK_EPOLL_READY);
    list_init(&epoll->ready_items);
    wait_queue_init(&epoll->readiness);
    struct file *file = file_create(&epoll_scheme, O_RDWR, epoll);
    if (!file) {
        heap_free(epoll);
        return -ENOMEM;
    }
    file->readiness = &epoll->readiness;
    int32_t descriptor = handle_install(&file->object, 0, flags & O_CLOEXEC ? HANDLE_CLOSE_ON_EXEC : 0);
    if (descriptor < 0) file_put(file);
    return descriptor;
}

// ---- control

static struct epoll_item *find_locked(struct epoll *epoll, struct file *file, int32_t descriptor) {
    list_for_each(item, &epoll->items, struct epoll_item, link) {
        if (item->file == file && item->descriptor == descriptor) return item;
    }
    return nullptr;
}

// Whether `set` can be reached from `file` through epoll sets in sets: adding file to set would close a circle.
static bool reaches(struct file *file, const struct epoll *set, unsigned depth) {
    if (file->scheme != &epoll_scheme) return false;
    struct epoll *epoll = file->data;
    if (epoll == set || depth == NESTING_MAXIMUM) return true;
    list_for_each(item, &epoll->items, struct epoll_item, link) {
        if (reaches(item->file, set, depth + 1)) return true;
    }
    return false;
}

static int32_t item_add(struct epoll *epoll, struct file *file, int32_t descriptor,
                        const struct kernel_epoll_event *event) {
    if (!file->scheme->ready) return -EPERM;
    if (find_locked(epoll, file, descriptor)) return -EEXIST;
    if (reaches(file, epoll, 1)) return -ELOOP;
    struct epoll_item *item = heap_alloc_zeroed(sizeof *item);
    if (!item) return -ENOMEM;
    item->epoll = epoll;
    item->file = file;
    item->descriptor = descriptor;
    item->event = *event;
    list_init(&item->ready);
    wait_entry_init(&item->entry);
    item->entry.wake = item_woken;
    item->entry.exclusive = event->events & EPOLLEXCLUSIVE;
    list_push_back(&epoll->items, &item->link);
    spin_lock(&file_items_lock);
    list_push_back(&file->epoll_items, &item->file_link);
    spin_unlock(&file_items_lock);
    if (file->readiness) wait_queue_add(file->readiness, &item->entry);
    if (item_events(item)) make_ready(item);
    return 0;
}

static int32_t item_modify(struct epoll_item *item, const struct kernel_epoll_event *event) {
    if (!item) return -ENOENT;
    if ((item->event.events | event->events) & EPOLLEXCLUSIVE) return -EINVAL;
    item->event = *event;
    if (item_events(item)) make_ready(item);
    return 0;
}

static int32_t control(struct epoll *epoll, enum epoll_operation operation, struct file *file, int32_t descriptor,
                       const struct kernel_epoll_event *event) {
    switch (operation) {
    case EPOLL_CTL_ADD:
        return item_add(epoll, file, descriptor, event);
    case EPOLL_CTL_MOD:
        return item_modify(find_locked(epoll, file, descriptor), event);
    case EPOLL_CTL_DEL: {
        struct epoll_item *item = find_locked(epoll, file, descriptor);
        if (!item) return -ENOENT;
        item_remove(item);
        return 0;
    }
    }
    return -EINVAL;
}

int32_t kop_epoll_control(int32_t epoll, enum epoll_operation operation, int32_t descriptor,
                          const struct kernel_epoll_event *event) {
    struct file_reference set = file_lookup(epoll);
    if (!set.file) return -EBADF;
    struct file_reference target = file_lookup(descriptor);
    int32_t error = target.file ? 0 : -EBADF;
    if (!error && (set.file->scheme != &epoll_scheme || set.file == target.file)) error = -EINVAL;
    if (!error && operation == EPOLL_CTL_ADD && event->events & EPOLLEXCLUSIVE && target.file->scheme == &epoll_scheme)
        error = -EINVAL;
    if (!error) {
        struct epoll *instance = set.file->data;
        mutex_lock(&forget_lock);
        mutex_lock(&instance->lock);
        error = control(instance, operation, target.file, descriptor, event);
        mutex_unlock(&instance->lock);
        mutex_unlock(&forget_lock);
    }
    if (target.file) file_release(target);
    file_release(set);
    return error;
}

// ---- waiting

static struct epoll_item *take_ready(struct epoll *epoll) {
    spin_lock(&epoll->ready_lock);
    struct epoll_item *item = list_first(&epoll->ready_items, struct epoll_item, ready);
    if (item) {
        list_remove(&item->ready);
        item->on_ready = false;
    }
    spin_unlock(&epoll->ready_lock);
    return item;
}

// Looks at every item of the ready list once; level-triggered ones that are ready go back.
static int32_t collect(struct epoll *epoll, struct kernel_epoll_event *events, uint32_t maximum) {
    struct list again;
    uint32_t count = 0;
    list_init(&again);
    mutex_lock(&epoll->lock);
    struct epoll_item *item;
    while (count < maximum && (item = take_ready(epoll))) {
        uint32_t ready = item_events(item);
        if (!ready) continue;
        events[count++] = (struct kernel_epoll_event){ready, item->event.data};
        if (item->event.events & EPOLLONESHOT)
            item->event.events &= OPTIONS;
        else if (!(item->event.events & EPOLLET))
            list_push_back(&again, &item->ready);
    }
    spin_lock(&epoll->ready_lock);
    while (!list_empty(&again)) {
        item = list_first(&again, struct epoll_item, ready);
        list_remove(&item->ready);
        if (!item->on_ready) {
            item->on_ready = true;
            list_push_back(&epoll->ready_items, &item->ready);
        }
    }
    spin_unlock(&epoll->ready_lock);
    mutex_unlock(&epoll->lock);
    return (int32_t)count;
}

static int32_t wait_events(struct epoll *epoll, struct kernel_epoll_event *events, uint32_t maximum,
                           nanoseconds deadline) {
    int32_t count = collect(epoll, events, maximum);
    if (count || deadline <= clock_monotonic()) return count;
    enum wait_result result = WAIT_WOKEN;
    while (count == 0 && result == WAIT_WOKEN) {
        result = wait_until(&epoll->readiness, !list_empty(&epoll->ready_items),
                            WAIT_INTERRUPTIBLE | WAIT_ENDED_BY_STOP, deadline);
        count = collect(epoll, events, maximum);
    }
    if (count || result == WAIT_TIMEOUT) return count;
    return -EINTR;
}

int32_t kop_epoll_wait(int32_t epoll, struct kernel_epoll_event *events, uint32_t maximum, nanoseconds deadline,
                       const signal_set *mask) {
    struct file_reference reference = file_lookup(epoll);
    if (!reference.file) return -EBADF;
    int32_t result = -EINVAL;
    if (reference.file->scheme == &epoll_scheme && maximum > 0) {
        if (mask) signal_mask_temporarily(*mask);
        result = wait_events(reference.file->data, events, maximum, deadline);
    }
    file_release(reference);
    return result;
}
