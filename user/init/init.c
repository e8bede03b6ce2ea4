// /init of every guest: process 1. With the record /etc/helctic/run (see tools/helctic/guest_root.h) it runs that
// program on the host's streams and reports its end; without it, it keeps a shell on the console.
#include "user/init/linux.h"
#include "user/init/text.h"

enum : size_t { RECORD_MAX = 256 * 1024, STRINGS_MAX = 8192 };
enum : int { PORT_WAIT_MS = 5000, PORT_POLL_MS = 5 };

static char record[RECORD_MAX];
static const char *arguments[STRINGS_MAX];
static const char *environment[STRINGS_MAX];

struct run {
    const char *path;
    const char *folder;
    const char *streams[3];
    struct linux_winsize size;
    int user;
    int group;
    size_t argument_count;
    size_t environment_count;
};

// What the host must see arrives before we go on.
static void flush(int file) {
    if (file >= 0) (void)linux_simple(CALL_FSYNC, file, 0, 0);
}

static void write_all(int file, const char *data, size_t size) {
    while (size) {
        long written = linux_write(file, data, size);
        if (written == -LINUX_EINTR) continue;
        if (written <= 0) return;
        data += written;
        size -= (size_t)written;
    }
}

static void report(int control, const struct line *line) {
    write_all(control, line->text, line->used);
    flush(control);
}

static void complain(const char *what, const char *name, int error) {
    struct line line = {};
    line_add(&line, "init: ");
    line_add(&line, what);
    line_add(&line, name);
    line_add(&line, ": error ");
    line_add_number(&line, -error);
    line_add(&line, "\n");
    write_all(2, line.text, line.used);
}

// Opens a device that a driver may still be about to offer.
static int open_port(const char *path, int flags) {
    int file = linux_open(path, flags);
    for (int waited = 0; file == -LINUX_ENOENT && waited < PORT_WAIT_MS; waited += PORT_POLL_MS) {
        linux_sleep_ms(PORT_POLL_MS);
        file = linux_open(path, flags);
    }
    if (file < 0) complain("cannot open ", path, file);
    return file;
}

static long read_record(void) {
    int file = linux_open("/etc/helctic/run", LINUX_O_RDONLY | LINUX_O_CLOEXEC);
    if (file < 0) return file;
    size_t used = 0;
    for (;;) {
        long got = linux_read(file, record + used, sizeof record - 1 - used);
        if (got == -LINUX_EINTR) continue;
        if (got <= 0) break;
        used += (size_t)got;
    }
    linux_close(file);
    return (long)used;
}

static int number_or_zero(const char *text) {
    int value = text_number(&text);
    return value < 0 ? 0 : value;
}

static void take_string(struct run *run, const char *text) {
    static const char *const stream_keys[] = {"stdin=", "stdout=", "stderr="};
    const char *value;
    for (int i = 0; i < 3; i++)
        if ((value = text_after(text, stream_keys[i]))) run->streams[i] = value;
    if ((value = text_after(text, "path="))) run->path = value;
    if ((value = text_after(text, "cwd="))) run->folder = value;
    if ((value = text_after(text, "rows="))) run->size.rows = (uint16_t)number_or_zero(value);
    if ((value = text_after(text, "columns="))) run->size.columns = (uint16_t)number_or_zero(value);
    if ((value = text_after(text, "uid="))) run->user = number_or_zero(value);
    if ((value = text_after(text, "gid="))) run->group = number_or_zero(value);
    if ((value = text_after(text, "arg=")) && run->argument_count < STRINGS_MAX - 1)
        arguments[run->argument_count++] = value;
    if ((value = text_after(text, "env=")) && run->environment_count < STRINGS_MAX - 1)
        environment[run->environment_count++] = value;
}

static void parse_record(struct run *run, size_t size) {
    for (size_t at = 0; at < size; at += text_length(record + at) + 1)
        take_string(run, record + at);
}

