// The ELF reader: looks at the first bytes of a file and, for the rest, asks a reader. Never trusts a number of the
// file.
#pragma once

#include "lib/types.h"

// Reads into kernel memory at an offset of the file. Bytes read (short at the end) or negative errno.
typedef int64_t elf_read(void *data, void *buffer, size_t size, uint64_t offset);

enum elf_segment_flags : uint32_t { ELF_EXECUTE = 1, ELF_WRITE = 2, ELF_READ = 4 };

// What to map: file bytes [offset, offset + file_size) at address, zeroes up to memory_size. Addresses are the file's
// own (before the load bias).
struct elf_segment {
    uint64_t address, offset, file_size, memory_size, alignment;
    uint32_t flags;
};

constexpr unsigned ELF_SEGMENTS_MAXIMUM = 32;
constexpr unsigned ELF_PROGRAM_HEADERS_MAXIMUM = 128;
constexpr size_t ELF_INTERPRETER_MAXIMUM = 4096;

struct elf_image {
    bool position_independent; // ET_DYN: any base
    uint64_t entry;
    uint64_t lowest, highest; // page-aligned range of all segments
    uint64_t alignment;       // the largest of the segments, at least a page
    uint64_t program_headers; // their address when a segment holds them; 0: not in memory
    uint16_t program_header_size, program_header_count;
    bool executable_stack; // PT_GNU_STACK with X; without the header false
    unsigned segment_count;
    struct elf_segment segments[ELF_SEGMENTS_MAXIMUM];
    uint64_t interpreter_offset; // PT_INTERP in the file; size 0: none
    uint64_t interpreter_size;   // the NUL included
};

// Reads headers of an executable or interpreter for `machine` (e_machine). -ENOEXEC: not an ELF file for us, or it
// contradicts itself; -ELIBBAD is for the caller to say of interpreters; -EIO, -ENOMEM from read.
[[nodiscard]] int32_t elf_parse(elf_read *read, void *data, uint16_t machine, struct elf_image *image);
