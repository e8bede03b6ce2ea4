// System V IPC: tables of shared memory, semaphore sets and message queues, by key and by id. Each kind has one table;
// its spinlock also guards the objects. Objects live on while somebody holds a reference; a removed one is no longer
// found.
#pragma once

#include <personality.h>

#include "lib/refcount.h"
#include "src/context/lock.h"
#include "src/context/wait.h"

struct ipc_object {
    struct refcount references;
    enum ipc_kind kind;      // (i)
    int32_t id;              // (i)
    int32_t key;             // (T)
    bool removed;            // (T)
    uint32_t uid, gid, mode; // (T)
    uint32_t creator_uid, creator_gid;
    int32_t creator_pid, last_pid, last_receive_pid; // (T)
    nanoseconds changed, last, last_receive;         // (T) real time
};

// (T)
struct ipc_table {
    struct spinlock lock; // RANK_READINESS
    uint32_t maximum;
    struct ipc_object **objects; // by index
    uint16_t *sequences;         // of the next object at an index
    uint32_t capacity, used;
    uint32_t lowest_free;                       // no free index below
    uint64_t total;                             // bytes or semaphores
    void (*release)(struct ipc_object *object); // the last reference is gone
};
extern struct ipc_table ipc_tables[IPC_KINDS];

// Permission bits that an operation asks for.
enum ipc_access : uint32_t { IPC_READ = 0444, IPC_WRITE = 0222 };

static inline struct ipc_table *ipc_table_of(const struct ipc_object *object) {
    return &ipc_tables[object->kind];
}

// Caller holds the table's lock. -EACCES.
[[nodiscard]] int32_t ipc_permission_locked(const struct ipc_object *object, uint32_t wanted);
// Caller holds the table's lock. -EPERM unless owner, creator or privileged.
[[nodiscard]] int32_t ipc_owner_locked(const struct ipc_object *object);
// The object with a reference. -EINVAL (no such id), -EIDRM (another one took its place). Takes the table's lock.
[[nodiscard]] int32_t ipc_find(enum ipc_kind kind, int32_t id, struct ipc_object **object);
// The same, checked for wanted permission.
[[nodiscard]] int32_t ipc_find_for(enum ipc_kind kind, int32_t id, uint32_t wanted, struct ipc_object **object);
void ipc_put(struct ipc_object *object);
// A new object (its kind's part is made) takes a place: its id. -ENOSPC, -ENOMEM, -EEXIST (the key came up meanwhile).
[[nodiscard]] int32_t ipc_publish(struct ipc_object *object, enum ipc_kind kind, int32_t key, uint32_t mode);
// Takes it out of the table and drops the table's reference. Caller holds the lock and one more reference.
void ipc_withdraw_locked(struct ipc_object *object);

// What the kinds implement. create: the new object, not yet published.
[[nodiscard]] int32_t shared_memory_create(uint64_t size, struct ipc_object **object);
[[nodiscard]] int32_t semaphores_create(uint64_t count, struct ipc_object **object);
[[nodiscard]] int32_t messages_create(struct ipc_object **object);
uint64_t shared_memory_size(const struct ipc_object *object);
uint64_t semaphores_count(const struct ipc_object *object);
uint64_t shared_memory_attachments(struct ipc_object *object); // May sleep
void shared_memory_release(struct ipc_object *object);
void semaphores_release(struct ipc_object *object);
void messages_release(struct ipc_object *object);
// Caller holds the table's lock.
void shared_memory_removed_locked(struct ipc_object *object);
void semaphores_removed_locked(struct ipc_object *object);
void messages_removed_locked(struct ipc_object *object);
void messages_status_locked(const struct ipc_object *object, struct kernel_ipc_status *status);
[[nodiscard]] int32_t messages_maximum_locked(struct ipc_object *object, uint64_t maximum);
void messages_usage(struct kernel_ipc_usage *usage);

struct process;
// A process ends: its semaphore operations with SEMAPHORE_UNDO are taken back.
void semaphores_undo(struct process *process);
