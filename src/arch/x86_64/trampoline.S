// Where the other processors start: real mode, at the 4 KiB page that the start-up message names. Copied to
// TRAMPOLINE_ADDRESS; goes straight to long mode on the boot page tables, then to ap_entry in the upper half.
#include "entry_offsets.h"

#define AT(symbol) (symbol - trampoline_start + TRAMPOLINE_ADDRESS)

    .section .rodata.trampoline, "a"
    .globl trampoline_start, trampoline_end
    .code16
trampoline_start:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    movl $0xa0, %eax // PAE, PGE
    movl %eax, %cr4
    movl $boot_pml4, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x901, %eax
    wrmsr
    movl $0x80010023, %eax
    movl %eax, %cr0
    lgdtl AT(trampoline_gdt_pointer)
    ljmpl $8, $AT(1f)
    .code64
1:  movq $ap_entry, %rax
    jmp *%rax

    .balign 8
trampoline_gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
trampoline_gdt_pointer:
    .word . - trampoline_gdt - 1
    .long AT(trampoline_gdt)
trampoline_end:

    .text
ap_entry:
    movl $0x10, %eax
    movl %eax, %ss
    movl %eax, %ds
    movl %eax, %es
    movq ap_start+0(%rip), %rax
    movq %rax, %cr3
    movq ap_start+8(%rip), %rsp
    movq ap_start+16(%rip), %rdi
    xorl %ebp, %ebp
    call ap_main
    ud2
