#include "tools/helctic/guest_root.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const struct {
    const char *path;
    unsigned mode;
} guest_folders[] = {
    {"/dev", 0755}, {"/etc", 0755},  {"/proc", 0555}, {"/root", 0700},     {"/run", 0755},
    {"/sys", 0555}, {"/tmp", 01777}, {"/var", 0755},  {"/var/tmp", 01777},
};

static const struct {
    const char *path;
    const char *text;
} guest_files[] = {
    {"/etc/passwd",
     "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/:/bin/false\nuser:x:1000:1000:user:/tmp:/bin/sh\n"
     "nobody:x:65534:65534:nobody:/:/bin/false\n"},
    {"/etc/group", "root:x:0:\ndaemon:x:1:\ntty:x:5:\nuser:x:1000:\nnogroup:x:65534:\n"},
    {"/etc/hostname", "helctic\n"},
    {"/etc/hosts", "127.0.0.1 localhost helctic\n::1 localhost\n"},
    {"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"},
    {"/etc/shells", "/bin/sh\n"},
};

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
static const char *const handed_on[] = {"LANG", "LC_ALL", "LC_CTYPE", "TZ", "TERM"};

static void record_add(struct buffer *record, const char *key, const char *value) {
    buffer_append(record, key, strlen(key));
    buffer_append(record, "=", 1);
    buffer_append(record, value, strlen(value) + 1);
}

static void record_number(struct buffer *record, const char *key, unsigned value) {
    char *text = text_format("%u", value);
    record_add(record, key, text);
    free(text);
}

// True when --env sets `name`.
static bool env_given(const struct options *options, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < options->env.count; i++) {
        const char *item = options->env.items[i];
        if (strncmp(item, name, length) == 0 && (item[length] == '=' || item[length] == '\0')) return true;
    }
    return false;
}

static void env_default(struct buffer *record, const struct options *options, const char *name, const char *value) {
    if (!value || env_given(options, name)) return;
    char *text = text_format("%s=%s", name, value);
    record_add(record, "env", text);
    free(text);
}

static void record_env(struct buffer *record, const struct guest_run *run) {
    const struct options *options = run->options;
    env_default(record, options, "PATH", default_path);
    env_default(record, options, "HOME", "/root");
    env_default(record, options, "USER", "root");
    env_default(record, options, "SHELL", "/bin/sh");
    env_default(record, options, "LD_LIBRARY_PATH", run->library_folders);
    for (size_t i = 0; i < sizeof handed_on / sizeof *handed_on; i++)
        env_default(record, options, handed_on[i], getenv(handed_on[i]));
    for (size_t i = 0; i < options->env.count; i++) {
        const char *item = options->env.items[i];
        if (strchr(item, '=')) {
            record_add(record, "env", item);
        } else if (getenv(item)) {
            char *text = text_format("%s=%s", item, getenv(item));
            record_add(record, "env", text);
            free(text);
        }
    }
}

static void record_arguments(struct buffer *record, const struct options *options) {
    if (options->command == COMMAND_RUN) {
        for (int i = 0; i < options->argument_count; i++)
            record_add(record, "arg", options->arguments[i]);
        return;
    }
    // A shell: interactive as a login shell, or one command made of the arguments.
    if (options->argument_count == 0) {
        record_add(record, "arg", "-sh");
        return;
    }
    struct buffer command = {};
    for (int i = 0; i < options->argument_count; i++)
        buffer_format(&command, "%s%s", i ? " " : "", options->arguments[i]);
    record_add(record, "arg", "sh");
    record_add(record, "arg", "-c");
    record_add(record, "arg", command.data);
    buffer_free(&command);
}

static void record_streams(struct buffer *record, const struct streams *streams) {
    record_add(record, "stdin", streams->terminal ? "/dev/hvc0" : "/dev/virtio-ports/helctic.stdin");
    record_add(record, "stdout", streams->terminal ? "/dev/hvc0" : "/dev/virtio-ports/helctic.stdout");
    record_add(record, "stderr", streams->terminal_error ? "/dev/hvc0" : "/dev/virtio-ports/helctic.stderr");
    if (!streams->terminal) return;
    record_number(record, "rows", streams->rows);
    record_number(record, "columns", streams->columns);
}

