// Timers on CLOCK_MONOTONIC: the one timer queue per processor; and the clocks.
#pragma once

#include <personality.h>

#include "lib/tree.h"

struct wait_queue;

struct timer;
typedef void timer_callback(struct timer *timer); // in the timer interrupt: must not sleep

struct timer {
    struct tree_node node; // in the queue of processor `cpu`, under its lock
    nanoseconds deadline;
    timer_callback *callback;
    uint32_t cpu;    // (A) written before armed
    bool armed;      // (A)
    uint32_t arming; // (A) somebody is between taking it out and putting it in
};

void timer_queue_init(unsigned cpu);
static inline void timer_init(struct timer *timer, timer_callback *callback) {
    *timer = (struct timer){.callback = callback};
}
// (Re)arms on this processor. Any context.
void timer_arm(struct timer *timer, nanoseconds deadline);
// Disarms; after it returns the callback neither runs nor will run. Returns whether it was armed. Not from the
// callback.
bool timer_cancel(struct timer *timer);

nanoseconds clock_monotonic(void);
nanoseconds clock_realtime(void);
nanoseconds clock_wall_offset(void); // realtime - monotonic
// Sets the wall clock; wakes absolute realtime timers. Publishes the time record.
void clock_set_realtime(nanoseconds time);
// Woken when the wall clock is set: who waits for a time on it looks again.
struct wait_queue *clock_changes(void);
void time_init(void);
// Writes the record anew: after a personality registered its page, and after each change of the wall clock.
void time_record_publish(void);
extern struct kernel_time_record *time_record; // the page that programs see; nullptr before a personality registers it
