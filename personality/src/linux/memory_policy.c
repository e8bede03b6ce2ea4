// Placement of memory on nodes, protection keys, and other calls about memory. There is one node, so a policy is
// checked and kept but changes nothing; there are no protection keys and no shadow stacks.
#include "personality/src/linux/process.h"
#include "personality/src/linux/shims.h"
#include "personality/src/shim.h"

#include <stdckdint.h>

enum linux_policy : uint32_t {
    MPOL_DEFAULT,
    MPOL_PREFERRED,
    MPOL_BIND,
    MPOL_INTERLEAVE,
    MPOL_LOCAL,
    MPOL_PREFERRED_MANY,
    MPOL_WEIGHTED_INTERLEAVE,
    MPOL_MODES,
    MPOL_NUMA_BALANCING = 1 << 13,
    MPOL_RELATIVE_NODES = 1 << 14,
    MPOL_STATIC_NODES = 1 << 15,
};
enum linux_get_policy : uint32_t { MPOL_F_NODE = 1, MPOL_F_ADDR = 2, MPOL_F_MEMS_ALLOWED = 4 };
enum linux_bind_flags : uint32_t { MPOL_MF_STRICT = 1, MPOL_MF_MOVE = 2, MPOL_MF_MOVE_ALL = 4 };
constexpr uint64_t NODES_PRESENT = 1;
constexpr uint64_t NODE_BITS_MAXIMUM = 1024; // as a usual configuration

static bool capable(enum capability capability) {
    struct kernel_credentials credentials;
    return kernel_ops->credentials_get(0, &credentials) == 0 &&
           (credentials.capabilities_effective >> capability & 1) != 0;
}

// A mask of maximum - 1 bits; nodes beyond what can exist may not be set.
static int32_t fetch_nodes(uintptr_t from, uint64_t maximum, uint64_t *nodes) {
    *nodes = 0;
    if (maximum <= 1 || from == 0) return 0;
    maximum--;
    if (maximum > PAGE_SIZE * 8) return -EINVAL;
    for (uint64_t at = 0; at < maximum; at += 64) {
        uint64_t word;
        int32_t error = fetch_struct(&word, from + at / 8);
        if (error != 0) return error;
        if (maximum - at < 64) word &= (1ULL << (maximum - at)) - 1;
        if (at == 0) *nodes = word;
        if (at >= NODE_BITS_MAXIMUM && word != 0) return -EINVAL;
    }
    return 0;
}

// *mode becomes the policy that is kept.
static int32_t check_policy(uint32_t *mode, uint64_t nodes) {
    constexpr uint32_t flags = MPOL_NUMA_BALANCING | MPOL_RELATIVE_NODES | MPOL_STATIC_NODES;
    uint32_t plain = *mode & ~flags;
    if (plain >= MPOL_MODES) return -EINVAL;
    if ((*mode & MPOL_STATIC_NODES) != 0 && (*mode & MPOL_RELATIVE_NODES) != 0) return -EINVAL;
    if ((*mode & MPOL_NUMA_BALANCING) != 0 && plain != MPOL_BIND && plain != MPOL_PREFERRED_MANY) return -EINVAL;
    if (plain == MPOL_DEFAULT) return nodes != 0 ? -EINVAL : 0;
    if (plain == MPOL_LOCAL)
        return nodes != 0 || (*mode & (MPOL_STATIC_NODES | MPOL_RELATIVE_NODES)) != 0 ? -EINVAL : 0;
    if (plain == MPOL_PREFERRED && nodes == 0) {
        if ((*mode & (MPOL_STATIC_NODES | MPOL_RELATIVE_NODES)) != 0) return -EINVAL;
        *mode = MPOL_LOCAL;
        return 0;
    }
    return (nodes & NODES_PRESENT) == 0 ? -EINVAL : 0;
}

SHIM3(linux_set_mempolicy, mode, from, maximum) {
    struct linux_thread *thread;
    uint64_t nodes;
    uint32_t policy = (uint32_t)mode;
    int32_t error = fetch_nodes(from, maximum, &nodes);
    if (error == 0) error = check_policy(&policy, nodes);
    if (error == 0) error = linux_thread_current(&thread);
    if (error == 0) thread->memory_policy = policy;
    return error;
}

static bool policy_has_nodes(uint32_t policy) {
    uint32_t plain = policy & 0xff;
    return plain != MPOL_DEFAULT && plain != MPOL_LOCAL;
}

