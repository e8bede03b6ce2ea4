// Objects: what a handle can name; waitables: what a thread can wait for.
#pragma once

#include "lib/refcount.h"
#include "src/context/wait.h"

struct object;

struct object_type {
    const char *name;
    void (*release)(struct object *object); // the last reference is gone. May sleep
};

struct object {
    const struct object_type *type;
    struct refcount references;
};

static inline void object_init(struct object *object, const struct object_type *type) {
    object->type = type;
    refcount_init(&object->references);
}
static inline void object_get(struct object *object) {
    refcount_get(&object->references);
}
static inline void object_put(struct object *object) {
    if (refcount_put(&object->references)) object->type->release(object);
}

// What a satisfied wait takes from the waitable.
enum consume_rule : uint8_t {
    CONSUME_NONE,      // manual-reset event, process, thread
    CONSUME_ONE,       // auto-reset event: becomes unsignalled
    CONSUME_DECREMENT, // semaphore
    CONSUME_OWNER,     // mutant: owned, recursive, abandoned when the owner exits
};
struct waitable {
    struct wait_queue queue;
    int32_t count; // > 0: signalled. Guarded by queue.lock
    enum consume_rule rule;
    bool abandoned;
    struct context *owner; // CONSUME_OWNER
    uint32_t recursion;
};
void waitable_init(struct waitable *waitable, enum consume_rule rule, int32_t count);
// Adds to the count (sets it to 1 for events) and wakes waiters. Returns the old count.
int32_t waitable_signal(struct waitable *waitable, int32_t amount);
void waitable_reset(struct waitable *waitable);

enum wait_objects_kind : uint8_t { WAIT_ANY, WAIT_ALL };
constexpr unsigned WAIT_OBJECTS_MAXIMUM = 64;
// Waits for one or all of n waitables, tests and consumes atomically. *index: which one (WAIT_ANY). May sleep.
enum wait_result wait_objects(unsigned n, struct waitable *const *waitables, enum wait_objects_kind kind,
                              enum wait_flags flags, nanoseconds deadline, unsigned *index);
