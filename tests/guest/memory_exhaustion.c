// Using up all memory: the largest process is ended, everybody else and init live on, and memory comes back.
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#define PAGE      4096UL
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

static unsigned long free_kilobytes(void) {
    struct sysinfo information;
    sysinfo(&information);
    return information.freeram * information.mem_unit / 1024;
}

static unsigned long total_bytes(void) {
    struct sysinfo information;
    sysinfo(&information);
    return information.totalram * information.mem_unit;
}

static void eat(size_t bytes) {
    volatile char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, ANONYMOUS, -1, 0);
    if ((void *)memory == MAP_FAILED) _exit(3);
    for (size_t at = 0; at < bytes; at += PAGE)
        memory[at] = 1;
}

// One hog ends by SIGKILL (or gets a bus error as the last way out), its sibling does not notice.
static void test_one_hog(void) {
    int ready[2], status;
    CHECK(pipe(ready) == 0);
    int sibling = fork();
    if (sibling == 0) {
        char *mine = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, ANONYMOUS, -1, 0);
        memset(mine, 7, 64 * PAGE);
        (void)!write(ready[1], "r", 1);
        for (int i = 0; i < 30; i++)
            usleep(100000);
        _exit(mine[63 * PAGE] == 7 ? 0 : 1);
    }
    char byte;
    CHECK(read(ready[0], &byte, 1) == 1);
    int hog = fork();
    if (hog == 0) {
        eat(total_bytes() * 2);
        _exit(0);
    }
    waitpid(hog, &status, 0);
    CHECK_NAMED(WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGBUS),
                "the hog is killed (status %#x)", status);
    waitpid(sibling, &status, 0);
    CHECK_NAMED(WIFEXITED(status) && WEXITSTATUS(status) == 0, "its sibling lives (status %#x)", status);
    close(ready[0]);
    close(ready[1]);
}

// Several at once.
static void test_many_hogs(void) {
    int pids[4], ended = 0;
    for (int i = 0; i < 4; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            eat(total_bytes());
            _exit(0);
        }
    }
    for (int i = 0; i < 4; i++) {
        int status;
        ended += waitpid(pids[i], &status, 0) == pids[i];
    }
    CHECK_NAMED(ended == 4, "all four hogs end, one way or the other");
}

// A file system in memory that is full answers ENOSPC or ENOMEM, and unlinking gives the memory back.
static void test_full_file(void) {
    int status, pid = fork();
    if (pid == 0) {
        static char block[1 << 16];
        char name[] = "/tmp/full-XXXXXX";
        int file = mkstemp(name);
        unlink(name);
        memset(block, 1, sizeof block);
        for (;;) {
            ssize_t done = write(file, block, sizeof block);
            if (done < 0) _exit(errno == ENOSPC || errno == ENOMEM ? 0 : 1);
        }
    }
    waitpid(pid, &status, 0);
    CHECK_NAMED((WIFEXITED(status) && WEXITSTATUS(status) == 0) || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL),
                "a file that fills memory (status %#x)", status);
}

int main(void) {
    unsigned long before = free_kilobytes();
    test_one_hog();
    unsigned long after = free_kilobytes();
    CHECK_NAMED(after + 4096 > before, "memory comes back: %lu KiB free before, %lu after", before, after);
    test_many_hogs();
    test_full_file();
    for (int i = 0; i < 20 && free_kilobytes() + 4096 < before; i++)
        usleep(50000);
    after = free_kilobytes();
    CHECK_NAMED(after + 4096 > before, "memory comes back: %lu KiB free before, %lu after", before, after);
    return tap_done();
}
