#include "tools/helctic/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char emulator[] = "qemu-system-x86_64";

static const struct {
    const char *name;
    const char *device;
} channel_ports[CHANNEL_COUNT] = {
    [CHANNEL_CONTROL] = {"helctic.control", "virtserialport"}, [CHANNEL_STDIN] = {"helctic.stdin", "virtserialport"},
    [CHANNEL_STDOUT] = {"helctic.stdout", "virtserialport"},   [CHANNEL_STDERR] = {"helctic.stderr", "virtserialport"},
    [CHANNEL_TRACE] = {"helctic.trace", "virtserialport"},     [CHANNEL_TTY] = {"helctic.tty", "virtconsole"},
};

static bool processor_virtualizes(void) {
    FILE *file = fopen("/proc/cpuinfo", "re");
    char *line = nullptr;
    size_t capacity = 0;
    bool found = false;
    while (file && !found && getline(&line, &capacity, file) > 0) {
        if (strncmp(line, "flags", 5) != 0) continue;
        line[strcspn(line, "\n")] = ' ';
        found = strstr(line, " svm ") || strstr(line, " vmx ");
        break;
    }
    free(line);
    if (file) fclose(file);
    return found;
}

bool machine_kvm_works(void) {
    if (!processor_virtualizes()) return false;
    int device = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (device < 0) return false;
    bool works = false;
    if (ioctl(device, KVM_GET_API_VERSION, 0) == KVM_API_VERSION) {
        int machine = ioctl(device, KVM_CREATE_VM, 0);
        works = machine >= 0;
        if (works) close(machine);
    }
    close(device);
    return works;
}

static char *kernel_words(const struct options *options) {
    struct buffer words = {};
    buffer_format(&words, "console=ttyS0");
    if (options->trace) buffer_format(&words, " helctic.trace");
    if (options->trace_summary) buffer_format(&words, " helctic.trace_summary");
    if (options->strict) buffer_format(&words, " helctic.strict");
    if (options->personality) buffer_format(&words, " helctic.personality=%s", options->personality);
    for (size_t i = 0; i < options->append.count; i++)
        buffer_format(&words, " %s", options->append.items[i]);
    return words.data;
}

// Adds an option and its value.
[[gnu::format(printf, 3, 4)]] static void add(struct string_list *arguments, const char *option, const char *format,
                                              ...) {
    va_list values;
    va_start(values, format);
    char *value;
    if (vasprintf(&value, format, values) < 0) abort();
    va_end(values);
    list_push(arguments, text_copy(option));
    list_push(arguments, value);
}

static void add_channels(struct string_list *arguments, const struct options *options, const int *ends) {
    bool microvm = options->machine == MACHINE_MICROVM;
    add(arguments, "-chardev", "socket,id=serial,fd=%d", ends[CHANNEL_SERIAL]);
    add(arguments, "-serial", "chardev:serial");
    add(arguments, "-device", "%s,max_ports=8",
        microvm ? "virtio-serial-device" : "virtio-serial-pci,disable-legacy=on");
    for (int i = CHANNEL_CONTROL; i < CHANNEL_COUNT; i++) {
        if (ends[i] < 0) continue;
        add(arguments, "-chardev", "socket,id=channel%d,fd=%d", i, ends[i]);
        // Port 0 is reserved for the console.
        add(arguments, "-device", "%s,nr=%d,name=%s,chardev=channel%d", channel_ports[i].device,
            i == CHANNEL_TTY ? 0 : i, channel_ports[i].name, i);
    }
}

static void build_arguments(struct string_list *arguments, const struct options *options, const char *kernel,
                            int initrd, bool kvm, const int *ends) {
    list_push(arguments, text_copy(emulator));
    list_push(arguments, text_copy("-nodefaults"));
    list_push(arguments, text_copy("-no-user-config"));
    list_push(arguments, text_copy("-no-reboot"));
    add(arguments, "-display", "none");
    add(arguments, "-machine", "%s",
        options->machine == MACHINE_MICROVM ? "microvm" : "q35,usb=off,sata=off,smbus=off");
    if (options->machine == MACHINE_MICROVM) add(arguments, "-global", "virtio-mmio.force-legacy=false");
    add(arguments, "-accel", "%s", kvm ? "kvm" : "tcg");
    add(arguments, "-cpu", "%s", kvm ? "host" : "max");
    add(arguments, "-smp", "%u", options->cpus);
    add(arguments, "-m", "%uM", options->memory_mib);
    add(arguments, "-kernel", "%s", kernel);
    add(arguments, "-initrd", "/proc/self/fd/%d", initrd);
    char *words = kernel_words(options);
    add(arguments, "-append", "%s", words);
    free(words);
    add(arguments, "-device", "isa-debug-exit,iobase=0xf4,iosize=4");
    add_channels(arguments, options, ends);
}

