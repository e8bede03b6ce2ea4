// sources: src/elf.c
// The kernel's ELF reader on arbitrary bytes: what it accepts keeps its promises.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size;
};

static int64_t read_input(void *data, void *buffer, size_t size, uint64_t offset) {
    const struct input *input = data;
    if (offset >= input->size) return 0;
    size_t count = size < input->size - offset ? size : input->size - offset;
    memcpy(buffer, input->data + offset, count);
    return (int64_t)count;
}

static void check(bool holds) {
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct elf_image image;
    if (elf_parse(read_input, &(struct input){data, size}, 62, &image)) return 0;
    check(image.segment_count > 0 && image.segment_count <= ELF_SEGMENTS_MAXIMUM);
    check(image.lowest < image.highest && image.highest <= 1ULL << 47);
    for (unsigned i = 0; i < image.segment_count; i++) {
        const struct elf_segment *segment = &image.segments[i];
        check(segment->file_size <= segment->memory_size);
        check(segment->address >= image.lowest && segment->address + segment->memory_size <= image.highest);
    }
    return 0;
}
