// The mount table in Linux's two texts.
#include "src/scheme/mount.h"
#include "src/scheme/proc.h"

struct mount_lines {
    struct text *text;
    bool details; // mountinfo
};

// Caller holds name_lock. The whole path of a mount, built from its end.
static size_t place_of(const struct mount *mount, char *buffer, size_t size) {
    size_t at = size;
    while (mount->place.mount && mount->place.mount != mount) {
        const struct name *name = mount->place.name;
        for (; name != mount->place.mount->root; name = name->parent) {
            if (at < (size_t)name->length + 1 || name->parent == name) return at;
            for (size_t i = name->length; i > 0; i--)
                buffer[--at] = name->text[i - 1];
            buffer[--at] = '/';
        }
        mount = mount->place.mount;
    }
    if (at == size) buffer[--at] = '/';
    return at;
}

static void print_mount(const struct mount *mount, void *data) {
    struct mount_lines *lines = data;
    char buffer[512];
    size_t at = place_of(mount, buffer, sizeof buffer);
    int length = (int)(sizeof buffer - at);
    const char *mode = mount->flags & MOUNT_READ_ONLY ? "ro" : "rw";
    const char *suid = mount->flags & MOUNT_NO_SUID ? ",nosuid" : "";
    const char *devices = mount->flags & MOUNT_NO_DEVICES ? ",nodev" : "";
    const char *execute = mount->flags & MOUNT_NO_EXECUTE ? ",noexec" : "";
    const char *source = mount->source ? mount->source : mount->scheme->name;
    if (lines->details)
        text_print(lines->text, "%d %d %lu:%lu / %.*s %s%s%s%s,relatime - %s %s %s\n", mount->id,
                   mount->place.mount ? mount->place.mount->id : 0, mount->device >> 8, mount->device & 0xff, length,
                   buffer + at, mode, suid, devices, execute, mount->scheme->name, source, mode);
    else
        text_print(lines->text, "%s %.*s %s %s%s%s%s,relatime 0 0\n", source, length, buffer + at, mount->scheme->name,
                   mode, suid, devices, execute);
}

int32_t proc_show_mounts(struct text *text, const struct view_target *) {
    mount_visit(print_mount, &(struct mount_lines){text, false});
    return 0;
}

int32_t proc_show_mountinfo(struct text *text, const struct view_target *) {
    mount_visit(print_mount, &(struct mount_lines){text, true});
    return 0;
}
