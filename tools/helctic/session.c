#include "tools/helctic/session.h"

#include "tools/helctic/control.h"
#include "tools/helctic/pump.h"
#include "tools/helctic/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum : int64_t {
    SECOND = 1'000'000'000,
    POWER_OFF_GRACE = 3 * SECOND, // from the program's end, or from a panic, to QEMU's end
    TIME_OUT_GRACE = SECOND,      // from the time-out's SIGTERM to the end of the machine
};
enum : size_t { CONSOLE_KEEP = 64 * 1024 };
enum : unsigned { CONSOLE_LINES_SHOWN = 40 };

enum pump_index { INPUT, OUTPUT, ERRORS, TRACE, TTY_INPUT, TTY_OUTPUT, SERIAL, CONTROL, EMULATOR, PUMP_COUNT };

struct session {
    const struct options *options;
    struct machine machine;
    struct pump pumps[PUMP_COUNT];
    bool used[PUMP_COUNT];
    struct control_reader reader;
    struct control_message outcome; // what the guest reported last of the program
    struct buffer to_guest;         // control lines not sent yet
    struct buffer console;          // last part of the serial console
    struct buffer complaints;       // what QEMU printed
    int console_log;                // -1 without one
    int signals;
    bool ready;
    bool terminal;
    bool panicked;
    bool timed_out;
    bool output_broken_told;
    bool exited;
    int status;       // QEMU's wait status
    int ended_by;     // signal that made us end the machine ourselves, or 0
    int signal_count; // ending signals received
    int escape_count; // ^] pressed in a row
    int64_t started;
    int64_t ready_at;
    int64_t outcome_at;
    int64_t deadline;   // end the machine then; 0 is never
    int64_t time_limit; // --timeout; 0 is none
};

int64_t clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

static void session_kill(struct session *session) {
    if (!session->exited) kill(session->machine.process, SIGKILL);
}

static void deadline_set(struct session *session, int64_t when) {
    if (!session->deadline || when < session->deadline) session->deadline = when;
}

static void control_send(struct session *session) {
    int channel = session->machine.channels[CHANNEL_CONTROL];
    if (!session->ready || !session->to_guest.size) return;
    ssize_t sent = send(channel, session->to_guest.data, session->to_guest.size, MSG_NOSIGNAL);
    if (sent > 0)
        buffer_consume(&session->to_guest, (size_t)sent);
    else if (sent < 0 && errno != EAGAIN && errno != EINTR)
        session->to_guest.size = 0;
}

static void signal_forward(struct session *session, int number) {
    buffer_format(&session->to_guest, "signal %d\n", number);
}

static void winsize_forward(struct session *session) {
    unsigned rows, columns;
    terminal_size(&rows, &columns);
    buffer_format(&session->to_guest, "winsize %u %u\n", rows, columns);
}

// A signal that asks us to end goes to the program; without a program yet, or at the third time, the machine ends.
static void signal_ending(struct session *session, int number) {
    if (session->ready && ++session->signal_count < 3) {
        signal_forward(session, number);
        return;
    }
    session->ended_by = number;
    session_kill(session);
}

static void signals_read(struct session *session) {
    struct signalfd_siginfo info;
    while (read(session->signals, &info, sizeof info) == sizeof info) {
        switch (info.ssi_signo) {
        case SIGCHLD:
            if (waitpid(session->machine.process, &session->status, WNOHANG) == session->machine.process)
                session->exited = true;
            break;
        case SIGWINCH:
            if (session->terminal) winsize_forward(session);
            break;
        case SIGUSR1:
        case SIGUSR2:
            signal_forward(session, (int)info.ssi_signo);
            break;
        default:
            signal_ending(session, (int)info.ssi_signo);
        }
    }
}

static void control_read(struct session *session) {
    struct pump *pump = &session->pumps[CONTROL];
    const char *data = pump->buffer.data;
    size_t size = pump->buffer.size;
    while (size) {
        struct control_message message;
        control_feed(&session->reader, &data, &size, &message);
        if (message.kind == CONTROL_READY) {
            session->ready = true;
            session->ready_at = clock_now();
        } else if (message.kind == CONTROL_UNKNOWN) {
            if (session->options->verbose) report("the guest says: %s", message.text);
        } else if (message.kind != CONTROL_NONE && session->outcome.kind == CONTROL_NONE) {
            session->outcome = message;
            session->outcome_at = clock_now();
            deadline_set(session, session->outcome_at + POWER_OFF_GRACE);
        }
    }
    pump->buffer.size = 0;
}

