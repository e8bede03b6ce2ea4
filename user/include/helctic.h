// The native interface: system calls by op index. An op's number is its place in kernel_ops.def and never changes.
//
// A call takes the op's parameters in order, except: a path is one NUL-terminated string; a structure is a pointer to
// it in the canonical layout (personality/include/canonical.h); read, write and random take one buffer {pointer, size}
// in place of segments; a single scalar out-parameter is the result. The result is non-negative, or a negative errno.
// Ops that serve the personality layer or take kernel memory answer -ENOSYS.
#pragma once

#include <personality.h>

// Marks the program as native: an ELF note that exec looks for. Once per program.
#define HELCTIC_PROGRAM                                                                                                \
    [[gnu::section(".note.helctic"), gnu::used, gnu::aligned(4)]] static const struct {                                \
        uint32_t name_size, data_size, type;                                                                           \
        char name[8];                                                                                                  \
        uint32_t version;                                                                                              \
    } helctic_note = {8, 4, 1, "Helctic", KERNEL_OPS_VERSION}

// The program's main; its result is the exit code. The library's start code calls it.
int main(int argument_count, char **arguments, char **environment);

#if defined(__x86_64__)
static inline intptr_t helctic_call6(enum kernel_op_index op, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d,
                                     uintptr_t e, uintptr_t f) {
    register uintptr_t r10 __asm__("r10") = d;
    register uintptr_t r8 __asm__("r8") = e;
    register uintptr_t r9 __asm__("r9") = f;
    intptr_t result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"((uintptr_t)op), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
static inline intptr_t helctic_call6(enum kernel_op_index op, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d,
                                     uintptr_t e, uintptr_t f) {
    register uintptr_t number __asm__("x8") = op;
    register uintptr_t x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    register uintptr_t x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(number), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return (intptr_t)x0;
}
#elif defined(__riscv)
static inline intptr_t helctic_call6(enum kernel_op_index op, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d,
                                     uintptr_t e, uintptr_t f) {
    register uintptr_t number __asm__("a7") = op;
    register uintptr_t a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;
    register uintptr_t a3 __asm__("a3") = d, a4 __asm__("a4") = e, a5 __asm__("a5") = f;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(number), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5) : "memory");
    return (intptr_t)a0;
}
#endif

#define HELCTIC_CALL_(op, a, b, c, d, e, f, ...)                                                                       \
    helctic_call6(KERNEL_OP_##op, (uintptr_t)(a), (uintptr_t)(b), (uintptr_t)(c), (uintptr_t)(d), (uintptr_t)(e),      \
                  (uintptr_t)(f))
// helctic_call(read, descriptor, buffer, size, 0, 0): up to six arguments, of integer or pointer type.
#define helctic_call(op, ...) HELCTIC_CALL_(op __VA_OPT__(, ) __VA_ARGS__, 0, 0, 0, 0, 0, 0)

static inline intptr_t helctic_open(const char *path, uint32_t flags, uint32_t mode) {
    return helctic_call(open, AT_FDCWD, path, flags, mode);
}

static inline intptr_t helctic_read(int32_t descriptor, void *buffer, size_t size) {
    return helctic_call(read, descriptor, buffer, size, 0, 0);
}

static inline intptr_t helctic_write(int32_t descriptor, const void *buffer, size_t size) {
    return helctic_call(write, descriptor, buffer, size, 0, 0);
}

static inline intptr_t helctic_close(int32_t descriptor) {
    return helctic_call(close, descriptor);
}

static inline intptr_t helctic_map(size_t size) {
    return helctic_call(map, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

[[noreturn]] static inline void helctic_exit(int32_t code) {
    for (;;)
        helctic_call(exit_process, code);
}
