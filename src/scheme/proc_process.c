// /proc/PID: the figures of one process.
#include "lib/format.h"
#include "lib/string.h"
#include "src/context/context.h"
#include "src/memory/address_space.h"
#include "src/memory/heap.h"
#include "src/scheme/proc.h"

constexpr nanoseconds TICK = NANOSECONDS_PER_SECOND / 100; // USER_HZ
constexpr size_t KIB_PER_PAGE = PAGE_SIZE / 1024;
constexpr size_t ARGUMENTS_MAXIMUM = 128 * 1024;

static struct process *find(const struct view_target *target) {
    return process_find(target->pid);
}

// The address space with a reference, or nullptr (a zombie).
static struct address_space *space_of(struct process *process) {
    spin_lock(&process->lock);
    struct address_space *space = process->address_space;
    if (space) address_space_get(space);
    spin_unlock(&process->lock);
    return space;
}

static char state_letter(const struct process *process, const struct context *context) {
    if (process->state == PROCESS_ZOMBIE) return 'Z';
    if (process->state == PROCESS_STOPPED) return 'T';
    if (!context) return 'X';
    return context->state == CONTEXT_RUNNABLE ? 'R' : 'S';
}

struct figures {
    uint64_t virtual_bytes, resident_pages, peak_pages, locked_pages;
    uint64_t code, stack, argument_start, argument_end, environment_start, environment_end, break_start;
};

static struct figures figures_of(struct process *process) {
    struct figures f = {};
    struct address_space *space = space_of(process);
    if (!space) return f;
    f = (struct figures){
        .virtual_bytes = space->mapped_pages * PAGE_SIZE,
        .resident_pages = space->resident_pages,
        .peak_pages = max(space->maximum_resident_pages, space->resident_pages),
        .locked_pages = space->locked_pages,
        .code = space->program_code,
        .stack = space->stack_top,
        .argument_start = space->argument_start,
        .argument_end = space->argument_end,
        .environment_start = space->environment_start,
        .environment_end = space->environment_end,
        .break_start = space->break_start,
    };
    address_space_put(space);
    return f;
}

struct times {
    nanoseconds user, system;
    uint64_t minor, major;
};

static struct times times_of(struct process *process, const struct context *only) {
    struct times t = {};
    if (only) return (struct times){only->user_time, only->system_time, only->minor_faults, only->major_faults};
    spin_lock(&process->lock);
    t = (struct times){process->usage.user_time, process->usage.system_time, process->usage.minor_faults,
                       process->usage.major_faults};
    list_for_each(context, &process->threads, struct context, process_link) {
        t.user += context->user_time;
        t.system += context->system_time;
        t.minor += context->minor_faults;
        t.major += context->major_faults;
    }
    spin_unlock(&process->lock);
    return t;
}

static signal_set signals_with(struct process *process, enum signal_disposition disposition) {
    signal_set set = 0;
    spin_lock(&process->signal_lock);
    for (uint32_t i = 0; process->actions && i < SIGNAL_COUNT; i++) {
        if (process->actions->actions[i].disposition == disposition) set |= signal_bit(i + 1);
    }
    spin_unlock(&process->signal_lock);
    return set;
}

// The thread that a target names, with a reference; nullptr: none. tid 0: the leader.
static struct context *thread_of(struct process *process, const struct view_target *target) {
    struct context *context = context_find(target->tid ? target->tid : process->pid);
    if (context && context->process != process) {
        context_put(context);
        return nullptr;
    }
    return context;
}

static int32_t terminal_number(const struct process *process) {
    // Only the serial console and ptys exist; the device number is what ps prints a name for.
    return process->terminal ? (int32_t)device_number(4, 64) : 0;
}

