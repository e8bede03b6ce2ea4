// Every system call with hostile arguments, each in a child of its own: null, a kernel address, an unmapped one, the
// end of mapped memory, -1, huge numbers, random words. The kernel must live, keep its memory and let the next child
// run.
#include "raw_call.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

enum { LAST_CALL = 480, ROUNDS = 14 };

static char *edge; // the last byte before unmapped memory
static uint64_t state = 88172645463325252;

static uint64_t random_word(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static unsigned long word(int round, int position) {
    switch (round) {
    case 0:
        return 0;
    case 1:
        return (unsigned long)kernel_place;
    case 2:
        return (unsigned long)nowhere;
    case 3:
        return (unsigned long)edge;
    case 4:
        return ~0UL;
    case 5:
        return 1UL << 63;
    case 6:
        return position == 0 ? 0 : (unsigned long)kernel_place;
    case 7:
        return position == 0 ? 3 : (unsigned long)edge;
    case 8:
        return position == 1 ? (unsigned long)edge - 7 : 1;
    default: {
        uint64_t kind = random_word() % 8, random = random_word();
        return kind == 0   ? random
               : kind == 1 ? random & 0xff
               : kind == 2 ? random & 0xffff
               : kind == 3 ? (unsigned long)edge - (random & 0xfff)
               : kind == 4 ? (unsigned long)kernel_place + (random & 0xffff)
               : kind == 5 ? (unsigned long)nowhere
               : kind == 6 ? ~0UL
                           : random & 7;
    }
    }
}

// What would end the machine, the parent or the output.
static int excluded(int call) {
    static const int calls[] = {SYS_reboot,          SYS_kill,
                                SYS_tkill,           SYS_tgkill,
                                SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo,
                                SYS_vfork,           SYS_clone,
                                SYS_clone3,          SYS_fork,
                                SYS_setns,           SYS_umount2,
                                SYS_pivot_root,      SYS_chroot,
                                SYS_mount,           SYS_sethostname,
                                SYS_setdomainname,   SYS_settimeofday,
                                SYS_clock_settime,   SYS_ptrace,
                                SYS_setpriority,     SYS_sched_setscheduler,
                                SYS_sched_setattr,   SYS_sched_setparam,
                                SYS_swapoff,         SYS_syslog,
                                SYS_unlinkat,        SYS_pidfd_send_signal,
                                SYS_prlimit64,       SYS_setpgid,
                                SYS_vhangup,         SYS_process_vm_writev};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (calls[i] == call) return 1;
    }
    return 0;
}

static void child(int call, int round) {
    unsigned long words[6];
    struct rlimit small = {64 << 20, 64 << 20};
    for (int i = 0; i < 6; i++)
        words[i] = word(round, i);
    int quiet = open("/dev/null", O_RDWR);
    dup2(quiet, 0);
    dup2(quiet, 1);
    dup2(quiet, 2);
    setrlimit(RLIMIT_FSIZE, &small);
    ualarm(30000, 0);
    syscall(call, words[0], words[1], words[2], words[3], words[4], words[5]);
    _exit(0);
}

static uint64_t memory_free(void) {
    struct sysinfo information;
    sysinfo(&information);
    return (information.freeram + information.bufferram) * information.mem_unit;
}

int main(int count, char **arguments) {
    if (count > 1) state += strtoul(arguments[1], nullptr, 0); // other random words
    char *pages = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(pages + 4096, 4096);
    memset(pages, 'a', 4096);
    edge = pages + 4095;
    mkdir("/tmp", 0777);
    char folder[] = "/tmp/hostile-XXXXXX";
    (void)!mkdtemp(folder);
    (void)!chdir(folder);
    signal(SIGCHLD, SIG_DFL);
    uint64_t before = 0, after = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int lost = 0;
        for (int call = 0; call < LAST_CALL; call++) {
            if (excluded(call)) continue;
            random_word();
            pid_t pid = fork();
            if (pid == 0) child(call, round);
            int status;
            if (pid < 0 || waitpid(pid, &status, 0) != pid) {
                printf("# call %d, round %d: errno %d\n", call, round, errno);
                lost++;
            }
        }
        char text[60];
        snprintf(text, sizeof text, "every call: round %d of hostile arguments", round);
        ANSWERS(text, 0, lost);
        if (round == 1) before = memory_free();
        after = memory_free();
    }
    int64_t gone = (int64_t)(before - after) / 1024;
    printf("# %ld KiB less free\n", (long)gone);
    HOLDS("every call: memory is back afterwards", gone < 2048);
    return tap_done();
}
