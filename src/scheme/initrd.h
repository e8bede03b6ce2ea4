#pragma once

#include "src/scheme/scheme.h"

// Fills the tree below root from the newc archives at archive, whose memory must stay. Returns the number of entries,
// or -EINVAL (what came before the damage is there), -ENOMEM.
[[nodiscard]] int32_t initrd_unpack(struct name *root, const void *archive, size_t size);

// The same from a gzip stream (several members follow each other); the archive's memory is not needed afterwards.
// -ENOSYS: the kernel was built without zlib.
[[nodiscard]] int32_t initrd_unpack_gzip(struct name *root, const void *archive, size_t size);

// ---- between the two readers

struct cpio_entry;
struct initrd_unpacker;
// Gives a fresh regular file its contents.
typedef int32_t initrd_contents(struct initrd_unpacker *unpacker, struct node *node, const struct cpio_entry *entry);

constexpr unsigned INITRD_LINK_BUCKETS = 64;
struct initrd_unpacker {
    struct name *root;
    initrd_contents *contents;
    struct initrd_shared *shared[INITRD_LINK_BUCKETS]; // nodes that several names of the archive share
    int32_t entries;
};
// Takes one entry over. Only -ENOMEM and the errors of contents are answered; what cannot be placed is logged.
[[nodiscard]] int32_t initrd_place(struct initrd_unpacker *unpacker, const struct cpio_entry *entry);
// An archive ended: links don't cross it.
void initrd_forget_links(struct initrd_unpacker *unpacker);
