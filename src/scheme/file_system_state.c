// Root, working directory and umask of processes. The paths change under name_lock and the state's own lock; a walk
// reads them under name_lock alone.
#include "src/scheme/file_system_state.h"
#include "src/context/context.h"
#include "src/memory/heap.h"
#include "src/scheme/mount.h"
#include "src/scheme/name_cache.h"

static struct slab_cache state_cache = SLAB_CACHE(struct file_system_state);

static struct file_system_state *state_alloc(uint32_t umask) {
    struct file_system_state *state = slab_alloc_zeroed(&state_cache);
    if (!state) return nullptr;
    refcount_init(&state->references);
    spinlock_init(&state->lock, RANK_FILE_SYSTEM_STATE);
    state->umask = umask;
    return state;
}

struct file_system_state *file_system_state_create(void) {
    struct file_system_state *state = state_alloc(022);
    if (!state) return nullptr;
    state->root = state->working_directory = (struct path){root_mount, root_mount->root};
    path_get(&state->root);
    path_get(&state->working_directory);
    return state;
}

struct file_system_state *file_system_state_copy(struct file_system_state *from) {
    struct file_system_state *state = state_alloc(atomic_load_relaxed(&from->umask));
    if (!state) return nullptr;
    spin_lock(&from->lock);
    state->root = from->root;
    state->working_directory = from->working_directory;
    path_get(&state->root);
    path_get(&state->working_directory);
    spin_unlock(&from->lock);
    return state;
}

void file_system_state_get(struct file_system_state *state) {
    refcount_get(&state->references);
}

void file_system_state_put(struct file_system_state *state) {
    if (!refcount_put(&state->references)) return;
    path_put(&state->root);
    path_put(&state->working_directory);
    slab_free(&state_cache, state);
}

void file_system_state_set(struct file_system_state *state, struct path *place, bool root) {
    spin_lock(&state->lock);
    spin_lock(&name_lock);
    struct path *slot = root ? &state->root : &state->working_directory;
    struct path old = *slot;
    *slot = *place;
    spin_unlock(&name_lock);
    spin_unlock(&state->lock);
    *place = (struct path){};
    path_put(&old);
}

struct file_system_state *file_system_state_current(void) {
    static struct file_system_state kernel_state;
    struct process *process = process_current();
    if (likely(process && process->file_system)) return process->file_system;
    if (!kernel_state.root.mount && root_mount) {
        kernel_state.root = kernel_state.working_directory = (struct path){root_mount, root_mount->root};
        spinlock_init(&kernel_state.lock, RANK_FILE_SYSTEM_STATE);
    }
    return &kernel_state;
}
