#include "src/context/credentials.h"

#include "src/context/context.h"
#include "src/memory/heap.h"

constexpr uint64_t CAPABILITIES_ALL = (2ULL << CAP_LAST) - 1;

struct credentials root_credentials = {
    .references = {1},
    .ids = {.capabilities_effective = CAPABILITIES_ALL, .capabilities_permitted = CAPABILITIES_ALL},
};

static struct slab_cache credentials_cache = SLAB_CACHE(struct credentials);

void credentials_get(struct credentials *credentials) {
    refcount_get(&credentials->references);
}

void credentials_put(struct credentials *credentials) {
    if (refcount_put(&credentials->references)) slab_free(&credentials_cache, credentials);
}

struct credentials *credentials_copy(const struct credentials *credentials) {
    struct credentials *copy = slab_alloc(&credentials_cache);
    if (!copy) return nullptr;
    *copy = *credentials;
    refcount_init(&copy->references);
    return copy;
}

void credentials_commit(struct credentials *new) {
    struct process *process = process_current();
    spin_lock(&process->lock);
    struct credentials *old = process->credentials;
    process->credentials = new;
    spin_unlock(&process->lock);
    credentials_put(old);
}

struct credentials *process_credentials(struct process *process) {
    spin_lock(&process->lock);
    struct credentials *credentials = process->credentials;
    credentials_get(credentials);
    spin_unlock(&process->lock);
    return credentials;
}

bool capable(enum capability capability) {
    return process_current()->credentials->ids.capabilities_effective >> capability & 1;
}

bool credentials_in_group(const struct credentials *credentials, uint32_t gid) {
    if (credentials->ids.fsgid == gid) return true;
    for (uint32_t i = 0; i < credentials->ids.group_count; i++) {
        if (credentials->ids.groups[i] == gid) return true;
    }
    return false;
}
