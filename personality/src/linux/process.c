// Processes and threads: making, ending, waiting, groups and sessions.
#include "personality/src/linux/process.h"
#include "personality/src/linux/shims.h"
#include "personality/src/shim.h"

// ---- making

constexpr uint64_t NAMESPACE_FLAGS = LINUX_CLONE_NEWTIME | LINUX_CLONE_NEWNS | LINUX_CLONE_NEWCGROUP |
                                     LINUX_CLONE_NEWUTS | LINUX_CLONE_NEWIPC | LINUX_CLONE_NEWUSER |
                                     LINUX_CLONE_NEWPID | LINUX_CLONE_NEWNET;
// What the core acts on. The rest is accepted and means nothing here (no SysV semaphores' undo lists, no I/O contexts).
constexpr uint64_t CORE_FLAGS = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_VFORK | CLONE_PARENT |
                                CLONE_THREAD | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID |
                                CLONE_CHILD_SETTID | CLONE_CLEAR_SIGHAND;

static bool capable(enum capability capability) {
    struct kernel_credentials credentials;
    return kernel_ops->credentials_get(0, &credentials) == 0 &&
           (credentials.capabilities_effective >> capability & 1) != 0;
}

static int32_t namespace_flags_check(uint64_t flags) {
    if ((flags & NAMESPACE_FLAGS) == 0) return 0;
    if ((flags & NAMESPACE_FLAGS & ~(uint64_t)LINUX_CLONE_NEWUSER) != 0 && (flags & LINUX_CLONE_NEWUSER) == 0 &&
        !capable(CAP_SYS_ADMIN)) {
        return -EPERM;
    }
    return -EINVAL; // as a kernel that was built without namespaces answers
}

// The combinations that no clone accepts, in Linux's order.
int32_t linux_clone_flags_check(uint64_t flags) {
    if ((flags & LINUX_CLONE_NEWNS) != 0 && (flags & CLONE_FS) != 0) return -EINVAL;
    if ((flags & LINUX_CLONE_NEWUSER) != 0 && (flags & CLONE_FS) != 0) return -EINVAL;
    if ((flags & CLONE_THREAD) != 0 && (flags & CLONE_SIGHAND) == 0) return -EINVAL;
    if ((flags & CLONE_SIGHAND) != 0 && (flags & CLONE_VM) == 0) return -EINVAL;
    if ((flags & CLONE_PARENT) != 0 && kernel_ops->get_pid() == 1) return -EINVAL;
    if ((flags & CLONE_THREAD) != 0 && (flags & (LINUX_CLONE_NEWUSER | LINUX_CLONE_NEWPID)) != 0) return -EINVAL;
    if ((flags & LINUX_CLONE_PIDFD) != 0 && (flags & (LINUX_CLONE_DETACHED | CLONE_THREAD)) != 0) return -EINVAL;
    if ((flags & LINUX_CLONE_NEWIPC) != 0 && (flags & LINUX_CLONE_SYSVSEM) != 0) return -EINVAL;
    if ((flags & CLONE_CLEAR_SIGHAND) != 0 && (flags & CLONE_SIGHAND) != 0) return -EINVAL;
    return namespace_flags_check(flags);
}

// pidfd: where a descriptor of the child goes, when the flags ask for one.
static intptr_t clone_process(struct kernel_clone *clone, uintptr_t pidfd) {
    int32_t id, error = linux_clone_flags_check(clone->flags);
    if (error != 0) return error;
    bool wants_descriptor = (clone->flags & LINUX_CLONE_PIDFD) != 0;
    int32_t descriptor = -1;
    if (wants_descriptor) {
        // Fails before there is a child when the place can't be written.
        error = store_struct(pidfd, &descriptor);
        if (error != 0) return error;
    }
    clone->flags &= CORE_FLAGS;
    error = kernel_ops->clone(clone, &id);
    if (error != 0) return error;
    if (wants_descriptor) {
        descriptor = kernel_ops->process_file_open(id, 0);
        if (descriptor >= 0) (void)!store_struct(pidfd, &descriptor);
    }
    return id;
}

SHIM0(linux_fork) {
    struct kernel_clone clone = {.exit_signal = SIGCHLD};
    int32_t id, error = kernel_ops->clone(&clone, &id);
    return error != 0 ? error : id;
}

