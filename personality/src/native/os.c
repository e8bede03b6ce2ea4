// Helctic's own descriptor: a call's number is the op's index; results are the canonical ones.
#include "personality/src/os.h"

#include "lib/string.h"
#include "personality/src/native/shims.h"
#include "personality/src/shim.h"

// The stack of a fresh program, from its stack pointer up: argument count, argument pointers and a null, environment
// pointers and a null, then the strings.
static int32_t start(const struct program_image *image, struct user_frame *frame) {
    const struct kernel_exec *exec = image->exec;
    size_t pointers = (size_t)exec->argument_count + exec->environment_count;
    uintptr_t strings = align_down(image->stack_top - exec->strings_size, 16);
    uintptr_t stack = align_down(strings - (pointers + 3) * sizeof(uintptr_t), 16), at = stack;
    uintptr_t word = exec->argument_count, text = strings;
    int32_t error = kernel_ops->store(user_pointer(strings), exec->strings, exec->strings_size);
    if (error >= 0) error = store_struct(at, &word);
    for (size_t i = 0; i <= pointers && error >= 0; i++) {
        if (i == exec->argument_count || i == pointers) {
            word = 0;
            error = store_struct(at += sizeof(word), &word);
        }
        if (i == pointers || error < 0) break;
        error = store_struct(at += sizeof(word), &text);
        text += strlen(exec->strings + (text - strings)) + 1;
    }
    user_frame_init(frame, image->start, stack);
    return error;
}

static const char *call_name(uint64_t number) {
    return number < native_table.count ? native_table.descriptions[number].name : nullptr;
}

static const struct personality_hooks hooks = {.start = start, .call_name = call_name};

const struct os os_native = {
    .name = "native",
    .table = &native_table,
    .hooks = &hooks,
};
