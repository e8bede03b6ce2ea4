// Message queues: typed messages, taken by type.
#include "lib/list.h"
#include "src/context/context.h"
#include "src/context/timer.h"
#include "src/ipc/ipc.h"
#include "src/memory/heap.h"
#include "src/memory/user_copy.h"

struct message {
    struct list link;
    int64_t type;
    size_t size;
    char bytes[];
};

// All guarded by the table's lock.
struct message_queue {
    struct ipc_object ipc;
    struct list messages;
    uint64_t bytes, count, maximum;
    struct wait_queue senders, receivers;
};

static struct ipc_table *const table = &ipc_tables[IPC_MESSAGES];
static uint64_t messages_total;

static struct message_queue *queue_of(struct ipc_object *object) {
    return container_of(object, struct message_queue, ipc);
}

int32_t messages_create(struct ipc_object **object) {
    struct message_queue *queue = heap_alloc_zeroed(sizeof(*queue));
    if (!queue) return -ENOMEM;
    list_init(&queue->messages);
    wait_queue_init(&queue->senders);
    wait_queue_init(&queue->receivers);
    queue->maximum = MESSAGE_QUEUE_MAXIMUM;
    *object = &queue->ipc;
    return 0;
}

static void account_locked(struct message_queue *queue, const struct message *message, int sign) {
    queue->bytes += (uint64_t)((int64_t)message->size * sign);
    queue->count += (uint64_t)sign;
    table->total += (uint64_t)((int64_t)message->size * sign);
    messages_total += (uint64_t)sign;
}

void messages_release(struct ipc_object *object) {
    struct message_queue *queue = queue_of(object);
    list_for_each_safe(message, following, &queue->messages, struct message, link) {
        spin_lock(&table->lock);
        account_locked(queue, message, -1);
        spin_unlock(&table->lock);
        heap_free(message);
    }
    heap_free(queue);
}

void messages_removed_locked(struct ipc_object *object) {
    ipc_withdraw_locked(object);
    wait_queue_wake_all(&queue_of(object)->senders);
    wait_queue_wake_all(&queue_of(object)->receivers);
}

void messages_status_locked(const struct ipc_object *object, struct kernel_ipc_status *status) {
    const struct message_queue *queue = container_of(object, const struct message_queue, ipc);
    status->size = queue->bytes;
    status->count = queue->count;
    status->maximum = queue->maximum;
}

int32_t messages_maximum_locked(struct ipc_object *object, uint64_t maximum) {
    if (maximum > MESSAGE_QUEUE_MAXIMUM && !capable(CAP_SYS_RESOURCE)) return -EPERM;
    queue_of(object)->maximum = maximum;
    wait_queue_wake_all(&queue_of(object)->senders);
    return 0;
}

void messages_usage(struct kernel_ipc_usage *usage) {
    usage->messages = atomic_load_relaxed(&messages_total);
}

// ---- send

struct sending {
    struct message_queue *queue;
    struct message *message; // nullptr once it is in the queue
    int32_t error;
};

// Whether it is over: queued, or the queue is gone.
static bool try_send(struct sending *sending) {
    struct message_queue *queue = sending->queue;
    spin_lock(&table->lock);
    bool room = queue->bytes + sending->message->size <= queue->maximum && queue->count + 1 <= queue->maximum;
    sending->error = queue->ipc.removed ? -EIDRM : 0;
    bool sends = room && !sending->error;
    if (sends) {
        list_push_back(&queue->messages, &sending->message->link);
        account_locked(queue, sending->message, 1);
        sending->message = nullptr;
        queue->ipc.last = clock_realtime();
        queue->ipc.last_pid = process_current()->pid;
    }
    spin_unlock(&table->lock);
    if (sends) wait_queue_wake_all(&queue->receivers);
    return sends || sending->error;
}

static int32_t message_fetch(int64_t type, const struct segment *from, struct message **result) {
    struct message *message = heap_alloc(sizeof(*message) + from->length);
    if (!message) return -ENOMEM;
    *message = (struct message){.type = type, .size = from->length};
    int32_t error = copy_from_user(message->bytes, (struct user_address){from->address}, from->length);
    if (error)
        heap_free(message);
    else
        *result = message;
    return error;
}

