// Semaphore sets: operations on several of them at once, atomically, with undo at the end of a process.
#include "lib/list.h"
#include "lib/string.h"
#include "src/context/context.h"
#include "src/context/timer.h"
#include "src/ipc/ipc.h"
#include "src/memory/heap.h"

struct semaphore {
    uint16_t value;
    int32_t pid; // of the last operation
};

// All guarded by the table's lock.
struct semaphore_set {
    struct ipc_object ipc;
    uint32_t count;
    struct wait_queue queue;
    struct list waiters; // struct semaphore_waiter
    struct list undos;   // struct semaphore_undo
    struct semaphore semaphores[];
};

struct semaphore_waiter {
    struct list link;
    uint16_t number; // the one that keeps it waiting
    bool for_zero;
};

struct semaphore_undo {
    struct list link;
    struct process *process; // not a reference: removed at its end
    int16_t adjust[];        // one for each semaphore
};

static struct spinlock *const lock = &ipc_tables[IPC_SEMAPHORES].lock;

static struct semaphore_set *set_of(struct ipc_object *object) {
    return container_of(object, struct semaphore_set, ipc);
}

int32_t semaphores_create(uint64_t count, struct ipc_object **object) {
    if (count < 1 || count > SEMAPHORES_MAXIMUM) return -EINVAL;
    struct semaphore_set *set = heap_alloc_zeroed(sizeof(*set) + count * sizeof(set->semaphores[0]));
    if (!set) return -ENOMEM;
    set->count = (uint32_t)count;
    wait_queue_init(&set->queue);
    list_init(&set->waiters);
    list_init(&set->undos);
    *object = &set->ipc;
    return 0;
}

uint64_t semaphores_count(const struct ipc_object *object) {
    return container_of(object, const struct semaphore_set, ipc)->count;
}

void semaphores_release(struct ipc_object *object) {
    struct semaphore_set *set = set_of(object);
    list_for_each_safe(undo, following, &set->undos, struct semaphore_undo, link) {
        heap_free(undo);
    }
    heap_free(set);
}

void semaphores_removed_locked(struct ipc_object *object) {
    ipc_withdraw_locked(object);
    wait_queue_wake_all(&set_of(object)->queue);
}

static struct semaphore_undo *undo_find_locked(struct semaphore_set *set, const struct process *process) {
    list_for_each(undo, &set->undos, struct semaphore_undo, link) {
        if (undo->process == process) return undo;
    }
    return nullptr;
}

// ---- operations

struct attempt {
    struct semaphore_set *set;
    const struct kernel_semaphore_operation *operations;
    uint32_t count;
    struct semaphore_undo *undo; // nullptr: none is wanted
    struct semaphore_waiter waiter;
    int32_t result; // once it is over
};

// Takes the first `done` operations back.
static void roll_back(const struct attempt *attempt, uint32_t done) {
    while (done--) {
        const struct kernel_semaphore_operation *operation = &attempt->operations[done];
        attempt->set->semaphores[operation->number].value -= (uint16_t)operation->change;
        if (operation->flags & SEMAPHORE_UNDO) attempt->undo->adjust[operation->number] += operation->change;
    }
}

// 0: done all; -EAGAIN: must wait (the waiter says for what); another error. Nothing is changed unless all is done.
static int32_t perform_locked(struct attempt *attempt) {
    for (uint32_t i = 0; i < attempt->count; i++) {
        const struct kernel_semaphore_operation *operation = &attempt->operations[i];
        struct semaphore *semaphore = &attempt->set->semaphores[operation->number];
        int32_t value = semaphore->value + operation->change, error = 0;
        if (operation->change == 0 ? semaphore->value != 0 : value < 0) {
            attempt->waiter.number = operation->number;
            attempt->waiter.for_zero = operation->change == 0;
            error = operation->flags & IPC_NOWAIT ? -EWOULDBLOCK : 1;
        } else if (value > (int32_t)SEMAPHORE_VALUE_MAXIMUM) {
            error = -ERANGE;
        } else if (operation->flags & SEMAPHORE_UNDO) {
            int32_t adjust = attempt->undo->adjust[operation->number] - operation->change;
            if (adjust < -(int32_t)SEMAPHORE_VALUE_MAXIMUM - 1 || adjust > (int32_t)SEMAPHORE_VALUE_MAXIMUM)
                error = -ERANGE;
            else
                attempt->undo->adjust[operation->number] = (int16_t)adjust;
        }
        if (error) {
            roll_back(attempt, i);
            return error;
        }
        semaphore->value = (uint16_t)value;
    }
    for (uint32_t i = 0; i < attempt->count; i++)
        attempt->set->semaphores[attempt->operations[i].number].pid = process_current()->pid;
    attempt->set->ipc.last = clock_realtime();
    return 0;
}

