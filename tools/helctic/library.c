#include "tools/helctic/library.h"

#include "tools/helctic/elf_image.h"
#include "tools/helctic/ld_cache.h"
#include "tools/helctic/mapped_file.h"
#include "tools/helctic/text.h"

#include <elf.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// An object that is loaded: the program or a library, with the one that asked for it first.
struct object {
    char *path; // in the tree, canonical
    struct mapped_file file;
    struct elf_image image;
    const struct object *loader;
    struct object *next;
};

struct job {
    struct library_search *search;
    struct object *first;
    struct object *last;
    struct string_list names; // names asked for already
    struct mapped_file cache_file;
    struct ld_cache cache;
    bool have_cache;
    bool musl;
    bool optional;
    const char *interpreter_name;
};

static const char *const glibc_folders[] = {
    "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"};
static const char *const platform_library = "lib/x86_64-linux-gnu";

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// Replaces $ORIGIN, $LIB and $PLATFORM (with or without braces) in one search folder.
static char *folder_expand(const char *folder, size_t length, const char *object_path) {
    const char *slash = strrchr(object_path, '/');
    char *origin = text_format("%.*s", slash ? (int)(slash - object_path) : 0, object_path);
    const struct {
        const char *name;
        const char *value;
    } tokens[] = {{"ORIGIN", origin}, {"LIB", platform_library}, {"PLATFORM", "x86_64"}};
    struct buffer result = {};
    for (size_t i = 0; i < length;) {
        size_t skip = 0;
        for (size_t t = 0; folder[i] == '$' && t < sizeof tokens / sizeof *tokens && !skip; t++) {
            size_t name = strlen(tokens[t].name);
            bool brace = i + 1 < length && folder[i + 1] == '{';
            size_t start = i + 1 + brace;
            if (start + name + brace > length || strncmp(folder + start, tokens[t].name, name) != 0) continue;
            if (brace && folder[start + name] != '}') continue;
            buffer_append(&result, tokens[t].value, strlen(tokens[t].value));
            skip = 1 + name + 2u * brace;
        }
        if (!skip) buffer_append(&result, folder + i, 1);
        i += skip ? skip : 1;
    }
    free(origin);
    buffer_append(&result, "", 0);
    return result.data;
}

static bool object_fits(const struct job *job, const struct elf_image *image) {
    const struct elf_image *program = &job->first->image;
    return image->class_bits == program->class_bits && image->machine == program->machine && image->type == ET_DYN;
}

// Loads `path` of the tree as a library when it is one for this program. Takes nothing on failure.
static bool object_try(struct job *job, const char *path, const struct object *loader) {
    if (!job->first) return false;
    char *source = text_format("%s%s", job->search->root, path);
    struct object *object = memory_alloc(sizeof *object);
    bool good = mapped_file_open(source, &object->file) == 0 &&
                elf_image_read(object->file.bytes, object->file.size, &object->image) == 0 &&
                object_fits(job, &object->image) &&
                manifest_add_host(job->search->manifest, job->search->root, path, &object->path) == 0;
    free(source);
    if (!good) {
        mapped_file_close(&object->file);
        free(object);
        return false;
    }
    object->loader = loader;
    job->last->next = object;
    job->last = object;
    return true;
}

static bool folder_try(struct job *job, const char *folder, const char *name, const struct object *loader) {
    char *path = text_format("%s/%s", folder, name);
    bool found = path[0] == '/' && object_try(job, path, loader);
    free(path);
    return found;
}

// Searches the ':'-separated folders of `list`, expanded for `owner`.
static bool list_try(struct job *job, const char *list, const char *owner, const char *name,
                     const struct object *loader) {
    bool found = false;
    while (list && *list && !found) {
        size_t length = strcspn(list, ":");
        char *folder = folder_expand(list, length, owner);
        found = length && folder_try(job, folder, name, loader);
        free(folder);
        list += length + (list[length] == ':');
    }
    return found;
}

struct cache_visit {
    struct job *job;
    const struct object *loader;
};

static bool cache_path_try(const char *path, void *context) {
    const struct cache_visit *visit = context;
    return object_try(visit->job, path, visit->loader);
}

static bool configuration_try(struct job *job, const char *file, const char *name, const struct object *loader,
                              int depth);

