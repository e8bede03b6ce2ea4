// The terminal ops.
#include "src/context/context.h"
#include "src/scheme/pty.h"
#include "src/scheme/tty_internal.h"

int32_t kop_terminal_get(int32_t descriptor, struct kernel_termios *termios) {
    struct file_reference reference;
    struct tty *tty;
    int32_t error = tty_of_descriptor(descriptor, &reference, &tty);
    if (error) return error;
    spin_lock(&tty->lock);
    *termios = tty->line.termios;
    spin_unlock(&tty->lock);
    file_release(reference);
    return 0;
}

static bool drained(struct tty *tty) {
    spin_lock(&tty->lock);
    tty_push_locked(tty);
    bool empty = line_output_room(&tty->line) == LINE_OUTPUT_SIZE || tty->hung_up;
    spin_unlock(&tty->lock);
    return empty && (!tty->driver->drained || tty->driver->drained(tty->driver_data));
}

static int32_t drain(struct tty *tty) {
    return wait_result_error(wait_until(&tty->readiness, drained(tty), WAIT_INTERRUPTIBLE, TIME_NEVER));
}

// Common head of all that changes a terminal.
static int32_t tty_to_change(int32_t descriptor, struct file_reference *reference, struct tty **tty) {
    int32_t error = tty_of_descriptor(descriptor, reference, tty);
    if (error) return error;
    error = tty_check_background(*tty, SIGTTOU);
    if (error) file_release(*reference);
    return error;
}

int32_t kop_terminal_set(int32_t descriptor, const struct kernel_termios *termios, uint32_t when) {
    struct file_reference reference;
    struct tty *tty;
    int32_t error = tty_to_change(descriptor, &reference, &tty);
    if (error) return error;
    if (when) error = drain(tty);
    if (!error) {
        spin_lock(&tty->lock);
        if (when == 2) line_flush_input(&tty->line);
        line_set(&tty->line, termios);
        tty->read_expired = false;
        tty_push_locked(tty);
        spin_unlock(&tty->lock);
        tty_wake(tty);
    }
    file_release(reference);
    return error;
}

int32_t kop_terminal_size_get(int32_t descriptor, struct kernel_winsize *size) {
    struct file_reference reference;
    struct tty *tty;
    int32_t error = tty_of_descriptor(descriptor, &reference, &tty);
    if (error) return error;
    spin_lock(&tty->lock);
    *size = tty->size;
    spin_unlock(&tty->lock);
    file_release(reference);
    return 0;
}

int32_t kop_terminal_size_set(int32_t descriptor, const struct kernel_winsize *size) {
    struct file_reference reference;
    struct tty *tty;
    int32_t error = tty_of_descriptor(descriptor, &reference, &tty);
    if (error) return error;
    tty_resize(tty, size);
    file_release(reference);
    return 0;
}

// Whether the running process may ask for the session of this descriptor: it is its terminal, or a pty's master.
static bool is_own(struct tty *tty, const struct file_reference *reference) {
    return process_current()->terminal == tty || reference->file->scheme != &tty_scheme;
}

int32_t kop_terminal_foreground_get(int32_t descriptor, int32_t *group) {
    struct file_reference reference;
    struct tty *tty;
    int32_t error = tty_of_descriptor(descriptor, &reference, &tty);
    if (error) return error;
    if (is_own(tty, &reference))
        *group = tty->foreground;
    else
        error = -ENOTTY;
    file_release(reference);
    return error;
}

static int32_t check_group(int32_t group) {
    int32_t error = -ESRCH;
    spin_lock(&tasklist_lock);
    list_for_each(process, &processes, struct process, all_link) {
        if (process->group != group) continue;
        error = process->session == process_current()->session ? 0 : -EPERM;
        if (!error) break;
    }
    spin_unlock(&tasklist_lock);
    return error;
}

