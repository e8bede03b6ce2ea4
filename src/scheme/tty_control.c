// Job control: controlling terminals, foreground groups, background access.
#include "src/context/context.h"
#include "src/context/process.h"
#include "src/kernel.h"
#include "src/scheme/tty_internal.h"

struct tty *(*pty_slave_of)(struct file *file);

int32_t tty_of_descriptor(int32_t descriptor, struct file_reference *reference, struct tty **tty) {
    *reference = file_lookup(descriptor);
    struct file *file = reference->file;
    if (!file) return -EBADF;
    if (file->scheme == &tty_scheme)
        *tty = file->data;
    else
        *tty = pty_slave_of ? pty_slave_of(file) : nullptr;
    if (*tty) return 0;
    file_release(*reference);
    return -ENOTTY;
}

static bool group_orphaned(int32_t group) {
    spin_lock(&tasklist_lock);
    bool orphaned = process_group_orphaned(group, nullptr);
    spin_unlock(&tasklist_lock);
    return orphaned;
}

int32_t tty_check_background(struct tty *tty, uint32_t signal) {
    struct process *process = process_current();
    if (process->terminal != tty || tty->foreground == process->group || tty->foreground == 0) return 0;
    if (signal_ignored_or_blocked(signal)) return signal == SIGTTIN ? -EIO : 0;
    if (group_orphaned(process->group)) return -EIO;
    signal_send_group_simple(process->group, signal);
    return -KERNEL_ERESTART;
}

static void set_terminal(struct process *process, struct tty *tty) {
    struct tty *old = process->terminal;
    if (tty) tty_get(tty);
    process->terminal = tty;
    if (old) tty_put(old);
}

// Every process of a session loses its terminal.
static void session_forget_terminal(int32_t session, struct tty *tty) {
    spin_lock(&tasklist_lock);
    list_for_each(process, &processes, struct process, all_link) {
        if (process->session == session && process->terminal == tty) set_terminal(process, nullptr);
    }
    spin_unlock(&tasklist_lock);
}

int32_t tty_acquire(struct tty *tty, bool steal) {
    struct process *process = process_current();
    if (process->session != process->pid) return -EPERM;
    if (process->terminal == tty && tty->session == process->session) return 0;
    if (process->terminal) return -EPERM;
    int32_t old_session = tty->session;
    if (old_session && old_session != process->session) {
        if (!steal || !capable(CAP_SYS_ADMIN)) return -EPERM;
        session_forget_terminal(old_session, tty);
    }
    spin_lock(&tty->lock);
    tty->session = process->session;
    tty->foreground = process->group;
    spin_unlock(&tty->lock);
    spin_lock(&tasklist_lock);
    set_terminal(process, tty);
    spin_unlock(&tasklist_lock);
    return 0;
}

void tty_disassociate(struct process *process) {
    struct tty *tty = process->terminal;
    if (!tty) return;
    if (process->session != process->pid) {
        spin_lock(&tasklist_lock);
        set_terminal(process, nullptr);
        spin_unlock(&tasklist_lock);
        return;
    }
    tty_get(tty);
    spin_lock(&tty->lock);
    int32_t group = tty->foreground;
    bool ours = tty->session == process->session;
    if (ours) tty->session = tty->foreground = 0;
    spin_unlock(&tty->lock);
    if (ours && group) {
        signal_send_group_simple(group, SIGHUP);
        signal_send_group_simple(group, SIGCONT);
    }
    session_forget_terminal(process->session, tty);
    tty_put(tty);
}

void tty_session_exit(struct process *leader) {
    tty_disassociate(leader);
}
