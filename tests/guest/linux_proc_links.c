// The links of /proc that lead to the file itself: descriptors of pipes, memory files and deleted files, the program.
#include "raw_call.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static char name[64];
static const char *link_of(int descriptor) {
    snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    return name;
}

static void test_pipe(void) {
    int ends[2];
    char bytes[8] = {};
    CHECK(pipe(ends) == 0);
    int again = open(link_of(ends[0]), O_RDONLY);
    CHECK(again >= 0 && write(ends[1], "abc", 3) == 3);
    CHECK(read(again, bytes, sizeof bytes) == 3 && memcmp(bytes, "abc", 3) == 0);
    close(ends[1]);
    close(again);
    again = open(link_of(ends[0]), O_RDONLY);
    CHECK_NAMED(again >= 0, "a pipe without writers opens at once");
    CHECK(read(again, bytes, sizeof bytes) == 0);
    close(again);
    close(ends[0]);
    CHECK_ERROR(open(link_of(ends[0]), O_RDONLY), ENOENT);
}

static void test_memory_file(void) {
    struct stat status;
    int file = memfd_create("x", 0);
    CHECK(ftruncate(file, 8192) == 0);
    int again = open(link_of(file), O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(again >= 0 && fstat(file, &status) == 0 && status.st_size == 0);
    close(again);
    close(file);
}

static void test_deleted(void) {
    char bytes[8] = {}, target[80] = {};
    int file = open("/tmp/deleted", O_RDWR | O_CREAT, 0600);
    CHECK(file >= 0 && write(file, "here", 4) == 4 && unlink("/tmp/deleted") == 0);
    int again = open(link_of(file), O_RDONLY);
    CHECK(again >= 0 && read(again, bytes, sizeof bytes) == 4 && memcmp(bytes, "here", 4) == 0);
    CHECK(readlink(link_of(file), target, sizeof target - 1) > 0 && strcmp(target, "/tmp/deleted (deleted)") == 0);
    close(again);
    close(file);
}

static void test_program(void) {
    char magic[4] = {};
    int file = open("/proc/self/exe", O_RDONLY);
    CHECK(file >= 0 && read(file, magic, sizeof magic) == 4 && memcmp(magic, "\177ELF", 4) == 0);
    close(file);
    struct stat one, other;
    CHECK(stat("/proc/self/cwd", &one) == 0 && stat(".", &other) == 0 && one.st_ino == other.st_ino);
    CHECK(stat("/proc/self/root", &one) == 0 && stat("/", &other) == 0 && one.st_ino == other.st_ino);
}

static void test_zero(void) {
    int zero = open("/dev/zero", O_RDWR);
    char *shared = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0);
    char *other = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    CHECK(shared != MAP_FAILED && other != MAP_FAILED && shared[4096] == 0);
    pid_t child = fork();
    if (child == 0) {
        shared[1] = 7;
        other[1] = 7;
        _exit(0);
    }
    waitpid(child, nullptr, 0);
    CHECK_NAMED(shared[1] == 7 && other[1] == 0, "a shared mapping of /dev/zero is shared with a child");
    munmap(shared, 8192);
    munmap(other, 4096);
    close(zero);
}

int main(void) {
    test_pipe();
    test_memory_file();
    test_deleted();
    test_program();
    test_zero();
    return tap_done();
}
