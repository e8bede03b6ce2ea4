#include "src/scheme/name_cache.h"

#include "lib/hash.h"
#include "lib/string.h"
#include "src/memory/heap.h"

constexpr unsigned BUCKET_COUNT = 8192;

struct spinlock name_lock = SPINLOCK_INIT(RANK_NAME);
static struct name *buckets[BUCKET_COUNT];
static struct slab_cache name_cache = SLAB_CACHE(struct name);

static struct name **bucket_of(const struct name *parent, uint32_t hash) {
    return &buckets[(hash ^ hash_word((uintptr_t)parent >> 4)) % BUCKET_COUNT];
}

uint32_t name_hash(const char *text, size_t length) {
    uint32_t hash = NAME_HASH_START;
    for (size_t i = 0; i < length; i++)
        hash = name_hash_add(hash, text[i]);
    return hash;
}

struct name *name_create(struct name *parent, const char *text, size_t length, struct node *node) {
    struct name *name = slab_alloc(&name_cache);
    char *place = name ? name->inline_text : nullptr;
    if (name && length > NAME_INLINE) place = heap_alloc(length + 1);
    if (!place) {
        if (name) slab_free(&name_cache, name);
        node_put(node);
        return nullptr;
    }
    memcpy(place, text, length);
    place[length] = 0;
    refcount_init(&name->references);
    name->text = place;
    name->length = (uint8_t)length;
    name->hash = name_hash(text, length);
    name->hash_next = nullptr;
    name->parent = parent ? parent : name;
    name->node = node;
    name->cookie = 0;
    name->unlinked = name->mounted_on = name->hashed = false;
    list_init(&name->sibling);
    list_init(&name->children);
    if (parent) name_get(parent);
    return name;
}

static void unhash_locked(struct name *name) {
    if (!name->hashed) return;
    struct name **link = bucket_of(name->parent, name->hash);
    while (*link != name)
        link = &(*link)->hash_next;
    *link = name->hash_next;
    name->hash_next = nullptr;
    name->hashed = false;
}

// Drops a reference; the last one is dropped under the lock, so an entry found in the hash is always alive.
static bool put_last(struct name *name) {
    uint32_t count = atomic_load_relaxed(&name->references.count);
    while (count > 1) {
        if (atomic_compare_exchange_acq_rel(&name->references.count, &count, count - 1)) return false;
    }
    spin_lock(&name_lock);
    bool last = refcount_put(&name->references);
    if (last) {
        unhash_locked(name);
        list_remove(&name->sibling);
    }
    spin_unlock(&name_lock);
    return last;
}

void name_put(struct name *name) {
    while (put_last(name)) {
        struct name *parent = name->parent;
        bool root = parent == name;
        node_put(name->node);
        if (name->text != name->inline_text) heap_free(name->text);
        slab_free(&name_cache, name);
        if (root) return;
        name = parent;
    }
}

struct name *name_find_locked(const struct name *parent, const char *text, size_t length, uint32_t hash) {
    for (struct name *name = *bucket_of(parent, hash); name; name = name->hash_next) {
        if (name->hash == hash && name->parent == parent && name->length == length &&
            memcmp(name->text, text, length) == 0)
            return name;
    }
    return nullptr;
}

void name_insert_locked(struct name *name, uint64_t cookie) {
    struct name **bucket = bucket_of(name->parent, name->hash);
    name->hash_next = *bucket;
    *bucket = name;
    name->hashed = true;
    name->cookie = cookie;
    if (cookie) list_push_back(&name->parent->children, &name->sibling);
}

void name_remove_locked(struct name *name) {
    unhash_locked(name);
    list_remove(&name->sibling);
    name->unlinked = true;
}

struct name *name_move_locked(struct name *name, struct name *parent, const char *text, size_t length, char *long_text,
                              uint64_t cookie, char **old_text) {
    struct name *old_parent = name->parent;
    unhash_locked(name);
    list_remove(&name->sibling);
    *old_text = name->text == name->inline_text ? nullptr : name->text;
    name->text = long_text ? long_text : name->inline_text;
    memcpy(name->text, text, length);
    name->text[length] = 0;
    name->length = (uint8_t)length;
    name->hash = name_hash(text, length);
    name->parent = parent;
    name_get(parent);
    name_insert_locked(name, cookie);
    return old_parent;
}