static bool configuration_include(struct job *job, const char *pattern, const char *name, const struct object *loader,
                                  int depth) {
    const char *root = job->search->root;
    char *full = text_format("%s%s%s", root, pattern[0] == '/' ? "" : "/etc/", pattern);
    glob_t matches;
    bool found = false;
    if (glob(full, 0, nullptr, &matches) == 0) {
        for (size_t i = 0; i < matches.gl_pathc && !found; i++)
            found = configuration_try(job, matches.gl_pathv[i] + strlen(root), name, loader, depth + 1);
        globfree(&matches);
    }
    free(full);
    return found;
}

// Looks into the folders that an ld.so.conf file lists.
static bool configuration_try(struct job *job, const char *file, const char *name, const struct object *loader,
                              int depth) {
    struct library_search *search = job->search;
    char *source = text_format("%s%s", search->root, file);
    struct mapped_file mapped;
    int result = mapped_file_open(source, &mapped);
    free(source);
    if (result < 0 || depth > 8) return false;
    bool found = false;
    for (const char *at = (const char *)mapped.bytes, *end = at + mapped.size; at < end && !found;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        char *line = text_format("%.*s", (int)((newline ? newline : end) - at), at);
        at = newline ? newline + 1 : end;
        line[strcspn(line, "#")] = '\0';
        char *cursor = nullptr;
        char *word = strtok_r(line, " \t\r", &cursor);
        if (word && strcmp(word, "include") == 0) {
            while (!found && (word = strtok_r(nullptr, " \t\r", &cursor)))
                found = configuration_include(job, word, name, loader, depth);
        } else if (word && folder_try(job, word, name, loader)) {
            found = search->used_configuration = true;
            if (search->conf_folders)
                buffer_format(search->conf_folders, "%s%s", search->conf_folders->size ? ":" : "", word);
        }
        free(line);
    }
    mapped_file_close(&mapped);
    return found;
}

static bool glibc_find(struct job *job, const char *name, const struct object *loader) {
    if (!loader->image.runpath) {
        for (const struct object *at = loader; at; at = at->loader)
            if (!at->image.runpath && list_try(job, at->image.rpath, at->path, name, loader)) return true;
    }
    if (list_try(job, job->search->library_path, job->first->path, name, loader)) return true;
    if (list_try(job, loader->image.runpath, loader->path, name, loader)) return true;
    struct cache_visit visit = {job, loader};
    if (job->have_cache && ld_cache_find(&job->cache, name, cache_path_try, &visit)) return true;
    for (size_t i = 0; i < sizeof glibc_folders / sizeof *glibc_folders; i++)
        if (folder_try(job, glibc_folders[i], name, loader)) return true;
    return !job->have_cache && configuration_try(job, "/etc/ld.so.conf", name, loader, 0);
}

// musl keeps its folders, one a line or with ':', in /etc/ld-musl-ARCH.path.
static bool musl_path_try(struct job *job, const char *name, const struct object *loader) {
    const char *machine = strstr(job->interpreter_name, "ld-musl-");
    const char *end = strstr(machine, ".so");
    char *file = text_format("%s/etc/%.*s.path", job->search->root, end ? (int)(end - machine) : 0, machine);
    struct mapped_file mapped;
    char *list;
    if (mapped_file_open(file, &mapped) == 0) {
        list = text_format("%.*s", (int)mapped.size, (const char *)mapped.bytes);
        for (char *at = list; *at; at++)
            *at = *at == '\n' ? ':' : *at;
        mapped_file_close(&mapped);
    } else {
        // Debian keeps a second set of libraries for musl-tools.
        list = text_copy("/lib:/usr/local/lib:/usr/lib:/lib/x86_64-linux-musl:/usr/lib/x86_64-linux-musl");
    }
    bool found = list_try(job, list, loader->path, name, loader);
    free(list);
    free(file);
    return found;
}

// The names that musl's loader answers itself: libc and the libraries that are part of it.
static bool musl_builtin(const char *name) {
    static const char *const parts[] = {"c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet.", "crypt.", "resolv."};
    if (strncmp(name, "lib", 3) != 0) return false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strncmp(name + 3, parts[i], strlen(parts[i])) == 0) return true;
    return false;
}

