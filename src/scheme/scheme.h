// Schemes: a scheme is a table of functions over nodes and files. An absent function means the field's standard error.
#pragma once

#include <personality.h>

#include "lib/list.h"
#include "lib/refcount.h"
#include "src/context/lock.h"
#include "src/context/object.h"
#include "src/context/wait.h"

struct memory_object;
struct segment_cursor;
struct node;
struct file;
struct mount;
struct io_request;
struct directory_sink;
struct file_lock_list;
struct watch;
struct path;
struct xattr_list;

enum scheme_flags : uint32_t {
    SCHEME_NO_CACHE = 1,   // names are looked up each time (proc)
    SCHEME_PERSISTENT = 2, // names stay in memory while they exist (tmp): a name that isn't cached doesn't exist
    SCHEME_READ_ONLY = 4,
};

// All may sleep. Functions on a directory are called with its lock held (writers of names: exclusively; look-up too).
// Names are never empty, "." or "..", at most 255 bytes, not NUL-terminated.
struct scheme {
    const char *name;
    uint64_t magic; // statfs type
    uint32_t flags;

    int32_t (*lookup)(struct node *directory, const char *name, size_t length, struct node **found);
    // A node of any type but symlink, by mode & S_IFMT. Owner and group are set by the caller afterwards.
    int32_t (*create)(struct node *directory, const char *name, size_t length, uint32_t mode, uint64_t device,
                      struct node **created);
    int32_t (*symlink)(struct node *directory, const char *name, size_t length, const char *target,
                       size_t target_length, struct node **created);
    int32_t (*link)(struct node *directory, const char *name, size_t length, struct node *node);
    // Also of a directory, which must be empty: -ENOTEMPTY.
    int32_t (*unlink)(struct node *directory, const char *name, size_t length, struct node *node);
    // victim: what new_name names now, or nullptr; with RENAME_EXCHANGE it takes the old place.
    int32_t (*rename)(struct node *old_directory, const char *old_name, size_t old_length, struct node *node,
                      struct node *new_directory, const char *new_name, size_t new_length, struct node *victim,
                      uint32_t flags);
    int32_t (*read_link)(struct node *node, char *buffer, size_t size, size_t *length);
    // nullptr: from the node's fields.
    int32_t (*attributes_get)(struct node *node, struct kernel_stat *stat);
    // Checks were done by the caller. nullptr: to the node's fields (size: -EINVAL without a memory object).
    int32_t (*attributes_set)(struct node *node, const struct kernel_attributes *attributes);
    int32_t (*statfs)(struct mount *mount, struct kernel_statfs *statfs);
    // A magic link (/proc/self/fd/3): the walk jumps to *target. -ENOENT; -EINVAL: an ordinary link, read_link tells.
    int32_t (*follow)(struct node *node, struct path *target);
    // The last reference to the node is gone. Frees private data, not the node itself.
    void (*node_release)(struct node *node);

    // Called by open once access is granted; may replace file->scheme (a device), file->readiness and file->data.
    int32_t (*open)(struct node *node, struct file *file);
    // The last reference to the file is gone.
    void (*release)(struct file *file);
    // One descriptor of it was closed (flush of record locks is the caller's).
    // Transfers between segments and the file; never block: -EAGAIN when nothing can be moved now. Returns bytes.
    int64_t (*read)(struct file *file, struct io_request *request);
    int64_t (*write)(struct file *file, struct io_request *request);
    // Feeds entries from file->offset on into the sink until it is full; sets file->offset behind the last one. "." and
    // ".." are the caller's, at offsets 0 and 1: the first call comes with offset 2, and `next` is above 2.
    int32_t (*iterate)(struct file *file, struct directory_sink *sink);
    int64_t (*seek)(struct file *file, int64_t offset, uint32_t whence);
    int32_t (*control)(struct file *file, uint32_t command, struct user_address argument);
    // The poll events that hold now; changes wake file->readiness with them.
    uint32_t (*ready)(struct file *file);
    // The memory object behind mmap (a reference), or -ENODEV.
    int32_t (*object)(struct file *file, struct memory_object **object);
    int32_t (*fsync)(struct file *file, bool data_only);
    int32_t (*allocate)(struct file *file, uint32_t mode, uint64_t offset, uint64_t length);
    // Text for /proc/pid/fd when the file has no name ("pipe:[12]"). nullptr: its path.
    size_t (*describe)(struct file *file, char *buffer, size_t size);
};

// An inode. Letters: (n) lock, (A) atomic, (i) immutable.
struct node {
    struct refcount references;
    const struct scheme *scheme;            // (i)
    uint64_t device;                        // (i) st_dev of its mount's file system
    uint64_t id;                            // (i) inode number
    struct mutex lock;                      // RANK_NODE; directories RANK_DIRECTORY (parent before child)
    uint32_t mode, uid, gid, links;         // (n) mode: type bits immutable
    uint64_t rdev;                          // (i)
    nanoseconds atime, mtime, ctime, btime; // (n) realtime
    struct memory_object *object;           // (i) regular files with a page cache; holds the size
    uint64_t size;                          // (n) without an object: what stat says (a link's length)
    uint64_t generation;                    // (n) of a directory: changes with its entries
    void *data;                             // the scheme's
    struct file_lock_list *locks;           // src/scheme/lock_record.c
    struct xattr_list *xattrs;              // (n) src/scheme/xattr.c
    struct watch *watches;                  // src/scheme/notify.c
    void *special;                          // (n) a fifo's pipe, a socket's name
    bool unnamed;                           // (n) made by O_TMPFILE: a first link is allowed
    uint32_t writers;                       // (A) open for writing; below 0 (as int): executing, ETXTBSY
};

