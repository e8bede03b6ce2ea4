// System V IPC: the structures of shmctl, semctl and msgctl, and the calls.
#include "personality/src/linux/process.h"
#include "personality/src/linux/shims.h"
#include "personality/src/shim.h"

struct linux_ipc_perm {
    int32_t key;
    uint32_t uid, gid, cuid, cgid, mode;
    uint16_t seq, pad[3];
    uint64_t unused[2];
};
struct linux_shmid_ds {
    struct linux_ipc_perm shm_perm;
    uint64_t shm_segsz;
    int64_t shm_atime, shm_dtime, shm_ctime;
    int32_t shm_cpid, shm_lpid;
    uint64_t shm_nattch, unused[2];
};
struct linux_semid_ds {
    struct linux_ipc_perm sem_perm;
    int64_t sem_otime, unused1, sem_ctime, unused2;
    uint64_t sem_nsems, unused[2];
};
struct linux_msqid_ds {
    struct linux_ipc_perm msg_perm;
    int64_t msg_stime, msg_rtime, msg_ctime;
    uint64_t msg_cbytes, msg_qnum, msg_qbytes;
    int32_t msg_lspid, msg_lrpid;
    uint64_t unused[2];
};
static_assert(sizeof(struct linux_ipc_perm) == 48 && sizeof(struct linux_shmid_ds) == 112);
static_assert(sizeof(struct linux_semid_ds) == 104 && sizeof(struct linux_msqid_ds) == 120);

struct linux_shminfo {
    uint64_t shmmax, shmmin, shmmni, shmseg, shmall, unused[4];
};
struct linux_shm_info {
    int32_t used_ids, pad;
    uint64_t shm_tot, shm_rss, shm_swp, swap_attempts, swap_successes;
};
struct linux_seminfo {
    int32_t semmap, semmni, semmns, semmnu, semmsl, semopm, semume, semusz, semvmx, semaem;
};
struct linux_msginfo {
    int32_t msgpool, msgmap, msgmax, msgmnb, msgmni, msgssz, msgtql;
    uint16_t msgseg, pad;
};

enum linux_ipc_command : uint32_t { IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO };
enum linux_shm_command : uint32_t { SHM_LOCK = 11, SHM_UNLOCK, SHM_STAT, SHM_INFO, SHM_STAT_ANY };
enum linux_sem_command : uint32_t {
    GETPID = 11,
    GETVAL,
    GETALL,
    GETNCNT,
    GETZCNT,
    SETVAL,
    SETALL,
    SEM_STAT,
    SEM_INFO,
    SEM_STAT_ANY,
};
enum linux_msg_command : uint32_t { MSG_STAT = 11, MSG_INFO, MSG_STAT_ANY };
enum linux_shm_flags : uint32_t {
    SHM_HUGETLB = 04000,
    SHM_RDONLY = 010000,
    SHM_RND = 020000,
    SHM_REMAP = 040000,
    SHM_EXEC = 0100000
};

static struct linux_ipc_perm permissions(const struct kernel_ipc_status *status) {
    return (struct linux_ipc_perm){.key = status->key,
                                   .uid = status->uid,
                                   .gid = status->gid,
                                   .cuid = status->creator_uid,
                                   .cgid = status->creator_gid,
                                   .mode = status->mode,
                                   .seq = (uint16_t)status->sequence};
}

static int64_t seconds(nanoseconds time) {
    return time / NANOSECONDS_PER_SECOND;
}

// The common part of the three IPC_SET: owner and mode come from the fetched permissions.
static intptr_t change(enum ipc_kind kind, uintptr_t id, const struct linux_ipc_perm *perm, uint64_t maximum) {
    const struct kernel_ipc_status status = {
        .uid = perm->uid, .gid = perm->gid, .mode = perm->mode, .maximum = maximum};
    if (perm->uid == UINT32_MAX || perm->gid == UINT32_MAX) return -EINVAL;
    return kernel_ops->ipc_change(kind, (int32_t)id, &status);
}

// ---- shared memory

SHIM3(linux_shmget, key, size, flags) {
    if ((flags & SHM_HUGETLB) != 0) return -ENOMEM; // no pool of huge pages
    return kernel_ops->ipc_get(IPC_SHARED_MEMORY, (int32_t)key, size, (uint32_t)flags);
}

SHIM3(linux_shmat, id, address, flags) {
    uintptr_t result;
    if ((int32_t)id < 0) return -EINVAL;
    if (address != 0 && (address & PAGE_MASK) != 0) {
        if ((flags & SHM_RND) == 0) return -EINVAL;
        address &= ~PAGE_MASK;
        if (address == 0 && (flags & SHM_REMAP) != 0) return -EINVAL;
    } else if (address == 0 && (flags & SHM_REMAP) != 0) {
        return -EINVAL;
    }
    uint32_t protection =
        PROT_READ | ((flags & SHM_RDONLY) != 0 ? 0 : PROT_WRITE) | ((flags & SHM_EXEC) != 0 ? PROT_EXEC : 0);
    int32_t error = kernel_ops->shared_memory_attach((int32_t)id, address, protection,
                                                     (flags & SHM_REMAP) != 0 ? MAP_FIXED : 0, &result);
    return error < 0 ? error : (intptr_t)result;
}