static void print_stat(struct text *text, struct process *process, struct context *context,
                       const struct view_target *target) {
    struct figures f = figures_of(process);
    struct times t = times_of(process, target->tid ? context : nullptr);
    int32_t nice = context ? context->nice : 0;
    text_print(text, "%d (%.15s) %c %d %d %d %d %d 0 %lu 0 %lu 0 %ld %ld %ld %ld %d %d %u 0 %ld %lu %lu %lu ",
               target->tid ? target->tid : process->pid, context ? context->name : "", state_letter(process, context),
               process->parent ? process->parent->pid : 0, process->group, process->session, terminal_number(process),
               process->terminal ? process->group : -1, t.minor, t.major, t.user / TICK, t.system / TICK,
               process->children_usage.user_time / TICK, process->children_usage.system_time / TICK, 20 + nice, nice,
               process->thread_count, process->start_time / TICK, f.virtual_bytes, f.resident_pages, RLIM_INFINITY);
    text_print(text, "%lu 0 %lu 0 0 %lu %lu %lu %lu 0 0 0 %u %u %u %u 0 0 0 0 0 %lu %lu %lu %lu %lu %d\n", f.code,
               f.stack, process->pending.set, context ? context->blocked : 0, signals_with(process, SIGNAL_IGNORE),
               signals_with(process, SIGNAL_HANDLER), process->exit_signal, context ? context->cpu : 0,
               context ? context->priority : 0, context ? context->policy : 0, f.break_start, f.argument_start,
               f.argument_end, f.environment_start, f.environment_end, process->exit_status);
}

static int32_t with_process(struct text *text, const struct view_target *target,
                            void (*print)(struct text *, struct process *, struct context *,
                                          const struct view_target *)) {
    struct process *process = find(target);
    if (!process) return -ESRCH;
    struct context *context = thread_of(process, target);
    print(text, process, context, target);
    if (context) context_put(context);
    process_put(process);
    return 0;
}

static int32_t show_stat(struct text *text, const struct view_target *target) {
    return with_process(text, target, print_stat);
}

static const char *state_text(char letter) {
    switch (letter) {
    case 'R':
        return "R (running)";
    case 'S':
        return "S (sleeping)";
    case 'T':
        return "T (stopped)";
    case 'Z':
        return "Z (zombie)";
    default:
        return "X (dead)";
    }
}

static void print_groups(struct text *text, const struct kernel_credentials *ids) {
    text_print(text, "Groups:\t");
    for (uint32_t i = 0; i < ids->group_count; i++)
        text_print(text, "%u ", ids->groups[i]);
    text_print(text, "\n");
}

static uint32_t count_descriptors(struct process *process) {
    spin_lock(&process->lock);
    uint32_t capacity = process->handles ? process->handles->capacity : 0;
    spin_unlock(&process->lock);
    return capacity;
}

static void print_status(struct text *text, struct process *process, struct context *context,
                         const struct view_target *target) {
    struct figures f = figures_of(process);
    const struct kernel_credentials *ids = &process->credentials->ids;
    text_print(text,
               "Name:\t%.15s\nUmask:\t%04o\nState:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
               context ? context->name : "", process->file_system ? process->file_system->umask : 0,
               state_text(state_letter(process, context)), process->pid, target->tid ? target->tid : process->pid,
               process->parent ? process->parent->pid : 0);
    text_print(text, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t%u\n", ids->uid, ids->euid, ids->suid,
               ids->fsuid, ids->gid, ids->egid, ids->sgid, ids->fsgid, count_descriptors(process));
    print_groups(text, ids);
    text_print(text, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t%8lu kB\nVmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n",
               f.virtual_bytes / 1024, f.virtual_bytes / 1024, f.locked_pages * KIB_PER_PAGE,
               f.peak_pages * KIB_PER_PAGE, f.resident_pages * KIB_PER_PAGE);
    text_print(text,
               "Threads:\t%u\nSigQ:\t0/%lu\nSigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\n"
               "SigCgt:\t%016lx\n",
               process->thread_count, process->limits[RLIMIT_SIGPENDING].current, context ? context->pending.set : 0,
               process->pending.set, context ? context->blocked : 0, signals_with(process, SIGNAL_IGNORE),
               signals_with(process, SIGNAL_HANDLER));
    text_print(text,
               "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\nCapAmb:\t%016lx\n"
               "NoNewPrivs:\t%u\nSeccomp:\t0\n",
               ids->capabilities_inheritable, ids->capabilities_permitted, ids->capabilities_effective,
               (2UL << CAP_LAST) - 1, 0UL, process->no_new_privileges);
    text_print(text, "Cpus_allowed:\t%lx\nvoluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
               context ? context->affinity & ((1UL << cpu_count) - 1) : 1, context ? context->voluntary_switches : 0,
               context ? context->involuntary_switches : 0);
}

