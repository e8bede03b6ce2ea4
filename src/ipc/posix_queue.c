// POSIX message queues: named, with priorities; a descriptor of one is an open file. The name space is its own and
// flat.
#include "src/ipc/posix_queue.h"

#include "lib/format.h"
#include "lib/string.h"
#include "src/context/context.h"
#include "src/memory/heap.h"
#include "src/scheme/descriptor.h"
#include "src/scheme/file.h"
#include "src/scheme/identity.h"
#include "src/scheme/io_request.h"
#include "src/scheme/node.h"

constexpr size_t NAME_LENGTH_MAXIMUM = 255;
constexpr uint32_t QUEUES_MAXIMUM = 256;
constexpr int64_t MESSAGES_DEFAULT = 10, SIZE_DEFAULT = 8192;              // also the limits of ordinary users
constexpr int64_t MESSAGES_PRIVILEGED = 65536, SIZE_PRIVILEGED = 16 << 20; // limits with CAP_SYS_RESOURCE

struct message {
    struct list link;
    size_t length;
    uint32_t priority;
    char text[];
};

struct queue {
    struct list link;     // names_lock
    struct node *node;    // mode and owner; the queue lives as long as it
    struct spinlock lock; // RANK_READINESS: guards all below
    struct list messages; // higher priorities first, older first
    int64_t maximum, message_size, count, bytes, receivers_waiting;
    struct wait_queue readiness;
    int32_t notify_pid; // 0: nobody
    enum timer_notify notify_kind;
    uint32_t notify_signal;
    uintptr_t notify_value;
    char name[]; // NUL-terminated; names_lock
};

static struct mutex names_lock = {
    .rank = RANK_MOUNT, .lock = SPINLOCK_INIT(RANK_WAIT_QUEUE), .waiters = LIST_INIT(names_lock.waiters)};
static struct list queues = LIST_INIT(queues); // those with a name; each with a reference on its node
static uint32_t queue_count;
static const struct scheme queue_scheme;

// ---- the file

static struct queue *queue_of(const struct file *file) {
    return file->scheme == &queue_scheme ? file->data : nullptr;
}

static int64_t queue_read(struct file *file, struct io_request *request) {
    struct queue *queue = file->data;
    char text[100];
    spin_lock(&queue->lock);
    size_t length =
        format_string(text, sizeof(text), "QSIZE:%-10ld NOTIFY:%-5d SIGNO:%-5u NOTIFY_PID:%-6d\n", queue->bytes,
                      queue->notify_pid ? (int)queue->notify_kind : 0, queue->notify_signal, queue->notify_pid);
    spin_unlock(&queue->lock);
    if (request->offset < 0 || (size_t)request->offset >= length) return 0;
    size_t rest = min(length - (size_t)request->offset, request->cursor.remaining);
    size_t done = segment_copy_in(&request->cursor, text + request->offset, rest);
    return done || !rest ? (int64_t)done : -EFAULT;
}

static uint32_t queue_ready(struct file *file) {
    struct queue *queue = file->data;
    spin_lock(&queue->lock);
    uint32_t events =
        (queue->count ? POLLIN | POLLRDNORM : 0) | (queue->count < queue->maximum ? POLLOUT | POLLWRNORM : 0);
    spin_unlock(&queue->lock);
    return events;
}

static void queue_node_release(struct node *node) {
    struct queue *queue = node->data;
    if (!queue) return;
    while (!list_empty(&queue->messages)) {
        struct message *message = list_first(&queue->messages, struct message, link);
        list_remove(&message->link);
        heap_free(message);
    }
    heap_free(queue);
}

static const struct scheme queue_scheme = {
    .name = "mqueue",
    .magic = 0x19800202,
    .read = queue_read,
    .ready = queue_ready,
    .node_release = queue_node_release,
};

// A process's registration ends when it closes a descriptor of the queue.
void posix_queue_closed(struct file *file) {
    struct queue *queue = queue_of(file);
    if (!queue) return;
    spin_lock(&queue->lock);
    if (queue->notify_pid == process_current()->pid) queue->notify_pid = 0;
    spin_unlock(&queue->lock);
}

