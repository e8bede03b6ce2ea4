// A reader of newc cpio archives (the initrd), also several one after the other. Pure: reads memory, allocates nothing.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct cpio_reader {
    const uint8_t *start, *end, *at;
};
struct cpio_entry {
    const char *name; // not NUL-terminated
    size_t name_length;
    const uint8_t *data;
    uint64_t size;
    uint32_t inode, mode, uid, gid, links, modified;
    uint32_t device_major, device_minor;   // of the file system the entry was on: with inode, the key of hard links
    uint32_t special_major, special_minor; // of a device node
};
enum cpio_result : int32_t { CPIO_END, CPIO_ENTRY, CPIO_TRAILER };

static inline struct cpio_reader cpio_start(const void *archive, size_t size) {
    return (struct cpio_reader){archive, (const uint8_t *)archive + size, archive};
}
constexpr size_t CPIO_HEADER_SIZE = 110;
// One header by itself (for archives that are read as a stream): fills all of *entry but name, name_length and data.
// *name_size counts the name's NUL. -EINVAL.
[[nodiscard]] int32_t cpio_parse_header(const uint8_t *header, struct cpio_entry *entry, size_t *name_size);
bool cpio_is_trailer(const char *name, size_t length);

// CPIO_ENTRY: *entry is filled. CPIO_TRAILER: one archive ended, another may follow (links do not cross it). CPIO_END.
// -EINVAL: not a newc header, or a name or contents that leave the archive.
[[nodiscard]] int32_t cpio_next(struct cpio_reader *reader, struct cpio_entry *entry);
