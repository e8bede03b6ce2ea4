// The same static binary is process 1 under Linux and under Helctic: it measures each operation, prints "NAME COST"
// lines and powers off.
//
// COST is (run of 2N - run of N) / N in units of the cycle counter, so that set-up and the loop's start fall out. Under
// `-icount shift=0` the counter counts instructions. With a file /wall in the archive the counter is the host's: then
// COST is the least of several runs of 2N, divided by 2N. Before each run the program waits until kernel threads are
// idle and memory that was freed is back. Where /proc/vmstat has them, the TLB flushes, interrupts between processors
// and switches of page tables of an operation follow as "NAME:flushes" and so on, in thousandths.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB                (1024 * 1024)
#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE_PRIVATE 129

static char page[4096];

static uint64_t counter(void) {
    uint32_t low, high;
    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static void check(int holds, const char *what) {
    if (holds) return;
    perror(what);
    printf("failed %s\n", what);
    sync();
    reboot(RB_POWER_OFF);
    _exit(1);
}

// ---- the operations: each does n rounds

static void null_call(unsigned n) {
    while (n--)
        syscall(SYS_getppid);
}

static int zero_file, null_file;
static void read_byte(unsigned n) {
    while (n--)
        check(read(zero_file, page, 1) == 1, "read");
}
static void write_byte(unsigned n) {
    while (n--)
        check(write(null_file, page, 1) == 1, "write");
}
static void stat_file(unsigned n) {
    struct stat status;
    while (n--)
        check(stat("/tmp/file", &status) == 0, "stat");
}
static void open_close(unsigned n) {
    while (n--) {
        int file = open("/tmp/file", O_RDONLY);
        check(file >= 0, "open");
        close(file);
    }
}
static void fork_exit_wait(unsigned n) {
    while (n--) {
        pid_t child = fork();
        if (child == 0) _exit(0);
        check(child > 0 && waitpid(child, NULL, 0) == child, "fork");
    }
}
static void fork_exec_wait(unsigned n) {
    while (n--) {
        pid_t child = fork();
        if (child == 0) {
            execl("/init", "/init", "exit", (char *)NULL);
            _exit(1);
        }
        int status;
        check(child > 0 && waitpid(child, &status, 0) == child && status == 0, "exec");
    }
}

static int there[2], back[2];
static void pipe_round_trip(unsigned n) {
    pid_t child = fork();
    if (child == 0) {
        for (unsigned i = 0; i < n; i++) {
            check(read(there[0], page, 1) == 1, "child read");
            check(write(back[1], page, 1) == 1, "child write");
        }
        _exit(0);
    }
    for (unsigned i = 0; i < n; i++) {
        check(write(there[1], page, 1) == 1, "pipe write");
        check(read(back[0], page, 1) == 1, "pipe read");
    }
    waitpid(child, NULL, 0);
}

// Two processes that yield to each other: one round is two switches, so a switch costs half of it.
static void yields(unsigned n) {
    pid_t child = fork();
    for (unsigned i = 0; i < n; i++)
        sched_yield();
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
}

static volatile sig_atomic_t handled;
static void handler(int number) {
    (void)number;
    handled++;
}
static void signal_self(unsigned n) {
    while (n--)
        kill(1, SIGUSR1);
}
static void map_unmap(unsigned n) {
    while (n--) {
        char *memory = mmap(NULL, 64 * 1024, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        check(memory != MAP_FAILED, "mmap");
        memory[0] = 1;
        munmap(memory, 64 * 1024);
    }
}
static void anonymous_faults(unsigned n) {
    size_t size = (size_t)n * 4096;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(memory != MAP_FAILED, "mmap");
    madvise(memory, size, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < size; i += 4096)
        memory[i] = 1;
    munmap(memory, size);
}
static void copy_on_write_faults(unsigned n) {
    size_t size = (size_t)n * 4096;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(memory != MAP_FAILED, "mmap");
    madvise(memory, size, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < size; i += 4096)
        memory[i] = 1;
    pid_t child = fork();
    if (child == 0) {
        for (size_t i = 0; i < size; i += 4096)
            memory[i] = 2;
        _exit(0);
    }
    waitpid(child, NULL, 0);
    munmap(memory, size);
}

static uint32_t turn;
static void futex_wait_turn(uint32_t mine) {
    uint32_t now;
    while ((now = __atomic_load_n(&turn, __ATOMIC_ACQUIRE)) != mine)
        syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
}
static void futex_pass_turn(uint32_t next) {
    __atomic_store_n(&turn, next, __ATOMIC_RELEASE);
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
static void *futex_partner(void *rounds) {
    for (unsigned i = 0; i < *(unsigned *)rounds; i++) {
        futex_wait_turn(1);
        futex_pass_turn(0);
    }
    return NULL;
}
static void futex_hand_off(unsigned n) {
    pthread_t partner;
    check(pthread_create(&partner, NULL, futex_partner, &n) == 0, "pthread_create");
    for (unsigned i = 0; i < n; i++) {
        futex_pass_turn(1);
        futex_wait_turn(0);
    }
    pthread_join(partner, NULL);
}
static void *nothing(void *argument) {
    return argument;
}
static void thread_create_join(unsigned n) {
    while (n--) {
        pthread_t thread;
        check(pthread_create(&thread, NULL, nothing, NULL) == 0, "pthread_create");
        pthread_join(thread, NULL);
    }
}
static int big_file;
static void cached_read(unsigned n) {
    static char buffer[64 * 1024];
    while (n--) {
        lseek(big_file, 0, SEEK_SET);
        for (unsigned i = 0; i < MIB / sizeof buffer; i++)
            check(read(big_file, buffer, sizeof buffer) == (ssize_t)sizeof buffer, "read file");
    }
}

static const struct operation {
    const char *name;
    void (*run)(unsigned n);
    unsigned n;
} operations[] = {
    {"null", null_call, 2000},
    {"read", read_byte, 2000},
    {"write", write_byte, 2000},
    {"stat", stat_file, 1000},
    {"open+close", open_close, 1000},
    {"fork+exit+wait", fork_exit_wait, 100},
    {"fork+exec+wait", fork_exec_wait, 50},
    {"pipe-round-trip", pipe_round_trip, 500},
    {"yield-round-trip", yields, 1000},
    {"signal", signal_self, 1000},
    {"mmap+touch+munmap", map_unmap, 500},
    {"anonymous-fault", anonymous_faults, 1000},
    {"copy-on-write-fault", copy_on_write_faults, 1000},
    {"futex-hand-off", futex_hand_off, 500},
    {"thread-create+join", thread_create_join, 100},
    {"cached-read-MiB", cached_read, 8},
};

static void settle(void) {
    struct timespec pause = {0, 50 * 1000 * 1000};
    nanosleep(&pause, NULL);
}

static int wall;
#define WALL_RUNS 7

struct counts {
    unsigned long flushes, interrupts, tables;
};

static struct counts counts_now(void) {
    struct counts c = {0, 0, 0};
    char line[128];
    FILE *file = fopen("/proc/vmstat", "r");
    while (file && fgets(line, sizeof line, file)) {
        sscanf(line, "nr_tlb_flush %lu", &c.flushes);
        sscanf(line, "nr_ipi %lu", &c.interrupts);
        sscanf(line, "nr_page_table_switch %lu", &c.tables);
    }
    if (file) fclose(file);
    return c;
}

static uint64_t measure(const struct operation *operation, unsigned n) {
    settle();
    uint64_t start = counter();
    operation->run(n);
    return counter() - start;
}

static void report_wall(const struct operation *operation) {
    unsigned n = 2 * operation->n;
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < WALL_RUNS; i++) {
        uint64_t cost = measure(operation, n) / n;
        if (cost < least) least = cost;
    }
    printf("%s %llu\n", operation->name, (unsigned long long)least);
    fflush(stdout);
}

static void report(const struct operation *operation) {
    operation->run(operation->n); // caches and slabs are warm
    if (wall) {
        report_wall(operation);
        return;
    }
    uint64_t once = measure(operation, operation->n);
    struct counts before = counts_now();
    uint64_t twice = measure(operation, 2 * operation->n);
    struct counts after = counts_now();
    printf("%s %llu\n", operation->name, (unsigned long long)((twice - once) / operation->n));
    if (after.tables) {
        unsigned long rounds = 2UL * operation->n;
        printf("%s:flushes %lu\n", operation->name, (after.flushes - before.flushes) * 1000 / rounds);
        printf("%s:interrupts %lu\n", operation->name, (after.interrupts - before.interrupts) * 1000 / rounds);
        printf("%s:tables %lu\n", operation->name, (after.tables - before.tables) * 1000 / rounds);
    }
    fflush(stdout);
}

static void prepare(void) {
    mkdir("/tmp", 0777);
    mkdir("/proc", 0555);
    mkdir("/dev", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    zero_file = open("/dev/zero", O_RDONLY);
    null_file = open("/dev/null", O_WRONLY);
    check(zero_file >= 0 && null_file >= 0, "/dev");
    int file = open("/tmp/file", O_RDWR | O_CREAT, 0644);
    check(file >= 0, "/tmp/file");
    close(file);
    big_file = open("/tmp/big", O_RDWR | O_CREAT, 0644);
    for (unsigned i = 0; i < MIB / sizeof page; i++)
        check(write(big_file, page, sizeof page) == (ssize_t)sizeof page, "/tmp/big");
    check(pipe(there) == 0 && pipe(back) == 0, "pipe");
    signal(SIGUSR1, handler);
}

static void report_memory(void) {
    char line[128];
    long total = 0, available = 0;
    FILE *file = fopen("/proc/meminfo", "r");
    check(file != NULL, "/proc/meminfo");
    while (fgets(line, sizeof line, file)) {
        sscanf(line, "MemTotal: %ld", &total);
        sscanf(line, "MemFree: %ld", &available);
    }
    fclose(file);
    printf("memory-used-KiB %ld\n", total - available);
}

int main(int count, char **arguments) {
    if (count > 1 && strcmp(arguments[1], "exit") == 0) return 0;
    printf("\ninit-reached %llu\n", (unsigned long long)counter());
    wall = access("/wall", F_OK) == 0;
    prepare();
    report_memory();
    for (unsigned i = 0; i < sizeof operations / sizeof *operations; i++)
        report(&operations[i]);
    printf("done\n");
    fflush(stdout);
    sync();
    reboot(RB_POWER_OFF);
    return 0;
}