static int32_t store_nodes(uintptr_t to, uint64_t maximum, uint64_t nodes) {
    uint64_t bytes = align_up(maximum - 1, 64) / 8;
    if (bytes == 0) return 0;
    if (bytes > PAGE_SIZE) return -EINVAL;
    if (bytes > sizeof(nodes) && kernel_ops->clear(user_pointer(to + sizeof(nodes)), bytes - sizeof(nodes)) < 0) {
        return -EFAULT;
    }
    return store_struct(to, &nodes);
}

// Whether a page lies there; faults as the program would.
static int32_t page_there(uintptr_t address) {
    uint8_t resident;
    return kernel_ops->resident(address & ~PAGE_MASK, PAGE_SIZE, &resident) < 0 ? -EFAULT : 0;
}

SHIM5(linux_get_mempolicy, mode_to, nodes_to, maximum, address, flags) {
    const struct linux_thread *thread = linux_thread_existing();
    uint32_t policy = thread != nullptr ? thread->memory_policy : MPOL_DEFAULT;
    uint64_t nodes = policy_has_nodes(policy) ? NODES_PRESENT : 0;
    if (nodes_to != 0 && maximum < 1) return -EINVAL;
    if ((flags & ~(uintptr_t)(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED)) != 0) return -EINVAL;
    if ((flags & MPOL_F_MEMS_ALLOWED) != 0) {
        if (flags != MPOL_F_MEMS_ALLOWED) return -EINVAL;
        policy = 0;
        nodes = NODES_PRESENT;
    } else if ((flags & MPOL_F_ADDR) != 0) {
        int32_t error = page_there(address);
        if (error != 0) return error;
        policy = MPOL_DEFAULT; // as the node's number too
        nodes = 0;
    } else {
        if (address != 0) return -EINVAL;
        if ((flags & MPOL_F_NODE) != 0) {
            if ((policy & 0xff) != MPOL_INTERLEAVE) return -EINVAL;
            policy = 0; // the node that comes next
        }
    }
    int32_t error = mode_to != 0 ? store_struct(mode_to, &policy) : 0;
    if (error == 0 && nodes_to != 0) error = store_nodes(nodes_to, maximum, nodes);
    return error;
}

// 0 when everything in the range is mapped.
static int32_t range_mapped(uintptr_t address, size_t size) {
    uint8_t resident[256];
    while (size != 0) {
        size_t part = min(size, sizeof(resident) * PAGE_SIZE);
        if (kernel_ops->resident(address, part, resident) < 0) return -EFAULT;
        address += part;
        size -= part;
    }
    return 0;
}

static int32_t check_range(uintptr_t address, size_t length, size_t *size) {
    uintptr_t end;
    if ((address & PAGE_MASK) != 0 || ckd_add(size, length, PAGE_MASK)) return -EINVAL;
    *size &= ~PAGE_MASK;
    return ckd_add(&end, address, *size) ? -EINVAL : 0;
}

