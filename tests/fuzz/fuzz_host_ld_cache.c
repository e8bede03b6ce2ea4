// The reader of ld.so.cache on arbitrary bytes.
// sources: tools/helctic/ld_cache.c
#include "tools/helctic/ld_cache.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool visit(const char *path, void *context) {
    *(size_t *)context += strlen(path);
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ld_cache cache;
    size_t total = 0;
    if (ld_cache_read(data, size, &cache) == 0) ld_cache_find(&cache, "liba", visit, &total);
    return 0;
}