// Whether the attempt is over.
static bool try(struct attempt *attempt) {
    spin_lock(lock);
    int32_t result = attempt->set->ipc.removed ? -EIDRM : perform_locked(attempt);
    attempt->result = result == 1 ? 0 : result;
    bool changed = false;
    for (uint32_t i = 0; result == 0 && i < attempt->count; i++)
        changed |= attempt->operations[i].change != 0;
    spin_unlock(lock);
    if (changed) wait_queue_wake_all(&attempt->set->queue);
    return result != 1;
}

static int32_t wait_for(struct attempt *attempt, nanoseconds deadline) {
    struct semaphore_set *set = attempt->set;
    spin_lock(lock);
    list_push_back(&set->waiters, &attempt->waiter.link);
    spin_unlock(lock);
    enum wait_result wait = wait_until(&set->queue, try(attempt), WAIT_INTERRUPTIBLE, deadline);
    spin_lock(lock);
    list_remove(&attempt->waiter.link);
    spin_unlock(lock);
    if (wait == WAIT_WOKEN) return attempt->result;
    return wait == WAIT_TIMEOUT ? -EAGAIN : -EINTR;
}

// The process's undo list of the set, made when it has none.
static int32_t undo_get(struct semaphore_set *set, struct semaphore_undo **undo) {
    struct process *process = process_current();
    struct semaphore_undo *fresh = heap_alloc_zeroed(sizeof(*fresh) + set->count * sizeof(fresh->adjust[0]));
    if (!fresh) return -ENOMEM;
    spin_lock(lock);
    *undo = undo_find_locked(set, process);
    if (!*undo) {
        fresh->process = process;
        list_push_back(&set->undos, &fresh->link);
        *undo = fresh;
        fresh = nullptr;
        process->has_semaphore_undo = true;
    }
    spin_unlock(lock);
    heap_free(fresh);
    return 0;
}

int32_t kop_semaphore_operate(int32_t id, const struct kernel_semaphore_operation *operations, uint32_t count,
                              nanoseconds deadline) {
    struct ipc_object *object;
    bool changes = false, undoes = false;
    uint32_t highest = 0;
    if (count < 1) return -EINVAL;
    if (count > SEMAPHORE_OPERATIONS_MAXIMUM) return -E2BIG;
    for (uint32_t i = 0; i < count; i++) {
        changes |= operations[i].change != 0;
        undoes |= (operations[i].flags & SEMAPHORE_UNDO) != 0;
        highest = max(highest, (uint32_t)operations[i].number);
    }
    int32_t error = ipc_find(IPC_SEMAPHORES, id, &object);
    if (error) return error;
    struct attempt attempt = {.set = set_of(object), .operations = operations, .count = count};
    if (highest >= attempt.set->count) error = -EFBIG;
    if (!error) {
        spin_lock(lock);
        error = ipc_permission_locked(object, changes ? IPC_WRITE : IPC_READ);
        spin_unlock(lock);
    }
    if (!error && undoes) error = undo_get(attempt.set, &attempt.undo);
    if (!error) error = try(&attempt) ? attempt.result : wait_for(&attempt, deadline);
    ipc_put(object);
    return error;
}