// Makes a node with one reference; times are now, links 1. nullptr: no memory.
[[nodiscard]] struct node *node_create(const struct scheme *scheme, uint32_t mode, uint64_t device, uint64_t id);
static inline void node_get(struct node *node) {
    refcount_get(&node->references);
}
void node_put(struct node *node);
uint64_t node_new_id(void);   // unique inode numbers for in-memory schemes
uint64_t device_new_id(void); // st_dev for a new mount of an in-memory scheme
// 0 or -EACCES for the running process's fsuid (effective ids) and ACCESS_* bits; -EROFS for writing on a read-only
// scheme.
[[nodiscard]] int32_t node_permission(struct node *node, uint32_t access);
static inline uint32_t node_type(const struct node *node) {
    return node->mode & S_IFMT;
}

// One entry of the name cache: a name in a directory. All but references and the immutable text and node: under
// name_lock (src/scheme/name_cache.h).
struct name {
    struct refcount references;
    struct name *parent; // a reference; itself for a root
    struct node *node;   // a reference
    struct name *hash_next;
    struct list sibling, children; // entries of persistent schemes in the order of cookie
    uint64_t cookie;               // read_directory offset of a persistent scheme's entry
    uint32_t hash;
    uint8_t length;
    bool unlinked, mounted_on, hashed;
    char *text;
    char inline_text[40];
};

// A place in the tree.
struct path {
    struct mount *mount;
    struct name *name;
};
void path_get(const struct path *path);
void path_put(struct path *path);

struct mount {
    struct refcount references;
    const struct scheme *scheme;
    struct name *root;
    struct path place; // what it is mounted on; its own root for the first one
    uint32_t flags;    // MOUNT_*
    uint64_t device;
    int32_t id;
    uint32_t writers; // (A) files open for writing
    bool expiring;    // name_lock: marked by MNT_EXPIRE
    struct list link; // all mounts of the namespace
    const char *source;
    const char *options; // while its type's create runs; nullptr: none
    void *data;
    const struct mount_type *type; // nullptr: the first mount, or a bind
};
enum mount_flags : uint32_t { MOUNT_READ_ONLY = 1, MOUNT_NO_SUID = 2, MOUNT_NO_DEVICES = 4, MOUNT_NO_EXECUTE = 8 };

// What a process knows of the file system. Shared by CLONE_FS.
struct file_system_state {
    struct refcount references;
    struct spinlock lock; // guards the paths
    struct path root, working_directory;
    uint32_t umask; // (A)
};
[[nodiscard]] struct file_system_state *file_system_state_create(void); // at the root of the first mount
[[nodiscard]] struct file_system_state *file_system_state_copy(struct file_system_state *state);
void file_system_state_get(struct file_system_state *state);
void file_system_state_put(struct file_system_state *state);

// ---- mounting (src/scheme/mount.c)
// A scheme's instance: its root node. data: the scheme's argument.
struct mount_type {
    const char *name; // "proc", "tmpfs", "sysfs", "devtmpfs" …
    int32_t (*create)(struct mount *mount, const char *source, struct node **root);
    int32_t (*populate)(struct mount *mount); // nullptr or: mount->root is there, but nobody sees it yet
    void (*forget)(struct mount *mount);      // nullptr or: it is unmounted, or populate failed
};
void mount_type_register(const struct mount_type *type);
[[nodiscard]] int32_t mount_at(const struct mount_type *type, const char *source, struct path *place, uint32_t flags);
// The same with the type's options ("size=1m,mode=755"); nullptr: none.
[[nodiscard]] int32_t mount_with_options(const struct mount_type *type, const char *source, const char *options,
                                         struct path *place, uint32_t flags);
// Boot: the root file system from the initrd, then dev, proc, sys, tmp below it where the directories exist (or are
// made).
void scheme_init(void);

// ---- directories
struct directory_sink {
    // False: full; the entry is not taken. next: the offset that continues behind it.
    bool (*emit)(struct directory_sink *sink, const char *name, size_t length, uint64_t inode, uint32_t mode,
                 uint64_t next);
};

// ---- devices: character nodes by number
struct device_scheme {
    uint32_t major, minor;
    const struct scheme *scheme; // its open may look at node->rdev
    const char *path;            // below /dev, like "null" or "virtio-ports/helctic.stdin"; nullptr: no name
    uint32_t mode;
    void *data; // passed on in file->data before open
};
// Makes it known and, when /dev is there, its node. The structure must stay. -EEXIST, -ENOMEM.
[[nodiscard]] int32_t device_register(const struct device_scheme *device);
