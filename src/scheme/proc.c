#include "src/scheme/proc.h"

#include "lib/format.h"
#include "lib/string.h"
#include "rmm/frame.h"
#include "src/boot.h"
#include "src/context/context.h"
#include "src/kernel.h"
#include "src/memory/heap.h"
#include "src/random.h"

// The release that programs see: what they test for features, so a real Linux's.
constexpr uint64_t PROC_MAGIC = 0x9fa0;
constexpr nanoseconds TICK = NANOSECONDS_PER_SECOND / 100; // USER_HZ

static struct kernel_system_information information(void) {
    struct kernel_system_information system = {};
    if (kop_system_information(&system) < 0) system.cpus = cpu_count;
    return system;
}

static int32_t show_version(struct text *text, const struct view_target *) {
    text_print(text, "Linux version %s (Helctic %s) #1 SMP\n", LINUX_RELEASE, HELCTIC_VERSION);
    return 0;
}

static int32_t show_uptime(struct text *text, const struct view_target *) {
    nanoseconds now = clock_monotonic(), idle = 0;
    for (unsigned i = 0; i < cpu_count; i++) {
        if (cpus[i].idle_context) idle += cpus[i].idle_context->system_time;
    }
    text_print(text, "%ld.%02ld %ld.%02ld\n", now / NANOSECONDS_PER_SECOND, now / (10 * 1000 * 1000) % 100,
               idle / NANOSECONDS_PER_SECOND, idle / (10 * 1000 * 1000) % 100);
    return 0;
}

static void print_load(struct text *text, uint32_t load) {
    text_print(text, "%u.%02u ", load >> 16, ((load & 0xffff) * 100) >> 16);
}

static int32_t show_loadavg(struct text *text, const struct view_target *) {
    struct kernel_system_information system = information();
    for (unsigned i = 0; i < 3; i++)
        print_load(text, system.load[i]);
    int32_t newest = 0;
    uint32_t running = 0;
    spin_lock(&tasklist_lock);
    list_for_each(process, &processes, struct process, all_link) {
        newest = process->pid;
        if (process->leader && process->leader->state == CONTEXT_RUNNABLE) running++;
    }
    spin_unlock(&tasklist_lock);
    text_print(text, "%u/%u %d\n", running, process_count, newest);
    return 0;
}

static int32_t show_meminfo(struct text *text, const struct view_target *) {
    struct kernel_system_information system = information();
    struct {
        const char *name;
        uint64_t kib;
    } lines[] = {
        {"MemTotal", system.memory_total / 1024},
        {"MemFree", system.memory_free / 1024},
        {"MemAvailable", (system.memory_free + system.memory_cached) / 1024},
        {"Buffers", 0},
        {"Cached", system.memory_cached / 1024},
        {"SwapCached", 0},
        {"SwapTotal", 0},
        {"SwapFree", 0},
        {"Dirty", 0},
        {"Shmem", 0},
        {"Slab", heap_used() / 1024},
        {"CommitLimit", system.memory_total / 1024},
    };
    for (unsigned i = 0; i < array_size(lines); i++) {
        text_print(text, "%s:", lines[i].name);
        text_print(text, "%*lu kB\n", 24 - (int)strlen(lines[i].name), lines[i].kib);
    }
    return 0;
}

static int32_t show_cpuinfo(struct text *text, const struct view_target *) {
    char *buffer = heap_alloc(PAGE_SIZE);
    if (!buffer) return -ENOMEM;
    for (unsigned i = 0; i < cpu_count; i++)
        text_append(text, buffer, min(arch_cpu_description(i, buffer, PAGE_SIZE), PAGE_SIZE));
    heap_free(buffer);
    return 0;
}

static int32_t show_stat(struct text *text, const struct view_target *) {
    uint64_t switches = 0;
    int64_t user = 0, system = 0, idle = 0;
    spin_lock(&tasklist_lock);
    list_for_each(process, &processes, struct process, all_link) {
        user += process->usage.user_time;
        system += process->usage.system_time;
        list_for_each(context, &process->threads, struct context, process_link) {
            user += context->user_time;
            system += context->system_time;
        }
    }
    spin_unlock(&tasklist_lock);
    nanoseconds total = clock_monotonic() * (int64_t)cpu_count;
    idle = max(total - user - system, (int64_t)0);
    text_print(text, "cpu  %ld 0 %ld %ld 0 0 0 0 0 0\n", user / TICK, system / TICK, idle / TICK);
    for (unsigned i = 0; i < cpu_count; i++) {
        text_print(text, "cpu%u %ld 0 %ld %ld 0 0 0 0 0 0\n", i, user / TICK / (int64_t)cpu_count,
                   system / TICK / (int64_t)cpu_count, idle / TICK / (int64_t)cpu_count);
        switches += cpus[i].switch_count;
    }
    nanoseconds boot = clock_wall_offset();
    text_print(text, "intr 0\nctxt %lu\nbtime %ld\nprocesses %u\nprocs_running 1\nprocs_blocked 0\n", switches,
               boot / NANOSECONDS_PER_SECOND, process_count);
    return 0;
}