void guest_root_add(struct manifest *manifest, const struct guest_run *run) {
    const struct options *options = run->options;
    char *folder = options->workdir ? text_copy(options->workdir) : getcwd(nullptr, 0);
    for (size_t i = 0; i < sizeof guest_folders / sizeof *guest_folders; i++)
        manifest_add_directory(manifest, guest_folders[i].path, guest_folders[i].mode);
    for (size_t i = 0; i < sizeof guest_files / sizeof *guest_files; i++)
        manifest_add_memory(manifest, guest_files[i].path, guest_files[i].text, strlen(guest_files[i].text), 0644);
    // The host's time zone, so that dates read alike; a host without one is fine.
    [[maybe_unused]] int result = manifest_add_host(manifest, options->root, "/etc/localtime", nullptr);
    if (options->command == COMMAND_SHELL && !options->workdir) {
        free(folder);
        folder = text_copy("/");
    }
    if (folder && strcmp(folder, "/") != 0) manifest_add_directory(manifest, folder, 0755);

    struct buffer record = {};
    record_add(&record, "path", run->program);
    record_arguments(&record, options);
    record_env(&record, run);
    record_add(&record, "cwd", folder ? folder : "/");
    record_streams(&record, run->streams);
    if (options->personality) record_add(&record, "personality", options->personality);
    record_add(&record, "uid", "0");
    record_add(&record, "gid", "0");
    manifest_add_memory(manifest, "/etc/helctic/run", record.data, record.size, 0600);
    buffer_free(&record);
    free(folder);
}

// The names of busybox's commands with their folders ("bin/ls"), one a line, asked from the program itself.
static int applets_read(const char *busybox, struct buffer *names) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    char *const arguments[] = {"busybox", "--list-full", nullptr};
    pid_t child;
    int error = posix_spawn(&child, busybox, &actions, nullptr, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    char block[4096];
    for (ssize_t got; error == 0 && (got = read(ends[0], block, sizeof block)) > 0;)
        buffer_append(names, block, (size_t)got);
    close(ends[0]);
    if (error == 0 && waitpid(child, nullptr, 0) < 0) error = errno;
    return -error;
}

int guest_shell_add(struct manifest *manifest, const char *root, bool required) {
    static const char *const places[] = {"/bin/busybox", "/usr/bin/busybox", "/bin/busybox.static"};
    char *source = nullptr;
    int result = -ENOENT;
    for (size_t i = 0; i < sizeof places / sizeof *places && result == -ENOENT; i++) {
        result = manifest_add_host(manifest, root, places[i], nullptr);
        if (result == 0) source = text_format("%s%s", root, places[i]);
    }
    if (result < 0) {
        if (required) report("the shell needs busybox: install the package busybox-static");
        return EXIT_NOT_FOUND;
    }
    manifest_add_directory(manifest, "/bin", 0755);
    struct buffer names = {};
    result = applets_read(source, &names);
    char *cursor = nullptr;
    for (char *name = names.size ? strtok_r(names.data, "\n", &cursor) : nullptr; name;
         name = strtok_r(nullptr, "\n", &cursor)) {
        char *path = text_format("/%s", name);
        if (strcmp(name, "linuxrc") != 0) manifest_add_symlink(manifest, path, "/bin/busybox");
        free(path);
    }
    manifest_add_symlink(manifest, "/bin/sh", "/bin/busybox");
    manifest_add_symlink(manifest, "/bin/busybox", "/usr/bin/busybox");
    buffer_free(&names);
    if (result < 0 && required) report("%s: %s", source, strerror(-result));
    free(source);
    return result < 0 ? EXIT_CANNOT_RUN : 0;
}
