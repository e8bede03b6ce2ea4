// Terminals: one line discipline under the serial console, hvc0 and ptys.
#pragma once

#include <personality.h>

#include "src/context/lock.h"
#include "src/context/wait.h"

struct tty;
struct process;

struct tty_driver {
    const char *name; // "ttyS0", "hvc0"
    // Sends up to size bytes; returns how many were taken. Never sleeps; the driver calls tty_output_room when there is
    // room again.
    size_t (*write)(void *data, const char *bytes, size_t size);
    bool (*drained)(void *data);    // nullptr: write sends at once
    void (*last_close)(void *data); // no file of it is open any more; nullptr: nothing to do
};

// Makes a terminal and its device node /dev/<name>. nullptr: no memory.
[[nodiscard]] struct tty *tty_register(const struct tty_driver *driver, void *data, uint32_t major, uint32_t minor);
// Bytes from the line, any context (interrupts). Bytes beyond the buffer are dropped (and ^G is echoed).
void tty_input(struct tty *tty, const char *bytes, size_t size);
void tty_output_room(struct tty *tty);
void tty_hangup(struct tty *tty);
// The window changed: SIGWINCH to the foreground group.
void tty_resize(struct tty *tty, const struct kernel_winsize *size);
// The terminal that /dev/console means: chosen by `console=` on the command line.
void tty_set_console(struct tty *tty);
struct tty *tty_find(const char *name);
// A session leader exits: hang up its terminal.
void tty_session_exit(struct process *leader);
void tty_put(struct tty *tty);
void tty_get(struct tty *tty);

// Boot: /dev/tty, /dev/console, /dev/ptmx. -ENOMEM.
[[nodiscard]] int32_t tty_init(void);