static int32_t show_status(struct text *text, const struct view_target *target) {
    return with_process(text, target, print_status);
}

static void print_statm(struct text *text, struct process *process, struct context *, const struct view_target *) {
    struct figures f = figures_of(process);
    text_print(text, "%lu %lu 0 0 0 %lu 0\n", f.virtual_bytes / PAGE_SIZE, f.resident_pages,
               f.virtual_bytes / PAGE_SIZE);
}

static int32_t show_statm(struct text *text, const struct view_target *target) {
    return with_process(text, target, print_statm);
}

static void print_name(struct text *text, struct process *, struct context *context, const struct view_target *) {
    text_print(text, "%.15s\n", context ? context->name : "");
}

static int32_t show_name(struct text *text, const struct view_target *target) {
    return with_process(text, target, print_name);
}

static int32_t store_name(const char *text, size_t length, const struct view_target *target) {
    char name[16] = {};
    memcpy(name, text, min(length, sizeof name - 1));
    char *end = strchr(name, '\n');
    if (end) *end = 0;
    return kop_thread_name_set(target->tid ? target->tid : target->pid, name);
}

static void print_preference(struct text *text, struct process *process, struct context *, const struct view_target *) {
    text_print(text, "%d\n", atomic_load_relaxed(&process->kill_preference));
}

static int32_t show_preference(struct text *text, const struct view_target *target) {
    return with_process(text, target, print_preference);
}

static int32_t store_preference(const char *text, size_t length, const struct view_target *target) {
    unsigned long number;
    char digits[8] = {};
    const char *end;
    memcpy(digits, text, min(length, sizeof digits - 1));
    bool negative = digits[0] == '-';
    if (!parse_unsigned(digits + negative, &end, 10, &number) || (*end && *end != '\n') || number > 1000)
        return -EINVAL;
    int32_t preference = negative ? -(int32_t)number : (int32_t)number;
    struct process *process = find(target);
    if (!process) return -ESRCH;
    int32_t error = 0;
    if (preference < atomic_load_relaxed(&process->kill_preference) && !capable(CAP_SYS_RESOURCE))
        error = -EACCES;
    else
        atomic_store_relaxed(&process->kill_preference, preference);
    process_put(process);
    return error;
}

// Copies a range of the process's memory.
static int32_t append_memory(struct text *text, uintptr_t start, uintptr_t end, struct address_space *space) {
    char buffer[256];
    if (end - start > ARGUMENTS_MAXIMUM) end = start + ARGUMENTS_MAXIMUM;
    while (start < end) {
        size_t size = min(end - start, sizeof buffer);
        size_t done = address_space_copy(space, start, buffer, size, false);
        text_append(text, buffer, done);
        if (done < size) break;
        start += done;
    }
    return 0;
}

static int32_t show_strings(struct text *text, const struct view_target *target, bool environment) {
    struct process *process = find(target);
    if (!process) return -ESRCH;
    struct address_space *space = space_of(process);
    if (space) {
        uintptr_t start = environment ? space->environment_start : space->argument_start;
        append_memory(text, start, environment ? space->environment_end : space->argument_end, space);
        address_space_put(space);
    }
    process_put(process);
    return 0;
}

static int32_t show_arguments(struct text *text, const struct view_target *target) {
    return show_strings(text, target, false);
}

static int32_t show_environment(struct text *text, const struct view_target *target) {
    return show_strings(text, target, true);
}

// ---- maps

static void print_grant_name(struct text *text, const struct address_space *space, const struct grant *grant,
                             char *buffer) {
    if (grant->file && grant->file->path.name) {
        int64_t length = path_text(&grant->file->path, buffer, PAGE_SIZE, true);
        if (length > 0) text_append(text, buffer, (size_t)length);
    } else if (grant->flags & GRANT_STACK) {
        text_print(text, "[stack]");
    } else if (grant->flags & GRANT_BREAK) {
        text_print(text, "[heap]");
    } else if (space->vdso && grant->start <= space->vdso && space->vdso < grant->end) {
        text_print(text, "[vdso]");
    }
}

