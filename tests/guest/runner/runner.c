// Runs the test programs of /tests in the guest one after the other, on one boot. usage: runner SECONDS NAME...
// Marks each program's output with "==> NAME" and "<== NAME STATUS"; one that takes too long is killed.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct timespec pause_time = {.tv_nsec = 2'000'000};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void become_test(const char *name) {
    char path[300];
    snprintf(path, sizeof path, "/tests/%s", name);
    setpgid(0, 0);
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0) dup2(null, 0);
    dup2(1, 2);
    if (chdir("/tmp") < 0) _exit(126);
    execl(path, name, (char *)nullptr);
    printf("not ok - %s cannot be run: %s\n", name, strerror(errno));
    fflush(stdout);
    _exit(127);
}

// Waits for the program; returns its status, or -1 when it had to be killed.
static int wait_bounded(pid_t child, double seconds) {
    double end = now() + seconds;
    int status;
    for (;;) {
        pid_t got = waitpid(child, &status, WNOHANG);
        if (got == child) return status;
        if (got < 0 && errno != EINTR) return 127 << 8;
        if (now() > end) break;
        nanosleep(&pause_time, nullptr);
    }
    if (kill(-child, SIGKILL) < 0) kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return -1;
}

int main(int count, char **arguments) {
    if (count < 3) return 2;
    double seconds = atof(arguments[1]);
    for (int i = 2; i < count; i++) {
        printf("==> %s\n", arguments[i]);
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) become_test(arguments[i]);
        int status = child < 0 ? 127 << 8 : wait_bounded(child, seconds);
        if (status == -1)
            printf("<== %s timeout\n", arguments[i]);
        else if (WIFSIGNALED(status))
            printf("<== %s signal %d\n", arguments[i], WTERMSIG(status));
        else
            printf("<== %s exit %d\n", arguments[i], WEXITSTATUS(status));
        fflush(stdout);
    }
    return 0;
}
