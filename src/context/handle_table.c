#include "src/context/handle_table.h"

#include "lib/string.h"
#include "src/context/context.h"
#include "src/memory/heap.h"
#include "src/scheme/file.h"

constexpr uint32_t CAPACITY_INITIAL = 32;
constexpr uint32_t CAPACITY_MAXIMUM = (4UL << 20) / sizeof(struct handle); // the largest heap block

static struct handle_table *table_alloc(uint32_t capacity) {
    struct handle_table *table = heap_alloc_zeroed(sizeof(*table));
    if (!table) return nullptr;
    table->handles = heap_alloc_zeroed(capacity * sizeof(struct handle));
    if (!table->handles) {
        heap_free(table);
        return nullptr;
    }
    refcount_init(&table->references);
    spinlock_init(&table->lock, RANK_HANDLE_TABLE);
    table->capacity = capacity;
    return table;
}

struct handle_table *handle_table_create(void) {
    return table_alloc(CAPACITY_INITIAL);
}

// How many slots hold all descriptors. Caller holds the lock.
static uint32_t slots_in_use(const struct handle_table *table) {
    uint32_t left = table->count, slots = 0;
    while (left)
        left -= table->handles[slots++].object != nullptr;
    return slots;
}

struct handle_table *handle_table_copy(struct handle_table *table) {
    uint32_t wanted = CAPACITY_INITIAL;
    for (;;) {
        struct handle_table *copy = table_alloc(wanted);
        if (!copy) return nullptr;
        spin_lock(&table->lock);
        uint32_t slots = slots_in_use(table);
        if (slots <= wanted) {
            for (uint32_t i = 0; i < slots; i++) {
                copy->handles[i] = table->handles[i];
                if (copy->handles[i].object) object_get(copy->handles[i].object);
            }
            copy->count = table->count;
            copy->lowest_free = min(table->lowest_free, slots);
            spin_unlock(&table->lock);
            return copy;
        }
        while (wanted < slots)
            wanted *= 2;
        spin_unlock(&table->lock);
        heap_free(copy->handles);
        heap_free(copy);
    }
}

void handle_table_get(struct handle_table *table) {
    refcount_get(&table->references);
}

static void drop(struct object *object) {
    if (object->type == &file_type && file_descriptor_closed) file_descriptor_closed(file_of(object));
    object_put(object);
}

void handle_table_put(struct handle_table *table) {
    if (!refcount_put(&table->references)) return;
    for (uint32_t i = 0; table->count; i++) {
        if (!table->handles[i].object) continue;
        table->count--;
        drop(table->handles[i].object);
    }
    heap_free(table->handles);
    heap_free(table);
}

// Empties a slot; the reference is the caller's. Caller holds the lock.
static struct object *take_locked(struct handle_table *table, uint32_t descriptor) {
    struct object *object = table->handles[descriptor].object;
    table->handles[descriptor] = (struct handle){};
    table->count--;
    if (descriptor < table->lowest_free) table->lowest_free = descriptor;
    return object;
}

void handle_table_close_on_exec(struct handle_table *table) {
    for (uint32_t i = 0;; i++) {
        struct object *object = nullptr;
        spin_lock(&table->lock);
        while (i < table->capacity && !(table->handles[i].object && table->handles[i].flags & HANDLE_CLOSE_ON_EXEC))
            i++;
        if (i < table->capacity) object = take_locked(table, i);
        spin_unlock(&table->lock);
        if (!object) return;
        drop(object);
    }
}

// Makes room for `descriptor`. Caller holds the lock. -ENOMEM.
static int32_t grow(struct handle_table *table, uint32_t descriptor) {
    uint32_t capacity = table->capacity;
    if (descriptor < capacity) return 0;
    if (descriptor >= CAPACITY_MAXIMUM) return -ENOMEM;
    while (capacity <= descriptor)
        capacity *= 2;
    struct handle *handles = heap_resize(table->handles, capacity * sizeof(struct handle));
    if (!handles) return -ENOMEM;
    memset(handles + table->capacity, 0, (capacity - table->capacity) * sizeof(struct handle));
    table->handles = handles;
    table->capacity = capacity;
    return 0;
}

static uint32_t find_free(const struct handle_table *table, uint32_t from) {
    uint32_t at = max(from, table->lowest_free);
    while (at < table->capacity && table->handles[at].object)
        at++;
    return at;
}