int32_t kop_terminal_foreground_set(int32_t descriptor, int32_t group) {
    struct file_reference reference;
    struct tty *tty;
    int32_t error = tty_to_change(descriptor, &reference, &tty);
    if (error) return error;
    struct process *process = process_current();
    if (!is_own(tty, &reference) || (process->terminal == tty && tty->session != process->session))
        error = -ENOTTY;
    else if (group < 0)
        error = -EINVAL;
    else
        error = check_group(group);
    if (!error) {
        spin_lock(&tty->lock);
        tty->foreground = group;
        spin_unlock(&tty->lock);
    }
    file_release(reference);
    return error;
}

int32_t kop_terminal_session(int32_t descriptor, int32_t *session) {
    struct file_reference reference;
    struct tty *tty;
    int32_t error = tty_of_descriptor(descriptor, &reference, &tty);
    if (error) return error;
    if (is_own(tty, &reference) && tty->session)
        *session = tty->session;
    else
        error = -ENOTTY;
    file_release(reference);
    return error;
}

int32_t kop_terminal_acquire(int32_t descriptor, uint32_t steal) {
    struct file_reference reference;
    struct tty *tty;
    int32_t error = tty_of_descriptor(descriptor, &reference, &tty);
    if (error) return error;
    error = tty_acquire(tty, steal);
    file_release(reference);
    return error;
}

int32_t kop_terminal_release(int32_t descriptor) {
    struct file_reference reference;
    struct tty *tty;
    int32_t error = tty_of_descriptor(descriptor, &reference, &tty);
    if (error) return error;
    if (process_current()->terminal == tty)
        tty_disassociate(process_current());
    else
        error = -ENOTTY;
    file_release(reference);
    return error;
}

int32_t kop_terminal_flush(int32_t descriptor, uint32_t queue) {
    struct file_reference reference;
    struct tty *tty;
    if (queue > 2) return -EINVAL;
    int32_t error = tty_to_change(descriptor, &reference, &tty);
    if (error) return error;
    spin_lock(&tty->lock);
    if (queue != 1) line_flush_input(&tty->line);
    if (queue != 0) line_flush_output(&tty->line);
    spin_unlock(&tty->lock);
    tty_wake(tty);
    file_release(reference);
    return 0;
}

int32_t kop_terminal_drain(int32_t descriptor) {
    struct file_reference reference;
    struct tty *tty;
    int32_t error = tty_to_change(descriptor, &reference, &tty);
    if (error) return error;
    error = drain(tty);
    file_release(reference);
    return error;
}

int32_t kop_terminal_flow(int32_t descriptor, uint32_t action) {
    struct file_reference reference;
    struct tty *tty;
    if (action > 3) return -EINVAL;
    int32_t error = tty_to_change(descriptor, &reference, &tty);
    if (error) return error;
    spin_lock(&tty->lock);
    if (action < 2) tty->flow_stopped = action == 0;
    tty_push_locked(tty);
    spin_unlock(&tty->lock);
    tty_wake(tty);
    file_release(reference);
    return 0;
}

int32_t kop_terminal_inject(int32_t descriptor, char character) {
    struct file_reference reference;
    struct tty *tty;
    int32_t error = tty_of_descriptor(descriptor, &reference, &tty);
    if (error) return error;
    if (process_current()->terminal != tty && !capable(CAP_SYS_ADMIN))
        error = -EPERM;
    else
        tty_input(tty, &character, 1);
    file_release(reference);
    return error;
}

int32_t kop_terminal_bytes_pending(int32_t descriptor, uint32_t *bytes) {
    struct file_reference reference;
    struct tty *tty;
    int32_t error = tty_of_descriptor(descriptor, &reference, &tty);
    if (error) return error;
    *bytes = LINE_OUTPUT_SIZE - line_output_room(&tty->line);
    file_release(reference);
    return 0;
}

int32_t kop_pty_number(int32_t descriptor, uint32_t *number) {
    struct file_reference reference = file_lookup(descriptor);
    if (!reference.file) return -EBADF;
    int32_t error = pty_master_number(reference.file, number);
    file_release(reference);
    return error;
}

int32_t kop_pty_lock(int32_t descriptor, uint32_t locked) {
    struct file_reference reference = file_lookup(descriptor);
    if (!reference.file) return -EBADF;
    int32_t error = pty_master_lock(reference.file, locked);
    file_release(reference);
    return error;
}
