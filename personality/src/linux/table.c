#include "personality/src/linux/shims.h"

#define SYSCALL_TABLE_FILE "linux.tbl"
#define SYSCALL_TABLE_NAME linux_table
#include "personality/src/syscall_table_define.h"
