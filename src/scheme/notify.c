// Watches on nodes, and the files that tell what they saw.
#include "src/scheme/notify.h"

#include "lib/string.h"
#include "src/context/context.h"
#include "src/memory/heap.h"
#include "src/scheme/io_request.h"
#include "src/scheme/name_cache.h"
#include "src/scheme/node.h"
#include "src/scheme/target.h"

constexpr uint32_t EVENTS_MAXIMUM = 16384;
constexpr uint32_t WATCHES_MAXIMUM = 65536;

// What is read, in the layout that programs see; the name is padded with NULs to 16 bytes.
struct event_record {
    int32_t watch;
    uint32_t mask, cookie, length;
};

struct event {
    struct list link;
    struct event_record record;
    char name[];
};

// All is guarded by notify_lock.
struct queue {
    struct list events, watches;
    uint32_t event_count, watch_count, bytes;
    int32_t next_watch;
    struct wait_queue readiness;
};

struct watch {
    struct list link;   // in the queue
    struct watch *next; // on the node
    struct queue *queue;
    struct node *node; // a reference
    int32_t id;
    uint32_t mask;
};

uint32_t notify_watches;
static struct spinlock notify_lock = SPINLOCK_INIT(RANK_READINESS);
static uint32_t last_cookie;
static const struct scheme notify_scheme;

uint32_t notify_new_cookie(void) {
    return atomic_fetch_add_relaxed(&last_cookie, 1u) + 1;
}

// ---- events; caller holds notify_lock

static bool same_as_last(const struct queue *queue, const struct event *event) {
    if (list_empty(&queue->events)) return false;
    const struct event *last = container_of(queue->events.previous, struct event, link);
    return memcmp(&last->record, &event->record, sizeof(event->record)) == 0 &&
           memcmp(last->name, event->name, event->record.length) == 0;
}

static void queue_event(struct queue *queue, const struct event_record *record, const char *name, size_t length) {
    uint32_t padded = length ? (uint32_t)align_up(length + 1, sizeof(*record)) : 0;
    bool overflow = queue->event_count >= EVENTS_MAXIMUM;
    if (queue->event_count > EVENTS_MAXIMUM) return;
    struct event *event = heap_alloc_zeroed(sizeof(*event) + (overflow ? 0 : padded));
    if (!event) return;
    event->record = *record;
    if (overflow) {
        event->record = (struct event_record){.watch = -1, .mask = NOTIFY_OVERFLOW};
    } else {
        event->record.length = padded;
        memcpy(event->name, name, length);
    }
    if (same_as_last(queue, event)) {
        heap_free(event);
        return;
    }
    list_push_back(&queue->events, &event->link);
    queue->event_count++;
    queue->bytes += (uint32_t)sizeof(*record) + event->record.length;
    wait_queue_wake(&queue->readiness, UINT32_MAX, POLLIN | POLLRDNORM);
}

// Takes the watch away; the caller frees it and drops the node's reference once the lock is released.
static void watch_remove(struct watch *watch, bool tell) {
    struct watch **at = &watch->node->watches;
    while (*at != watch)
        at = &(*at)->next;
    *at = watch->next;
    list_remove(&watch->link);
    watch->queue->watch_count--;
    atomic_fetch_sub_relaxed(&notify_watches, 1u);
    const struct event_record record = {.watch = watch->id, .mask = NOTIFY_IGNORED};
    if (tell) queue_event(watch->queue, &record, "", 0);
}

static void watch_free(struct watch *watch) {
    struct node *node = watch->node;
    heap_free(watch);
    node_put(node);
}

// Gives the event to all watches of the node. One-shot watches that fired are chained by `next` for the caller.
static struct watch *send_locked(struct node *node, const char *name, size_t length, uint32_t mask, uint32_t cookie) {
    struct watch *fired = nullptr, *next;
    for (struct watch *watch = node->watches; watch; watch = next) {
        next = watch->next;
        if (!(watch->mask & mask & NOTIFY_ALL)) continue;
        const struct event_record record = {.watch = watch->id, .mask = mask, .cookie = cookie};
        queue_event(watch->queue, &record, name, length);
        if (!(watch->mask & NOTIFY_ONE_SHOT)) continue;
        watch_remove(watch, true);
        watch->next = fired;
        fired = watch;
    }
    return fired;
}

static void free_chain(struct watch *watch) {
    while (watch) {
        struct watch *next = watch->next;
        watch_free(watch);
        watch = next;
    }
}

// As on Linux, events of the watched thing itself don't say that it is a directory.
static uint32_t with_type(const struct node *node, uint32_t mask) {
    if (mask & NOTIFY_MOVE_SELF) return mask;
    return node && node_type(node) == S_IFDIR ? mask | NOTIFY_IS_DIRECTORY : mask;
}

void notify_send_entry(struct node *directory, const char *name, size_t length, struct node *node, uint32_t mask,
                       uint32_t cookie) {
    if (!directory->watches) return;
    spin_lock(&notify_lock);
    struct watch *fired = send_locked(directory, name, length, with_type(node, mask), cookie);
    spin_unlock(&notify_lock);
    free_chain(fired);
}

void notify_send_node(struct node *node, uint32_t mask) {
    if (!node->watches) return;
    spin_lock(&notify_lock);
    struct watch *fired = send_locked(node, "", 0, with_type(node, mask), 0);
    spin_unlock(&notify_lock);
    free_chain(fired);
}

void notify_send_name(struct name *name, uint32_t mask) {
    char text[NAME_MAXIMUM + 1];
    spin_lock(&name_lock);
    struct name *parent = name->parent != name && !name->unlinked ? name->parent : nullptr;
    size_t length = name->length;
    if (parent && parent->node->watches) {
        name_get(parent);
        memcpy(text, name->text, length);
    } else {
        parent = nullptr;
    }
    spin_unlock(&name_lock);
    if (parent) {
        notify_send_entry(parent->node, text, length, name->node, mask, 0);
        name_put(parent);
    }
    notify_send_node(name->node, mask);
}

void notify_send_deleted(struct node *node) {
    if (!node->watches) return;
    struct watch *gone = nullptr;
    if (node_type(node) != S_IFDIR) notify_send_node(node, NOTIFY_ATTRIBUTES);
    if (node->links) return;
    spin_lock(&notify_lock);
    while (node->watches) {
        struct watch *watch = node->watches;
        const struct event_record record = {.watch = watch->id, .mask = NOTIFY_DELETE_SELF};
        if (watch->mask & NOTIFY_DELETE_SELF) queue_event(watch->queue, &record, "", 0);
        watch_remove(watch, true);
        watch->next = gone;
        gone = watch;
    }
    spin_unlock(&notify_lock);
    free_chain(gone);
}

// ---- the queue as a file

static int64_t notify_read(struct file *file, struct io_request *request) {
    struct queue *queue = file->data;
    int64_t total = 0;
    for (;;) {
        spin_lock(&notify_lock);
        struct event *event = list_first(&queue->events, struct event, link);
        size_t size = event ? sizeof(event->record) + event->record.length : 0;
        bool fits = size <= request->cursor.remaining;
        if (event && fits) {
            list_remove(&event->link);
            queue->event_count--;
            queue->bytes -= (uint32_t)size;
        }
        spin_unlock(&notify_lock);
        if (!event) return total ? total : -EAGAIN;
        if (!fits) return total ? total : -EINVAL;
        size_t done = segment_copy_in(&request->cursor, &event->record, sizeof(event->record));
        done += segment_copy_in(&request->cursor, event->name, event->record.length);
        heap_free(event);
        if (done < size) return total ? total : -EFAULT;
        total += (int64_t)size;
    }
}

static uint32_t notify_ready(struct file *file) {
    struct queue *queue = file->data;
    return atomic_load_relaxed(&queue->event_count) ? POLLIN | POLLRDNORM : 0;
}

static void notify_release(struct file *file) {
    struct queue *queue = file->data;
    for (;;) {
        spin_lock(&notify_lock);
        struct watch *watch = list_first(&queue->watches, struct watch, link);
        if (watch) watch_remove(watch, false);
        spin_unlock(&notify_lock);
        if (!watch) break;
        watch_free(watch);
    }
    while (!list_empty(&queue->events)) {
        struct event *event = list_first(&queue->events, struct event, link);
        list_remove(&event->link);
        heap_free(event);
    }
    heap_free(queue);
}

static int64_t notify_seek(struct file *, int64_t, uint32_t) {
    return -ESPIPE;
}

static size_t notify_describe(struct file *, char *buffer, size_t size) {
    string_copy(buffer, "anon_inode:inotify", size);
    return strlen(buffer);
}

