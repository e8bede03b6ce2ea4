#include "tools/helctic/options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help_text[] =
    "usage: helctic run [OPTIONS] PROGRAM [ARGUMENTS...]   run a program of this computer under Helctic\n"
    "       helctic shell [OPTIONS] [COMMAND...]           an interactive system (or one shell command)\n"
    "       helctic bench [ARGUMENTS...]                   measure Helctic against Linux\n"
    "       helctic --help | --version\n"
    "\n"
    "Options of run and shell:\n"
    "  --trace[=FILE]        write every system call to standard error, or to FILE\n"
    "  --trace-summary       count the system calls and print a table at the end\n"
    "  --strict              end the program at the first system call that is not implemented\n"
    "  --smp N               processors of the machine (1)\n"
    "  --memory SIZE         memory of the machine, in MiB or with K, M or G (512M)\n"
    "  --env NAME[=VALUE]    set a variable, or hand on the host's value; repeatable\n"
    "  --workdir DIR         current folder of the program (the one you are in)\n"
    "  --volume HOST[:GUEST] copy a file or folder into the machine; repeatable\n"
    "  --timeout SECONDS     end the program after this time, with status 124\n"
    "  --root DIR            take the interpreter and the libraries from DIR\n"
    "  --personality NAME    native, linux, windows, darwin, freebsd, netbsd or openbsd; by default as the file says\n"
    "  --machine NAME        q35 (default) or microvm\n"
    "  --kernel FILE         boot this kernel\n"
    "  --append WORDS        more words for the kernel's command line; repeatable\n"
    "  --verbose             say what is done, with which accelerator, and where the time went\n"
    "\n"
    "Exit status: the program's; 128+N when signal N killed it; 124 time-out; 125 Helctic, QEMU or the kernel failed;\n"
    "126 the program cannot run; 127 it, its interpreter or a library was not found.\n";

enum value_rule { VALUE_NONE, VALUE_OPTIONAL, VALUE_REQUIRED };

struct option_rule {
    const char *name;
    enum value_rule value;
    int (*set)(struct options *options, const char *value);
};

static int usage_error(const char *format, const char *what) {
    char *message = text_format("%s; see helctic --help", format);
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wformat-nonliteral"
    report(message, what);
#pragma clang diagnostic pop
    free(message);
    return EXIT_MACHINE_FAILED;
}

static int set_trace(struct options *options, const char *value) {
    options->trace = true;
    if (value) options->trace_file = value;
    return 0;
}

static int set_trace_summary(struct options *options, const char *) {
    options->trace_summary = true;
    return 0;
}

static int set_strict(struct options *options, const char *) {
    options->strict = true;
    return 0;
}

static int set_verbose(struct options *options, const char *) {
    options->verbose = true;
    return 0;
}

static int set_smp(struct options *options, const char *value) {
    char *end;
    errno = 0;
    unsigned long number = strtoul(value, &end, 10);
    if (errno || end == value || *end || number < 1 || number > CPU_COUNT_MAX || value[0] == '-')
        return usage_error("--smp wants a number from 1 to 64, not '%s'", value);
    options->cpus = (unsigned)number;
    return 0;
}

static int set_memory(struct options *options, const char *value) {
    char *end;
    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);
    unsigned long long mib = number;
    bool good = errno == 0 && end != value && value[0] != '-' && number <= MEMORY_MIB_MAX * 1024ull;
    if (*end == 'G' || *end == 'g')
        mib = number * 1024, end++;
    else if (*end == 'M' || *end == 'm')
        end++;
    else if (*end == 'K' || *end == 'k')
        mib = number / 1024, end++;
    if (good && *end == 'i') end++;
    if (good && *end == 'B') end++;
    if (!good || *end || mib < MEMORY_MIB_MIN || mib > MEMORY_MIB_MAX)
        return usage_error("--memory wants a size such as 512M or 2G (at least 32M), not '%s'", value);
    options->memory_mib = (unsigned)mib;
    return 0;
}

static int set_env(struct options *options, const char *value) {
    if (!*value || *value == '=') return usage_error("--env wants NAME or NAME=VALUE, not '%s'", value);
    list_push(&options->env, text_copy(value));
    return 0;
}

static int set_workdir(struct options *options, const char *value) {
    if (*value != '/') return usage_error("--workdir wants an absolute path, not '%s'", value);
    options->workdir = value;
    return 0;
}

static int set_volume(struct options *options, const char *value) {
    if (!*value || *value == ':') return usage_error("--volume wants HOST[:GUEST], not '%s'", value);
    list_push(&options->volumes, text_copy(value));
    return 0;
}

static int set_timeout(struct options *options, const char *value) {
    char *end;
    double seconds = strtod(value, &end);
    if (end != value && *end == 's') end++;
    if (end == value || *end || !isfinite(seconds) || seconds <= 0 || seconds > 1e9)
        return usage_error("--timeout wants a number of seconds, not '%s'", value);
    options->timeout = seconds;
    return 0;
}

