// O_ASYNC: SIGIO to the owner when a descriptor becomes ready.
#include <signal.h>
#include <time.h>

#include "linux_calls.h"

static volatile sig_atomic_t signals;
static void count(int signal) {
    signals += signal == SIGIO;
}

static int arrived(int wanted) {
    for (int i = 0; i < 200 && signals < wanted; i++)
        nanosleep(&(struct timespec){0, 5000000}, NULL);
    return signals >= wanted;
}

int main(void) {
    int ends[2], pair[2];
    char byte;
    signal(SIGIO, count);
    WORKS(pipe, pipe(ends) == 0);
    WORKS(fcntl, fcntl(ends[0], F_SETOWN, getpid()) == 0 && fcntl(ends[0], F_GETOWN) == getpid());
    WORKS(fcntl, write(ends[1], "x", 1) == 1 && !signals && read(ends[0], &byte, 1) == 1);
    WORKS(fcntl, fcntl(ends[0], F_SETFL, O_ASYNC) == 0 && fcntl(ends[0], F_GETFL) & O_ASYNC);
    WORKS(fcntl, write(ends[1], "x", 1) == 1 && arrived(1));
    WORKS(fcntl, read(ends[0], &byte, 1) == 1 && fcntl(ends[0], F_SETFL, 0) == 0);
    signals = 0;
    WORKS(fcntl, write(ends[1], "x", 1) == 1);
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    WORKS(fcntl, signals == 0);
    WORKS(socketpair, socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    WORKS(fcntl, fcntl(pair[0], F_SETOWN, -getpgrp()) == 0 && fcntl(pair[0], F_SETFL, O_ASYNC) == 0);
    WORKS(fcntl, write(pair[1], "x", 1) == 1 && arrived(1));
    WORKS(close, close(pair[0]) == 0 && close(pair[1]) == 0 && close(ends[0]) == 0 && close(ends[1]) == 0);
    return tap_done();
}