// The program's process: streams, terminal, identity, exec. An error goes through the pipe as one int.
[[noreturn]] static void become_program(const struct run *run, int *streams, int failure) {
    (void)linux_simple(CALL_SETSID, 0, 0, 0);
    if (text_equal(run->streams[0], "/dev/hvc0")) {
        (void)linux_ioctl(streams[0], LINUX_TIOCSCTTY, nullptr);
        struct linux_winsize size = run->size;
        (void)linux_ioctl(streams[0], LINUX_TIOCSWINSZ, &size);
    }
    for (int i = 0; i < 3; i++)
        (void)linux_dup_to(streams[i], i);
    int error = (int)linux_simple(CALL_CHDIR, (long)run->folder, 0, 0);
    if (error == 0 && run->group) error = (int)linux_simple(CALL_SETGID, run->group, 0, 0);
    if (error == 0 && run->user) error = (int)linux_simple(CALL_SETUID, run->user, 0, 0);
    if (error == 0) error = linux_execve(run->path, arguments, environment);
    (void)linux_write(failure, &error, sizeof error);
    linux_exit(127);
}

// One line from the host: "signal N" or "winsize ROWS COLUMNS".
static void obey(const char *line, int program, int terminal) {
    const char *value;
    if ((value = text_after(line, "signal "))) {
        int signal = text_number(&value);
        // To the program's process group; it leads one unless it has moved.
        if (signal > 0 && linux_kill(-program, signal) < 0) (void)linux_kill(program, signal);
    } else if ((value = text_after(line, "winsize ")) && terminal >= 0) {
        int rows = text_number(&value), columns = text_number(&value);
        struct linux_winsize size = {.rows = (uint16_t)rows, .columns = (uint16_t)columns};
        if (rows > 0 && columns > 0) (void)linux_ioctl(terminal, LINUX_TIOCSWINSZ, &size);
    }
}

// A process of its own listens to the host, so that process 1 can wait for children.
[[noreturn]] static void listen(int control, int program, int terminal) {
    char line[128];
    size_t used = 0;
    for (;;) {
        char block[128];
        long got = linux_read(control, block, sizeof block);
        if (got == -LINUX_EINTR) continue;
        if (got <= 0) linux_exit(0);
        for (long i = 0; i < got; i++) {
            if (block[i] != '\n') {
                if (used < sizeof line - 1) line[used++] = block[i];
                continue;
            }
            line[used] = '\0';
            used = 0;
            obey(line, program, terminal);
        }
    }
}

static int wait_for(int program) {
    int status = 0;
    for (;;) {
        int ended = linux_wait(-1, &status);
        if (ended == program) return status;
        if (ended < 0 && ended != -LINUX_EINTR) return 127 << 8;
    }
}

static void add_outcome(struct line *line, int status) {
    if ((status & 0x7f) == 0) {
        line_add(line, "exit ");
        line_add_number(line, status >> 8 & 0xff);
    } else {
        line_add(line, "killed ");
        line_add_number(line, status & 0x7f);
        if (status & 0x80) line_add(line, " core");
    }
    line_add(line, "\n");
}

static void add_failure(struct line *line, const struct run *run, int error) {
    static const struct {
        int error;
        const char *text;
    } texts[] = {
        {-1, "operation not permitted"}, {-2, "not found"},         {-5, "input/output error"},
        {-7, "argument list too long"},  {-8, "exec format error"}, {-12, "out of memory"},
        {-13, "permission denied"},      {-20, "not a directory"},  {-21, "is a directory"},
        {-22, "invalid argument"},       {-40, "too many links"},
    };
    bool missing = error == -LINUX_ENOENT || error == -LINUX_ENOTDIR;
    line_add(line, missing ? "failed 127 " : "failed 126 ");
    line_add(line, run->path);
    line_add(line, ": ");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].error != error) continue;
        line_add(line, texts[i].text);
        line_add(line, "\n");
        return;
    }
    line_add(line, "error ");
    line_add_number(line, -error);
    line_add(line, "\n");
}

static int read_failure(int pipe_end) {
    int error = 0;
    long got;
    do
        got = linux_read(pipe_end, &error, sizeof error);
    while (got == -LINUX_EINTR);
    return got == sizeof error ? error : 0;
}

