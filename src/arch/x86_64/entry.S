// Entry from and return to user mode, exceptions and interrupts. Every path saves all registers as struct user_frame.
#include "entry_offsets.h"

    .section .text.entry, "ax"

// Replaced by clac where the processor has SMAP (cpu_features.c).
.macro CLAC_PATCHED
771: .byte 0x0f, 0x1f, 0x00
    .pushsection .smap_patches, "a"
    .quad 771b
    .quad 0xca010f
    .popsection
.endm

.macro PUSH_REGISTERS
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
.endm

.macro POP_CALLEE_SAVED
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
.endm

.macro POP_REGISTERS
    POP_CALLEE_SAVED
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
.endm

    .globl syscall_entry
    .balign 64
syscall_entry:
    swapgs
    movq %rsp, %gs:CPU_USER_STACK
    movq %gs:CPU_KERNEL_STACK_TOP, %rsp
    pushq $USER_SS
    pushq %gs:CPU_USER_STACK
    pushq %r11
    pushq $USER_CS
    pushq %rcx
    pushq $0
    pushq $TRAP_SYSCALL
    pushq %rax
    PUSH_REGISTERS
// What syscall_trap (src/syscall_handler) does on other architectures, in fewer instructions: note the call among the
// processor's last ones, and call personality_syscall(number, first to fifth argument, personality).
    movq %gs:CPU_CONTEXT, %rbx
    movl %gs:CPU_SYSCALL_AT, %ebp
    incl %gs:CPU_SYSCALL_AT
    andl $(CPU_SYSCALL_RECORDS - 1), %ebp
    movl CONTEXT_TID(%rbx), %r11d
    movl %eax, %gs:CPU_SYSCALLS(, %rbp, 8)
    movl %r11d, %gs:CPU_SYSCALLS + 4(, %rbp, 8)
    movq %r8, %r9
    movq %r10, %r8
    movq %rdx, %rcx
    movq %rsi, %rdx
    movq %rdi, %rsi
    movq %rax, %rdi
    movl CONTEXT_PERSONALITY(%rbx), %eax
    pushq %rax
    call personality_syscall
    popq %rcx
    cmpl $0, FRAME_DISPOSITION(%rsp)
    jne syscall_exit_unusual
    cmpl $0, CONTEXT_WORK(%rbx)
    jne syscall_exit_with_work
    movq FRAME_RFLAGS(%rsp), %r11
    testl $(RFLAGS_RF | RFLAGS_TF), %r11d
    jnz syscall_exit_traced
// The short way: the frame is what the program came in with, but for the result and the carry flag, and the registers
// that functions keep are still the program's. Its rip is canonical, since no program can have the page below the hole.
    movq FRAME_RBP(%rsp), %rbp
    movq FRAME_RBX(%rsp), %rbx
    movq FRAME_R10(%rsp), %r10
    movq FRAME_R9(%rsp), %r9
    movq FRAME_R8(%rsp), %r8
    movq FRAME_RCX(%rsp), %rcx
    movq FRAME_RDX(%rsp), %rdx
    movq FRAME_RSI(%rsp), %rsi
    movq FRAME_RDI(%rsp), %rdi
    movq FRAME_RSP(%rsp), %rsp
    swapgs
    sysretq

// syscall in 32-bit mode, which no program can enter: answers -ENOSYS without touching the program's stack.
    .globl syscall_compatibility
syscall_compatibility:
    movl $-38, %eax
    sysretl

syscall_exit_traced:
    movq %rax, FRAME_RAX(%rsp)
    jmp return_by_iret

syscall_exit_unusual:
    movq %rsp, %rdi
    movq %rax, %rsi
    call syscall_trap_end
    movq %gs:CPU_CONTEXT, %rbx
    cmpl $0, CONTEXT_WORK(%rbx)
    je return_by_sysret
    movq FRAME_RAX(%rsp), %rax
syscall_exit_with_work:
    movq %rax, FRAME_RAX(%rsp)
    movq %rsp, %rdi
    call return_to_user_work
// sysret gives back %rip = %rcx and %rflags = %r11, so they must agree; it faults in ring 0 on a non-canonical %rip,
// and can't restore RF or start a single step well.
return_by_sysret:
    movq FRAME_RCX(%rsp), %rcx
    movq FRAME_R11(%rsp), %r11
    cmpq FRAME_RIP(%rsp), %rcx
    jne return_by_iret
    cmpq FRAME_RFLAGS(%rsp), %r11
    jne return_by_iret
    testl $(RFLAGS_RF | RFLAGS_TF), %r11d
    jnz return_by_iret
    shrq $47, %rcx
    jnz return_by_iret
    POP_REGISTERS
    movq FRAME_RSP - FRAME_NUMBER(%rsp), %rsp
    swapgs
    sysretq

    .globl user_iretq
