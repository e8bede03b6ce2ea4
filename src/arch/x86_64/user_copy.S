// Copies from and to user memory. A fault that page_fault() can't resolve continues at the fix-up, which answers how many
// bytes are left. Big pieces go by rep movsq: quick on real
// processors, and one counted instruction per word in an emulator.

// Replaced by clac / stac where the processor has SMAP (cpu_features.c).
.macro SMAP_PATCHED bytes
771: .byte 0x0f, 0x1f, 0x00
    .pushsection .smap_patches, "a"
    .quad 771b
    .quad \bytes
    .popsection
.endm
#define STAC SMAP_PATCHED 0xcb010f
#define CLAC SMAP_PATCHED 0xca010f

.macro FIXUP at, to
    .pushsection .fixup, "a"
    .quad \at
    .quad \to
    .popsection
.endm

// %rdi: to, %rsi: from, %rdx: size. LOAD and STORE wrap the side that may fault. Whatever piece faults, the copy goes on
// from its start byte by byte, so that it ends exactly at the first bad byte.
.macro COPY name
    .globl \name
    .balign 16
\name:
    STAC
    cmpq $64, %rdx
    jb 3f
    movq %rdx, %rcx
    shrq $3, %rcx
7:  rep movsq
    FIXUP 7b, copy_words_\name
    andl $7, %edx
3:  cmpl $8, %edx
    jb 5f
4:  \name\()_LOAD movq, (%rsi), %rax, %rax
    \name\()_STORE movq, %rax, (%rdi)
    addq $8, %rsi
    addq $8, %rdi
    subl $8, %edx
    cmpl $8, %edx
    jae 4b
5:  testb $4, %dl
    jz 6f
    \name\()_LOAD movl, (%rsi), %eax, %eax
    \name\()_STORE movl, %eax, (%rdi)
    addq $4, %rsi
    addq $4, %rdi
    subl $4, %edx
6:  testl %edx, %edx
    jz copy_done
copy_bytes_\name:
    \name\()_LOAD_LAST movb, (%rsi), %al
    \name\()_STORE_LAST movb, %al, (%rdi)
    incq %rsi
    incq %rdi
    decq %rdx
    jnz copy_bytes_\name
    jmp copy_done
// A fault in rep movsq: %rcx words and the odd bytes in %rdx are left.
copy_words_\name:
    andl $7, %edx
    leaq (%rdx, %rcx, 8), %rdx
    jmp copy_bytes_\name
.endm

.macro arch_copy_from_user_LOAD op, from, to, ignored
7:  \op \from, \to
    FIXUP 7b, copy_bytes_arch_copy_from_user
.endm
.macro arch_copy_from_user_STORE op, from, to
    \op \from, \to
.endm
.macro arch_copy_from_user_LOAD_LAST op, from, to
7:  \op \from, \to
    FIXUP 7b, copy_done
.endm
.macro arch_copy_from_user_STORE_LAST op, from, to
    \op \from, \to
.endm

.macro arch_copy_to_user_LOAD op, from, to, ignored
    \op \from, \to
.endm
.macro arch_copy_to_user_STORE op, from, to
7:  \op \from, \to
    FIXUP 7b, copy_bytes_arch_copy_to_user
.endm
.macro arch_copy_to_user_LOAD_LAST op, from, to
    \op \from, \to
.endm
.macro arch_copy_to_user_STORE_LAST op, from, to
7:  \op \from, \to
    FIXUP 7b, copy_done
.endm

    .text
    COPY arch_copy_from_user
    COPY arch_copy_to_user

// %rdx: what is left
copy_done:
    CLAC
    movq %rdx, %rax
    ret

// size_t arch_clear_user(uintptr_t to, size_t size)
    .globl arch_clear_user
    .balign 16
arch_clear_user:
    STAC
    movq %rsi, %rdx
    xorl %eax, %eax
    jmp 2f
1:  movq %rax, (%rdi)
    FIXUP 1b, clear_bytes
    addq $8, %rdi
    subq $8, %rdx
