// The smallest facts of a process: arguments, environment, identity, exit of a child.
#include "tap.h"

#include <sys/wait.h>

int main(int count, char **arguments) {
    CHECK(count == 1);
    CHECK(arguments[count] == nullptr);
    CHECK(getpid() > 1);
    CHECK(getppid() >= 1);
    pid_t child = fork();
    if (child == 0) _exit(42);
    int status = 0;
    CHECK(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    CHECK_ERROR(waitpid(-1, &status, 0), ECHILD);
    CHECK_ERROR(close(-1), EBADF);
    CHECK_ERROR(chdir("/no/such/folder"), ENOENT);
    return tap_done();
}