// ---- names

// Caller holds names_lock.
static struct queue *find(const char *name) {
    list_for_each(queue, &queues, struct queue, link) {
        if (string_equal(queue->name, name)) return queue;
    }
    return nullptr;
}

static int32_t name_check(char copy[NAME_LENGTH_MAXIMUM + 1], const char *name, size_t length) {
    if (length == 0) return -ENOENT;
    if (memchr(name, '/', length)) return -EACCES;
    if (length > NAME_LENGTH_MAXIMUM) return -ENAMETOOLONG;
    memcpy(copy, name, length);
    copy[length] = 0;
    return string_equal(copy, ".") || string_equal(copy, "..") ? -EACCES : 0;
}

static int32_t attributes_check(const struct kernel_queue_attributes *attributes) {
    bool privileged = capable(CAP_SYS_RESOURCE);
    if (attributes->maximum <= 0 || attributes->message_size <= 0) return -EINVAL;
    if (attributes->maximum > (privileged ? MESSAGES_PRIVILEGED : MESSAGES_DEFAULT)) return -EINVAL;
    return attributes->message_size > (privileged ? SIZE_PRIVILEGED : SIZE_DEFAULT) ? -EINVAL : 0;
}

// Caller holds names_lock. *made is in the list.
static int32_t create_locked(const char *name, uint32_t mode, const struct kernel_queue_attributes *attributes,
                             struct queue **made) {
    static uint64_t device;
    if (attributes) {
        int32_t error = attributes_check(attributes);
        if (error < 0) return error;
    }
    if (queue_count >= QUEUES_MAXIMUM && !capable(CAP_SYS_RESOURCE)) return -ENOSPC;
    if (!device) device = device_new_id();
    struct queue *queue = heap_alloc_zeroed(sizeof(*queue) + strlen(name) + 1);
    struct node *node = queue ? node_create(&queue_scheme, S_IFREG | mode, device, node_new_id()) : nullptr;
    if (!node) {
        heap_free(queue);
        return -ENOMEM;
    }
    node_own_by_current(node);
    node->data = queue;
    queue->node = node;
    queue->maximum = attributes ? attributes->maximum : MESSAGES_DEFAULT;
    queue->message_size = attributes ? attributes->message_size : SIZE_DEFAULT;
    spinlock_init(&queue->lock, RANK_READINESS);
    list_init(&queue->messages);
    wait_queue_init(&queue->readiness);
    memcpy(queue->name, name, strlen(name) + 1);
    list_push_back(&queues, &queue->link);
    queue_count++;
    *made = queue;
    return 0;
}

static int32_t open_locked(const char *name, uint32_t flags, uint32_t mode,
                           const struct kernel_queue_attributes *attributes, struct queue **found) {
    static const uint8_t rights[4] = {ACCESS_READ, ACCESS_WRITE, ACCESS_READ | ACCESS_WRITE,
                                      ACCESS_READ | ACCESS_WRITE};
    struct queue *queue = find(name);
    if (!queue) return flags & O_CREAT ? create_locked(name, mode, attributes, found) : -ENOENT;
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) return -EEXIST;
    *found = queue;
    return node_permission(queue->node, rights[flags & O_ACCMODE]);
}

int32_t kop_queue_open(const char *name, size_t length, uint32_t flags, uint32_t mode,
                       const struct kernel_queue_attributes *attributes) {
    char copy[NAME_LENGTH_MAXIMUM + 1];
    struct queue *queue;
    int32_t error = name_check(copy, name, length);
    if (error < 0) return error;
    mutex_lock(&names_lock);
    error = open_locked(copy, flags, mode, attributes, &queue);
    struct file *file = error < 0 ? nullptr : file_create(&queue_scheme, flags & (O_ACCMODE | O_NONBLOCK), queue);
    if (error == 0 && !file) error = -ENOMEM;
    if (file) {
        file->node = queue->node;
        node_get(file->node);
        file->readiness = &queue->readiness;
    }
    mutex_unlock(&names_lock);
    if (error < 0) return error;
    int32_t descriptor = handle_install(&file->object, 0, flags & O_CLOEXEC ? HANDLE_CLOSE_ON_EXEC : 0);
    if (descriptor < 0) file_put(file);
    return descriptor;
}

