// Limits and usage of resources.
#include "personality/src/linux/process.h"
#include "personality/src/linux/shims.h"
#include "personality/src/shim.h"

void linux_rusage_from_kernel(struct linux_rusage *to, const struct kernel_rusage *from) {
    *to = (struct linux_rusage){
        .ru_utime = linux_timeval_from_kernel(from->user_time),
        .ru_stime = linux_timeval_from_kernel(from->system_time),
        .ru_maxrss = (int64_t)(from->maximum_resident_pages * (PAGE_SIZE / 1024)),
        .ru_minflt = (int64_t)from->minor_faults,
        .ru_majflt = (int64_t)from->major_faults,
        .ru_nvcsw = (int64_t)from->voluntary_switches,
        .ru_nivcsw = (int64_t)from->involuntary_switches,
    };
}

SHIM2(linux_getrusage, who, to) {
    int32_t whose = (int32_t)who;
    struct kernel_rusage usage;
    if (whose < -1 || whose > 1) return -EINVAL;
    int32_t error = kernel_ops->resource_usage(whose, &usage);
    if (error != 0) return error;
    struct linux_rusage answer;
    linux_rusage_from_kernel(&answer, &usage);
    return store_struct(to, &answer);
}

static int32_t limit(int32_t pid, uint32_t which, const struct kernel_rlimit *new_limit, struct kernel_rlimit *old) {
    if (which >= RLIMIT_COUNT) return -EINVAL;
    if (new_limit != nullptr && new_limit->current > new_limit->maximum) return -EINVAL;
    return kernel_ops->resource_limit(pid, (enum resource_limit)which, new_limit, old);
}

SHIM2(linux_getrlimit, which, to) {
    struct kernel_rlimit old;
    int32_t error = limit(0, (uint32_t)which, nullptr, &old);
    return error != 0 ? error : store_struct(to, &old);
}

SHIM2(linux_setrlimit, which, from) {
    struct kernel_rlimit given, old;
    int32_t error = fetch_struct(&given, from);
    return error != 0 ? error : limit(0, (uint32_t)which, &given, &old);
}

SHIM4(linux_prlimit64, pid, which, from, to) {
    struct kernel_rlimit given, old;
    int32_t error = from != 0 ? fetch_struct(&given, from) : 0;
    if (error == 0)
        error = (int32_t)pid < 0 ? -ESRCH : limit((int32_t)pid, (uint32_t)which, from != 0 ? &given : nullptr, &old);
    if (error != 0 || to == 0) return error;
    return store_struct(to, &old);
}
