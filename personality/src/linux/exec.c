// execve and execveat: collects the strings, each fetched once.
#include "personality/src/linux/process.h"
#include "personality/src/linux/shims.h"
#include "personality/src/shim.h"

#include "lib/string.h"

constexpr size_t STRING_MAXIMUM = 128 * 1024;
constexpr size_t STRINGS_FIRST = 4096, STRINGS_MAXIMUM = 1 << 20;

struct string_block {
    char *memory;
    size_t used, size;
};

static int32_t block_grow(struct string_block *block) {
    void *larger;
    size_t size = block->size == 0 ? STRINGS_FIRST : block->size * 2;
    if (size > STRINGS_MAXIMUM) return -E2BIG;
    int32_t error = kernel_ops->allocate(size, &larger);
    if (error < 0) return error;
    if (block->memory != nullptr) {
        memcpy(larger, block->memory, block->used);
        (void)!kernel_ops->release(block->memory);
    }
    block->memory = larger;
    block->size = size;
    return 0;
}

static int32_t block_add(struct string_block *block, uintptr_t string) {
    for (;;) {
        size_t room = min(block->size - block->used, STRING_MAXIMUM), length;
        int32_t error =
            room == 0 ? -ENAMETOOLONG
                      : kernel_ops->fetch_string(block->memory + block->used, user_pointer(string), room, &length);
        if (error == 0) {
            block->used += length + 1;
            return 0;
        }
        if (error != -ENAMETOOLONG) return error;
        if (room == STRING_MAXIMUM) return -E2BIG;
        error = block_grow(block);
        if (error != 0) return error;
    }
}

// Adds the strings of a null-terminated array of pointers; a null array is empty. The array is read in parts that don't
// reach into a page beyond the one of the pointer that is wanted next.
static int32_t block_add_array(struct string_block *block, uintptr_t array, uint32_t *count) {
    uint64_t pointers[32];
    *count = 0;
    while (array != 0) {
        size_t room = (PAGE_SIZE - (array & PAGE_MASK)) / sizeof(pointers[0]);
        size_t number = min(max(room, (size_t)1), array_size(pointers));
        int32_t error = kernel_ops->fetch(pointers, user_pointer(array), number * sizeof(pointers[0]));
        if (error != 0) return error;
        for (size_t i = 0; i < number; i++) {
            if (pointers[i] == 0) return 0;
            error = block_add(block, pointers[i]);
            if (error != 0) return error;
            ++*count;
        }
        array += number * sizeof(pointers[0]);
    }
    return 0;
}

static intptr_t exec(int32_t directory, uintptr_t name, uintptr_t arguments, uintptr_t environment, uint32_t flags) {
    struct path_argument path;
    struct string_block block = {};
    struct kernel_exec exec = {};
    int32_t error = path_fetch(&path, name);
    if (error == 0) error = block_grow(&block);
    if (error == 0) error = block_add_array(&block, arguments, &exec.argument_count);
    if (error == 0 && exec.argument_count == 0) {
        block.used++; // a program gets at least an empty name
        exec.argument_count = 1;
    }
    if (error == 0) error = block_add_array(&block, environment, &exec.environment_count);
    if (error == 0) {
        exec.strings = block.memory;
        exec.strings_size = block.used;
        error = kernel_ops->exec(directory, path.text, path.length, flags, &exec);
    }
    if (block.memory != nullptr) (void)!kernel_ops->release(block.memory);
    return error < 0 ? error : -KERNEL_EKEEP_FRAME;
}

SHIM3(linux_execve, name, arguments, environment) {
    return exec(AT_FDCWD, name, arguments, environment, 0);
}

SHIM5(linux_execveat, directory, name, arguments, environment, flags) {
    if ((flags & ~(uintptr_t)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) != 0) return -EINVAL;
    return exec((int32_t)directory, name, arguments, environment, (uint32_t)flags);
}
