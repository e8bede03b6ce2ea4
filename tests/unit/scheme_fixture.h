// Shared by the hosted tests of src/scheme: a root in memory, a process to act as, and what the rest of the core would
// offer. Waiting is impossible: a wait fails the test.
#pragma once

#include "tests/unit/memory_fixture.h"

#include "src/context/context.h"
#include "src/scheme/async_signal.h"
#include "src/scheme/device.h"
#include "src/scheme/file.h"
#include "src/scheme/file_system_state.h"
#include "src/scheme/mount.h"
#include "src/scheme/name_cache.h"
#include "src/scheme/tmp.h"

static struct process fixture_process;
static struct context fixture_context = {.process = &fixture_process};
static uint32_t last_signal;
struct credentials root_credentials = {.references = {1},
                                       .ids = {.capabilities_effective = ~0ULL, .capabilities_permitted = ~0ULL}};

void credentials_get(struct credentials *) {
}
void credentials_put(struct credentials *) {
}
bool capable(enum capability capability) {
    return fixture_process.credentials->ids.capabilities_effective >> capability & 1;
}
uint64_t process_limit(enum resource_limit which) {
    return which == RLIMIT_NOFILE ? 1024 : fixture_process.limits[which].current;
}
struct process *process_find(int32_t) {
    return nullptr;
}
nanoseconds clock_realtime(void) {
    static nanoseconds now = 1'700'000'000LL * NANOSECONDS_PER_SECOND;
    return now += 1000;
}
nanoseconds clock_wall_offset(void) {
    return 1'700'000'000LL * NANOSECONDS_PER_SECOND;
}
int32_t signal_send_context(struct context *, const struct kernel_siginfo *info) {
    last_signal = info->signal;
    return 0;
}
void epoll_forget(struct file *) {
}
int32_t async_signal_set(struct file *, bool) {
    return 0;
}
void async_signal_forget(struct file *) {
}
void posix_queue_closed(struct file *) {
}
size_t log_read(char *, size_t) {
    return 0;
}
int32_t kop_random(const struct segment *, size_t *) {
    return -ENOSYS;
}

// ---- waiting: only wake-ups are recorded

static uint32_t wakes;
void wait_entry_init(struct wait_entry *entry) {
    *entry = (struct wait_entry){};
    list_init(&entry->link);
}
void wait_queue_add(struct wait_queue *queue, struct wait_entry *entry) {
    list_push_back(&queue->entries, &entry->link);
}
void wait_queue_remove(struct wait_entry *entry) {
    list_remove(&entry->link);
}
void wait_queue_wake(struct wait_queue *, uint32_t, uint32_t events) {
    wakes |= events;
}
void context_block_prepare(void) {
}
void context_block_cancel(void) {
}
// A wait is answered as if a signal came.
enum wait_result context_block(enum wait_flags, nanoseconds) {
    return WAIT_SIGNAL;
}
int32_t wait_result_error(enum wait_result result) {
    return result == WAIT_WOKEN ? 0 : -KERNEL_ERESTART;
}

static void act_as(uint32_t uid, uint32_t gid, bool privileged) {
    static struct credentials credentials = {.references = {1}};
    credentials.ids = (struct kernel_credentials){
        .uid = uid, .euid = uid, .suid = uid, .fsuid = uid, .gid = gid, .egid = gid, .sgid = gid, .fsgid = gid};
    if (privileged) credentials.ids.capabilities_effective = credentials.ids.capabilities_permitted = ~0ULL;
    fixture_process.credentials = &credentials;
}

static inline void scheme_start(void) {
    memory_start(64UL << 20);
    hosted_context = &fixture_context;
    act_as(0, 0, true);
    fixture_process.pid = 7;
    fixture_process.thread_count = 1;
    for (unsigned i = 0; i < RLIMIT_COUNT; i++)
        fixture_process.limits[i] = (struct kernel_rlimit){RLIM_INFINITY, RLIM_INFINITY};
    struct node *root = tmp_node_create(S_IFDIR | 0755, device_new_id(), 0);
    assert_non_null(root);
    root->links = 2;
    root_mount = mount_root(&tmp_scheme, "rootfs", root);
    assert_non_null(root_mount);
    fixture_process.file_system = file_system_state_create();
    fixture_process.handles = handle_table_create();
    assert_non_null(fixture_process.handles);
    atomic_store_relaxed(&fixture_process.file_system->umask, 0);
}
