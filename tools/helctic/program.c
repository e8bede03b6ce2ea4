#include "tools/helctic/program.h"

#include "tools/helctic/elf_image.h"
#include "tools/helctic/guest_root.h"
#include "tools/helctic/library.h"
#include "tools/helctic/mapped_file.h"
#include "tools/helctic/surroundings.h"

#include <elf.h>
#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum : int { SCRIPT_DEPTH_MAX = 5 };
enum : size_t { ARGUMENT_FILE_MAX = 64u << 20 };

struct packing {
    const struct options *options;
    struct manifest *manifest;
    struct buffer conf_folders;
    const char *library_path;
    const char *program; // guest path of the program
};

// What a program reads at run time beside its libraries, by the name of its file. "%s" is the file's own name.
static const struct runtime_rule {
    const char *program;
    const char *trees[3];
} runtime_rules[] = {
    {"python3.*", {"/usr/lib/%s", "/usr/local/lib/%s"}},
    {"perl*", {"/usr/lib/x86_64-linux-gnu/perl-base", "/usr/share/perl5"}},
};
static const char *const runtime_skip[] = {"test",      "tests",         "idlelib",       "tkinter",
                                           "ensurepip", "turtledemo",    "lib2to3",       "pydoc_data",
                                           "config-*",  "dist-packages", "site-packages", nullptr};

