// Shared by the hosted tests of src/memory: an arena with everything initialised, and what the rest of the core would
// offer.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/format.h"
#include "lib/string.h"
#include "rmm/frame.h"
#include "rmm/page_table.h"
#include "src/arch/arch.h"
#include "src/arch/hosted/hosted.h"
#include "src/boot.h"
#include "src/context/context.h"
#include "src/context/cpu.h"
#include "src/kernel.h"
#include "src/memory/address_space.h"
#include "src/memory/heap.h"
#include "src/memory/memory_object.h"
#include "src/memory/user_copy.h"
#include "src/random.h"

struct page_table kernel_page_table;

uint64_t random_word(void) {
    return 0x123456789;
}

bool command_line_flag(const char *) {
    return false;
}

int32_t process_kill_largest(void) {
    return 0;
}

void context_yield(void) {
}

void preemption_point(void) {
}

bool signal_fatal_pending(void) {
    return false;
}

struct user_frame *arch_context_user_frame(struct context *) {
    return nullptr;
}

const char *command_line_option(const char *, size_t *) {
    return nullptr;
}

[[gnu::weak]] bool parse_unsigned(const char *, const char **, unsigned, unsigned long *) {
    return false;
}

static struct address_space *space;

// The arena is made once: named caches keep pointing into it.
static void memory_start(size_t size) {
    if (!hosted_direct_map) {
        struct memory_range range = {0, size, MEMORY_USABLE};
        hosted_memory_init(size);
        frame_init(&range, 1, nullptr, 0);
        kernel_page_table.root = frame_physical(frame_alloc_zeroed());
        heap_init();
        memory_init();
    }
    space = address_space_create();
    assert_non_null(space);
    address_space_switch(space);
}

// Free frames, with what the heap holds and without tables kept for later: the same before and after.
static inline uint64_t all_memory(void) {
    page_table_drain();
    return frame_free_count() + heap_used() / PAGE_SIZE;
}

static inline uintptr_t map(uintptr_t address, size_t length, uint32_t protection, uint32_t flags) {
    struct map_request request = {.address = address, .length = length, .protection = protection, .flags = flags};
    uintptr_t result = 0;
    int32_t error = address_space_map(space, &request, &result);
    return error ? (uintptr_t)(intptr_t)error : result;
}

static inline uintptr_t map_object(struct memory_object *object, uint64_t offset, size_t length, uint32_t protection,
                                   uint32_t flags) {
    struct map_request request = {
        .length = length, .protection = protection, .flags = flags, .object = object, .offset = offset};
    uintptr_t result = 0;
    int32_t error = address_space_map(space, &request, &result);
    return error ? (uintptr_t)(intptr_t)error : result;
}

static inline int32_t put(uintptr_t address, uint8_t value) {
    return copy_to_user((struct user_address){address}, &value, 1);
}

// The byte at address, or a negative error.
static inline int32_t get(uintptr_t address) {
    uint8_t value;
    int32_t error = copy_from_user(&value, (struct user_address){address}, 1);
    return error ? error : value;
}