SHIM0(linux_vfork) {
    struct kernel_clone clone = {.flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD};
    int32_t id, error = kernel_ops->clone(&clone, &id);
    return error != 0 ? error : id;
}

SHIM5(linux_clone, flags, stack, parent_tid, child_tid, tls) {
    struct kernel_clone clone = {.flags = (uint32_t)flags & ~(uint32_t)LINUX_CSIGNAL,
                                 .stack = user_pointer(stack),
                                 .parent_tid = user_pointer(parent_tid),
                                 .child_tid = user_pointer(child_tid),
                                 .tls = tls,
                                 .exit_signal =
                                     (flags & LINUX_CSIGNAL) > SIGNAL_COUNT ? 0 : (uint32_t)flags & LINUX_CSIGNAL};
    // Both answers would go to the same place.
    if ((flags & LINUX_CLONE_PIDFD) != 0 && (flags & CLONE_PARENT_SETTID) != 0) return -EINVAL;
    return clone_process(&clone, parent_tid);
}

// Structures that grow over time: the caller's size may be larger if what we don't know is zero, else -E2BIG.
int32_t linux_fetch_extensible(void *to, size_t known, uintptr_t from, size_t size) {
    int32_t error = kernel_ops->fetch(to, user_pointer(from), min(size, known));
    for (size_t at = known; error == 0 && at < size;) {
        uint8_t rest[64];
        size_t part = min(size - at, sizeof(rest));
        error = kernel_ops->fetch(rest, user_pointer(from + at), part);
        for (size_t i = 0; error == 0 && i < part; i++) {
            if (rest[i] != 0) error = -E2BIG;
        }
        at += part;
    }
    return error;
}

