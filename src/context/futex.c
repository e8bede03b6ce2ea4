// Futexes: a hash of buckets. The word is read and compared under its bucket's lock, with faults disabled: a page that
// is not there is made present without the lock, and all is tried again.
#include "src/context/futex.h"

#include "lib/hash.h"
#include "src/context/context.h"
#include "src/memory/address_space.h"
#include "src/memory/heap.h"
#include "src/memory/memory_object.h"
#include "src/memory/user_copy.h"

constexpr unsigned BUCKETS = 256;

struct bucket {
    struct spinlock lock; // RANK_WAIT_QUEUE; two by address
    struct list waiters;
};
static struct bucket buckets[BUCKETS];

struct key {
    const void *owner; // an address space, or a memory object (a reference, dropped by key_put)
    uint64_t offset;
    struct memory_object *object;
};

struct waiter {
    struct list link;
    struct key key;
    struct bucket *bucket; // (A) changed under both buckets' locks
    struct context *context;
    uint32_t bitset;
    bool woken;
    struct memory_object *object;   // of a wait for any: the reference that key_get gave, whatever the key becomes
    struct memory_object *moved_to; // a reference: of the shared word that a requeue moved it to
};

void futex_init(void) {
    for (unsigned i = 0; i < BUCKETS; i++) {
        spinlock_init(&buckets[i].lock, RANK_WAIT_QUEUE);
        list_init(&buckets[i].waiters);
    }
}

// ---- keys

static int32_t key_get(struct user_address address, uint32_t flags, struct key *key) {
    struct address_space *space = process_current()->address_space;
    if (address.value & 3) return -EINVAL;
    if (!user_range_valid(address.value, sizeof(uint32_t))) return -EFAULT;
    *key = (struct key){.owner = space, .offset = address.value};
    if (!(flags & FUTEX_SHARED)) return 0;
    struct memory_object *object;
    uint64_t offset;
    int32_t error = address_space_key(space, address.value, &object, &offset);
    if (error < 0) return error;
    if (object) *key = (struct key){.owner = object, .offset = offset, .object = object};
    return 0;
}

static void key_put(const struct key *key) {
    if (key->object) memory_object_put(key->object);
}

static bool key_equal(const struct key *a, const struct key *b) {
    return a->owner == b->owner && a->offset == b->offset;
}

static struct bucket *bucket_of(const struct key *key) {
    return &buckets[hash_word((uintptr_t)key->owner ^ (key->offset >> 2)) % BUCKETS];
}

static void lock_two(struct bucket *a, struct bucket *b) {
    spin_lock(a < b ? &a->lock : &b->lock);
    if (a != b) spin_lock(a < b ? &b->lock : &a->lock);
}

static void unlock_two(struct bucket *a, struct bucket *b) {
    spin_unlock(&a->lock);
    if (a != b) spin_unlock(&b->lock);
}

// ---- the word

static int32_t load_locked(struct user_address address, uint32_t *value) {
    struct cpu *cpu = cpu_current();
    cpu->faults_disabled++;
    int32_t error = arch_user_load32(address.value, value);
    cpu->faults_disabled--;
    return error;
}

// Makes the word's page present. Caller holds no lock.
static int32_t fault_in(struct user_address address, bool write) {
    uint32_t value;
    int32_t error = arch_user_load32(address.value, &value);
    if (!error && write) error = arch_user_compare_exchange32(address.value, &value, value);
    return error;
}

// ---- wait

static nanoseconds monotonic_deadline(nanoseconds deadline, uint32_t flags) {
    if (deadline == TIME_NEVER || !(flags & FUTEX_REALTIME)) return deadline;
    return deadline - clock_wall_offset();
}

// Queues the running thread when the word holds `expected`.
static int32_t wait_queue_up(struct waiter *waiter, struct user_address address, uint32_t expected) {
    struct bucket *bucket = waiter->bucket;
    uint32_t value;
    for (;;) {
        spin_lock(&bucket->lock);
        int32_t error = load_locked(address, &value);
        if (likely(!error)) break;
        spin_unlock(&bucket->lock);
        error = fault_in(address, false);
        if (error) return error;
    }
    if (value == expected) {
        list_push_back(&bucket->waiters, &waiter->link);
        context_block_prepare();
    }
    spin_unlock(&bucket->lock);
    return value == expected ? 0 : -EAGAIN;
}

// Leaves the queue. Returns whether somebody woke it.
static bool wait_leave(struct waiter *waiter) {
    for (;;) {
        struct bucket *bucket = atomic_load_acquire(&waiter->bucket);
        spin_lock(&bucket->lock);
        if (likely(bucket == waiter->bucket)) {
            if (!waiter->woken) list_remove(&waiter->link);
            spin_unlock(&bucket->lock);
            return waiter->woken;
        }
        spin_unlock(&bucket->lock);
    }
}

