#include "src/scheme/tmp_space.h"

#include "lib/format.h"
#include "lib/string.h"
#include "rmm/frame.h"
#include "src/memory/heap.h"
#include "src/scheme/tmp.h"

struct tmp_space *tmp_space_create(uint64_t maximum_pages) {
    struct tmp_space *space = heap_alloc(sizeof(*space));
    if (!space) return nullptr;
    *space = (struct tmp_space){.maximum_pages = maximum_pages};
    refcount_init(&space->references);
    return space;
}

void tmp_space_put(struct tmp_space *space) {
    if (space && refcount_put(&space->references)) heap_free(space);
}

struct tmp_space *tmp_space_of(const struct node *node) {
    if (node->scheme != &tmp_scheme) return nullptr;
    if (node_type(node) == S_IFDIR) return node->data;
    const struct tmp_file *file = tmp_file_of(node);
    return file ? file->space : nullptr;
}

void tmp_space_adopt(struct node *node, const struct node *directory) {
    struct tmp_space *space = directory->data;
    if (!space || node->scheme != &tmp_scheme) return;
    struct tmp_file *file = tmp_file_of(node);
    struct tmp_space **slot = file ? &file->space : (struct tmp_space **)&node->data;
    if ((!file && node_type(node) != S_IFDIR) || *slot) return;
    refcount_get(&space->references);
    *slot = space;
}

uint64_t tmp_space_room(const struct node *node, uint64_t offset, uint64_t size) {
    const struct tmp_file *file = tmp_file_of(node);
    const struct tmp_space *space = file ? file->space : nullptr;
    if (!space) return size;
    // A file without holes needs pages only behind its last one.
    uint64_t pages = align_up(file->object.size, PAGE_SIZE) / PAGE_SIZE;
    uint64_t present = file->object.page_count >= pages ? pages * PAGE_SIZE : 0, end = offset + size;
    if (end <= present) return size;
    uint64_t used = atomic_load_relaxed(&space->used_pages);
    uint64_t left = used < space->maximum_pages ? (space->maximum_pages - used) * PAGE_SIZE : 0;
    uint64_t start = align_down(offset, PAGE_SIZE);
    uint64_t limit = max(present, start) + left;
    return limit >= end ? size : limit > offset ? limit - offset : 0;
}

void tmp_space_account(struct node *node) {
    struct tmp_file *file = tmp_file_of(node);
    if (!file || !file->space) return;
    uint64_t pages = file->object.page_count;
    if (pages == file->accounted_pages) return;
    atomic_fetch_add_relaxed(&file->space->used_pages, pages - file->accounted_pages);
    file->accounted_pages = pages;
}

// ---- options

static int32_t parse_size(const char *text, size_t length, uint64_t *pages) {
    unsigned long value;
    const char *end;
    if (!parse_unsigned(text, &end, 10, &value)) return -EINVAL;
    uint64_t bytes = value;
    switch (end < text + length ? *end | 0x20 : 0) {
    case 0:
        break;
    case 'k':
        bytes <<= 10;
        break;
    case 'm':
        bytes <<= 20;
        break;
    case 'g':
        bytes <<= 30;
        break;
    case '%':
        bytes = frame_total * PAGE_SIZE / 100 * value;
        break;
    default:
        return -EINVAL;
    }
    *pages = bytes ? align_up(bytes, PAGE_SIZE) / PAGE_SIZE : UINT64_MAX / PAGE_SIZE;
    return 0;
}

static int32_t parse_number(const char *text, unsigned base, uint32_t *number) {
    unsigned long value;
    const char *end;
    if (!parse_unsigned(text, &end, base, &value) || value > UINT32_MAX) return -EINVAL;
    *number = (uint32_t)value;
    return 0;
}

static int32_t parse_option(const char *text, size_t length, struct tmp_options *options) {
    uint32_t ignored;
    if (string_starts_with(text, "size=")) return parse_size(text + 5, length - 5, &options->maximum_pages);
    if (string_starts_with(text, "nr_blocks=")) {
        int32_t error = parse_number(text + 10, 10, &ignored);
        options->maximum_pages = ignored;
        return error;
    }
    if (string_starts_with(text, "mode=")) return parse_number(text + 5, 8, &options->mode);
    if (string_starts_with(text, "uid=")) return parse_number(text + 4, 10, &options->uid);
    if (string_starts_with(text, "gid=")) return parse_number(text + 4, 10, &options->gid);
    // Nodes are not counted.
    if (string_starts_with(text, "nr_inodes=")) return parse_number(text + 10, 10, &ignored);
    return -EINVAL;
}

int32_t tmp_options_parse(const char *text, struct tmp_options *options) {
    while (text && *text) {
        const char *comma = strchr(text, ',');
        size_t length = comma ? (size_t)(comma - text) : strlen(text);
        int32_t error = length ? parse_option(text, length, options) : 0;
        if (error < 0) return error;
        text += length + (comma ? 1 : 0);
    }
    return 0;
}
