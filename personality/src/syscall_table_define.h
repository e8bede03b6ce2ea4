// Defines `const struct syscall_table SYSCALL_TABLE_NAME` from SYSCALL_TABLE_FILE; the shims are declared beforehand
// (syscall_table_declare.h). Included once per table, hence no #pragma once.
#include "personality/src/op_shims.h"
#include "personality/src/syscall_table.h"

#define TABLE_PASTE_(a, b) a##b
#define TABLE_PASTE(a, b)  TABLE_PASTE_(a, b)
#define TABLE_HANDLERS     TABLE_PASTE(SYSCALL_TABLE_NAME, _handlers)
#define TABLE_DESCRIPTIONS TABLE_PASTE(SYSCALL_TABLE_NAME, _descriptions)
#define TABLE_REPORTED     TABLE_PASTE(SYSCALL_TABLE_NAME, _reported)

#define SYSCALL(number, name, handler, status, kinds, note) [number] = handler,
#define SHIM(function)                                      function
#define OP(op)                                              op_##op
#define NONE                                                nullptr
static syscall_shim *const TABLE_HANDLERS[] = {
#include SYSCALL_TABLE_FILE
};
#undef NONE
#undef OP
#undef SHIM
#undef SYSCALL

#define KINDS(...)                           __VA_OPT__(.kinds = {KINDS_1(__VA_ARGS__, , , , , , )})
#define KINDS_1(k1, k2, k3, k4, k5, k6, ...) KINDS_2(k1) KINDS_2(k2) KINDS_2(k3) KINDS_2(k4) KINDS_2(k5) KINDS_2(k6)
#define KINDS_2(...)                         __VA_OPT__(KIND_##__VA_ARGS__, )
#define SYSCALL(number, syscall_name, handler, syscall_status, kinds, syscall_note)                                    \
    [number] = {.name = #syscall_name, .note = syscall_note, .status = SYSCALL_##syscall_status, kinds},
static const struct syscall_description TABLE_DESCRIPTIONS[] = {
#include SYSCALL_TABLE_FILE
};
#undef SYSCALL
#undef KINDS_2
#undef KINDS_1
#undef KINDS

static uint32_t TABLE_REPORTED[(sizeof(TABLE_HANDLERS) / sizeof(TABLE_HANDLERS[0]) + 31) / 32];

const struct syscall_table SYSCALL_TABLE_NAME = {
    .handlers = TABLE_HANDLERS,
    .descriptions = TABLE_DESCRIPTIONS,
    .count = sizeof(TABLE_HANDLERS) / sizeof(TABLE_HANDLERS[0]),
    .reported = TABLE_REPORTED,
};

#undef TABLE_REPORTED
#undef TABLE_DESCRIPTIONS
#undef TABLE_HANDLERS
#undef TABLE_PASTE
#undef TABLE_PASTE_
#undef SYSCALL_TABLE_NAME
#undef SYSCALL_TABLE_FILE
