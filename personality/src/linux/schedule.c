// Scheduling: policies, priorities, affinity.
#include "personality/src/linux/process.h"
#include "personality/src/linux/shims.h"
#include "personality/src/shim.h"

#include "lib/string.h"

constexpr uint32_t POLICY_RESET_ON_FORK = SCHEDULER_RESET_ON_FORK;
constexpr uint64_t SCHED_FLAG_RESET_ON_FORK = 1;
constexpr int32_t NICE_LOWEST = -20, NICE_HIGHEST = 19;

static bool policy_known(uint32_t policy) {
    return policy <= SCHED_BATCH || policy == SCHED_IDLE;
}

static bool policy_realtime(uint32_t policy) {
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool thread_missing(int32_t tid) {
    uint32_t policy, priority;
    return kernel_ops->scheduler_get(tid, &policy, &priority) == -ESRCH;
}

static intptr_t set_policy(int32_t tid, uint32_t policy, uint32_t priority) {
    uint32_t plain = policy & ~POLICY_RESET_ON_FORK;
    if (thread_missing(tid)) return -ESRCH;
    if (!policy_known(plain)) return -EINVAL;
    if (policy_realtime(plain) ? priority < 1 || priority > 99 : priority != 0) return -EINVAL;
    return kernel_ops->scheduler_set(tid, policy, priority);
}

SHIM3(linux_sched_setscheduler, tid, policy, from) {
    int32_t priority;
    if ((int32_t)policy < 0) return -EINVAL;
    if (from == 0 || (int32_t)tid < 0) return -EINVAL;
    if (fetch_struct(&priority, from) != 0) return -EFAULT;
    return set_policy((int32_t)tid, (uint32_t)policy, (uint32_t)priority);
}

SHIM2(linux_sched_setparam, tid, from) {
    int32_t given;
    uint32_t policy, priority;
    if (from == 0 || (int32_t)tid < 0) return -EINVAL;
    if (fetch_struct(&given, from) != 0) return -EFAULT;
    int32_t error = kernel_ops->scheduler_get((int32_t)tid, &policy, &priority);
    return error != 0 ? error : set_policy((int32_t)tid, policy, (uint32_t)given);
}

SHIM1(linux_sched_getscheduler, tid) {
    uint32_t policy, priority;
    if ((int32_t)tid < 0) return -EINVAL;
    int32_t error = kernel_ops->scheduler_get((int32_t)tid, &policy, &priority);
    return error != 0 ? error : (intptr_t)policy;
}

SHIM2(linux_sched_getparam, tid, to) {
    uint32_t policy, priority;
    if (to == 0 || (int32_t)tid < 0) return -EINVAL;
    int32_t error = kernel_ops->scheduler_get((int32_t)tid, &policy, &priority);
    return error != 0 ? error : store_struct(to, &priority);
}

SHIM1(linux_sched_get_priority_max, policy) {
    if (policy_realtime((uint32_t)policy)) return 99;
    return policy_known((uint32_t)policy) || policy == SCHED_DEADLINE ? 0 : -EINVAL;
}

SHIM1(linux_sched_get_priority_min, policy) {
    if (policy_realtime((uint32_t)policy)) return 1;
    return policy_known((uint32_t)policy) || policy == SCHED_DEADLINE ? 0 : -EINVAL;
}

SHIM2(linux_sched_rr_get_interval, tid, to) {
    uint32_t policy, priority;
    if ((int32_t)tid < 0) return -EINVAL;
    int32_t error = kernel_ops->scheduler_get((int32_t)tid, &policy, &priority);
    if (error != 0) return error;
    policy &= ~POLICY_RESET_ON_FORK;
    // FIFO threads have no slice.
    constexpr nanoseconds slice = 100'000'000, fair_slice = 4'000'000;
    struct linux_timespec answer = linux_timespec_from_kernel(policy == SCHED_FIFO ? 0
                                                              : policy == SCHED_RR ? slice
                                                                                   : fair_slice);
    return store_struct(to, &answer);
}

// ---- affinity: one word of processors

static uint64_t processors_present(void) {
    struct kernel_system_information information;
    if (kernel_ops->system_information(&information) != 0 || information.cpus >= 64) return ~0ULL;
    return (1ULL << information.cpus) - 1;
}

SHIM3(linux_sched_setaffinity, tid, size, from) {
    uint64_t mask = 0;
    int32_t error = kernel_ops->fetch(&mask, user_pointer(from), min((size_t)(uint32_t)size, sizeof(mask)));
    if (error != 0) return error;
    if (thread_missing((int32_t)tid)) return -ESRCH;
    mask &= processors_present();
    return mask == 0 ? -EINVAL : kernel_ops->affinity_set((int32_t)tid, mask);
}

SHIM3(linux_sched_getaffinity, tid, size, to) {
    uint64_t mask;
    uint32_t bytes = (uint32_t)size;
    if (bytes < sizeof(mask) || bytes % sizeof(mask) != 0) return -EINVAL;
    int32_t error = kernel_ops->affinity_get((int32_t)tid, &mask);
    if (error != 0) return error;
    mask &= processors_present();
    error = store_struct(to, &mask);
    return error != 0 ? error : (intptr_t)sizeof(mask);
}

SHIM2(linux_getcpu, cpu_to, node_to) {
    uint32_t cpu = (uint32_t)kernel_ops->cpu_current(), node = 0;
    int32_t error = cpu_to != 0 ? store_struct(cpu_to, &cpu) : 0;
    if (error == 0 && node_to != 0) error = store_struct(node_to, &node);
    return error;
}

// ---- nice

enum linux_priority_which : uint32_t { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };

SHIM2(linux_getpriority, which, who) {
    int32_t nice;
    if ((uint32_t)which > PRIO_USER) return -EINVAL;
    int32_t error = kernel_ops->priority_get((uint32_t)which, (int32_t)who, &nice);
    return error != 0 ? error : 20 - nice;
}

SHIM3(linux_setpriority, which, who, nice) {
    int32_t wanted = min(max((int32_t)nice, NICE_LOWEST), NICE_HIGHEST);
    if ((uint32_t)which > PRIO_USER) return -EINVAL;
    return kernel_ops->priority_set((uint32_t)which, (int32_t)who, wanted);
}

// I/O priorities: the answer is what Linux derives from the nice value, and only that can be set.
constexpr uint32_t IOPRIO_CLASS_SHIFT = 13, IOPRIO_CLASS_NONE = 0, IOPRIO_CLASS_RT = 1, IOPRIO_CLASS_BE = 2,
                   IOPRIO_CLASS_IDLE = 3;

// -EPERM for a process of another user, without CAP_SYS_NICE.
static int32_t may_set_priority(int32_t tid) {
    struct kernel_credentials own, other;
    int32_t error = kernel_ops->credentials_get(0, &own);
    if (error == 0) error = kernel_ops->credentials_get(tid, &other);
    if (error != 0) return error;
    bool same = other.uid == own.euid || other.uid == own.uid;
    return same || (own.capabilities_effective >> CAP_SYS_NICE & 1) != 0 ? 0 : -EPERM;
}

static int32_t ioprio_target(uint32_t which, int32_t who, int32_t *nice) {
    if (which < 1 || which > 3) return -EINVAL;
    return kernel_ops->priority_get(which - 1, who, nice);
}

SHIM2(linux_ioprio_get, which, who) {
    int32_t nice;
    int32_t error = ioprio_target((uint32_t)which, (int32_t)who, &nice);
    return error != 0 ? error : (intptr_t)(IOPRIO_CLASS_BE << IOPRIO_CLASS_SHIFT | (uint32_t)(nice + 20) / 5);
}

SHIM3(linux_ioprio_set, which, who, priority) {
    int32_t nice;
    struct kernel_credentials own;
    uint32_t class = (uint32_t)priority >> IOPRIO_CLASS_SHIFT, level = (uint32_t)priority & 7;
    if (class > IOPRIO_CLASS_IDLE || (class == IOPRIO_CLASS_NONE && level != 0)) return -EINVAL;
    if (class == IOPRIO_CLASS_RT) {
        int32_t error = kernel_ops->credentials_get(0, &own);
        if (error != 0) return error;
        if ((own.capabilities_effective & (1ULL << CAP_SYS_ADMIN | 1ULL << CAP_SYS_NICE)) == 0) return -EPERM;
    }
    int32_t error = ioprio_target((uint32_t)which, (int32_t)who, &nice);
    return error != 0 || which != 1 || who == 0 ? error : may_set_priority((int32_t)who);
}

// ---- sched_attr

SHIM3(linux_sched_setattr, tid, from, flags) {
    struct linux_sched_attr attributes = {};
    uint32_t size;
    if (from == 0 || (int32_t)tid < 0 || flags != 0) return -EINVAL;
    int32_t error = fetch_struct(&size, from);
    if (error != 0) return error;
    if (size == 0) size = LINUX_SCHED_ATTR_SIZE_VER0;
    if (size < LINUX_SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE) error = -E2BIG;
    if (error == 0) error = linux_fetch_extensible(&attributes, sizeof(attributes), from, size);
    if (error == -E2BIG) {
        // Tells the size that is understood.
        size = sizeof(attributes);
        (void)!store_struct(from, &size);
    }
    if (error != 0) return error;
    if ((int32_t)attributes.sched_policy < 0) return -EINVAL;
    if (thread_missing((int32_t)tid)) return -ESRCH;
    if ((attributes.sched_flags & ~0x7fULL) != 0) return -EINVAL;
    uint32_t reset = (attributes.sched_flags & SCHED_FLAG_RESET_ON_FORK) != 0 ? POLICY_RESET_ON_FORK : 0;
    error = (int32_t)set_policy((int32_t)tid, attributes.sched_policy | reset, attributes.sched_priority);
    if (error != 0 || policy_realtime(attributes.sched_policy)) return error;
    int32_t nice = min(max(attributes.sched_nice, NICE_LOWEST), NICE_HIGHEST), present;
    error = kernel_ops->priority_get(PRIO_PROCESS, (int32_t)tid, &present);
    return error != 0 || nice == present ? error : kernel_ops->priority_set(PRIO_PROCESS, (int32_t)tid, nice);
}

SHIM4(linux_sched_getattr, tid, to, size, flags) {
    struct linux_sched_attr attributes = {};
    uint32_t room = (uint32_t)size;
    if (to == 0 || (int32_t)tid < 0 || room > PAGE_SIZE || room < LINUX_SCHED_ATTR_SIZE_VER0 || flags != 0)
        return -EINVAL;
    int32_t error = kernel_ops->scheduler_get((int32_t)tid, &attributes.sched_policy, &attributes.sched_priority);
    if ((attributes.sched_policy & POLICY_RESET_ON_FORK) != 0) attributes.sched_flags = SCHED_FLAG_RESET_ON_FORK;
    attributes.sched_policy &= ~POLICY_RESET_ON_FORK;
    if (error == 0 && !policy_realtime(attributes.sched_policy)) {
        error = kernel_ops->priority_get(PRIO_PROCESS, (int32_t)tid, &attributes.sched_nice);
    }
    if (error != 0) return error;
    attributes.size = min(room, (uint32_t)sizeof(attributes));
    return kernel_ops->store(user_pointer(to), &attributes, attributes.size);
}