int32_t kop_queue_unlink(const char *name, size_t length) {
    char copy[NAME_LENGTH_MAXIMUM + 1];
    int32_t error = name_check(copy, name, length);
    if (error < 0) return error;
    mutex_lock(&names_lock);
    struct queue *queue = find(copy);
    if (!queue) error = -ENOENT;
    if (queue && node_owner_check(queue->node) < 0) error = -EPERM;
    if (error == 0) {
        list_remove(&queue->link);
        queue_count--;
        queue->node->links = 0;
    }
    mutex_unlock(&names_lock);
    if (error == 0) node_put(queue->node);
    return error;
}

// ---- messages

static struct message *message_fetch(const struct segment *from, uint32_t priority, int32_t *error) {
    struct message *message = heap_alloc(sizeof(*message) + from->length);
    struct segment_cursor cursor = segment_cursor_start(from, 1);
    *error = message ? 0 : -ENOMEM;
    if (!message) return nullptr;
    message->length = from->length;
    message->priority = priority;
    if (segment_copy_out(message->text, &cursor, from->length) == from->length) return message;
    heap_free(message);
    *error = -EFAULT;
    return nullptr;
}

// Who registered is told once, when a message comes to an empty queue that nobody waits at. Caller holds the lock; the
// pid to signal, or 0.
static int32_t take_notification(struct queue *queue, struct kernel_siginfo *info) {
    if (queue->count != 1 || queue->receivers_waiting || !queue->notify_pid) return 0;
    int32_t pid = queue->notify_pid;
    queue->notify_pid = 0;
    if (queue->notify_kind != TIMER_NOTIFY_SIGNAL) return 0;
    *info = (struct kernel_siginfo){.signal = queue->notify_signal,
                                    .code = SI_MESGQ,
                                    .pid = process_current()->pid,
                                    .uid = process_current()->credentials->ids.uid,
                                    .value = queue->notify_value};
    return pid;
}

static void enqueue_locked(struct queue *queue, struct message *message) {
    struct list *place = queue->messages.previous;
    while (place != &queue->messages && container_of(place, struct message, link)->priority < message->priority)
        place = place->previous;
    list_insert_after(place, &message->link);
    queue->count++;
    queue->bytes += (int64_t)message->length;
}

// Waits until there is room (or a message). 0, -EAGAIN, -ETIMEDOUT, or a signal's error.
static int32_t queue_wait(struct file *file, struct queue *queue, bool for_room, nanoseconds deadline) {
    if (file->flags & O_NONBLOCK) return -EAGAIN;
    enum wait_result result =
        for_room ? wait_until(&queue->readiness, atomic_load_relaxed(&queue->count) < queue->maximum,
                              WAIT_INTERRUPTIBLE, deadline)
                 : wait_until(&queue->readiness, atomic_load_relaxed(&queue->count) > 0, WAIT_INTERRUPTIBLE, deadline);
    return wait_result_error(result);
}

static int32_t send(struct file *file, struct queue *queue, struct message *message, nanoseconds deadline) {
    for (;;) {
        struct kernel_siginfo info;
        int32_t pid = 0;
        spin_lock(&queue->lock);
        bool room = queue->count < queue->maximum;
        if (room) enqueue_locked(queue, message);
        if (room) pid = take_notification(queue, &info);
        spin_unlock(&queue->lock);
        if (room) {
            wait_queue_wake(&queue->readiness, UINT32_MAX, POLLIN | POLLRDNORM);
            struct process *process = pid ? process_find(pid) : nullptr;
            if (process) {
                (void)!signal_send_process(process, &info);
                object_put(&process->object);
            }
            return 0;
        }
        int32_t error = queue_wait(file, queue, true, deadline);
        if (error < 0) return error;
    }
}

