// Reading directories: getdents in both forms.
#include "lib/string.h"
#include "personality/src/linux/file.h"

// Rewrites one canonical entry as a Linux record at `to`, which is never longer and may overlap it. Returns its length.
typedef size_t entry_converter(char *to, const struct kernel_directory_entry *entry);

static size_t entry_to_dirent64(char *to, const struct kernel_directory_entry *entry) {
    uint64_t inode = entry->inode;
    int64_t offset = (int64_t)entry->next_offset;
    size_t name_length = entry->name_length;
    uint8_t type = entry->type;
    size_t length = align_up(LINUX_DIRENT64_HEADER + name_length + 1, 8);
    struct linux_dirent64 *out = (struct linux_dirent64 *)to;
    memmove(out->d_name, entry->name, name_length);
    memset(out->d_name + name_length, 0, length - LINUX_DIRENT64_HEADER - name_length);
    out->d_ino = inode;
    out->d_off = offset;
    out->d_reclen = (uint16_t)length;
    out->d_type = type;
    return length;
}

static size_t entry_to_dirent(char *to, const struct kernel_directory_entry *entry) {
    uint64_t inode = entry->inode;
    int64_t offset = (int64_t)entry->next_offset;
    size_t name_length = entry->name_length;
    uint8_t type = entry->type;
    size_t length = align_up(LINUX_DIRENT_HEADER + name_length + 2, 8);
    struct linux_dirent *out = (struct linux_dirent *)to;
    memmove(out->d_name, entry->name, name_length);
    memset(out->d_name + name_length, 0, length - LINUX_DIRENT_HEADER - name_length);
    out->d_ino = inode;
    out->d_off = offset;
    out->d_reclen = (uint16_t)length;
    to[length - 1] = (char)type;
    return length;
}

static intptr_t directory_read(uintptr_t descriptor, uintptr_t buffer, uint32_t size, entry_converter *convert) {
    constexpr size_t piece = 8192;
    void *memory;
    size_t done;
    uint32_t flags;
    int32_t error = linux_file_flags(descriptor, &flags);
    if (error < 0) return error;
    error = kernel_ops->allocate(piece, &memory);
    if (error < 0) return error;
    error = kernel_ops->read_directory((int32_t)descriptor, memory, min((size_t)size, piece), &done);
    intptr_t result = error;
    if (error >= 0) {
        char *out = memory;
        for (size_t at = 0; at < done;) {
            const struct kernel_directory_entry *entry = (const void *)((char *)memory + at);
            at += entry->length;
            out += convert(out, entry);
        }
        size_t length = (size_t)(out - (char *)memory);
        error = kernel_ops->store(user_pointer(buffer), memory, length);
        result = error < 0 ? error : (intptr_t)length;
    }
    kernel_ops->release(memory);
    return result;
}

SHIM3(linux_getdents, descriptor, buffer, size) {
    return directory_read(descriptor, buffer, (uint32_t)size, entry_to_dirent);
}

SHIM3(linux_getdents64, descriptor, buffer, size) {
    return directory_read(descriptor, buffer, (uint32_t)size, entry_to_dirent64);
}
