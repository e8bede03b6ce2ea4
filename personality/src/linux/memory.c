// Memory: mappings, the break, advice, locking, other processes' memory.
#include "personality/src/linux/process.h"
#include "personality/src/linux/shims.h"
#include "personality/src/shim.h"

#include <stdckdint.h>

enum linux_map_flags : uint32_t {
    LINUX_MAP_SHARED_VALIDATE = 3,
    LINUX_MAP_TYPE = 0xf,
    LINUX_MAP_32BIT = 0x40,
    LINUX_MAP_DENYWRITE = 0x800,
    LINUX_MAP_EXECUTABLE = 0x1000,
    LINUX_MAP_NONBLOCK = 0x10000,
    LINUX_MAP_HUGETLB = 0x40000,
    LINUX_MAP_SYNC = 0x80000,
    LINUX_MAP_HUGE_SIZE = 31u << 26,
};
constexpr uint32_t MAP_CANONICAL = MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_LOCKED |
                                   MAP_NORESERVE | MAP_POPULATE | MAP_STACK | MAP_FIXED_NOREPLACE;
// What MAP_SHARED_VALIDATE accepts: everything older than itself.
constexpr uint32_t MAP_VALIDATED = MAP_CANONICAL | LINUX_MAP_32BIT | LINUX_MAP_DENYWRITE | LINUX_MAP_EXECUTABLE |
                                   LINUX_MAP_NONBLOCK | LINUX_MAP_HUGETLB | LINUX_MAP_HUGE_SIZE;
constexpr uint32_t PROT_KNOWN = PROT_READ | PROT_WRITE | PROT_EXEC;
constexpr uint32_t LINUX_PROT_SEM = 8, LINUX_PROT_GROWSDOWN = 0x1000000, LINUX_PROT_GROWSUP = 0x2000000;

SHIM5(linux_mmap, address, length, protection, flags, descriptor) {
    uintptr_t offset = sixth_argument(), result;
    uint32_t type = (uint32_t)flags & LINUX_MAP_TYPE, wanted = (uint32_t)flags;
    if ((offset & PAGE_MASK) != 0) return -EINVAL;
    bool anonymous = (flags & MAP_ANONYMOUS) != 0;
    if (!anonymous) {
        int32_t open = kernel_ops->descriptor_flags_get((int32_t)descriptor);
        if (open < 0) return -EBADF;
    }
    if ((flags & LINUX_MAP_HUGETLB) != 0) return anonymous ? -ENOMEM : -EINVAL; // no pool of huge pages is reserved
    if (length == 0) return -EINVAL;
    if (type == LINUX_MAP_SHARED_VALIDATE) {
        if ((wanted & ~MAP_VALIDATED) != 0 || anonymous) return anonymous ? -EINVAL : -EOPNOTSUPP;
        wanted = (wanted & ~(uint32_t)LINUX_MAP_TYPE) | MAP_SHARED;
    } else if (type != MAP_SHARED && type != MAP_PRIVATE) {
        return -EINVAL;
    }
    // Huge sizes and offsets overflow in Linux's own arithmetic before anything else looks at them.
    size_t size;
    if (ckd_add(&size, length, PAGE_MASK)) return -ENOMEM;
    size &= ~PAGE_MASK;
    if (ckd_add(&offset, offset, size)) return -EOVERFLOW;
    offset -= size;
    if ((flags & MAP_FIXED_NOREPLACE) != 0) wanted |= MAP_FIXED;
    if ((wanted & MAP_FIXED) != 0 && (address & PAGE_MASK) != 0) return -EINVAL;
    if ((flags & MAP_FIXED_NOREPLACE) != 0) wanted &= ~(uint32_t)MAP_FIXED;
    int32_t error = kernel_ops->map(address & ~PAGE_MASK, size, (uint32_t)protection & PROT_KNOWN,
                                    wanted & MAP_CANONICAL, anonymous ? -1 : (int32_t)descriptor, offset, &result);
    return error != 0 ? error : (intptr_t)result;
}

