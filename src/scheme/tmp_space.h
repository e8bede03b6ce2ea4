// The room that one in-memory file system may take: half of the memory, or as the mount's options say.
#pragma once

#include "src/scheme/scheme.h"

struct tmp_space {
    struct refcount references; // its directories and files
    uint64_t maximum_pages;
    uint64_t used_pages; // (A) as far as transfers and truncations noticed; pages filled through mappings come in later
};

struct tmp_options {
    uint64_t maximum_pages;
    uint32_t mode, uid, gid;
};
// Parses tmpfs's options ("size=64k,mode=755"). -EINVAL: an unknown or malformed one.
[[nodiscard]] int32_t tmp_options_parse(const char *text, struct tmp_options *options);

[[nodiscard]] struct tmp_space *tmp_space_create(uint64_t maximum_pages); // nullptr: no memory
void tmp_space_put(struct tmp_space *space);
// Makes a fresh node of a directory's belong to the same space.
void tmp_space_adopt(struct node *node, const struct node *directory);
struct tmp_space *tmp_space_of(const struct node *node); // nullptr: unlimited
// How many bytes of a write of size bytes at offset there is room for; 0: none. Caller holds the node's lock.
uint64_t tmp_space_room(const struct node *node, uint64_t offset, uint64_t size);
// Counts the pages that came to the file or went since the last time. Caller holds the node's lock, or nobody else has
// it.
void tmp_space_account(struct node *node);
