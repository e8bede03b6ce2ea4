#include "src/arch/hosted/hosted.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/string.h"
#include "src/arch/arch.h"
#include "src/context/cpu.h"
#include "src/kernel.h"

virtual_address hosted_direct_map;
_Thread_local struct cpu *hosted_cpu;
_Thread_local struct context *hosted_context;
uint64_t hosted_page_flushes, hosted_full_flushes;
struct cpu cpus[CPU_MAXIMUM];
unsigned cpu_count = 1;
static void *arena;

void hosted_memory_release(void) {
    free(arena);
    arena = nullptr;
}

void hosted_memory_init(size_t size) {
    hosted_memory_release();
    arena = aligned_alloc(LARGE_PAGE_SIZE, size);
    if (!arena) abort();
    memset(arena, 0, size);
    hosted_direct_map = (virtual_address)arena;
    cpus[0] = (struct cpu){.self = &cpus[0], .online = true};
    hosted_cpu = &cpus[0];
    hosted_page_flushes = hosted_full_flushes = 0;
}

void hosted_spin_pause(void) {
}

void arch_processors_call(uint64_t, void (*)(void *), void *) {
}

void arch_page_table_load(const struct page_table *) {
}

void arch_interrupt_window(void) {
}

unsigned arch_random_seed(uint64_t *value) {
    *value = 0x1234567887654321;
    return 64;
}

[[noreturn]] void panic(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

void log_message(enum log_level, const char *, const char *, ...) {
}
