// Tables, permissions and the operations that all kinds of System V IPC share.
#include "src/ipc/ipc.h"

#include "lib/string.h"
#include "src/context/context.h"
#include "src/context/timer.h"
#include "src/memory/heap.h"

constexpr uint32_t INDEX_BITS = 15, INDEX_MASK = (1u << INDEX_BITS) - 1;
constexpr uint32_t CAPACITY_FIRST = 32;
constexpr uint32_t MODE_MASK = 0777;

struct ipc_table ipc_tables[IPC_KINDS] = {
    [IPC_SHARED_MEMORY] = {.lock = SPINLOCK_INIT(RANK_READINESS), .maximum = 4096, .release = shared_memory_release},
    [IPC_SEMAPHORES] = {.lock = SPINLOCK_INIT(RANK_READINESS), .maximum = 32000, .release = semaphores_release},
    [IPC_MESSAGES] = {.lock = SPINLOCK_INIT(RANK_READINESS), .maximum = 32000, .release = messages_release},
};

// ---- permission

int32_t ipc_permission_locked(const struct ipc_object *object, uint32_t wanted) {
    const struct credentials *own = process_current()->credentials;
    uint32_t requested = wanted >> 6 | wanted >> 3 | wanted, granted = object->mode;
    if (own->ids.euid == object->creator_uid || own->ids.euid == object->uid)
        granted >>= 6;
    else if (credentials_in_group(own, object->creator_gid) || credentials_in_group(own, object->gid))
        granted >>= 3;
    return (requested & ~granted & 7) && !capable(CAP_IPC_OWNER) ? -EACCES : 0;
}

