#include "src/scheme/lock_record.h"

#include "src/context/context.h"
#include "src/memory/heap.h"
#include "src/scheme/file.h"

struct record {
    struct list link;
    enum lock_kind kind;
    enum lock_type type;
    const void *owner; // the process or the open file
    int32_t pid;
    uint64_t start, last; // inclusive
};

struct file_lock_list {
    struct list records;
    struct wait_queue changed;
};

// A process that waits for another's record, for the search for cycles.
struct blocked {
    struct list link;
    const void *owner, *holder;
};

static struct spinlock lock = SPINLOCK_INIT(RANK_NAME); // guards all lists and node->locks
static struct list blocked_owners = LIST_INIT(blocked_owners);
static struct slab_cache record_cache = SLAB_CACHE(struct record);

static struct record describe(struct file *file, enum lock_kind kind, const struct kernel_file_lock *request) {
    struct process *process = process_current();
    uint64_t last = request->length ? request->start + request->length - 1 : INT64_MAX;
    return (struct record){.kind = kind,
                           .type = request->type,
                           .owner = kind == LOCK_PROCESS ? (const void *)process : file,
                           .pid = kind == LOCK_PROCESS ? process->pid : -1,
                           .start = kind == LOCK_WHOLE ? 0 : request->start,
                           .last = kind == LOCK_WHOLE ? INT64_MAX : last};
}

static bool same_owner(const struct record *a, const struct record *b) {
    return a->kind == b->kind && a->owner == b->owner;
}

static bool conflicts(const struct record *held, const struct record *wanted) {
    if ((held->kind == LOCK_WHOLE) != (wanted->kind == LOCK_WHOLE) || same_owner(held, wanted)) return false;
    if (held->last < wanted->start || held->start > wanted->last) return false;
    return held->type == LOCK_WRITE || wanted->type == LOCK_WRITE;
}

static struct record *find_conflict(const struct file_lock_list *list, const struct record *wanted) {
    if (!list || wanted->type == LOCK_NONE) return nullptr;
    list_for_each(record, &list->records, struct record, link) {
        if (conflicts(record, wanted)) return record;
    }
    return nullptr;
}

void lock_test(struct file *file, enum lock_kind kind, struct kernel_file_lock *request) {
    const struct record wanted = describe(file, kind, request);
    spin_lock(&lock);
    const struct record *held = find_conflict(file->node->locks, &wanted);
    if (held)
        *request = (struct kernel_file_lock){held->type, held->pid, held->start,
                                             held->last == INT64_MAX ? 0 : held->last - held->start + 1};
    else
        request->type = LOCK_NONE;
    spin_unlock(&lock);
}

// As on Linux, where a test shows the first lock in the way: grouped by owner in the order of their first locks, within
// a group by start.
static void insert_sorted(struct file_lock_list *list, struct record *new) {
    struct list *position = list->records.next;
    while (position != &list->records && !same_owner(list_entry(position, struct record, link), new))
        position = position->next;
    while (position != &list->records && same_owner(list_entry(position, struct record, link), new) &&
           list_entry(position, struct record, link)->start < new->start)
        position = position->next;
    list_insert_after(position->previous, &new->link);
}

static void drop(struct record *record) {
    list_remove(&record->link);
    slab_free(&record_cache, record);
}

// Cuts what the owner holds in [wanted->start, wanted->last], but new. spare is used when one record becomes two;
// returns whether it was.
static bool cut(struct file_lock_list *list, const struct record *wanted, const struct record *new,
                struct record *spare) {
    bool used = false;
    list_for_each_safe(record, following, &list->records, struct record, link) {
        if (record == new) continue;
        if (!same_owner(record, wanted) || record->last < wanted->start || record->start > wanted->last) continue;
        bool front = record->start<wanted->start, back = record->last> wanted->last;
        if (front && back) {
            *spare = *record;
            spare->start = wanted->last + 1;
            record->last = wanted->start - 1;
            insert_sorted(list, spare);
            used = true;
        } else if (front) {
            record->last = wanted->start - 1;
        } else if (back) {
            record->start = wanted->last + 1;
        } else {
            drop(record);
        }
    }
    return used;
}

