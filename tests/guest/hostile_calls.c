// Every number of the table, and some beyond, with words that point nowhere: null, unmapped, the kernel's, all ones,
// and mixes. Each call is made in a process of its own. The kernel must live, no call may end its caller by SIGSEGV or
// SIGBUS, and the memory must come back.
#include "raw_call.h"

#include <sys/sysinfo.h>
#include <sys/time.h>

enum { NUMBERS = 480, TIME_LIMIT_US = 30000, ROUNDS = 6 };

// Calls whose success with such words is the end of the caller, or of more; vfork's child spoils the stack of both.
static int left_out(int number) {
    static const int numbers[] = {SYS_rt_sigreturn, SYS_vfork, SYS_vhangup, SYS_reboot};
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i] == number) return 1;
    return 0;
}

// A base register or a mapping may be gone afterwards: such a caller may fault in its own code.
static int may_fault(int number) {
    return number == SYS_arch_prctl || number == SYS_munmap || number == SYS_mremap || number == SYS_mprotect;
}

static long word(int round, int position) {
    static const long words[] = {0, 8, (long)0xffff800000001000, -1, 0x7fffffffe000, (long)0xffffffff80100000};
    static const int mixes[ROUNDS][6] = {{0, 0, 0, 0, 0, 0}, {1, 1, 1, 1, 1, 1}, {2, 2, 2, 2, 2, 2},
                                         {3, 3, 3, 3, 3, 3}, {0, 4, 1, 5, 2, 0}, {1, 2, 5, 0, 3, 4}};
    return words[mixes[round][position]];
}

// Returns the signal that ended the caller; 0: none.
static int try_call(int number, int round) {
    pid_t child = fork();
    if (child == 0) {
        struct itimerval limit = {{}, {0, TIME_LIMIT_US}};
        setitimer(ITIMER_REAL, &limit, nullptr);
        syscall(number, word(round, 0), word(round, 1), word(round, 2), word(round, 3), word(round, 4), word(round, 5));
        _exit(0);
    }
    int status = 0;
    if (child < 0) return -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static unsigned long free_memory(void) {
    struct sysinfo information;
    sysinfo(&information);
    return information.freeram * information.mem_unit;
}

int main(void) {
    signal(SIGCHLD, SIG_DFL);
    try_call(SYS_getpid, 0);
    unsigned long before = free_memory();
    for (int round = 0; round < ROUNDS; round++) {
        int faults = 0;
        for (int number = 0; number < NUMBERS; number++) {
            if (left_out(number)) continue;
            int signal = try_call(number, round);
            if (signal == 0 || signal == SIGALRM || may_fault(number)) continue;
            if (signal != SIGSEGV && signal != SIGBUS && signal != -1) continue;
            printf("# call %d is ended by signal %d\n", number, signal);
            faults++;
        }
        tap_result(faults == 0, __FILE__, __LINE__, "hostile words, mix %d: every call answers", round);
    }
    unsigned long after = free_memory();
    printf("# free memory: %lu KiB before, %lu KiB after\n", before / 1024, after / 1024);
    tap_result(after + (1 << 20) > before, __FILE__, __LINE__, "hostile words: the memory comes back");
    return tap_done();
}
