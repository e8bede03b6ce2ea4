// Limits, priorities, scheduling policies, affinity.
#include "raw_call.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>

struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t minimum, maximum;
};

static void test_limits(void) {
    struct rlimit limit, old, bad = {10, 5};
    ANSWERS("getrlimit: NOFILE", 0, syscall(SYS_getrlimit, RLIMIT_NOFILE, &limit));
    FAILS("getrlimit: EINVAL", EINVAL, syscall(SYS_getrlimit, 16, &limit));
    FAILS("getrlimit: EFAULT", EFAULT, syscall(SYS_getrlimit, RLIMIT_NOFILE, nowhere));
    FAILS("setrlimit: EINVAL for a resource", EINVAL, syscall(SYS_setrlimit, 16, &limit));
    FAILS("setrlimit: EFAULT", EFAULT, syscall(SYS_setrlimit, RLIMIT_NOFILE, nowhere));
    FAILS("setrlimit: EINVAL for soft above hard", EINVAL, syscall(SYS_setrlimit, RLIMIT_NOFILE, &bad));
    FAILS("prlimit64: EINVAL for soft above hard", EINVAL, syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &bad, nullptr));
    FAILS("prlimit64: EINVAL for a resource", EINVAL, syscall(SYS_prlimit64, 0, 16, nullptr, &old));
    FAILS("prlimit64: ESRCH", ESRCH, syscall(SYS_prlimit64, 4000000, RLIMIT_NOFILE, nullptr, &old));
    FAILS("prlimit64: EFAULT for the new", EFAULT, syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, nowhere, nullptr));
    FAILS("prlimit64: EFAULT for the old", EFAULT, syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, nowhere));
    struct rlimit small = {20, limit.rlim_max};
    ANSWERS("prlimit64: sets and gets", 0, syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &small, &old));
    HOLDS("prlimit64: the old one", old.rlim_cur == limit.rlim_cur);
    FAILS("dup2: EBADF beyond the limit", EBADF, dup2(1, 20));
    int last = -1, next;
    while ((next = dup(1)) >= 0)
        last = next;
    HOLDS("dup: EMFILE at the limit", errno == EMFILE && last == 19);
    for (int i = 3; i < 20; i++)
        close(i);
    ANSWERS("setrlimit: back", 0, syscall(SYS_setrlimit, RLIMIT_NOFILE, &limit));
    pid_t child = idle_child();
    ANSWERS("prlimit64: of a child", 0, syscall(SYS_prlimit64, child, RLIMIT_CORE, &(struct rlimit){0, 0}, &old));
    ANSWERS("prlimit64: was set in the child", 0, syscall(SYS_prlimit64, child, RLIMIT_CORE, nullptr, &old));
    HOLDS("prlimit64: the child's limit", old.rlim_cur == 0 && old.rlim_max == 0);
    end_child(child);
}

static int unprivileged(void) {
    struct rlimit limit = {5, 5}, higher = {5, 6};
    if (setuid(1000) != 0) return 1;
    if (syscall(SYS_setrlimit, RLIMIT_CORE, &limit) != 0) return 2;
    if (syscall(SYS_setrlimit, RLIMIT_CORE, &higher) != -1 || errno != EPERM) return 3;
    if (syscall(SYS_setpriority, PRIO_PROCESS, 0, 5) != 0) return 4;
    if (syscall(SYS_setpriority, PRIO_PROCESS, 0, 1) != -1 || errno != EACCES) return 5;
    if (syscall(SYS_setpriority, PRIO_PROCESS, getppid(), 7) != -1 || errno != EPERM) return 6;
    struct sched_param parameters = {.sched_priority = 1};
    if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &parameters) != -1 || errno != EPERM) return 7;
    if (syscall(SYS_prlimit64, getppid(), RLIMIT_CORE, nullptr, &limit) != -1 || errno != EPERM) return 8;
    return 0;
}