static void print_grant(struct text *text, const struct address_space *space, const struct grant *grant, char *buffer) {
    struct node *node = grant->file ? grant->file->node : nullptr;
    size_t start = text->length;
    text_print(text, "%08lx-%08lx %c%c%c%c %08lx %02lx:%02lx %lu ", grant->start, grant->end,
               grant->protection & PROT_READ ? 'r' : '-', grant->protection & PROT_WRITE ? 'w' : '-',
               grant->protection & PROT_EXEC ? 'x' : '-', grant->flags & GRANT_SHARED ? 's' : 'p',
               grant->file ? grant->offset : 0, node ? node->device >> 8 : 0, node ? node->device & 0xff : 0,
               node ? node->id : 0);
    size_t width = text->length - start;
    if (width < 73) text_print(text, "%*s", (int)(73 - width), "");
    print_grant_name(text, space, grant, buffer);
    text_print(text, "\n");
}

static int32_t show_maps(struct text *text, const struct view_target *target) {
    struct process *process = find(target);
    if (!process) return -ESRCH;
    struct address_space *space = space_of(process);
    char *buffer = heap_alloc(PAGE_SIZE);
    if (space && buffer) {
        rwlock_read_lock(&space->lock);
        for (struct tree_node *node = tree_first(&space->grants); node; node = tree_next(node))
            print_grant(text, space, tree_entry(node, struct grant, node), buffer);
        rwlock_read_unlock(&space->lock);
    }
    heap_free(buffer);
    if (space) address_space_put(space);
    process_put(process);
    return buffer ? 0 : -ENOMEM;
}

// ---- limits

