// ioctl: what every file knows and what terminals know, found by a table; the rest is the control op's.
#include "lib/string.h"
#include "personality/src/linux/file.h"

typedef int32_t ioctl_command(int32_t descriptor, uint32_t command, uintptr_t argument);

// ---- every descriptor

static int32_t ioctl_close_on_exec(int32_t descriptor, uint32_t command, uintptr_t) {
    return kernel_ops->descriptor_flags_set(descriptor, command == FIOCLEX);
}

static int32_t ioctl_file_flag(int32_t descriptor, uint32_t command, uintptr_t argument) {
    int32_t on;
    uint32_t flags, bit = command == FIONBIO ? O_NONBLOCK : O_ASYNC;
    int32_t error = fetch_struct(&on, argument);
    if (error == 0) error = kernel_ops->file_flags_get(descriptor, &flags);
    if (error < 0) return error;
    return kernel_ops->file_flags_set(descriptor, on != 0 ? flags | bit : flags & ~bit);
}

static int32_t ioctl_readable(int32_t descriptor, uint32_t, uintptr_t argument) {
    uint32_t bytes;
    int32_t error = kernel_ops->bytes_readable(descriptor, &bytes);
    return error < 0 ? error : store_struct(argument, &bytes);
}

static int32_t ioctl_size(int32_t descriptor, uint32_t, uintptr_t argument) {
    struct kernel_stat stat;
    int32_t error = linux_file_stat((uint32_t)descriptor, &stat);
    if (error < 0) return error;
    if ((stat.mode & S_IFMT) != S_IFREG && (stat.mode & S_IFMT) != S_IFDIR && (stat.mode & S_IFMT) != S_IFLNK)
        return -ENOTTY;
    return store_struct(argument, &stat.size);
}

// No file system here shares storage between files.
static int32_t ioctl_clone(int32_t descriptor, uint32_t command, uintptr_t argument) {
    struct {
        int64_t source;
        uint64_t source_offset, length, target_offset;
    } range = {.source = (int32_t)argument};
    uint32_t source, target;
    int32_t error = command == FICLONERANGE ? fetch_struct(&range, argument) : 0;
    if (error == 0) error = linux_file_flags((uint32_t)range.source, &source);
    if (error == 0) error = linux_file_flags((uint32_t)descriptor, &target);
    if (error < 0) return error;
    struct kernel_stat from, to;
    error = linux_file_stat((uint32_t)range.source, &from);
    if (error == 0) error = linux_file_stat((uint32_t)descriptor, &to);
    if (error < 0) return error;
    if (from.device != to.device) return -EXDEV;
    if ((from.mode & S_IFMT) == S_IFDIR || (to.mode & S_IFMT) == S_IFDIR) return -EISDIR;
    if ((from.mode & S_IFMT) != S_IFREG || (to.mode & S_IFMT) != S_IFREG) return -EINVAL;
    if ((source & O_ACCMODE) == O_WRONLY || (target & O_ACCMODE) == O_RDONLY || (target & O_APPEND) != 0) return -EBADF;
    return -EOPNOTSUPP;
}

// ---- terminals

// Fetches the argument of a call that changes a terminal; on a descriptor that is none its own error comes first.
static int32_t argument_fetch(int32_t descriptor, void *to, uintptr_t word, size_t size) {
    struct kernel_termios termios;
    int32_t error = kernel_ops->fetch(to, user_pointer(word), size);
    if (error == 0) return 0;
    int32_t terminal = kernel_ops->terminal_get(descriptor, &termios);
    return terminal < 0 ? terminal : error;
}

constexpr uint32_t CBAUD = 0010017, BOTHER = 0010000;

// The speeds of the baud codes 0 to 15, and from 0010001 on.
static uint32_t baud_rate(uint32_t control) {
    static const uint32_t rates[] = {0,       50,      75,      110,     134,     150,     200,    300,
                                     600,     1200,    1800,    2400,    4800,    9600,    19200,  38400,
                                     57600,   115200,  230400,  460800,  500000,  576000,  921600, 1000000,
                                     1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000};
    uint32_t code = control & CBAUD;
    uint32_t index = (code & BOTHER) != 0 ? (code & 017) + 15 : code;
    return index < array_size(rates) ? rates[index] : 0;
}

static int32_t ioctl_termios_get(int32_t descriptor, uint32_t command, uintptr_t argument) {
    struct kernel_termios termios;
    struct linux_termios2 out = {};
    int32_t error = kernel_ops->terminal_get(descriptor, &termios);
    if (error < 0) return error;
    if (command == TCGETS) return store_struct(argument, &termios);
    memcpy(&out.base, &termios, sizeof(out.base));
    out.c_ispeed = out.c_ospeed = baud_rate(termios.control);
    return store_struct(argument, &out);
}

