// Ops of user and group ids and capabilities: the rules of setuid(2) and its like, credentials(7), capabilities(7).
#include "lib/string.h"
#include "src/context/context.h"
#include "src/context/credentials.h"

constexpr uint32_t UNCHANGED = UINT32_MAX;
// What follows the file-system user id: CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, LINUX_IMMUTABLE, MKNOD,
// MAC_OVERRIDE.
constexpr uint64_t FILE_SYSTEM_CAPABILITIES = 0x1f | 1ULL << 9 | 1ULL << CAP_MKNOD | 1ULL << 32;

int32_t kop_credentials_get(int32_t pid, struct kernel_credentials *credentials) {
    struct process *process = process_current();
    if (!pid) {
        *credentials = process->credentials->ids;
        return 0;
    }
    process = process_find(pid);
    if (!process) {
        struct context *thread = context_find(pid);
        if (!thread) return -ESRCH;
        process = thread->process;
        if (process) object_get(&process->object);
        context_put(thread);
        if (!process) return -ESRCH;
    }
    struct credentials *other = process_credentials(process);
    *credentials = other->ids;
    credentials_put(other);
    process_put(process);
    return 0;
}

static struct credentials *change_begin(void) {
    return credentials_copy(process_current()->credentials);
}

// How capabilities follow the user ids.
static void adjust_capabilities(const struct kernel_credentials *old, struct kernel_credentials *new) {
    bool had_root = !old->uid || !old->euid || !old->suid;
    bool has_root = !new->uid || !new->euid || !new->suid;
    if (had_root && !has_root && !process_current()->keep_capabilities)
        new->capabilities_permitted = new->capabilities_effective = 0;
    if (!old->euid && new->euid) new->capabilities_effective = 0;
    if (old->euid && !new->euid) new->capabilities_effective = new->capabilities_permitted;
}

static int32_t change_end(struct credentials *new) {
    const struct kernel_credentials *old = &process_current()->credentials->ids;
    if (old->euid != new->ids.euid || old->egid != new->ids.egid || old->fsuid != new->ids.fsuid ||
        old->fsgid != new->ids.fsgid)
        process_current()->dumpable = false;
    credentials_commit(new);
    return 0;
}

static int32_t change_end_uid(struct credentials *new) {
    adjust_capabilities(&process_current()->credentials->ids, &new->ids);
    return change_end(new);
}

static int32_t change_refuse(struct credentials *new) {
    credentials_put(new);
    return -EPERM;
}

// ---- user ids

int32_t kop_set_uid(uint32_t uid) {
    if (uid == UNCHANGED) return -EINVAL;
    struct credentials *new = change_begin();
    if (!new) return -ENOMEM;
    if (capable(CAP_SETUID))
        new->ids.uid = new->ids.suid = uid;
    else if (uid != new->ids.uid && uid != new->ids.suid)
        return change_refuse(new);
    new->ids.euid = new->ids.fsuid = uid;
    return change_end_uid(new);
}

int32_t kop_set_reuid(uint32_t real, uint32_t effective) {
    struct credentials *new = change_begin();
    if (!new) return -ENOMEM;
    const struct kernel_credentials old = new->ids;
    bool privileged = capable(CAP_SETUID);
    if (real != UNCHANGED) {
        if (!privileged && real != old.uid && real != old.euid) return change_refuse(new);
        new->ids.uid = real;
    }
    if (effective != UNCHANGED) {
        if (!privileged && effective != old.uid && effective != old.euid && effective != old.suid)
            return change_refuse(new);
        new->ids.euid = effective;
    }
    if (real != UNCHANGED || (effective != UNCHANGED && effective != old.uid)) new->ids.suid = new->ids.euid;
    new->ids.fsuid = new->ids.euid;
    return change_end_uid(new);
}

static bool one_of(uint32_t id, uint32_t a, uint32_t b, uint32_t c) {
    return id == UNCHANGED || id == a || id == b || id == c;
}

int32_t kop_set_resuid(uint32_t real, uint32_t effective, uint32_t saved) {
    struct credentials *new = change_begin();
    if (!new) return -ENOMEM;
    struct kernel_credentials *ids = &new->ids;
    if (!capable(CAP_SETUID) &&
        !(one_of(real, ids->uid, ids->euid, ids->suid) && one_of(effective, ids->uid, ids->euid, ids->suid) &&
          one_of(saved, ids->uid, ids->euid, ids->suid)))
        return change_refuse(new);
    if (real != UNCHANGED) ids->uid = real;
    if (effective != UNCHANGED) ids->euid = effective;
    if (saved != UNCHANGED) ids->suid = saved;
    ids->fsuid = ids->euid;
    return change_end_uid(new);
}

int32_t kop_set_fsuid(uint32_t uid) {
    const struct kernel_credentials *ids = &process_current()->credentials->ids;
    int32_t old = (int32_t)ids->fsuid;
    if (uid == UNCHANGED || uid == ids->fsuid) return old;
    if (!one_of(uid, ids->uid, ids->euid, ids->suid) && !capable(CAP_SETUID)) return old;
    struct credentials *new = change_begin();
    if (!new) return old;
    new->ids.fsuid = uid;
    if (!old && uid) new->ids.capabilities_effective &= ~FILE_SYSTEM_CAPABILITIES;
    if (old && !uid) new->ids.capabilities_effective |= new->ids.capabilities_permitted & FILE_SYSTEM_CAPABILITIES;
    (void)change_end(new);
    return old;
}

// ---- group ids

int32_t kop_set_gid(uint32_t gid) {
    if (gid == UNCHANGED) return -EINVAL;
    struct credentials *new = change_begin();
    if (!new) return -ENOMEM;
    if (capable(CAP_SETGID))
        new->ids.gid = new->ids.sgid = gid;
    else if (gid != new->ids.gid && gid != new->ids.sgid)
        return change_refuse(new);
    new->ids.egid = new->ids.fsgid = gid;
    return change_end(new);
}

int32_t kop_set_regid(uint32_t real, uint32_t effective) {
    struct credentials *new = change_begin();
    if (!new) return -ENOMEM;
    const struct kernel_credentials old = new->ids;
    bool privileged = capable(CAP_SETGID);
    if (real != UNCHANGED) {
        if (!privileged && real != old.gid && real != old.egid) return change_refuse(new);
        new->ids.gid = real;
    }
    if (effective != UNCHANGED) {
        if (!privileged && effective != old.gid && effective != old.egid && effective != old.sgid)
            return change_refuse(new);
        new->ids.egid = effective;
    }
    if (real != UNCHANGED || (effective != UNCHANGED && effective != old.gid)) new->ids.sgid = new->ids.egid;
    new->ids.fsgid = new->ids.egid;
    return change_end(new);
}

int32_t kop_set_resgid(uint32_t real, uint32_t effective, uint32_t saved) {
    struct credentials *new = change_begin();
    if (!new) return -ENOMEM;
    struct kernel_credentials *ids = &new->ids;
    if (!capable(CAP_SETGID) &&
        !(one_of(real, ids->gid, ids->egid, ids->sgid) && one_of(effective, ids->gid, ids->egid, ids->sgid) &&
          one_of(saved, ids->gid, ids->egid, ids->sgid)))
        return change_refuse(new);
    if (real != UNCHANGED) ids->gid = real;
    if (effective != UNCHANGED) ids->egid = effective;
    if (saved != UNCHANGED) ids->sgid = saved;
    ids->fsgid = ids->egid;
    return change_end(new);
}

int32_t kop_set_fsgid(uint32_t gid) {
    const struct kernel_credentials *ids = &process_current()->credentials->ids;
    int32_t old = (int32_t)ids->fsgid;
    if (gid == UNCHANGED || gid == ids->fsgid) return old;
    if (!one_of(gid, ids->gid, ids->egid, ids->sgid) && !capable(CAP_SETGID)) return old;
    struct credentials *new = change_begin();
    if (!new) return old;
    new->ids.fsgid = gid;
    (void)change_end(new);
    return old;
}

int32_t kop_set_groups(uint32_t count, const uint32_t *groups) {
    if (!capable(CAP_SETGID)) return -EPERM;
    if (count > GROUPS_MAXIMUM) return -EINVAL;
    struct credentials *new = change_begin();
    if (!new) return -ENOMEM;
    memcpy(new->ids.groups, groups, count * sizeof(uint32_t));
    new->ids.group_count = count;
    credentials_commit(new);
    return 0;
}

// ---- capabilities

int32_t kop_set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
    const struct kernel_credentials *old = &process_current()->credentials->ids;
    if (permitted & ~old->capabilities_permitted || effective & ~permitted) return -EPERM;
    if (inheritable & ~(old->capabilities_inheritable | old->capabilities_permitted) && !capable(CAP_SETPCAP))
        return -EPERM;
    struct credentials *new = change_begin();
    if (!new) return -ENOMEM;
    new->ids.capabilities_effective = effective;
    new->ids.capabilities_permitted = permitted;
    new->ids.capabilities_inheritable = inheritable;
    credentials_commit(new);
    return 0;
}
