// prctl, arch_prctl, personality.
#include "personality/src/linux/process.h"
#include "personality/src/linux/seccomp.h"
#include "personality/src/linux/shims.h"
#include "personality/src/shim.h"

enum linux_prctl : uint32_t {
    PR_SET_PDEATHSIG = 1,
    PR_GET_PDEATHSIG,
    PR_GET_DUMPABLE,
    PR_SET_DUMPABLE,
    PR_GET_KEEPCAPS = 7,
    PR_SET_KEEPCAPS,
    PR_GET_TIMING = 13,
    PR_SET_TIMING,
    PR_SET_NAME,
    PR_GET_NAME,
    PR_GET_SECCOMP = 21,
    PR_SET_SECCOMP,
    PR_CAPBSET_READ = 23,
    PR_CAPBSET_DROP,
    PR_GET_TSC = 25,
    PR_SET_TSC,
    PR_GET_SECUREBITS,
    PR_SET_SECUREBITS,
    PR_SET_TIMERSLACK = 29,
    PR_GET_TIMERSLACK,
    PR_MCE_KILL_GET = 34,
    PR_SET_MM,
    PR_SET_CHILD_SUBREAPER = 36,
    PR_GET_CHILD_SUBREAPER,
    PR_SET_NO_NEW_PRIVS,
    PR_GET_NO_NEW_PRIVS,
    PR_GET_TID_ADDRESS,
    PR_SET_THP_DISABLE,
    PR_GET_THP_DISABLE,
    PR_CAP_AMBIENT = 47,
    PR_GET_SPECULATION_CTRL = 52,
    PR_SET_SPECULATION_CTRL,
    PR_SET_VMA = 0x53564d41,
};

struct prctl_call {
    uintptr_t second, third, fourth, fifth;
};

static bool rest_is_zero(const struct prctl_call *call) {
    return call->third == 0 && call->fourth == 0 && call->fifth == 0;
}

static intptr_t attribute_get(enum process_attribute attribute) {
    uint64_t value;
    int32_t error = kernel_ops->process_attribute_get(attribute, &value);
    return error != 0 ? error : (intptr_t)value;
}

static intptr_t attribute_store(enum process_attribute attribute, uintptr_t to) {
    uint64_t value;
    int32_t error = kernel_ops->process_attribute_get(attribute, &value);
    int32_t answer = (int32_t)value;
    return error != 0 ? error : store_struct(to, &answer);
}

static intptr_t set_death_signal(const struct prctl_call *call) {
    if (call->second > SIGNAL_COUNT) return -EINVAL;
    return kernel_ops->process_attribute_set(PROCESS_DEATH_SIGNAL, call->second);
}

static intptr_t get_death_signal(const struct prctl_call *call) {
    return attribute_store(PROCESS_DEATH_SIGNAL, call->second);
}

static intptr_t get_dumpable(const struct prctl_call *) {
    return attribute_get(PROCESS_DUMPABLE);
}

static intptr_t set_dumpable(const struct prctl_call *call) {
    return call->second > 1 ? -EINVAL : kernel_ops->process_attribute_set(PROCESS_DUMPABLE, call->second);
}

static intptr_t get_keep_capabilities(const struct prctl_call *) {
    return attribute_get(PROCESS_KEEP_CAPABILITIES);
}

static intptr_t set_keep_capabilities(const struct prctl_call *call) {
    return call->second > 1 ? -EINVAL : kernel_ops->process_attribute_set(PROCESS_KEEP_CAPABILITIES, call->second);
}

static intptr_t get_timing(const struct prctl_call *) {
    return 0; // PR_TIMING_STATISTICAL
}

static intptr_t set_timing(const struct prctl_call *call) {
    return call->second == 0 ? 0 : -EINVAL;
}

static intptr_t set_name(const struct prctl_call *call) {
    char name[16] = {};
    size_t length;
    int32_t error = kernel_ops->fetch_string(name, user_pointer(call->second), sizeof(name), &length);
    if (error != 0 && error != -ENAMETOOLONG) return error;
    name[sizeof(name) - 1] = 0;
    return kernel_ops->thread_name_set(0, name);
}

static intptr_t get_name(const struct prctl_call *call) {
    char name[16] = {};
    int32_t error = kernel_ops->thread_name_get(0, name);
    return error != 0 ? error : kernel_ops->store(user_pointer(call->second), name, sizeof(name));
}

static intptr_t get_seccomp(const struct prctl_call *) {
    const struct linux_thread *thread = linux_thread_existing();
    return thread != nullptr && thread->filters != nullptr ? 2 : 0; // in strict mode nobody comes here
}

