// The start of the Image: its header, then from physical addresses to boot_main in the upper half.
// x0: physical address of the device tree, or 0 when an ELF file was loaded (then it lies at the start of memory).

#define IMAGE_OFFSET 0xffffffff40000000 // from physical to linked addresses
#define FRAME_SIZE 288 // struct user_frame

    .section .head, "ax"
    .globl image_head
image_head:
    b 1f
    .long 0
    .quad 0          // offset from a 2 MiB boundary
    .quad image_size
    .quad 2          // little endian, 4 KiB pages
    .quad 0, 0, 0
    .ascii "ARM\x64"
    .long 0

1:  mov x19, x0
    msr daifset, #15
    // At EL2: go down to EL1.
    mrs x1, CurrentEL
    cmp x1, #8
    b.ne 2f
    mov x1, #(1 << 31)
    msr hcr_el2, x1
    mov x1, #0x3c5
    msr spsr_el2, x1
    adr x1, 2f
    msr elr_el2, x1
    eret
2:
    adrp x1, bss_start
    add x1, x1, :lo12:bss_start
    adrp x2, bss_end
    add x2, x2, :lo12:bss_end
3:  cmp x1, x2
    b.hs 4f
    stp xzr, xzr, [x1], #16
    b 3b
4:  ldr x1, =0x00ff // MAIR: 0 normal write-back, 1 device nGnRnE
    msr mair_el1, x1
    // Both halves: 48-bit addresses, 4 KiB pages, walks write-back and inner shareable; 40-bit physical addresses.
    ldr x1, =(16 | 16 << 16 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 24 | 1 << 26 | 3 << 28 | 2 << 30 | 2 << 32)
    msr tcr_el1, x1
    adrp x1, boot_low
    msr ttbr0_el1, x1
    adrp x1, boot_high
    msr ttbr1_el1, x1
    tlbi vmalle1
    dsb sy
    isb
    mrs x1, sctlr_el1
    orr x1, x1, #1      // paging
    orr x1, x1, #4      // caches
    orr x1, x1, #(1 << 12)
    bic x1, x1, #(1 << 1) // no alignment checks: generated code may load unaligned words
    msr sctlr_el1, x1
    isb
    ldr x1, =5f
    br x1
5:  ldr x1, =boot_stack_top
    mov sp, x1
    ldr x1, =vectors
    msr vbar_el1, x1
    isb
    mov x29, xzr
    mov x30, xzr
    mov x0, x19
    bl boot_main
6:  wfi
    b 6b
    .ltorg

// Every exception ends in a panic for now: struct user_frame on the stack, the cause is the vector's number.
.macro VECTOR number
    .balign 128
    sub sp, sp, #(FRAME_SIZE)
    stp x0, x1, [sp]
    mov x0, #\number
    b exception
.endm

    .text
    .balign 2048
vectors:
    .irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    VECTOR \number
    .endr

exception:
    stp x2, x3, [sp, #16]
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    stp x18, x19, [sp, #144]
    stp x20, x21, [sp, #160]
    stp x22, x23, [sp, #176]
    stp x24, x25, [sp, #192]
    stp x26, x27, [sp, #208]
    stp x28, x29, [sp, #224]
    add x1, sp, #FRAME_SIZE
    stp x30, x1, [sp, #240]
    mrs x1, elr_el1
    mrs x2, spsr_el1
    stp x1, x2, [sp, #256]
    str xzr, [sp, #272]
    str w0, [sp, #280]
    str wzr, [sp, #284]
    mov x0, sp
    bl exception_panic

    .data
    .balign 4096
// 1 GiB blocks: device memory below 1 GiB, normal memory above it.
#define DEVICE 0x0060000000000705 // no execution; index 1; accessed
#define NORMAL 0x0000000000000701 // inner shareable, accessed
boot_low:
    .quad boot_level1 - IMAGE_OFFSET + 3
    .fill 511, 8, 0
boot_high:
    .fill 256, 8, 0
    .quad boot_level1 - IMAGE_OFFSET + 3
    .fill 254, 8, 0
    .quad boot_level1_kernel - IMAGE_OFFSET + 3
boot_level1:
    .quad DEVICE
    .set gib, 0x40000000
    .rept 255
    .quad gib + NORMAL
    .set gib, gib + 0x40000000
    .endr
    .fill 256, 8, 0
boot_level1_kernel:
    .fill 510, 8, 0
    .quad 0x40000000 + NORMAL
    .quad 0
    .globl boot_high

    .bss
    .balign 16
boot_stack:
    .skip 16384
boot_stack_top:
