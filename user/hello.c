// The smallest tour of the native interface: opens, reads, writes, maps and exits by op index, and is refused an op
// that takes kernel memory. Prints TAP; exits 0 when all is as it should be.
#include "user/include/helctic.h"

HELCTIC_PROGRAM;

static size_t text_length(const char *text) {
    size_t length = 0;
    while (text[length])
        length++;
    return length;
}

static void print(const char *text) {
    helctic_write(1, text, text_length(text));
}

static unsigned checks, failures;

static void check(bool good, const char *what) {
    char line[128];
    size_t at = 0;
    const char *parts[] = {good ? "ok " : "not ok ", nullptr, " - ", what, "\n"};
    checks++;
    char number[4] = {(char)('0' + checks / 10), (char)('0' + checks % 10)};
    parts[1] = number;
    for (size_t i = 0; i < array_size(parts); i++)
        for (const char *c = parts[i]; *c && at < sizeof(line) - 1; c++)
            line[at++] = *c;
    helctic_write(1, line, at);
    failures += !good;
}

int main(int argument_count, char **arguments, char **environment) {
    char buffer[64];
    print("1..10\n");
    check(argument_count >= 1 && arguments[0][0] && !arguments[argument_count], "arguments are on the stack");
    check(environment != nullptr, "the environment follows");
    intptr_t file = helctic_open(arguments[0], O_RDONLY, 0);
    check(file >= 0, "open its own file");
    check(helctic_read((int32_t)file, buffer, sizeof(buffer)) == sizeof(buffer) && buffer[1] == 'E', "read it");
    check(helctic_close((int32_t)file) == 0 && helctic_close((int32_t)file) == -EBADF, "close it once");
    check(helctic_open("/no/such/file", O_RDONLY, 0) == -ENOENT, "a missing file is -ENOENT");
    intptr_t memory = helctic_map(3 * PAGE_SIZE);
    check(memory > 0 && memory % PAGE_SIZE == 0, "map memory");
    if (memory > 0) *(volatile char *)(memory + 2 * PAGE_SIZE) = 1;
    check(helctic_call(unmap, memory, 3 * PAGE_SIZE) == 0, "unmap it");
    check(helctic_call(log, "x", 1) == -ENOSYS && helctic_call(allocate, 16, buffer) == -ENOSYS,
          "ops that take kernel memory are refused");
    check(helctic_read(0, (void *)~0xfffUL, 16) == -EFAULT || helctic_read(0, (void *)~0xfffUL, 16) <= 0,
          "a kernel address is no buffer");
    return failures != 0;
}
