#pragma once
// Reads glibc's /etc/ld.so.cache (the "glibc-ld.so.cache1.1" part, alone or behind an old-format one). Pure.
#include <stddef.h>
#include <stdint.h>

struct ld_cache {
    const uint8_t *bytes; // the new-format part; string offsets count from here
    size_t size;
    uint32_t count;
};

// Returns 0, or -EINVAL when the bytes are no cache that we can read.
[[nodiscard]] int ld_cache_read(const void *bytes, size_t size, struct ld_cache *cache);

// Calls `visit` with the path of every entry for `name` that needs no special processor, in the cache's order, until it
// returns true; returns that.
bool ld_cache_find(const struct ld_cache *cache, const char *name, bool (*visit)(const char *path, void *context),
                   void *context);