int32_t kop_queue_send(int32_t descriptor, const struct segment *from, uint32_t priority, nanoseconds deadline) {
    struct file_reference reference = file_lookup(descriptor);
    struct file *file = reference.file;
    if (!file) return -EBADF;
    struct queue *queue = queue_of(file);
    int32_t error = !queue || !file_writable(file)               ? -EBADF
                    : from->length > (size_t)queue->message_size ? -EMSGSIZE
                                                                 : 0;
    if (error == 0) {
        struct message *message = message_fetch(from, priority, &error);
        if (message) error = send(file, queue, message, deadline);
        if (message && error < 0) heap_free(message);
    }
    file_release(reference);
    return error;
}

static int32_t receive(struct file *file, struct queue *queue, nanoseconds deadline, struct message **message) {
    for (;;) {
        spin_lock(&queue->lock);
        *message = list_first(&queue->messages, struct message, link);
        if (*message) {
            list_remove(&(*message)->link);
            queue->count--;
            queue->bytes -= (int64_t)(*message)->length;
        } else {
            queue->receivers_waiting++;
        }
        spin_unlock(&queue->lock);
        if (*message) {
            wait_queue_wake(&queue->readiness, UINT32_MAX, POLLOUT | POLLWRNORM);
            return 0;
        }
        int32_t error = queue_wait(file, queue, false, deadline);
        spin_lock(&queue->lock);
        queue->receivers_waiting--;
        spin_unlock(&queue->lock);
        if (error < 0) return error;
    }
}

int32_t kop_queue_receive(int32_t descriptor, const struct segment *to, uint32_t *priority, nanoseconds deadline,
                          size_t *done) {
    struct file_reference reference = file_lookup(descriptor);
    struct file *file = reference.file;
    if (!file) return -EBADF;
    struct queue *queue = queue_of(file);
    int32_t error = !queue || !file_readable(file) ? -EBADF : to->length < (size_t)queue->message_size ? -EMSGSIZE : 0;
    struct message *message = nullptr;
    if (error == 0) error = receive(file, queue, deadline, &message);
    if (message) {
        struct segment_cursor cursor = segment_cursor_start(to, 1);
        if (segment_copy_in(&cursor, message->text, message->length) < message->length) error = -EFAULT;
        *done = message->length;
        *priority = message->priority;
        heap_free(message);
    }
    file_release(reference);
    return error;
}

int32_t kop_queue_notify(int32_t descriptor, int32_t kind, uint32_t signal, uintptr_t value) {
    struct file_reference reference = file_lookup(descriptor);
    if (!reference.file) return -EBADF;
    struct queue *queue = queue_of(reference.file);
    int32_t pid = process_current()->pid, error = queue ? 0 : -EBADF;
    if (queue) {
        spin_lock(&queue->lock);
        if (kind < 0) {
            if (queue->notify_pid == pid) queue->notify_pid = 0;
        } else if (queue->notify_pid) {
            error = -EBUSY;
        } else {
            queue->notify_pid = pid;
            queue->notify_kind = (enum timer_notify)kind;
            queue->notify_signal = signal;
            queue->notify_value = value;
        }
        spin_unlock(&queue->lock);
    }
    file_release(reference);
    return error;
}

int32_t kop_queue_attributes(int32_t descriptor, const uint32_t *flags, struct kernel_queue_attributes *old) {
    struct file_reference reference = file_lookup(descriptor);
    struct file *file = reference.file;
    if (!file) return -EBADF;
    struct queue *queue = queue_of(file);
    if (queue) {
        spin_lock(&queue->lock);
        *old = (struct kernel_queue_attributes){.flags = file->flags & O_NONBLOCK,
                                                .maximum = queue->maximum,
                                                .message_size = queue->message_size,
                                                .count = queue->count};
        spin_unlock(&queue->lock);
        if (flags) file->flags = (file->flags & ~(uint32_t)O_NONBLOCK) | (*flags & O_NONBLOCK);
    }
    file_release(reference);
    return queue ? 0 : -EBADF;
}
