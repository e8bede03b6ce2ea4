// The name cache: every name that is in use, and all names of persistent schemes (for them it is the directory itself).
#pragma once

#include "src/scheme/scheme.h"

// Guards the hash, all struct name but their references, and the mount table. A path walk holds it over all components
// that are cached, so it takes no reference on the way. Nothing is allocated or copied from user space under it.
extern struct spinlock name_lock; // RANK_NAME

constexpr size_t NAME_MAXIMUM = 255;
constexpr size_t PATH_MAXIMUM = 4096;
constexpr uint32_t NAME_HASH_START = 2166136261U;
static inline uint32_t name_hash_add(uint32_t hash, char byte) {
    return (hash ^ (uint8_t)byte) * 16777619U;
}
uint32_t name_hash(const char *text, size_t length);

// An entry outside the hash with one reference. Takes a reference on parent (nullptr: a root), consumes one on node
// (also on failure). nullptr: no memory.
[[nodiscard]] struct name *name_create(struct name *parent, const char *text, size_t length, struct node *node);
static inline void name_get(struct name *name) {
    refcount_get(&name->references);
}
// May sleep (the last reference to a node).
void name_put(struct name *name);

// Caller holds name_lock. No reference is taken; nullptr: not cached.
struct name *name_find_locked(const struct name *parent, const char *text, size_t length, uint32_t hash);
// Puts it into the hash and, with a cookie (persistent schemes), at the end of its parent's children.
void name_insert_locked(struct name *name, uint64_t cookie);
// Takes it out of both and marks it unlinked. The caller drops the directory's reference afterwards.
void name_remove_locked(struct name *name);
// Moves it to another parent and text. The caller has made room: long_text is heap memory for texts above
// NAME_INLINE (consumed) or nullptr. Returns the old parent, whose reference passes to the caller; *old_text: heap
// memory to free or nullptr.
struct name *name_move_locked(struct name *name, struct name *parent, const char *text, size_t length, char *long_text,
                              uint64_t cookie, char **old_text);
constexpr size_t NAME_INLINE = sizeof(((struct name *)nullptr)->inline_text) - 1;