static int too_large_file(void) {
    struct rlimit limit = {100, 100};
    char name[] = "/tmp/limit-XXXXXX", bytes[60] = {};
    int file = mkstemp(name);
    unlink(name);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    if (write(file, bytes, 60) != 60 || write(file, bytes, 60) != 40) return 1;
    if (write(file, bytes, 60) != -1 || errno != EFBIG) return 2;
    if (ftruncate(file, 101) != -1 || errno != EFBIG) return 3;
    signal(SIGXFSZ, SIG_DFL);
    (void)!write(file, bytes, 1);
    return 4;
}

static int too_many_processes(void) {
    struct rlimit limit = {0, 0};
    if (setuid(54321) != 0) return 1;
    setrlimit(RLIMIT_NPROC, &limit);
    pid_t child = fork();
    if (child == 0) _exit(0);
    return child == -1 && errno == EAGAIN ? 0 : 2;
}

static int too_much_processor_time(void) {
    struct rlimit limit = {1, 2};
    setrlimit(RLIMIT_CPU, &limit);
    for (volatile unsigned long i = 0;; i++) {
    }
    return 0;
}

static void test_priorities(void) {
    ANSWERS("getpriority: 20 is nice 0", 20, syscall(SYS_getpriority, PRIO_PROCESS, 0));
    FAILS("getpriority: EINVAL", EINVAL, syscall(SYS_getpriority, 3, 0));
    FAILS("getpriority: ESRCH", ESRCH, syscall(SYS_getpriority, PRIO_PROCESS, 4000000));
    FAILS("getpriority: ESRCH for a group", ESRCH, syscall(SYS_getpriority, PRIO_PGRP, 4000000));
    FAILS("setpriority: EINVAL", EINVAL, syscall(SYS_setpriority, 3, 0, 0));
    FAILS("setpriority: ESRCH", ESRCH, syscall(SYS_setpriority, PRIO_PROCESS, 4000000, 0));
    ANSWERS("setpriority: own", 0, syscall(SYS_setpriority, PRIO_PROCESS, 0, 100));
    ANSWERS("setpriority: bounded", 1, syscall(SYS_getpriority, PRIO_PROCESS, getpid()));
    ANSWERS("setpriority: root may lower", 0, syscall(SYS_setpriority, PRIO_PROCESS, 0, 0));
    ANSWERS("getpriority: of the group", 20, syscall(SYS_getpriority, PRIO_PGRP, 0));
    ANSWERS("setrlimit, setpriority, sched_setscheduler: an unprivileged user", 0, in_child(unprivileged));
}