SHIM2(linux_clone3, from, size) {
    struct linux_clone_args given = {};
    constexpr uint64_t known = CORE_FLAGS | NAMESPACE_FLAGS | LINUX_CLONE_PIDFD | LINUX_CLONE_PTRACE |
                               LINUX_CLONE_SYSVSEM | LINUX_CLONE_UNTRACED | LINUX_CLONE_IO | LINUX_CLONE_INTO_CGROUP;
    if (size > PAGE_SIZE) return -E2BIG;
    if (size < LINUX_CLONE_ARGS_SIZE_VER0) return -EINVAL;
    int32_t error = linux_fetch_extensible(&given, sizeof(given), from, size);
    if (error != 0) return error;
    if (given.set_tid_size > 32 || (given.set_tid == 0) != (given.set_tid_size == 0)) return -EINVAL;
    if ((given.exit_signal & ~(uint64_t)LINUX_CSIGNAL) != 0 || given.exit_signal > SIGNAL_COUNT) return -EINVAL;
    if ((given.flags & ~known) != 0) return -EINVAL;
    if ((given.flags & (CLONE_THREAD | CLONE_PARENT)) != 0 && given.exit_signal != 0) return -EINVAL;
    if ((given.stack == 0) != (given.stack_size == 0)) return -EINVAL;
    if ((given.flags & LINUX_CLONE_INTO_CGROUP) != 0) return -EBADF; // there are no control groups to open
    if (given.set_tid_size != 0) return capable(CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
    struct kernel_clone clone = {.flags = given.flags,
                                 .stack = user_pointer(given.stack + given.stack_size),
                                 .parent_tid = user_pointer(given.parent_tid),
                                 .child_tid = user_pointer(given.child_tid),
                                 .tls = given.tls,
                                 .exit_signal = (uint32_t)given.exit_signal};
    return clone_process(&clone, given.pidfd);
}

// ---- ending

SHIM1(linux_exit, code) {
    return kernel_ops->exit_thread((int32_t)(code & 0xff));
}

SHIM1(linux_exit_group, code) {
    return kernel_ops->exit_process((int32_t)(code & 0xff));
}

// ---- waiting

constexpr uint32_t LINUX_WNOTHREAD = 0x20000000, LINUX_WALL = 0x40000000, LINUX_WCLONE = 0x80000000;
constexpr uint32_t WAIT_KIN = LINUX_WNOTHREAD | LINUX_WALL | LINUX_WCLONE;
// Which children the caller means, by their exit signal.
static uint32_t wait_kin(uint32_t options) {
    if ((options & LINUX_WALL) != 0) return 0;
    return (options & LINUX_WCLONE) != 0 ? WAIT_ONLY_CLONED : WAIT_ONLY_SIGCHLD;
}

enum linux_wait_id : uint32_t { P_ALL, P_PID, P_PGID, P_PIDFD };

int32_t linux_wait_status(enum child_code code, int32_t status) {
    switch (code) {
    case CLD_EXITED:
        return (status & 0xff) << 8;
    case CLD_KILLED:
        return status & 0x7f;
    case CLD_DUMPED:
        return (status & 0x7f) | 0x80;
    case CLD_TRAPPED:
    case CLD_STOPPED:
        return (status & 0xffff) << 8 | 0x7f;
    case CLD_CONTINUED:
        return 0xffff;
    }
    return 0;
}

SHIM4(linux_wait4, pid, status_to, options, usage_to) {
    int32_t id = (int32_t)pid;
    struct kernel_wait_result result = {};
    uint32_t flags = (uint32_t)options;
    if ((flags & ~(WNOHANG | WSTOPPED | WCONTINUED | WAIT_KIN)) != 0) return -EINVAL;
    if (id == INT32_MIN) return -ESRCH;
    enum wait_for which = id == -1 ? WAIT_FOR_ANY : id > 0 ? WAIT_FOR_PID : WAIT_FOR_GROUP;
    if (id == 0) id = -kernel_ops->get_process_group(0);
    int32_t error = kernel_ops->wait(which, id < -1 || which == WAIT_FOR_GROUP ? -id : id,
                                     (flags & ~WAIT_KIN) | WEXITED | wait_kin(flags), &result);
    if (error < 0 || result.pid == 0) return error;
    if (status_to != 0) {
        int32_t status = linux_wait_status(result.code, result.status);
        error = store_struct(status_to, &status);
        if (error != 0) return error;
    }
    if (usage_to != 0) {
        struct linux_rusage usage;
        linux_rusage_from_kernel(&usage, &result.usage);
        error = store_struct(usage_to, &usage);
        if (error != 0) return error;
    }
    return result.pid;
}

// Which children waitid means. -EINVAL, -EBADF.
static int32_t wait_target(uint32_t type, int32_t *id, enum wait_for *which) {
    switch (type) {
    case P_ALL:
        *which = WAIT_FOR_ANY;
        return 0;
    case P_PID:
        *which = WAIT_FOR_PID;
        return *id <= 0 ? -EINVAL : 0;
    case P_PGID:
        *which = WAIT_FOR_GROUP;
        if (*id == 0) *id = kernel_ops->get_process_group(0);
        return *id < 0 ? -EINVAL : 0;
    case P_PIDFD:
        *which = WAIT_FOR_PID;
        return *id < 0 ? -EINVAL : kernel_ops->process_file_pid(*id, id);
    default:
        return -EINVAL;
    }
}

SHIM5(linux_waitid, type, id, info_to, options, usage_to) {
    uint32_t flags = (uint32_t)options;
    enum wait_for which;
    struct kernel_wait_result result = {};
    int32_t target = (int32_t)id;
    if ((flags & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | WAIT_KIN)) != 0) return -EINVAL;
    if ((flags & (WEXITED | WSTOPPED | WCONTINUED)) == 0) return -EINVAL;
    int32_t error = wait_target((uint32_t)type, &target, &which);
    // A pidfd that doesn't block makes a call that would wait fail.
    uint32_t file_flags = 0;
    if (error == 0 && type == P_PIDFD) error = kernel_ops->file_flags_get((int32_t)id, &file_flags);
    bool refuses = (file_flags & O_NONBLOCK) != 0 && (flags & WNOHANG) == 0;
    if (refuses) flags |= WNOHANG;
    if (error == 0) error = kernel_ops->wait(which, target, (flags & ~WAIT_KIN) | wait_kin(flags), &result);
    if (error < 0) return error;
    if (refuses && result.pid == 0) return -EAGAIN;
    if (result.pid != 0 && usage_to != 0) {
        struct linux_rusage usage;
        linux_rusage_from_kernel(&usage, &result.usage);
        error = store_struct(usage_to, &usage);
        if (error != 0) return error;
    }
    if (info_to == 0) return 0;
    struct linux_siginfo info = {};
    if (result.pid != 0) {
        info.si_signo = SIGCHLD;
        info.si_code = result.code;
        info.si_pid = result.pid;
        info.si_uid = result.uid;
        info.si_status = result.status;
    }
    // Only the fields that waitid defines are written.
    return kernel_ops->store(user_pointer(info_to), &info, offsetof(struct linux_siginfo, si_status) + sizeof(int32_t));
}

