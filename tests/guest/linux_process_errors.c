// Errors of calls about processes, memory and time that need an unprivileged user, a limit or a peculiar file.
#include "raw_call.h"

#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>

#define PAGE 4096UL

static pid_t victim; // a process of root

// Each of these runs in a child, as an unprivileged user with tight limits; its lines count as the program's own.
static void refused(void) {
    struct sched_param parameters = {};
    struct {
        uint32_t size, policy;
        uint64_t rest[6];
    } attributes = {.size = 48};
    uint64_t mask = 1;
    char here = 0;
    struct iovec local = {&here, 1}, remote = {&here, 1};
    siginfo_t info = {.si_code = SI_QUEUE};
    char *page = mmap(nullptr, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    FAILS("tkill: EPERM", EPERM, syscall(SYS_tkill, victim, SIGUSR1));
    FAILS("tgkill: EPERM", EPERM, syscall(SYS_tgkill, victim, victim, SIGUSR1));
    FAILS("kill: EPERM for signal 0", EPERM, syscall(SYS_kill, victim, 0));
    FAILS("rt_tgsigqueueinfo: EPERM", EPERM, syscall(SYS_rt_tgsigqueueinfo, victim, victim, SIGUSR1, &info));
    FAILS("pidfd_send_signal: EPERM", EPERM,
          syscall(SYS_pidfd_send_signal, syscall(SYS_pidfd_open, victim, 0), SIGUSR1, nullptr, 0));
    FAILS("sched_setaffinity: EPERM", EPERM, syscall(SYS_sched_setaffinity, victim, sizeof mask, &mask));
    FAILS("sched_setparam: EPERM", EPERM, syscall(SYS_sched_setparam, victim, &parameters));
    FAILS("sched_setscheduler: EPERM for another", EPERM,
          syscall(SYS_sched_setscheduler, victim, SCHED_BATCH, &parameters));
    FAILS("sched_setattr: EPERM", EPERM, syscall(SYS_sched_setattr, victim, &attributes, 0));
    parameters.sched_priority = 5;
    FAILS("sched_setscheduler: EPERM for a realtime policy", EPERM,
          syscall(SYS_sched_setscheduler, 0, SCHED_RR, &parameters));
    FAILS("ioprio_set: EPERM for another", EPERM, syscall(SYS_ioprio_set, 1, victim, 2 << 13 | 4));
    FAILS("ioprio_set: EPERM for the realtime class", EPERM, syscall(SYS_ioprio_set, 1, 0, 1 << 13));
    FAILS("setpriority: EPERM", EPERM, syscall(SYS_setpriority, PRIO_PROCESS, victim, 19));
    FAILS("setpriority: EACCES", EACCES, syscall(SYS_setpriority, PRIO_PROCESS, 0, -1));
    FAILS("process_vm_readv: EPERM", EPERM, syscall(SYS_process_vm_readv, victim, &local, 1UL, &remote, 1UL, 0UL));
    FAILS("process_vm_writev: EPERM", EPERM, syscall(SYS_process_vm_writev, victim, &local, 1UL, &remote, 1UL, 0UL));
    FAILS("prlimit64: EPERM", EPERM, syscall(SYS_prlimit64, victim, RLIMIT_CORE, nullptr, &(struct rlimit){}));
    FAILS("settimeofday: EPERM", EPERM, syscall(SYS_settimeofday, &(struct timeval){5, 0}, nullptr));
    FAILS("clock_settime: EPERM", EPERM, syscall(SYS_clock_settime, CLOCK_REALTIME, &(struct timespec){5, 0}));
    FAILS("clone: EPERM for a namespace", EPERM,
          syscall(SYS_clone, 0x04000000UL | SIGCHLD, nullptr, nullptr, nullptr, 0));
    FAILS("unshare: EPERM for a namespace", EPERM, syscall(SYS_unshare, 0x04000000));
    FAILS("setgroups: EPERM", EPERM, syscall(SYS_setgroups, 0, nullptr));
    FAILS("prctl: PR_CAPBSET_DROP EPERM", EPERM, syscall(SYS_prctl, PR_CAPBSET_DROP, 5, 0, 0, 0));
    FAILS("prctl: PR_SET_SECUREBITS EPERM", EPERM, syscall(SYS_prctl, PR_SET_SECUREBITS, 1, 0, 0, 0));
    FAILS("prctl: PR_SET_MM EPERM", EPERM, syscall(SYS_prctl, PR_SET_MM, 1, page, 0, 0));
    FAILS("migrate_pages: EPERM", EPERM, syscall(SYS_migrate_pages, victim, 64UL, &mask, &mask));
    FAILS("move_pages: EPERM", EPERM, syscall(SYS_move_pages, victim, 0UL, nullptr, nullptr, nullptr, 0));
    struct rlimit none = {0, 0}, one = {PAGE, PAGE};
    setrlimit(RLIMIT_MEMLOCK, &one);
    FAILS("mlock: ENOMEM beyond the limit", ENOMEM, syscall(SYS_mlock, page, 2 * PAGE));
    FAILS("mmap: EAGAIN for MAP_LOCKED beyond the limit", EAGAIN,
          syscall(SYS_mmap, nullptr, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
    ANSWERS("mlock: within the limit", 0, syscall(SYS_mlock, page, PAGE));
    FAILS("mremap: EAGAIN for locked memory beyond the limit", EAGAIN,
          syscall(SYS_mremap, page, PAGE, 5 * PAGE, MREMAP_MAYMOVE, nullptr));
    setrlimit(RLIMIT_MEMLOCK, &none);
    FAILS("mlock: EPERM without any limit", EPERM, syscall(SYS_mlock, page + PAGE, PAGE));
    FAILS("mlockall: EPERM without any limit", EPERM, syscall(SYS_mlockall, MCL_CURRENT));
    FAILS("mmap: EPERM for MAP_LOCKED without any limit", EPERM,
          syscall(SYS_mmap, nullptr, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
    setrlimit(RLIMIT_SIGPENDING, &none);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    FAILS("rt_sigqueueinfo: EAGAIN beyond the limit", EAGAIN, syscall(SYS_rt_sigqueueinfo, getpid(), SIGRTMIN, &info));
    FAILS("timer_create: EAGAIN beyond the limit", EAGAIN, syscall(SYS_timer_create, CLOCK_MONOTONIC, nullptr, &mask));
    setrlimit(RLIMIT_NPROC, &none);
    FAILS("fork: EAGAIN beyond the limit", EAGAIN, syscall(SYS_fork));
    FAILS("clone: EAGAIN beyond the limit", EAGAIN, syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, 0));
    FAILS("vfork: EAGAIN beyond the limit", EAGAIN, vfork());
}

static void as_user(void (*function)(void)) {
    fflush(stdout);
    int ends[2], counts[2] = {};
    (void)!pipe(ends);
    pid_t child = fork();
    if (child == 0) {
        (void)!syscall(SYS_setgroups, 0, nullptr);
        if (setgid(1234) || setuid(1234)) _exit(1);
        function();
        counts[0] = tap_count;
        counts[1] = tap_failures;
        (void)!write(ends[1], counts, sizeof counts);
        _exit(0);
    }
    close(ends[1]);
    if (read(ends[0], counts, sizeof counts) == sizeof counts) {
        tap_count = counts[0];
        tap_failures = counts[1];
    } else {
        CHECK_NAMED(0, "fork: the unprivileged child came to its end");
    }
    close(ends[0]);
    waitpid(child, nullptr, 0);
}

static void test_memory(void) {
    char *page = mmap(nullptr, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char name[] = "/tmp/errors-XXXXXX";
    int file = mkstemp(name);
    (void)!ftruncate(file, 4 * PAGE);
    char *shared = mmap(nullptr, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    mlock(shared, PAGE);
    FAILS("msync: EBUSY for locked memory", EBUSY, syscall(SYS_msync, shared, PAGE, MS_SYNC | MS_INVALIDATE));
    munlock(shared, PAGE);
    FAILS("madvise: MADV_REMOVE EINVAL for private memory", EINVAL, syscall(SYS_madvise, page, PAGE, MADV_REMOVE));
    mlock(page, PAGE);
    FAILS("madvise: MADV_DONTNEED EINVAL for locked memory", EINVAL, syscall(SYS_madvise, page, PAGE, MADV_DONTNEED));
    munlock(page, PAGE);
    FAILS("madvise: MADV_FREE EINVAL for a file", EINVAL, syscall(SYS_madvise, shared, PAGE, MADV_FREE));
    FAILS("madvise: MADV_WIPEONFORK EINVAL for a file", EINVAL, syscall(SYS_madvise, shared, PAGE, MADV_WIPEONFORK));
    memset(shared, 7, 2 * PAGE);
    ANSWERS("madvise: MADV_REMOVE", 0, syscall(SYS_madvise, shared, PAGE, MADV_REMOVE));
    HOLDS("madvise: MADV_REMOVE punches a hole", shared[0] == 0 && shared[PAGE] == 7);
    int reader = open(name, O_RDONLY);
    char *view = mmap(nullptr, PAGE, PROT_READ, MAP_SHARED, reader, 0);
    FAILS("madvise: MADV_REMOVE EACCES for a view", EACCES, syscall(SYS_madvise, view, PAGE, MADV_REMOVE));
    mprotect(page, PAGE, PROT_NONE);
    FAILS("madvise: MADV_POPULATE_READ EINVAL without access", EINVAL, syscall(SYS_madvise, page, PAGE, 22));
    FAILS("mlock: ENOMEM for inaccessible memory", ENOMEM, syscall(SYS_mlock, page, PAGE));
    unlink(name);
    close(file);
    close(reader);
    struct rlimit small = {64 << 20, 64 << 20}, old;
    getrlimit(RLIMIT_AS, &old);
    small.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_AS, &small);
    FAILS("mmap: ENOMEM beyond RLIMIT_AS", ENOMEM,
          syscall(SYS_mmap, nullptr, 128UL << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    FAILS("mremap: ENOMEM beyond RLIMIT_AS", ENOMEM,
          syscall(SYS_mremap, page, PAGE, 128UL << 20, MREMAP_MAYMOVE, nullptr));
    setrlimit(RLIMIT_AS, &old);
    getrlimit(RLIMIT_DATA, &old);
    small = (struct rlimit){1 << 20, old.rlim_max};
    setrlimit(RLIMIT_DATA, &small);
    void *end = (void *)syscall(SYS_brk, 0);
    HOLDS("brk: not beyond RLIMIT_DATA", (void *)syscall(SYS_brk, (char *)end + (4 << 20)) == end);
    setrlimit(RLIMIT_DATA, &old);
}

// ---- programs that can't be started

static char path[64] = "/tmp/errors-program-XXXXXX";

static void write_program(const void *bytes, size_t size) {
    int file = open(path, O_WRONLY | O_TRUNC);
    (void)!write(file, bytes, size);
    close(file);
}

static struct {
    Elf64_Ehdr header;
    Elf64_Phdr load, interpreter;
    char name[64];
} image;

static void build(const char *interpreter) {
    memset(&image, 0, sizeof image);
    image.header = (Elf64_Ehdr){.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                                .e_type = ET_EXEC,
                                .e_machine = EM_X86_64,
                                .e_version = EV_CURRENT,
                                .e_entry = 0x400100,
                                .e_phoff = sizeof(Elf64_Ehdr),
                                .e_ehsize = sizeof(Elf64_Ehdr),
                                .e_phentsize = sizeof(Elf64_Phdr),
                                .e_phnum = interpreter ? 2 : 1};
    image.load = (Elf64_Phdr){.p_type = PT_LOAD,
                              .p_flags = PF_R | PF_X,
                              .p_vaddr = 0x400000,
                              .p_filesz = sizeof image,
                              .p_memsz = sizeof image,
                              .p_align = 4096};
    if (interpreter) {
        strcpy(image.name, interpreter);
        image.interpreter = (Elf64_Phdr){.p_type = PT_INTERP,
                                         .p_flags = PF_R,
                                         .p_offset = offsetof(typeof(image), name),
                                         .p_filesz = strlen(interpreter) + 1};
    }
}

static void test_programs(void) {
    char *arguments[] = {"x", nullptr};
    close(mkstemp(path));
    chmod(path, 0755);
    build("/no/such/interpreter");
    write_program(&image, sizeof image);
    FAILS("execve: ENOENT for the interpreter of a program", ENOENT, syscall(SYS_execve, path, arguments, nullptr));
    build("/dev/null");
    write_program(&image, sizeof image);
    FAILS("execve: EACCES for an interpreter that is no regular file", EACCES,
          syscall(SYS_execve, path, arguments, nullptr));
    build("/tmp");
    write_program(&image, sizeof image);
    FAILS("execve: EACCES for a folder as the interpreter", EACCES, syscall(SYS_execve, path, arguments, nullptr));
    char text[64] = "/tmp/errors-text-XXXXXX";
    int file = mkstemp(text);
    char filler[4096];
    memset(filler, 'x', sizeof filler);
    (void)!write(file, filler, sizeof filler);
    fchmod(file, 0755);
    close(file);
    build(text);
    write_program(&image, sizeof image);
    FAILS("execve: ELIBBAD for an interpreter that is no program", ELIBBAD,
          syscall(SYS_execve, path, arguments, nullptr));
    unlink(text);
    build(nullptr);
    image.header.e_machine = EM_AARCH64;
    write_program(&image, sizeof image);
    FAILS("execve: ENOEXEC for another processor", ENOEXEC, syscall(SYS_execve, path, arguments, nullptr));
    build(nullptr);
    image.header.e_type = ET_REL;
    write_program(&image, sizeof image);
    FAILS("execve: ENOEXEC for an object file", ENOEXEC, syscall(SYS_execve, path, arguments, nullptr));
    build(nullptr);
    image.header.e_phentsize = 3;
    write_program(&image, sizeof image);
    FAILS("execve: ENOEXEC for a wrong header size", ENOEXEC, syscall(SYS_execve, path, arguments, nullptr));
    build("");
    image.interpreter.p_filesz = 0;
    write_program(&image, sizeof image);
    FAILS("execve: ENOEXEC for an empty interpreter's name", ENOEXEC, syscall(SYS_execve, path, arguments, nullptr));
    unlink(path);
}

int main(void) {
    victim = idle_child();
    as_user(refused);
    end_child(victim);
    test_memory();
    test_programs();
    return tap_done();
}