static void test_policies(void) {
    struct sched_param parameters = {};
    struct attributes attributes = {.size = sizeof attributes};
    struct timespec interval;
    ANSWERS("sched_getscheduler: SCHED_OTHER", SCHED_OTHER, syscall(SYS_sched_getscheduler, 0));
    FAILS("sched_getscheduler: EINVAL", EINVAL, syscall(SYS_sched_getscheduler, -1));
    FAILS("sched_getscheduler: ESRCH", ESRCH, syscall(SYS_sched_getscheduler, 4000000));
    ANSWERS("sched_getparam: 0", 0, syscall(SYS_sched_getparam, 0, &parameters));
    FAILS("sched_getparam: EINVAL for no place", EINVAL, syscall(SYS_sched_getparam, 0, nullptr));
    FAILS("sched_getparam: EINVAL for a pid", EINVAL, syscall(SYS_sched_getparam, -1, &parameters));
    FAILS("sched_getparam: ESRCH", ESRCH, syscall(SYS_sched_getparam, 4000000, &parameters));
    FAILS("sched_setparam: EINVAL for no parameters", EINVAL, syscall(SYS_sched_setparam, 0, nullptr));
    FAILS("sched_setparam: EINVAL for a priority", EINVAL,
          syscall(SYS_sched_setparam, 0, &(struct sched_param){.sched_priority = 3}));
    FAILS("sched_setparam: ESRCH", ESRCH, syscall(SYS_sched_setparam, 4000000, &parameters));
    ANSWERS("sched_setparam: the same", 0, syscall(SYS_sched_setparam, 0, &parameters));
    FAILS("sched_setscheduler: EINVAL for a policy", EINVAL, syscall(SYS_sched_setscheduler, 0, 77, &parameters));
    FAILS("sched_setscheduler: EINVAL for a pid", EINVAL,
          syscall(SYS_sched_setscheduler, -1, SCHED_OTHER, &parameters));
    FAILS("sched_setscheduler: EINVAL for no parameters", EINVAL,
          syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, nullptr));
    FAILS("sched_setscheduler: EINVAL for FIFO with 0", EINVAL,
          syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &parameters));
    FAILS("sched_setscheduler: ESRCH", ESRCH, syscall(SYS_sched_setscheduler, 4000000, SCHED_OTHER, &parameters));
    ANSWERS("sched_setscheduler: SCHED_BATCH", 0, syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &parameters));
    ANSWERS("sched_getscheduler: SCHED_BATCH", SCHED_BATCH, syscall(SYS_sched_getscheduler, 0));
    ANSWERS("sched_setscheduler: back", 0, syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &parameters));
    ANSWERS("sched_get_priority_max: FIFO", 99, syscall(SYS_sched_get_priority_max, SCHED_FIFO));
    ANSWERS("sched_get_priority_min: RR", 1, syscall(SYS_sched_get_priority_min, SCHED_RR));
    ANSWERS("sched_get_priority_max: OTHER", 0, syscall(SYS_sched_get_priority_max, SCHED_OTHER));
    FAILS("sched_get_priority_max: EINVAL", EINVAL, syscall(SYS_sched_get_priority_max, 77));
    FAILS("sched_get_priority_min: EINVAL", EINVAL, syscall(SYS_sched_get_priority_min, -1));
    ANSWERS("sched_rr_get_interval: own", 0, syscall(SYS_sched_rr_get_interval, 0, &interval));
    FAILS("sched_rr_get_interval: EINVAL", EINVAL, syscall(SYS_sched_rr_get_interval, -1, &interval));
    FAILS("sched_rr_get_interval: ESRCH", ESRCH, syscall(SYS_sched_rr_get_interval, 4000000, &interval));
    FAILS("sched_rr_get_interval: EFAULT", EFAULT, syscall(SYS_sched_rr_get_interval, 0, nowhere));
    ANSWERS("sched_yield: 0", 0, syscall(SYS_sched_yield));
    ANSWERS("sched_getattr: own", 0, syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0));
    HOLDS("sched_getattr: the values", attributes.policy == SCHED_OTHER && attributes.nice == 0);
    FAILS("sched_getattr: EINVAL for a size", EINVAL, syscall(SYS_sched_getattr, 0, &attributes, 40, 0));
    FAILS("sched_getattr: EINVAL for flags", EINVAL, syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 1));
    FAILS("sched_getattr: EINVAL for no place", EINVAL, syscall(SYS_sched_getattr, 0, nullptr, sizeof attributes, 0));
    FAILS("sched_getattr: ESRCH", ESRCH, syscall(SYS_sched_getattr, 4000000, &attributes, sizeof attributes, 0));
    attributes = (struct attributes){.size = sizeof attributes, .nice = 3};
    ANSWERS("sched_setattr: nice", 0, syscall(SYS_sched_setattr, 0, &attributes, 0));
    ANSWERS("sched_setattr: was set", 17, syscall(SYS_getpriority, PRIO_PROCESS, 0));
    syscall(SYS_setpriority, PRIO_PROCESS, 0, 0);
    FAILS("sched_setattr: EINVAL for flags", EINVAL, syscall(SYS_sched_setattr, 0, &attributes, 1));
    FAILS("sched_setattr: ESRCH", ESRCH, syscall(SYS_sched_setattr, 4000000, &attributes, 0));
    attributes.policy = 77;
    FAILS("sched_setattr: EINVAL for a policy", EINVAL, syscall(SYS_sched_setattr, 0, &attributes, 0));
    attributes.size = 20;
    FAILS("sched_setattr: E2BIG for a size", E2BIG, syscall(SYS_sched_setattr, 0, &attributes, 0));
    HOLDS("sched_setattr: tells the size", attributes.size >= 48);
}

