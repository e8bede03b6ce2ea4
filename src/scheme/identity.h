// Whose rights a check uses: the running process's, borrowed for the length of one operation.
#pragma once

#include "src/context/credentials.h"
#include "src/scheme/scheme.h"

struct identity {
    struct credentials *credentials;
    bool counted; // a reference is held
    uint32_t uid, gid;
    uint64_t capabilities;
};

// The file-system ids of the running process. Kernel threads are root. No reference is taken when the process has one
// thread.
struct identity identity_borrow(void);
// The real ids (access(2)): capabilities are the permitted ones when the real user is root, else none.
struct identity identity_borrow_real(void);
static inline void identity_return(const struct identity *identity) {
    if (identity->counted) credentials_put(identity->credentials);
}
static inline bool identity_capable(const struct identity *identity, enum capability capability) {
    return identity->capabilities >> capability & 1;
}
bool identity_in_group(const struct identity *identity, uint32_t gid);
static inline bool identity_owns(const struct identity *identity, const struct node *node) {
    return identity->uid == node->uid || identity_capable(identity, CAP_FOWNER);
}
// 0 or -EACCES. The read-only rule is the caller's.
[[nodiscard]] int32_t identity_permission(const struct identity *identity, const struct node *node, uint32_t access);
// Whether the sticky directory forbids removing or renaming the node in it.
bool identity_sticky_denied(const struct identity *identity, const struct node *directory, const struct node *node);
