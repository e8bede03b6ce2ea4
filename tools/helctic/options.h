#pragma once
// The command line of the host command.
#include "tools/helctic/text.h"

enum command { COMMAND_RUN, COMMAND_SHELL, COMMAND_BENCH, COMMAND_HELP, COMMAND_VERSION };
enum machine_type { MACHINE_Q35, MACHINE_MICROVM };

enum : unsigned { CPU_COUNT_MAX = 64, MEMORY_MIB_MIN = 32, MEMORY_MIB_MAX = 1u << 20 };

struct options {
    enum command command;
    enum machine_type machine;
    bool trace;
    bool trace_summary;
    bool strict;
    bool verbose;
    unsigned cpus;
    unsigned memory_mib;
    double timeout; // seconds, 0 is none
    const char *trace_file;
    const char *workdir;
    const char *kernel;
    const char *root; // "" is the host's own files
    const char *personality;
    struct string_list env;     // NAME=VALUE or NAME
    struct string_list volumes; // HOST[:GUEST]
    struct string_list append;
    char **arguments; // PROGRAM and its arguments (run), a command for the shell, or those of bench
    int argument_count;
};

// Reads the command line. Returns 0, or an exit code after a message (EXIT_MACHINE_FAILED for wrong usage). Strings
// point into `arguments`; options_free releases the lists.
[[nodiscard]] int options_parse(int count, char **arguments, struct options *options);
void options_free(struct options *options);

// The help text on standard output.
void options_help(void);