SHIM2(linux_munmap, address, length) {
    size_t size;
    if ((address & PAGE_MASK) != 0 || length == 0 || ckd_add(&size, length, PAGE_MASK)) return -EINVAL;
    return kernel_ops->unmap(address, size & ~PAGE_MASK);
}

SHIM3(linux_mprotect, address, length, protection) {
    size_t size;
    uint32_t wanted = (uint32_t)protection;
    constexpr uint32_t grows = LINUX_PROT_GROWSDOWN | LINUX_PROT_GROWSUP;
    if ((wanted & grows) == grows) return -EINVAL;
    if ((address & PAGE_MASK) != 0) return -EINVAL;
    if (length == 0) return 0;
    if (ckd_add(&size, length, PAGE_MASK) || address + (size & ~PAGE_MASK) <= address) return -ENOMEM;
    if ((wanted & ~(PROT_KNOWN | LINUX_PROT_SEM | grows)) != 0) return -EINVAL;
    return kernel_ops->protect(address, size & ~PAGE_MASK, wanted & PROT_KNOWN);
}

SHIM5(linux_mremap, address, old_length, new_length, flags, new_address) {
    uintptr_t result;
    size_t old_size, new_size;
    uint32_t wanted = (uint32_t)flags;
    if ((flags & ~(uintptr_t)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0) return -EINVAL;
    if ((wanted & (MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0 && (wanted & MREMAP_MAYMOVE) == 0) return -EINVAL;
    if ((wanted & MREMAP_DONTUNMAP) != 0 && old_length != new_length) return -EINVAL;
    if ((address & PAGE_MASK) != 0) return -EINVAL;
    if (ckd_add(&old_size, old_length, PAGE_MASK) || ckd_add(&new_size, new_length, PAGE_MASK)) return -EINVAL;
    old_size &= ~PAGE_MASK;
    new_size &= ~PAGE_MASK;
    if (new_size == 0) return -EINVAL;
    if ((wanted & MREMAP_FIXED) != 0) {
        if ((new_address & PAGE_MASK) != 0) return -EINVAL;
        // The two ranges must not touch each other.
        if (new_address + new_size > address && address + old_size > new_address) return -EINVAL;
    }
    int32_t error = kernel_ops->remap(address, old_size, new_size, wanted, new_address, &result);
    return error != 0 ? error : (intptr_t)result;
}

SHIM3(linux_msync, address, length, flags) {
    size_t size;
    if ((flags & ~(uintptr_t)(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) != 0) return -EINVAL;
    if ((address & PAGE_MASK) != 0) return -EINVAL;
    if ((flags & MS_ASYNC) != 0 && (flags & MS_SYNC) != 0) return -EINVAL;
    if (ckd_add(&size, length, PAGE_MASK)) return -ENOMEM;
    size &= ~PAGE_MASK;
    if (address + size < address) return -ENOMEM;
    return size == 0 ? 0 : kernel_ops->sync_memory(address, size, (uint32_t)flags);
}

// The advice that Linux knows and that means nothing here: poisoning, reading in now, collapsing.
enum linux_advice : uint32_t {
    LINUX_MADV_POPULATE_READ = 22,
    LINUX_MADV_POPULATE_WRITE,
    LINUX_MADV_DONTNEED_LOCKED,
    LINUX_MADV_COLLAPSE,
    LINUX_MADV_HWPOISON = 100,
    LINUX_MADV_SOFT_OFFLINE,
};

static bool advice_known(uint32_t advice) {
    return advice <= MADV_DONTNEED || (advice >= MADV_FREE && advice <= LINUX_MADV_COLLAPSE);
}

// Makes pages present by touching each: reading, or writing the byte that is there.
static int32_t populate(uintptr_t address, size_t size, bool write) {
    for (uintptr_t at = address; at < address + size; at += PAGE_SIZE) {
        uint32_t word;
        int32_t error = kernel_ops->fetch(&word, user_pointer(at), sizeof(word));
        if (error == 0 && write) {
            uint32_t expected = word;
            error = kernel_ops->user_compare_exchange(user_pointer(at), &expected, word);
        }
        if (error == -EFAULT) {
            uint8_t resident;
            return kernel_ops->resident(at, PAGE_SIZE, &resident) == -ENOMEM ? -ENOMEM : -EINVAL;
        }
        if (error != 0) return error;
    }
    return 0;
}

SHIM3(linux_madvise, address, length, advice) {
    size_t size;
    uint32_t kind = (uint32_t)advice;
    if (kind == LINUX_MADV_HWPOISON || kind == LINUX_MADV_SOFT_OFFLINE) {
        struct kernel_credentials credentials;
        int32_t error = kernel_ops->credentials_get(0, &credentials);
        if (error != 0) return error;
        return (credentials.capabilities_effective >> CAP_SYS_ADMIN & 1) == 0 ? -EPERM : -EINVAL;
    }
    if (!advice_known(kind)) return -EINVAL;
    if ((address & PAGE_MASK) != 0) return -EINVAL;
    if (ckd_add(&size, length, PAGE_MASK)) return -EINVAL;
    size &= ~PAGE_MASK;
    if (address + size < address) return -EINVAL;
    if (size == 0) return 0;
    switch (kind) {
    case LINUX_MADV_POPULATE_READ:
    case LINUX_MADV_POPULATE_WRITE:
        return populate(address, size, kind == LINUX_MADV_POPULATE_WRITE);
    case LINUX_MADV_DONTNEED_LOCKED:
        return kernel_ops->advise_memory(address, size, MADV_DONTNEED);
    case LINUX_MADV_COLLAPSE:
        return -EINVAL;
    default:
        return kernel_ops->advise_memory(address, size, kind);
    }
}

SHIM3(linux_mincore, address, length, to) {
    constexpr size_t batch = 256;
    uint8_t vector[batch];
    size_t size;
    if ((address & PAGE_MASK) != 0) return -EINVAL;
    if (ckd_add(&size, length, PAGE_MASK) || address + size < address) return -ENOMEM;
    for (size_t pages = size / PAGE_SIZE; pages != 0;) {
        size_t part = min(pages, batch);
        int32_t error = kernel_ops->resident(address, part * PAGE_SIZE, vector);
        if (error == 0) error = kernel_ops->store(user_pointer(to), vector, part);
        if (error != 0) return error;
        address += part * PAGE_SIZE;
        to += part;
        pages -= part;
    }
    return 0;
}

SHIM1(linux_brk, address) {
    uintptr_t result;
    int32_t error = kernel_ops->program_break(address, &result);
    return error != 0 ? error : (intptr_t)result;
}

// ---- locking

static intptr_t lock_range(uintptr_t address, size_t length, uint32_t on_fault) {
    size_t size;
    if (ckd_add(&size, length, (address & PAGE_MASK) + PAGE_MASK)) return -EINVAL;
    address &= ~PAGE_MASK;
    size &= ~PAGE_MASK;
    if (address + size < address) return -EINVAL;
    return size == 0 ? 0 : kernel_ops->lock_memory(address, size, on_fault);
}

SHIM2(linux_mlock, address, length) {
    return lock_range(address, length, 0);
}

SHIM3(linux_mlock2, address, length, flags) {
    return (flags & ~1UL) != 0 ? -EINVAL : lock_range(address, length, (uint32_t)flags);
}

SHIM2(linux_munlock, address, length) {
    size_t size;
    if (ckd_add(&size, length, (address & PAGE_MASK) + PAGE_MASK)) return -EINVAL;
    address &= ~PAGE_MASK;
    size &= ~PAGE_MASK;
    if (address + size < address) return -EINVAL;
    return size == 0 ? 0 : kernel_ops->unlock_memory(address, size);
}

SHIM1(linux_mlockall, flags) {
    constexpr uint32_t current = 1, future = 2, on_fault = 4;
    if ((flags & ~(uintptr_t)(current | future | on_fault)) != 0 || flags == 0 || flags == on_fault) return -EINVAL;
    return kernel_ops->lock_all_memory((uint32_t)flags);
}

SHIM0(linux_munlockall) {
    return kernel_ops->lock_all_memory(0);
}

// ---- other processes' memory

static intptr_t process_vm(int32_t pid, uintptr_t local, uintptr_t local_count, uintptr_t remote,
                           uintptr_t remote_count, uint32_t write) {
    struct segment_array own, other;
    size_t done = 0;
    if (sixth_argument() != 0) return -EINVAL;
    int32_t error = segments_fetch(&own, local, local_count);
    if (error != 0) return error;
    if (own.total != 0) {
        error = segments_fetch(&other, remote, remote_count);
        if (error == 0) {
            error = kernel_ops->process_memory(pid, own.segments, own.count, other.segments, other.count, write, &done);
            segments_release(&other);
        }
    }
    segments_release(&own);
    return error < 0 ? error : (intptr_t)done;
}

SHIM5(linux_process_vm_readv, pid, local, local_count, remote, remote_count) {
    return process_vm((int32_t)pid, local, local_count, remote, remote_count, 0);
}

SHIM5(linux_process_vm_writev, pid, local, local_count, remote, remote_count) {
    return process_vm((int32_t)pid, local, local_count, remote, remote_count, 1);
}

// ---- barriers on all processors

enum linux_membarrier : uint32_t {
    MEMBARRIER_CMD_QUERY = 0,
    MEMBARRIER_CMD_GLOBAL = 1,
    MEMBARRIER_CMD_GLOBAL_EXPEDITED = 2,
    MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED = 4,
    MEMBARRIER_CMD_PRIVATE_EXPEDITED = 8,
    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED = 16,
    MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE = 32,
    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 64,
    MEMBARRIER_CMD_GET_REGISTRATIONS = 512,
    MEMBARRIER_KNOWN = 127,
    MEMBARRIER_REGISTRATIONS = 4 | 16 | 64,
};

// Runs on every processor once: whatever ran there was switched out, which orders its memory accesses.
static int32_t visit_processors(void) {
    uint64_t all;
    int32_t error = kernel_ops->affinity_get(0, &all);
    for (uint64_t rest = all; error == 0 && rest != 0; rest &= rest - 1) {
        error = kernel_ops->affinity_set(0, rest & -rest);
    }
    if (error != 0) return error;
    return kernel_ops->affinity_set(0, all);
}

SHIM2(linux_membarrier, command, flags) {
    uint32_t wanted = (uint32_t)command;
    struct linux_process *process;
    if (flags != 0) return -EINVAL;
    if (wanted == MEMBARRIER_CMD_QUERY) return MEMBARRIER_KNOWN;
    int32_t error = linux_process_current(&process);
    if (error != 0) return error;
    if (wanted == MEMBARRIER_CMD_GET_REGISTRATIONS) return (intptr_t)process->membarrier_registered;
    if ((wanted & ~(uint32_t)MEMBARRIER_KNOWN) != 0 || (wanted & (wanted - 1)) != 0) return -EINVAL;
    if ((wanted & MEMBARRIER_REGISTRATIONS) != 0) {
        process->membarrier_registered |= wanted;
        return 0;
    }
    // A private barrier needs the registration whose bit follows its own.
    bool private = wanted == MEMBARRIER_CMD_PRIVATE_EXPEDITED || wanted == MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE;
    if (private && (process->membarrier_registered & wanted << 1) == 0) return -EPERM;
    return visit_processors();
}
