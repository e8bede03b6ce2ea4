// Boot: the root from the initrd, then what is mounted below it.
#include "lib/string.h"
#include "rmm/frame.h"
#include "src/boot.h"
#include "src/kernel.h"
#include "src/scheme/device.h"
#include "src/scheme/file.h"
#include "src/scheme/initrd.h"
#include "src/scheme/mount.h"
#include "src/scheme/name_cache.h"
#include "src/scheme/tmp.h"
#include "src/scheme/tmp_space.h"

static const struct {
    const char *path, *type;
    uint32_t mode, flags;
} boot_mounts[] = {
    {"dev", "devtmpfs", 0755, 0},
    {"dev/pts", "devpts", 0755, MOUNT_NO_SUID | MOUNT_NO_EXECUTE},
    {"proc", "proc", 0555, MOUNT_NO_SUID | MOUNT_NO_EXECUTE | MOUNT_NO_DEVICES},
    {"sys", "sysfs", 0555, MOUNT_NO_SUID | MOUNT_NO_EXECUTE | MOUNT_NO_DEVICES},
};

static void ensure_directory(const char *path, uint32_t mode) {
    struct path place;
    if (path_lookup(AT_FDCWD, path, strlen(path), LOOKUP_FOLLOW, &place) == 0) {
        path_put(&place);
        return;
    }
    struct node *node = tmp_node_create(S_IFDIR | mode, root_mount->device, 0);
    if (!node || tmp_place(root_mount->root, path, strlen(path), node) < 0)
        log_warning("scheme", "no memory for /%s", path);
}

static void mount_boot(unsigned i) {
    const struct mount_type *type = mount_type_find(boot_mounts[i].type, strlen(boot_mounts[i].type));
    if (!type) return;
    ensure_directory(boot_mounts[i].path, boot_mounts[i].mode);
    struct path place;
    int32_t error = path_lookup(AT_FDCWD, boot_mounts[i].path, strlen(boot_mounts[i].path),
                                LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &place);
    if (error == 0) {
        error = mount_at(type, boot_mounts[i].type, &place, boot_mounts[i].flags);
        path_put(&place);
    }
    if (error < 0) log_warning("scheme", "/%s cannot be mounted: error %d", boot_mounts[i].path, -error);
}

static void unpack_initrd(void) {
    if (!boot_information.initrd_size) {
        log_warning("initrd", "there is none: the root is empty");
        return;
    }
    const uint8_t *archive = physical_pointer(boot_information.initrd_start);
    size_t size = boot_information.initrd_size;
    bool compressed = size > 2 && archive[0] == 0x1f && archive[1] == 0x8b;
    int32_t entries = compressed ? initrd_unpack_gzip(root_mount->root, archive, size)
                                 : initrd_unpack(root_mount->root, archive, size);
    if (entries == -ENOSYS)
        panic("the initrd is compressed, and this kernel was built without zlib: give it the plain cpio archive");
    if (entries == -ENOMEM) panic("out of memory while the initrd was unpacked");
    if (entries < 0)
        log_warning("initrd", "the archive is damaged: what comes behind the damage is missing");
    else
        log_info("initrd", "%d entries, %zu KiB", entries, size / 1024);
    if (compressed) frame_release_range(boot_information.initrd_start, size);
}

void scheme_init(void) {
    tmp_init();
    device_init();
    const struct tmp_options options = {.maximum_pages = frame_total / 2, .mode = 0755};
    struct node *root;
    root_mount = tmp_root_create(&options, &root) == 0 ? mount_root(&tmp_scheme, "tmpfs", root) : nullptr;
    if (!root_mount) panic("no memory for the root");
    unpack_initrd();
    ensure_directory("tmp", S_ISVTX | 0777);
    for (unsigned i = 0; i < array_size(boot_mounts); i++)
        mount_boot(i);
}