void semaphores_undo(struct process *process) {
    struct ipc_table *table = &ipc_tables[IPC_SEMAPHORES];
    if (!process->has_semaphore_undo) return;
    for (uint32_t i = 0;; i++) {
        spin_lock(lock);
        struct semaphore_undo *undo = nullptr;
        struct semaphore_set *set = nullptr;
        for (; i < table->capacity && !undo; i++) {
            if (!table->objects[i]) continue;
            set = set_of(table->objects[i]);
            undo = undo_find_locked(set, process);
        }
        if (undo) {
            list_remove(&undo->link);
            for (uint32_t n = 0; n < set->count; n++) {
                if (!undo->adjust[n]) continue;
                int32_t value = set->semaphores[n].value + undo->adjust[n];
                set->semaphores[n].value = (uint16_t)min(max(value, 0), (int32_t)SEMAPHORE_VALUE_MAXIMUM);
                set->semaphores[n].pid = process->pid;
            }
            wait_queue_wake_all(&set->queue);
            i--; // the set may have another one
        }
        spin_unlock(lock);
        if (!undo) return;
        heap_free(undo);
    }
}

// ---- control

static int32_t count_waiters_locked(const struct semaphore_set *set, uint32_t number, bool for_zero) {
    int32_t count = 0;
    list_for_each(waiter, &set->waiters, struct semaphore_waiter, link) {
        count += waiter->number == number && waiter->for_zero == for_zero;
    }
    return count;
}

int32_t kop_semaphore_figure(int32_t id, uint32_t number, enum semaphore_figure figure) {
    struct ipc_object *object;
    int32_t result = ipc_find_for(IPC_SEMAPHORES, id, IPC_READ, &object);
    if (result) return result;
    struct semaphore_set *set = set_of(object);
    spin_lock(lock);
    if (number >= set->count)
        result = -EINVAL;
    else if (set->ipc.removed)
        result = -EIDRM;
    else if (figure == SEMAPHORE_VALUE)
        result = set->semaphores[number].value;
    else if (figure == SEMAPHORE_PID)
        result = set->semaphores[number].pid;
    else
        result = count_waiters_locked(set, number, figure == SEMAPHORE_WAITING_ZERO);
    spin_unlock(lock);
    ipc_put(object);
    return result;
}

int32_t kop_semaphore_set(int32_t id, uint32_t first, uint32_t count, const uint16_t *values) {
    struct ipc_object *object;
    int32_t error = ipc_find_for(IPC_SEMAPHORES, id, IPC_WRITE, &object);
    if (error) return error;
    struct semaphore_set *set = set_of(object);
    if (first >= set->count || count > set->count - first) error = -EINVAL;
    for (uint32_t i = 0; i < count && !error; i++) {
        if (values[i] > SEMAPHORE_VALUE_MAXIMUM) error = -ERANGE;
    }
    spin_lock(lock);
    if (!error && set->ipc.removed) error = -EIDRM;
    for (uint32_t i = 0; i < count && !error; i++) {
        set->semaphores[first + i] = (struct semaphore){values[i], process_current()->pid};
        list_for_each(undo, &set->undos, struct semaphore_undo, link) {
            undo->adjust[first + i] = 0;
        }
    }
    if (!error) set->ipc.changed = clock_realtime();
    spin_unlock(lock);
    if (!error) wait_queue_wake_all(&set->queue);
    ipc_put(object);
    return error;
}

int32_t kop_semaphore_values(int32_t id, uint32_t capacity, uint16_t *values) {
    struct ipc_object *object;
    int32_t error = ipc_find_for(IPC_SEMAPHORES, id, IPC_READ, &object);
    if (error) return error;
    struct semaphore_set *set = set_of(object);
    spin_lock(lock);
    for (uint32_t i = 0; i < min(set->count, capacity); i++)
        values[i] = set->semaphores[i].value;
    spin_unlock(lock);
    uint32_t count = set->count;
    ipc_put(object);
    return (int32_t)count;
}
