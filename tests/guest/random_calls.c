// Random calls with words that are often right: descriptors of all kinds, names, memory with random contents, small
// numbers, flags; and often wrong. Half of the processes are an ordinary user's. The kernel must live and the memory
// come back. With an argument: the seed; a second: how many processes.
#include "linux_calls.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

enum { PROCESSES = 400, CALLS = 60, NUMBERS = 472, LIMIT_US = 60000, MEMORY = 16384 };

static uint64_t state;
static uint32_t number(uint32_t below) {
    state = state * 6364136223846793005 + 1442695040888963407;
    return (uint32_t)(state >> 33) % below;
}

static char *memory;

// What ends others, never comes back by itself, or leaves processes that nobody waits for.
static int left_out(uint32_t call) {
    static const uint16_t calls[] = {SYS_rt_sigreturn,
                                     SYS_vhangup,
                                     SYS_reboot,
                                     SYS_kill,
                                     SYS_tkill,
                                     SYS_tgkill,
                                     SYS_rt_sigqueueinfo,
                                     SYS_rt_tgsigqueueinfo,
                                     SYS_vfork,
                                     SYS_fork,
                                     SYS_clone,
                                     SYS_clone3,
                                     SYS_exit,
                                     SYS_exit_group,
                                     SYS_pidfd_send_signal,
                                     SYS_setitimer,
                                     SYS_alarm,
                                     SYS_munmap,
                                     SYS_mremap,
                                     SYS_mprotect,
                                     SYS_pause,
                                     SYS_execve,
                                     SYS_execveat,
                                     SYS_arch_prctl,
                                     SYS_rt_sigprocmask,
                                     SYS_rt_sigaction,
                                     SYS_settimeofday,
                                     SYS_clock_settime,
                                     SYS_adjtimex,
                                     SYS_clock_adjtime,
                                     SYS_brk};
    for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++)
        if (calls[i] == call) return 1;
    return 0;
}

static void fill_memory(void) {
    static const char *const names[] = {"a",    "b",    "a/b",    ".", "..",        "/tmp",
                                        "link", "fifo", "socket", "",  "/dev/zero", "/proc/self/stat"};
    for (int i = 0; i < MEMORY; i += 64) {
        char *at = memory + i;
        switch (number(4)) {
        case 0:
            strcpy(at, names[number(sizeof names / sizeof *names)]);
            break;
        case 1:
            for (int j = 0; j < 64; j += 8)
                *(uint64_t *)(at + j) = (uint64_t)(uintptr_t)memory + number(MEMORY / 64) * 64; // vectors
            break;
        case 2:
            for (int j = 0; j < 64; j += 4)
                *(uint32_t *)(at + j) = number(2) ? number(16) : (uint32_t)(number(1 << 30) * 4);
            break;
        default:
            memset(at, 0, 64);
        }
    }
}

static long word(void) {
    static const long hostile[] = {-1,        -100,      8,         (long)0xffff800000001000, 0x7fffffffffff,
                                   INT64_MAX, INT64_MIN, UINT32_MAX};
    switch (number(8)) {
    case 0:
    case 1:
    case 2:
        return (long)memory + number(MEMORY / 64) * 64;
    case 3:
        return number(24); // descriptors
    case 4:
        return 1L << number(32);
    case 5:
        return hostile[number(sizeof hostile / sizeof *hostile)];
    case 6:
        return number(1 << 14);
    default:
        return 0;
    }
}

static void open_things(void) {
    int pair[2];
    open("a", O_RDWR | O_CREAT, 0666);
    open(".", O_RDONLY | O_DIRECTORY);
    (void)!pipe2(pair, O_NONBLOCK);
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair);
    epoll_create1(0);
    eventfd(0, EFD_NONBLOCK);
    timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    syscall(SYS_memfd_create, "m", 0);
    open("/dev/zero", O_RDWR);
    open("/dev/null", O_RDWR);
    open("/proc/self/maps", O_RDONLY);
    open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
    sigset_t set;
    sigfillset(&set);
    signalfd(-1, &set, SFD_NONBLOCK);
}

static void process(uint64_t seed) {
    struct itimerval limit = {{}, {0, LIMIT_US}};
    struct rlimit space = {64 << 20, 64 << 20}, file = {1 << 20, 1 << 20};
    state = seed * 2654435761 + 1;
    memory = mmap(nullptr, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 3; i++) {
        close(i);
        open("/dev/null", O_RDWR);
    }
    open_things();
    setrlimit(RLIMIT_AS, &space);
    setrlimit(RLIMIT_FSIZE, &file);
    if (seed % 2) (void)!syscall(SYS_setresuid, 1000, 1000, 1000);
    setitimer(ITIMER_REAL, &limit, nullptr);
    for (int i = 0; i < CALLS; i++) {
        uint32_t call = number(NUMBERS);
        if (i % 8 == 0) fill_memory();
        if (left_out(call)) continue;
        syscall(call, word(), word(), word(), word(), word(), word());
    }
    _exit(0);
}

static unsigned long free_memory(void) {
    struct sysinfo information;
    sysinfo(&information);
    return information.freeram * information.mem_unit;
}

int main(int argument_count, char **arguments) {
    uint64_t seed = argument_count > 1 ? strtoull(arguments[1], nullptr, 0) : 1;
    int processes = argument_count > 2 ? atoi(arguments[2]) : PROCESSES;
    char folder[] = "/tmp/random-XXXXXX";
    int made = mkdtemp(folder) != nullptr && chdir(folder) == 0 && chmod(".", 0777) == 0;
    tap_result(made, __FILE__, __LINE__, "random calls: a folder");
    int ended = 0;
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, nullptr);
    unsigned long before = free_memory();
    for (int i = argument_count > 4 ? atoi(arguments[4]) : 0; i < processes; i++) {
        if (argument_count > 3) printf("# process %d\n", i);
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) process(seed * 100000 + (uint64_t)i);
        int status;
        struct timespec patience = {1, 0};
        // A wait with all signals masked is no fault, but SIGKILL must end it.
        while (child > 0 && waitpid(child, &status, WNOHANG) == 0)
            if (sigtimedwait(&children, nullptr, &patience) < 0 && errno == EAGAIN) kill(child, SIGKILL);
        ended += child > 0;
    }
    tap_result(ended == processes, __FILE__, __LINE__, "random calls: all processes ended");
    pid_t last = fork();
    if (last == 0) _exit(42);
    int status = 0;
    waitpid(last, &status, 0);
    tap_result(WIFEXITED(status) && WEXITSTATUS(status) == 42, __FILE__, __LINE__,
               "random calls: the kernel works as before");
    unsigned long after = free_memory();
    printf("# free memory: %lu KiB before, %lu KiB after\n", before / 1024, after / 1024);
    tap_result(after + (16 << 20) > before, __FILE__, __LINE__, "random calls: the memory comes back");
    return tap_done();
}
