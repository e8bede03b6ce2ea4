// The quick way from a descriptor to its file, for read and write: what file_lookup and file_release do, inline.
#pragma once

#include "src/context/context.h"
#include "src/scheme/file.h"

static inline struct file_reference file_lookup_inline(int32_t descriptor) {
    const struct process *process = process_current();
    const struct handle_table *table = process->handles;
    if (unlikely(atomic_load_relaxed(&table->references.count) != 1 ||
                 atomic_load_relaxed(&process->thread_count) != 1))
        return file_lookup(descriptor);
    if (unlikely((uint32_t)descriptor >= table->capacity)) return (struct file_reference){};
    struct object *object = table->handles[descriptor].object;
    if (unlikely(!object || object->type != &file_type)) return (struct file_reference){};
    return (struct file_reference){.file = file_of(object)};
}

static inline void file_release_inline(struct file_reference reference) {
    if (unlikely(reference.counted)) file_put(reference.file);
}
