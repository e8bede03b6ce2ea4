// The system as a whole: its name, its figures, random bytes, the kernel's log, reboot.
#include "lib/string.h"
#include "personality/src/linux/file.h"

// The version of Linux whose interface is offered; programs refuse to run on one they find too old.
#define LINUX_VERSION "#1 SMP Helctic " HELCTIC_VERSION
#ifndef HELCTIC_VERSION
#define HELCTIC_VERSION "hosted"
#endif

static bool capable(enum capability capability) {
    struct kernel_credentials credentials;
    return kernel_ops->credentials_get(0, &credentials) == 0 &&
           (credentials.capabilities_effective >> capability & 1) != 0;
}

SHIM1(linux_uname, pointer) {
    struct linux_utsname name = {
        .sysname = "Linux", .release = LINUX_RELEASE, .version = LINUX_VERSION, .machine = LINUX_MACHINE};
    int32_t error = kernel_ops->host_name_get(name.nodename, name.domainname);
    return error < 0 ? error : store_struct(pointer, &name);
}

SHIM1(linux_sysinfo, pointer) {
    struct kernel_system_information information;
    int32_t error = kernel_ops->system_information(&information);
    if (error < 0) return error;
    struct linux_sysinfo out = {
        .uptime = information.uptime / NANOSECONDS_PER_SECOND,
        .loads = {information.load[0], information.load[1], information.load[2]},
        .totalram = information.memory_total,
        .freeram = information.memory_free,
        .procs = (uint16_t)min(information.processes, (uint64_t)UINT16_MAX),
        .mem_unit = 1,
    };
    return store_struct(pointer, &out);
}

static intptr_t name_set(uintptr_t pointer, int32_t length, uint32_t domain) {
    char name[64];
    if (!capable(CAP_SYS_ADMIN)) return -EPERM;
    if (length < 0 || (size_t)length > sizeof(name)) return -EINVAL;
    int32_t error = kernel_ops->fetch(name, user_pointer(pointer), (size_t)length);
    return error < 0 ? error : kernel_ops->host_name_set(name, (size_t)length, domain);
}

SHIM2(linux_sethostname, pointer, length) {
    return name_set(pointer, (int32_t)length, 0);
}

SHIM2(linux_setdomainname, pointer, length) {
    return name_set(pointer, (int32_t)length, 1);
}

SHIM3(linux_getrandom, buffer, size, flags) {
    constexpr uint32_t non_blocking = 1, from_random = 2, insecure = 4;
    size_t done;
    if (((uint32_t)flags & ~(non_blocking | from_random | insecure)) != 0) return -EINVAL;
    if (((uint32_t)flags & (from_random | insecure)) == (from_random | insecure)) return -EINVAL;
    struct segment segment = segment_user(user_pointer(buffer), min(size, IO_MAXIMUM));
    int32_t error = kernel_ops->random(&segment, &done);
    return error < 0 ? error : (intptr_t)done;
}

// ---- the kernel's log

enum syslog_action : int32_t {
    SYSLOG_CLOSE,
    SYSLOG_OPEN,
    SYSLOG_READ,
    SYSLOG_READ_ALL,
    SYSLOG_READ_CLEAR,
    SYSLOG_CLEAR,
    SYSLOG_CONSOLE_OFF,
    SYSLOG_CONSOLE_ON,
    SYSLOG_CONSOLE_LEVEL,
    SYSLOG_SIZE_UNREAD,
    SYSLOG_SIZE_BUFFER,
};
constexpr size_t SYSLOG_BUFFER = 65536;

static intptr_t log_read(uintptr_t buffer, int32_t size) {
    void *memory;
    size_t done;
    if (buffer == 0 || size < 0) return -EINVAL;
    if (size == 0) return 0;
    size_t capacity = min((size_t)size, SYSLOG_BUFFER);
    int32_t error = kernel_ops->allocate(capacity, &memory);
    if (error < 0) return error;
    error = kernel_ops->console_log_read(memory, capacity, &done);
    if (error >= 0) error = kernel_ops->store(user_pointer(buffer), memory, done);
    kernel_ops->release(memory);
    return error < 0 ? error : (intptr_t)done;
}

SHIM3(linux_syslog, action, buffer, size) {
    if ((int32_t)action != SYSLOG_READ_ALL && (int32_t)action != SYSLOG_SIZE_BUFFER && !capable(CAP_SYS_ADMIN))
        return -EPERM;
    switch ((int32_t)action) {
    case SYSLOG_CLOSE:
    case SYSLOG_OPEN:
        return 0;
    case SYSLOG_READ_ALL:
        return log_read(buffer, (int32_t)size);
    case SYSLOG_SIZE_BUFFER:
        return SYSLOG_BUFFER;
    case SYSLOG_CONSOLE_LEVEL:
        return (int32_t)size < 1 || (int32_t)size > 8 ? -EINVAL : -ENOSYS;
    case SYSLOG_READ:
    case SYSLOG_READ_CLEAR:
    case SYSLOG_CLEAR:
    case SYSLOG_CONSOLE_OFF:
    case SYSLOG_CONSOLE_ON:
    case SYSLOG_SIZE_UNREAD:
        return -ENOSYS;
    default:
        return -EINVAL;
    }
}

// ---- reboot

SHIM3(linux_reboot, first, second, command) {
    constexpr uint32_t magic = 0xfee1dead;
    static const uint32_t seconds[] = {672274793, 85072278, 369367448, 537993216};
    static const struct {
        uint32_t command;
        enum reboot_kind kind;
    } kinds[] = {{0x01234567, REBOOT_RESTART},
                 {0xa1b2c3d4, REBOOT_RESTART},
                 {0xcdef0123, REBOOT_HALT},
                 {0x4321fedc, REBOOT_POWER_OFF}};
    constexpr uint32_t ctrl_alt_del_on = 0x89abcdef, ctrl_alt_del_off = 0;
    if (!capable(CAP_SYS_BOOT)) return -EPERM;
    bool known = false;
    for (unsigned i = 0; i < array_size(seconds); i++)
        known = known || (uint32_t)second == seconds[i];
    if ((uint32_t)first != magic || !known) return -EINVAL;
    if ((uint32_t)command == ctrl_alt_del_on || (uint32_t)command == ctrl_alt_del_off) return 0;
    for (unsigned i = 0; i < array_size(kinds); i++)
        if (kinds[i].command == (uint32_t)command) return kernel_ops->reboot(kinds[i].kind);
    return -EINVAL;
}
