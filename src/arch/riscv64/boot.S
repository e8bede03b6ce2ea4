// From OpenSBI (supervisor mode, paging off; a0: hart, a1: physical address of the device tree) to boot_main in the
// upper half.
#define IMAGE_OFFSET 0xffffffff00000000 // from physical to linked addresses

    .section .head, "ax"
    .option norelax
    .globl image_head
image_head:
    csrw sie, zero
    mv s0, a0
    mv s1, a1
    la t0, bss_start
    la t1, bss_end
1:  bgeu t0, t1, 2f
    sd zero, (t0)
    addi t0, t0, 8
    j 1b
2:  // 1 GiB leaves (valid, read, write, execute, accessed, dirty) of all memory, at 0 and at the direct map.
    la t0, boot_level2
    li t1, 0xcf
    li t2, 256
    li t3, 0x40000000 >> 2
5:  sd t1, (t0)
    addi t0, t0, 8
    add t1, t1, t3
    addi t2, t2, -1
    bnez t2, 5b
    // The image: the GiB at 0x80000000.
    la t0, boot_level2_kernel
    li t1, 510 * 8
    add t0, t0, t1
    li t1, (0x80000000 >> 2) | 0xcf
    sd t1, (t0)
    la t0, boot_root
    la t1, boot_level2
    srli t1, t1, 2
    ori t1, t1, 1
    sd t1, (t0)
    li t2, 256 * 8
    add t2, t0, t2
    sd t1, (t2)
    la t1, boot_level2_kernel
    srli t1, t1, 2
    ori t1, t1, 1
    li t2, 511 * 8
    add t2, t0, t2
    sd t1, (t2)
    // The instruction after satp is written runs by its physical address still: the first table holds it.
    la t0, boot_root
    srli t0, t0, 12
    li t1, 9 << 60 // Sv48
    or t0, t0, t1
    sfence.vma
    csrw satp, t0
    la t0, 3f
    li t1, IMAGE_OFFSET
    add t0, t0, t1
    jr t0
3:  la sp, boot_stack_top
    la t0, exception
    csrw stvec, t0
    li fp, 0
    mv a0, s0
    mv a1, s1
    call boot_main
4:  wfi
    j 4b

// Every exception ends in a panic for now.
    .balign 4
exception:
    la sp, boot_stack_top
    csrr a0, scause
    csrr a1, sepc
    csrr a2, stval
    call exception_panic

    .bss
    .balign 16
boot_stack:
    .skip 16384
boot_stack_top:
    .balign 4096
    .globl boot_root
boot_root: // filled by boot.S itself: table entries hold shifted addresses, which no relocation gives
    .skip 4096
boot_level2:
    .skip 4096
boot_level2_kernel:
    .skip 4096
