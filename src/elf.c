// System V ABI, chapter 4 and 5 (gabi 4.1): only 64-bit little-endian files.
#include "src/elf.h"

#include <stdckdint.h>

#include "lib/errno.h"
#include "lib/string.h"

struct elf64_header {
    uint8_t identification[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_header_offset, section_header_offset;
    uint32_t flags;
    uint16_t header_size, program_header_size, program_header_count;
    uint16_t section_header_size, section_header_count, section_names;
};
static_assert(sizeof(struct elf64_header) == 64);

struct elf64_program_header {
    uint32_t type, flags;
    uint64_t offset, virtual_address, physical_address, file_size, memory_size, alignment;
};
static_assert(sizeof(struct elf64_program_header) == 56);

enum elf_type : uint16_t { ET_EXEC = 2, ET_DYN = 3 };
enum elf_program_type : uint32_t { PT_LOAD = 1, PT_INTERP = 3, PT_PHDR = 6, PT_GNU_STACK = 0x6474e551 };
constexpr uint8_t ELFCLASS64 = 2, ELFDATA2LSB = 1;
constexpr uint64_t USER_ADDRESS_LIMIT = 1ULL << 47;

static int32_t read_exactly(elf_read *read, void *data, void *buffer, size_t size, uint64_t offset) {
    int64_t done = read(data, buffer, size, offset);
    if (done < 0) return (int32_t)done;
    return (size_t)done == size ? 0 : -ENOEXEC;
}

static int32_t check_header(const struct elf64_header *header, uint16_t machine) {
    static const uint8_t magic[] = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1};
    if (memcmp(header->identification, magic, sizeof magic) != 0) return -ENOEXEC;
    if (header->machine != machine || (header->type != ET_EXEC && header->type != ET_DYN)) return -ENOEXEC;
    if (header->program_header_size != sizeof(struct elf64_program_header) || header->program_header_count == 0 ||
        header->program_header_count > ELF_PROGRAM_HEADERS_MAXIMUM)
        return -ENOEXEC;
    return 0;
}

static int32_t add_segment(struct elf_image *image, const struct elf64_program_header *header) {
    uint64_t end, file_end;
    if (header->memory_size == 0) return 0;
    if (image->segment_count == ELF_SEGMENTS_MAXIMUM || header->file_size > header->memory_size ||
        ckd_add(&end, header->virtual_address, header->memory_size) || end > USER_ADDRESS_LIMIT ||
        ckd_add(&file_end, header->offset, header->file_size) || file_end > INT64_MAX)
        return -ENOEXEC;
    // The file's page must be mappable at the address's page.
    if (header->file_size && (header->virtual_address ^ header->offset) & PAGE_MASK) return -ENOEXEC;
    uint64_t alignment = header->alignment > PAGE_SIZE ? header->alignment : PAGE_SIZE;
    if ((alignment & (alignment - 1)) || alignment > USER_ADDRESS_LIMIT) return -ENOEXEC;
    uint64_t start = align_down(header->virtual_address, PAGE_SIZE);
    if (image->segment_count > 0 && start < image->segments[image->segment_count - 1].address)
        return -ENOEXEC; // segments ascend
    image->segments[image->segment_count++] = (struct elf_segment){
        .address = header->virtual_address,
        .offset = header->offset,
        .file_size = header->file_size,
        .memory_size = header->memory_size,
        .alignment = alignment,
        .flags = header->flags,
    };
    if (image->segment_count == 1) image->lowest = start;
    image->highest = max(image->highest, align_up(end, PAGE_SIZE));
    image->alignment = max(image->alignment, alignment);
    return 0;
}

static int32_t add_header(struct elf_image *image, const struct elf64_program_header *header) {
    switch (header->type) {
    case PT_LOAD:
        return add_segment(image, header);
    case PT_INTERP:
        if (image->interpreter_size || header->file_size < 2 || header->file_size > ELF_INTERPRETER_MAXIMUM)
            return -ENOEXEC;
        image->interpreter_offset = header->offset;
        image->interpreter_size = header->file_size;
        return 0;
    case PT_PHDR:
        image->program_headers = header->virtual_address;
        return 0;
    case PT_GNU_STACK:
        image->executable_stack = header->flags & ELF_EXECUTE;
        return 0;
    default:
        return 0;
    }
}

// Where the program headers lie in memory: a segment that holds their bytes of the file says so.
static void find_program_headers(struct elf_image *image, const struct elf64_header *header) {
    uint64_t size = (uint64_t)header->program_header_count * header->program_header_size;
    image->program_headers = 0;
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct elf_segment *segment = &image->segments[i];
        uint64_t from = header->program_header_offset - segment->offset;
        if (header->program_header_offset >= segment->offset && from <= segment->file_size &&
            size <= segment->file_size - from) {
            image->program_headers = segment->address + from;
            return;
        }
    }
}

static int32_t read_program_headers(elf_read *read, void *data, const struct elf64_header *header,
                                    struct elf_image *image) {
    struct elf64_program_header entries[16];
    for (unsigned i = 0; i < header->program_header_count; i += array_size(entries)) {
        unsigned count = min((unsigned)(header->program_header_count - i), (unsigned)array_size(entries));
        uint64_t offset;
        if (ckd_add(&offset, header->program_header_offset, i * sizeof entries[0])) return -ENOEXEC;
        int32_t error = read_exactly(read, data, entries, count * sizeof entries[0], offset);
        for (unsigned j = 0; j < count && !error; j++)
            error = add_header(image, &entries[j]);
        if (error) return error;
    }
    return 0;
}

int32_t elf_parse(elf_read *read, void *data, uint16_t machine, struct elf_image *image) {
    struct elf64_header header;
    int32_t error = read_exactly(read, data, &header, sizeof header, 0);
    if (error) return error;
    error = check_header(&header, machine);
    if (error) return error;
    *image = (struct elf_image){
        .position_independent = header.type == ET_DYN,
        .entry = header.entry,
        .alignment = PAGE_SIZE,
        .program_header_size = header.program_header_size,
        .program_header_count = header.program_header_count,
    };
    error = read_program_headers(read, data, &header, image);
    if (error) return error;
    if (image->segment_count == 0) return -ENOEXEC;
    find_program_headers(image, &header);
    return 0;
}
