// Ops on the current thread's registers, memory, slots and personality; log and trace.
#include <personality.h>

#include "src/arch/arch.h"
#include "src/context/context.h"
#include "src/kernel.h"
#include "src/memory/heap.h"
#include "src/memory/user_copy.h"
#include "src/syscall_handler/trace_output.h"

constexpr size_t ALLOCATE_MAXIMUM = 1UL << 20;

int32_t kop_user_frame(struct user_frame **frame) {
    *frame = arch_context_user_frame(context_current());
    return 0;
}

int32_t kop_fetch(void *to, struct user_address from, size_t size) {
    return copy_from_user(to, from, size);
}

int32_t kop_store(struct user_address to, const void *from, size_t size) {
    return copy_to_user(to, from, size);
}

int32_t kop_clear(struct user_address to, size_t size) {
    return clear_user(to, size);
}

int32_t kop_fetch_string(char *to, struct user_address from, size_t size, size_t *length) {
    if (from.value >= USER_LIMIT) return -EFAULT;
    size_t readable = min(size, USER_LIMIT - from.value);
    int64_t found = arch_copy_string_from_user(to, from.value, readable);
    if (found < 0) return -EFAULT;
    if ((size_t)found == readable) return readable < size ? -EFAULT : -ENAMETOOLONG;
    *length = (size_t)found;
    return 0;
}

int32_t kop_user_compare_exchange(struct user_address at, uint32_t *expected, uint32_t desired) {
    if (at.value % sizeof(uint32_t)) return -EINVAL;
    if (!user_range_valid(at.value, sizeof(uint32_t))) return -EFAULT;
    return arch_user_compare_exchange32(at.value, expected, desired);
}

int32_t kop_allocate(size_t size, void **memory) {
    if (!size || size > ALLOCATE_MAXIMUM) return -EINVAL;
    *memory = heap_alloc_zeroed(size);
    return *memory ? 0 : -ENOMEM;
}

int32_t kop_release(void *memory) {
    heap_free(memory);
    return 0;
}

int32_t kop_slot(enum slot_kind kind, void ***slot) {
    struct context *context = context_current();
    *slot = kind == SLOT_THREAD ? &context->personality_slot : &context->process->personality_slot;
    return 0;
}

int32_t kop_log(const char *text, size_t length) {
    if (length && text[length - 1] == '\n') length--;
    log_info("personality", "%.*s", (int)min(length, 1000UL), text);
    return 0;
}

int32_t kop_trace_write(const char *text, size_t length) {
    trace_output_write(text, length);
    return 0;
}

int32_t kop_thread_pointer_get(enum thread_pointer which, uintptr_t *value) {
    *value = arch_thread_pointer_get(which);
    return 0;
}

int32_t kop_thread_pointer_set(enum thread_pointer which, uintptr_t value) {
    return arch_thread_pointer_set(which, value);
}

int32_t kop_extended_state_size(size_t *size) {
    *size = arch_extended_state_size();
    return 0;
}

int32_t kop_extended_state_store(struct user_address to) {
    if (!user_range_valid(to.value, arch_extended_state_size())) return -EFAULT;
    return arch_extended_state_store(to);
}

int32_t kop_extended_state_load(struct user_address from) {
    if (!user_range_valid(from.value, arch_extended_state_size())) return -EFAULT;
    return arch_extended_state_load(from);
}

int32_t kop_personality_get(uint32_t *personality) {
    *personality = context_current()->personality;
    return 0;
}

int32_t kop_personality_set(uint32_t personality) {
    if ((personality & PERSONALITY_MASK) >= PERSONALITY_COUNT ||
        personality &
            ~(PERSONALITY_MASK | PERSONALITY_TRACED | PERSONALITY_STRICT | PERSONALITY_FILTERED | PERSONALITY_STOPS))
        return -EINVAL;
    struct context *context = context_current();
    context->personality = personality;
    context->process->personality = personality;
    return 0;
}