static const struct {
    const char *name, *unit;
} limit_names[RLIMIT_COUNT] = {
    [RLIMIT_CPU] = {"Max cpu time", "seconds"},         [RLIMIT_FSIZE] = {"Max file size", "bytes"},
    [RLIMIT_DATA] = {"Max data size", "bytes"},         [RLIMIT_STACK] = {"Max stack size", "bytes"},
    [RLIMIT_CORE] = {"Max core file size", "bytes"},    [RLIMIT_RSS] = {"Max resident set", "bytes"},
    [RLIMIT_NPROC] = {"Max processes", "processes"},    [RLIMIT_NOFILE] = {"Max open files", "files"},
    [RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},  [RLIMIT_AS] = {"Max address space", "bytes"},
    [RLIMIT_LOCKS] = {"Max file locks", "locks"},       [RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
    [RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"}, [RLIMIT_NICE] = {"Max nice priority", ""},
    [RLIMIT_RTPRIO] = {"Max realtime priority", ""},    [RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
};

static void print_limit(struct text *text, uint64_t value) {
    if (value == RLIM_INFINITY)
        text_print(text, "%-20s ", "unlimited");
    else
        text_print(text, "%-20lu ", value);
}

static void print_limits(struct text *text, struct process *process, struct context *, const struct view_target *) {
    text_print(text, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (unsigned i = 0; i < RLIMIT_COUNT; i++) {
        text_print(text, "%-25s ", limit_names[i].name);
        print_limit(text, process->limits[i].current);
        print_limit(text, process->limits[i].maximum);
        text_print(text, "%-10s\n", limit_names[i].unit);
    }
}

static int32_t show_limits(struct text *text, const struct view_target *target) {
    return with_process(text, target, print_limits);
}

static int32_t show_zero(struct text *text, const struct view_target *) {
    text_print(text, "0\n");
    return 0;
}

static int32_t show_cgroup(struct text *text, const struct view_target *) {
    text_print(text, "0::/\n");
    return 0;
}

// ---- links

static int32_t path_of_file(struct file *file, struct path *place) {
    if (!file) return -ENOENT;
    int32_t error = -ENOENT;
    if (file->path.name) {
        *place = file->path;
        path_get(place);
        error = 0;
    }
    return error;
}

static int32_t follow_executable(const struct view_target *target, struct path *place) {
    struct process *process = find(target);
    if (!process) return -ENOENT;
    int32_t error = process_access(process);
    spin_lock(&process->lock);
    struct file *file = process->executable;
    if (file) file_get(file);
    spin_unlock(&process->lock);
    if (!error) error = path_of_file(file, place);
    if (file) file_put(file);
    process_put(process);
    return error;
}

static int32_t follow_state(const struct view_target *target, bool root, struct path *place) {
    struct process *process = find(target);
    if (!process) return -ENOENT;
    int32_t error = process_access(process);
    spin_lock(&process->lock);
    struct file_system_state *state = process->file_system;
    if (state) file_system_state_get(state);
    spin_unlock(&process->lock);
    if (state && !error) {
        spin_lock(&state->lock);
        *place = root ? state->root : state->working_directory;
        path_get(place);
        spin_unlock(&state->lock);
    } else if (!error) {
        error = -ENOENT;
    }
    if (state) file_system_state_put(state);
    process_put(process);
    return error;
}

static int32_t follow_root(const struct view_target *target, struct path *place) {
    return follow_state(target, true, place);
}

static int32_t follow_working_directory(const struct view_target *target, struct path *place) {
    return follow_state(target, false, place);
}

static int32_t text_of_place(int32_t error, struct path *place, char *buffer, size_t size, size_t *length) {
    if (error) return error;
    int64_t done = path_text(place, buffer, size, true);
    path_put(place);
    if (done < 0) return (int32_t)done;
    *length = (size_t)done;
    return 0;
}

static int32_t link_executable(const struct view_target *target, char *buffer, size_t size, size_t *length) {
    struct path place;
    return text_of_place(follow_executable(target, &place), &place, buffer, size, length);
}

static int32_t link_root(const struct view_target *target, char *buffer, size_t size, size_t *length) {
    struct path place;
    return text_of_place(follow_root(target, &place), &place, buffer, size, length);
}

static int32_t link_working_directory(const struct view_target *target, char *buffer, size_t size, size_t *length) {
    struct path place;
    return text_of_place(follow_working_directory(target, &place), &place, buffer, size, length);
}

// ---- descriptors

static struct handle_table *handles_of(struct process *process) {
    spin_lock(&process->lock);
    struct handle_table *handles = process->handles;
    if (handles) handle_table_get(handles);
    spin_unlock(&process->lock);
    return handles;
}

static struct file *file_in(struct handle_table *table, int32_t descriptor, uint32_t *flags) {
    struct file *file = nullptr;
    spin_lock(&table->lock);
    struct object *object = (uint32_t)descriptor < table->capacity ? table->handles[descriptor].object : nullptr;
    if (object && object->type == &file_type) {
        file = file_of(object);
        file_get(file);
        if (flags) *flags = table->handles[descriptor].flags;
    }
    spin_unlock(&table->lock);
    return file;
}

static int32_t file_of_target(const struct view_target *target, struct file **file, uint32_t *flags) {
    struct process *process = find(target);
    if (!process) return -ENOENT;
    int32_t error = process_access(process);
    struct handle_table *handles = handles_of(process);
    if (!error && handles) *file = file_in(handles, target->number, flags);
    if (!error && (!handles || !*file)) error = -ENOENT;
    if (handles) handle_table_put(handles);
    process_put(process);
    return error;
}

static int32_t link_descriptor(const struct view_target *target, char *buffer, size_t size, size_t *length) {
    struct file *file = nullptr;
    int32_t error = file_of_target(target, &file, nullptr);
    if (error) return error;
    if (file->scheme->describe) {
        *length = min(file->scheme->describe(file, buffer, size), size);
    } else if (file->path.name) {
        int64_t done = path_text(&file->path, buffer, size, true);
        error = done < 0 ? (int32_t)done : 0;
        *length = done < 0 ? 0 : (size_t)done;
    } else {
        *length = min(format_string(buffer, size, "anon_inode:[%s]", file->scheme->name), size);
    }
    file_put(file);
    return error;
}

static int32_t follow_descriptor(const struct view_target *target, struct path *place) {
    struct file *file = nullptr;
    int32_t error = file_of_target(target, &file, nullptr);
    if (error) return error;
    error = file_place(file, place);
    file_put(file);
    return error;
}

static int32_t show_descriptor(struct text *text, const struct view_target *target) {
    struct file *file = nullptr;
    uint32_t flags = 0;
    int32_t error = file_of_target(target, &file, &flags);
    if (error) return error;
    text_print(text, "pos:\t%ld\nflags:\t0%o\nmnt_id:\t%d\n", file->offset,
               file->flags | (flags & HANDLE_CLOSE_ON_EXEC ? O_CLOEXEC : 0),
               file->path.mount ? file->path.mount->id : 0);
    file_put(file);
    return 0;
}

static void owner_of_process(const struct view_target *target, uint32_t *uid, uint32_t *gid) {
    struct process *process = find(target);
    if (!process) return;
    spin_lock(&process->lock);
    if (process->credentials && process->dumpable) {
        *uid = process->credentials->ids.euid;
        *gid = process->credentials->ids.egid;
    }
    spin_unlock(&process->lock);
    process_put(process);
}

static int32_t may_look_into(const struct view_target *target) {
    struct process *process = find(target);
    if (!process) return -ESRCH;
    int32_t error = process_access(process);
    process_put(process);
    return error ? -EACCES : 0;
}

static const struct view_entry descriptor_link = {.name = "",
                                                  .mode = S_IFLNK | 0700,
                                                  .read_link = link_descriptor,
                                                  .follow = follow_descriptor,
                                                  .owner = owner_of_process};
static const struct view_entry descriptor_information = {
    .name = "", .mode = S_IFREG | 0400, .show = show_descriptor, .owner = owner_of_process};

static void list_descriptors(const struct view_target *target, uint32_t from, struct view_lister *lister,
                             const struct view_entry *entry) {
    struct process *process = find(target);
    struct handle_table *handles = process ? handles_of(process) : nullptr;
    for (uint32_t i = from; handles && i < handles->capacity; i++) {
        struct file *file = file_in(handles, (int32_t)i, nullptr);
        if (!file) continue;
        file_put(file);
        char name[12];
        size_t length = format_string(name, sizeof name, "%u", i);
        struct view_target found = {target->pid, target->tid, (int32_t)i};
        if (!lister->add(lister, name, length, entry, &found, i)) break;
    }
    if (handles) handle_table_put(handles);
    if (process) process_put(process);
}

static void list_links(const struct view_target *target, uint32_t from, struct view_lister *lister) {
    list_descriptors(target, from, lister, &descriptor_link);
}

static void list_information(const struct view_target *target, uint32_t from, struct view_lister *lister) {
    list_descriptors(target, from, lister, &descriptor_information);
}

static int32_t find_descriptor(const struct view_target *target, const char *name, size_t length,
                               struct view_target *found) {
    struct file *file = nullptr;
    *found = *target;
    if (!proc_parse_number(name, length, &found->number)) return -ENOENT;
    int32_t error = file_of_target(found, &file, nullptr);
    if (!error) file_put(file);
    return error;
}

static int32_t find_link(const struct view_target *target, const char *name, size_t length,
                         const struct view_entry **entry, struct view_target *found) {
    *entry = &descriptor_link;
    return find_descriptor(target, name, length, found);
}

static int32_t find_information(const struct view_target *target, const char *name, size_t length,
                                const struct view_entry **entry, struct view_target *found) {
    *entry = &descriptor_information;
    return find_descriptor(target, name, length, found);
}

// ---- tables

#define FILE(text, rights, function)                                                                                   \
    {.name = (text), .mode = S_IFREG | (rights), .show = (function), .owner = owner_of_process}
#define PRIVATE(text, function)                                                                                        \
    {.name = (text), .mode = S_IFREG | 0400, .show = (function), .owner = owner_of_process, .permission = may_look_into}
#define LINK(text, reader, follower)                                                                                   \
    {.name = (text), .mode = S_IFLNK | 0777, .read_link = (reader), .follow = (follower), .owner = owner_of_process}
#define COMMON_ENTRIES                                                                                                 \
    FILE("cgroup", 0444, show_cgroup), FILE("cmdline", 0444, show_arguments),                                          \
        {.name = "comm", .mode = S_IFREG | 0644, .show = show_name, .store = store_name, .owner = owner_of_process},   \
        LINK("cwd", link_working_directory, follow_working_directory), PRIVATE("environ", show_environment),           \
        LINK("exe", link_executable, follow_executable),                                                               \
        {.name = "fd", .mode = S_IFDIR | 0500, .list = list_links, .find = find_link, .owner = owner_of_process},      \
        {.name = "fdinfo",                                                                                             \
         .mode = S_IFDIR | 0500,                                                                                       \
         .list = list_information,                                                                                     \
         .find = find_information,                                                                                     \
         .owner = owner_of_process},                                                                                   \
        FILE("limits", 0444, show_limits),                                                                             \
        {.name = "maps",                                                                                               \
         .mode = S_IFREG | 0444,                                                                                       \
         .show = show_maps,                                                                                            \
         .owner = owner_of_process,                                                                                    \
         .permission = may_look_into},                                                                                 \
        FILE("mountinfo", 0444, proc_show_mountinfo), FILE("mounts", 0444, proc_show_mounts),                          \
        FILE("oom_score", 0444, show_zero),                                                                            \
        {.name = "oom_score_adj",                                                                                      \
         .mode = S_IFREG | 0644,                                                                                       \
         .show = show_preference,                                                                                      \
         .store = store_preference,                                                                                    \
         .owner = owner_of_process},                                                                                   \
        LINK("root", link_root, follow_root), FILE("stat", 0444, show_stat), FILE("statm", 0444, show_statm),          \
        FILE("status", 0444, show_status), FILE("wchan", 0444, show_zero)

static const struct view_entry thread_entries[] = {COMMON_ENTRIES, {}};
static const struct view_entry thread_entry = {
    .name = "", .mode = S_IFDIR | 0555, .children = thread_entries, .owner = owner_of_process};

static void list_threads(const struct view_target *target, uint32_t from, struct view_lister *lister) {
    struct process *process = find(target);
    if (!process) return;
    int32_t next = (int32_t)from;
    for (;;) {
        int32_t tid = 0;
        spin_lock(&process->lock);
        list_for_each(context, &process->threads, struct context, process_link) {
            if (context->tid >= next && (!tid || context->tid < tid)) tid = context->tid;
        }
        spin_unlock(&process->lock);
        char name[12];
        size_t length = format_string(name, sizeof name, "%d", tid);
        if (!tid || !lister->add(lister, name, length, &thread_entry, &(struct view_target){target->pid, tid, 0},
                                 (uint32_t)tid))
            break;
        next = tid + 1;
    }
    process_put(process);
}

static int32_t find_thread(const struct view_target *target, const char *name, size_t length,
                           const struct view_entry **entry, struct view_target *found) {
    int32_t tid;
    struct process *process = proc_parse_number(name, length, &tid) ? find(target) : nullptr;
    if (!process) return -ENOENT;
    *found = (struct view_target){target->pid, tid, 0};
    *entry = &thread_entry;
    struct context *context = thread_of(process, found);
    process_put(process);
    if (!context) return -ENOENT;
    context_put(context);
    return 0;
}

static const struct view_entry process_entries[] = {
    COMMON_ENTRIES,
    {.name = "task", .mode = S_IFDIR | 0555, .list = list_threads, .find = find_thread, .owner = owner_of_process},
    {}};
const struct view_entry proc_process_entry = {
    .name = "", .mode = S_IFDIR | 0555, .children = process_entries, .owner = owner_of_process};

void proc_list_processes(const struct view_target *, uint32_t from, struct view_lister *lister) {
    int32_t next = (int32_t)from;
    for (;;) {
        int32_t pid = 0;
        spin_lock(&tasklist_lock);
        list_for_each(process, &processes, struct process, all_link) {
            if (process->pid >= next && (!pid || process->pid < pid)) pid = process->pid;
        }
        spin_unlock(&tasklist_lock);
        char name[12];
        size_t length = format_string(name, sizeof name, "%d", pid);
        if (!pid ||
            !lister->add(lister, name, length, &proc_process_entry, &(struct view_target){.pid = pid}, (uint32_t)pid))
            return;
        next = pid + 1;
    }
}

int32_t proc_find_process(const struct view_target *, const char *name, size_t length, const struct view_entry **entry,
                          struct view_target *found) {
    int32_t pid;
    struct process *process = proc_parse_number(name, length, &pid) ? process_find(pid) : nullptr;
    if (!process) return -ENOENT;
    process_put(process);
    *entry = &proc_process_entry;
    *found = (struct view_target){.pid = pid};
    return 0;
}
