// Threads of the host for tests of what runs on several processors; apart, because the host's headers and the canonical
// constants use the same names.
#pragma once

#include <stdint.h>

struct host_thread;
struct host_event; // set once, waited for once, reusable

struct host_thread *host_thread_start(void (*body)(void *), void *data);
void host_thread_join(struct host_thread *thread);
struct host_event *host_event_create(void);
void host_event_free(struct host_event *event);
void host_event_set(struct host_event *event);
// Waits until it is set and clears it; false: `deadline` (host_now) passed. INT64_MAX: none.
bool host_event_wait(struct host_event *event, int64_t deadline);
int64_t host_now(void);
void host_yield(void);
