// The handle table of a process: POSIX descriptors are a view of it.
#pragma once

#include "lib/refcount.h"
#include "src/context/lock.h"
#include "src/context/object.h"

struct file;

enum handle_flags : uint32_t { HANDLE_CLOSE_ON_EXEC = 1, HANDLE_PROTECTED = 2 };

struct handle {
    struct object *object; // nullptr: free. Holds a reference
    uint32_t flags;        // enum handle_flags
    uint32_t rights;       // meaning by object type
};

struct handle_table {
    struct refcount references; // processes that share it
    struct spinlock lock;       // RANK_HANDLE_TABLE: guards all below
    struct handle *handles;
    uint32_t capacity;
    uint32_t lowest_free; // no free slot below
    uint32_t count;
};

[[nodiscard]] struct handle_table *handle_table_create(void);
[[nodiscard]] struct handle_table *handle_table_copy(struct handle_table *table); // fork
void handle_table_get(struct handle_table *table);
void handle_table_put(struct handle_table *table); // the last one closes all. May sleep
// Called when a descriptor of the running process that names this file was closed, table locks released: record locks
// go.
[[gnu::weak]] void file_descriptor_closed(struct file *file);
void handle_table_close_on_exec(struct handle_table *table);
// Of the running process:
// The lowest free descriptor >= minimum and < RLIMIT_NOFILE; consumes the reference on success. -EMFILE, -ENOMEM,
// -EINVAL (minimum beyond the limit).
[[nodiscard]] int32_t handle_install(struct object *object, int32_t minimum, uint32_t flags);
// 0, or -EMFILE: for what must not happen when no descriptor could be given for it.
[[nodiscard]] int32_t handle_check_room(void);
// Puts object at descriptor, closing what is there. -EBADF, -ENOMEM.
[[nodiscard]] int32_t handle_install_at(struct object *object, int32_t descriptor, uint32_t flags);
// The object with a reference, or nullptr.
[[nodiscard]] struct object *handle_lookup(int32_t descriptor, uint32_t *flags);
[[nodiscard]] int32_t handle_close(int32_t descriptor);
[[nodiscard]] int32_t handle_set_flags(int32_t descriptor, uint32_t flags);
// A file by descriptor, with a reference: nullptr when it isn't one. The quick way of read and write: when the table is
// not shared no reference is taken; file_release undoes exactly what file_lookup did.
struct file_reference {
    struct file *file;
    bool counted;
};
[[nodiscard]] struct file_reference file_lookup(int32_t descriptor);
void file_release(struct file_reference reference);
