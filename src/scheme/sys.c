#include "src/scheme/sys.h"

#include "lib/format.h"
#include "lib/string.h"
#include "src/context/cpu.h"
#include "src/scheme/proc.h"

constexpr uint64_t SYSFS_MAGIC = 0x62656572;

static int32_t show_range(struct text *text, const struct view_target *) {
    if (cpu_count > 1)
        text_print(text, "0-%u\n", cpu_count - 1);
    else
        text_print(text, "0\n");
    return 0;
}

static int32_t show_empty_line(struct text *text, const struct view_target *) {
    text_print(text, "\n");
    return 0;
}

static int32_t show_one(struct text *text, const struct view_target *) {
    text_print(text, "1\n");
    return 0;
}

static int32_t show_index(struct text *text, const struct view_target *target) {
    text_print(text, "%d\n", target->number);
    return 0;
}

static int32_t show_package(struct text *text, const struct view_target *) {
    text_print(text, "0\n");
    return 0;
}

static int32_t show_kernel_max(struct text *text, const struct view_target *) {
    text_print(text, "%u\n", CPU_MAXIMUM - 1);
    return 0;
}

#define FILE(text, function)      {.name = (text), .mode = S_IFREG | 0444, .show = (function)}
#define DIRECTORY(text, contents) {.name = (text), .mode = S_IFDIR | 0555, .children = (contents)}

static const struct view_entry nothing[] = {{}};
static const struct view_entry topology_entries[] = {
    FILE("core_id", show_index), FILE("physical_package_id", show_package), {}};
static const struct view_entry cpu_entries[] = {FILE("online", show_one), DIRECTORY("topology", topology_entries), {}};
static const struct view_entry cpu_entry = {.name = "", .mode = S_IFDIR | 0555, .children = cpu_entries};

static void list_cpus(const struct view_target *, uint32_t from, struct view_lister *lister) {
    for (uint32_t i = from; i < cpu_count; i++) {
        char name[16];
        size_t length = format_string(name, sizeof name, "cpu%u", i);
        if (!lister->add(lister, name, length, &cpu_entry, &(struct view_target){.number = (int32_t)i}, i)) return;
    }
}

static int32_t find_cpu(const struct view_target *, const char *name, size_t length, const struct view_entry **entry,
                        struct view_target *found) {
    *found = (struct view_target){};
    *entry = &cpu_entry;
    if (length < 4 || memcmp(name, "cpu", 3) != 0 || !proc_parse_number(name + 3, length - 3, &found->number) ||
        (uint32_t)found->number >= cpu_count)
        return -ENOENT;
    return 0;
}

static const struct view_entry processors_entries[] = {FILE("isolated", show_empty_line),
                                                       FILE("kernel_max", show_kernel_max),
                                                       FILE("offline", show_empty_line),
                                                       FILE("online", show_range),
                                                       FILE("possible", show_range),
                                                       FILE("present", show_range),
                                                       {}};
static const struct view_entry system_entries[] = {
    {.name = "cpu", .mode = S_IFDIR | 0555, .children = processors_entries, .list = list_cpus, .find = find_cpu}, {}};
static const struct view_entry devices_entries[] = {DIRECTORY("system", system_entries), {}};
static const struct view_entry class_entries[] = {
    DIRECTORY("block", nothing), DIRECTORY("net", nothing), DIRECTORY("tty", nothing), {}};
static const struct view_entry root_entries[] = {DIRECTORY("block", nothing),
                                                 DIRECTORY("bus", nothing),
                                                 DIRECTORY("class", class_entries),
                                                 DIRECTORY("dev", nothing),
                                                 DIRECTORY("devices", devices_entries),
                                                 DIRECTORY("fs", nothing),
                                                 DIRECTORY("kernel", nothing),
                                                 DIRECTORY("module", nothing),
                                                 {}};
static const struct view_entry root = {.name = "", .mode = S_IFDIR | 0555, .children = root_entries};

static const struct scheme sys_scheme = VIEW_SCHEME("sysfs", SYSFS_MAGIC);

static int32_t sys_create(struct mount *mount, const char *, struct node **node) {
    return view_root(&sys_scheme, mount, &root, node);
}

static const struct mount_type sys_type = {.name = "sysfs", .create = sys_create};

void sys_init(void) {
    mount_type_register(&sys_type);
}