SHIM5(linux_mbind, address, length, mode, from, maximum) {
    uint32_t flags = (uint32_t)sixth_argument(), policy = (uint32_t)mode;
    uint64_t nodes;
    size_t size;
    if ((flags & ~(uint32_t)(MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) != 0) return -EINVAL;
    int32_t error = fetch_nodes(from, maximum, &nodes);
    if (error != 0) return error;
    if ((flags & MPOL_MF_MOVE_ALL) != 0 && !capable(CAP_SYS_NICE)) return -EPERM;
    error = check_range(address, length, &size);
    if (error == 0 && size != 0) error = check_policy(&policy, nodes);
    return error != 0 || size == 0 ? error : range_mapped(address, size);
}

SHIM4(linux_set_mempolicy_home_node, address, length, node, flags) {
    size_t size;
    if (flags != 0 || node > 0) return -EINVAL;
    int32_t error = check_range(address, length, &size);
    if (error != 0 || size == 0) return error;
    return -ENOENT; // no range has a policy of its own
}

// May the caller move another process's pages? -ESRCH, -EPERM.
static int32_t may_move(int32_t pid) {
    struct kernel_credentials own, other;
    if (pid == 0) return 0;
    int32_t error = pid < 0 ? -ESRCH : kernel_ops->credentials_get(pid, &other);
    if (error == 0) error = kernel_ops->credentials_get(0, &own);
    if (error != 0) return error;
    bool same = own.euid == other.suid || own.euid == other.uid || own.uid == other.suid || own.uid == other.uid;
    return same || capable(CAP_SYS_PTRACE) ? 0 : -EPERM;
}

// With one node every page is where it can be.
SHIM4(linux_migrate_pages, pid, maximum, old, new) {
    uint64_t old_nodes, new_nodes;
    int32_t error = fetch_nodes(old, maximum, &old_nodes);
    if (error == 0) error = fetch_nodes(new, maximum, &new_nodes);
    if (error == 0) error = may_move((int32_t)pid);
    if (error != 0) return error;
    if ((new_nodes & ~NODES_PRESENT) != 0 && !capable(CAP_SYS_NICE)) return -EPERM;
    return (new_nodes & NODES_PRESENT) == 0 ? -EINVAL : 0;
}

static int32_t page_status(uintptr_t page) {
    uint8_t resident;
    if (kernel_ops->resident(page & ~PAGE_MASK, PAGE_SIZE, &resident) < 0) return -EFAULT;
    return (resident & 1) != 0 ? 0 : -ENOENT;
}

SHIM5(linux_move_pages, pid, count, pages, nodes, status_to) {
    uint32_t flags = (uint32_t)sixth_argument();
    if ((flags & ~(uint32_t)(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) != 0) return -EINVAL;
    if ((flags & MPOL_MF_MOVE_ALL) != 0 && !capable(CAP_SYS_NICE)) return -EPERM;
    int32_t error = may_move((int32_t)pid);
    if (error != 0) return error;
    if ((int32_t)pid != 0 && (int32_t)pid != kernel_ops->get_pid()) return -EPERM; // others' pages can't be looked at
    for (uint64_t i = 0; i < count; i++) {
        uint64_t page;
        int32_t node = 0;
        error = fetch_struct(&page, pages + i * sizeof(page));
        if (error == 0 && nodes != 0) error = fetch_struct(&node, nodes + i * sizeof(node));
        if (error != 0) return error;
        if (node != 0) return -ENODEV;
        int32_t status = page_status(page);
        error = store_struct(status_to + i * sizeof(status), &status);
        if (error != 0) return error;
    }
    return 0;
}

// ---- protection keys

SHIM2(linux_pkey_alloc, flags, rights) {
    return flags != 0 || (rights & ~3UL) != 0 ? -EINVAL : -ENOSPC;
}

SHIM1(linux_pkey_free, key) {
    (void)key;
    return -EINVAL; // none is allocated
}

SHIM4(linux_pkey_mprotect, address, length, protection, key) {
    return (int32_t)key == -1 ? linux_mprotect(address, length, protection, 0, 0) : -EINVAL;
}

SHIM0(linux_map_shadow_stack) {
    return -EOPNOTSUPP;
}

// ---- by pidfd

SHIM5(linux_process_madvise, descriptor, vectors, count, advice, flags) {
    struct segment_array array;
    int32_t pid;
    if (flags != 0) return -EINVAL;
    int32_t error = segments_fetch(&array, vectors, count);
    if (error != 0) return error;
    error = kernel_ops->process_file_pid((int32_t)descriptor, &pid);
    uint32_t kind = (uint32_t)advice;
    bool own = error == 0 && pid == kernel_ops->get_pid();
    if (error == 0 && !own && kind != MADV_COLD && kind != MADV_PAGEOUT && kind != MADV_WILLNEED) error = -EINVAL;
    if (error == 0 && !own) error = pid <= 0 ? -ESRCH : capable(CAP_SYS_PTRACE) ? 0 : -EPERM;
    size_t done = 0;
    // What may be advised about another process's memory drops nothing that is not dropped when memory is short.
    for (uint32_t i = 0; error == 0 && i < array.count; i++) {
        if (own) error = (int32_t)linux_madvise(array.segments[i].address, array.segments[i].length, advice, 0, 0);
        if (error == 0) done += array.segments[i].length;
    }
    segments_release(&array);
    return error != 0 && done == 0 ? error : (intptr_t)done;
}

SHIM2(linux_process_mrelease, descriptor, flags) {
    int32_t pid;
    if (flags != 0) return -EINVAL;
    int32_t error = kernel_ops->process_file_pid((int32_t)descriptor, &pid);
    if (error < 0) return error;
    const struct kernel_siginfo test = {};
    error = pid <= 0 ? -ESRCH : kernel_ops->kill(pid, &test);
    return error == -ESRCH ? -ESRCH : -EINVAL; // it is not dying
}