SHIM1(linux_shmdt, address) {
    return kernel_ops->shared_memory_detach(address);
}

static intptr_t shm_status(uintptr_t id, uint32_t by, uintptr_t to) {
    struct kernel_ipc_status status;
    int32_t result = kernel_ops->ipc_status(IPC_SHARED_MEMORY, (int32_t)id, by, &status);
    if (result < 0) return result;
    const struct linux_shmid_ds answer = {
        .shm_perm = permissions(&status),
        .shm_segsz = status.size,
        .shm_atime = seconds(status.last),
        .shm_dtime = seconds(status.last_receive),
        .shm_ctime = seconds(status.changed),
        .shm_cpid = status.creator_pid,
        .shm_lpid = status.last_pid,
        .shm_nattch = status.count,
    };
    int32_t error = store_struct(to, &answer);
    return error != 0 ? error : by == 0 ? 0 : result;
}

static intptr_t shm_information(uint32_t command, uintptr_t to) {
    struct kernel_ipc_usage usage;
    int32_t highest = kernel_ops->ipc_usage(IPC_SHARED_MEMORY, &usage), error;
    if (highest < 0) return highest;
    if (command == IPC_INFO) {
        const struct linux_shminfo answer = {
            .shmmax = 1ULL << 46, .shmmin = 1, .shmmni = 4096, .shmseg = 4096, .shmall = 1ULL << 34};
        error = store_struct(to, &answer);
    } else {
        const struct linux_shm_info answer = {
            .used_ids = (int32_t)usage.used, .shm_tot = usage.total / PAGE_SIZE, .shm_rss = usage.resident / PAGE_SIZE};
        error = store_struct(to, &answer);
    }
    return error != 0 ? error : highest;
}

// Pages of programs never leave memory: locking needs only the right to do it.
static intptr_t shm_lock(uintptr_t id) {
    struct kernel_ipc_status status;
    struct kernel_credentials own;
    int32_t result = kernel_ops->ipc_status(IPC_SHARED_MEMORY, (int32_t)id, 0, &status);
    if (result < 0 && result != -EACCES) return result;
    int32_t error = kernel_ops->credentials_get(0, &own);
    if (error != 0) return error;
    bool owner = result >= 0 && (own.euid == status.uid || own.euid == status.creator_uid);
    return owner || (own.capabilities_effective >> CAP_IPC_LOCK & 1) != 0 ? 0 : -EPERM;
}

SHIM3(linux_shmctl, id, command, argument) {
    struct linux_shmid_ds given;
    if ((int32_t)command < 0 || (int32_t)id < 0) return -EINVAL;
    switch ((uint32_t)command) {
    case IPC_INFO:
    case SHM_INFO:
        return shm_information((uint32_t)command, argument);
    case IPC_STAT:
        return shm_status(id, 0, argument);
    case SHM_STAT:
        return shm_status(id, 1, argument);
    case SHM_STAT_ANY:
        return shm_status(id, 2, argument);
    case IPC_SET: {
        int32_t error = fetch_struct(&given, argument);
        return error != 0 ? error : change(IPC_SHARED_MEMORY, id, &given.shm_perm, 0);
    }
    case IPC_RMID:
        return kernel_ops->ipc_remove(IPC_SHARED_MEMORY, (int32_t)id);
    case SHM_LOCK:
    case SHM_UNLOCK:
        return shm_lock(id);
    default:
        return -EINVAL;
    }
}

// ---- semaphores

SHIM3(linux_semget, key, count, flags) {
    if ((int32_t)count < 0 || (uint32_t)count > SEMAPHORES_MAXIMUM) return -EINVAL;
    return kernel_ops->ipc_get(IPC_SEMAPHORES, (int32_t)key, (uint32_t)count, (uint32_t)flags);
}

struct linux_sembuf {
    uint16_t sem_num;
    int16_t sem_op;
    uint16_t sem_flg;
};
static_assert(sizeof(struct linux_sembuf) == sizeof(struct kernel_semaphore_operation));

