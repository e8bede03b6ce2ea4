// From the PVH entry point (32-bit protected mode, paging off, %ebx = physical address of hvm_start_info) to boot_main
// in 64-bit mode in the upper half.
#define KERNEL_BASE 0xffffffff80000000

    .section .note.pvh, "a", @note
    .long 4, 8, 18 // XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad pvh_entry

    .section .boot, "awx"
    .code32
    .globl pvh_entry
pvh_entry:
    cld
    movl %ebx, %edi
    movl $0xa0, %eax // PAE, PGE
    movl %eax, %cr4
    movl $boot_pml4, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx // EFER: SCE, LME, NXE
    rdmsr
    orl $0x901, %eax
    wrmsr
    movl $0x80010023, %eax // PG, WP, NE, MP, PE
    movl %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $8, $1f
    .code64
1:  movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movq $boot_stack_top, %rsp
    xorl %ebp, %ebp
    movl %edi, %edi
    movq $boot_main, %rax
    call *%rax
2:  hlt
    jmp 2b

    .balign 8
boot_gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
    .globl boot_gdt_pointer
boot_gdt_pointer:
    .word . - boot_gdt - 1
    .quad boot_gdt

// The first GiB at 0, at the direct map and at the kernel's base. The other processors start on it too.
    .balign 4096
    .globl boot_pml4
boot_pml4:
    .quad boot_pdpt_low + 3
    .fill 255, 8, 0
    .quad boot_pdpt_low + 3
    .fill 254, 8, 0
    .quad boot_pdpt_high + 3
boot_pdpt_low:
    .quad boot_pd + 3
    .fill 511, 8, 0
boot_pdpt_high:
    .fill 510, 8, 0
    .quad boot_pd + 3, 0
boot_pd:
    .set page, 0
    .rept 512
    .quad page + 0x83
    .set page, page + 0x200000
    .endr

    .bss
    .balign 16
    .globl boot_stack, boot_stack_top
boot_stack:
    .skip 16384
boot_stack_top:
