// Where a native program begins: the stack pointer shows the argument count, the argument pointers and a null, then the
// environment pointers and a null.
#include "user/include/helctic.h"

[[noreturn]] void program_start(uintptr_t *stack);

[[noreturn]] void program_start(uintptr_t *stack) {
    int argument_count = (int)stack[0];
    char **arguments = (char **)(stack + 1);
    helctic_exit(main(argument_count, arguments, arguments + argument_count + 1));
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txorl %ebp, %ebp\n\tmovq %rsp, %rdi\n\tandq $-16, %rsp\n\tcall program_start\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tbl program_start\n");
#elif defined(__riscv)
__asm__(".globl _start\n_start:\n\tmv a0, sp\n\tcall program_start\n");
#endif
