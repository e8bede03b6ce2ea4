#include "tools/helctic/ld_cache.h"

#include <errno.h>
#include <string.h>

enum : uint32_t { NEW_HEADER_SIZE = 48, NEW_ENTRY_SIZE = 24, OLD_HEADER_SIZE = 16, OLD_ENTRY_SIZE = 12 };
static const char new_magic[] = "glibc-ld.so.cache1.1";
static const char old_magic[] = "ld.so-1.7.0";

static uint32_t word_at(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

int ld_cache_read(const void *bytes, size_t size, struct ld_cache *cache) {
    const uint8_t *at = bytes;
    if (size >= OLD_HEADER_SIZE && memcmp(at, old_magic, sizeof old_magic - 1) == 0) {
        uint64_t skip = OLD_HEADER_SIZE + (uint64_t)word_at(at + 12) * OLD_ENTRY_SIZE;
        skip = (skip + 7) & ~(uint64_t)7;
        if (skip > size) return -EINVAL;
        at += skip;
        size -= skip;
    }
    if (size < NEW_HEADER_SIZE || memcmp(at, new_magic, sizeof new_magic - 1) != 0) return -EINVAL;
    uint32_t count = word_at(at + 20);
    if (count > (size - NEW_HEADER_SIZE) / NEW_ENTRY_SIZE) return -EINVAL;
    *cache = (struct ld_cache){.bytes = at, .size = size, .count = count};
    return 0;
}

static const char *string_at(const struct ld_cache *cache, uint32_t offset) {
    if (offset >= cache->size) return nullptr;
    const char *text = (const char *)cache->bytes + offset;
    return memchr(text, '\0', cache->size - offset) ? text : nullptr;
}

bool ld_cache_find(const struct ld_cache *cache, const char *name, bool (*visit)(const char *path, void *context),
                   void *context) {
    for (uint32_t i = 0; i < cache->count; i++) {
        // Entry: flags, name, path, OS version (unused), 64 bits of hardware capabilities.
        const uint8_t *entry = cache->bytes + NEW_HEADER_SIZE + (size_t)i * NEW_ENTRY_SIZE;
        if (word_at(entry + 16) || word_at(entry + 20)) continue;
        const char *key = string_at(cache, word_at(entry + 4));
        if (!key || strcmp(key, name) != 0) continue;
        const char *path = string_at(cache, word_at(entry + 8));
        if (path && visit(path, context)) return true;
    }
    return false;
}
