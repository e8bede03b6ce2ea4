#include "src/scheme/identity.h"

#include "src/context/context.h"

static struct identity borrow(void) {
    struct process *process = process_current();
    if (!process) return (struct identity){.credentials = &root_credentials};
    if (likely(process->thread_count <= 1)) return (struct identity){.credentials = process->credentials};
    spin_lock(&process->lock);
    struct identity identity = {.credentials = process->credentials, .counted = true};
    credentials_get(identity.credentials);
    spin_unlock(&process->lock);
    return identity;
}

struct identity identity_borrow(void) {
    struct identity identity = borrow();
    const struct kernel_credentials *ids = &identity.credentials->ids;
    identity.uid = ids->fsuid;
    identity.gid = ids->fsgid;
    identity.capabilities = ids->capabilities_effective;
    return identity;
}

struct identity identity_borrow_real(void) {
    struct identity identity = borrow();
    const struct kernel_credentials *ids = &identity.credentials->ids;
    identity.uid = ids->uid;
    identity.gid = ids->gid;
    identity.capabilities = ids->uid == 0 ? ids->capabilities_permitted : 0;
    return identity;
}

bool identity_in_group(const struct identity *identity, uint32_t gid) {
    const struct kernel_credentials *ids = &identity->credentials->ids;
    if (identity->gid == gid) return true;
    for (uint32_t i = 0; i < ids->group_count; i++) {
        if (ids->groups[i] == gid) return true;
    }
    return false;
}

int32_t identity_permission(const struct identity *identity, const struct node *node, uint32_t access) {
    uint32_t mode = node->mode;
    if (identity->uid == node->uid)
        mode >>= 6;
    else if ((mode >> 3 & 7) != (mode & 7) && identity_in_group(identity, node->gid))
        mode >>= 3;
    if (!(access & ~mode & 7)) return 0;
    bool directory = node_type(node) == S_IFDIR;
    if (identity_capable(identity, CAP_DAC_OVERRIDE) && (directory || !(access & ACCESS_EXECUTE) || node->mode & 0111))
        return 0;
    uint32_t reading = directory ? ACCESS_READ | ACCESS_EXECUTE : ACCESS_READ;
    if (!(access & ~reading) && identity_capable(identity, CAP_DAC_READ_SEARCH)) return 0;
    return -EACCES;
}

bool identity_sticky_denied(const struct identity *identity, const struct node *directory, const struct node *node) {
    return directory->mode & S_ISVTX && identity->uid != node->uid && identity->uid != directory->uid &&
           !identity_capable(identity, CAP_FOWNER);
}
