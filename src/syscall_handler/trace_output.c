#include "src/syscall_handler/trace_output.h"

#include "lib/format.h"
#include "lib/string.h"
#include "src/context/context.h"
#include "src/kernel.h"
#include "src/memory/heap.h"
#include "src/scheme/file.h"
#include "src/scheme/io_request.h"
#include "src/syscall_handler/syscall_handler.h"
#include "src/syscall_handler/trace_summary.h"

static const char port_path[] = "/dev/virtio-ports/helctic.trace";
constexpr nanoseconds HOST_PATIENCE = 5 * NANOSECONDS_PER_SECOND;

static struct mutex lock = {.rank = RANK_PERSONALITY,
                            .lock = SPINLOCK_INIT(RANK_WAIT_QUEUE),
                            .waiters = LIST_INIT(lock.waiters)}; // one line at a time
static struct file *port;                                        // nullptr: the console
static struct trace_summary *summary;                            // guarded by lock; nullptr: print lines

void trace_output_open(void) {
    if (command_line_flag("helctic.trace_summary")) {
        summary = heap_alloc_zeroed(sizeof(*summary));
        if (!summary) log_warning("trace", "no memory for the summary: calls are printed instead");
    }
    if (!command_line_flag("helctic.trace") && !summary) return;
    int32_t error = file_open(AT_FDCWD, port_path, strlen(port_path), O_WRONLY, 0, &port);
    if (error < 0) {
        port = nullptr;
        log_warning("trace", "no %s (error %d): the trace goes to the console", port_path, -error);
    }
}

// Does not end for a signal: it happens in the middle of somebody's call.
static void port_write(const char *text, size_t length) {
    const struct segment segment = segment_kernel(text, length);
    struct io_request request = {.operation = IO_WRITE, .file = port, .cursor = segment_cursor_start(&segment, 1)};
    nanoseconds deadline = clock_monotonic() + HOST_PATIENCE;
    while (request.cursor.remaining) {
        int64_t done = port->scheme->write(port, &request);
        if (done > 0) continue;
        if (done != -EAGAIN || !port->readiness) return;
        if (wait_until(port->readiness, port->scheme->ready(port) & (POLLOUT | POLLHUP), WAIT_UNINTERRUPTIBLE,
                       deadline) != WAIT_WOKEN)
            return;
    }
}

static void text_write(const char *text, size_t length) {
    if (port)
        port_write(text, length);
    else
        arch_console_write(text, length);
}

void trace_output_write(const char *line, size_t length) {
    mutex_lock(&lock);
    if (summary) trace_summary_count(summary, line, length);
    if (!summary || command_line_flag("helctic.trace")) text_write(line, length);
    mutex_unlock(&lock);
}

static size_t signal_name(char *to, size_t size, uint32_t signal) {
    static const char *const names[] = {"HUP",  "INT",    "QUIT", "ILL",   "TRAP", "ABRT", "BUS",  "FPE",
                                        "KILL", "USR1",   "SEGV", "USR2",  "PIPE", "ALRM", "TERM", "STKFLT",
                                        "CHLD", "CONT",   "STOP", "TSTP",  "TTIN", "TTOU", "URG",  "XCPU",
                                        "XFSZ", "VTALRM", "PROF", "WINCH", "IO",   "PWR",  "SYS"};
    if (signal && signal <= array_size(names)) return format_string(to, size, "SIG%s", names[signal - 1]);
    return format_string(to, size, "SIGRT_%u", signal - SIGNAL_REALTIME_FIRST);
}

void trace_output_signal(const struct kernel_siginfo *info, bool handled) {
    char name[16], line[120];
    signal_name(name, sizeof(name), info->signal);
    bool fault = info->code > 0 && info->code != SI_KERNEL && !info->pid;
    size_t length =
        fault ? format_string(line, sizeof(line), "%d --- %s {code %d, address %#lx} ---%s\n", context_current()->tid,
                              name, info->code, info->address, handled ? "" : " default action")
              : format_string(line, sizeof(line), "%d --- %s {code %d, from %d} ---%s\n", context_current()->tid, name,
                              info->code, info->pid, handled ? "" : " default action");
    trace_output_write(line, length);
}

void trace_output_killed(uint32_t signal) {
    char name[16], line[60];
    signal_name(name, sizeof(name), signal);
    trace_output_write(line,
                       format_string(line, sizeof(line), "%d +++ killed by %s +++\n", context_current()->tid, name));
}

static void summary_line(void *, const char *line, size_t length) {
    text_write(line, length);
}

void trace_output_finish(void) {
    mutex_lock(&lock);
    if (summary) trace_summary_print(summary, summary_line, nullptr);
    mutex_unlock(&lock);
    if (port && port->scheme->fsync && port->scheme->fsync(port, false) < 0)
        log_warning("trace", "the host did not take the end of the trace");
}