static intptr_t semaphore_operate(uintptr_t id, uintptr_t from, uintptr_t count, uintptr_t timeout) {
    struct kernel_semaphore_operation within[16], *operations = within;
    struct linux_timespec time;
    nanoseconds deadline = TIME_NEVER, span;
    if (timeout != 0 && fetch_struct(&time, timeout) != 0) return -EFAULT;
    if ((uint32_t)count < 1 || (int32_t)id < 0) return -EINVAL;
    if ((uint32_t)count > SEMAPHORE_OPERATIONS_MAXIMUM) return -E2BIG;
    size_t size = (uint32_t)count * sizeof(within[0]);
    int32_t error = size > sizeof(within) ? kernel_ops->allocate(size, (void **)&operations) : 0;
    if (error == 0) error = kernel_ops->fetch(operations, user_pointer(from), size);
    if (error == 0 && timeout != 0) {
        error = linux_timespec_to_kernel(&time, &span);
        if (error == 0) deadline = linux_deadline(CLOCK_MONOTONIC, span);
    }
    if (error == 0) error = kernel_ops->semaphore_operate((int32_t)id, operations, (uint32_t)count, deadline);
    if (operations != within && operations != nullptr) (void)!kernel_ops->release(operations);
    return error;
}

SHIM3(linux_semop, id, from, count) {
    return semaphore_operate(id, from, count, 0);
}

SHIM4(linux_semtimedop, id, from, count, timeout) {
    return semaphore_operate(id, from, count, timeout);
}

static intptr_t sem_status(uintptr_t id, uint32_t by, uintptr_t to) {
    struct kernel_ipc_status status;
    int32_t result = kernel_ops->ipc_status(IPC_SEMAPHORES, (int32_t)id, by, &status);
    if (result < 0) return result;
    const struct linux_semid_ds answer = {
        .sem_perm = permissions(&status),
        .sem_otime = seconds(status.last),
        .sem_ctime = seconds(status.changed),
        .sem_nsems = status.size,
    };
    int32_t error = store_struct(to, &answer);
    return error != 0 ? error : by == 0 ? 0 : result;
}

static intptr_t sem_information(uint32_t command, uintptr_t to) {
    struct kernel_ipc_usage usage;
    int32_t highest = kernel_ops->ipc_usage(IPC_SEMAPHORES, &usage);
    if (highest < 0) return highest;
    constexpr int32_t sets = 32000, each = (int32_t)SEMAPHORES_MAXIMUM;
    const struct linux_seminfo answer = {
        .semmap = 1024000000,
        .semmni = sets,
        .semmns = 1024000000,
        .semmnu = 1024000000,
        .semmsl = each,
        .semopm = (int32_t)SEMAPHORE_OPERATIONS_MAXIMUM,
        .semume = (int32_t)SEMAPHORE_OPERATIONS_MAXIMUM,
        .semusz = command == SEM_INFO ? (int32_t)usage.used : 20,
        .semvmx = (int32_t)SEMAPHORE_VALUE_MAXIMUM,
        .semaem = command == SEM_INFO ? (int32_t)usage.total : (int32_t)SEMAPHORE_VALUE_MAXIMUM,
    };
    int32_t error = store_struct(to, &answer);
    return error != 0 ? error : highest;
}

// GETALL and SETALL: an array of all values.
static intptr_t all_values(uintptr_t id, bool set, uintptr_t address) {
    struct kernel_ipc_status status;
    uint16_t within[64], *values = within;
    int32_t error = kernel_ops->ipc_status(IPC_SEMAPHORES, (int32_t)id, 0, &status);
    if (error < 0) return error;
    size_t size = status.size * sizeof(values[0]);
    error = size > sizeof(within) ? kernel_ops->allocate(size, (void **)&values) : 0;
    if (error != 0) return error;
    if (set) {
        error = kernel_ops->fetch(values, user_pointer(address), size);
        if (error == 0) error = kernel_ops->semaphore_set((int32_t)id, 0, (uint32_t)status.size, values);
    } else {
        error = kernel_ops->semaphore_values((int32_t)id, (uint32_t)status.size, values);
        if (error >= 0) error = kernel_ops->store(user_pointer(address), values, size);
    }
    if (values != within) (void)!kernel_ops->release(values);
    return error;
}

static intptr_t set_value(uintptr_t id, uintptr_t number, int32_t value) {
    if (value < 0 || value > (int32_t)SEMAPHORE_VALUE_MAXIMUM) return -ERANGE;
    if ((int32_t)number < 0) return -EINVAL;
    const uint16_t word = (uint16_t)value;
    return kernel_ops->semaphore_set((int32_t)id, (uint32_t)number, 1, &word);
}

