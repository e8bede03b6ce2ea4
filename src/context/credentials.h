// Credentials: immutable once published, shared by reference.
#pragma once

#include <personality.h>

#include "lib/refcount.h"

struct credentials {
    struct refcount references;
    struct kernel_credentials ids;
};

extern struct credentials root_credentials;
void credentials_get(struct credentials *credentials);
void credentials_put(struct credentials *credentials);
// A private copy to change and then publish with credentials_commit. nullptr: no memory.
[[nodiscard]] struct credentials *credentials_copy(const struct credentials *credentials);
// Makes new (a reference is consumed) the running process's.
void credentials_commit(struct credentials *new);
// Those of any process, with a reference.
struct process;
[[nodiscard]] struct credentials *process_credentials(struct process *process);
// Whether the running process has the capability in its effective set.
bool capable(enum capability capability);
bool credentials_in_group(const struct credentials *credentials, uint32_t gid);
