// helctic: runs programs of this computer under the Helctic kernel in a small virtual machine.
#include "tools/helctic/cpio.h"
#include "tools/helctic/options.h"
#include "tools/helctic/paths.h"
#include "tools/helctic/program.h"
#include "tools/helctic/session.h"
#include "tools/helctic/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// A file without a name for the archive: on the disk of $TMPDIR when it can, else in memory.
static int archive_open(void) {
    const char *folder = getenv("TMPDIR");
    int file = open(folder && *folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file < 0) file = memfd_create("helctic-root", MFD_CLOEXEC);
    if (file < 0) report("cannot make a temporary file: %s", strerror(errno));
    return file;
}

// Packs the guest's root. Returns 0 and the open archive, or an exit code.
static int archive_make(const struct options *options, const struct paths *paths, const struct streams *streams,
                        int *archive) {
    struct manifest manifest = {};
    int result = program_pack(options, paths, streams, &manifest);
    if (result == 0) {
        *archive = archive_open();
        int64_t size = *archive < 0 ? -EIO : cpio_write(*archive, &manifest);
        if (size < 0) {
            result = size == -EFBIG ? EXIT_CANNOT_RUN : EXIT_MACHINE_FAILED;
        } else if ((uint64_t)size / 2 > ((uint64_t)options->memory_mib << 20) / 3) {
            report("the files (%lld MiB) leave too little of the machine's memory (%u MiB): use --memory",
                   (long long)size >> 20, options->memory_mib);
            result = EXIT_CANNOT_RUN;
        } else if (options->verbose) {
            report("packed %zu files, %.1f MiB", manifest.count, (double)size / (1 << 20));
        }
    }
    manifest_free(&manifest);
    return result;
}

static int run(const struct options *options, const struct paths *paths) {
    int64_t start = clock_now();
    struct streams streams = {.terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)};
    streams.terminal_error = streams.terminal && isatty(STDERR_FILENO);
    terminal_size(&streams.rows, &streams.columns);
    const char *kernel = options->kernel ? options->kernel : paths->kernel;
    if (access(kernel, R_OK) < 0) {
        report("cannot read the kernel %s: %s", kernel, strerror(errno));
        return EXIT_MACHINE_FAILED;
    }
    int archive = -1;
    int result = archive_make(options, paths, &streams, &archive);
    if (result == 0) result = session_run(options, kernel, archive, &streams, clock_now() - start);
    if (archive >= 0) close(archive);
    return result;
}

// Hands over to the source tree's benchmark.
static int bench(const struct options *options, const struct paths *paths) {
    if (!paths->source_top) {
        report("the benchmark needs the source tree: run it from there");
        return EXIT_NOT_FOUND;
    }
    struct string_list arguments = {};
    list_push(&arguments, text_copy("make"));
    list_push(&arguments, text_copy("-s"));
    list_push(&arguments, text_copy("-C"));
    list_push(&arguments, text_copy(paths->source_top));
    list_push(&arguments, text_copy("bench"));
    for (int i = 0; i < options->argument_count; i++)
        list_push(&arguments, text_copy(options->arguments[i]));
    execvp("make", arguments.items);
    report("make: %s", strerror(errno));
    return EXIT_NOT_FOUND;
}

// A standard stream that is closed becomes /dev/null, so that no other file takes its number.
static void streams_ensure(void) {
    int file = open("/dev/null", O_RDWR);
    while (file >= 0 && file <= STDERR_FILENO)
        file = open("/dev/null", O_RDWR);
    if (file >= 0) close(file);
}

int main(int count, char **arguments) {
    struct options options;
    struct paths paths;
    streams_ensure();
    int result = options_parse(count, arguments, &options);
    if (result) return result;
    paths_find(&paths);
    switch (options.command) {
    case COMMAND_HELP:
        options_help();
        break;
    case COMMAND_VERSION:
        puts("helctic " HELCTIC_VERSION);
        break;
    case COMMAND_BENCH:
        result = bench(&options, &paths);
        break;
    case COMMAND_RUN:
    case COMMAND_SHELL:
        result = run(&options, &paths);
        break;
    }
    paths_free(&paths);
    options_free(&options);
    return result;
}