// Keeps the last part of the console and looks for a panic.
static void console_read(struct session *session) {
    struct pump *pump = &session->pumps[SERIAL];
    struct buffer *console = &session->console;
    if (!pump->buffer.size) return;
    if (session->console_log >= 0) {
        [[maybe_unused]] ssize_t written = write(session->console_log, pump->buffer.data, pump->buffer.size);
    }
    size_t before = console->size > 16 ? console->size - 16 : 0;
    for (size_t i = 0; i < pump->buffer.size; i++)
        if (pump->buffer.data[i] == '\0') pump->buffer.data[i] = '?';
    buffer_append(console, pump->buffer.data, pump->buffer.size);
    pump->buffer.size = 0;
    if (!session->panicked &&
        (strstr(console->data + before, "panic:") || strstr(console->data + before, "Kernel panic") ||
         strstr(console->data + before, "PANIC"))) {
        session->panicked = true;
        deadline_set(session, clock_now() + POWER_OFF_GRACE);
    }
    if (console->size > 2 * CONSOLE_KEEP) buffer_consume(console, console->size - CONSOLE_KEEP);
}

static void complaints_read(struct session *session) {
    struct pump *pump = &session->pumps[EMULATOR];
    if (session->complaints.size < CONSOLE_KEEP)
        buffer_append(&session->complaints, pump->buffer.data, pump->buffer.size);
    pump->buffer.size = 0;
}

// ^] three times in a row ends the machine, whatever state the guest is in.
static void escape_watch(struct session *session, const struct buffer *input, size_t before) {
    for (size_t i = before; i < input->size; i++) {
        session->escape_count = input->data[i] == '\x1d' ? session->escape_count + 1 : 0;
        if (session->escape_count < 3) continue;
        session->ended_by = SIGKILL;
        session_kill(session);
    }
}

// The program wrote to a standard output that nobody reads any more: it gets the SIGPIPE that it would have got here,
// and its port closes, for a program that ignores the signal.
static void broken_output_tell(struct session *session) {
    struct pump *pump = &session->pumps[OUTPUT];
    if (!pump->refused || session->output_broken_told) return;
    session->output_broken_told = true;
    signal_forward(session, SIGPIPE);
    shutdown(session->machine.channels[CHANNEL_STDOUT], SHUT_RDWR);
    pump->from = -1;
}

static int poll_time(const struct session *session) {
    int64_t until = session->deadline;
    if (session->time_limit && !session->timed_out && (!until || session->time_limit < until))
        until = session->time_limit;
    if (!until) return -1;
    int64_t left = until - clock_now();
    return left <= 0 ? 0 : left > 3600 * SECOND ? 3'600'000 : (int)(left / 1'000'000 + 1);
}

static void time_check(struct session *session) {
    int64_t now = clock_now();
    if (session->time_limit && !session->timed_out && now >= session->time_limit &&
        session->outcome.kind == CONTROL_NONE) {
        session->timed_out = true;
        signal_forward(session, SIGTERM);
        deadline_set(session, now + TIME_OUT_GRACE);
    }
    if (session->deadline && now >= session->deadline) session_kill(session);
}

static void pumps_run(struct session *session, const struct pollfd *fds, const size_t *first, const size_t *count) {
    for (int i = 0; i < PUMP_COUNT; i++) {
        if (!session->used[i]) continue;
        size_t before = session->pumps[i].buffer.size;
        pump_run(&session->pumps[i], fds + first[i], count[i]);
        if (i == TTY_INPUT && session->pumps[i].buffer.size > before)
            escape_watch(session, &session->pumps[i].buffer, before);
    }
    control_read(session);
    console_read(session);
    complaints_read(session);
    broken_output_tell(session);
}

// One turn of the loop. While the machine runs, also watches signals.
static void session_step(struct session *session) {
    struct pollfd fds[2 * PUMP_COUNT + 2];
    size_t first[PUMP_COUNT], count[PUMP_COUNT], used = 0;
    for (int i = 0; i < PUMP_COUNT; i++) {
        first[i] = used;
        count[i] = session->used[i] ? pump_wait(&session->pumps[i], fds + used) : 0;
        used += count[i];
    }
    size_t signals = used++;
    fds[signals] = (struct pollfd){.fd = session->signals, .events = POLLIN};
    if (session->ready && session->to_guest.size)
        fds[used++] = (struct pollfd){.fd = session->machine.channels[CHANNEL_CONTROL], .events = POLLOUT};
    if (poll(fds, used, poll_time(session)) < 0) return;
    pumps_run(session, fds, first, count);
    if (fds[signals].revents) signals_read(session);
    time_check(session);
    control_send(session);
}

