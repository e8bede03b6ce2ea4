// The terminal itself, for tty.c, tty_control.c, pty.c.
#pragma once

#include "lib/list.h"
#include "lib/refcount.h"
#include "src/context/timer.h"
#include "src/scheme/file.h"
#include "src/scheme/io_request.h"
#include "src/scheme/line_discipline.h"
#include "src/scheme/tty.h"

struct tty {
    struct refcount references;
    struct spinlock lock; // RANK_DEVICE: guards all below
    struct line_discipline line;
    const struct tty_driver *driver;
    void *driver_data;
    struct kernel_winsize size;
    int32_t session, foreground; // ids; 0: none
    uint32_t opens;              // (A) open files
    bool hung_up;
    bool flow_stopped; // TCOOFF
    bool read_expired; // VTIME ran out for a read that waits
    struct timer read_timer;
    struct wait_queue readiness;
    struct device_scheme device;
    char name[24];
    struct list link; // all terminals
};

extern const struct scheme tty_scheme;

[[nodiscard]] struct tty *tty_create(const struct tty_driver *driver, void *data, const char *name);
// The terminal behind a descriptor of the running process (a pty's master means its slave). -EBADF, -ENOTTY.
// On success *reference must be released.
[[nodiscard]] int32_t tty_of_descriptor(int32_t descriptor, struct file_reference *reference, struct tty **tty);
// Background processes that change the terminal get SIGTTOU: 0, -EIO, -KERNEL_ERESTART.
[[nodiscard]] int32_t tty_check_background(struct tty *tty, uint32_t signal);
// Sends what is in the output ring to the driver. Caller holds lock.
void tty_push_locked(struct tty *tty);
// Wakes readers and writers after a change, by what is possible now.
void tty_wake(struct tty *tty);
uint32_t tty_ready_events(struct tty *tty);
// Makes it the controlling terminal of the running session leader. -EPERM.
[[nodiscard]] int32_t tty_acquire(struct tty *tty, bool steal);
void tty_disassociate(struct process *process);
extern struct tty *(*pty_slave_of)(struct file *file); // pty.c: the slave of a master's file; nullptr: not one