static int set_append(struct options *options, const char *value) {
    list_push(&options->append, text_copy(value));
    return 0;
}

static int set_kernel(struct options *options, const char *value) {
    options->kernel = value;
    return 0;
}

static int set_root(struct options *options, const char *value) {
    options->root = strcmp(value, "/") == 0 ? "" : value;
    return 0;
}

static int set_personality(struct options *options, const char *value) {
    static const char *const names[] = {"native", "linux", "windows", "darwin", "freebsd", "netbsd", "openbsd"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(value, names[i]) != 0) continue;
        options->personality = names[i];
        return 0;
    }
    return usage_error("there is no personality '%s'", value);
}

static int set_machine(struct options *options, const char *value) {
    if (strcmp(value, "q35") != 0 && strcmp(value, "microvm") != 0)
        return usage_error("--machine is q35 or microvm, not '%s'", value);
    options->machine = value[0] == 'q' ? MACHINE_Q35 : MACHINE_MICROVM;
    return 0;
}

static const struct option_rule option_rules[] = {
    {"trace", VALUE_OPTIONAL, set_trace},     {"trace-summary", VALUE_NONE, set_trace_summary},
    {"strict", VALUE_NONE, set_strict},       {"smp", VALUE_REQUIRED, set_smp},
    {"memory", VALUE_REQUIRED, set_memory},   {"env", VALUE_REQUIRED, set_env},
    {"workdir", VALUE_REQUIRED, set_workdir}, {"volume", VALUE_REQUIRED, set_volume},
    {"timeout", VALUE_REQUIRED, set_timeout}, {"append", VALUE_REQUIRED, set_append},
    {"kernel", VALUE_REQUIRED, set_kernel},   {"verbose", VALUE_NONE, set_verbose},
    {"root", VALUE_REQUIRED, set_root},       {"personality", VALUE_REQUIRED, set_personality},
    {"machine", VALUE_REQUIRED, set_machine},
};

static int command_read(const char *word, struct options *options) {
    static const struct {
        const char *word;
        enum command command;
    } commands[] = {
        {"run", COMMAND_RUN}, {"shell", COMMAND_SHELL}, {"bench", COMMAND_BENCH},       {"--help", COMMAND_HELP},
        {"-h", COMMAND_HELP}, {"help", COMMAND_HELP},   {"--version", COMMAND_VERSION}, {"-V", COMMAND_VERSION},
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(word, commands[i].word) != 0) continue;
        options->command = commands[i].command;
        return 0;
    }
    return usage_error("there is no command '%s'", word);
}

// Reads the option at arguments[*at], which begins with "--", and moves `*at` behind it and its value.
static int option_read(char **arguments, int count, int *at, struct options *options) {
    const char *name = arguments[*at] + 2;
    size_t length = strcspn(name, "=");
    const char *value = name[length] ? name + length + 1 : nullptr;
    for (size_t i = 0; i < sizeof option_rules / sizeof *option_rules; i++) {
        const struct option_rule *rule = &option_rules[i];
        if (strlen(rule->name) != length || strncmp(rule->name, name, length) != 0) continue;
        if (value && rule->value == VALUE_NONE) return usage_error("--%s takes no value", rule->name);
        if (!value && rule->value == VALUE_REQUIRED) {
            if (*at + 1 >= count) return usage_error("--%s wants a value", rule->name);
            value = arguments[++*at];
        }
        ++*at;
        return rule->set(options, value);
    }
    return usage_error("there is no option '%s'", arguments[*at]);
}

int options_parse(int count, char **arguments, struct options *options) {
    *options = (struct options){.cpus = 1, .memory_mib = 512, .root = ""};
    if (count < 2) return usage_error("%s", "what shall I do: run, shell or bench?");
    int result = command_read(arguments[1], options);
    int at = 2;
    if (options->command == COMMAND_RUN || options->command == COMMAND_SHELL) {
        while (result == 0 && at < count && arguments[at][0] == '-' && arguments[at][1]) {
            if (strcmp(arguments[at], "--") == 0) {
                at++;
                break;
            }
            if (strcmp(arguments[at], "--help") == 0 || strcmp(arguments[at], "-h") == 0) {
                options->command = COMMAND_HELP;
                return 0;
            }
            if (arguments[at][1] != '-')
                result = usage_error("there is no option '%s'", arguments[at]);
            else
                result = option_read(arguments, count, &at, options);
        }
    }
    if (result) return result;
    options->arguments = arguments + at;
    options->argument_count = count - at;
    if (options->command == COMMAND_RUN && options->argument_count == 0)
        return usage_error("which program shall I %s?", "run");
    return 0;
}

void options_free(struct options *options) {
    list_free(&options->env);
    list_free(&options->volumes);
    list_free(&options->append);
}

void options_help(void) {
    fputs(help_text, stdout);
}