static void put_locked(struct handle_table *table, uint32_t at, struct object *object, uint32_t flags) {
    table->handles[at] = (struct handle){.object = object, .flags = flags};
    table->count++;
}

int32_t handle_install(struct object *object, int32_t minimum, uint32_t flags) {
    struct handle_table *table = process_current()->handles;
    uint64_t limit = process_limit(RLIMIT_NOFILE);
    if (minimum < 0 || (minimum && (uint64_t)minimum >= limit)) return -EINVAL;
    spin_lock(&table->lock);
    uint32_t at = find_free(table, (uint32_t)minimum);
    int32_t error = at >= limit ? -EMFILE : grow(table, at);
    if (!error) {
        put_locked(table, at, object, flags);
        if ((uint32_t)minimum <= table->lowest_free) table->lowest_free = at + 1;
    }
    spin_unlock(&table->lock);
    return error ? error : (int32_t)at;
}

int32_t handle_check_room(void) {
    struct handle_table *table = process_current()->handles;
    spin_lock(&table->lock);
    uint32_t at = find_free(table, 0);
    spin_unlock(&table->lock);
    return at >= process_limit(RLIMIT_NOFILE) ? -EMFILE : 0;
}

int32_t handle_install_at(struct object *object, int32_t descriptor, uint32_t flags) {
    struct handle_table *table = process_current()->handles;
    if (descriptor < 0 || (uint64_t)descriptor >= process_limit(RLIMIT_NOFILE)) return -EBADF;
    struct object *old = nullptr;
    spin_lock(&table->lock);
    int32_t error = grow(table, (uint32_t)descriptor);
    if (!error) {
        if (table->handles[descriptor].object) old = take_locked(table, (uint32_t)descriptor);
        put_locked(table, (uint32_t)descriptor, object, flags);
        if ((uint32_t)descriptor == table->lowest_free) table->lowest_free++;
    }
    spin_unlock(&table->lock);
    if (old) drop(old);
    return error ? error : descriptor;
}

// Caller holds the lock.
static struct handle *slot_of(struct handle_table *table, int32_t descriptor) {
    if ((uint32_t)descriptor >= table->capacity || !table->handles[descriptor].object) return nullptr;
    return &table->handles[descriptor];
}

struct object *handle_lookup(int32_t descriptor, uint32_t *flags) {
    struct handle_table *table = process_current()->handles;
    struct object *object = nullptr;
    spin_lock(&table->lock);
    struct handle *slot = slot_of(table, descriptor);
    if (slot) {
        object = slot->object;
        object_get(object);
        if (flags) *flags = slot->flags;
    }
    spin_unlock(&table->lock);
    return object;
}

int32_t handle_close(int32_t descriptor) {
    struct handle_table *table = process_current()->handles;
    struct object *object = nullptr;
    spin_lock(&table->lock);
    if (slot_of(table, descriptor)) object = take_locked(table, (uint32_t)descriptor);
    spin_unlock(&table->lock);
    if (!object) return -EBADF;
    drop(object);
    return 0;
}

int32_t handle_set_flags(int32_t descriptor, uint32_t flags) {
    struct handle_table *table = process_current()->handles;
    spin_lock(&table->lock);
    struct handle *slot = slot_of(table, descriptor);
    if (slot) slot->flags = flags;
    spin_unlock(&table->lock);
    return slot ? 0 : -EBADF;
}

struct file_reference file_lookup(int32_t descriptor) {
    struct process *process = process_current();
    struct handle_table *table = process->handles;
    // Nobody else can change the table: its one user is in this call.
    if (likely(atomic_load_relaxed(&table->references.count) == 1 &&
               atomic_load_relaxed(&process->thread_count) == 1)) {
        if (unlikely((uint32_t)descriptor >= table->capacity)) return (struct file_reference){};
        struct object *object = table->handles[descriptor].object;
        if (unlikely(!object || object->type != &file_type)) return (struct file_reference){};
        return (struct file_reference){.file = file_of(object)};
    }
    struct object *object = handle_lookup(descriptor, nullptr);
    if (!object) return (struct file_reference){};
    if (object->type != &file_type) {
        object_put(object);
        return (struct file_reference){};
    }
    return (struct file_reference){.file = file_of(object), .counted = true};
}

void file_release(struct file_reference reference) {
    if (reference.counted) file_put(reference.file);
}