static bool musl_find(struct job *job, const char *name, const struct object *loader) {
    if (musl_builtin(name)) return true;
    if (list_try(job, job->search->library_path, job->first->path, name, loader)) return true;
    for (const struct object *at = loader; at; at = at->loader) {
        if (list_try(job, at->image.rpath, at->path, name, loader)) return true;
        if (list_try(job, at->image.runpath, at->path, name, loader)) return true;
    }
    return musl_path_try(job, name, loader);
}

static bool name_seen(struct job *job, const char *name) {
    for (size_t i = 0; i < job->names.count; i++)
        if (strcmp(job->names.items[i], name) == 0) return true;
    list_push(&job->names, text_copy(name));
    return false;
}

static bool library_find(struct job *job, const char *name, const struct object *loader) {
    if (name_seen(job, name)) return true;
    if (job->interpreter_name && strcmp(name, base_name(job->interpreter_name)) == 0) return true;
    if (strchr(name, '/')) return object_try(job, name, loader);
    return job->musl ? musl_find(job, name, loader) : glibc_find(job, name, loader);
}

static int objects_resolve(struct job *job) {
    for (struct object *object = job->first; object; object = object->next) {
        for (size_t i = 0; i < object->image.needed_count; i++) {
            const char *name = object->image.needed[i];
            if (library_find(job, name, object) || job->optional) continue;
            report("%s: cannot find the library %s (needed by %s)", job->first->path, name, object->path);
            return EXIT_NOT_FOUND;
        }
    }
    return 0;
}

static void cache_open(struct job *job) {
    struct library_search *search = job->search;
    char *source = text_format("%s/etc/ld.so.cache", search->root);
    if (mapped_file_open(source, &job->cache_file) == 0)
        job->have_cache = ld_cache_read(job->cache_file.bytes, job->cache_file.size, &job->cache) == 0;
    if (job->have_cache && !job->optional) {
        int result = manifest_add_host(search->manifest, search->root, "/etc/ld.so.cache", nullptr);
        if (result < 0) job->have_cache = false;
    }
    free(source);
}

static void job_end(struct job *job) {
    for (struct object *object = job->first, *next; object; object = next) {
        next = object->next;
        mapped_file_close(&object->file);
        free(object->path);
        free(object);
    }
    mapped_file_close(&job->cache_file);
    list_free(&job->names);
}

static int interpreter_add(struct job *job, const char *interpreter) {
    struct library_search *search = job->search;
    job->interpreter_name = interpreter;
    job->musl = strstr(interpreter, "ld-musl-") != nullptr;
    int result = manifest_add_host(search->manifest, search->root, interpreter, nullptr);
    if (result == 0) return 0;
    report("%s: cannot find its interpreter %s%s: %s", job->first->path, search->root, interpreter, strerror(-result));
    return EXIT_NOT_FOUND;
}

// glibc loads libgcc_s itself when a thread is cancelled or exits early.
static void unwinder_add(struct job *job) {
    if (job->musl) return;
    job->optional = true;
    [[maybe_unused]] bool found = library_find(job, "libgcc_s.so.1", job->first);
    [[maybe_unused]] int result = objects_resolve(job);
}

static int job_run(struct job *job, const char *source, const char *path, const char *interpreter) {
    struct object *program = memory_alloc(sizeof *program);
    job->first = job->last = program;
    program->path = text_copy(path);
    int result = mapped_file_open(source, &program->file);
    if (result == 0) result = elf_image_read(program->file.bytes, program->file.size, &program->image);
    if (result < 0) {
        if (!job->optional) report("%s: cannot run it: %s", path, strerror(-result));
        return EXIT_CANNOT_RUN;
    }
    if (program->image.interpreter) interpreter = program->image.interpreter;
    if (!interpreter || !program->image.dynamic) return 0;
    result = job->optional ? 0 : interpreter_add(job, interpreter);
    if (result) return result;
    if (!job->musl) cache_open(job);
    result = objects_resolve(job);
    if (result == 0 && !job->optional) unwinder_add(job);
    return result;
}

int library_add_all(struct library_search *search, const char *source, const char *path) {
    struct job job = {.search = search};
    int result = job_run(&job, source, path, nullptr);
    job_end(&job);
    return result;
}

void library_add_optional(struct library_search *search, const char *source, const char *path) {
    struct job job = {.search = search, .optional = true};
    [[maybe_unused]] int result = job_run(&job, source, path, "");
    job_end(&job);
}
