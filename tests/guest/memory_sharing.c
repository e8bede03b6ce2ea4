// Copy on write through fork, shared and private file mappings against read, write and truncation, stack growth,
// limits.
#include "tap.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define PAGE      4096UL
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

static sigjmp_buf jump;
static int caught, caught_code;
static void *caught_address;
static void on_fault(int number, siginfo_t *info, void *) {
    caught = number;
    caught_code = info->si_code;
    caught_address = info->si_addr;
    siglongjmp(jump, 1);
}

// The signal of a write to (or a read of) place; 0: none.
static int touch(volatile char *place, int write) {
    caught = 0;
    if (sigsetjmp(jump, 1)) return caught;
    if (write)
        *place = 1;
    else
        (void)*place;
    return 0;
}

static int child_answers(int (*check)(char *), char *memory) {
    int pid = fork(), status;
    if (pid == 0) _exit(check(memory));
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int child_sees_and_writes(char *memory) {
    for (int i = 0; i < 32; i++) {
        if (memory[i * PAGE] != i + 1) return 1;
        memory[i * PAGE] = 100;
    }
    for (int i = 0; i < 32; i++) {
        if (memory[i * PAGE] != 100) return 2;
    }
    return 42;
}

static void test_fork(void) {
    char *memory = mmap(NULL, 32 * PAGE, PROT_READ | PROT_WRITE, ANONYMOUS, -1, 0);
    for (int i = 0; i < 32; i++)
        memory[i * PAGE] = (char)(i + 1);
    CHECK(child_answers(child_sees_and_writes, memory) == 42);
    int same = 1;
    for (int i = 0; i < 32; i++)
        same &= memory[i * PAGE] == i + 1;
    CHECK_NAMED(same, "the parent's pages are untouched by the child");
    CHECK(child_answers(child_sees_and_writes, memory) == 42);
    // Grandchildren share too, and each generation sees the state at its fork.
    int pid = fork(), status;
    if (pid == 0) {
        memory[0] = 50;
        int inner = fork();
        if (inner == 0) _exit(memory[0] == 50 && memory[PAGE] == 2 ? 7 : 1);
        memory[0] = 60;
        waitpid(inner, &status, 0);
        _exit(WEXITSTATUS(status) == 7 && memory[0] == 60 ? 8 : 2);
    }
    waitpid(pid, &status, 0);
    CHECK(WEXITSTATUS(status) == 8);
    CHECK(memory[0] == 1);
    CHECK(munmap(memory, 32 * PAGE) == 0);
}

static int child_writes_shared(char *memory) {
    memory[5] = 9;
    return 0;
}

static void test_shared_anonymous(void) {
    char *memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(child_answers(child_writes_shared, memory) == 0);
    CHECK(memory[5] == 9);
    CHECK(madvise(memory, PAGE, MADV_DONTNEED) == 0);
    CHECK_NAMED(memory[5] == 9, "MADV_DONTNEED does not lose shared pages");
    CHECK(madvise(memory, PAGE, MADV_REMOVE) == 0);
    CHECK_NAMED(memory[5] == 0, "MADV_REMOVE does");
    munmap(memory, 2 * PAGE);
}

static void test_files(void) {
    char name[] = "/tmp/memory-XXXXXX", byte = 0;
    int file = mkstemp(name);
    CHECK(ftruncate(file, 3 * PAGE + 100) == 0);
    char *shared = mmap(NULL, 5 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    char *private = mmap(NULL, 5 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    CHECK(shared != MAP_FAILED && private != MAP_FAILED);
    shared[10] = 'a';
    CHECK(pread(file, &byte, 1, 10) == 1 && byte == 'a');
    CHECK(pwrite(file, "b", 1, PAGE + 1) == 1 && shared[PAGE + 1] == 'b' && private[PAGE + 1] == 'b');
    private[PAGE + 1] = 'c';
    CHECK(pread(file, &byte, 1, PAGE + 1) == 1 && byte == 'b' && shared[PAGE + 1] == 'b');
    CHECK(pwrite(file, "d", 1, PAGE + 1) == 1 && private[PAGE + 1] == 'c');
    CHECK(touch(shared + 4 * PAGE, 0) == SIGBUS && caught_code == BUS_ADRERR && caught_address == shared + 4 * PAGE);
    CHECK(touch(shared + 3 * PAGE + 3000, 1) == 0);
    CHECK(msync(shared, 4 * PAGE, MS_SYNC) == 0);
    CHECK(ftruncate(file, PAGE) == 0);
    CHECK(touch(shared + PAGE, 0) == SIGBUS);
    CHECK_NAMED(touch(private + PAGE + 1, 0) == SIGBUS, "truncation takes private copies too");
    CHECK(ftruncate(file, 2 * PAGE) == 0 && shared[PAGE + 1] == 0);
    CHECK(lseek(file, 0, SEEK_SET) == 0 && read(file, private, 20) == 20 && private[10] == 'a');
    // A read into a mapping of the file itself, and a write out of one.
    CHECK(pread(file, shared + 100, 50, 0) == 50 && shared[110] == 'a');
    CHECK(pwrite(file, shared, 200, PAGE) == 200 && shared[PAGE + 110] == 'a');
    munmap(shared, 5 * PAGE);
    munmap(private, 5 * PAGE);
    CHECK(pread(file, &byte, 1, PAGE + 110) == 1 && byte == 'a');
    close(file);
    unlink(name);
}

static void test_signals(void) {
    char *memory = mmap(NULL, 2 * PAGE, PROT_READ, ANONYMOUS, -1, 0);
    CHECK(touch(memory, 0) == 0);
    CHECK(touch(memory, 1) == SIGSEGV && caught_code == SEGV_ACCERR && caught_address == memory);
    CHECK(mprotect(memory, PAGE, PROT_NONE) == 0);
    CHECK(touch(memory, 0) == SIGSEGV && caught_code == SEGV_ACCERR);
    CHECK(munmap(memory, PAGE) == 0);
    CHECK(touch(memory + 7, 0) == SIGSEGV && caught_code == SEGV_MAPERR && caught_address == memory + 7);
    CHECK(touch((char *)8, 0) == SIGSEGV && caught_code == SEGV_MAPERR && caught_address == (void *)8);
    CHECK(touch(memory + PAGE, 0) == 0);
}

[[clang::optnone]] static int use_stack(int kilobytes) {
    volatile char room[1024];
    room[0] = (char)kilobytes;
    return kilobytes ? use_stack(kilobytes - 1) + room[0] * 0 : 0;
}

static void test_stack(void) {
    CHECK(use_stack(6000) == 0);
    int pid = fork(), status;
    if (pid == 0) {
        struct rlimit limit = {1 << 20, 1 << 20};
        setrlimit(RLIMIT_STACK, &limit);
        signal(SIGSEGV, SIG_DFL);
        use_stack(3000);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    // 6 MiB are there already from above, so a smaller limit must only keep it from growing further.
    CHECK_NAMED(WIFEXITED(status) || WTERMSIG(status) == SIGSEGV, "a lowered stack limit ends growth, nothing else");
    pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        _exit(use_stack(9000));
    }
    waitpid(pid, &status, 0);
    CHECK_NAMED(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "beyond RLIMIT_STACK is SIGSEGV");
}

static void test_limits(void) {
    CHECK(mmap(NULL, 1UL << 40, PROT_READ | PROT_WRITE, ANONYMOUS, -1, 0) == MAP_FAILED && errno == ENOMEM);
    void *reserved = mmap(NULL, 1UL << 40, PROT_READ | PROT_WRITE, ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(reserved != MAP_FAILED && munmap(reserved, 1UL << 40) == 0);
    struct rlimit old, limit;
    getrlimit(RLIMIT_AS, &old);
    limit = (struct rlimit){64UL << 20, old.rlim_max};
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    CHECK(mmap(NULL, 65UL << 20, PROT_READ, ANONYMOUS, -1, 0) == MAP_FAILED && errno == ENOMEM);
    CHECK(setrlimit(RLIMIT_AS, &old) == 0);
    getrlimit(RLIMIT_DATA, &old);
    limit = (struct rlimit){16UL << 20, old.rlim_max};
    CHECK(setrlimit(RLIMIT_DATA, &limit) == 0);
    CHECK(mmap(NULL, 32UL << 20, PROT_READ | PROT_WRITE, ANONYMOUS, -1, 0) == MAP_FAILED && errno == ENOMEM);
    CHECK(mmap(NULL, 32UL << 20, PROT_READ, ANONYMOUS, -1, 0) != MAP_FAILED);
    CHECK(setrlimit(RLIMIT_DATA, &old) == 0);
}

static void test_other_process(void) {
    char *memory = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, ANONYMOUS, -1, 0), text[3 * PAGE];
    int go[2], back[2], status;
    CHECK(pipe(go) == 0 && pipe(back) == 0);
    memset(memory, 'x', 3 * PAGE);
    int pid = fork();
    if (pid == 0) {
        memory[0] = 'c';
        (void)!write(back[1], "r", 1);
        (void)!read(go[0], text, 1);
        _exit(memory[2 * PAGE] == 'p' && memory[1] == 'x' ? 0 : 1);
    }
    CHECK(read(back[0], text, 1) == 1);
    struct iovec local = {text, 2 * PAGE + 10}, remote[2] = {{memory, 10}, {memory + PAGE, 2 * PAGE}};
    CHECK(process_vm_readv(pid, &local, 1, remote, 2, 0) == 2 * PAGE + 10 && text[0] == 'c' && text[1] == 'x');
    local = (struct iovec){"p", 1};
    remote[0] = (struct iovec){memory + 2 * PAGE, 1};
    CHECK(process_vm_writev(pid, &local, 1, remote, 1, 0) == 1);
    CHECK_NAMED(memory[2 * PAGE] == 'x', "only the child's copy changed");
    remote[0] = (struct iovec){(void *)4096, 1};
    CHECK_ERROR(process_vm_readv(pid, &local, 1, remote, 1, 0), EFAULT);
    (void)!write(go[1], "g", 1);
    waitpid(pid, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_ERROR(process_vm_readv(pid, &local, 1, remote, 1, 0), ESRCH);
}

int main(void) {
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    test_fork();
    test_shared_anonymous();
    test_files();
    test_signals();
    test_stack();
    test_limits();
    test_other_process();
    return tap_done();
}
