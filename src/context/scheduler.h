// Between the scheduler, wait.c and process.c.
#pragma once

#include "src/context/context.h"

enum schedule_policy : uint32_t { SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE = 5 };

// Queues a context whose state just went from CONTEXT_BLOCKED to CONTEXT_RUNNABLE (by the caller). Any context.
void scheduler_enqueue_woken(struct context *context);
// Gives the processor away; the running thread is not queued: a waker does that.
void scheduler_switch_blocked(void);
// First thing a new thread does: ends the switch that brought it here.
void scheduler_switch_finish(void);
// Wakes or interrupts the processor on which context runs, so that it looks at context->work.
void scheduler_poke(struct context *context);
// Brings user_time and virtual_time of the running thread up to date.
void scheduler_account_current(void);
void context_set_policy(struct context *context, uint32_t policy, uint32_t priority);
// Load averages of 1, 5 and 15 minutes in 16.16 fixed point.
void scheduler_load(uint32_t load[3]);
