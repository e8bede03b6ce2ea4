#pragma once
// A host file mapped read-only.
#include <stddef.h>
#include <stdint.h>

struct mapped_file {
    const uint8_t *bytes; // not null after a successful open, also for an empty file
    size_t size;
};

// Maps the regular file `path`. Returns 0 or a negative errno (then `file` is empty and need not be closed).
[[nodiscard]] int mapped_file_open(const char *path, struct mapped_file *file);
void mapped_file_close(struct mapped_file *file);
