// mmap, munmap, mprotect, mremap, msync, madvise, mincore, brk, mlock and its like, process_vm_readv, membarrier.
#include "raw_call.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>

#define PAGE         4096UL
#define FAILED(call) ((call) == MAP_FAILED ? -1L : 0L)

static sigjmp_buf jump;
static void fault(int) {
    siglongjmp(jump, 1);
}
static int readable(volatile char *place) {
    if (sigsetjmp(jump, 1)) return 0;
    (void)*place;
    return 1;
}
static int writable(volatile char *place) {
    if (sigsetjmp(jump, 1)) return 0;
    *place = 1;
    return 1;
}

static char *pages(size_t count) {
    return mmap(nullptr, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int file_of(size_t size) {
    char name[] = "/tmp/memory-XXXXXX";
    int file = mkstemp(name);
    unlink(name);
    (void)!ftruncate(file, (off_t)size);
    return file;
}

static long map(void *address, size_t length, int protection, int flags, int file, off_t offset) {
    return syscall(SYS_mmap, address, length, protection, flags, file, offset);
}

static void test_map_errors(void) {
    int anonymous = MAP_PRIVATE | MAP_ANONYMOUS, file = file_of(PAGE), reader = open("/proc/self/exe", O_RDONLY);
    FAILS("mmap: EINVAL for length 0", EINVAL, map(nullptr, 0, PROT_READ, anonymous, -1, 0));
    FAILS("mmap: EINVAL for an offset within a page", EINVAL, map(nullptr, PAGE, PROT_READ, MAP_PRIVATE, file, 100));
    FAILS("mmap: EINVAL for a fixed address within a page", EINVAL,
          map((void *)0x10000100, PAGE, PROT_READ, anonymous | MAP_FIXED, -1, 0));
    FAILS("mmap: EINVAL for neither shared nor private", EINVAL, map(nullptr, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0));
    FAILS("mmap: EBADF", EBADF, map(nullptr, PAGE, PROT_READ, MAP_PRIVATE, 999, 0));
    FAILS("mmap: EBADF for -1", EBADF, map(nullptr, PAGE, PROT_READ, MAP_PRIVATE, -1, 0));
    FAILS("mmap: ENOMEM for a huge length", ENOMEM, map(nullptr, 1UL << 60, PROT_READ, anonymous, -1, 0));
    FAILS("mmap: ENOMEM for a length that wraps", ENOMEM, map(nullptr, ULONG_MAX, PROT_READ, anonymous, -1, 0));
    FAILS("mmap: ENOMEM for a fixed address of the kernel", ENOMEM,
          map(kernel_place, PAGE, PROT_READ, anonymous | MAP_FIXED, -1, 0));
    FAILS("mmap: EOVERFLOW for an offset", EOVERFLOW,
          map(nullptr, 2 * PAGE, PROT_READ, MAP_PRIVATE, file, (off_t)(ULONG_MAX & ~(PAGE - 1))));
    FAILS("mmap: EACCES for a shared writable mapping of a file open for reading", EACCES,
          map(nullptr, PAGE, PROT_WRITE, MAP_SHARED, reader, 0));
    SUCCEEDS("mmap: a private writable one", map(nullptr, PAGE, PROT_WRITE, MAP_PRIVATE, reader, 0));
    int writer = open("/tmp", O_TMPFILE | O_WRONLY, 0600);
    if (writer >= 0) {
        FAILS("mmap: EACCES for a file open for writing only", EACCES,
              map(nullptr, PAGE, PROT_READ, MAP_PRIVATE, writer, 0));
        close(writer);
    }
    int folder = open("/tmp", O_RDONLY);
    FAILS("mmap: ENODEV for a folder", ENODEV, map(nullptr, PAGE, PROT_READ, MAP_PRIVATE, folder, 0));
    int ends[2];
    (void)!pipe(ends);
    FAILS("mmap: ENODEV for a pipe", ENODEV, map(nullptr, PAGE, PROT_READ, MAP_PRIVATE, ends[0], 0));
    int path = open("/proc/self/exe", O_PATH);
    FAILS("mmap: EBADF for an O_PATH descriptor", EBADF, map(nullptr, PAGE, PROT_READ, MAP_PRIVATE, path, 0));
    char *place = pages(1);
    FAILS("mmap: EEXIST with MAP_FIXED_NOREPLACE", EEXIST, map(place, PAGE, PROT_READ, anonymous | 0x100000, -1, 0));
    FAILS("mmap: EOPNOTSUPP for flags with MAP_SHARED_VALIDATE", EOPNOTSUPP,
          map(nullptr, PAGE, PROT_READ, 3 | 1 << 25, file, 0));
    close(file);
    close(reader);
    close(folder);
    close(path);
    close(ends[0]);
    close(ends[1]);
    FAILS("munmap: EINVAL for length 0", EINVAL, syscall(SYS_munmap, place, 0));
    FAILS("munmap: EINVAL for an address within a page", EINVAL, syscall(SYS_munmap, place + 1, PAGE));
    FAILS("munmap: EINVAL beyond the user's memory", EINVAL, syscall(SYS_munmap, kernel_place, PAGE));
    ANSWERS("munmap: a page", 0, syscall(SYS_munmap, place, 1));
    HOLDS("munmap: the page is gone", !readable(place));
    ANSWERS("munmap: nothing there", 0, syscall(SYS_munmap, place, PAGE));
}

static void test_map(void) {
    char *zero = pages(4);
    HOLDS("mmap: zeroed", zero[0] == 0 && zero[4 * PAGE - 1] == 0);
    strcpy(zero, "text");
    munmap(zero + PAGE, PAGE);
    HOLDS("munmap: a hole in the middle", readable(zero) && !readable(zero + PAGE) && readable(zero + 2 * PAGE));
    HOLDS("mmap: MAP_FIXED replaces",
          mmap(zero, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == zero &&
              zero[0] == 0);
    int file = file_of(2 * PAGE);
    (void)!pwrite(file, "hello", 5, 0);
    char *shared = mmap(nullptr, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    char *private = mmap(nullptr, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    HOLDS("mmap: a file's bytes", memcmp(shared, "hello", 6) == 0 && memcmp(private, "hello", 6) == 0);
    shared[0] = 'j';
    char buffer[6] = {};
    (void)!pread(file, buffer, 5, 0);
    HOLDS("mmap: a shared mapping writes the file", strcmp(buffer, "jello") == 0);
    private[1] = 'u';
    (void)!pread(file, buffer, 5, 0);
    HOLDS("mmap: a private one does not", strcmp(buffer, "jello") == 0 && private[1] == 'u');
    (void)!pwrite(file, "x", 1, PAGE);
    HOLDS("mmap: writing the file shows in the mapping", shared[PAGE] == 'x');
    ANSWERS("msync: MS_SYNC", 0, syscall(SYS_msync, shared, 2 * PAGE, MS_SYNC));
    char *together = mmap(nullptr, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (child == 0) {
        together[0] = 7;
        zero[0] = 9;
        _exit(0);
    }
    waitpid(child, nullptr, 0);
    HOLDS("mmap: shared memory after fork", together[0] == 7 && zero[0] == 0);
    close(file);
    HOLDS("mmap: a mapping outlives its descriptor", shared[0] == 'j');
    munmap(zero + 2 * PAGE, PAGE);
    char *fixed = mmap(zero + 2 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | 0x100000, -1, 0);
    HOLDS("mmap: MAP_FIXED_NOREPLACE in a hole", fixed == zero + 2 * PAGE);
    char *populated =
        mmap(nullptr, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    unsigned char resident[4] = {};
    ANSWERS("mincore: 0", 0, syscall(SYS_mincore, populated, 4 * PAGE, resident));
    HOLDS("mmap: MAP_POPULATE", (resident[0] & resident[1] & resident[2] & resident[3] & 1) == 1);
}

static void test_protect(void) {
    char *place = pages(3);
    FAILS("mprotect: EINVAL for an address within a page", EINVAL, syscall(SYS_mprotect, place + 1, PAGE, PROT_READ));
    FAILS("mprotect: EINVAL for a protection", EINVAL, syscall(SYS_mprotect, place, PAGE, 0x4000));
    FAILS("mprotect: EINVAL for growing both ways", EINVAL,
          syscall(SYS_mprotect, place, PAGE, PROT_GROWSUP | PROT_GROWSDOWN));
    FAILS("mprotect: ENOMEM for the kernel's memory", ENOMEM, syscall(SYS_mprotect, kernel_place, PAGE, PROT_READ));
    ANSWERS("mprotect: length 0", 0, syscall(SYS_mprotect, place, 0, PROT_READ));
    ANSWERS("mprotect: the middle page", 0, syscall(SYS_mprotect, place + PAGE, PAGE, PROT_READ));
    HOLDS("mprotect: read only",
          readable(place + PAGE) && !writable(place + PAGE) && writable(place) && writable(place + 2 * PAGE));
    syscall(SYS_mprotect, place + PAGE, PAGE, PROT_NONE);
    HOLDS("mprotect: nothing", !readable(place + PAGE));
    ANSWERS("mprotect: all back", 0, syscall(SYS_mprotect, place, 3 * PAGE, PROT_READ | PROT_WRITE));
    HOLDS("mprotect: writable again", writable(place + PAGE));
    munmap(place + PAGE, PAGE);
    FAILS("mprotect: ENOMEM over a hole", ENOMEM, syscall(SYS_mprotect, place, 3 * PAGE, PROT_READ));
    int reader = open("/proc/self/exe", O_RDONLY);
    char *shared = mmap(nullptr, PAGE, PROT_READ, MAP_SHARED, reader, 0);
    FAILS("mprotect: EACCES for a file open for reading", EACCES,
          syscall(SYS_mprotect, shared, PAGE, PROT_READ | PROT_WRITE));
    close(reader);
#ifdef __x86_64__
    char *code = pages(1);
    memcpy(code, "\xb8\x2a\0\0\0\xc3", 6); // mov eax, 42; ret
    syscall(SYS_mprotect, code, PAGE, PROT_READ | PROT_EXEC);
    HOLDS("mprotect: executable", ((int (*)(void))code)() == 42);
#endif
}

static void *remap(void *old, size_t old_size, size_t new_size, int flags, void *new) {
    return (void *)syscall(SYS_mremap, old, old_size, new_size, flags, new);
}

static void test_remap(void) {
    char *place = pages(4);
    strcpy(place, "first");
    strcpy(place + PAGE, "second");
    FAILS("mremap: EINVAL for an address within a page", EINVAL, remap(place + 1, PAGE, PAGE, 0, nullptr));
    FAILS("mremap: EINVAL for flags", EINVAL, remap(place, PAGE, PAGE, 64, nullptr));
    FAILS("mremap: EINVAL for a new size of 0", EINVAL, remap(place, PAGE, 0, 0, nullptr));
    FAILS("mremap: EINVAL for MREMAP_FIXED alone", EINVAL, remap(place, PAGE, PAGE, MREMAP_FIXED, place + 8 * PAGE));
    FAILS("mremap: EINVAL for overlapping ranges", EINVAL,
          remap(place, 2 * PAGE, 2 * PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, place + PAGE));
    FAILS("mremap: EINVAL for a new address within a page", EINVAL,
          remap(place, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, place + 1));
    HOLDS("mremap: shrinks in place",
          remap(place, 4 * PAGE, 2 * PAGE, 0, nullptr) == place && !readable(place + 2 * PAGE));
    mmap(place + 2 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    FAILS("mremap: ENOMEM when it can't grow in place", ENOMEM, remap(place, 2 * PAGE, 4 * PAGE, 0, nullptr));
    char *moved = remap(place, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE, nullptr);
    HOLDS("mremap: moves with its contents", moved != MAP_FAILED && !strcmp(moved, "first") &&
                                                 !strcmp(moved + PAGE, "second") && writable(moved + 63 * PAGE));
    HOLDS("mremap: the old place is gone", !readable(place));
    char *target = pages(4);
    HOLDS("mremap: MREMAP_FIXED", remap(moved, 2 * PAGE, 2 * PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, target) == target &&
                                      !strcmp(target, "first"));
    char *kept = remap(target, PAGE, PAGE, 4 | MREMAP_MAYMOVE, nullptr);
    HOLDS("mremap: MREMAP_DONTUNMAP", kept != MAP_FAILED && !strcmp(kept, "first") && target[0] == 0);
    munmap(target, 4 * PAGE);
    FAILS("mremap: EFAULT for nothing there", EFAULT, remap(target, PAGE, 2 * PAGE, MREMAP_MAYMOVE, nullptr));
}

static void test_sync_and_advice(void) {
    char *place = pages(4);
    FAILS("msync: EINVAL for an address within a page", EINVAL, syscall(SYS_msync, place + 1, PAGE, MS_SYNC));
    FAILS("msync: EINVAL for flags", EINVAL, syscall(SYS_msync, place, PAGE, 64));
    FAILS("msync: EINVAL for both ways", EINVAL, syscall(SYS_msync, place, PAGE, MS_SYNC | MS_ASYNC));
    ANSWERS("msync: MS_ASYNC", 0, syscall(SYS_msync, place, PAGE, MS_ASYNC));
    strcpy(place, "something");
    ANSWERS("madvise: MADV_DONTNEED", 0, syscall(SYS_madvise, place, PAGE, MADV_DONTNEED));
    HOLDS("madvise: MADV_DONTNEED drops the contents", place[0] == 0);
    static const int harmless[] = {MADV_NORMAL,   MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
                                   MADV_DONTFORK, MADV_DOFORK, MADV_DONTDUMP,   MADV_DODUMP};
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++) {
        char text[40];
        snprintf(text, sizeof text, "madvise: %d", harmless[i]);
        ANSWERS(text, 0, syscall(SYS_madvise, place, PAGE, harmless[i]));
    }
    FAILS("madvise: EINVAL for an advice", EINVAL, syscall(SYS_madvise, place, PAGE, 999));
    FAILS("madvise: EINVAL for an address within a page", EINVAL, syscall(SYS_madvise, place + 1, PAGE, MADV_NORMAL));
    FAILS("madvise: EINVAL for a length that wraps", EINVAL, syscall(SYS_madvise, place, -1UL, MADV_NORMAL));
    ANSWERS("madvise: length 0", 0, syscall(SYS_madvise, place, 0, MADV_NORMAL));
    ANSWERS("madvise: MADV_WIPEONFORK", 0, syscall(SYS_madvise, place + PAGE, PAGE, MADV_WIPEONFORK));
    place[PAGE] = 5;
    pid_t child = fork();
    if (child == 0) _exit(place[PAGE]);
    int status;
    waitpid(child, &status, 0);
    ANSWERS("madvise: the child's page is wiped", 0, WEXITSTATUS(status));
    FAILS("mincore: EINVAL for an address within a page", EINVAL, syscall(SYS_mincore, place + 1, PAGE, &status));
    FAILS("mincore: EFAULT", EFAULT, syscall(SYS_mincore, place, PAGE, nowhere));
    unsigned char vector[4];
    munmap(place + 3 * PAGE, PAGE);
    munmap(place + 2 * PAGE, PAGE);
    FAILS("mincore: ENOMEM for nothing there", ENOMEM, syscall(SYS_mincore, place, 4 * PAGE, vector));
    FAILS("mincore: ENOMEM for a length that wraps", ENOMEM, syscall(SYS_mincore, place, -1UL, vector));
    FAILS("madvise: ENOMEM for nothing there", ENOMEM, syscall(SYS_madvise, place, 4 * PAGE, MADV_NORMAL));
    FAILS("msync: ENOMEM for nothing there", ENOMEM, syscall(SYS_msync, place, 4 * PAGE, MS_SYNC));
}

static void test_break(void) {
    char *first = (char *)syscall(SYS_brk, 0);
    HOLDS("brk: where it is", first != nullptr);
    HOLDS("brk: grows",
          (char *)syscall(SYS_brk, first + 3 * PAGE) == first + 3 * PAGE && writable(first + 3 * PAGE - 1));
    HOLDS("brk: shrinks", (char *)syscall(SYS_brk, first + PAGE) == first + PAGE);
    HOLDS("brk: a wish that can't be met changes nothing", (char *)syscall(SYS_brk, 1) == first + PAGE);
    syscall(SYS_brk, first);
}

static int without_privilege(void) {
    char *place = pages(4);
    struct rlimit limit = {PAGE, PAGE};
    setrlimit(RLIMIT_MEMLOCK, &limit);
    if (setuid(1000)) return 1;
    if (syscall(SYS_mlock, place, PAGE) != 0) return 2;
    if (syscall(SYS_mlock, place, 3 * PAGE) != -1 || errno != ENOMEM) return 3;
    if (syscall(SYS_mlockall, MCL_CURRENT) != -1 || errno != ENOMEM) return 4;
    if (syscall(SYS_munlock, place, PAGE) != 0) return 5;
    return 0;
}

static void test_locking(void) {
    char *place = pages(4);
    unsigned char resident[2] = {};
    ANSWERS("mlock: two pages", 0, syscall(SYS_mlock, place + 100, PAGE));
    syscall(SYS_mincore, place, 2 * PAGE, resident);
    HOLDS("mlock: they are resident", (resident[0] & resident[1] & 1) == 1);
    ANSWERS("munlock: two pages", 0, syscall(SYS_munlock, place + 100, PAGE));
    ANSWERS("mlock2: on fault", 0, syscall(SYS_mlock2, place, PAGE, 1));
    FAILS("mlock2: EINVAL for flags", EINVAL, syscall(SYS_mlock2, place, PAGE, 2));
    FAILS("mlock: EINVAL for a length that wraps", EINVAL, syscall(SYS_mlock, place, -PAGE));
    munmap(place + 2 * PAGE, PAGE);
    FAILS("mlock: ENOMEM over a hole", ENOMEM, syscall(SYS_mlock, place, 4 * PAGE));
    FAILS("munlock: ENOMEM over a hole", ENOMEM, syscall(SYS_munlock, place, 4 * PAGE));
    FAILS("mlockall: EINVAL for flags", EINVAL, syscall(SYS_mlockall, 64));
    FAILS("mlockall: EINVAL for none", EINVAL, syscall(SYS_mlockall, 0));
    ANSWERS("mlockall: MCL_CURRENT", 0, syscall(SYS_mlockall, MCL_CURRENT));
    ANSWERS("munlockall: 0", 0, syscall(SYS_munlockall));
    ANSWERS("mlock: an unprivileged user's limit", 0, in_child(without_privilege));
}

static char text_here[] = "in the parent", text_there[20];

static void test_other_process(void) {
    struct iovec local = {text_there, sizeof text_here}, remote = {text_here, sizeof text_here}, bad = {nowhere, 8};
    pid_t child = idle_child();
    ANSWERS("process_vm_readv: reads", sizeof text_here,
            syscall(SYS_process_vm_readv, child, &local, 1, &remote, 1, 0));
    HOLDS("process_vm_readv: the bytes", strcmp(text_there, text_here) == 0);
    local.iov_base = "in the child!";
    ANSWERS("process_vm_writev: writes", sizeof text_here,
            syscall(SYS_process_vm_writev, child, &local, 1, &remote, 1, 0));
    local.iov_base = text_there;
    syscall(SYS_process_vm_readv, child, &local, 1, &remote, 1, 0);
    HOLDS("process_vm_writev: the bytes",
          strcmp(text_there, "in the child!") == 0 && strcmp(text_here, "in the parent") == 0);
    FAILS("process_vm_readv: EFAULT for the remote", EFAULT,
          syscall(SYS_process_vm_readv, child, &local, 1, &bad, 1, 0));
    FAILS("process_vm_readv: EFAULT for the vectors", EFAULT,
          syscall(SYS_process_vm_readv, child, nowhere, 1, &remote, 1, 0));
    FAILS("process_vm_readv: EINVAL for flags", EINVAL, syscall(SYS_process_vm_readv, child, &local, 1, &remote, 1, 1));
    FAILS("process_vm_readv: EINVAL for too many", EINVAL,
          syscall(SYS_process_vm_readv, child, &local, 1025, &remote, 1, 0));
    FAILS("process_vm_readv: ESRCH", ESRCH, syscall(SYS_process_vm_readv, 4000000, &local, 1, &remote, 1, 0));
    FAILS("process_vm_writev: ESRCH", ESRCH, syscall(SYS_process_vm_writev, 4000000, &local, 1, &remote, 1, 0));
    end_child(child);
}

static void test_barrier(void) {
    long known = syscall(SYS_membarrier, 0, 0, 0);
    HOLDS("membarrier: a set of commands", known > 0);
    FAILS("membarrier: EINVAL for a command", EINVAL, syscall(SYS_membarrier, 1 << 20, 0, 0));
    FAILS("membarrier: EINVAL for flags", EINVAL, syscall(SYS_membarrier, 0, 64, 0));
    FAILS("membarrier: EPERM before the registration", EPERM, syscall(SYS_membarrier, 8, 0, 0));
    ANSWERS("membarrier: registers", 0, syscall(SYS_membarrier, 16, 0, 0));
    ANSWERS("membarrier: private", 0, syscall(SYS_membarrier, 8, 0, 0));
    ANSWERS("membarrier: global", 0, syscall(SYS_membarrier, 1, 0, 0));
}

int main(void) {
    struct sigaction action = {.sa_handler = fault};
    sigaction(SIGSEGV, &action, nullptr);
    sigaction(SIGBUS, &action, nullptr);
    test_map_errors();
    test_map();
    test_protect();
    test_remap();
    test_sync_and_advice();
    test_break();
    test_locking();
    test_other_process();
    test_barrier();
    return tap_done();
}
