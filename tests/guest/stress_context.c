// Many processors at once: forks, pipes, signals, threads on a futex, mappings. Each worker checks what it did; at the
// end the memory must be back. STRESS_SECONDS in the environment: how long (default 5).
#include "tap.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static time_t end;

static int running(void) {
    return time(NULL) < end;
}

static int fork_and_wait(void) {
    long rounds = 0;
    while (running()) {
        int status, code = rounds++ & 0x7f;
        pid_t pid = fork();
        if (pid < 0) return 1;
        if (pid == 0) _exit(code);
        if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != code) return 2;
    }
    return rounds < 10;
}

static int pipe_to_and_fro(void) {
    int to[2], fro[2];
    long rounds = 0;
    if (pipe(to) || pipe(fro)) return 1;
    pid_t pid = fork();
    if (pid == 0) {
        long word;
        close(to[1]);
        while (read(to[0], &word, sizeof word) == sizeof word)
            if (write(fro[1], &word, sizeof word) != sizeof word) _exit(3);
        _exit(0);
    }
    close(to[0]);
    close(fro[1]);
    while (running()) {
        long word = rounds++, answer;
        if (write(to[1], &word, sizeof word) != sizeof word) return 2;
        if (read(fro[0], &answer, sizeof answer) != sizeof answer || answer != word) return 3;
    }
    close(to[1]);
    int status;
    if (waitpid(pid, &status, 0) != pid || status) return 4;
    return rounds < 10;
}

static volatile sig_atomic_t caught;

static void count_signal(int signal) {
    (void)signal;
    caught++;
}

static int signal_child(void) {
    struct sigaction action = {.sa_handler = count_signal};
    sigaction(SIGUSR1, &action, NULL);
    long rounds = 0;
    while (running()) {
        sigset_t block, old;
        sigemptyset(&block);
        sigaddset(&block, SIGUSR1);
        sigprocmask(SIG_BLOCK, &block, &old);
        caught = 0;
        pid_t pid = fork();
        if (pid < 0) return 1;
        if (pid == 0) {
            kill(getppid(), SIGUSR1);
            pause();
            _exit(1);
        }
        while (!caught)
            sigsuspend(&old);
        sigprocmask(SIG_SETMASK, &old, NULL);
        kill(pid, SIGSTOP);
        int status;
        if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status)) return 2;
        kill(pid, SIGCONT);
        if (waitpid(pid, &status, WCONTINUED) != pid || !WIFCONTINUED(status)) return 3;
        kill(pid, SIGTERM);
        if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGTERM) return 4;
        rounds++;
    }
    return rounds < 5;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static long total, turn;

static void *add(void *side) {
    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % 4 != (long)side)
            pthread_cond_wait(&condition, &mutex);
        turn++;
        total++;
        pthread_cond_broadcast(&condition);
        pthread_mutex_unlock(&mutex);
    }
    return side;
}

static int threads(void) {
    long rounds = 0;
    while (running()) {
        pthread_t ids[4];
        total = turn = 0;
        for (long i = 0; i < 4; i++)
            if (pthread_create(&ids[i], NULL, add, (void *)i)) return 1;
        for (long i = 0; i < 4; i++) {
            void *result;
            if (pthread_join(ids[i], &result) || result != (void *)i) return 2;
        }
        if (total != 800) return 3;
        rounds++;
    }
    return rounds < 2;
}

static int mappings(void) {
    unsigned seed = 1;
    long rounds = 0;
    while (running()) {
        size_t size = (1 + (seed = seed * 1103515245 + 12345) / 65536 % 64) * 4096;
        unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return 1;
        for (size_t i = 0; i < size; i += 4096) {
            if (memory[i]) return 2;
            memory[i] = (unsigned char)i ^ 0x55;
        }
        if (rounds % 16 == 0) {
            pid_t pid = fork();
            if (pid < 0) return 3;
            if (pid == 0) {
                memset(memory, 1, size);
                _exit(memory[0] == 1 ? 0 : 1);
            }
            int status;
            if (waitpid(pid, &status, 0) != pid || status) return 4;
        }
        for (size_t i = 0; i < size; i += 4096)
            if (memory[i] != ((unsigned char)i ^ 0x55)) return 5;
        if (munmap(memory, size)) return 6;
        rounds++;
    }
    return rounds < 10;
}

static void *spin_thread(void *data) {
    (void)data;
    for (;;)
        sched_yield();
}

