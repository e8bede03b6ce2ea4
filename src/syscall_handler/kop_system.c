// Ops of resources and the system as a whole.
#include "lib/string.h"
#include "rmm/frame.h"
#include "src/context/context.h"
#include "src/context/exit.h"
#include "src/context/scheduler.h"
#include "src/kernel.h"
#include "src/memory/address_space.h"
#include "src/memory/memory_object.h"
#include "src/memory/user_copy.h"
#include "src/random.h"
#include "src/syscall_handler/trace_output.h"

constexpr uint64_t OPEN_FILES_MAXIMUM = 1'048'576;

// ---- usage and limits

int32_t kop_resource_usage(int32_t who, struct kernel_rusage *usage) {
    struct context *self = context_current();
    struct process *process = self->process;
    scheduler_account_current();
    switch (who) {
    case 0:
        spin_lock(&process->lock);
        process_usage_locked(process, usage);
        spin_unlock(&process->lock);
        return 0;
    case -1:
        spin_lock(&tasklist_lock);
        *usage = process->children_usage;
        spin_unlock(&tasklist_lock);
        return 0;
    case 1:
        *usage = (struct kernel_rusage){
            .user_time = self->user_time,
            .system_time = self->system_time,
            .maximum_resident_pages = process->address_space->maximum_resident_pages,
            .minor_faults = self->minor_faults,
            .major_faults = self->major_faults,
            .voluntary_switches = self->voluntary_switches,
            .involuntary_switches = self->involuntary_switches,
        };
        return 0;
    default:
        return -EINVAL;
    }
}

// prlimit(2): all ids of the target must be the caller's real ones.
static bool may_change_limits(struct process *process) {
    if (process == process_current() || capable(CAP_SYS_RESOURCE)) return true;
    const struct kernel_credentials *own = &process_current()->credentials->ids;
    struct credentials *credentials = process_credentials(process);
    const struct kernel_credentials *ids = &credentials->ids;
    bool allowed = own->uid == ids->uid && own->uid == ids->euid && own->uid == ids->suid && own->gid == ids->gid &&
                   own->gid == ids->egid && own->gid == ids->sgid;
    credentials_put(credentials);
    return allowed;
}

static int32_t set_limit(struct process *process, enum resource_limit which, const struct kernel_rlimit *limit) {
    struct kernel_rlimit *own = &process->limits[which];
    if (limit->current > limit->maximum) return -EINVAL;
    if (which == RLIMIT_NOFILE && limit->maximum > OPEN_FILES_MAXIMUM) return -EPERM;
    if (limit->maximum > own->maximum && !capable(CAP_SYS_RESOURCE)) return -EPERM;
    *own = *limit;
    if (process->address_space) process_apply_limits(process, process->address_space);
    return 0;
}

int32_t kop_resource_limit(int32_t pid, enum resource_limit which, const struct kernel_rlimit *limit,
                           struct kernel_rlimit *old) {
    if (which >= RLIMIT_COUNT) return -EINVAL;
    struct process *process = pid ? process_find(pid) : process_current();
    if (!process) return -ESRCH;
    int32_t error = 0;
    struct kernel_rlimit before;
    if (!may_change_limits(process)) {
        error = -EPERM;
    } else {
        spin_lock(&process->lock);
        before = process->limits[which];
        if (limit) error = set_limit(process, which, limit);
        spin_unlock(&process->lock);
        if (!error && old) *old = before;
    }
    if (pid) process_put(process);
    return error;
}

// ---- the system

int32_t kop_system_information(struct kernel_system_information *information) {
    uint32_t threads = 0;
    spin_lock(&tasklist_lock);
    list_for_each(process, &processes, struct process, all_link) threads += process->thread_count;
    spin_unlock(&tasklist_lock);
    *information = (struct kernel_system_information){
        .memory_total = frame_total << PAGE_SHIFT,
        .memory_free = frame_free_count() << PAGE_SHIFT,
        .memory_cached = memory_cached_pages() << PAGE_SHIFT,
        .processes = threads,
        .cpus = cpu_count,
        .uptime = clock_monotonic(),
    };
    scheduler_load(information->load);
    return 0;
}

