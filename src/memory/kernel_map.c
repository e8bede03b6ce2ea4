#include "src/memory/kernel_map.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "rmm/frame.h"
#include "rmm/page_table.h"
#include "src/context/cpu.h"
#include "src/context/lock.h"
#include "src/kernel.h"
#include "src/memory/heap.h"

// Slots of a stack with one unmapped page below. A stack that is freed stays mapped for the next thread; beyond
// GLOBAL_STACKS_KEPT half of them are unmapped, with one flush.
enum : unsigned { LOCAL_STACKS_KEPT = 8, GLOBAL_STACKS_KEPT = 64, STACK_PAGES = KERNEL_STACK_SIZE / PAGE_SIZE };
constexpr size_t STACK_STRIDE = KERNEL_STACK_SIZE + PAGE_SIZE;

struct stack_cache {
    unsigned count;
    void *stacks[LOCAL_STACKS_KEPT];
};
static struct stack_cache local_stacks[CPU_MAXIMUM]; // only their processor touches them

// Lies at the lowest address of a free mapped stack.
struct free_stack {
    struct free_stack *next;
};

static struct spinlock lock = SPINLOCK_INIT(RANK_HEAP - 2); // guards the rest and the kernel's table in these regions
static struct free_stack *free_stacks;
static unsigned free_stack_count;
static uint32_t *free_slots; // numbers of unmapped slots
static size_t free_slot_count, free_slot_capacity;
static uint32_t slot_count;
static virtual_address device_next = DEVICE_MAP_BASE;

void kernel_map_init(void) {
    memset(local_stacks, 0, sizeof local_stacks);
    free_stacks = nullptr;
    free_stack_count = slot_count = 0;
    free_slots = nullptr;
    free_slot_count = free_slot_capacity = 0;
    device_next = DEVICE_MAP_BASE;
    if (page_table_reserve(&kernel_page_table, KERNEL_STACK_BASE) < 0 ||
        page_table_reserve(&kernel_page_table, DEVICE_MAP_BASE) < 0)
        panic("memory: no memory for the kernel's page tables");
}

static virtual_address slot_stack(uint32_t slot) {
    return KERNEL_STACK_BASE + slot * STACK_STRIDE + PAGE_SIZE;
}

// Caller holds the lock.
static void stack_unmap(virtual_address stack, unsigned pages, struct list *frames) {
    for (unsigned i = 0; i < pages; i++) {
        struct page_leaf leaf = page_table_unmap(&kernel_page_table, stack + i * PAGE_SIZE);
        list_push_back(frames, &frame_of(leaf.physical)->link);
    }
}

static void flush_all(void *) {
    arch_tlb_flush_all();
}

static void drop_frames(struct list *frames) {
    if (list_empty(frames)) return;
    arch_processors_call(~0ULL, flush_all, nullptr);
    arch_tlb_flush_all();
    while (!list_empty(frames)) {
        struct frame *frame = list_entry(frames->next, struct frame, link);
        list_remove(&frame->link);
        frame_put(frame);
    }
}

[[gnu::noinline]] static void *stack_create(void) {
    struct list frames = LIST_INIT(frames);
    spin_lock(&lock);
    uint32_t slot = free_slot_count ? free_slots[--free_slot_count] : slot_count++;
    virtual_address stack = slot_stack(slot);
    unsigned mapped = 0;
    while (mapped < STACK_PAGES) {
        struct frame *frame = frame_alloc(0);
        if (!frame) break;
        if (page_table_map(&kernel_page_table, stack + mapped * PAGE_SIZE, frame_physical(frame),
                           PAGE_READ | PAGE_WRITE | PAGE_DIRTY | PAGE_ACCESSED) < 0) {
            frame_put(frame);
            break;
        }
        mapped++;
    }
    if (mapped == STACK_PAGES) {
        spin_unlock(&lock);
        return (void *)stack;
    }
    stack_unmap(stack, mapped, &frames);
    if (slot + 1 == slot_count)
        slot_count--;
    else if (free_slot_count < free_slot_capacity)
        free_slots[free_slot_count++] = slot;
    spin_unlock(&lock);
    drop_frames(&frames);
    return nullptr;
}

void *kernel_stack_alloc(void) {
    struct stack_cache *cache = &local_stacks[cpu_current()->id];
    if (likely(cache->count)) return cache->stacks[--cache->count];
    if (free_stacks) {
        spin_lock(&lock);
        struct free_stack *stack = free_stacks;
        if (stack) {
            free_stacks = stack->next;
            free_stack_count--;
        }
        spin_unlock(&lock);
        if (stack) return stack;
    }
    return stack_create();
}

// Caller holds the lock. Remembers the slot; without memory for that the stack stays mapped (false).
static bool slot_release(uint32_t slot) {
    if (free_slot_count == free_slot_capacity) {
        size_t capacity = free_slot_capacity ? free_slot_capacity * 2 : 128;
        uint32_t *larger = heap_resize(free_slots, capacity * sizeof *larger);
        if (!larger) return false;
        free_slots = larger;
        free_slot_capacity = capacity;
    }
    free_slots[free_slot_count++] = slot;
    return true;
}

void kernel_stack_free(void *stack) {
    struct stack_cache *cache = &local_stacks[cpu_current()->id];
    if (likely(cache->count < LOCAL_STACKS_KEPT)) {
        cache->stacks[cache->count++] = stack;
        return;
    }
    struct list frames = LIST_INIT(frames);
    struct free_stack *freed = stack;
    spin_lock(&lock);
    freed->next = free_stacks;
    free_stacks = freed;
    if (++free_stack_count > GLOBAL_STACKS_KEPT) {
        while (free_stack_count > GLOBAL_STACKS_KEPT / 2) {
            virtual_address address = (virtual_address)free_stacks;
            struct free_stack *next = free_stacks->next;
            if (!slot_release((uint32_t)((address - KERNEL_STACK_BASE) / STACK_STRIDE))) break;
            free_stacks = next;
            free_stack_count--;
            stack_unmap(address, STACK_PAGES, &frames);
        }
    }
    spin_unlock(&lock);
    drop_frames(&frames);
}

bool kernel_stack_is_guard(virtual_address address) {
    return address >= KERNEL_STACK_BASE && address < slot_stack(slot_count) &&
           (address - KERNEL_STACK_BASE) % STACK_STRIDE < PAGE_SIZE;
}

volatile void *device_map(uint64_t physical, size_t size) {
    size_t offset = physical & PAGE_MASK, length = align_up(offset + size, PAGE_SIZE);
    spin_lock(&lock);
    virtual_address start = device_next;
    int32_t result = 0;
    for (size_t at = 0; at < length && result == 0; at += PAGE_SIZE)
        result = page_table_map(&kernel_page_table, start + at, physical - offset + at,
                                PAGE_READ | PAGE_WRITE | PAGE_DEVICE | PAGE_GLOBAL | PAGE_DIRTY | PAGE_ACCESSED);
    if (result == 0) device_next = start + length + PAGE_SIZE;
    spin_unlock(&lock);
    return result == 0 ? (volatile void *)(start + offset) : nullptr;
}
