// sources: src/scheme/cpio.c
// The initrd's reader on arbitrary bytes: what it hands out lies inside the archive, and it comes to an end.
#include <stdint.h>
#include <stdlib.h>

#include "src/scheme/cpio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct cpio_reader reader = cpio_start(data, size);
    struct cpio_entry entry;
    const uint8_t *before = data;
    int32_t result;
    while ((result = cpio_next(&reader, &entry)) > 0) {
        check(reader.at > before && reader.at <= data + size);
        before = reader.at;
        check((const uint8_t *)entry.name >= data && entry.name_length <= size);
        check((const uint8_t *)entry.name + entry.name_length <= data + size);
        check(entry.data >= data && entry.size <= size && entry.data + entry.size <= data + size);
    }
    return 0;
}