static int32_t ioctl_termios_set(int32_t descriptor, uint32_t command, uintptr_t argument) {
    struct kernel_termios termios;
    bool second = command == TCSETS2 || command == TCSETSW2 || command == TCSETSF2;
    uint32_t when = second ? command - TCSETS2 : command - TCSETS;
    size_t size = second ? sizeof(struct linux_termios2) : sizeof(struct linux_termios);
    struct linux_termios2 in;
    int32_t error = argument_fetch(descriptor, &in, argument, size);
    if (error < 0) return error;
    memcpy(&termios, &in.base, sizeof(termios));
    return kernel_ops->terminal_set(descriptor, &termios, when);
}

static int32_t ioctl_termio_get(int32_t descriptor, uint32_t, uintptr_t argument) {
    struct kernel_termios termios;
    int32_t error = kernel_ops->terminal_get(descriptor, &termios);
    if (error < 0) return error;
    struct linux_termio out = {.c_iflag = (uint16_t)termios.input,
                               .c_oflag = (uint16_t)termios.output,
                               .c_cflag = (uint16_t)termios.control,
                               .c_lflag = (uint16_t)termios.local,
                               .c_line = termios.line};
    memcpy(out.c_cc, termios.characters, sizeof(out.c_cc));
    return store_struct(argument, &out);
}

static int32_t ioctl_termio_set(int32_t descriptor, uint32_t command, uintptr_t argument) {
    struct kernel_termios termios;
    struct linux_termio in;
    int32_t error = kernel_ops->terminal_get(descriptor, &termios);
    if (error == 0) error = fetch_struct(&in, argument);
    if (error < 0) return error;
    constexpr uint32_t high = 0xffff0000;
    termios.input = (termios.input & high) | in.c_iflag;
    termios.output = (termios.output & high) | in.c_oflag;
    termios.control = (termios.control & high) | in.c_cflag;
    termios.local = (termios.local & high) | in.c_lflag;
    termios.line = in.c_line;
    memcpy(termios.characters, in.c_cc, sizeof(in.c_cc));
    return kernel_ops->terminal_set(descriptor, &termios, command - TCSETA);
}

static int32_t ioctl_window_get(int32_t descriptor, uint32_t, uintptr_t argument) {
    struct kernel_winsize size;
    int32_t error = kernel_ops->terminal_size_get(descriptor, &size);
    return error < 0 ? error : store_struct(argument, &size);
}

static int32_t ioctl_window_set(int32_t descriptor, uint32_t, uintptr_t argument) {
    struct kernel_winsize size;
    int32_t error = argument_fetch(descriptor, &size, argument, sizeof(size));
    return error < 0 ? error : kernel_ops->terminal_size_set(descriptor, &size);
}

static int32_t ioctl_foreground_get(int32_t descriptor, uint32_t, uintptr_t argument) {
    int32_t group;
    int32_t error = kernel_ops->terminal_foreground_get(descriptor, &group);
    return error < 0 ? error : store_struct(argument, &group);
}

static int32_t ioctl_foreground_set(int32_t descriptor, uint32_t, uintptr_t argument) {
    int32_t group;
    int32_t error = argument_fetch(descriptor, &group, argument, sizeof(group));
    if (error < 0) return error;
    return group < 0 ? -EINVAL : kernel_ops->terminal_foreground_set(descriptor, group);
}

static int32_t ioctl_session(int32_t descriptor, uint32_t, uintptr_t argument) {
    int32_t session;
    int32_t error = kernel_ops->terminal_session(descriptor, &session);
    return error < 0 ? error : store_struct(argument, &session);
}

static int32_t ioctl_acquire(int32_t descriptor, uint32_t, uintptr_t argument) {
    return kernel_ops->terminal_acquire(descriptor, argument == 1);
}

static int32_t ioctl_release(int32_t descriptor, uint32_t, uintptr_t) {
    return kernel_ops->terminal_release(descriptor);
}

// Breaks are not sent: what remains of both calls is the wait until the output has gone.
static int32_t ioctl_drain(int32_t descriptor, uint32_t, uintptr_t) {
    return kernel_ops->terminal_drain(descriptor);
}

static int32_t ioctl_flush(int32_t descriptor, uint32_t, uintptr_t argument) {
    struct kernel_termios termios;
    if (argument <= 2) return kernel_ops->terminal_flush(descriptor, (uint32_t)argument);
    int32_t error = kernel_ops->terminal_get(descriptor, &termios);
    return error < 0 ? error : -EINVAL;
}