static struct spinlock name_lock = SPINLOCK_INIT(RANK_DEVICE); // guards both names
static char host_name[65] = "helctic", domain_name[65] = "(none)";

int32_t kop_host_name_get(char name[65], char domain[65]) {
    spin_lock(&name_lock);
    memcpy(name, host_name, sizeof(host_name));
    memcpy(domain, domain_name, sizeof(domain_name));
    spin_unlock(&name_lock);
    return 0;
}

int32_t kop_host_name_set(const char *name, size_t length, uint32_t domain) {
    if (!capable(CAP_SYS_ADMIN)) return -EPERM;
    if (length >= sizeof(host_name)) return -EINVAL;
    char *to = domain ? domain_name : host_name;
    spin_lock(&name_lock);
    memset(to, 0, sizeof(host_name));
    memcpy(to, name, length);
    spin_unlock(&name_lock);
    return 0;
}

int32_t kop_random(const struct segment *segment, size_t *done) {
    uint8_t buffer[256];
    struct segment_cursor cursor = segment_cursor_start(segment, 1);
    size_t total = 0;
    while (cursor.remaining) {
        size_t count = min(cursor.remaining, sizeof(buffer));
        random_bytes(buffer, count);
        size_t copied = segment_copy_in(&cursor, buffer, count);
        total += copied;
        if (copied < count) break;
        if (total % (64 * 1024) == 0) {
            preemption_point();
            if (signal_deliverable()) break;
        }
    }
    memset(buffer, 0, sizeof(buffer));
    *done = total;
    return total || !segment->length ? 0 : -EFAULT;
}

int32_t kop_reboot(enum reboot_kind kind) {
    if (!capable(CAP_SYS_BOOT)) return -EPERM;
    if (kind > REBOOT_HALT) return -EINVAL;
    (void)kop_sync(-1);
    trace_output_finish();
    log_info("reboot", "%s", kind == REBOOT_RESTART ? "restarting" : "powering off");
    if (kind == REBOOT_RESTART) arch_reset();
    arch_power_off();
}

int32_t kop_console_log_read(char *buffer, size_t size, size_t *done) {
    *done = log_read(buffer, size);
    return 0;
}

// ---- out of memory

int32_t process_kill_largest(void) {
    struct process *largest = nullptr;
    int64_t most = 0;
    uint64_t most_pages = 0;
    spin_lock(&tasklist_lock);
    list_for_each(process, &processes, struct process, all_link) {
        spin_lock(&process->lock);
        uint64_t pages = process->address_space ? process->address_space->resident_pages : 0;
        bool dying = process->exiting;
        spin_unlock(&process->lock);
        // The preference counts as thousandths of all memory, as on Linux.
        int32_t preference = atomic_load_relaxed(&process->kill_preference);
        int64_t weight = (int64_t)pages + preference * (int64_t)(frame_total / 1000);
        if (process->pid == 1 || dying || !pages || preference == -1000 || max(weight, (int64_t)1) <= most) continue;
        most = max(weight, (int64_t)1);
        most_pages = pages;
        largest = process;
    }
    if (largest) object_get(&largest->object);
    spin_unlock(&tasklist_lock);
    if (!largest) return 0;
    int32_t pid = largest->pid;
    log_warning("memory", "out of memory: killing process %d (%s), %lu KiB resident", pid,
                largest->leader ? largest->leader->name : "?", (unsigned long)(most_pages * (PAGE_SIZE / 1024)));
    const struct kernel_siginfo info = {.signal = SIGKILL, .code = SI_KERNEL};
    (void)signal_send_process(largest, &info);
    process_put(largest);
    return pid;
}