int32_t futex_wait(struct user_address address, uint32_t expected, uint32_t bitset, nanoseconds deadline,
                   uint32_t flags) {
    if (!bitset) return -EINVAL;
    struct waiter waiter = {.context = context_current(), .bitset = bitset};
    int32_t error = key_get(address, flags, &waiter.key);
    if (error) return error;
    struct memory_object *object = waiter.key.object;
    waiter.bucket = bucket_of(&waiter.key);
    error = wait_queue_up(&waiter, address, expected);
    if (!error) {
        enum wait_result result = WAIT_WOKEN;
        while (!atomic_load_acquire(&waiter.woken) && result == WAIT_WOKEN) {
            result = context_block(WAIT_INTERRUPTIBLE, monotonic_deadline(deadline, flags));
            if (result == WAIT_WOKEN) context_block_prepare();
        }
        context_block_cancel();
        error = wait_leave(&waiter) ? 0 : wait_result_error(result);
    }
    if (waiter.moved_to) memory_object_put(waiter.moved_to);
    if (object) memory_object_put(object);
    return error;
}

// Queues the running thread at each word. Returns how many were queued; *error says why not all.
static uint32_t any_queue_up(struct waiter *waiters, const struct kernel_futex_wait *waits, uint32_t count,
                             int32_t *error) {
    for (uint32_t i = 0; i < count; i++) {
        waiters[i] = (struct waiter){.context = context_current(), .bitset = UINT32_MAX};
        *error = key_get(waits[i].address, waits[i].flags, &waiters[i].key);
        if (*error) return i;
        waiters[i].bucket = bucket_of(&waiters[i].key);
        waiters[i].object = waiters[i].key.object;
        *error = wait_queue_up(&waiters[i], waits[i].address, waits[i].expected);
        if (*error) {
            key_put(&waiters[i].key);
            return i;
        }
    }
    return count;
}

static bool any_woken(const struct waiter *waiters, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (atomic_load_acquire(&waiters[i].woken)) return true;
    }
    return false;
}

int32_t futex_wait_any(const struct kernel_futex_wait *waits, uint32_t count, nanoseconds deadline, uint32_t flags) {
    if (!count || count > FUTEX_WAITS_MAXIMUM) return -EINVAL;
    struct waiter *waiters = heap_alloc(count * sizeof *waiters);
    if (!waiters) return -ENOMEM;
    int32_t error = 0;
    uint32_t queued = any_queue_up(waiters, waits, count, &error);
    enum wait_result result = WAIT_WOKEN;
    while (!error && result == WAIT_WOKEN) {
        context_block_prepare();
        if (any_woken(waiters, count)) break;
        result = context_block(WAIT_INTERRUPTIBLE, monotonic_deadline(deadline, flags));
    }
    context_block_cancel();
    if (!error) error = wait_result_error(result);
    for (uint32_t i = 0; i < queued; i++) {
        if (wait_leave(&waiters[i])) error = (int32_t)i;
        if (waiters[i].moved_to) memory_object_put(waiters[i].moved_to);
        if (waiters[i].object) memory_object_put(waiters[i].object);
    }
    heap_free(waiters);
    return error;
}

// ---- wake

// Caller holds the bucket's lock.
static void wake_one(struct waiter *waiter) {
    struct context *context = waiter->context;
    list_remove(&waiter->link);
    atomic_store_release(&waiter->woken, true);
    (void)context_wake(context);
}

// As Linux does, a count below 1 wakes one. Caller holds the bucket's lock.
static int32_t wake_locked(struct bucket *bucket, const struct key *key, int32_t count, uint32_t bitset) {
    int32_t woken = 0;
    list_for_each_safe(waiter, following, &bucket->waiters, struct waiter, link) {
        if (!key_equal(&waiter->key, key) || !(waiter->bitset & bitset)) continue;
        wake_one(waiter);
        if (++woken >= count) break;
    }
    return woken;
}

int32_t futex_wake(struct user_address address, int32_t count, uint32_t bitset, uint32_t flags) {
    struct key key;
    if (!bitset) return -EINVAL;
    int32_t result = key_get(address, flags, &key);
    if (result) return result;
    struct bucket *bucket = bucket_of(&key);
    spin_lock(&bucket->lock);
    result = wake_locked(bucket, &key, count, bitset);
    spin_unlock(&bucket->lock);
    key_put(&key);
    return result;
}

// ---- requeue

