// Table entries for the ops that take plain words only: op_NAME has the signature of a shim and converts each word.
#pragma once

#include "personality/src/shim.h"

#define OP_TYPE_i32  int32_t
#define OP_TYPE_u32  uint32_t
#define OP_TYPE_i64  int64_t
#define OP_TYPE_u64  uint64_t
#define OP_TYPE_size size_t
#define OP_TYPE_word uintptr_t
#define OP_TYPE_user struct user_address

#define OP_WORD_i32(word)  ((int32_t)(word))
#define OP_WORD_u32(word)  ((uint32_t)(word))
#define OP_WORD_i64(word)  ((int64_t)(word))
#define OP_WORD_u64(word)  ((uint64_t)(word))
#define OP_WORD_size(word) ((size_t)(word))
#define OP_WORD_word(word) ((uintptr_t)(word))
#define OP_WORD_user(word) user_pointer(word)

// The declared types must be exactly the op's.
#define OP_CHECK(name, ...)                                                                                            \
    static_assert(_Generic(((struct kernel_ops *)nullptr)->name, int32_t (*)(__VA_ARGS__): true, default: false),      \
                  "op_shims.def gives other types for " #name)

#define OP_SHIM0(name)                                                                                                 \
    OP_CHECK(name, void);                                                                                              \
    static inline SHIM0(op_##name) {                                                                                   \
        return kernel_ops->name();                                                                                     \
    }
#define OP_SHIM1(name, t1)                                                                                             \
    OP_CHECK(name, OP_TYPE_##t1);                                                                                      \
    static inline SHIM1(op_##name, b) {                                                                                \
        return kernel_ops->name(OP_WORD_##t1(b));                                                                      \
    }
#define OP_SHIM2(name, t1, t2)                                                                                         \
    OP_CHECK(name, OP_TYPE_##t1, OP_TYPE_##t2);                                                                        \
    static inline SHIM2(op_##name, b, c) {                                                                             \
        return kernel_ops->name(OP_WORD_##t1(b), OP_WORD_##t2(c));                                                     \
    }
#define OP_SHIM3(name, t1, t2, t3)                                                                                     \
    OP_CHECK(name, OP_TYPE_##t1, OP_TYPE_##t2, OP_TYPE_##t3);                                                          \
    static inline SHIM3(op_##name, b, c, d) {                                                                          \
        return kernel_ops->name(OP_WORD_##t1(b), OP_WORD_##t2(c), OP_WORD_##t3(d));                                    \
    }
#define OP_SHIM4(name, t1, t2, t3, t4)                                                                                 \
    OP_CHECK(name, OP_TYPE_##t1, OP_TYPE_##t2, OP_TYPE_##t3, OP_TYPE_##t4);                                            \
    static inline SHIM4(op_##name, b, c, d, e) {                                                                       \
        return kernel_ops->name(OP_WORD_##t1(b), OP_WORD_##t2(c), OP_WORD_##t3(d), OP_WORD_##t4(e));                   \
    }
#define OP_SHIM5(name, t1, t2, t3, t4, t5)                                                                             \
    OP_CHECK(name, OP_TYPE_##t1, OP_TYPE_##t2, OP_TYPE_##t3, OP_TYPE_##t4, OP_TYPE_##t5);                              \
    static inline SHIM5(op_##name, b, c, d, e, f) {                                                                    \
        return kernel_ops->name(OP_WORD_##t1(b), OP_WORD_##t2(c), OP_WORD_##t3(d), OP_WORD_##t4(e), OP_WORD_##t5(f));  \
    }
#include "personality/src/op_shims.def"
#undef OP_SHIM0
#undef OP_SHIM1
#undef OP_SHIM2
#undef OP_SHIM3
#undef OP_SHIM4
#undef OP_SHIM5
