// The host command's ELF reader on arbitrary bytes.
// sources: tools/helctic/elf_image.c
#include "tools/helctic/elf_image.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct elf_image image;
    if (elf_image_read(data, size, &image) < 0) return 0;
    size_t total = image.interpreter ? strlen(image.interpreter) : 0;
    for (size_t i = 0; i < image.needed_count; i++)
        total += strlen(image.needed[i]);
    // Each string lies inside the file, so none is longer than it.
    if (total > (image.needed_count + 1) * size) abort();
    return 0;
}
