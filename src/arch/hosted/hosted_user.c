// User memory in hosted tests: the current address space's page table is walked for each byte range, and what is
// missing is faulted in, as a processor would.
#include "lib/string.h"
#include "rmm/frame.h"
#include "rmm/page_table.h"
#include "src/arch/arch.h"
#include "src/context/cpu.h"
#include "src/memory/address_space.h"

// The kernel's pointer to a user address for access; nullptr: a fault that can't be resolved.
static char *resolve(uintptr_t address, uint32_t access) {
    uint32_t needed = PAGE_USER | PAGE_READ | (access == FAULT_WRITE ? PAGE_WRITE : 0);
    struct address_space *space = cpu_current()->address_space;
    for (unsigned attempt = 0; space && attempt < 3; attempt++) {
        struct page_leaf leaf = page_table_lookup(&space->table, address);
        if ((leaf.flags & needed) == needed) return (char *)physical_pointer(leaf.physical) + (address & PAGE_MASK);
        if (page_fault(address, access, false) < 0) return nullptr;
    }
    return nullptr;
}

size_t arch_copy_from_user(void *to, uintptr_t from, size_t size) {
    for (size_t done = 0; done < size;) {
        char *at = resolve(from + done, FAULT_READ);
        if (!at) return size - done;
        size_t count = min(size - done, PAGE_SIZE - ((from + done) & PAGE_MASK));
        memcpy((char *)to + done, at, count);
        done += count;
    }
    return 0;
}

size_t arch_copy_to_user(uintptr_t to, const void *from, size_t size) {
    for (size_t done = 0; done < size;) {
        char *at = resolve(to + done, FAULT_WRITE);
        if (!at) return size - done;
        size_t count = min(size - done, PAGE_SIZE - ((to + done) & PAGE_MASK));
        memcpy(at, (const char *)from + done, count);
        done += count;
    }
    return 0;
}

size_t arch_clear_user(uintptr_t to, size_t size) {
    for (size_t done = 0; done < size;) {
        char *at = resolve(to + done, FAULT_WRITE);
        if (!at) return size - done;
        size_t count = min(size - done, PAGE_SIZE - ((to + done) & PAGE_MASK));
        memset(at, 0, count);
        done += count;
    }
    return 0;
}
