#include "tools/helctic/elf_image.h"

#include <elf.h>
#include <errno.h>
#include <stdckdint.h>
#include <string.h>

struct segment {
    uint32_t type;
    uint64_t offset;
    uint64_t address;
    uint64_t file_size;
};

// The bytes [offset, offset + size) of the file, or null when they are not all there.
static const uint8_t *bytes_at(const struct elf_image *image, uint64_t offset, uint64_t size) {
    uint64_t end;
    if (ckd_add(&end, offset, size) || end > image->size) return nullptr;
    return image->bytes + offset;
}

// The NUL-terminated string at `offset` that ends before `limit`, or null.
static const char *string_at(const struct elf_image *image, uint64_t offset, uint64_t limit) {
    if (limit > image->size) limit = image->size;
    if (offset >= limit) return nullptr;
    const void *start = image->bytes + offset;
    return memchr(start, '\0', (size_t)(limit - offset)) ? start : nullptr;
}

struct header {
    uint64_t program_headers;
    uint32_t entry_size;
    uint32_t count;
};

static int read_header(struct elf_image *image, struct header *header) {
    const uint8_t *ident = bytes_at(image, 0, EI_NIDENT);
    if (!ident || memcmp(ident, ELFMAG, SELFMAG) != 0) return -ENOEXEC;
    if (ident[EI_DATA] != ELFDATA2LSB) return -ENOEXEC;
    image->os_abi = ident[EI_OSABI];
    if (ident[EI_CLASS] == ELFCLASS64) {
        Elf64_Ehdr file;
        const uint8_t *at = bytes_at(image, 0, sizeof file);
        if (!at) return -EINVAL;
        memcpy(&file, at, sizeof file);
        image->class_bits = 64;
        image->type = file.e_type;
        image->machine = file.e_machine;
        *header = (struct header){file.e_phoff, file.e_phentsize, file.e_phnum};
        return header->count == 0 || header->entry_size == sizeof(Elf64_Phdr) ? 0 : -EINVAL;
    }
    if (ident[EI_CLASS] != ELFCLASS32) return -ENOEXEC;
    Elf32_Ehdr file;
    const uint8_t *at = bytes_at(image, 0, sizeof file);
    if (!at) return -EINVAL;
    memcpy(&file, at, sizeof file);
    image->class_bits = 32;
    image->type = file.e_type;
    image->machine = file.e_machine;
    *header = (struct header){file.e_phoff, file.e_phentsize, file.e_phnum};
    return header->count == 0 || header->entry_size == sizeof(Elf32_Phdr) ? 0 : -EINVAL;
}

static struct segment segment_get(const struct elf_image *image, const uint8_t *table, uint32_t index) {
    if (image->class_bits == 64) {
        Elf64_Phdr entry;
        memcpy(&entry, table + index * sizeof entry, sizeof entry);
        return (struct segment){entry.p_type, entry.p_offset, entry.p_vaddr, entry.p_filesz};
    }
    Elf32_Phdr entry;
    memcpy(&entry, table + index * sizeof entry, sizeof entry);
    return (struct segment){entry.p_type, entry.p_offset, entry.p_vaddr, entry.p_filesz};
}

// Translates a virtual address to a file offset and the end of that segment's bytes in the file.
static bool file_offset(const struct elf_image *image, const uint8_t *table, uint32_t count, uint64_t address,
                        uint64_t *offset, uint64_t *limit) {
    for (uint32_t i = 0; i < count; i++) {
        struct segment segment = segment_get(image, table, i);
        if (segment.type != PT_LOAD || address < segment.address) continue;
        uint64_t inside = address - segment.address;
        if (inside >= segment.file_size) continue;
        return !ckd_add(offset, segment.offset, inside) && !ckd_add(limit, segment.offset, segment.file_size);
    }
    return false;
}

struct dynamic_entry {
    uint64_t tag;
    uint64_t value;
};

static struct dynamic_entry dynamic_get(const struct elf_image *image, const uint8_t *at, size_t index) {
    if (image->class_bits == 64) {
        Elf64_Dyn entry;
        memcpy(&entry, at + index * sizeof entry, sizeof entry);
        return (struct dynamic_entry){(uint64_t)entry.d_tag, entry.d_un.d_val};
    }
    Elf32_Dyn entry;
    memcpy(&entry, at + index * sizeof entry, sizeof entry);
    return (struct dynamic_entry){(uint64_t)entry.d_tag, entry.d_un.d_val};
}

static int read_dynamic(struct elf_image *image, const struct segment *dynamic, const uint8_t *table, uint32_t count) {
    size_t entry_size = image->class_bits == 64 ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);
    const uint8_t *at = bytes_at(image, dynamic->offset, dynamic->file_size);
    if (!at) return -EINVAL;
    size_t entries = (size_t)(dynamic->file_size / entry_size);
    uint64_t strings = 0, strings_size = 0;
    bool have_strings = false;
    for (size_t i = 0; i < entries; i++) {
        struct dynamic_entry entry = dynamic_get(image, at, i);
        if (entry.tag == DT_NULL) break;
        if (entry.tag == DT_STRTAB) strings = entry.value, have_strings = true;
        if (entry.tag == DT_STRSZ) strings_size = entry.value;
    }
    uint64_t offset = 0, limit = 0, end;
    if (!have_strings || !file_offset(image, table, count, strings, &offset, &limit)) return have_strings ? -EINVAL : 0;
    if (!ckd_add(&end, offset, strings_size) && strings_size && end < limit) limit = end;
    for (size_t i = 0; i < entries; i++) {
        struct dynamic_entry entry = dynamic_get(image, at, i);
        if (entry.tag == DT_NULL) break;
        if (entry.tag != DT_NEEDED && entry.tag != DT_RPATH && entry.tag != DT_RUNPATH && entry.tag != DT_SONAME)
            continue;
        uint64_t where;
        const char *text = ckd_add(&where, offset, entry.value) ? nullptr : string_at(image, where, limit);
        if (!text) return -EINVAL;
        if (entry.tag == DT_RPATH) image->rpath = text;
        if (entry.tag == DT_RUNPATH) image->runpath = text;
        if (entry.tag == DT_SONAME) image->soname = text;
        if (entry.tag != DT_NEEDED) continue;
        if (image->needed_count == ELF_NEEDED_MAX) return -E2BIG;
        image->needed[image->needed_count++] = text;
    }
    return 0;
}

int elf_image_read(const void *bytes, size_t size, struct elf_image *image) {
    *image = (struct elf_image){.bytes = bytes, .size = size};
    struct header header;
    int result = read_header(image, &header);
    if (result < 0) return result;
    const uint8_t *table = bytes_at(image, header.program_headers, (uint64_t)header.entry_size * header.count);
    if (!table) return -EINVAL;
    for (uint32_t i = 0; i < header.count; i++) {
        struct segment segment = segment_get(image, table, i);
        if (segment.type == PT_INTERP) {
            uint64_t end;
            if (ckd_add(&end, segment.offset, segment.file_size)) return -EINVAL;
            image->interpreter = string_at(image, segment.offset, end);
            if (!image->interpreter) return -EINVAL;
        } else if (segment.type == PT_DYNAMIC) {
            image->dynamic = true;
            result = read_dynamic(image, &segment, table, header.count);
            if (result < 0) return result;
        }
    }
    return 0;
}
