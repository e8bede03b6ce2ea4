// Timers that send signals: setitimer's three, RLIMIT_CPU, and POSIX per-process timers.
#pragma once

#include "src/context/context.h"

enum interval_timer_kind : uint32_t { INTERVAL_REAL, INTERVAL_VIRTUAL, INTERVAL_PROFILE, INTERVAL_COUNT };

// From the scheduler's tick, for the running thread.
void interval_timer_tick(struct context *context);
[[nodiscard]] int32_t interval_timer_get(uint32_t which, struct kernel_itimer *value);
[[nodiscard]] int32_t interval_timer_set(uint32_t which, const struct kernel_itimer *value, struct kernel_itimer *old);

// Processor time of all threads. Takes process->lock.
nanoseconds process_cpu_time(struct process *process, bool user_only);
nanoseconds context_cpu_time(const struct context *context);

// Clocks by canonical id, of the running thread and process. -EINVAL: no such clock.
[[nodiscard]] int32_t clock_read(enum clock_id clock, nanoseconds *time);

[[nodiscard]] int32_t posix_timer_create(enum clock_id clock, enum timer_notify notify, uint32_t signal,
                                         uintptr_t value, int32_t tid, int32_t *id);
// flags 1: value is absolute.
[[nodiscard]] int32_t posix_timer_set(int32_t id, uint32_t flags, const struct kernel_itimer *value,
                                      struct kernel_itimer *old);
[[nodiscard]] int32_t posix_timer_get(int32_t id, struct kernel_itimer *value);
[[nodiscard]] int32_t posix_timer_overrun(int32_t id);
[[nodiscard]] int32_t posix_timer_delete(int32_t id);
// A timer's signal was taken. Caller holds the signal lock.
void posix_timer_delivered(struct process *process, int32_t id, int32_t overrun);
void posix_timers_tick(struct process *process);
void posix_timers_delete_all(struct process *process); // exec and exit
