// modify_ldt: there is no local descriptor table. It reads as empty; what would fill it is checked and refused.
#include "personality/src/linux/shims.h"
#include "personality/src/shim.h"

enum ldt_function : uint32_t { LDT_READ, LDT_WRITE_OLD, LDT_READ_DEFAULT, LDT_WRITE = 0x11 };
constexpr uint32_t LDT_ENTRIES = 8192, LDT_DEFAULT_SIZE = 128;

struct user_desc {
    uint32_t entry_number, base_addr, limit, flags;
};

static intptr_t write_entry(uintptr_t from, uintptr_t size, bool old) {
    struct user_desc entry;
    if (size != sizeof(entry)) return -EINVAL;
    if (fetch_struct(&entry, from) != 0) return -EFAULT;
    if (entry.entry_number >= LDT_ENTRIES) return -EINVAL;
    uint32_t contents = entry.flags >> 1 & 3;
    bool not_present = (entry.flags >> 5 & 1) != 0;
    if (contents == 3 && (old || !not_present)) return -EINVAL;
    return -ENOSYS;
}

static intptr_t modify(uint32_t function, uintptr_t address, uintptr_t size) {
    switch (function) {
    case LDT_READ:
        return 0;
    case LDT_READ_DEFAULT: {
        size_t length = size < LDT_DEFAULT_SIZE ? size : LDT_DEFAULT_SIZE;
        return kernel_ops->clear(user_pointer(address), length) < 0 ? -EFAULT : (intptr_t)length;
    }
    case LDT_WRITE_OLD:
    case LDT_WRITE:
        return write_entry(address, size, function == LDT_WRITE_OLD);
    default:
        return -ENOSYS;
    }
}

// As on Linux the answer is an unsigned int: libraries don't take it for an error.
SHIM3(linux_modify_ldt, function, address, size) {
    return (intptr_t)(uint32_t)modify((uint32_t)function, address, size);
}