return_by_iret:
    POP_REGISTERS
    addq $(FRAME_RIP - FRAME_NUMBER), %rsp
    swapgs
user_iretq:
    iretq

// The first instructions of a new user thread: %rsp is at its frame.
    .globl user_thread_start
user_thread_start:
    xorl %ebp, %ebp
    call context_user_start
return_to_user:
    movq %gs:CPU_CONTEXT, %rax
    cmpl $0, CONTEXT_WORK(%rax)
    je return_by_iret
    movq %rsp, %rdi
    call return_to_user_work
    jmp return_by_iret

// The first instructions of a kernel thread: %rbx is its function, %r12 the argument.
    .globl kernel_thread_start
kernel_thread_start:
    xorl %ebp, %ebp
    movq %r12, %rdi
    call *%rbx
    ud2

trap_common:
    pushq $-1
    PUSH_REGISTERS
    cld
    CLAC_PATCHED
    testb $3, FRAME_CS(%rsp)
    jz trap_kernel
    swapgs
trap_user:
    xorl %ebp, %ebp
    movq %rsp, %rdi
    call trap_from_user
    jmp return_to_user

trap_kernel:
    leaq user_iretq(%rip), %rax
    cmpq %rax, FRAME_RIP(%rsp)
    je trap_bad_return
    movq %rsp, %rdi
    call trap_from_kernel
    .globl trap_kernel_return
trap_kernel_return: // unwind.c knows that the interrupted code's frame is at the stack pointer
    POP_REGISTERS
    addq $(FRAME_RIP - FRAME_NUMBER), %rsp
    iretq

// iretq refused the program's registers: GS is the program's already. The C side rebuilds the frame at the stack's top.
trap_bad_return:
    swapgs
    movq %rsp, %rdi
    call trap_rebuild_user_frame
    movq %rax, %rsp
    xorl %ebp, %ebp
    movq %rsp, %rdi
    call trap_bad_user_frame
    jmp return_to_user

// Exceptions that can hit anywhere, even before swapgs, run on stacks of their own (8 KiB, aligned, the address of the
// processor's data at the bottom). GS can't be judged by its value, since programs may set it to anything.
trap_paranoid:
    pushq $-1
    PUSH_REGISTERS
    cld
    CLAC_PATCHED
    testb $3, FRAME_CS(%rsp)
    jnz trap_paranoid_user
    movl $MSR_GS_BASE, %ecx
    rdmsr
    movl %eax, %r12d
    movl %edx, %r13d
    movq %rsp, %rax
    andq $-EXCEPTION_STACK_SIZE, %rax
    movq (%rax), %rax
    movq %rax, %rdx
    shrq $32, %rdx
    wrmsr
    movq %rsp, %rdi
    call trap_from_kernel
    movl $MSR_GS_BASE, %ecx
    movl %r12d, %eax
    movl %r13d, %edx
    wrmsr
    POP_REGISTERS
    addq $(FRAME_RIP - FRAME_NUMBER), %rsp
    iretq
trap_paranoid_user:
    swapgs
    movq %rsp, %rsi
    movq %gs:CPU_KERNEL_STACK_TOP, %rdi
    subq $FRAME_SIZE, %rdi
    movq %rdi, %rax
    movl $(FRAME_SIZE / 8), %ecx
    rep movsq
    movq %rax, %rsp
    jmp trap_user

.macro TRAP_STUB vector
    .balign 16
    .if \vector == 8 || (\vector >= 10 && \vector <= 14) || \vector == 17 || \vector == 21 || \vector == 29 || \vector == 30
    .else
    pushq $0
    .endif
    pushq $\vector
    .if \vector == 1 || \vector == 2 || \vector == 8 || \vector == 18
    jmp trap_paranoid
    .else
    jmp trap_common
    .endif
.endm

    .balign 16
    .globl trap_stubs
trap_stubs:
    .irp high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    .irp low, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    TRAP_STUB (\high * 16 + \low)
    .endr
    .endr

// void switch_stacks(uintptr_t *save, uintptr_t load)
    .globl switch_stacks
    .balign 16
switch_stacks:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
