#include "tools/helctic/terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static bool is_raw;

int terminal_raw(void) {
    if (tcgetattr(STDIN_FILENO, &saved) < 0) return -errno;
    struct termios raw = saved;
    cfmakeraw(&raw);
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0) return -errno;
    if (!is_raw) atexit(terminal_restore);
    is_raw = true;
    return 0;
}

void terminal_restore(void) {
    if (is_raw) tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
    is_raw = false;
}

void terminal_size(unsigned *rows, unsigned *columns) {
    struct winsize size = {};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0) size = (struct winsize){};
    *rows = size.ws_row ? size.ws_row : 24;
    *columns = size.ws_col ? size.ws_col : 80;
}