static void show_arguments(const struct string_list *arguments) {
    struct buffer line = {};
    for (size_t i = 0; i < arguments->count; i++) {
        bool quote = strpbrk(arguments->items[i], " ;&") != nullptr;
        buffer_format(&line, quote ? " '%s'" : " %s", arguments->items[i]);
    }
    report("starting%s", line.data);
    buffer_free(&line);
}

// In the child: QEMU in a process group of its own, so that ^C at the terminal reaches only us, and gone when we are.
[[noreturn]] static void become_emulator(const struct string_list *arguments, const int *ends, int initrd, int errors,
                                         pid_t parent, int failure) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(errors, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    for (int i = 0; i < CHANNEL_COUNT; i++)
        if (ends[i] >= 0) fcntl(ends[i], F_SETFD, 0);
    fcntl(initrd, F_SETFD, 0);
    execvp(emulator, arguments->items);
    int error = errno;
    [[maybe_unused]] ssize_t written = write(failure, &error, sizeof error);
    _exit(1);
}

// Descriptors 0 to 2 may be closed in our own process; the ends for the child must lie above them.
static int above_streams(int descriptor) {
    if (descriptor > STDERR_FILENO || descriptor < 0) return descriptor;
    int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    close(descriptor);
    return moved;
}

static int open_channels(struct machine *machine, int *ends, const struct options *options, bool terminal) {
    for (int i = 0; i < CHANNEL_COUNT; i++)
        machine->channels[i] = ends[i] = -1;
    for (int i = 0; i < CHANNEL_COUNT; i++) {
        if (i == CHANNEL_TRACE && !options->trace && !options->trace_summary) continue;
        if (i == CHANNEL_TTY && !terminal) continue;
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return -errno;
        machine->channels[i] = above_streams(pair[0]);
        ends[i] = above_streams(pair[1]);
        fcntl(machine->channels[i], F_SETFL, O_NONBLOCK);
    }
    return 0;
}

// Waits for the child's exec: 0, or the errno it failed with.
static int exec_result(int failure) {
    int error = 0;
    ssize_t got;
    do
        got = read(failure, &error, sizeof error);
    while (got < 0 && errno == EINTR);
    return got == sizeof error ? error : 0;
}

int machine_start(struct machine *machine, const struct options *options, const char *kernel, int initrd,
                  bool terminal) {
    int ends[CHANNEL_COUNT], errors[2], failure[2];
    int result = open_channels(machine, ends, options, terminal);
    if (result < 0 || pipe2(errors, O_CLOEXEC) < 0 || pipe2(failure, O_CLOEXEC) < 0) {
        report("cannot set up the machine's channels: %s", strerror(result < 0 ? -result : errno));
        return EXIT_MACHINE_FAILED;
    }
    machine->kvm = machine_kvm_works();
    machine->errors = above_streams(errors[0]);
    errors[1] = above_streams(errors[1]);
    failure[1] = above_streams(failure[1]);
    fcntl(machine->errors, F_SETFL, O_NONBLOCK);
    struct string_list arguments = {};
    build_arguments(&arguments, options, kernel, initrd, machine->kvm, ends);
    if (options->verbose) show_arguments(&arguments);
    pid_t parent = getpid();
    machine->process = fork();
    if (machine->process == 0) become_emulator(&arguments, ends, initrd, errors[1], parent, failure[1]);
    int error = machine->process < 0 ? errno : 0;
    close(errors[1]);
    close(failure[1]);
    for (int i = 0; i < CHANNEL_COUNT; i++)
        if (ends[i] >= 0) close(ends[i]);
    if (!error) error = exec_result(failure[0]);
    close(failure[0]);
    list_free(&arguments);
    if (!error) return 0;
    if (machine->process > 0) waitpid(machine->process, nullptr, 0);
    if (error == ENOENT)
        report("%s is not installed (package qemu-system-x86)", emulator);
    else
        report("cannot start %s: %s", emulator, strerror(error));
    return EXIT_MACHINE_FAILED;
}
