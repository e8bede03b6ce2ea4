// Many threads and processes map, touch, protect, fork and unmap at once; every byte is checked, and memory comes back.
#include "tap.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>

#define PAGE      4096UL
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

enum { THREADS = 6, SHARED_PAGES = 64 };
static atomic_int errors;
static atomic_bool stop;
static volatile unsigned char *shared;

static unsigned random_next(unsigned *state) {
    *state = *state * 1103515245 + 12345;
    return *state >> 8;
}

// Maps, fills, checks, splits by mprotect and munmap.
static void *mapper(void *argument) {
    unsigned state = (unsigned)(long)argument * 77 + 1;
    while (!atomic_load(&stop)) {
        size_t pages = 1 + random_next(&state) % 40;
        unsigned char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) {
            errors++;
            break;
        }
        unsigned char mark = (unsigned char)random_next(&state);
        for (size_t i = 0; i < pages; i++) {
            if (memory[i * PAGE]) errors++;
            memory[i * PAGE + i] = (unsigned char)(mark + i);
        }
        size_t middle = random_next(&state) % pages;
        if (mprotect(memory + middle * PAGE, PAGE, PROT_READ)) errors++;
        if (random_next(&state) % 4 == 0 && madvise(memory, PAGE, MADV_DONTNEED)) errors++;
        for (size_t i = 1; i < pages; i++) {
            if (memory[i * PAGE + i] != (unsigned char)(mark + i)) errors++;
        }
        if (mprotect(memory, pages * PAGE, PROT_READ | PROT_WRITE)) errors++;
        // Another thread may get the hole at once: it is not ours any more.
        if (munmap(memory + middle * PAGE, PAGE)) errors++;
        if (middle && munmap(memory, middle * PAGE)) errors++;
        if (middle + 1 < pages && munmap(memory + (middle + 1) * PAGE, (pages - middle - 1) * PAGE)) errors++;
    }
    return NULL;
}

// Each thread owns one byte of every page of one region: copy on write after forks must never lose a write.
static void *writer(void *argument) {
    long number = (long)argument;
    unsigned char value = 0;
    while (!atomic_load(&stop)) {
        value++;
        for (size_t i = 0; i < SHARED_PAGES; i++)
            shared[i * PAGE + number] = value;
        for (size_t i = 0; i < SHARED_PAGES; i++) {
            if (shared[i * PAGE + number] != value) errors++;
        }
    }
    return NULL;
}

static void *forker(void *) {
    while (!atomic_load(&stop)) {
        int pid = fork(), status;
        if (pid == 0) {
            unsigned char first[THREADS];
            for (int t = 0; t < THREADS; t++)
                first[t] = shared[t];
            for (size_t i = 0; i < SHARED_PAGES; i++)
                shared[i * PAGE + 100] = 1;
            // Nobody writes here but this child: the threads are the parent's.
            for (int t = 0; t < THREADS; t++) {
                if (shared[t] != first[t]) _exit(1);
            }
            _exit(0);
        }
        if (pid < 0) {
            errors++;
            break;
        }
        waitpid(pid, &status, 0);
        if (status) errors++;
    }
    return NULL;
}

// One file, mapped by several threads, written and truncated by others: no stale page, no crash.
static int file;
static void *file_user(void *argument) {
    unsigned state = (unsigned)(long)argument * 99 + 5;
    static const char block[2 * PAGE] = {1};
    char back[PAGE];
    while (!atomic_load(&stop)) {
        switch (random_next(&state) % 4) {
        case 0:
            if (pwrite(file, block, sizeof block, (off_t)(random_next(&state) % 16 * PAGE)) < 0) errors++;
            break;
        case 1:
            if (pread(file, back, sizeof back, (off_t)(random_next(&state) % 16 * PAGE)) < 0) errors++;
            break;
        case 2:
            if (ftruncate(file, (off_t)((16 + random_next(&state) % 8) * PAGE))) errors++;
            break;
        default: {
            unsigned char *memory = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
                                         random_next(&state) % 2 ? MAP_SHARED : MAP_PRIVATE, file, 0);
            if (memory == MAP_FAILED) {
                errors++;
                break;
            }
            for (size_t i = 0; i < 16; i++) {
                if (memory[i * PAGE] > 1) errors++;
                memory[i * PAGE] = 1;
            }
            if (munmap(memory, 16 * PAGE)) errors++;
        }
        }
    }
    return NULL;
}

static unsigned long free_kilobytes(void) {
    struct sysinfo information;
    sysinfo(&information);
    return information.freeram * information.mem_unit / 1024;
}

static void run(const char *what, int seconds, void *(*const *functions)(void *), int count) {
    pthread_t threads[THREADS * 2];
    atomic_store(&errors, 0);
    atomic_store(&stop, false);
    int started = 0;
    for (long i = 0; i < count; i++)
        started += pthread_create(&threads[i], NULL, functions[i], (void *)i) == 0;
    CHECK_NAMED(started == count, "%s: threads start", what);
    sleep((unsigned)seconds);
    atomic_store(&stop, true);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    CHECK_NAMED(atomic_load(&errors) == 0, "%s: no byte was wrong (%d errors)", what, atomic_load(&errors));
}

int main(void) {
    shared = mmap(NULL, SHARED_PAGES * PAGE, PROT_READ | PROT_WRITE, ANONYMOUS, -1, 0);
    char name[] = "/tmp/stress-XXXXXX";
    file = mkstemp(name);
    unlink(name);
    CHECK(ftruncate(file, 16 * PAGE) == 0);
    void *(*const mappers[])(void *) = {mapper, mapper, mapper, mapper};
    run("warm-up", 1, mappers, 4);
    unsigned long before = free_kilobytes();
    run("mapping", 2, mappers, 4);
    void *(*const forkers[])(void *) = {writer, writer, writer, forker, forker};
    run("forking", 3, forkers, 5);
    void *(*const users[])(void *) = {file_user, file_user, file_user, file_user};
    run("files", 3, users, 4);
    void *(*const all[])(void *) = {mapper, mapper, writer, writer, forker, file_user, file_user};
    run("everything", 4, all, 7);
    close(file);
    unsigned long after = free_kilobytes();
    CHECK_NAMED(after + 4096 > before, "memory comes back: %lu KiB free before, %lu after", before, after);
    return tap_done();
}