static int32_t show_command_line(struct text *text, const struct view_target *) {
    text_print(text, "%s\n", boot_information.command_line);
    return 0;
}

static int32_t show_filesystems(struct text *text, const struct view_target *) {
    text_print(text, "nodev\tproc\nnodev\tsysfs\nnodev\ttmpfs\nnodev\tdevtmpfs\n");
    return 0;
}

static int32_t show_devices(struct text *text, const struct view_target *) {
    text_print(text, "Character devices:\n  1 mem\n  4 ttyS\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n\n"
                     "Block devices:\n");
    return 0;
}

static int32_t show_nothing(struct text *, const struct view_target *) {
    return 0;
}

static int32_t show_partitions(struct text *text, const struct view_target *) {
    text_print(text, "major minor  #blocks  name\n\n");
    return 0;
}

static int32_t show_swaps(struct text *text, const struct view_target *) {
    text_print(text, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    return 0;
}

static int32_t show_vmstat(struct text *text, const struct view_target *) {
    uint64_t flushes = 0, interrupts = 0, tables = 0;
    for (unsigned i = 0; i < cpu_count; i++) {
        flushes += cpus[i].flush_count;
        interrupts += cpus[i].ipi_count;
        tables += cpus[i].table_count;
    }
    text_print(text, "nr_free_pages %lu\n", frame_free_count());
    text_print(text, "nr_tlb_flush %lu\nnr_ipi %lu\nnr_page_table_switch %lu\n", flushes, interrupts, tables);
    return 0;
}

static int32_t link_self(const struct view_target *, char *buffer, size_t size, size_t *length) {
    *length = min(format_string(buffer, size, "%d", process_current()->pid), size);
    return 0;
}

static int32_t link_thread_self(const struct view_target *, char *buffer, size_t size, size_t *length) {
    *length = min(format_string(buffer, size, "%d/task/%d", process_current()->pid, context_current()->tid), size);
    return 0;
}

static int32_t link_mounts(const struct view_target *, char *buffer, size_t size, size_t *length) {
    *length = min(format_string(buffer, size, "self/mounts"), size);
    return 0;
}

// ---- sys

static int32_t show_host_name(struct text *text, const struct view_target *) {
    char name[65], domain[65];
    int32_t error = kop_host_name_get(name, domain);
    if (!error) text_print(text, "%s\n", name);
    return error;
}

static int32_t show_domain_name(struct text *text, const struct view_target *) {
    char name[65], domain[65];
    int32_t error = kop_host_name_get(name, domain);
    if (!error) text_print(text, "%s\n", domain);
    return error;
}

static size_t trimmed(const char *text, size_t length) {
    while (length && (text[length - 1] == '\n' || text[length - 1] == ' '))
        length--;
    return length;
}

static int32_t store_host_name(const char *text, size_t length, const struct view_target *) {
    return kop_host_name_set(text, trimmed(text, length), false);
}

static int32_t store_domain_name(const char *text, size_t length, const struct view_target *) {
    return kop_host_name_set(text, trimmed(text, length), true);
}

static int32_t show_os_type(struct text *text, const struct view_target *) {
    text_print(text, "Linux\n");
    return 0;
}

static int32_t show_os_release(struct text *text, const struct view_target *) {
    text_print(text, LINUX_RELEASE "\n");
    return 0;
}

static int32_t show_os_version(struct text *text, const struct view_target *) {
    text_print(text, "#1 SMP Helctic " HELCTIC_VERSION "\n");
    return 0;
}

static void print_uuid(struct text *text, uint8_t bytes[16]) {
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    for (unsigned i = 0; i < 16; i++)
        text_print(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
    text_print(text, "\n");
}

static int32_t show_uuid(struct text *text, const struct view_target *) {
    uint8_t bytes[16];
    random_bytes(bytes, sizeof bytes);
    print_uuid(text, bytes);
    return 0;
}

static int32_t show_boot_id(struct text *text, const struct view_target *) {
    static uint8_t id[16];
    static bool made;
    if (!made) random_bytes(id, sizeof id);
    made = true;
    print_uuid(text, id);
    return 0;
}

#define NUMBER(function, value)                                                                                        \
    static int32_t function(struct text *text, const struct view_target *) {                                           \
        text_print(text, "%s\n", value);                                                                               \
        return 0;                                                                                                      \
    }
NUMBER(show_entropy, "256")
NUMBER(show_pid_max, "32768")
NUMBER(show_threads_max, "32768")
NUMBER(show_groups_max, "64")
NUMBER(show_cap_last, "40")
NUMBER(show_core_pattern, "core")
NUMBER(show_overcommit, "0")
NUMBER(show_map_count, "65530")
NUMBER(show_file_max, "1048576")
NUMBER(show_pipe_max, "1048576")
NUMBER(show_nr_open, "1048576")
NUMBER(show_lease_time, "45")
NUMBER(show_mmap_min, "65536")
NUMBER(show_randomize, "2")
NUMBER(show_somaxconn, "4096")
NUMBER(show_tainted, "0")
#undef NUMBER

#define FILE(text, function)      {.name = (text), .mode = S_IFREG | 0444, .show = (function)}
#define DIRECTORY(text, contents) {.name = (text), .mode = S_IFDIR | 0555, .children = (contents)}
#define LINK(text, function)      {.name = (text), .mode = S_IFLNK | 0777, .read_link = (function)}

static const struct view_entry random_entries[] = {
    FILE("boot_id", show_boot_id), FILE("entropy_avail", show_entropy), FILE("uuid", show_uuid), {}};
static const struct view_entry kernel_entries[] = {
    FILE("cap_last_cap", show_cap_last),
    FILE("core_pattern", show_core_pattern),
    {.name = "domainname", .mode = S_IFREG | 0644, .show = show_domain_name, .store = store_domain_name},
    {.name = "hostname", .mode = S_IFREG | 0644, .show = show_host_name, .store = store_host_name},
    FILE("ngroups_max", show_groups_max),
    FILE("osrelease", show_os_release),
    FILE("ostype", show_os_type),
    FILE("pid_max", show_pid_max),
    DIRECTORY("random", random_entries),
    FILE("randomize_va_space", show_randomize),
    FILE("tainted", show_tainted),
    FILE("threads-max", show_threads_max),
    FILE("version", show_os_version),
    {}};
static const struct view_entry vm_entries[] = {FILE("max_map_count", show_map_count),
                                               FILE("mmap_min_addr", show_mmap_min),
                                               FILE("overcommit_memory", show_overcommit),
                                               {}};
static const struct view_entry fs_entries[] = {FILE("file-max", show_file_max),
                                               FILE("lease-break-time", show_lease_time),
                                               FILE("nr_open", show_nr_open),
                                               FILE("pipe-max-size", show_pipe_max),
                                               {}};
static const struct view_entry net_core_entries[] = {FILE("somaxconn", show_somaxconn), {}};
static const struct view_entry net_entries[] = {DIRECTORY("core", net_core_entries), {}};
static const struct view_entry sys_entries[] = {DIRECTORY("fs", fs_entries),
                                                DIRECTORY("kernel", kernel_entries),
                                                DIRECTORY("net", net_entries),
                                                DIRECTORY("vm", vm_entries),
                                                {}};

// A superuser may ask for a panic ('c'), a reset ('b') or power-off ('o').
static int32_t store_sysrq(const char *text, size_t length, const struct view_target *) {
    if (!length) return 0;
    if (text[0] == 'c') panic("asked for by /proc/sysrq-trigger");
    if (text[0] == 'b') arch_reset();
    if (text[0] == 'o') arch_power_off();
    return 0;
}

static const struct view_entry root_entries[] = {
    FILE("cmdline", show_command_line),
    FILE("cpuinfo", show_cpuinfo),
    FILE("devices", show_devices),
    FILE("filesystems", show_filesystems),
    FILE("loadavg", show_loadavg),
    FILE("meminfo", show_meminfo),
    FILE("modules", show_nothing),
    LINK("mounts", link_mounts),
    FILE("partitions", show_partitions),
    LINK("self", link_self),
    FILE("stat", show_stat),
    FILE("swaps", show_swaps),
    DIRECTORY("sys", sys_entries),
    LINK("thread-self", link_thread_self),
    {.name = "sysrq-trigger", .mode = S_IFREG | 0200, .store = store_sysrq},
    FILE("uptime", show_uptime),
    FILE("version", show_version),
    FILE("vmstat", show_vmstat),
    {}};
static const struct view_entry root = {.name = "",
                                       .mode = S_IFDIR | 0555,
                                       .children = root_entries,
                                       .list = proc_list_processes,
                                       .find = proc_find_process};

static const struct scheme proc_scheme = VIEW_SCHEME("proc", PROC_MAGIC);

static int32_t proc_create(struct mount *mount, const char *, struct node **node) {
    return view_root(&proc_scheme, mount, &root, node);
}

static const struct mount_type proc_type = {.name = "proc", .create = proc_create};

bool proc_parse_number(const char *name, size_t length, int32_t *number) {
    int32_t value = 0;
    if (length == 0 || length > 9 || (name[0] == '0' && length > 1)) return false;
    for (size_t i = 0; i < length; i++) {
        if (name[i] < '0' || name[i] > '9') return false;
        value = value * 10 + (name[i] - '0');
    }
    *number = value;
    return true;
}

void proc_init(void) {
    mount_type_register(&proc_type);
}