2:  cmpq $8, %rdx
    jae 1b
    testq %rdx, %rdx
    jz copy_done
clear_bytes:
    movb %al, (%rdi)
    FIXUP clear_bytes, copy_done
    incq %rdi
    decq %rdx
    jnz clear_bytes
    jmp copy_done

// int64_t arch_copy_string_from_user(char *to, uintptr_t from, size_t size): eight bytes at a time while they lie in one
// page, so that no byte behind the string can fault.
    .globl arch_copy_string_from_user
    .balign 16
arch_copy_string_from_user:
    STAC
    movq %rsi, %r8
    movabsq $0x0101010101010101, %r9
    movabsq $0x8080808080808080, %r10
string_words:
    cmpq $8, %rdx
    jb string_bytes
    movl %esi, %ecx
    andl $4095, %ecx
    cmpl $4088, %ecx
    ja string_byte
1:  movq (%rsi), %rax
    FIXUP 1b, string_fault
    movq %rax, (%rdi)
    movq %rax, %rcx
    subq %r9, %rcx
    notq %rax
    andq %rax, %rcx
    andq %r10, %rcx
    jnz 2f
    addq $8, %rsi
    addq $8, %rdi
    subq $8, %rdx
    jmp string_words
2:  bsfq %rcx, %rcx
    shrl $3, %ecx
    addq %rcx, %rsi
    jmp string_end
string_bytes:
    testq %rdx, %rdx
    jz string_end
string_byte:
1:  movb (%rsi), %al
    FIXUP 1b, string_fault
    movb %al, (%rdi)
    testb %al, %al
    jz string_end
    incq %rsi
    incq %rdi
    decq %rdx
    jmp string_words
string_end:
    CLAC
    movq %rsi, %rax
    subq %r8, %rax
    ret
string_fault:
    CLAC
    movq $-14, %rax
    ret

// int32_t arch_user_load32(uintptr_t from, uint32_t *value)
    .globl arch_user_load32
    .balign 16
arch_user_load32:
    STAC
1:  movl (%rdi), %eax
    FIXUP 1b, word_fault
    CLAC
    movl %eax, (%rsi)
    xorl %eax, %eax
    ret

// int32_t arch_user_store32(uintptr_t to, uint32_t value)
    .globl arch_user_store32
    .balign 16
arch_user_store32:
    STAC
1:  movl %esi, (%rdi)
    FIXUP 1b, word_fault
    CLAC
    xorl %eax, %eax
    ret

// int32_t arch_user_compare_exchange32(uintptr_t at, uint32_t *expected, uint32_t desired)
    .globl arch_user_compare_exchange32
    .balign 16
arch_user_compare_exchange32:
    movl (%rsi), %eax
    STAC
1:  lock cmpxchgl %edx, (%rdi)
    FIXUP 1b, word_fault
    CLAC
    movl %eax, (%rsi)
    xorl %eax, %eax
    ret

// int32_t user_xsave(uintptr_t to, uint64_t components), user_xrstor(uintptr_t from, uint64_t components): vector state
// straight to and from a program's memory, 64-byte aligned. 0 or -EFAULT; the processor refuses a hostile image by a
// general protection fault. XSAVE merges into the header, which is therefore cleared first.
    .globl user_xsave, user_xrstor
    .balign 16
user_xsave:
    STAC
    xorl %eax, %eax
    .irp offset, 512, 520, 528, 536, 544, 552, 560, 568
1:  movq %rax, \offset(%rdi)
    FIXUP 1b, word_fault
    .endr
    movl %esi, %eax
    movq %rsi, %rdx
    shrq $32, %rdx
1:  xsave64 (%rdi)
    FIXUP 1b, word_fault
    CLAC
    xorl %eax, %eax
    ret

    .balign 16
user_xrstor:
    STAC
    movl %esi, %eax
    movq %rsi, %rdx
    shrq $32, %rdx
1:  xrstor64 (%rdi)
    FIXUP 1b, word_fault
    CLAC
    xorl %eax, %eax
    ret

word_fault:
    CLAC
    movl $-14, %eax
    ret