static bool output_left(const struct session *session) {
    static const enum pump_index outputs[] = {OUTPUT, ERRORS, TRACE, TTY_OUTPUT, SERIAL, CONTROL, EMULATOR};
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++)
        if (session->used[outputs[i]] && !pump_done(&session->pumps[outputs[i]])) return true;
    return false;
}

static void pump_add(struct session *session, enum pump_index index, enum pump_kind kind, int from, int to) {
    if (from < 0 || (to < 0 && kind != PUMP_MEMORY)) return;
    pump_init(&session->pumps[index], kind, from, to);
    session->used[index] = true;
}

static void pumps_open(struct session *session, int trace_to) {
    const int *channels = session->machine.channels;
    if (session->terminal) {
        pump_add(session, TTY_INPUT, PUMP_INPUT, STDIN_FILENO, channels[CHANNEL_TTY]);
        pump_add(session, TTY_OUTPUT, PUMP_OUTPUT, channels[CHANNEL_TTY], STDOUT_FILENO);
    } else {
        pump_add(session, INPUT, PUMP_INPUT, STDIN_FILENO, channels[CHANNEL_STDIN]);
        pump_add(session, OUTPUT, PUMP_OUTPUT, channels[CHANNEL_STDOUT], STDOUT_FILENO);
    }
    pump_add(session, ERRORS, PUMP_OUTPUT, channels[CHANNEL_STDERR], STDERR_FILENO);
    pump_add(session, TRACE, PUMP_OUTPUT, channels[CHANNEL_TRACE], trace_to);
    pump_add(session, SERIAL, PUMP_MEMORY, channels[CHANNEL_SERIAL], -1);
    pump_add(session, CONTROL, PUMP_MEMORY, channels[CHANNEL_CONTROL], -1);
    pump_add(session, EMULATOR, PUMP_MEMORY, session->machine.errors, -1);
}

static int signals_open(void) {
    static const int watched[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGUSR1, SIGUSR2};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++) {
        struct sigaction action;
        // What our parent made us ignore (nohup, background jobs of a shell) stays ignored.
        if (watched[i] != SIGCHLD && sigaction(watched[i], nullptr, &action) == 0 && action.sa_handler == SIG_IGN)
            continue;
        sigaddset(&set, watched[i]);
    }
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

// HELCTIC_LOG_DIR: a folder that gets the console of every machine, one file each.
static int console_log_open(const struct options *options) {
    const char *folder = getenv("HELCTIC_LOG_DIR");
    if (!folder || !*folder) return -1;
    const char *name = options->argument_count ? strrchr(options->arguments[0], '/') : nullptr;
    name = name ? name + 1 : options->argument_count ? options->arguments[0] : "shell";
    char *path = text_format("%s/%d-%.40s.log", folder, (int)getpid(), name);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    free(path);
    return file;
}

static void console_show(const struct session *session) {
    const struct buffer *console = &session->console;
    if (!console->size) {
        report("the kernel's console stayed empty");
        return;
    }
    const char *start = strstr(console->data, "panic");
    while (start && start > console->data && start[-1] != '\n')
        start--;
    if (!start) {
        unsigned lines = 0;
        start = console->data + console->size - 1;
        while (start > console->data && lines <= CONSOLE_LINES_SHOWN)
            lines += *--start == '\n';
        if (*start == '\n') start++;
    }
    report("the end of the kernel's console:");
    [[maybe_unused]] ssize_t written = write(STDERR_FILENO, start, console->size - (size_t)(start - console->data));
    if (console->data[console->size - 1] != '\n') written = write(STDERR_FILENO, "\n", 1);
}

// QEMU ended and the guest had not told how the program did.
static int machine_failure(const struct session *session) {
    if (session->panicked) {
        report("the kernel panicked");
    } else if (session->complaints.size) {
        report("QEMU failed: %s", session->complaints.data);
        if (!session->console.size) return EXIT_MACHINE_FAILED;
    } else if (WIFSIGNALED(session->status)) {
        report("QEMU was killed by signal %d", WTERMSIG(session->status));
    } else if (WEXITSTATUS(session->status)) {
        report("the kernel died (QEMU's exit code is %d)", WEXITSTATUS(session->status));
    } else {
        report("the machine stopped before the program had ended");
    }
    console_show(session);
    return EXIT_MACHINE_FAILED;
}

