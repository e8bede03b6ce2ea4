#include "personality/src/shim.h"

#include "lib/format.h"

// The layout of POSIX's struct iovec on a 64-bit machine, the same for every personality.
struct user_vector {
    uint64_t base, length;
};
static_assert(sizeof(struct user_vector) == 16);

// Fetches the vectors in chunks into the segments; the sum is kept at or below IO_MAXIMUM.
static int32_t segments_read(struct segment_array *array, uintptr_t word) {
    struct user_vector chunk[SEGMENTS_WITHIN];
    for (uint32_t first = 0; first < array->count; first += SEGMENTS_WITHIN) {
        uint32_t number = min(SEGMENTS_WITHIN, array->count - first);
        int32_t error =
            kernel_ops->fetch(chunk, user_pointer(word + first * sizeof(chunk[0])), number * sizeof(chunk[0]));
        if (error < 0) return error;
        for (uint32_t i = 0; i < number; i++) {
            if ((int64_t)chunk[i].length < 0) return -EINVAL;
            size_t length = min((size_t)chunk[i].length, IO_MAXIMUM - array->total);
            array->segments[first + i] = segment_user(user_pointer(chunk[i].base), length);
            array->total += length;
        }
    }
    return 0;
}

int32_t segments_fetch(struct segment_array *array, uintptr_t word, uintptr_t count) {
    if (count > SEGMENTS_MAXIMUM) return -EINVAL;
    array->count = (uint32_t)count;
    array->total = 0;
    array->segments = array->within;
    if (count > SEGMENTS_WITHIN) {
        void *memory;
        int32_t error = kernel_ops->allocate(count * sizeof(struct segment), &memory);
        if (error < 0) return error;
        array->segments = memory;
    }
    int32_t error = segments_read(array, word);
    if (error < 0) segments_release(array);
    return error;
}

void segments_release(struct segment_array *array) {
    if (array->segments != array->within) kernel_ops->release(array->segments);
    array->segments = array->within;
    array->count = 0;
}

void personality_log(const char *format, ...) {
    char line[200];
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_string_va(line, sizeof(line), format, arguments);
    va_end(arguments);
    kernel_ops->log(line, min(length, sizeof(line) - 1));
}
