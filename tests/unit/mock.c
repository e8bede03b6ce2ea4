#include "tests/unit/include/mock.h"

#include <stdlib.h>
#include <string.h>

struct mock_call mock_calls[MOCK_CALLS_MAXIMUM];
unsigned mock_call_count;
int32_t mock_results[KERNEL_OP_COUNT];
struct user_frame mock_frame;
const struct personality_hooks *mock_hooks[PERSONALITY_COUNT];
static unsigned allocations;
char mock_log[4096], mock_trace[8192];
void *mock_slots[2];
bool mock_failed;

static unsigned fail_in;
static int32_t fail_error;
static char *arena;
static size_t arena_used;

const struct kernel_ops mock_ops = {
    .version = KERNEL_OPS_VERSION,
    .size = sizeof(struct kernel_ops),
#define KERNEL_OP(name, class, parameters) .name = kop_##name,
#include <kernel_ops.def>
#undef KERNEL_OP
};

// As the core does when the thread and the process are gone.
static void slots_release(void) {
    const struct personality_hooks *hooks = mock_hooks[PERSONALITY_LINUX];
    for (unsigned kind = 0; kind < 2; kind++) {
        void *slot = mock_slots[kind];
        mock_slots[kind] = nullptr;
        if (!slot) continue;
        if (hooks && hooks->slot_release)
            hooks->slot_release((enum slot_kind)kind, slot);
        else
            kop_release(slot);
    }
}

unsigned mock_kept(void) {
    slots_release();
    return allocations;
}

void mock_reset(void) {
    slots_release();
    mock_call_count = 0;
    memset(mock_results, 0, sizeof(mock_results));
    mock_frame = (struct user_frame){};
    mock_log[0] = mock_trace[0] = 0;
    fail_in = 0;
    mock_failed = false;
    if (arena) memset(arena, 0, MOCK_USER_SIZE);
    arena_used = 0;
}

void mock_fail(unsigned n, int32_t error) {
    fail_in = n;
    fail_error = error;
    mock_failed = false;
}

bool mock_enter(enum kernel_op_index op, const uintptr_t *arguments, unsigned count, int32_t *result) {
    bool fails = fail_in && --fail_in == 0;
    *result = fails ? -fail_error : mock_results[op];
    if (fails) mock_failed = true;
    if (mock_call_count < MOCK_CALLS_MAXIMUM) {
        struct mock_call *call = &mock_calls[mock_call_count];
        *call = (struct mock_call){.op = op, .result = *result};
        memcpy(call->arguments, arguments, count * sizeof(*arguments));
    }
    mock_call_count++;
    return *result < 0;
}

const struct mock_call *mock_find(enum kernel_op_index op, unsigned n) {
    for (unsigned i = 0; i < mock_call_count && i < MOCK_CALLS_MAXIMUM; i++) {
        if (mock_calls[i].op == op && n-- == 0) return &mock_calls[i];
    }
    return nullptr;
}

uintptr_t mock_user(size_t size) {
    if (!arena) arena = calloc(1, MOCK_USER_SIZE);
    uintptr_t address = (uintptr_t)arena + arena_used;
    arena_used += (size + 15) & ~15UL;
    if (arena_used > MOCK_USER_SIZE) abort();
    return address;
}

uintptr_t mock_user_bytes(const void *bytes, size_t size) {
    uintptr_t address = mock_user(size);
    memcpy((void *)address, bytes, size);
    return address;
}

uintptr_t mock_user_string(const char *text) {
    return mock_user_bytes(text, strlen(text) + 1);
}

// Only what was handed out is accessible.
static bool accessible(uintptr_t address, size_t size) {
    uintptr_t base = (uintptr_t)arena;
    if (!arena) return false;
    return address >= base && address - base <= arena_used && size <= arena_used - (address - base);
}

#define ENTER(op, ...)                                                                                                 \
    int32_t result;                                                                                                    \
    const uintptr_t words[] = {__VA_ARGS__};                                                                           \
    if (mock_enter(KERNEL_OP_##op, words, sizeof(words) / sizeof(words[0]), &result)) return result

int32_t kop_user_frame(struct user_frame **frame) {
    *frame = &mock_frame;
    return 0;
}

int32_t kop_slot(enum slot_kind kind, void ***slot) {
    *slot = &mock_slots[kind];
    return 0;
}

int32_t kop_fetch(void *to, struct user_address from, size_t size) {
    ENTER(fetch, (uintptr_t)to, from.value, size);
    if (!accessible(from.value, size)) return -EFAULT;
    memcpy(to, (void *)from.value, size);
    return 0;
}

int32_t kop_store(struct user_address to, const void *from, size_t size) {
    ENTER(store, to.value, (uintptr_t)from, size);
    if (!accessible(to.value, size)) return -EFAULT;
    memcpy((void *)to.value, from, size);
    return 0;
}

int32_t kop_clear(struct user_address to, size_t size) {
    ENTER(clear, to.value, size);
    if (!accessible(to.value, size)) return -EFAULT;
    memset((void *)to.value, 0, size);
    return 0;
}

int32_t kop_fetch_string(char *to, struct user_address from, size_t size, size_t *length) {
    ENTER(fetch_string, (uintptr_t)to, from.value, size);
    for (size_t i = 0; i < size; i++) {
        if (!accessible(from.value + i, 1)) return -EFAULT;
        to[i] = ((char *)from.value)[i];
        if (to[i]) continue;
        *length = i;
        return 0;
    }
    return -ENAMETOOLONG;
}

int32_t kop_user_compare_exchange(struct user_address at, uint32_t *expected, uint32_t desired) {
    ENTER(user_compare_exchange, at.value, (uintptr_t)expected, desired);
    if (at.value % 4) return -EINVAL;
    if (!accessible(at.value, 4)) return -EFAULT;
    uint32_t old = *(uint32_t *)at.value;
    if (old == *expected) *(uint32_t *)at.value = desired;
    *expected = old;
    return 0;
}

int32_t kop_allocate(size_t size, void **memory) {
    ENTER(allocate, size);
    if (!size || size > 1 << 20) return -EINVAL;
    *memory = calloc(1, size);
    allocations++;
    return 0;
}

int32_t kop_release(void *memory) {
    if (memory) allocations--;
    free(memory);
    return 0;
}

static void append(char *text, size_t size, const char *more, size_t length) {
    size_t used = strlen(text);
    if (length > size - 1 - used) length = size - 1 - used;
    memcpy(text + used, more, length);
    text[used + length] = 0;
}

int32_t kop_log(const char *text, size_t length) {
    append(mock_log, sizeof(mock_log), text, length);
    return 0;
}

int32_t kop_trace_write(const char *text, size_t length) {
    append(mock_trace, sizeof(mock_trace), text, length);
    return 0;
}

int32_t kop_register_hooks(uint32_t personality, const struct personality_hooks *hooks) {
    ENTER(register_hooks, personality, (uintptr_t)hooks);
    mock_hooks[personality] = hooks;
    return 0;
}

int32_t kop_register_time_page(const void *image, size_t size, struct kernel_time_record **record) {
    static struct kernel_time_record page;
    ENTER(register_time_page, (uintptr_t)image, size);
    *record = &page;
    return 0;
}

// The vDSO's image is built for the kernel only.
void linux_vdso_register(void);
[[gnu::weak]] void linux_vdso_register(void) {
}