static void test_affinity(void) {
    uint64_t mask[16] = {}, none[16] = {};
    uint32_t cpu = 999, node = 999;
    long size = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
    HOLDS("sched_getaffinity: a size and processors", size >= 8 && size % 8 == 0 && mask[0] != 0);
    FAILS("sched_getaffinity: EINVAL for a small size", EINVAL, syscall(SYS_sched_getaffinity, 0, 0, mask));
    FAILS("sched_getaffinity: EINVAL for an odd size", EINVAL, syscall(SYS_sched_getaffinity, 0, 13, mask));
    FAILS("sched_getaffinity: EFAULT", EFAULT, syscall(SYS_sched_getaffinity, 0, sizeof mask, nowhere));
    FAILS("sched_getaffinity: ESRCH", ESRCH, syscall(SYS_sched_getaffinity, 4000000, sizeof mask, mask));
    FAILS("sched_setaffinity: EINVAL for no processor", EINVAL, syscall(SYS_sched_setaffinity, 0, sizeof none, none));
    FAILS("sched_setaffinity: EFAULT", EFAULT, syscall(SYS_sched_setaffinity, 0, sizeof mask, nowhere));
    FAILS("sched_setaffinity: ESRCH", ESRCH, syscall(SYS_sched_setaffinity, 4000000, sizeof mask, mask));
    none[0] = mask[0] & -mask[0];
    ANSWERS("sched_setaffinity: one processor", 0, syscall(SYS_sched_setaffinity, 0, sizeof none, none));
    ANSWERS("getcpu: 0", 0, syscall(SYS_getcpu, &cpu, &node, nullptr));
    HOLDS("getcpu: runs where it must", (1ULL << cpu) == none[0]);
    FAILS("getcpu: EFAULT", EFAULT, syscall(SYS_getcpu, nowhere, nullptr, nullptr));
    ANSWERS("sched_setaffinity: back", 0, syscall(SYS_sched_setaffinity, 0, sizeof mask, mask));
}

static void test_io_priorities(void) {
    ANSWERS("ioprio_set: best effort", 0, syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 4));
    SUCCEEDS("ioprio_get: own", syscall(SYS_ioprio_get, 1, 0));
    FAILS("ioprio_get: EINVAL", EINVAL, syscall(SYS_ioprio_get, 9, 0));
    FAILS("ioprio_get: ESRCH", ESRCH, syscall(SYS_ioprio_get, 1, 4000000));
    FAILS("ioprio_set: EINVAL for a kind", EINVAL, syscall(SYS_ioprio_set, 9, 0, 2 << 13 | 4));
    FAILS("ioprio_set: EINVAL for a class", EINVAL, syscall(SYS_ioprio_set, 1, 0, 7 << 13));
    FAILS("ioprio_set: ESRCH", ESRCH, syscall(SYS_ioprio_set, 1, 4000000, 2 << 13 | 4));
}

int main(void) {
    test_limits();
    ANSWERS("setrlimit: RLIMIT_FSIZE", 128 + SIGXFSZ, in_child(too_large_file));
    ANSWERS("setrlimit: RLIMIT_NPROC", 0, in_child(too_many_processes));
    ANSWERS("setrlimit: RLIMIT_CPU", 128 + SIGXCPU, in_child(too_much_processor_time));
    test_priorities();
    test_policies();
    test_affinity();
    test_io_priorities();
    return tap_done();
}