[[noreturn]] static void run_program(size_t record_size) {
    struct run run = {.path = "/bin/sh", .folder = "/", .streams = {"/dev/null", "/dev/null", "/dev/null"}};
    struct line line = {};
    int streams[3], failure[2];
    parse_record(&run, record_size);
    int control = open_port("/dev/virtio-ports/helctic.control", LINUX_O_RDWR | LINUX_O_CLOEXEC);
    if (control < 0) linux_power_off();
    bool terminal = text_equal(run.streams[0], "/dev/hvc0");
    for (int i = 0; i < 3; i++) {
        // A terminal is opened once; a port carries one direction.
        bool same = i > 0 && text_equal(run.streams[i], run.streams[0]);
        int flags = terminal && i == 0 ? LINUX_O_RDWR : i == 0 ? LINUX_O_RDONLY : LINUX_O_WRONLY;
        streams[i] = same ? streams[0] : open_port(run.streams[i], flags | LINUX_O_NOCTTY | LINUX_O_CLOEXEC);
    }
    line_add(&line, "ready\n");
    report(control, &line);
    int error = linux_pipe(failure);
    int program = error < 0 ? error : linux_fork();
    if (program == 0) become_program(&run, streams, failure[1]);
    if (program > 0) {
        linux_close(failure[1]);
        int listener = linux_fork();
        if (listener == 0) listen(control, program, terminal ? streams[0] : -1);
        error = read_failure(failure[0]);
    } else {
        error = program;
    }
    int status = program > 0 ? wait_for(program) : 0;
    for (int i = 0; i < 3; i++)
        flush(streams[i]);
    line = (struct line){};
    if (error)
        add_failure(&line, &run, error);
    else
        add_outcome(&line, status);
    report(control, &line);
    linux_power_off();
}

// True when the kernel's command line holds `word`.
static bool command_line_has(const char *word) {
    static char text[4096];
    int file = linux_open("/proc/cmdline", LINUX_O_RDONLY | LINUX_O_CLOEXEC);
    if (file < 0) return false;
    long got = linux_read(file, text, sizeof text - 1);
    linux_close(file);
    text[got > 0 ? got : 0] = '\0';
    for (const char *at = text; *at; at++) {
        const char *end = at == text || at[-1] == ' ' ? text_after(at, word) : nullptr;
        if (end && (*end == '\0' || *end == ' ' || *end == '\n')) return true;
    }
    return false;
}

[[noreturn]] static void become_shell(void) {
    static const char *const shell_arguments[] = {"-sh", nullptr};
    static const char *const shell_environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                                    "HOME=/", "TERM=linux", "SHELL=/bin/sh", nullptr};
    static const char *const shells[] = {"/bin/sh", "/bin/busybox", "/bin/bash"};
    (void)linux_simple(CALL_SETSID, 0, 0, 0);
    int console = linux_open("/dev/console", LINUX_O_RDWR);
    if (console >= 0) {
        (void)linux_ioctl(console, LINUX_TIOCSCTTY, nullptr);
        for (int i = 0; i < 3; i++)
            (void)linux_dup_to(console, i);
        if (console > 2) linux_close(console);
    }
    int error = 0;
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        error = linux_execve(shells[i], shell_arguments, shell_environment);
    complain("cannot run ", "/bin/sh", error);
    linux_exit(127);
}

[[noreturn]] static void keep_shell(void) {
    bool once = command_line_has("helctic.once");
    for (;;) {
        int shell = linux_fork();
        if (shell == 0) become_shell();
        int status = shell < 0 ? 127 << 8 : wait_for(shell);
        if (once || status == 127 << 8) linux_power_off();
    }
}

[[noreturn]] void init_main(void);

[[noreturn, gnu::used]] void init_main(void) {
    long size = read_record();
    if (size > 0) run_program((size_t)size);
    keep_shell();
}

// The first instruction of process 1: aligns the stack for C; arguments are not needed.
#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n xor %ebp, %ebp\n and $-16, %rsp\n call init_main\n ud2\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n mov x29, #0\n mov x30, #0\n bl init_main\n brk #0\n");
#else
__asm__(".globl _start\n_start:\n li s0, 0\n li ra, 0\n jal init_main\n ebreak\n");
#endif
