// Terminals, on a pseudo-terminal: modes, sizes, the line discipline, sessions and job control.
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "linux_calls.h"

static char buffer[5000];
static int master, slave;

// termios as the kernel has it.
struct modes {
    uint32_t input, output, control, local;
    uint8_t line, characters[19];
};

// Reads what comes within a second: on Linux the other end sees a write a little later.
static long got(int fd) {
    poll(&(struct pollfd){fd, POLLIN, 0}, 1, 1000);
    long length = read(fd, buffer, sizeof buffer - 1);
    buffer[length < 0 ? 0 : length] = 0;
    return length;
}

static void test_pair(void) {
    unsigned number = ~0U;
    int unlock = 0, on = 1;
    char name[40];
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    if (master < 0) SKIP_ALL("no pseudo-terminals");
    WORKS(ioctl, ioctl(master, TIOCGPTN, &number) == 0);
    snprintf(name, sizeof name, "/dev/pts/%u", number);
    FAILS(open, EIO, open(name, O_RDWR | O_NOCTTY));
    WORKS(ioctl, ioctl(master, TIOCSPTLCK, &unlock) == 0 && (slave = open(name, O_RDWR | O_NOCTTY)) >= 0);
    FAILS(ioctl, ENOTTY, ioctl(slave, TIOCGPTN, &number));
    WORKS(ioctl, isatty(slave) == 1 && isatty(master) == 1);
    (void)on;
}

static void test_modes(void) {
    struct modes modes, changed;
    WORKS(ioctl, ioctl(slave, TCGETS, &modes) == 0 &&
                     (modes.local & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG) &&
                     (modes.output & (OPOST | ONLCR)) == (OPOST | ONLCR) && (modes.input & ICRNL) != 0);
    WORKS(ioctl, modes.characters[VINTR] == 3 && modes.characters[VEOF] == 4 && modes.characters[VERASE] == 127 &&
                     modes.characters[VKILL] == 21);
    changed = modes;
    changed.local &= ~(uint32_t)ECHO;
    WORKS(ioctl,
          ioctl(slave, TCSETS, &changed) == 0 && ioctl(slave, TCGETS, &changed) == 0 && (changed.local & ECHO) == 0);
    WORKS(ioctl, ioctl(slave, TCSETSW, &modes) == 0 && ioctl(slave, TCSETSF, &modes) == 0);
    FAILS(ioctl, EFAULT, ioctl(slave, TCGETS, BAD));
    FAILS(ioctl, EFAULT, ioctl(slave, TCSETS, BAD));
    struct winsize size = {33, 99, 1, 2}, now;
    WORKS(ioctl, ioctl(slave, TIOCSWINSZ, &size) == 0 && ioctl(master, TIOCGWINSZ, &now) == 0 &&
                     memcmp(&size, &now, sizeof now) == 0);
    FAILS(ioctl, EFAULT, ioctl(slave, TIOCGWINSZ, BAD));
    FAILS(ioctl, EFAULT, ioctl(slave, TIOCSWINSZ, BAD));
    FAILS(ioctl, EINVAL, ioctl(slave, TCFLSH, 9));
    FAILS(ioctl, EINVAL, ioctl(slave, TCXONC, 9));
    WORKS(ioctl, ioctl(slave, TCFLSH, TCIOFLUSH) == 0 && ioctl(slave, TCSBRK, 1) == 0);
    FAILS(ioctl, ENOTTY, ioctl(slave, 0x5499, 0));
}