int32_t ipc_owner_locked(const struct ipc_object *object) {
    uint32_t own = process_current()->credentials->ids.euid;
    return own == object->creator_uid || own == object->uid || capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

// ---- finding

// Caller holds the lock.
static struct ipc_object *at_index(const struct ipc_table *table, uint32_t index) {
    return index < table->capacity ? table->objects[index] : nullptr;
}

int32_t ipc_find(enum ipc_kind kind, int32_t id, struct ipc_object **object) {
    struct ipc_table *table = &ipc_tables[kind];
    if (id < 0) return -EINVAL;
    spin_lock(&table->lock);
    struct ipc_object *found = at_index(table, (uint32_t)id & INDEX_MASK);
    int32_t error = !found ? -EINVAL : found->id != id ? -EIDRM : 0;
    if (!error && !refcount_get_unless_zero(&found->references)) error = -EINVAL;
    spin_unlock(&table->lock);
    *object = found;
    return error;
}

int32_t ipc_find_for(enum ipc_kind kind, int32_t id, uint32_t wanted, struct ipc_object **object) {
    int32_t error = ipc_find(kind, id, object);
    if (error) return error;
    struct ipc_table *table = &ipc_tables[kind];
    spin_lock(&table->lock);
    error = ipc_permission_locked(*object, wanted);
    spin_unlock(&table->lock);
    if (error) ipc_put(*object);
    return error;
}

void ipc_put(struct ipc_object *object) {
    if (refcount_put(&object->references)) ipc_table_of(object)->release(object);
}

// Caller holds the lock. No reference.
static struct ipc_object *by_key(const struct ipc_table *table, int32_t key) {
    if (key == IPC_PRIVATE) return nullptr;
    for (uint32_t i = 0; i < table->capacity; i++) {
        struct ipc_object *object = table->objects[i];
        if (object && object->key == key && !object->removed) return object;
    }
    return nullptr;
}

// ---- places

static int32_t table_grow(struct ipc_table *table) {
    uint32_t capacity = min(max(table->capacity * 2, CAPACITY_FIRST), table->maximum);
    struct ipc_object **objects = heap_alloc_zeroed(capacity * sizeof(*objects));
    uint16_t *sequences = heap_alloc_zeroed(capacity * sizeof(*sequences));
    void *old_objects = objects, *old_sequences = sequences;
    spin_lock(&table->lock);
    if (objects && sequences && capacity > table->capacity) {
        if (table->capacity) {
            memcpy(objects, table->objects, table->capacity * sizeof(*objects));
            memcpy(sequences, table->sequences, table->capacity * sizeof(*sequences));
        }
        old_objects = table->objects;
        old_sequences = table->sequences;
        table->objects = objects;
        table->sequences = sequences;
        table->capacity = capacity;
    }
    spin_unlock(&table->lock);
    bool enough = objects && sequences;
    heap_free(old_objects);
    heap_free(old_sequences);
    return enough ? 0 : -ENOMEM;
}

static void fill_identity(struct ipc_object *object, enum ipc_kind kind, int32_t key, uint32_t mode) {
    const struct kernel_credentials *own = &process_current()->credentials->ids;
    refcount_init(&object->references);
    object->kind = kind;
    object->key = key;
    object->mode = mode & MODE_MASK;
    object->uid = object->creator_uid = own->euid;
    object->gid = object->creator_gid = own->egid;
    object->creator_pid = process_current()->pid;
    object->changed = clock_realtime();
}

int32_t ipc_publish(struct ipc_object *object, enum ipc_kind kind, int32_t key, uint32_t mode) {
    struct ipc_table *table = &ipc_tables[kind];
    fill_identity(object, kind, key, mode);
    for (;;) {
        spin_lock(&table->lock);
        if (by_key(table, key)) {
            spin_unlock(&table->lock);
            return -EEXIST;
        }
        uint32_t index = table->lowest_free;
        while (index < table->capacity && table->objects[index])
            index++;
        table->lowest_free = index;
        if (index < table->capacity) {
            object->id = (int32_t)(index | (uint32_t)table->sequences[index] << INDEX_BITS);
            table->objects[index] = object;
            table->used++;
            spin_unlock(&table->lock);
            return object->id;
        }
        spin_unlock(&table->lock);
        if (index >= table->maximum) return -ENOSPC;
        int32_t error = table_grow(table);
        if (error) return error;
    }
}

void ipc_withdraw_locked(struct ipc_object *object) {
    struct ipc_table *table = ipc_table_of(object);
    uint32_t index = (uint32_t)object->id & INDEX_MASK;
    object->removed = true;
    table->objects[index] = nullptr;
    table->sequences[index]++;
    table->used--;
    table->lowest_free = min(table->lowest_free, index);
    bool last = refcount_put(&object->references);
    (void)last; // the caller has another one
}

// ---- ops

static int32_t create(enum ipc_kind kind, int32_t key, uint64_t size, uint32_t mode) {
    struct ipc_object *object;
    int32_t error = kind == IPC_SHARED_MEMORY ? shared_memory_create(size, &object)
                    : kind == IPC_SEMAPHORES  ? semaphores_create(size, &object)
                                              : messages_create(&object);
    if (error) return error;
    int32_t id = ipc_publish(object, kind, key, mode);
    if (id < 0) ipc_tables[kind].release(object);
    return id;
}

// Caller holds the lock.
static int32_t use_existing(const struct ipc_object *object, uint64_t size, uint32_t flags) {
    if ((flags & IPC_CREAT) && (flags & IPC_EXCL)) return -EEXIST;
    uint64_t present = object->kind == IPC_SHARED_MEMORY ? shared_memory_size(object)
                       : object->kind == IPC_SEMAPHORES  ? semaphores_count(object)
                                                         : UINT64_MAX;
    if (size > present) return -EINVAL;
    int32_t error = ipc_permission_locked(object, flags & MODE_MASK);
    return error ? error : object->id;
}

int32_t kop_ipc_get(enum ipc_kind kind, int32_t key, uint64_t size, uint32_t flags) {
    if (kind >= IPC_KINDS) return -EINVAL;
    struct ipc_table *table = &ipc_tables[kind];
    for (;;) {
        spin_lock(&table->lock);
        const struct ipc_object *object = by_key(table, key);
        int32_t result = object ? use_existing(object, size, flags) : -ENOENT;
        spin_unlock(&table->lock);
        if (object || (key != IPC_PRIVATE && !(flags & IPC_CREAT))) return result;
        result = create(kind, key, size, flags);
        if (result != -EEXIST) return result;
    }
}

static void fill_status_locked(const struct ipc_object *object, struct kernel_ipc_status *status) {
    *status = (struct kernel_ipc_status){
        .key = object->key,
        .sequence = object->id >> INDEX_BITS,
        .uid = object->uid,
        .gid = object->gid,
        .creator_uid = object->creator_uid,
        .creator_gid = object->creator_gid,
        .mode = object->mode,
        .creator_pid = object->creator_pid,
        .last_pid = object->last_pid,
        .last_receive_pid = object->last_receive_pid,
        .changed = object->changed,
        .last = object->last,
        .last_receive = object->last_receive,
    };
    if (object->kind == IPC_SHARED_MEMORY)
        status->size = shared_memory_size(object);
    else if (object->kind == IPC_SEMAPHORES)
        status->size = semaphores_count(object);
    else
        messages_status_locked(object, status);
}

int32_t kop_ipc_status(enum ipc_kind kind, int32_t id, uint32_t by, struct kernel_ipc_status *status) {
    struct ipc_object *object;
    if (kind >= IPC_KINDS) return -EINVAL;
    struct ipc_table *table = &ipc_tables[kind];
    if (by) {
        spin_lock(&table->lock);
        const struct ipc_object *there = id >= 0 ? at_index(table, (uint32_t)id) : nullptr;
        id = there ? there->id : -1;
        spin_unlock(&table->lock);
    }
    int32_t error = ipc_find(kind, id, &object);
    if (error) return error;
    spin_lock(&table->lock);
    error = by == 2 ? 0 : ipc_permission_locked(object, IPC_READ);
    if (!error) fill_status_locked(object, status);
    spin_unlock(&table->lock);
    if (!error && kind == IPC_SHARED_MEMORY) status->count = shared_memory_attachments(object);
    ipc_put(object);
    return error ? error : id;
}

int32_t kop_ipc_change(enum ipc_kind kind, int32_t id, const struct kernel_ipc_status *status) {
    struct ipc_object *object;
    if (kind >= IPC_KINDS) return -EINVAL;
    int32_t error = ipc_find(kind, id, &object);
    if (error) return error;
    spin_lock(&ipc_tables[kind].lock);
    error = ipc_owner_locked(object);
    if (!error && kind == IPC_MESSAGES) error = messages_maximum_locked(object, status->maximum);
    if (!error) {
        object->uid = status->uid;
        object->gid = status->gid;
        object->mode = (object->mode & ~MODE_MASK) | (status->mode & MODE_MASK);
        object->changed = clock_realtime();
    }
    spin_unlock(&ipc_tables[kind].lock);
    ipc_put(object);
    return error;
}

int32_t kop_ipc_remove(enum ipc_kind kind, int32_t id) {
    struct ipc_object *object;
    if (kind >= IPC_KINDS) return -EINVAL;
    int32_t error = ipc_find(kind, id, &object);
    if (error) return error;
    spin_lock(&ipc_tables[kind].lock);
    error = ipc_owner_locked(object);
    if (!error && object->removed) error = -EIDRM;
    if (!error) {
        if (kind == IPC_SHARED_MEMORY)
            shared_memory_removed_locked(object);
        else if (kind == IPC_SEMAPHORES)
            semaphores_removed_locked(object);
        else
            messages_removed_locked(object);
    }
    spin_unlock(&ipc_tables[kind].lock);
    ipc_put(object);
    return error;
}

int32_t kop_ipc_usage(enum ipc_kind kind, struct kernel_ipc_usage *usage) {
    if (kind >= IPC_KINDS) return -EINVAL;
    struct ipc_table *table = &ipc_tables[kind];
    spin_lock(&table->lock);
    *usage = (struct kernel_ipc_usage){.used = table->used, .total = table->total};
    uint32_t highest = 0;
    for (uint32_t i = 0; i < table->capacity; i++) {
        if (table->objects[i]) highest = i;
    }
    spin_unlock(&table->lock);
    if (kind == IPC_MESSAGES) messages_usage(usage);
    return (int32_t)highest;
}