// A process of many threads, some running, some waiting, is ended by a signal or by exit_group of one.
static int kill_threads(void) {
    long rounds = 0;
    while (running()) {
        pid_t pid = fork();
        if (pid < 0) return 1;
        if (pid == 0) {
            pthread_t id;
            pthread_mutex_lock(&mutex);
            for (int i = 0; i < 3; i++)
                pthread_create(&id, NULL, spin_thread, NULL);
            for (long i = 0; i < 3; i++)
                pthread_create(&id, NULL, add, (void *)i);
            if (rounds & 1) _exit(7);
            for (;;)
                pause();
        }
        if (!(rounds & 1)) {
            struct timespec nap = {.tv_nsec = 2000000};
            nanosleep(&nap, NULL);
            kill(pid, SIGKILL);
        }
        int status;
        if (waitpid(pid, &status, 0) != pid) return 2;
        if (rounds & 1 ? !WIFEXITED(status) || WEXITSTATUS(status) != 7 : !WIFSIGNALED(status)) return 3;
        rounds++;
    }
    return rounds < 4;
}

static int timers(void) {
    struct sigaction action = {.sa_handler = count_signal};
    sigaction(SIGALRM, &action, NULL);
    long rounds = 0;
    while (running()) {
        struct timespec nap = {.tv_nsec = 200000 + rounds % 7 * 300000};
        if (rounds % 3 == 0) {
            caught = 0;
            ualarm(1000, 0);
            while (!caught)
                pause();
        }
        struct timespec before, after;
        clock_gettime(CLOCK_MONOTONIC, &before);
        if (nanosleep(&nap, NULL) && errno != EINTR) return 1;
        clock_gettime(CLOCK_MONOTONIC, &after);
        long gone = (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
        if (gone < nap.tv_nsec) return 2;
        rounds++;
    }
    return rounds < 5;
}

static int fork_and_exec(void) {
    long rounds = 0;
    while (running()) {
        int status;
        pid_t pid = fork();
        if (pid < 0) return 1;
        if (pid == 0) {
            execl("/proc/self/exe", "stress_context", "exit", (char *)NULL);
            _exit(2);
        }
        if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 42) return 2;
        rounds++;
    }
    return rounds < 3;
}

// Two processes hand a word in shared memory to and fro.
static int shared_futex(void) {
    int *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (word == MAP_FAILED) return 1;
    pid_t pid = fork();
    int side = pid == 0;
    long rounds = 0;
    while (running()) {
        int value;
        while ((value = __atomic_load_n(word, __ATOMIC_ACQUIRE)) % 2 != side) {
            struct timespec limit = {.tv_sec = 2};
            if (syscall(SYS_futex, word, 0, value, &limit, NULL, 0) < 0 && errno == ETIMEDOUT) break;
            if (!running()) break;
        }
        if (value % 2 != side) break;
        __atomic_store_n(word, value + 1, __ATOMIC_RELEASE);
        syscall(SYS_futex, word, 1, 1, NULL, NULL, 0);
        rounds++;
    }
    __atomic_add_fetch(word, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, word, 1, 1, NULL, NULL, 0);
    if (pid == 0) _exit(rounds < 10);
    int status;
    if (waitpid(pid, &status, 0) != pid || status) return 2;
    munmap(word, 4096);
    return rounds < 10;
}

static int (*const workers[])(void) = {fork_and_wait, pipe_to_and_fro, signal_child,  threads,      mappings,
                                       kill_threads,  timers,          fork_and_exec, shared_futex, pipe_to_and_fro};
static const char *const names[] = {
    "fork and wait",
    "pipes",
    "signals, stop and continue",
    "threads on a condition",
    "mappings",
    "ending many threads",
    "timers",
    "fork and exec",
    "a shared futex",
    "more pipes",
};
enum { COUNT = sizeof workers / sizeof workers[0] };

static void run_all(int check) {
    pid_t pids[COUNT];
    for (int i = 0; i < COUNT; i++) {
        pids[i] = fork();
        if (pids[i] == 0) _exit(workers[i]());
    }
    for (int i = 0; i < COUNT; i++) {
        int status = -1;
        waitpid(pids[i], &status, 0);
        if (check) CHECK_NAMED(status == 0, "%s (status %#x)", names[i], status);
    }
}

static long free_kilobytes(void) {
    struct sysinfo info;
    sysinfo(&info);
    return (long)(info.freeram * info.mem_unit / 1024);
}

int main(int count, char **arguments) {
    (void)arguments;
    if (count > 1) return 42; // fork_and_exec's child
    const char *seconds = getenv("STRESS_SECONDS");
    end = time(NULL) + 1; // caches fill
    run_all(0);
    long before = free_kilobytes();
    end = time(NULL) + (seconds ? atoi(seconds) : 5);
    run_all(1);
    long after = free_kilobytes();
    CHECK_NAMED(before - after < 1024, "memory is back (%ld KiB before, %ld after)", before, after);
    return tap_done();
}