int32_t kop_message_send(int32_t id, int64_t type, const struct segment *from, uint32_t flags) {
    struct ipc_object *object;
    if (from->kind != SEGMENT_USER || from->length > IPC_MESSAGE_MAXIMUM || id < 0 || type < 1) return -EINVAL;
    struct sending sending = {};
    int32_t error = message_fetch(type, from, &sending.message);
    if (error) return error;
    error = ipc_find_for(IPC_MESSAGES, id, IPC_WRITE, &object);
    if (!error) {
        sending.queue = queue_of(object);
        bool over = try_send(&sending);
        error = sending.error;
        if (!over && flags & IPC_NOWAIT) {
            error = -EAGAIN;
        } else if (!over) {
            enum wait_result wait =
                wait_until(&sending.queue->senders, try_send(&sending), WAIT_INTERRUPTIBLE, TIME_NEVER);
            error = wait == WAIT_WOKEN ? sending.error : -EINTR;
        }
        ipc_put(object);
    }
    heap_free(sending.message);
    return error;
}

// ---- receive

struct receiving {
    struct message_queue *queue;
    int64_t type;
    size_t size;
    uint32_t flags;
    struct message *message; // what was taken
    int32_t error;
};

static bool wanted(const struct message *message, int64_t type, uint32_t flags) {
    if (type == 0) return true;
    if (type < 0) return message->type <= -type;
    return flags & MESSAGE_EXCEPT ? message->type != type : message->type == type;
}

static struct message *choose_locked(const struct receiving *receiving) {
    struct message *chosen = nullptr;
    int64_t index = 0;
    list_for_each(message, &receiving->queue->messages, struct message, link) {
        if (receiving->flags & MESSAGE_COPY) {
            if (index++ == receiving->type) return message;
            continue;
        }
        if (!wanted(message, receiving->type, receiving->flags)) continue;
        if (receiving->type >= 0) return message;
        if (!chosen || message->type < chosen->type) chosen = message;
    }
    return chosen;
}

// Whether it is over: a message was taken, or there is an error.
static bool try_receive(struct receiving *receiving) {
    struct message_queue *queue = receiving->queue;
    spin_lock(&table->lock);
    struct message *message = queue->ipc.removed ? nullptr : choose_locked(receiving);
    receiving->error = queue->ipc.removed ? -EIDRM : 0;
    if (message && message->size > receiving->size && !(receiving->flags & MESSAGE_NO_ERROR)) {
        receiving->error = -E2BIG;
    } else if (message) {
        list_remove(&message->link);
        account_locked(queue, message, -1);
        receiving->message = message;
        queue->ipc.last_receive = clock_realtime();
        queue->ipc.last_receive_pid = process_current()->pid;
    }
    spin_unlock(&table->lock);
    if (receiving->message) wait_queue_wake_all(&queue->senders);
    return receiving->message || receiving->error;
}

static int32_t receive(struct receiving *receiving) {
    if (try_receive(receiving)) return receiving->error;
    if (receiving->flags & IPC_NOWAIT) return -ENOMSG;
    enum wait_result wait =
        wait_until(&receiving->queue->receivers, try_receive(receiving), WAIT_INTERRUPTIBLE, TIME_NEVER);
    return wait == WAIT_WOKEN ? receiving->error : -EINTR;
}

int32_t kop_message_receive(int32_t id, int64_t type, const struct segment *to, uint32_t flags, int64_t *received_type,
                            size_t *done) {
    struct ipc_object *object;
    if (to->kind != SEGMENT_USER || id < 0 || (int64_t)to->length < 0) return -EINVAL;
    if (flags & MESSAGE_COPY) return flags & MESSAGE_EXCEPT || !(flags & IPC_NOWAIT) ? -EINVAL : -ENOSYS;
    int32_t error = ipc_find_for(IPC_MESSAGES, id, IPC_READ, &object);
    if (error) return error;
    struct receiving receiving = {.queue = queue_of(object), .type = type, .size = to->length, .flags = flags};
    error = receive(&receiving);
    ipc_put(object);
    if (error) return error;
    *received_type = receiving.message->type;
    *done = min(receiving.message->size, to->length);
    error = copy_to_user((struct user_address){to->address}, receiving.message->bytes, *done);
    heap_free(receiving.message);
    return error;
}
