// The prototypes of the native interface's shims.
#pragma once

#define SYSCALL_TABLE_FILE "personality/src/native/native.tbl"
#include "personality/src/syscall_table_declare.h"

extern const struct syscall_table native_table;
