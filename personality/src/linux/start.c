// How a Linux program starts: its stack, from the top down, holds the program's name, the environment's and the
// arguments' strings, the platform's name and 16 random bytes, then the auxiliary vector and the two arrays of
// pointers, and argc at the stack pointer.
#include "personality/src/linux/process.h"

#include "lib/string.h"
#include "personality/src/linux/abi_process.h"
#include "personality/src/linux/arch.h"
#include "personality/src/shim.h"

// Writes words to ascending addresses of the stack through a small buffer. The first failure sticks.
struct word_writer {
    uintptr_t next;
    uint32_t count;
    int32_t error;
    uint64_t words[64];
};

static void word_flush(struct word_writer *writer) {
    if (writer->error == 0 && writer->count != 0) {
        writer->error = kernel_ops->store((struct user_address){writer->next}, writer->words,
                                          writer->count * sizeof(writer->words[0]));
    }
    writer->next += writer->count * sizeof(writer->words[0]);
    writer->count = 0;
}

static void word_put(struct word_writer *writer, uint64_t word) {
    writer->words[writer->count++] = word;
    if (writer->count == array_size(writer->words)) {
        word_flush(writer);
    }
}

// The addresses of count strings that lie one after the other, then a null. Returns the place behind the last string.
static size_t put_string_addresses(struct word_writer *writer, const struct kernel_exec *exec, size_t offset,
                                   uint32_t count, uintptr_t strings) {
    for (uint32_t i = 0; i < count && offset < exec->strings_size; i++) {
        word_put(writer, strings + offset);
        offset += strnlen(exec->strings + offset, exec->strings_size - offset) + 1;
    }
    word_put(writer, 0);
    return offset;
}

// Places size bytes below *top and moves it there.
static int32_t push(uintptr_t *top, const void *bytes, size_t size) {
    *top -= size;
    return kernel_ops->store((struct user_address){*top}, bytes, size);
}

int32_t linux_start(const struct program_image *image, struct user_frame *frame) {
    const struct kernel_exec *exec = image->exec;
    uintptr_t top = image->stack_top;
    uint64_t end_mark = 0;
    int32_t error = push(&top, &end_mark, sizeof(end_mark));
    if (error == 0) error = push(&top, image->path, strlen(image->path) + 1);
    uintptr_t name = top;
    if (error == 0) error = push(&top, exec->strings, exec->strings_size);
    uintptr_t strings = top;
    if (error == 0 && image->strings_address) *image->strings_address = strings;
    if (error == 0) error = push(&top, linux_platform.name, strlen(linux_platform.name) + 1);
    uintptr_t platform = top;
    top = align_down(top, 16);
    if (error == 0) error = push(&top, image->random, sizeof(image->random));
    if (error != 0) return error;
    uintptr_t random = top;

    const uint64_t vector[][2] = {
        {AT_SYSINFO_EHDR, image->vdso},
        {AT_MINSIGSTKSZ, linux_signal_frame_size()},
        {AT_HWCAP, linux_platform.hwcap},
        {AT_PAGESZ, PAGE_SIZE},
        {AT_CLKTCK, 100},
        {AT_PHDR, image->program_headers},
        {AT_PHENT, image->program_header_size},
        {AT_PHNUM, image->program_header_count},
        {AT_BASE, image->interpreter_base},
        {AT_FLAGS, 0},
        {AT_ENTRY, image->entry},
        {AT_UID, image->uid},
        {AT_EUID, image->euid},
        {AT_GID, image->gid},
        {AT_EGID, image->egid},
        {AT_SECURE, image->secure},
        {AT_RANDOM, random},
        {AT_HWCAP2, linux_platform.hwcap2},
        {AT_EXECFN, name},
        {AT_PLATFORM, platform},
        {AT_NULL, 0},
    };
    size_t first = image->vdso != 0 ? 0 : 1; // without a vDSO there is no AT_SYSINFO_EHDR
    size_t words = 1 + ((size_t)exec->argument_count + 1) + ((size_t)exec->environment_count + 1) +
                   (array_size(vector) - first) * 2;
    uintptr_t stack = align_down(top - words * sizeof(uint64_t), 16);
    struct word_writer writer = {.next = stack};
    word_put(&writer, exec->argument_count);
    size_t offset = put_string_addresses(&writer, exec, 0, exec->argument_count, strings);
    put_string_addresses(&writer, exec, offset, exec->environment_count, strings);
    for (size_t i = first; i < array_size(vector); i++) {
        word_put(&writer, vector[i][0]);
        word_put(&writer, vector[i][1]);
    }
    word_flush(&writer);
    if (writer.error != 0) return writer.error;
    user_frame_init(frame, image->start, stack);
    return 0;
}
