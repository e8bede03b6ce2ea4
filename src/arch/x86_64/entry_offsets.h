// What entry.S knows about C structures; traps.c asserts that it is true.
#pragma once

#define CPU_CONTEXT          8
#define CPU_KERNEL_STACK_TOP 16
#define CPU_USER_STACK       24
#define CPU_SYSCALL_AT       88
#define CPU_SYSCALLS         92
#define CPU_SYSCALL_RECORDS  16

#define CONTEXT_WORK        0
#define CONTEXT_PERSONALITY 4
#define CONTEXT_TID         128

#define FRAME_RBP         32
#define FRAME_RBX         40
#define FRAME_R11         48
#define FRAME_R10         56
#define FRAME_R9          64
#define FRAME_R8          72
#define FRAME_RAX         80
#define FRAME_RCX         88
#define FRAME_RDX         96
#define FRAME_RSI         104
#define FRAME_RDI         112
#define FRAME_NUMBER      120
#define FRAME_DISPOSITION 132
#define FRAME_RIP         144
#define FRAME_CS          152
#define FRAME_RFLAGS      160
#define FRAME_RSP         168
#define FRAME_SIZE        184

#define KERNEL_CS    0x08
#define KERNEL_SS    0x10
#define USER_SS      0x2b
#define USER_CS      0x33
#define TSS_SELECTOR 0x38

#define TRAMPOLINE_ADDRESS 0x8000

#ifdef __ASSEMBLER__
#define TRAP_SYSCALL 0x101
#endif
#define RFLAGS_TF 0x100
#define RFLAGS_RF 0x10000

#define MSR_GS_BASE          0xc0000101
#define EXCEPTION_STACK_SIZE 8192
