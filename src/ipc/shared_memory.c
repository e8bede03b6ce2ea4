// Shared memory segments: memory objects that stay in a table until they are removed and nothing is attached.
//
// The segment's life is the memory object's: the table (until removal) and every attachment hold a reference to it; the
// ipc_object's own count only keeps the structure alive while an operation uses it, and holds one reference itself.
#include "lib/string.h"
#include "src/context/context.h"
#include "src/context/timer.h"
#include "src/ipc/ipc.h"
#include "src/memory/address_space.h"
#include "src/memory/heap.h"
#include "src/memory/memory_object.h"

constexpr uint64_t SIZE_MAXIMUM = 1ULL << 46;

struct segment_object {
    struct ipc_object ipc;
    struct memory_object *memory; // a reference
    uint64_t size;                // as asked for
};

static struct segment_object *segment_of(struct ipc_object *object) {
    return container_of(object, struct segment_object, ipc);
}

int32_t shared_memory_create(uint64_t size, struct ipc_object **object) {
    if (size < 1 || size > SIZE_MAXIMUM) return -EINVAL;
    struct segment_object *segment = heap_alloc_zeroed(sizeof(*segment));
    if (!segment) return -ENOMEM;
    segment->memory = memory_object_create(align_up(size, PAGE_SIZE));
    if (!segment->memory) {
        heap_free(segment);
        return -ENOMEM;
    }
    segment->size = size;
    *object = &segment->ipc;
    return 0;
}

uint64_t shared_memory_size(const struct ipc_object *object) {
    return container_of(object, const struct segment_object, ipc)->size;
}

void shared_memory_release(struct ipc_object *object) {
    struct segment_object *segment = segment_of(object);
    memory_object_put(segment->memory);
    heap_free(segment);
}

uint64_t shared_memory_attachments(struct ipc_object *object) {
    struct memory_object *memory = segment_of(object)->memory;
    uint64_t count = 0;
    mutex_lock(&memory->lock);
    list_for_each(grant, &memory->mappings, struct grant, object_link) {
        count++;
    }
    mutex_unlock(&memory->lock);
    return count;
}

// A removed segment that is still attached is found by its id until the last attachment is gone; that is noticed by the
// next look at the tables.
void shared_memory_removed_locked(struct ipc_object *object) {
    object->key = IPC_PRIVATE;
    object->mode |= SHARED_MEMORY_REMOVED;
    if (list_empty(&segment_of(object)->memory->mappings)) ipc_withdraw_locked(object);
}

// Withdraws removed segments that nothing is attached to any more.
static void sweep(void) {
    struct ipc_table *table = &ipc_tables[IPC_SHARED_MEMORY];
    for (uint32_t i = 0;; i++) {
        struct ipc_object *dead = nullptr;
        spin_lock(&table->lock);
        for (; i < table->capacity && !dead; i++) {
            struct ipc_object *object = table->objects[i];
            if (!object || !(object->mode & SHARED_MEMORY_REMOVED)) continue;
            if (!list_empty(&segment_of(object)->memory->mappings)) continue;
            refcount_get(&object->references);
            ipc_withdraw_locked(object);
            dead = object;
        }
        spin_unlock(&table->lock);
        if (!dead) return;
        ipc_put(dead);
    }
}

int32_t kop_shared_memory_attach(int32_t id, uintptr_t address, uint32_t protection, uint32_t flags,
                                 uintptr_t *result) {
    struct ipc_object *object;
    uint32_t wanted = IPC_READ | (protection & PROT_WRITE ? IPC_WRITE : 0) | (protection & PROT_EXEC ? 0111 : 0);
    sweep();
    int32_t error = ipc_find_for(IPC_SHARED_MEMORY, id, wanted, &object);
    if (error) return error;
    struct segment_object *segment = segment_of(object);
    const struct map_request request = {
        .address = address,
        .length = align_up(segment->size, PAGE_SIZE),
        .protection = protection,
        .maximum_protection = PROT_READ | PROT_EXEC | (protection & PROT_WRITE),
        .flags = MAP_SHARED | (address ? flags & MAP_FIXED ? MAP_FIXED : MAP_FIXED_NOREPLACE : 0),
        .grant_flags = GRANT_SHARED,
        .object = segment->memory,
    };
    error = address_space_map(process_current()->address_space, &request, result);
    if (error == -EEXIST) error = -EINVAL;
    if (!error) {
        spin_lock(&ipc_tables[IPC_SHARED_MEMORY].lock);
        object->last = clock_realtime();
        object->last_pid = process_current()->pid;
        spin_unlock(&ipc_tables[IPC_SHARED_MEMORY].lock);
    }
    ipc_put(object);
    return error;
}

// The segment whose memory it is, with a reference; nullptr: none.
static struct ipc_object *segment_by_memory(const struct memory_object *memory) {
    struct ipc_table *table = &ipc_tables[IPC_SHARED_MEMORY];
    struct ipc_object *found = nullptr;
    spin_lock(&table->lock);
    for (uint32_t i = 0; i < table->capacity && !found; i++) {
        struct ipc_object *object = table->objects[i];
        if (object && segment_of(object)->memory == memory) found = object;
    }
    if (found) refcount_get(&found->references);
    spin_unlock(&table->lock);
    return found;
}

int32_t kop_shared_memory_detach(uintptr_t address) {
    struct address_space *space = process_current()->address_space;
    struct memory_object *memory = nullptr;
    uint64_t offset;
    if (address & PAGE_MASK) return -EINVAL;
    int32_t error = address_space_key(space, address, &memory, &offset);
    if (error || !memory) return -EINVAL;
    struct ipc_object *object = offset == 0 ? segment_by_memory(memory) : nullptr;
    memory_object_put(memory);
    if (!object) return -EINVAL;
    error = address_space_unmap(space, address, align_up(segment_of(object)->size, PAGE_SIZE));
    if (!error) {
        spin_lock(&ipc_tables[IPC_SHARED_MEMORY].lock);
        object->last_receive = clock_realtime();
        object->last_pid = process_current()->pid;
        spin_unlock(&ipc_tables[IPC_SHARED_MEMORY].lock);
    }
    ipc_put(object);
    sweep();
    return error;
}