static bool is_program(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

// Finds a name without '/' in the host's PATH (below `root`). The caller frees the path inside the root.
static char *path_search(const char *root, const char *name) {
    const char *list = getenv("PATH");
    if (!list || *root) list = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    while (*list) {
        size_t length = strcspn(list, ":");
        char *path = text_format("%.*s/%s", (int)length, list, name);
        char *source = text_format("%s%s", root, path);
        bool found = path[0] == '/' && is_program(source);
        free(source);
        if (found) return path;
        free(path);
        list += length + (list[length] == ':');
    }
    return nullptr;
}

static char *absolute_path(const char *path) {
    if (path[0] == '/') return text_copy(path);
    char folder[PATH_MAX];
    if (!getcwd(folder, sizeof folder)) return text_copy(path);
    return text_format("%s/%s", strcmp(folder, "/") == 0 ? "" : folder, path);
}

static int fail_to_run(const char *name, int error) {
    if (error == ENOENT) {
        report("%s: not found", name);
        return EXIT_NOT_FOUND;
    }
    report("%s: cannot run it: %s", name, strerror(error));
    return EXIT_CANNOT_RUN;
}

static int program_check(const char *name, const char *source) {
    struct stat status;
    if (stat(source, &status) < 0) return fail_to_run(name, errno == ENOTDIR ? ENOENT : errno);
    if (S_ISDIR(status.st_mode)) return fail_to_run(name, EISDIR);
    if (!S_ISREG(status.st_mode) || access(source, X_OK) < 0) return fail_to_run(name, EACCES);
    return 0;
}

static void modules_add(struct packing *packing, size_t from) {
    struct library_search search = {
        .manifest = packing->manifest, .root = packing->options->root, .library_path = packing->library_path};
    size_t until = packing->manifest->count;
    for (size_t i = from; i < until; i++) {
        const struct manifest_entry *entry = &packing->manifest->entries[i];
        if (entry->kind != ENTRY_FILE || fnmatch("*.so", entry->path, 0) != 0) continue;
        char *source = text_copy(entry->source), *path = text_copy(entry->path);
        library_add_optional(&search, source, path);
        free(source);
        free(path);
    }
}

// Packs the run-time files of interpreters such as Python; a tree that is not there is none of our business.
static int runtime_add(struct packing *packing, const char *canonical) {
    const char *root = packing->options->root;
    const char *slash = strrchr(canonical, '/');
    const char *name = slash ? slash + 1 : canonical;
    for (size_t i = 0; i < sizeof runtime_rules / sizeof *runtime_rules; i++) {
        if (fnmatch(runtime_rules[i].program, name, 0) != 0) continue;
        for (const char *const *tree = runtime_rules[i].trees; *tree; tree++) {
            const char *mark = strstr(*tree, "%s");
            char *path = mark ? text_format("%.*s%s", (int)(mark - *tree), *tree, name) : text_copy(*tree);
            char *real = nullptr;
            size_t from = packing->manifest->count;
            int result = manifest_add_host(packing->manifest, root, path, &real);
            if (result == 0) {
                char *source = text_format("%s%s", root, real);
                packing->manifest->skip = runtime_skip;
                result = manifest_add_tree(packing->manifest, source, real);
                packing->manifest->skip = nullptr;
                free(source);
                modules_add(packing, from);
            } else {
                result = 0;
            }
            free(path);
            free(real);
            if (result < 0) return EXIT_CANNOT_RUN;
        }
    }
    return 0;
}

static int elf_check(const char *name, const struct mapped_file *file, struct elf_image *image) {
    int result = elf_image_read(file->bytes, file->size, image);
    if (result == -ENOEXEC) return fail_to_run(name, ENOEXEC);
    if (result < 0) {
        report("%s: cannot run it: a damaged ELF file", name);
        return EXIT_CANNOT_RUN;
    }
    if (image->machine != EM_X86_64 || image->class_bits != 64) {
        report("%s: cannot run it: not a 64-bit x86 program", name);
        return EXIT_CANNOT_RUN;
    }
    return 0;
}

static int executable_add(struct packing *packing, const char *name, const char *root, const char *path, int depth);

// "#!INTERPRETER [ARGUMENT]": packs the interpreter, and for env the program that it will look up.
static int script_add(struct packing *packing, const struct mapped_file *file, const char *name, int depth) {
    if (depth >= SCRIPT_DEPTH_MAX) return fail_to_run(name, ELOOP);
    const char *text = (const char *)file->bytes + 2;
    const char *end = memchr(text, '\n', file->size - 2);
    char *line = text_format("%.*s", (int)((end ? end : text + file->size - 2) - text), text);
    char *cursor = nullptr;
    const char *interpreter = strtok_r(line, " \t\r", &cursor);
    const char *argument = strtok_r(nullptr, " \t\r", &cursor);
    if (argument && strcmp(argument, "-S") == 0) argument = strtok_r(nullptr, " \t\r", &cursor);
    int result = interpreter ? 0 : fail_to_run(name, ENOEXEC);
    const char *root = packing->options->root;
    if (result == 0) result = executable_add(packing, interpreter, root, interpreter, depth + 1);
    const char *slash = interpreter ? strrchr(interpreter, '/') : nullptr;
    if (result == 0 && argument && slash && strcmp(slash, "/env") == 0) {
        char *found = path_search(root, argument);
        result = found ? executable_add(packing, argument, root, found, depth + 1) : fail_to_run(argument, ENOENT);
        free(found);
    }
    free(line);
    return result;
}

static int elf_add(struct packing *packing, const struct mapped_file *file, const char *name, const char *source,
                   const char *canonical) {
    struct elf_image *image = memory_alloc(sizeof *image);
    int result = elf_check(name, file, image);
    free(image);
    struct library_search search = {
        .manifest = packing->manifest,
        .root = packing->options->root,
        .library_path = packing->library_path,
        .conf_folders = &packing->conf_folders,
    };
    if (result == 0) result = library_add_all(&search, source, canonical);
    if (result == 0) result = runtime_add(packing, canonical);
    return result;
}

// Packs the executable `path` of the tree `root` and whatever it needs to start.
static int executable_add(struct packing *packing, const char *name, const char *root, const char *path, int depth) {
    char *source = text_format("%s%s", root, path);
    char *canonical = nullptr;
    struct mapped_file file = {};
    int result = program_check(name, source);
    if (result) goto out;
    int error;
    // With a root that the program is not part of, its own links could clash with those of the root.
    if (strcmp(root, packing->options->root) == 0) {
        error = manifest_add_host(packing->manifest, root, path, &canonical);
    } else {
        canonical = realpath(source, nullptr);
        error = canonical ? manifest_add_file(packing->manifest, canonical, path) : -errno;
    }
    if (error == 0) error = mapped_file_open(source, &file);
    if (error < 0) {
        result = fail_to_run(name, -error);
    } else if (file.size >= 2 && memcmp(file.bytes, "#!", 2) == 0) {
        result = script_add(packing, &file, name, depth);
    } else if (file.size >= SELFMAG && memcmp(file.bytes, ELFMAG, SELFMAG) == 0) {
        result = elf_add(packing, &file, name, source, canonical);
    }
out:
    mapped_file_close(&file);
    free(canonical);
    free(source);
    return result;
}

// PROGRAM is a path or a name in PATH. With --root, an absolute one that exists below it is taken from there.
static int program_add(struct packing *packing, char **guest_path) {
    const char *name = packing->options->arguments[0];
    const char *root = packing->options->root;
    char *path = strchr(name, '/') ? absolute_path(name) : path_search(root, name);
    if (!path && *root) {
        root = "";
        path = path_search("", name);
    }
    if (!path) return fail_to_run(name, ENOENT);
    if (*root) {
        char *inside = text_format("%s%s", root, path);
        if (access(inside, F_OK) < 0) root = "";
        free(inside);
    }
    *guest_path = path;
    return executable_add(packing, name, root, path, 0);
}

// Arguments that name a file of the host: the program finds it at the same place (a copy).
static int argument_files_add(struct packing *packing) {
    for (int i = 1; i < packing->options->argument_count; i++) {
        const char *argument = packing->options->arguments[i];
        struct stat status;
        if (stat(argument, &status) < 0 || !S_ISREG(status.st_mode) || access(argument, R_OK) < 0) continue;
        if ((uint64_t)status.st_size > ARGUMENT_FILE_MAX) continue;
        char *path = absolute_path(argument);
        int result = *packing->options->root ? manifest_add_file(packing->manifest, argument, path)
                                             : manifest_add_host(packing->manifest, "", path, nullptr);
        if (result < 0 && packing->options->verbose) report("%s: not packed: %s", argument, strerror(-result));
        free(path);
    }
    return 0;
}

static int volumes_add(struct packing *packing) {
    for (size_t i = 0; i < packing->options->volumes.count; i++) {
        const char *volume = packing->options->volumes.items[i];
        const char *colon = strchr(volume, ':');
        char *host = colon ? text_format("%.*s", (int)(colon - volume), volume) : text_copy(volume);
        char *source = realpath(host, nullptr);
        char *guest = colon && colon[1] ? text_copy(colon + 1) : absolute_path(host);
        int result = 0;
        if (!source) {
            report("--volume %s: %s", host, strerror(errno));
            result = EXIT_MACHINE_FAILED;
        } else if (guest[0] != '/') {
            report("--volume %s: the place in the guest must be an absolute path", volume);
            result = EXIT_MACHINE_FAILED;
        } else if (manifest_add_tree(packing->manifest, source, guest) < 0) {
            result = EXIT_MACHINE_FAILED;
        }
        free(host);
        free(source);
        free(guest);
        if (result) return result;
    }
    return 0;
}

int program_pack(const struct options *options, const struct paths *paths, const struct streams *streams,
                 struct manifest *manifest) {
    struct packing packing = {.options = options, .manifest = manifest};
    struct guest_run run = {.options = options, .streams = streams};
    char *program = nullptr;
    for (size_t i = 0; i < options->env.count; i++)
        if (strncmp(options->env.items[i], "LD_LIBRARY_PATH=", 16) == 0)
            packing.library_path = options->env.items[i] + 16;
    int result = manifest_add_file(manifest, paths->init, "/init");
    if (result < 0) {
        report("%s: %s", paths->init, strerror(-result));
        return EXIT_MACHINE_FAILED;
    }
    if (options->command == COMMAND_SHELL) {
        result = guest_shell_add(manifest, options->root, true);
        run.program = "/bin/sh";
    } else {
        result = program_add(&packing, &program);
        if (result == 0) result = argument_files_add(&packing);
        run.program = program;
    }
    if (result == 0) result = volumes_add(&packing);
    if (result == 0) {
        surroundings_add(manifest, options);
        run.library_folders = packing.conf_folders.size ? packing.conf_folders.data : nullptr;
        guest_root_add(manifest, &run);
    }
    buffer_free(&packing.conf_folders);
    free(program);
    return result;
}