// Joins new with the owner's neighbours of the same type.
static void merge(struct file_lock_list *list, struct record *new) {
    list_for_each_safe(record, following, &list->records, struct record, link) {
        if (record == new || !same_owner(record, new) || record->type != new->type) continue;
        if (record->last + 1 != new->start &&new->last + 1 != record->start) continue;
        new->start = min(new->start, record->start);
        new->last = max(new->last, record->last);
        drop(record);
    }
}

static struct file_lock_list *list_of(struct node *node) {
    if (node->locks) return node->locks;
    struct file_lock_list *list = heap_alloc(sizeof(*list));
    if (!list) return nullptr;
    list_init(&list->records);
    wait_queue_init(&list->changed);
    atomic_store_release(&node->locks, list);
    return list;
}

// One attempt. *holder: whose record is in the way.
static int32_t try_set_locked(struct node *node, const struct record *wanted, const void **holder) {
    struct file_lock_list *list = list_of(node);
    if (!list) return -ENOMEM;
    const struct record *held = find_conflict(list, wanted);
    if (held) {
        *holder = held->kind == LOCK_PROCESS ? held->owner : nullptr;
        return -EAGAIN;
    }
    struct record *new = slab_alloc(&record_cache), *spare = slab_alloc(&record_cache);
    if (!new || !spare) {
        if (new) slab_free(&record_cache, new);
        if (spare) slab_free(&record_cache, spare);
        return -ENOMEM;
    }
    bool adding = wanted->type != LOCK_NONE;
    if (adding) {
        *new = *wanted;
        insert_sorted(list, new);
    }
    if (!cut(list, wanted, new, spare)) slab_free(&record_cache, spare);
    if (adding)
        merge(list, new);
    else
        slab_free(&record_cache, new);
    return 0;
}

static bool would_deadlock(const void *owner, const void *holder) {
    for (unsigned steps = 0; holder && steps < 1000; steps++) {
        if (holder == owner) return true;
        const void *next = nullptr;
        list_for_each(blocked, &blocked_owners, struct blocked, link) {
            if (blocked->owner == holder) next = blocked->holder;
        }
        holder = next;
    }
    return false;
}

// One attempt that, when it fails, notes whom we wait for.
static int32_t attempt(struct node *node, const struct record *wanted, bool wait, struct blocked *blocked) {
    const void *holder = nullptr;
    spin_lock(&lock);
    list_remove(&blocked->link);
    int32_t error = try_set_locked(node, wanted, &holder);
    if (error == -EAGAIN && wait && wanted->kind == LOCK_PROCESS) {
        if (would_deadlock(wanted->owner, holder)) {
            error = -EDEADLK;
        } else {
            blocked->owner = wanted->owner;
            blocked->holder = holder;
            list_push_back(&blocked_owners, &blocked->link);
        }
    }
    spin_unlock(&lock);
    return error;
}

int32_t lock_set(struct file *file, enum lock_kind kind, const struct kernel_file_lock *request, bool wait) {
    struct node *node = file->node;
    const struct record wanted = describe(file, kind, request);
    struct blocked blocked;
    list_init(&blocked.link);
    int32_t error = attempt(node, &wanted, wait, &blocked);
    if (error == -EAGAIN && wait) {
        enum wait_result result =
            wait_until(&node->locks->changed, (error = attempt(node, &wanted, true, &blocked)) != -EAGAIN,
                       WAIT_INTERRUPTIBLE, TIME_NEVER);
        spin_lock(&lock);
        list_remove(&blocked.link);
        spin_unlock(&lock);
        if (result != WAIT_WOKEN) return wait_result_error(result);
    }
    // A downgrade or an unlock may let others in.
    if (error == 0 && request->type != LOCK_WRITE) wait_queue_wake_all(&node->locks->changed);
    return error;
}

static void release_owner(struct node *node, const void *owner) {
    bool any = false;
    spin_lock(&lock);
    list_for_each_safe(record, following, &node->locks->records, struct record, link) {
        if (record->owner != owner) continue;
        drop(record);
        any = true;
    }
    spin_unlock(&lock);
    if (any) wait_queue_wake_all(&node->locks->changed);
}

void lock_release_process(struct node *node) {
    release_owner(node, process_current());
}

void lock_release_file(struct file *file) {
    release_owner(file->node, file);
}

void lock_list_free(struct file_lock_list *list) {
    list_for_each_safe(record, following, &list->records, struct record, link) drop(record);
    heap_free(list);
}