static intptr_t set_seccomp(const struct prctl_call *call) {
    enum { STRICT = 1, FILTER };
    if (call->second == STRICT) return linux_seccomp_strict();
    return call->second == FILTER ? linux_seccomp_filter(call->third) : -EINVAL;
}

// The bounding set is whole: nothing can be dropped from it.
static intptr_t read_bounding_set(const struct prctl_call *call) {
    return call->second > CAP_LAST ? -EINVAL : 1;
}

static bool capable(enum capability capability) {
    struct kernel_credentials own;
    return kernel_ops->credentials_get(0, &own) == 0 && (own.capabilities_effective >> capability & 1) != 0;
}

static intptr_t drop_from_bounding_set(const struct prctl_call *) {
    return capable(CAP_SETPCAP) ? -EINVAL : -EPERM;
}

static intptr_t set_secure_bits(const struct prctl_call *call) {
    if (!capable(CAP_SETPCAP)) return -EPERM;
    return call->second == 0 ? 0 : -EPERM; // none can be set
}

// The layout that /proc tells can't be changed.
static intptr_t set_memory_layout(const struct prctl_call *call) {
    constexpr uintptr_t last = 15;
    if (call->second < 1 || call->second > last || call->fifth != 0) return -EINVAL;
    return capable(CAP_SYS_RESOURCE) ? -EINVAL : -EPERM;
}

// Which speculation misfeatures: store bypass, indirect branches, L1D flushing. Nothing is done about them.
constexpr uintptr_t SPECULATION_KINDS = 3;

static intptr_t get_speculation(const struct prctl_call *call) {
    if (!rest_is_zero(call)) return -EINVAL;
    return call->second < SPECULATION_KINDS ? 0 : -ENODEV;
}

static intptr_t set_speculation(const struct prctl_call *call) {
    if (call->fourth != 0 || call->fifth != 0) return -EINVAL;
    if (call->second >= SPECULATION_KINDS) return -ENODEV;
    constexpr uintptr_t enable = 2, disable = 4, force_disable = 8, disable_at_exec = 16;
    bool known = call->third == enable || call->third == disable || call->third == force_disable ||
                 call->third == disable_at_exec;
    return known ? -ENXIO : -ERANGE;
}

static intptr_t get_tsc(const struct prctl_call *call) {
    const int32_t enabled = 1; // PR_TSC_ENABLE
    return store_struct(call->second, &enabled);
}

static intptr_t set_tsc(const struct prctl_call *call) {
    return call->second == 1 ? 0 : -EINVAL;
}

static intptr_t get_secure_bits(const struct prctl_call *) {
    return 0;
}

static intptr_t set_timer_slack(const struct prctl_call *call) {
    // 0: back to the default, which is what the creating thread had.
    return kernel_ops->process_attribute_set(PROCESS_TIMER_SLACK, max((intptr_t)call->second, (intptr_t)0));
}

static intptr_t get_timer_slack(const struct prctl_call *) {
    return attribute_get(PROCESS_TIMER_SLACK);
}

static intptr_t get_mce_kill(const struct prctl_call *call) {
    constexpr intptr_t policy_default = 2;
    return call->second != 0 || !rest_is_zero(call) ? -EINVAL : policy_default;
}

static intptr_t set_subreaper(const struct prctl_call *call) {
    return kernel_ops->process_attribute_set(PROCESS_SUBREAPER, call->second != 0);
}

static intptr_t get_subreaper(const struct prctl_call *call) {
    return attribute_store(PROCESS_SUBREAPER, call->second);
}

static intptr_t set_no_new_privileges(const struct prctl_call *call) {
    if (call->second != 1 || !rest_is_zero(call)) return -EINVAL;
    return kernel_ops->process_attribute_set(PROCESS_NO_NEW_PRIVILEGES, 1);
}

static intptr_t get_no_new_privileges(const struct prctl_call *call) {
    return call->second != 0 || !rest_is_zero(call) ? -EINVAL : attribute_get(PROCESS_NO_NEW_PRIVILEGES);
}

static intptr_t get_thp_disable(const struct prctl_call *call) {
    return call->second != 0 || !rest_is_zero(call) ? -EINVAL : 0;
}

static intptr_t set_thp_disable(const struct prctl_call *call) {
    return call->fourth != 0 || call->fifth != 0 ? -EINVAL : 0;
}

