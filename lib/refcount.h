// A reference count: starts at 1; whoever drops the last reference frees the object.
#pragma once

#include "lib/atomic.h"

struct refcount {
    uint32_t count;
};

static inline void refcount_init(struct refcount *r) {
    atomic_store_relaxed(&r->count, 1);
}

// Caller has a reference already.
static inline void refcount_get(struct refcount *r) {
    atomic_fetch_add_relaxed(&r->count, 1);
}

// For look-ups in a table that holds no reference itself. False: the object is dying.
[[nodiscard]] static inline bool refcount_get_unless_zero(struct refcount *r) {
    uint32_t count = atomic_load_relaxed(&r->count);
    while (count != 0) {
        if (atomic_compare_exchange_acq_rel(&r->count, &count, count + 1)) return true;
    }
    return false;
}

// True: this was the last reference.
[[nodiscard]] static inline bool refcount_put(struct refcount *r) {
    return atomic_fetch_sub_acq_rel(&r->count, 1) == 1;
}
