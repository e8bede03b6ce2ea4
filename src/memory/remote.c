// Access to any live address space by frames: pins, copies, keys of shared memory.
#include "lib/string.h"
#include "rmm/page_operations.h"
#include "src/memory/grant.h"

// A debugger may write a page that is the program's own, whatever its protection.
static bool may_use(uint64_t value, uint32_t access) {
    if (!(access & FAULT_WRITE) || entry_writable(value)) return true;
    const struct frame *frame = frame_of(entry_physical(value));
    return access & FAULT_FORCE && frame && frame->flags & FRAME_ANONYMOUS &&
           atomic_load_acquire(&frame->map_count) == 1;
}

// The frame of a leaf that allows access, with a reference and a pin. nullptr: there is none now.
static struct frame *pin_leaf(struct address_space *space, uintptr_t address, uint32_t access) {
    struct frame *frame = nullptr;
    spin_lock(&space->page_lock);
    const uint64_t *entry = page_table_entry(&space->table, address);
    uint64_t value = entry ? *entry : 0;
    if (value && entry_present(value) && may_use(value, access)) {
        frame = frame_of(entry_physical(value));
        if (frame) {
            frame_get(frame);
            atomic_fetch_add_relaxed(&frame->pin_count, 1);
        }
    }
    spin_unlock(&space->page_lock);
    return frame;
}

int32_t address_space_pin(struct address_space *space, uintptr_t address, uint32_t access, struct frame **frame) {
    if (address >= USER_LIMIT) return -EFAULT;
    for (;;) {
        *frame = pin_leaf(space, address, access);
        if (*frame) return 0;
        int32_t error = address_space_fault(space, address, access);
        if (error) return error;
    }
}

void address_space_unpin(struct frame *frame) {
    atomic_fetch_sub_release(&frame->pin_count, 1);
    frame_put(frame);
}

size_t address_space_copy(struct address_space *space, uintptr_t address, void *buffer, size_t size, bool write) {
    size_t done = 0;
    while (done < size) {
        size_t offset = (address + done) & PAGE_MASK, count = min(size - done, PAGE_SIZE - offset);
        struct frame *frame;
        if (address_space_pin(space, address + done, write ? FAULT_WRITE : FAULT_READ, &frame) < 0) break;
        char *at = (char *)frame_pointer(frame) + offset;
        if (write)
            memcpy(at, (char *)buffer + done, count);
        else
            memcpy((char *)buffer + done, at, count);
        address_space_unpin(frame);
        done += count;
    }
    return done;
}

int32_t address_space_key(struct address_space *space, uintptr_t address, struct memory_object **object,
                          uint64_t *offset) {
    int32_t error = 0;
    *object = nullptr;
    *offset = 0;
    rwlock_read_lock(&space->lock);
    struct grant *grant = address_space_find_locked(space, address);
    if (!grant || grant->start > address) {
        error = -EFAULT;
    } else if (grant->object && grant->flags & GRANT_SHARED) {
        *object = grant->object;
        *offset = grant->offset + (address - grant->start);
        memory_object_get(*object);
    }
    rwlock_read_unlock(&space->lock);
    return error;
}
