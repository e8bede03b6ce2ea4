// Between process.c, clone.c, exit.c and wait_child.c.
#pragma once

#include "src/context/context.h"

extern struct slab_cache process_cache;

// Ids of threads and processes (one name space).
[[nodiscard]] int32_t id_allocate(void); // -EAGAIN: all in use
void id_free(int32_t id);
void id_publish_context(struct context *context);
void id_publish_process(struct process *process);
void id_withdraw_context(struct context *context);
void id_withdraw_process(struct process *process); // and frees the id

// A context with a kernel stack, no process, its id unset. nullptr: no memory.
[[nodiscard]] struct context *context_alloc(const char *name);
// A process without threads; limits and the like are unset. nullptr: no memory.
[[nodiscard]] struct process *process_alloc(void);
// Adds to the process's threads. Caller holds process->lock or is the only one to know of it.
void process_add_thread(struct process *process, struct context *context);
// Adds to the family (parent nullptr: the running process's own parent, for CLONE_PARENT) and to the list of all;
// group, session and terminal are those of the running process. Takes tasklist_lock.
void process_publish(struct process *process, struct process *parent);

// Makes all threads of the process but `except` die. Caller holds process->lock.
void process_kill_threads_locked(struct process *process, struct context *except);
// Ends the process as by a fatal signal or exit_group: every thread dies with the status. Any context that may take
// process->lock. Nothing happens when it is exiting already.
void process_request_exit(struct process *process, int32_t status);

// What follows when the parent of a process, or its group, changes: POSIX's orphaned groups. Caller holds
// tasklist_lock.
bool process_group_orphaned(int32_t group, const struct process *ignored);
// Tells the parent that the child stopped or continued (SIGCHLD, wake). Caller holds tasklist_lock.
void process_report_stop_locked(struct process *process, bool continued, uint32_t signal);