// ---- identity, groups and sessions

SHIM2(linux_setpgid, pid, group) {
    int32_t process = (int32_t)pid, wanted = (int32_t)group;
    if (process == 0) process = kernel_ops->get_pid();
    if (wanted == 0) wanted = process;
    if (wanted < 0) return -EINVAL;
    return process < 0 ? -ESRCH : kernel_ops->set_process_group(process, wanted);
}

SHIM1(linux_getpgid, pid) {
    return (int32_t)pid < 0 ? -ESRCH : kernel_ops->get_process_group((int32_t)pid);
}

SHIM0(linux_getpgrp) {
    return kernel_ops->get_process_group(0);
}

SHIM1(linux_getsid, pid) {
    return (int32_t)pid < 0 ? -ESRCH : kernel_ops->get_session((int32_t)pid);
}

SHIM1(linux_set_tid_address, address) {
    int32_t error = kernel_ops->set_tid_address(user_pointer(address));
    return error < 0 ? error : kernel_ops->get_tid();
}

SHIM2(linux_pidfd_open, pid, flags) {
    constexpr uint32_t thread = O_EXCL; // PIDFD_THREAD
    if (((uint32_t)flags & ~(O_NONBLOCK | thread)) != 0) return -EINVAL;
    if ((int32_t)pid <= 0) return -EINVAL;
    return kernel_ops->process_file_open((int32_t)pid, (uint32_t)flags);
}

// Namespaces don't exist; what stays is to tell a wrong call from an unsupported one.
SHIM1(linux_setns, descriptor) {
    return kernel_ops->descriptor_flags_get((int32_t)descriptor) < 0 ? -EBADF : -EINVAL;
}

SHIM1(linux_unshare, flags) {
    constexpr uint64_t parts = CLONE_THREAD | CLONE_FS | CLONE_SIGHAND | CLONE_VM | CLONE_FILES | LINUX_CLONE_SYSVSEM;
    if ((flags & ~(parts | NAMESPACE_FLAGS)) != 0) return -EINVAL;
    int32_t error = namespace_flags_check(flags);
    if (error != 0) return error;
    return kernel_ops->unshare(flags & parts);
}

SHIM3(linux_pidfd_getfd, descriptor, target, flags) {
    int32_t pid;
    if (flags != 0) return -EINVAL;
    int32_t error = kernel_ops->process_file_pid((int32_t)descriptor, &pid);
    return error < 0 ? error : kernel_ops->duplicate_from(pid, (int32_t)target);
}

enum linux_kcmp : uint32_t {
    KCMP_FILE,
    KCMP_VM,
    KCMP_FILES,
    KCMP_FS,
    KCMP_SIGHAND,
    KCMP_IO,
    KCMP_SYSVSEM,
    KCMP_EPOLL_TFD
};

SHIM5(linux_kcmp, first_pid, second_pid, type, first, second) {
    static const enum comparison comparisons[] = {
        [KCMP_FILE] = COMPARE_FILE,
        [KCMP_VM] = COMPARE_MEMORY,
        [KCMP_FILES] = COMPARE_DESCRIPTORS,
        [KCMP_FS] = COMPARE_FILE_SYSTEM,
        [KCMP_SIGHAND] = COMPARE_SIGNAL_HANDLERS,
    };
    uint32_t kind = (uint32_t)type;
    if (kind >= array_size(comparisons)) {
        // No process has an I/O context or an undo list of its own kind: none equals none. Members of epoll sets can't
        // be compared.
        int32_t error = kernel_ops->compare((int32_t)first_pid, (int32_t)second_pid, COMPARE_MEMORY, 0, 0);
        if (error < 0) return error;
        return kind == KCMP_IO || kind == KCMP_SYSVSEM ? 0 : -EINVAL;
    }
    return kernel_ops->compare((int32_t)first_pid, (int32_t)second_pid, comparisons[kind], (int32_t)first,
                               (int32_t)second);
}