// Ambient capabilities: the set is always empty.
static intptr_t ambient_capabilities(const struct prctl_call *call) {
    enum { IS_SET = 1, RAISE, LOWER, CLEAR_ALL };
    if (call->second == CLEAR_ALL) return rest_is_zero(call) ? 0 : -EINVAL;
    if (call->third > CAP_LAST || call->fourth != 0 || call->fifth != 0) return -EINVAL;
    switch (call->second) {
    case IS_SET:
    case LOWER:
        return 0;
    case RAISE:
        return -EPERM;
    default:
        return -EINVAL;
    }
}

struct prctl_command {
    uint32_t number;
    intptr_t (*perform)(const struct prctl_call *call);
};
static const struct prctl_command commands[] = {
    {PR_SET_PDEATHSIG, set_death_signal},
    {PR_GET_PDEATHSIG, get_death_signal},
    {PR_GET_DUMPABLE, get_dumpable},
    {PR_SET_DUMPABLE, set_dumpable},
    {PR_GET_KEEPCAPS, get_keep_capabilities},
    {PR_SET_KEEPCAPS, set_keep_capabilities},
    {PR_GET_TIMING, get_timing},
    {PR_SET_TIMING, set_timing},
    {PR_SET_NAME, set_name},
    {PR_GET_NAME, get_name},
    {PR_GET_SECCOMP, get_seccomp},
    {PR_SET_SECCOMP, set_seccomp},
    {PR_CAPBSET_READ, read_bounding_set},
    {PR_CAPBSET_DROP, drop_from_bounding_set},
    {PR_SET_SECUREBITS, set_secure_bits},
    {PR_SET_MM, set_memory_layout},
    {PR_GET_SPECULATION_CTRL, get_speculation},
    {PR_SET_SPECULATION_CTRL, set_speculation},
    {PR_GET_TSC, get_tsc},
    {PR_SET_TSC, set_tsc},
    {PR_GET_SECUREBITS, get_secure_bits},
    {PR_SET_TIMERSLACK, set_timer_slack},
    {PR_GET_TIMERSLACK, get_timer_slack},
    {PR_MCE_KILL_GET, get_mce_kill},
    {PR_SET_CHILD_SUBREAPER, set_subreaper},
    {PR_GET_CHILD_SUBREAPER, get_subreaper},
    {PR_SET_NO_NEW_PRIVS, set_no_new_privileges},
    {PR_GET_NO_NEW_PRIVS, get_no_new_privileges},
    {PR_SET_THP_DISABLE, set_thp_disable},
    {PR_GET_THP_DISABLE, get_thp_disable},
    {PR_CAP_AMBIENT, ambient_capabilities},
};

SHIM5(linux_prctl, option, second, third, fourth, fifth) {
    const struct prctl_call call = {second, third, fourth, fifth};
    for (size_t i = 0; i < array_size(commands); i++) {
        if (commands[i].number == (uint32_t)option) return commands[i].perform(&call);
    }
    return -EINVAL;
}

enum linux_arch_prctl : uint32_t {
    ARCH_SET_GS = 0x1001,
    ARCH_SET_FS,
    ARCH_GET_FS,
    ARCH_GET_GS,
    ARCH_GET_CPUID = 0x1011,
    ARCH_SET_CPUID,
};

SHIM2(linux_arch_prctl, code, argument) {
    uintptr_t value;
    enum thread_pointer which = code == ARCH_SET_GS || code == ARCH_GET_GS ? THREAD_POINTER_GS : THREAD_POINTER_FS;
    switch (code) {
    case ARCH_SET_FS:
    case ARCH_SET_GS:
        return kernel_ops->thread_pointer_set(which, argument) < 0 ? -EPERM : 0;
    case ARCH_GET_FS:
    case ARCH_GET_GS: {
        int32_t error = kernel_ops->thread_pointer_get(which, &value);
        return error != 0 ? error : store_struct(argument, &value);
    }
    case ARCH_GET_CPUID:
        return 1; // the instruction never faults
    case ARCH_SET_CPUID:
        return -ENODEV;
    default:
        return -EINVAL;
    }
}

SHIM1(linux_personality, persona) {
    struct linux_thread *thread = linux_thread_existing();
    uint32_t old = thread != nullptr ? thread->persona : 0;
    if ((uint32_t)persona == UINT32_MAX || (uint32_t)persona == old) return (intptr_t)old;
    int32_t error = linux_thread_current(&thread);
    if (error != 0) return error;
    thread->persona = (uint32_t)persona;
    return (intptr_t)old;
}
