#include "tools/helctic/surroundings.h"

#include "tools/helctic/guest_root.h"
#include "tools/helctic/library.h"
#include "tools/helctic/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum : int64_t { LOCALE_ARCHIVE_MAX = 32ll << 20 };

// The value that the program will see: from --env, else from our own environment.
static const char *variable(const struct options *options, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < options->env.count; i++) {
        const char *item = options->env.items[i];
        if (strncmp(item, name, length) == 0 && item[length] == '=') return item + length + 1;
    }
    return getenv(name);
}

// Packs a file or folder of the root at its own path. False when it is not there.
static bool place_add(struct manifest *manifest, const char *root, const char *path) {
    char *real = nullptr;
    char *source = text_format("%s%s", root, path);
    bool found = access(source, R_OK) == 0 && manifest_add_host(manifest, root, path, &real) == 0;
    free(source);
    if (!found) return false;
    source = text_format("%s%s", root, real);
    found = manifest_add_tree(manifest, source, real) == 0;
    free(source);
    free(real);
    return found;
}

// "en_US.UTF-8" is kept in a folder "en_US.utf8", or in one archive with all the others.
static void locale_add(struct manifest *manifest, const char *root, const char *name) {
    if (!name || !*name || strchr(name, '/') || strcmp(name, "C") == 0 || strcmp(name, "POSIX") == 0) return;
    struct buffer folder = {};
    size_t language = strcspn(name, ".@");
    buffer_format(&folder, "/usr/lib/locale/%.*s", (int)language, name);
    for (const char *at = name + language; *at && *at != '@'; at++)
        if (*at != '-') buffer_format(&folder, "%c", *at >= 'A' && *at <= 'Z' ? *at + 'a' - 'A' : *at);
    if (!place_add(manifest, root, folder.data)) {
        static const char archive[] = "/usr/lib/locale/locale-archive";
        char *source = text_format("%s%s", root, archive);
        struct stat status;
        if (stat(source, &status) == 0 && status.st_size <= LOCALE_ARCHIVE_MAX) place_add(manifest, root, archive);
        free(source);
    }
    buffer_free(&folder);
}

static void terminal_add(struct manifest *manifest, const char *root, const char *name) {
    static const char *const folders[] = {"/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"};
    if (!name || !*name || strchr(name, '/')) return;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char *path = text_format("%s/%c/%s", folders[i], name[0], name);
        place_add(manifest, root, path);
        free(path);
    }
}

// The root's own /bin/sh, for system() and its like, and busybox for the other commands.
static void shell_add(struct manifest *manifest, const char *root) {
    char *real = nullptr;
    char *source = text_format("%s/bin/sh", root);
    if (access(source, X_OK) == 0 && !manifest_find(manifest, "/bin/sh") &&
        manifest_add_host(manifest, root, "/bin/sh", &real) == 0) {
        struct library_search search = {.manifest = manifest, .root = root};
        [[maybe_unused]] int result = library_add_all(&search, source, real);
    }
    free(source);
    free(real);
    [[maybe_unused]] int result = guest_shell_add(manifest, root, false);
}

void surroundings_add(struct manifest *manifest, const struct options *options) {
    static const char *const locales[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char *root = options->root;
    for (size_t i = 0; i < sizeof locales / sizeof *locales; i++)
        locale_add(manifest, root, variable(options, locales[i]));
    terminal_add(manifest, root, variable(options, "TERM"));
    terminal_add(manifest, root, "dumb"); // what programs fall back to
    if (options->command == COMMAND_RUN) shell_add(manifest, root);
}