static const struct scheme notify_scheme = {
    .name = "inotify",
    .read = notify_read,
    .ready = notify_ready,
    .release = notify_release,
    .seek = notify_seek,
    .describe = notify_describe,
};

bool notify_bytes(struct file *file, uint32_t *bytes) {
    if (file->scheme != &notify_scheme) return false;
    *bytes = ((struct queue *)file->data)->bytes;
    return true;
}

// ---- the ops

int32_t kop_notify_create(uint32_t flags) {
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK)) return -EINVAL;
    struct queue *queue = heap_alloc_zeroed(sizeof(*queue));
    if (!queue) return -ENOMEM;
    list_init(&queue->events);
    list_init(&queue->watches);
    queue->next_watch = 1;
    wait_queue_init(&queue->readiness);
    struct file *file = file_create(&notify_scheme, O_RDONLY | (flags & O_NONBLOCK), queue);
    if (!file) {
        heap_free(queue);
        return -ENOMEM;
    }
    file->readiness = &queue->readiness;
    int32_t descriptor = handle_install(&file->object, 0, flags & O_CLOEXEC ? HANDLE_CLOSE_ON_EXEC : 0);
    if (descriptor < 0) file_put(file);
    return descriptor;
}

// Changes the queue's watch on the node, or adds the fresh one (consumed then). Caller holds notify_lock.
static int32_t watch_add_locked(struct queue *queue, struct node *node, uint32_t mask, struct watch **fresh) {
    uint32_t kept = mask & (NOTIFY_ALL | NOTIFY_ONE_SHOT | NOTIFY_EXCLUDE_UNLINKED);
    for (struct watch *watch = node->watches; watch; watch = watch->next) {
        if (watch->queue != queue) continue;
        if (mask & NOTIFY_MASK_CREATE) return -EEXIST;
        watch->mask = mask & NOTIFY_MASK_ADD ? watch->mask | kept : kept;
        return watch->id;
    }
    if (queue->watch_count >= WATCHES_MAXIMUM) return -ENOSPC;
    struct watch *watch = *fresh;
    *fresh = nullptr;
    *watch =
        (struct watch){.next = node->watches, .queue = queue, .node = node, .id = queue->next_watch++, .mask = kept};
    node_get(node);
    node->watches = watch;
    list_push_back(&queue->watches, &watch->link);
    queue->watch_count++;
    atomic_fetch_add_relaxed(&notify_watches, 1u);
    return watch->id;
}

static int32_t watch_target(struct queue *queue, const char *path, size_t length, uint32_t mask) {
    struct target target;
    int32_t result =
        target_find(AT_FDCWD, path, length, mask & NOTIFY_DO_NOT_FOLLOW ? AT_SYMLINK_NOFOLLOW : 0, &target);
    if (result < 0) return result;
    if (mask & NOTIFY_ONLY_DIRECTORY && node_type(target.node) != S_IFDIR) result = -ENOTDIR;
    if (result == 0) result = node_permission(target.node, ACCESS_READ);
    struct watch *fresh = result == 0 ? heap_alloc(sizeof(*fresh)) : nullptr;
    if (result == 0 && !fresh) result = -ENOMEM;
    if (result == 0) {
        spin_lock(&notify_lock);
        result = watch_add_locked(queue, target.node, mask, &fresh);
        spin_unlock(&notify_lock);
    }
    heap_free(fresh);
    target_put(&target);
    return result;
}

int32_t kop_notify_watch(int32_t descriptor, const char *path, size_t length, uint32_t mask) {
    struct file_reference reference = file_lookup(descriptor);
    if (!reference.file) return -EBADF;
    int32_t result = -EINVAL;
    if (reference.file->scheme == &notify_scheme && mask & NOTIFY_ALL)
        result = watch_target(reference.file->data, path, length, mask);
    file_release(reference);
    return result;
}

int32_t kop_notify_unwatch(int32_t descriptor, int32_t id) {
    struct file_reference reference = file_lookup(descriptor);
    if (!reference.file) return -EBADF;
    struct watch *found = nullptr;
    if (reference.file->scheme == &notify_scheme) {
        struct queue *queue = reference.file->data;
        spin_lock(&notify_lock);
        list_for_each(watch, &queue->watches, struct watch, link) {
            if (watch->id == id) found = watch;
        }
        if (found) watch_remove(found, true);
        spin_unlock(&notify_lock);
    }
    if (found) watch_free(found);
    file_release(reference);
    return found ? 0 : -EINVAL;
}
