// Hashes for tables in memory (not for input chosen by an attacker across a boundary).
#pragma once

#include <stddef.h>
#include <stdint.h>

static inline uint64_t hash_word(uint64_t value) {
    value *= 0x9e3779b97f4a7c15ULL;
    return value ^ (value >> 32);
}

// FNV-1a.
static inline uint32_t hash_bytes(const void *data, size_t size) {
    uint32_t hash = 2166136261U;
    for (const unsigned char *byte = data; size; size--)
        hash = (hash ^ *byte++) * 16777619U;
    return hash;
}