// Caller holds both locks. The moved waiter keeps its reference to the first object too.
static int32_t move_locked(struct bucket *from, const struct key *key, struct bucket *to, const struct key *target,
                           int32_t wake, int32_t move) {
    int32_t done = 0;
    list_for_each_safe(waiter, following, &from->waiters, struct waiter, link) {
        if (done - wake >= move) break;
        if (!key_equal(&waiter->key, key)) continue;
        if (done++ < wake) {
            wake_one(waiter);
            continue;
        }
        list_remove(&waiter->link);
        list_push_back(&to->waiters, &waiter->link);
        waiter->key.owner = target->owner;
        waiter->key.offset = target->offset;
        if (target->object && !waiter->moved_to) memory_object_get(waiter->moved_to = target->object);
        atomic_store_release(&waiter->bucket, to);
    }
    return done;
}

static int32_t requeue_keys(struct user_address address, const struct key *key, const struct key *target, int32_t wake,
                            int32_t move, const uint32_t *expected) {
    struct bucket *from = bucket_of(key), *to = bucket_of(target);
    for (;;) {
        uint32_t value;
        lock_two(from, to);
        int32_t error = expected ? load_locked(address, &value) : 0;
        if (!error) {
            int32_t result = expected && value != *expected ? -EAGAIN : move_locked(from, key, to, target, wake, move);
            unlock_two(from, to);
            return result;
        }
        unlock_two(from, to);
        error = fault_in(address, false);
        if (error) return error;
    }
}

int32_t futex_requeue(struct user_address address, int32_t wake, int32_t move, struct user_address target,
                      const uint32_t *expected, uint32_t flags) {
    struct key key, target_key;
    if (wake < 0 || move < 0) return -EINVAL;
    int32_t result = key_get(address, flags, &key);
    if (result) return result;
    result = key_get(target, flags, &target_key);
    if (!result) {
        result = requeue_keys(address, &key, &target_key, wake, move, expected);
        key_put(&target_key);
    }
    key_put(&key);
    return result;
}

// ---- wake-op

static int32_t sign_extend_12(uint32_t value) {
    return (int32_t)(value << 20) >> 20;
}

static int32_t operate(uint32_t operation, uint32_t old, uint32_t *new) {
    int32_t argument = sign_extend_12(operation >> 12 & 0xfff);
    if (operation >> 31) argument = (int32_t)(1U << (argument & 31));
    switch (operation >> 28 & 7) {
    case 0:
        *new = (uint32_t)argument;
        return 0;
    case 1:
        *new = old + (uint32_t)argument;
        return 0;
    case 2:
        *new = old | (uint32_t)argument;
        return 0;
    case 3:
        *new = old & ~(uint32_t)argument;
        return 0;
    case 4:
        *new = old ^ (uint32_t)argument;
        return 0;
    default:
        return -ENOSYS;
    }
}

static int32_t compare(uint32_t operation, uint32_t old_value) {
    int32_t argument = sign_extend_12(operation & 0xfff), old = (int32_t)old_value;
    switch (operation >> 24 & 15) {
    case 0:
        return old == argument;
    case 1:
        return old != argument;
    case 2:
        return old < argument;
    case 3:
        return old <= argument;
    case 4:
        return old > argument;
    case 5:
        return old >= argument;
    default:
        return -ENOSYS;
    }
}

// Caller holds the locks. -EFAULT: not present.
static int32_t change_word_locked(struct user_address address, uint32_t operation, uint32_t *old) {
    uint32_t new;
    struct cpu *cpu = cpu_current();
    int32_t error = load_locked(address, old);
    while (!error) {
        uint32_t seen = *old;
        error = operate(operation, *old, &new);
        if (error) break;
        cpu->faults_disabled++;
        error = arch_user_compare_exchange32(address.value, old, new);
        cpu->faults_disabled--;
        if (!error && *old == seen) break;
    }
    return error;
}

static int32_t wake_op_keys(const struct key *key, int32_t wake, struct user_address second,
                            const struct key *second_key, int32_t wake_second, uint32_t operation) {
    struct bucket *a = bucket_of(key), *b = bucket_of(second_key);
    for (;;) {
        uint32_t old;
        lock_two(a, b);
        int32_t result = change_word_locked(second, operation, &old);
        if (!result) {
            result = compare(operation, old);
            if (result >= 0) {
                bool both = result;
                result = wake_locked(a, key, wake, UINT32_MAX);
                if (both) result += wake_locked(b, second_key, wake_second, UINT32_MAX);
            }
        }
        unlock_two(a, b);
        if (result != -EFAULT) return result;
        result = fault_in(second, true);
        if (result) return result;
    }
}

int32_t futex_wake_op(struct user_address address, int32_t wake, struct user_address second, int32_t wake_second,
                      uint32_t operation, uint32_t flags) {
    struct key key, second_key;
    int32_t result = key_get(address, flags, &key);
    if (result) return result;
    result = key_get(second, flags, &second_key);
    if (!result) {
        result = wake_op_keys(&key, wake, second, &second_key, wake_second, operation);
        key_put(&second_key);
    }
    key_put(&key);
    return result;
}