static int32_t ioctl_flow(int32_t descriptor, uint32_t, uintptr_t argument) {
    struct kernel_termios termios;
    if (argument <= 3) return kernel_ops->terminal_flow(descriptor, (uint32_t)argument);
    int32_t error = kernel_ops->terminal_get(descriptor, &termios);
    return error < 0 ? error : -EINVAL;
}

static int32_t ioctl_inject(int32_t descriptor, uint32_t, uintptr_t argument) {
    char character;
    int32_t error = argument_fetch(descriptor, &character, argument, 1);
    return error < 0 ? error : kernel_ops->terminal_inject(descriptor, character);
}

static int32_t ioctl_pending(int32_t descriptor, uint32_t, uintptr_t argument) {
    uint32_t bytes;
    int32_t error = kernel_ops->terminal_bytes_pending(descriptor, &bytes);
    return error < 0 ? error : store_struct(argument, &bytes);
}

// N_TTY is the only line discipline.
static int32_t ioctl_discipline(int32_t descriptor, uint32_t command, uintptr_t argument) {
    struct kernel_termios termios;
    int32_t discipline = 0;
    int32_t error = kernel_ops->terminal_get(descriptor, &termios);
    if (error < 0) return error;
    if (command == TIOCGETD) return store_struct(argument, &discipline);
    error = fetch_struct(&discipline, argument);
    if (error < 0) return error;
    return discipline == 0 ? 0 : -EINVAL;
}

static int32_t ioctl_pty_number(int32_t descriptor, uint32_t, uintptr_t argument) {
    uint32_t number;
    int32_t error = kernel_ops->pty_number(descriptor, &number);
    return error < 0 ? error : store_struct(argument, &number);
}

static int32_t ioctl_pty_lock(int32_t descriptor, uint32_t, uintptr_t argument) {
    int32_t locked;
    int32_t error = fetch_struct(&locked, argument);
    return error < 0 ? error : kernel_ops->pty_lock(descriptor, locked != 0);
}

static const struct ioctl_entry {
    uint32_t command;
    ioctl_command *run;
} ioctl_commands[] = {
    {TCGETS, ioctl_termios_get},
    {TIOCGWINSZ, ioctl_window_get},
    {TCSETS, ioctl_termios_set},
    {TCSETSW, ioctl_termios_set},
    {TCSETSF, ioctl_termios_set},
    {FIONREAD, ioctl_readable},
    {FIONBIO, ioctl_file_flag},
    {FIOASYNC, ioctl_file_flag},
    {FIOCLEX, ioctl_close_on_exec},
    {FIONCLEX, ioctl_close_on_exec},
    {FIOQSIZE, ioctl_size},
    {FICLONE, ioctl_clone},
    {FICLONERANGE, ioctl_clone},
    {TIOCGPGRP, ioctl_foreground_get},
    {TIOCSPGRP, ioctl_foreground_set},
    {TIOCGSID, ioctl_session},
    {TIOCSCTTY, ioctl_acquire},
    {TIOCNOTTY, ioctl_release},
    {TIOCSWINSZ, ioctl_window_set},
    {TCGETS2, ioctl_termios_get},
    {TCSETS2, ioctl_termios_set},
    {TCSETSW2, ioctl_termios_set},
    {TCSETSF2, ioctl_termios_set},
    {TCGETA, ioctl_termio_get},
    {TCSETA, ioctl_termio_set},
    {TCSETAW, ioctl_termio_set},
    {TCSETAF, ioctl_termio_set},
    {TCSBRK, ioctl_drain},
    {TCSBRKP, ioctl_drain},
    {TCXONC, ioctl_flow},
    {TCFLSH, ioctl_flush},
    {TIOCOUTQ, ioctl_pending},
    {TIOCSTI, ioctl_inject},
    {TIOCGETD, ioctl_discipline},
    {TIOCSETD, ioctl_discipline},
    {TIOCGPTN, ioctl_pty_number},
    {TIOCSPTLCK, ioctl_pty_lock},
};

SHIM3(linux_ioctl, descriptor, command, argument) {
    uint32_t flags;
    int32_t error = linux_file_flags(descriptor, &flags);
    if (error < 0) return error;
    for (unsigned i = 0; i < array_size(ioctl_commands); i++)
        if (ioctl_commands[i].command == (uint32_t)command)
            return ioctl_commands[i].run((int32_t)descriptor, (uint32_t)command, argument);
    return kernel_ops->control((int32_t)descriptor, (uint32_t)command, user_pointer(argument));
}