static void test_line_discipline(void) {
    struct modes modes, raw;
    int count = -1;
    ioctl(slave, TCGETS, &modes);
    WORKS(read, write(master, "line\nnext", 9) == 9 && got(slave) == 5 && strcmp(buffer, "line\n") == 0);
    WORKS(read, got(master) > 0 && strncmp(buffer, "line\r\nnext", 10) == 0);
    fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
    FAILS(read, EAGAIN, read(slave, buffer, 1));
    WORKS(read, write(master, "\177\177ed\r", 5) == 5 && got(slave) == 5 && strcmp(buffer, "need\n") == 0);
    got(master);
    WORKS(read, write(master, "gone\x15kept\n", 10) == 10 && got(slave) == 5 && strcmp(buffer, "kept\n") == 0);
    got(master);
    WORKS(read, write(master, "\x04", 1) == 1 && got(slave) == 0);
    WORKS(read, write(master, "part\x04", 5) == 5 && got(slave) == 4 && strcmp(buffer, "part") == 0);
    got(master);
    WORKS(write, write(slave, "a\nb", 3) == 3 && got(master) == 4 && memcmp(buffer, "a\r\nb", 4) == 0);
    WORKS(ioctl, write(master, "abc\n", 4) == 4 && poll(&(struct pollfd){slave, POLLIN, 0}, 1, 1000) == 1 &&
                     ioctl(slave, FIONREAD, &count) == 0 && count == 4 && got(slave) == 4);
    got(master);
    raw = modes;
    raw.input = raw.output = 0;
    raw.local &= ~(uint32_t)(ICANON | ECHO | ISIG | IEXTEN);
    raw.characters[VMIN] = 1, raw.characters[VTIME] = 0;
    WORKS(ioctl, ioctl(slave, TCSETSF, &raw) == 0 && write(master, "\x03\rx", 3) == 3 && got(slave) == 3 &&
                     memcmp(buffer, "\x03\rx", 3) == 0);
    raw.characters[VMIN] = 0;
    fcntl(slave, F_SETFL, O_RDWR);
    WORKS(read, ioctl(slave, TCSETS, &raw) == 0 && read(slave, buffer, 1) == 0);
    raw.characters[VTIME] = 1;
    WORKS(read, ioctl(slave, TCSETS, &raw) == 0 && read(slave, buffer, 1) == 0);
    raw.characters[VMIN] = 3, raw.characters[VTIME] = 0;
    ioctl(slave, TCSETS, &raw);
    struct pollfd p = {slave, POLLIN, 0};
    WORKS(poll, write(master, "abc", 3) == 3 && poll(&p, 1, 1000) == 1 && got(slave) == 3);
    WORKS(ioctl, ioctl(slave, TCSETSF, &modes) == 0);
    p.fd = master;
    WORKS(poll, poll(&p, 1, 0) == 0 && write(slave, "x", 1) == 1 && poll(&p, 1, 1000) == 1 && got(master) == 1);
}

static volatile sig_atomic_t interrupts, windows;

static void on_signal(int number) {
    if (number == SIGINT) interrupts++;
    if (number == SIGWINCH) windows++;
}

// In a session of its own whose terminal is the slave.
static int session(void) {
    int group = -1, status;
    struct winsize size = {10, 20, 0, 0};
    if (setsid() < 0) return 1;
    if (ioctl(slave, TIOCGPGRP, &group) != -1 || errno != ENOTTY) return 2;
    if (ioctl(slave, TIOCSCTTY, 0) != 0) return 3;
    if (ioctl(slave, TIOCGPGRP, &group) != 0 || group != getpid()) return 4;
    if (ioctl(slave, TIOCGSID, &group) != 0 || group != getpid()) return 5;
    int fd = open("/dev/tty", O_RDWR);
    if (fd < 0) return 6;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGWINCH, &action, NULL);
    if (write(master, "\x03", 1) != 1) return 7;
    for (int i = 0; i < 100 && interrupts == 0; i++)
        usleep(10000);
    if (interrupts != 1) return 8;
    if (ioctl(slave, TIOCSWINSZ, &size) != 0) return 9;
    for (int i = 0; i < 100 && windows == 0; i++)
        usleep(10000);
    if (windows != 1) return 10;
    // a background group that reads is stopped
    pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0);
        char byte;
        read(slave, &byte, 1);
        _exit(0);
    }
    if (waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTTIN) return 11;
    kill(child, SIGKILL);
    if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status)) return 12;
    child = fork();
    if (child == 0) {
        setpgid(0, 0);
        signal(SIGTTOU, SIG_IGN);
        if (ioctl(slave, TIOCSPGRP, &(int){getpid()}) != 0) _exit(1);
        if (tcgetpgrp(slave) != getpid()) _exit(2);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || status != 0) return 13;
    signal(SIGTTOU, SIG_IGN);
    group = getpid();
    if (ioctl(slave, TIOCSPGRP, &group) != 0) return 14;
    group = 3999999;
    if (ioctl(slave, TIOCSPGRP, &group) != -1 || errno != ESRCH) return 15;
    group = -5;
    if (ioctl(slave, TIOCSPGRP, &group) != -1 || errno != EINVAL) return 16;
    signal(SIGHUP, SIG_IGN);
    signal(SIGCONT, SIG_IGN);
    if (ioctl(slave, TIOCNOTTY) != 0) return 17;
    if (open("/dev/tty", O_RDWR) != -1 || errno != ENXIO) return 18;
    return 0;
}

int main(void) {
    test_pair();
    test_modes();
    test_line_discipline();
    pid_t child = fork();
    int status;
    if (child == 0) _exit(session());
    waitpid(child, &status, 0);
    CHECK_NAMED(status == 0, "ioctl: a session with its terminal (step %d)", WEXITSTATUS(status));
    close(slave);
    long length;
    while ((length = read(master, buffer, sizeof buffer)) > 0)
        continue;
    WORKS(read, length == -1 && errno == EIO);
    return tap_done();
}
