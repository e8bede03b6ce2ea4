// Users, groups, capabilities.
#include "personality/src/linux/process.h"
#include "personality/src/linux/shims.h"
#include "personality/src/shim.h"

#define OWN_ID(name, member)                                                                                           \
    SHIM0(linux_##name) {                                                                                              \
        struct kernel_credentials credentials;                                                                         \
        int32_t error = kernel_ops->credentials_get(0, &credentials);                                                  \
        return error != 0 ? error : (intptr_t)credentials.member;                                                      \
    }
OWN_ID(getuid, uid)
OWN_ID(geteuid, euid)
OWN_ID(getgid, gid)
OWN_ID(getegid, egid)
#undef OWN_ID

static intptr_t store_three(uintptr_t b, uint32_t first, uintptr_t c, uint32_t second, uintptr_t d, uint32_t third) {
    int32_t error = store_struct(b, &first);
    if (error == 0) error = store_struct(c, &second);
    return error != 0 ? error : store_struct(d, &third);
}

SHIM3(linux_getresuid, real, effective, saved) {
    struct kernel_credentials own;
    int32_t error = kernel_ops->credentials_get(0, &own);
    return error != 0 ? error : store_three(real, own.uid, effective, own.euid, saved, own.suid);
}

SHIM3(linux_getresgid, real, effective, saved) {
    struct kernel_credentials own;
    int32_t error = kernel_ops->credentials_get(0, &own);
    return error != 0 ? error : store_three(real, own.gid, effective, own.egid, saved, own.sgid);
}

constexpr uint32_t NO_ID = ~0U;

SHIM1(linux_setuid, uid) {
    return (uint32_t)uid == NO_ID ? -EINVAL : kernel_ops->set_uid((uint32_t)uid);
}

SHIM1(linux_setgid, gid) {
    return (uint32_t)gid == NO_ID ? -EINVAL : kernel_ops->set_gid((uint32_t)gid);
}

// -1 never becomes the id: the call then only tells the present one.
SHIM1(linux_setfsuid, uid) {
    struct kernel_credentials own;
    int32_t error = kernel_ops->credentials_get(0, &own);
    if (error != 0) return error;
    if ((uint32_t)uid != NO_ID) (void)!kernel_ops->set_fsuid((uint32_t)uid);
    return (intptr_t)own.fsuid;
}

SHIM1(linux_setfsgid, gid) {
    struct kernel_credentials own;
    int32_t error = kernel_ops->credentials_get(0, &own);
    if (error != 0) return error;
    if ((uint32_t)gid != NO_ID) (void)!kernel_ops->set_fsgid((uint32_t)gid);
    return (intptr_t)own.fsgid;
}

SHIM2(linux_getgroups, size, to) {
    struct kernel_credentials own;
    if ((int32_t)size < 0) return -EINVAL;
    int32_t error = kernel_ops->credentials_get(0, &own);
    if (error != 0) return error;
    if ((int32_t)size != 0) {
        if (own.group_count > (uint32_t)size) return -EINVAL;
        error = kernel_ops->store(user_pointer(to), own.groups, own.group_count * sizeof(own.groups[0]));
        if (error != 0) return error;
    }
    return (intptr_t)own.group_count;
}

SHIM2(linux_setgroups, size, from) {
    constexpr uint32_t linux_maximum = 65536;
    struct kernel_credentials own;
    uint32_t groups[GROUPS_MAXIMUM];
    int32_t error = kernel_ops->credentials_get(0, &own);
    if (error != 0) return error;
    if ((own.capabilities_effective >> CAP_SETGID & 1) == 0) return -EPERM;
    if ((uint32_t)size > linux_maximum) return -EINVAL;
    if ((uint32_t)size > GROUPS_MAXIMUM) return -ENOMEM;
    error = kernel_ops->fetch(groups, user_pointer(from), (uint32_t)size * sizeof(groups[0]));
    return error != 0 ? error : kernel_ops->set_groups((uint32_t)size, groups);
}

// ---- capabilities

constexpr uint32_t CAP_VERSION_1 = 0x19980330, CAP_VERSION_2 = 0x20071026, CAP_VERSION_3 = 0x20080522;

// The number of 32-bit parts that the header's version means. An unknown one is answered with the preferred version.
static int32_t capability_header(uintptr_t address, struct linux_cap_header *header, uint32_t *parts) {
    int32_t error = fetch_struct(header, address);
    if (error != 0) return error;
    switch (header->version) {
    case CAP_VERSION_1:
        *parts = 1;
        return 0;
    case CAP_VERSION_2:
    case CAP_VERSION_3:
        *parts = 2;
        return 0;
    default: {
        uint32_t preferred = CAP_VERSION_3;
        error = store_struct(address, &preferred);
        return error != 0 ? error : -EINVAL;
    }
    }
}

SHIM2(linux_capget, header_at, to) {
    struct linux_cap_header header;
    struct kernel_credentials credentials;
    uint32_t parts;
    int32_t error = capability_header(header_at, &header, &parts);
    if (error != 0) return error == -EINVAL && to == 0 ? 0 : error;
    if (header.pid < 0) return -EINVAL;
    error = kernel_ops->credentials_get(header.pid, &credentials);
    if (error != 0 || to == 0) return error;
    struct linux_cap_data data[2];
    for (uint32_t i = 0; i < 2; i++) {
        data[i] = (struct linux_cap_data){
            .effective = (uint32_t)(credentials.capabilities_effective >> (32 * i)),
            .permitted = (uint32_t)(credentials.capabilities_permitted >> (32 * i)),
            .inheritable = (uint32_t)(credentials.capabilities_inheritable >> (32 * i)),
        };
    }
    return kernel_ops->store(user_pointer(to), data, parts * sizeof(data[0]));
}

SHIM2(linux_capset, header_at, from) {
    struct linux_cap_header header;
    struct linux_cap_data data[2] = {};
    uint32_t parts;
    int32_t error = capability_header(header_at, &header, &parts);
    if (error != 0) return error;
    if (header.pid != 0 && header.pid != kernel_ops->get_tid()) return -EPERM;
    error = kernel_ops->fetch(data, user_pointer(from), parts * sizeof(data[0]));
    if (error != 0) return error;
    constexpr uint64_t known = (1ULL << (CAP_LAST + 1)) - 1;
    return kernel_ops->set_capabilities((data[0].effective | (uint64_t)data[1].effective << 32) & known,
                                        (data[0].permitted | (uint64_t)data[1].permitted << 32) & known,
                                        (data[0].inheritable | (uint64_t)data[1].inheritable << 32) & known);
}
