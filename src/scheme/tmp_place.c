// Filling an in-memory tree at boot and from device registration, beside the checks and rights of programs.
#include "lib/string.h"
#include "src/scheme/name_cache.h"
#include "src/scheme/tmp.h"
#include "src/scheme/tmp_space.h"

// The next component; false at the end.
static bool next_component(const char **at, const char *end, const char **text, size_t *length) {
    while (*at < end && (**at == '/' || (**at == '.' && (*at + 1 == end || (*at)[1] == '/'))))
        (*at)++;
    *text = *at;
    while (*at < end && **at != '/')
        (*at)++;
    *length = (size_t)(*at - *text);
    return *length;
}

static struct name *find_in(const struct name *parent, const char *text, size_t length) {
    spin_lock(&name_lock);
    struct name *name = name_find_locked(parent, text, length, name_hash(text, length));
    spin_unlock(&name_lock);
    return name;
}

// Links node in; its reference and the name's only one belong to the directory.
static struct name *insert(struct name *parent, const char *text, size_t length, struct node *node) {
    tmp_space_adopt(node, parent->node);
    struct name *name = name_create(parent, text, length, node);
    if (!name) return nullptr;
    if (node_type(node) == S_IFDIR) {
        node->links = 2;
        parent->node->links++;
    }
    spin_lock(&name_lock);
    name_insert_locked(name, ++parent->node->generation);
    spin_unlock(&name_lock);
    return name;
}

static void remove(struct name *name) {
    spin_lock(&name_lock);
    name_remove_locked(name);
    spin_unlock(&name_lock);
    name->node->links--;
    name_put(name);
}

static int32_t place_last(struct name *parent, const char *text, size_t length, struct node *node) {
    struct name *old = find_in(parent, text, length);
    if (old && node_type(old->node) == S_IFDIR) {
        bool both = node_type(node) == S_IFDIR;
        if (both) {
            old->node->mode = node->mode;
            old->node->uid = node->uid;
            old->node->gid = node->gid;
            old->node->mtime = node->mtime;
        }
        node_put(node);
        return both ? 0 : -EINVAL;
    }
    if (old) remove(old);
    return insert(parent, text, length, node) ? 0 : -ENOMEM;
}

static struct name *step_into(struct name *parent, const char *text, size_t length) {
    struct name *name = find_in(parent, text, length);
    if (name) return name;
    struct node *directory = tmp_node_create(S_IFDIR | 0755, parent->node->device, 0);
    return directory ? insert(parent, text, length, directory) : nullptr;
}

int32_t tmp_place(struct name *root, const char *path, size_t length, struct node *node) {
    const char *at = path, *end = path + length, *text;
    size_t size;
    struct name *parent = root;
    int32_t error = 0;
    if (!next_component(&at, end, &text, &size)) { // the root itself
        if (node_type(node) == S_IFDIR) root->node->mode = node->mode;
        node_put(node);
        return 0;
    }
    for (;;) {
        const char *next;
        size_t next_size;
        if (size > NAME_MAXIMUM || (size == 2 && text[0] == '.' && text[1] == '.')) error = -EINVAL;
        if (error < 0) break;
        if (!next_component(&at, end, &next, &next_size)) return place_last(parent, text, size, node);
        parent = step_into(parent, text, size);
        if (!parent)
            error = -ENOMEM;
        else if (node_type(parent->node) != S_IFDIR)
            error = -ENOTDIR;
        if (error < 0) break;
        text = next;
        size = next_size;
    }
    node_put(node);
    return error;
}

struct name *tmp_find(struct name *root, const char *path, size_t length) {
    const char *at = path, *end = path + length, *text;
    size_t size;
    struct name *name = root;
    while (name && next_component(&at, end, &text, &size))
        name = find_in(name, text, size);
    return name;
}
