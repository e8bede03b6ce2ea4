// Advisory locks: records of processes (POSIX), records of open files (OFD), and flock.
#pragma once

#include <personality.h>

#include "src/scheme/scheme.h"

enum lock_kind : uint8_t { LOCK_PROCESS, LOCK_FILE, LOCK_WHOLE };
enum lock_type : uint32_t { LOCK_READ, LOCK_WRITE, LOCK_NONE }; // F_RDLCK, F_WRLCK, F_UNLCK

// Fills *lock with the first lock that stands in the way of the one it describes; type LOCK_NONE when there is none.
void lock_test(struct file *file, enum lock_kind kind, struct kernel_file_lock *lock);
// Sets, converts or (LOCK_NONE) removes. wait: until it is free. -EAGAIN, -EDEADLK, -ENOMEM, -KERNEL_ERESTART.
[[nodiscard]] int32_t lock_set(struct file *file, enum lock_kind kind, const struct kernel_file_lock *lock, bool wait);
// The running process closes a descriptor of the node, or exits.
void lock_release_process(struct node *node);
// The last reference to the open file is gone.
void lock_release_file(struct file *file);
void lock_list_free(struct file_lock_list *list);
