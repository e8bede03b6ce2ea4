// An address space: an ordered set of grants over a page table.
#pragma once

#include <personality.h>

#include "lib/list.h"
#include "lib/refcount.h"
#include "lib/tree.h"
#include "rmm/page_table.h"
#include "src/context/lock.h"

struct memory_object;
struct file;
struct frame;

enum grant_flags : uint32_t {
    GRANT_SHARED = 1,
    GRANT_GROWS_DOWN = 2,
    GRANT_LOCKED = 4,
    GRANT_STACK = 8,
    GRANT_NO_FORK = 16,
    GRANT_WIPE_ON_FORK = 32,
    GRANT_RESERVED = 64, // reserved, not committed (NT)
    GRANT_GUARD = 128,   // one-shot guard (NT)
    GRANT_BREAK = 256,   // the program break
    GRANT_SPECIAL = 512, // vdso and the like: not merged, not remapped
};

// As Linux's vm.max_map_count.
constexpr uint32_t GRANTS_MAXIMUM = 65530;

// A range of one kind. Guarded by its address space's lock.
struct grant {
    struct tree_node node; // by start
    virtual_address start, end;
    uint32_t protection, maximum_protection; // PROT_*
    uint32_t flags;
    uint64_t leaf;                // bits of a page-table entry that grants the whole protection
    uint64_t cookie;              // grants of different cookies never merge (0: may merge)
    struct memory_object *object; // nullptr: private anonymous memory
    uint64_t offset;              // of start in the object, in bytes
    struct file *file;            // for /proc maps and write permission; a reference; nullptr: none
    struct address_space *space;
    struct list object_link; // in object->mappings, guarded by the object's lock
};

struct address_space {
    struct refcount references; // threads' use; users through process_access also
    struct rwlock lock;         // RANK_ADDRESS_SPACE: guards grants; the page table below is changed under page_lock
    struct spinlock page_lock;
    struct page_table table;
    struct tree grants;
    uint32_t grant_count;       // at most GRANTS_MAXIMUM
    struct grant *last_hit;     // (page_lock or write lock) cache of the last look-up
    uint64_t active_cpus;       // (A) processors that have the table loaded
    virtual_address map_base;   // mmap allocates downwards from here
    virtual_address search_top; // (lock) no gap above it is larger than search_skipped
    size_t search_skipped;
    virtual_address break_start, break_end;
    uint64_t mapped_pages, resident_pages, locked_pages, maximum_resident_pages; // (A)
    uint64_t limit_pages, data_limit, stack_limit;                               // RLIMIT_AS, DATA, STACK copies
    bool lock_future;        // mlockall(MCL_FUTURE): new grants are locked
    struct list family_link; // fork family, for the anonymous reverse map
    struct anonymous_family *family;
    virtual_address program_code, argument_start, argument_end, environment_start, environment_end, vdso, stack_top;
};

// An empty one with map_base randomised. nullptr: no memory.
[[nodiscard]] struct address_space *address_space_create(void);
void address_space_get(struct address_space *space);
// The last reference unmaps everything. May sleep.
void address_space_put(struct address_space *space);
// A copy-on-write copy of the current one (fork). Takes its lock for writing. nullptr: no memory.
[[nodiscard]] struct address_space *address_space_fork(struct address_space *parent);
// Makes it the current one of this processor (loads the page table, keeps active_cpus). nullptr: kernel thread.
void address_space_switch(struct address_space *space);

// All: page-aligned lengths are rounded up; May sleep; take the lock for writing. Errors as mmap(2) and friends.
struct map_request {
    uintptr_t address; // hint, or the place with MAP_FIXED
    size_t length;
    uint32_t protection, maximum_protection, flags; // flags: MAP_*
    uint32_t grant_flags;
    struct memory_object *object; // a reference is taken; nullptr: anonymous
    uint64_t offset;
    struct file *file; // a reference is taken
    uint64_t cookie;
};
[[nodiscard]] int32_t address_space_map(struct address_space *space, const struct map_request *request,
                                        uintptr_t *result);
[[nodiscard]] int32_t address_space_unmap(struct address_space *space, uintptr_t address, size_t length);
[[nodiscard]] int32_t address_space_protect(struct address_space *space, uintptr_t address, size_t length,
                                            uint32_t protection);
[[nodiscard]] int32_t address_space_remap(struct address_space *space, uintptr_t address, size_t length,
                                          size_t new_length, uint32_t flags, uintptr_t new_address, uintptr_t *result);
[[nodiscard]] int32_t address_space_advise(struct address_space *space, uintptr_t address, size_t length,
                                           uint32_t advice);
[[nodiscard]] int32_t address_space_sync(struct address_space *space, uintptr_t address, size_t length, uint32_t flags);
[[nodiscard]] int32_t address_space_break(struct address_space *space, uintptr_t address, uintptr_t *result);

// Makes the page at address usable for access (FAULT_*). 0, -EFAULT (no mapping), -EACCES (protection), -EIO or -ENXIO
// (SIGBUS: beyond the object's end), -ENOMEM. May sleep. Takes the lock for reading.
[[nodiscard]] int32_t address_space_fault(struct address_space *space, uintptr_t address, uint32_t access);
// The frame at address made usable for access, with a reference and a pin. For futex keys, other processes' memory.
[[nodiscard]] int32_t address_space_pin(struct address_space *space, uintptr_t address, uint32_t access,
                                        struct frame **frame);
void address_space_unpin(struct frame *frame);
// Copies between kernel memory and any live address space (ptrace, process_vm, /proc/pid/mem, exec's stack).
[[nodiscard]] size_t address_space_copy(struct address_space *space, uintptr_t address, void *buffer, size_t size,
                                        bool write);
// For shared futexes: object and offset behind an address of a shared mapping (a reference on *object); *object nullptr
// for private memory. -EFAULT.
[[nodiscard]] int32_t address_space_key(struct address_space *space, uintptr_t address, struct memory_object **object,
                                        uint64_t *offset);
// The grant that holds address, or the next one above (nullptr: none). Caller holds the lock.
struct grant *address_space_find_locked(struct address_space *space, uintptr_t address);

// Flushes [start, end) of space from the TLBs of all processors that have it loaded. Caller holds no lock of a rank at
// or above RANK_WAIT_QUEUE.
void tlb_flush_range(struct address_space *space, virtual_address start, virtual_address end);
void memory_init(void); // after frame_init and heap_init