// What the kernel's log says about why the program could not go on.
static void reasons_show(const struct session *session) {
    static const char *const reasons[] = {"ended (--strict)", "which Helctic does not run yet"};
    const char *line = session->console.size ? session->console.data : "";
    while (*line) {
        size_t length = strcspn(line, "\r\n");
        for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
            if (!memmem(line, length, reasons[i], strlen(reasons[i]))) continue;
            const char *text = memmem(line, length, "] ", 2);
            size_t skipped = text ? (size_t)(text - line) + 2 : 0;
            report("%.*s", (int)(length - skipped), line + skipped);
        }
        line += length;
        line += strspn(line, "\r\n");
    }
}

static int session_result(const struct session *session) {
    if (session->ended_by == SIGKILL) {
        report("ended from the keyboard");
        return EXIT_MACHINE_FAILED;
    }
    if (session->ended_by) return 128 + session->ended_by;
    if (session->timed_out) {
        report("timed out after %g seconds", session->options->timeout);
        return EXIT_TIMED_OUT;
    }
    if (session->panicked) return machine_failure(session);
    if (session->outcome.kind != CONTROL_EXIT) reasons_show(session);
    switch (session->outcome.kind) {
    case CONTROL_EXIT:
        return session->outcome.value;
    case CONTROL_KILLED:
        return 128 + session->outcome.value;
    case CONTROL_FAILED:
        report("%s", session->outcome.text);
        return session->outcome.value;
    default:
        return machine_failure(session);
    }
}

static void timing_show(const struct session *session, int64_t packed_ns) {
    int64_t end = clock_now();
    int64_t ready = session->ready_at ? session->ready_at : end;
    int64_t outcome = session->outcome_at ? session->outcome_at : end;
    report("accelerator %s; packing %.1f ms, start to /init %.1f ms, program %.1f ms, power-off %.1f ms",
           session->machine.kvm ? "KVM" : "TCG", (double)packed_ns / 1e6, (double)(ready - session->started) / 1e6,
           (double)(outcome - ready) / 1e6, (double)(end - outcome) / 1e6);
}

static void session_end(struct session *session) {
    for (int i = 0; i < PUMP_COUNT; i++)
        buffer_free(&session->pumps[i].buffer);
    for (int i = 0; i < CHANNEL_COUNT; i++)
        if (session->machine.channels[i] >= 0) close(session->machine.channels[i]);
    close(session->machine.errors);
    close(session->signals);
    if (session->console_log >= 0) close(session->console_log);
    buffer_free(&session->console);
    buffer_free(&session->complaints);
    buffer_free(&session->to_guest);
}

static int trace_open(const struct options *options) {
    if (!options->trace_file) return STDERR_FILENO;
    int file = open(options->trace_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) report("%s: %s", options->trace_file, strerror(errno));
    return file;
}

int session_run(const struct options *options, const char *kernel, int initrd, const struct streams *streams,
                int64_t packed_ns) {
    struct session session = {.options = options, .started = clock_now(), .terminal = streams->terminal};
    int trace_to = trace_open(options);
    if (trace_to < 0) return EXIT_MACHINE_FAILED;
    session.signals = signals_open();
    int result = machine_start(&session.machine, options, kernel, initrd, streams->terminal);
    if (result) return result;
    session.console_log = console_log_open(options);
    if (options->timeout > 0) session.time_limit = session.started + (int64_t)(options->timeout * (double)SECOND);
    pumps_open(&session, trace_to);
    if (session.terminal && terminal_raw() < 0) report("the terminal cannot be set to raw mode");
    while (!session.exited)
        session_step(&session);
    // All that QEMU wrote is in the sockets: hand it on.
    while (output_left(&session))
        session_step(&session);
    terminal_restore();
    result = session_result(&session);
    if (options->verbose) {
        if (session.complaints.size && result != EXIT_MACHINE_FAILED) report("QEMU: %s", session.complaints.data);
        timing_show(&session, packed_ns);
    }
    session_end(&session);
    if (trace_to > STDERR_FILENO) close(trace_to);
    return result;
}
