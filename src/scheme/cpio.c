#include "src/scheme/cpio.h"

#include "lib/errno.h"
#include "lib/string.h"

constexpr size_t FIELD_COUNT = 13;

enum field : unsigned {
    FIELD_INODE,
    FIELD_MODE,
    FIELD_UID,
    FIELD_GID,
    FIELD_LINKS,
    FIELD_MODIFIED,
    FIELD_SIZE,
    FIELD_DEVICE_MAJOR,
    FIELD_DEVICE_MINOR,
    FIELD_SPECIAL_MAJOR,
    FIELD_SPECIAL_MINOR,
    FIELD_NAME_SIZE,
};

static int32_t parse_fields(const uint8_t *text, uint32_t fields[FIELD_COUNT]) {
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        uint32_t value = 0;
        for (unsigned digit = 0; digit < 8; digit++) {
            uint8_t c = *text++, lower = c | 0x20;
            if (c >= '0' && c <= '9')
                value = value << 4 | (uint32_t)(c - '0');
            else if (lower >= 'a' && lower <= 'f')
                value = value << 4 | (uint32_t)(lower - 'a' + 10);
            else
                return -EINVAL;
        }
        fields[i] = value;
    }
    return 0;
}

static size_t left(const struct cpio_reader *reader) {
    return (size_t)(reader->end - reader->at);
}

// Moves past size bytes and the padding to the next multiple of four from the archive's start.
static void advance(struct cpio_reader *reader, size_t size) {
    size_t position = (size_t)(reader->at - reader->start) + size;
    position = (position + 3) & ~(size_t)3;
    size_t whole = (size_t)(reader->end - reader->start);
    reader->at = reader->start + (position < whole ? position : whole);
}

int32_t cpio_parse_header(const uint8_t *header, struct cpio_entry *entry, size_t *name_size) {
    uint32_t fields[FIELD_COUNT];
    if (memcmp(header, "070701", 6) != 0 && memcmp(header, "070702", 6) != 0) return -EINVAL;
    if (parse_fields(header + 6, fields) < 0 || !fields[FIELD_NAME_SIZE]) return -EINVAL;
    *name_size = fields[FIELD_NAME_SIZE];
    *entry = (struct cpio_entry){.size = fields[FIELD_SIZE],
                                 .inode = fields[FIELD_INODE],
                                 .mode = fields[FIELD_MODE],
                                 .uid = fields[FIELD_UID],
                                 .gid = fields[FIELD_GID],
                                 .links = fields[FIELD_LINKS],
                                 .modified = fields[FIELD_MODIFIED],
                                 .device_major = fields[FIELD_DEVICE_MAJOR],
                                 .device_minor = fields[FIELD_DEVICE_MINOR],
                                 .special_major = fields[FIELD_SPECIAL_MAJOR],
                                 .special_minor = fields[FIELD_SPECIAL_MINOR]};
    return 0;
}

bool cpio_is_trailer(const char *name, size_t length) {
    static const char trailer[] = "TRAILER!!!";
    return length == sizeof(trailer) - 1 && memcmp(name, trailer, sizeof(trailer) - 1) == 0;
}

int32_t cpio_next(struct cpio_reader *reader, struct cpio_entry *entry) {
    // Zeros lie between archives; the next one counts its alignment from its own first byte.
    bool padding = reader->at < reader->end && *reader->at == 0;
    while (reader->at < reader->end && *reader->at == 0)
        reader->at++;
    if (padding) reader->start = reader->at;
    if (reader->at == reader->end) return CPIO_END;
    size_t name_size;
    if (left(reader) < CPIO_HEADER_SIZE || cpio_parse_header(reader->at, entry, &name_size) < 0) return -EINVAL;
    if (name_size > left(reader) - CPIO_HEADER_SIZE) return -EINVAL;
    entry->name = (const char *)reader->at + CPIO_HEADER_SIZE;
    entry->name_length = strnlen(entry->name, name_size);
    advance(reader, CPIO_HEADER_SIZE + name_size);
    if (entry->size > left(reader)) return -EINVAL;
    entry->data = reader->at;
    advance(reader, entry->size);
    if (!cpio_is_trailer(entry->name, entry->name_length)) return CPIO_ENTRY;
    reader->start = reader->at;
    return CPIO_TRAILER;
}
