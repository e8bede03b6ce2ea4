// A compressed initrd: the archive as a stream, its files written page by page. zlib comes from its source package
// (tools/make/zlib.mk).
#include "src/scheme/initrd.h"

#include "lib/errno.h"

#ifdef HELCTIC_ZLIB

#include <zlib.h>

#include "lib/string.h"
#include "rmm/frame.h"
#include "src/memory/heap.h"
#include "src/memory/memory_object.h"
#include "src/scheme/cpio.h"

constexpr size_t NAME_SIZE_MAXIMUM = 4096;
constexpr int GZIP_WINDOW = 16 + MAX_WBITS;

struct stream {
    z_stream zlib;
    uint64_t position; // bytes of the current archive that were read
    struct initrd_unpacker unpacker;
    char name[NAME_SIZE_MAXIMUM + 1];
    uint8_t target[NAME_SIZE_MAXIMUM];
};

static voidpf zlib_alloc(voidpf, uInt count, uInt size) {
    return heap_alloc((size_t)count * size);
}

static void zlib_free(voidpf, voidpf address) {
    heap_free(address);
}

// Another gzip member behind the one that ended. False: the end.
static bool next_member(struct stream *stream) {
    while (stream->zlib.avail_in && *stream->zlib.next_in == 0) {
        stream->zlib.next_in++;
        stream->zlib.avail_in--;
    }
    return stream->zlib.avail_in > 2 && stream->zlib.next_in[0] == 0x1f && inflateReset(&stream->zlib) == Z_OK;
}

// Reads size bytes. 1; 0 at the clean end before the first one; -EINVAL: damaged or cut.
static int32_t read_bytes(struct stream *stream, void *buffer, size_t size) {
    stream->zlib.next_out = buffer;
    stream->zlib.avail_out = (uInt)size;
    while (stream->zlib.avail_out) {
        int result = inflate(&stream->zlib, Z_NO_FLUSH);
        if (result == Z_STREAM_END && !next_member(stream)) break;
        if (result != Z_OK && result != Z_STREAM_END) return -EINVAL;
    }
    stream->position += size - stream->zlib.avail_out;
    if (!stream->zlib.avail_out) return 1;
    return stream->zlib.avail_out == size ? 0 : -EINVAL;
}

static int32_t read_exactly(struct stream *stream, void *buffer, size_t size) {
    if (!size) return 0;
    return read_bytes(stream, buffer, size) == 1 ? 0 : -EINVAL;
}

static int32_t skip(struct stream *stream, uint64_t size) {
    uint8_t waste[256];
    while (size) {
        size_t part = min(size, sizeof(waste));
        int32_t error = read_exactly(stream, waste, part);
        if (error < 0) return error;
        size -= part;
    }
    return 0;
}

static int32_t skip_padding(struct stream *stream) {
    return skip(stream, -stream->position & 3);
}

static int32_t contents_from_stream(struct initrd_unpacker *unpacker, struct node *node,
                                    const struct cpio_entry *entry) {
    struct stream *stream = container_of(unpacker, struct stream, unpacker);
    int32_t error = memory_object_resize(node->object, entry->size);
    for (uint64_t offset = 0; offset < entry->size && error == 0; offset += PAGE_SIZE) {
        struct frame *frame;
        size_t size = min(entry->size - offset, PAGE_SIZE);
        error = memory_object_page(node->object, offset / PAGE_SIZE, true, &frame);
        if (error < 0) return error;
        error = read_exactly(stream, frame_pointer(frame), size);
        frame_put(frame);
    }
    return error;
}

// The header at the stream's position, behind zeros between archives. 1, 0 at the end, -EINVAL.
static int32_t read_header(struct stream *stream, struct cpio_entry *entry, size_t *name_size) {
    uint8_t header[CPIO_HEADER_SIZE];
    int32_t result = read_bytes(stream, header, 1);
    while (result == 1 && !header[0]) {
        stream->position = 0;
        result = read_bytes(stream, header, 1);
        if (result == 1 && header[0]) stream->position = 1;
    }
    if (result != 1) return result;
    if (read_exactly(stream, header + 1, sizeof(header) - 1) < 0) return -EINVAL;
    return cpio_parse_header(header, entry, name_size) < 0 ? -EINVAL : 1;
}

// One entry with its contents. 1, 0 at the end, or an error.
static int32_t unpack_entry(struct stream *stream) {
    struct cpio_entry entry;
    size_t name_size;
    int32_t result = read_header(stream, &entry, &name_size);
    if (result != 1) return result;
    if (name_size > NAME_SIZE_MAXIMUM) return -EINVAL;
    if (read_exactly(stream, stream->name, name_size) < 0 || skip_padding(stream) < 0) return -EINVAL;
    stream->name[name_size] = 0;
    entry.name = stream->name;
    entry.name_length = strlen(stream->name);
    if (cpio_is_trailer(entry.name, entry.name_length)) {
        stream->position = 0;
        initrd_forget_links(&stream->unpacker);
        return 1;
    }
    uint32_t type = entry.mode & S_IFMT;
    if (type == S_IFLNK) {
        if (!entry.size || entry.size >= sizeof(stream->target)) return -EINVAL;
        if (read_exactly(stream, stream->target, entry.size) < 0) return -EINVAL;
        entry.data = stream->target;
    } else if (type != S_IFREG && skip(stream, entry.size) < 0) {
        return -EINVAL;
    }
    int32_t error = initrd_place(&stream->unpacker, &entry);
    if (error == 0) error = skip_padding(stream);
    return error < 0 ? error : 1;
}

int32_t initrd_unpack_gzip(struct name *root, const void *archive, size_t size) {
    struct stream *stream = heap_alloc_zeroed(sizeof(*stream));
    if (!stream) return -ENOMEM;
    stream->unpacker = (struct initrd_unpacker){.root = root, .contents = contents_from_stream};
    stream->zlib.zalloc = zlib_alloc;
    stream->zlib.zfree = zlib_free;
    stream->zlib.next_in = (z_const Bytef *)archive;
    stream->zlib.avail_in = (uInt)size;
    int32_t result = inflateInit2(&stream->zlib, GZIP_WINDOW) == Z_OK ? 1 : -ENOMEM;
    while (result == 1)
        result = unpack_entry(stream);
    int32_t entries = stream->unpacker.entries;
    initrd_forget_links(&stream->unpacker);
    inflateEnd(&stream->zlib);
    heap_free(stream);
    return result < 0 ? result : entries;
}

#else

int32_t initrd_unpack_gzip(struct name *, const void *, size_t) {
    return -ENOSYS;
}

#endif