SHIM4(linux_semctl, id, number, command, argument) {
    struct linux_semid_ds given;
    if ((int32_t)id < 0) return -EINVAL;
    switch ((uint32_t)command) {
    case IPC_INFO:
    case SEM_INFO:
        return sem_information((uint32_t)command, argument);
    case IPC_STAT:
        return sem_status(id, 0, argument);
    case SEM_STAT:
        return sem_status(id, 1, argument);
    case SEM_STAT_ANY:
        return sem_status(id, 2, argument);
    case GETALL:
    case SETALL:
        return all_values(id, command == SETALL, argument);
    case GETVAL:
        return kernel_ops->semaphore_figure((int32_t)id, (uint32_t)number, SEMAPHORE_VALUE);
    case GETPID:
        return kernel_ops->semaphore_figure((int32_t)id, (uint32_t)number, SEMAPHORE_PID);
    case GETNCNT:
        return kernel_ops->semaphore_figure((int32_t)id, (uint32_t)number, SEMAPHORE_WAITING_MORE);
    case GETZCNT:
        return kernel_ops->semaphore_figure((int32_t)id, (uint32_t)number, SEMAPHORE_WAITING_ZERO);
    case SETVAL:
        return set_value(id, number, (int32_t)argument);
    case IPC_SET: {
        int32_t error = fetch_struct(&given, argument);
        return error != 0 ? error : change(IPC_SEMAPHORES, id, &given.sem_perm, 0);
    }
    case IPC_RMID:
        return kernel_ops->ipc_remove(IPC_SEMAPHORES, (int32_t)id);
    default:
        return -EINVAL;
    }
}

// ---- messages

SHIM2(linux_msgget, key, flags) {
    return kernel_ops->ipc_get(IPC_MESSAGES, (int32_t)key, 0, (uint32_t)flags);
}

SHIM4(linux_msgsnd, id, from, size, flags) {
    int64_t type;
    int32_t error = fetch_struct(&type, from);
    if (error != 0) return error;
    const struct segment message = segment_user(user_pointer(from + sizeof(type)), size);
    return kernel_ops->message_send((int32_t)id, type, &message, (uint32_t)flags);
}

SHIM5(linux_msgrcv, id, to, size, type, flags) {
    int64_t received;
    size_t done;
    const struct segment message = segment_user(user_pointer(to + sizeof(received)), size);
    int64_t wanted = (int64_t)type == INT64_MIN ? -INT64_MAX : (int64_t)type;
    int32_t error = kernel_ops->message_receive((int32_t)id, wanted, &message, (uint32_t)flags, &received, &done);
    if (error == 0) error = store_struct(to, &received);
    return error < 0 ? error : (intptr_t)done;
}

static intptr_t msg_status(uintptr_t id, uint32_t by, uintptr_t to) {
    struct kernel_ipc_status status;
    int32_t result = kernel_ops->ipc_status(IPC_MESSAGES, (int32_t)id, by, &status);
    if (result < 0) return result;
    const struct linux_msqid_ds answer = {
        .msg_perm = permissions(&status),
        .msg_stime = seconds(status.last),
        .msg_rtime = seconds(status.last_receive),
        .msg_ctime = seconds(status.changed),
        .msg_cbytes = status.size,
        .msg_qnum = status.count,
        .msg_qbytes = status.maximum,
        .msg_lspid = status.last_pid,
        .msg_lrpid = status.last_receive_pid,
    };
    int32_t error = store_struct(to, &answer);
    return error != 0 ? error : by == 0 ? 0 : result;
}

static intptr_t msg_information(uint32_t command, uintptr_t to) {
    struct kernel_ipc_usage usage;
    int32_t highest = kernel_ops->ipc_usage(IPC_MESSAGES, &usage);
    if (highest < 0) return highest;
    bool current = command == MSG_INFO;
    const struct linux_msginfo answer = {
        .msgpool = current ? (int32_t)usage.used : 512000,
        .msgmap = current ? (int32_t)usage.messages : 16384,
        .msgmax = (int32_t)IPC_MESSAGE_MAXIMUM,
        .msgmnb = (int32_t)MESSAGE_QUEUE_MAXIMUM,
        .msgmni = 32000,
        .msgssz = 16,
        .msgtql = current ? (int32_t)usage.total : 16384,
        .msgseg = 0xffff,
    };
    int32_t error = store_struct(to, &answer);
    return error != 0 ? error : highest;
}

SHIM3(linux_msgctl, id, command, argument) {
    struct linux_msqid_ds given;
    if ((int32_t)id < 0 || (int32_t)command < 0) return -EINVAL;
    switch ((uint32_t)command) {
    case IPC_INFO:
    case MSG_INFO:
        return msg_information((uint32_t)command, argument);
    case IPC_STAT:
        return msg_status(id, 0, argument);
    case MSG_STAT:
        return msg_status(id, 1, argument);
    case MSG_STAT_ANY:
        return msg_status(id, 2, argument);
    case IPC_SET: {
        int32_t error = fetch_struct(&given, argument);
        return error != 0 ? error : change(IPC_MESSAGES, id, &given.msg_perm, given.msg_qbytes);
    }
    case IPC_RMID:
        return kernel_ops->ipc_remove(IPC_MESSAGES, (int32_t)id);
    default:
        return -EINVAL;
    }
}
