// Tracing of threads (ptrace): a traced thread stops before it takes a signal, and its tracer looks at it, changes it
// and lets it go on.
#pragma once

#include "src/context/context.h"

struct thread_trace;

// The running thread is traced and has taken a signal: stops, and gives the signal that the tracer wants instead.
// False: none.
bool trace_signal_stop(struct kernel_siginfo *info);
// The running thread's program was replaced.
void trace_exec(void);
// The running thread ends.
void trace_thread_exit(struct context *self);
// The running process ends: what it traced goes on untraced.
void trace_process_exit(struct process *process);
// For wait: whether the running process traces a thread that matches, and what it reports. Caller holds tasklist_lock.
bool trace_wait(enum wait_for which, int32_t id, uint32_t options, struct kernel_wait_result *result, bool *possible);
