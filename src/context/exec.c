// exec: prepare (everything that may fail, into a new address space), then commit (the old program is gone).
#include "src/context/context.h"

#include "lib/string.h"
#include "src/context/handle_table.h"
#include "src/context/trace.h"
#include "src/elf.h"
#include "src/kernel.h"
#include "src/memory/address_space.h"
#include "src/memory/heap.h"
#include "src/memory/memory_object.h"
#include "src/random.h"
#include "src/scheme/file.h"
#include "src/syscall_handler/detect.h"
#include "src/syscall_handler/syscall_handler.h"

constexpr size_t HEAD_SIZE = 1024; // enough for notes and #! lines
constexpr unsigned SCRIPT_DEPTH_MAXIMUM = 5;
constexpr size_t SCRIPT_LINE_MAXIMUM = 256; // as Linux's BINPRM_BUF_SIZE
constexpr size_t STACK_INITIAL = 128 * 1024;
constexpr uint64_t PROGRAM_BASE = 0x555555554000; // of position-independent programs, before randomisation

// What prepare collects; released by prepared_release whether or not commit took parts over (it clears what it took).
struct prepared {
    struct file *file;        // the program; the interpreter of a script after #!
    struct file *interpreter; // PT_INTERP
    struct address_space *space;
    char *strings; // arguments rewritten by #!; nullptr: the caller's
    struct kernel_exec exec;
    const char *path; // as given
    size_t path_length;
    char *script_path;
    char *path_copy;
    enum personality personality;
    struct elf_image image, interpreter_image;
    struct program_image start;
    struct credentials *credentials; // new ones; nullptr: unchanged
    uint8_t head[HEAD_SIZE];
    size_t head_size;
};

static int64_t read_file(void *data, void *buffer, size_t size, uint64_t offset) {
    return file_read_at(data, buffer, size, offset);
}

static int32_t open_program(int32_t directory, const char *path, size_t length, uint32_t flags, struct file **file) {
    uint32_t lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
    struct path place;
    int32_t error = path_lookup(directory, path, length, lookup | (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0), &place);
    if (error) return error;
    struct node *node = place.name->node;
    if (node_type(node) == S_IFLNK)
        error = -ELOOP;
    else if (node_type(node) != S_IFREG || place.mount->flags & MOUNT_NO_EXECUTE)
        error = -EACCES;
    else
        error = node_permission(node, ACCESS_EXECUTE);
    if (!error) error = file_open_node(&place, O_RDONLY, file);
    path_put(&place);
    if (error) return error;
    error = file_deny_write(*file);
    if (error) {
        file_put(*file);
        *file = nullptr;
    }
    return error;
}

static void close_program(struct file *file) {
    if (!file) return;
    file_allow_write(file);
    file_put(file);
}

// Splits "#! interpreter [argument]" in place. -ENOEXEC: not a script line.
static int32_t parse_script_line(char *line, size_t size, char **interpreter, char **argument) {
    char *end = memchr(line, '\n', size);
    if (!end) {
        if (size == SCRIPT_LINE_MAXIMUM) return -ENOEXEC;
        end = line + size;
    }
    while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = 0;
    char *at = line + 2;
    while (*at == ' ' || *at == '\t')
        at++;
    if (!*at) return -ENOEXEC;
    *interpreter = at;
    while (*at && *at != ' ' && *at != '\t')
        at++;
    while (*at == ' ' || *at == '\t')
        *at++ = 0;
    *argument = *at ? at : nullptr;
    return 0;
}

// argv becomes interpreter, [argument], path, argv[1…].
static int32_t rewrite_arguments(struct prepared *p, const char *interpreter, const char *argument) {
    size_t skip = p->exec.argument_count ? strlen(p->exec.strings) + 1 : 0;
    size_t rest = p->exec.strings_size - skip;
    size_t size = strlen(interpreter) + 1 + (argument ? strlen(argument) + 1 : 0) + p->path_length + 1;
    char *strings = heap_alloc(size + rest);
    if (!strings) return -ENOMEM;
    char *at = strings;
    memcpy(at, interpreter, strlen(interpreter) + 1);
    at += strlen(interpreter) + 1;
    if (argument) {
        memcpy(at, argument, strlen(argument) + 1);
        at += strlen(argument) + 1;
    }
    memcpy(at, p->path, p->path_length);
    at[p->path_length] = 0;
    at += p->path_length + 1;
    memcpy(at, p->exec.strings + skip, rest);
    heap_free(p->strings);
    p->strings = strings;
    p->exec.strings = strings;
    p->exec.strings_size = size + rest;
    p->exec.argument_count = max(p->exec.argument_count, 1u) + 1 + (argument != nullptr);
    return 0;
}

// The file's interpreter takes its place.
static int32_t enter_script(struct prepared *p) {
    char line[SCRIPT_LINE_MAXIMUM + 1];
    size_t size = min(p->head_size, SCRIPT_LINE_MAXIMUM);
    memcpy(line, p->head, size);
    line[size] = 0;
    char *interpreter, *argument;
    int32_t error = parse_script_line(line, size, &interpreter, &argument);
    if (!error) error = rewrite_arguments(p, interpreter, argument);
    if (error) return error;
    char *path = heap_copy_string(interpreter, strlen(interpreter));
    if (!path) return -ENOMEM;
    close_program(p->file);
    p->file = nullptr;
    heap_free(p->script_path);
    p->script_path = path;
    p->path = path;
    p->path_length = strlen(path);
    return open_program(AT_FDCWD, path, p->path_length, 0, &p->file);
}

static int32_t read_head(struct prepared *p) {
    int64_t size = file_read_at(p->file, p->head, HEAD_SIZE, 0);
    if (size < 0) return (int32_t)size;
    p->head_size = (size_t)size;
    return 0;
}

static int32_t find_image(struct prepared *p) {
    for (unsigned depth = 0;; depth++) {
        int32_t error = read_head(p);
        if (error) return error;
        if (p->head_size < 2 || p->head[0] != '#' || p->head[1] != '!') return 0;
        if (depth == SCRIPT_DEPTH_MAXIMUM) return -ELOOP;
        error = enter_script(p);
        if (error) return error;
    }
}

static bool personality_dispatched(uint32_t personality) {
    return personality == PERSONALITY_NATIVE || personality_hooks_of(personality) != nullptr;
}

// helctic.personality=NAME: what the programs are said to be for, whatever they say. Process 1 is our own.
static void override_personality(enum personality *personality) {
    size_t length;
    const char *name = command_line_option("helctic.personality", &length);
    if (!name || process_current()->pid == 1) return;
    if (!personality_by_name(name, length, personality))
        log_warning("exec", "no personality is called %.*s", (int)length, name);
}

static int32_t find_personality(struct prepared *p) {
    int32_t error = detect_personality(p->head, p->head_size, &p->personality);
    if (error) return error;
    override_personality(&p->personality);
    if (!personality_dispatched(p->personality)) {
        log_warning("exec", "%.*s is a program for %s, which Helctic does not run yet", (int)p->path_length, p->path,
                    personality_name(p->personality));
        return -ENOEXEC;
    }
    return 0;
}

// ---- mapping

static uint32_t segment_protection(uint32_t flags) {
    return (flags & ELF_READ ? PROT_READ : 0) | (flags & ELF_WRITE ? PROT_WRITE : 0) |
           (flags & ELF_EXECUTE ? PROT_EXEC : 0);
}

static int32_t map_zeroes(struct address_space *space, uintptr_t start, uintptr_t end, uint32_t protection) {
    if (start >= end) return 0;
    struct map_request request = {
        .address = start,
        .length = end - start,
        .protection = protection,
        .maximum_protection = PROT_READ | PROT_WRITE | PROT_EXEC,
        .flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS,
    };
    uintptr_t result;
    return address_space_map(space, &request, &result);
}

// The part of a segment's last file page that lies behind the file's bytes must read as zeroes.
static int32_t clear_tail(struct address_space *space, uintptr_t start, uintptr_t end) {
    static const char zeroes[256];
    while (start < end) {
        size_t count = min(end - start, sizeof zeroes);
        if (address_space_copy(space, start, (void *)zeroes, count, true) != count) return -ENOMEM;
        start += count;
    }
    return 0;
}

static int32_t map_segment(struct address_space *space, struct file *file, struct memory_object *object,
                           const struct elf_segment *segment, uintptr_t bias) {
    uint32_t protection = segment_protection(segment->flags);
    uintptr_t start = align_down(bias + segment->address, PAGE_SIZE);
    uintptr_t file_end = bias + segment->address + segment->file_size;
    uintptr_t memory_end = align_up(bias + segment->address + segment->memory_size, PAGE_SIZE);
    int32_t error = 0;
    if (segment->file_size) {
        struct map_request request = {
            .address = start,
            .length = file_end - start,
            .protection = protection,
            .maximum_protection = PROT_READ | PROT_WRITE | PROT_EXEC,
            .flags = MAP_PRIVATE | MAP_FIXED,
            .object = object,
            .offset = align_down(segment->offset, PAGE_SIZE),
            .file = file,
        };
        uintptr_t result;
        error = address_space_map(space, &request, &result);
        if (!error && segment->memory_size > segment->file_size && segment->flags & ELF_WRITE)
            error = clear_tail(space, file_end, min(align_up(file_end, PAGE_SIZE), memory_end));
    }
    if (error) return error;
    return map_zeroes(space, segment->file_size ? align_up(file_end, PAGE_SIZE) : start, memory_end, protection);
}

// Maps all segments; *bias gets what was added to the file's addresses.
static int32_t map_image(struct address_space *space, struct file *file, const struct elf_image *image, uintptr_t base,
                         uintptr_t *bias) {
    struct memory_object *object;
    int32_t error = file_memory_object(file, &object);
    if (error) return error == -ENODEV ? -EACCES : error;
    *bias = image->position_independent ? align_down(base, image->alignment) - image->lowest : 0;
    if (image->highest > USER_LIMIT - *bias) error = -ENOMEM;
    for (unsigned i = 0; i < image->segment_count && !error; i++)
        error = map_segment(space, file, object, &image->segments[i], *bias);
    memory_object_put(object);
    return error;
}

static uintptr_t random_pages(unsigned bits) {
    return (random_word() & ((1ULL << bits) - 1)) << PAGE_SHIFT;
}

static bool randomised(void) {
    return !command_line_flag("norandmaps");
}

static int32_t map_stack(struct prepared *p) {
    uintptr_t top = USER_LIMIT - (randomised() ? random_pages(22) : 0);
    struct map_request request = {
        .address = top - STACK_INITIAL,
        .length = STACK_INITIAL,
        .protection = PROT_READ | PROT_WRITE | (p->image.executable_stack ? PROT_EXEC : 0),
        .maximum_protection = PROT_READ | PROT_WRITE | PROT_EXEC,
        .flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_STACK,
        .grant_flags = GRANT_STACK | GRANT_GROWS_DOWN,
    };
    uintptr_t result;
    p->start.stack_top = top;
    p->space->stack_top = top;
    return address_space_map(p->space, &request, &result);
}

static int32_t find_room(struct address_space *space, const struct elf_image *image, uintptr_t *base) {
    struct map_request request = {
        .length = image->highest - image->lowest + image->alignment,
        .protection = PROT_NONE,
        .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
    };
    int32_t error = address_space_map(space, &request, base);
    if (error) return error;
    error = address_space_unmap(space, *base, request.length);
    *base = align_up(*base, image->alignment);
    return error;
}

static int32_t open_interpreter(struct prepared *p) {
    if (!p->image.interpreter_size) return 0;
    char *path = heap_alloc(p->image.interpreter_size);
    if (!path) return -ENOMEM;
    int64_t size = file_read_at(p->file, path, p->image.interpreter_size, p->image.interpreter_offset);
    int32_t error = size < 0 ? (int32_t)size : 0;
    if (!error && ((size_t)size != p->image.interpreter_size || path[size - 1] != 0)) error = -ENOEXEC;
    if (!error) error = open_program(AT_FDCWD, path, strlen(path), 0, &p->interpreter);
    heap_free(path);
    if (error) return error;
    error = elf_parse(read_file, p->interpreter, ELF_MACHINE, &p->interpreter_image);
    return error == -ENOEXEC ? -ELIBBAD : error;
}

static int32_t map_interpreter(struct prepared *p) {
    if (!p->interpreter) return 0;
    uintptr_t base, bias;
    int32_t error = find_room(p->space, &p->interpreter_image, &base);
    if (!error) error = map_image(p->space, p->interpreter, &p->interpreter_image, base, &bias);
    if (error) return error;
    p->start.interpreter_base = bias + p->interpreter_image.lowest;
    p->start.start = bias + p->interpreter_image.entry;
    return 0;
}

static int32_t map_program(struct prepared *p) {
    p->space = address_space_create();
    if (!p->space) return -ENOMEM;
    process_apply_limits(process_current(), p->space);
    uintptr_t bias;
    uintptr_t base = PROGRAM_BASE + (randomised() ? random_pages(28) : 0);
    int32_t error = map_image(p->space, p->file, &p->image, base, &bias);
    if (error) return error;
    p->start.entry = p->start.start = bias + p->image.entry;
    p->start.program_headers = p->image.program_headers ? bias + p->image.program_headers : 0;
    p->start.program_header_size = p->image.program_header_size;
    p->start.program_header_count = p->image.program_header_count;
    p->space->break_start = p->space->break_end =
        align_up(bias + p->image.highest, PAGE_SIZE) + (randomised() ? random_pages(13) : 0);
    p->space->program_code = bias + p->image.lowest;
    error = map_stack(p);
    if (!error) error = map_interpreter(p);
    if (!error) error = personality_time_page_map(p->personality, p->space, &p->start.vdso);
    p->space->vdso = p->start.vdso;
    return error;
}

// ---- credentials: set-user-ID and set-group-ID bits, capabilities as execve(2) and capabilities(7)

static int32_t prepare_credentials(struct prepared *p) {
    struct process *process = process_current();
    const struct kernel_credentials *old = &process->credentials->ids;
    struct node *node = p->file->node;
    bool may_gain = !process->no_new_privileges && !(p->file->path.mount && p->file->path.mount->flags & MOUNT_NO_SUID);
    uint32_t euid = may_gain && node->mode & S_ISUID ? node->uid : old->euid;
    uint32_t egid = may_gain && (node->mode & (S_ISGID | 010)) == (S_ISGID | 010) ? node->gid : old->egid;
    p->start.secure = euid != old->uid || egid != old->gid;
    struct credentials *new = credentials_copy(process->credentials);
    if (!new) return -ENOMEM;
    bool gained = euid != old->euid || egid != old->egid;
    new->ids.euid = new->ids.suid = new->ids.fsuid = euid;
    new->ids.egid = new->ids.sgid = new->ids.fsgid = egid;
    constexpr uint64_t all = (2ULL << CAP_LAST) - 1;
    if (euid == 0 || old->uid == 0)
        new->ids.capabilities_permitted = all;
    else
        new->ids.capabilities_permitted = 0;
    new->ids.capabilities_effective = euid == 0 ? new->ids.capabilities_permitted : 0;
    p->credentials = new;
    if (gained) process->security_generation++;
    p->start.uid = new->ids.uid;
    p->start.euid = euid;
    p->start.gid = new->ids.gid;
    p->start.egid = egid;
    return 0;
}

static int32_t check_arguments(const struct kernel_exec *exec) {
    size_t limit = process_limit(RLIMIT_STACK) / 4;
    size_t pointers = ((size_t)exec->argument_count + exec->environment_count) * sizeof(uintptr_t);
    if (exec->strings_size > limit || pointers > limit - exec->strings_size) return -E2BIG;
    return 0;
}

static int32_t prepare(struct prepared *p, int32_t directory, uint32_t flags) {
    int32_t error = check_arguments(&p->exec);
    if (!error) error = open_program(directory, p->path, p->path_length, flags, &p->file);
    if (!error) error = find_image(p);
    if (!error) error = find_personality(p);
    if (!error) error = elf_parse(read_file, p->file, ELF_MACHINE, &p->image);
    if (!error) error = open_interpreter(p);
    if (!error) error = prepare_credentials(p);
    if (!error) error = map_program(p);
    random_bytes(p->start.random, sizeof p->start.random);
    p->start.exec = &p->exec;
    return error;
}

// ---- commit

// Where /proc finds the command line and the environment: exec's strings lie in one piece.
static void remember_strings(struct address_space *space, uintptr_t strings, const struct kernel_exec *exec) {
    size_t arguments = 0;
    for (uint32_t i = 0; i < exec->argument_count && arguments < exec->strings_size; i++)
        arguments += strnlen(exec->strings + arguments, exec->strings_size - arguments - 1) + 1;
    space->argument_start = strings;
    space->argument_end = space->environment_start = strings + arguments;
    space->environment_end = strings + exec->strings_size;
}

static void set_name(struct context *context, const char *path) {
    const char *slash = strrchr(path, '/');
    string_copy(context->name, slash ? slash + 1 : path, sizeof context->name);
}

static void replace_address_space(struct process *process, struct address_space *space) {
    struct address_space *old = process->address_space;
    address_space_switch(space);
    spin_lock(&process->lock);
    process->address_space = space;
    spin_unlock(&process->lock);
    if (old) address_space_put(old);
}

static void replace_executable(struct process *process, struct file *file) {
    spin_lock(&process->lock);
    struct file *old = process->executable;
    process->executable = file;
    spin_unlock(&process->lock);
    close_program(old);
}

// A shared table must not lose its descriptors by our exec.
static int32_t unshare_handles(struct process *process) {
    if (atomic_load_acquire(&process->handles->references.count) == 1) return 0;
    struct handle_table *own = handle_table_copy(process->handles);
    if (!own) return -ENOMEM;
    struct handle_table *old = process->handles;
    process->handles = own;
    handle_table_put(old);
    return 0;
}

static void vfork_release(struct context *context) {
    struct waitable *done = context->vfork_done;
    if (done) {
        context->vfork_done = nullptr;
        waitable_signal(done, 1);
    }
}

[[noreturn]] static void kill_after_commit(void) {
    process_exit(SIGKILL);
}

static void commit(struct prepared *p) {
    struct context *context = context_current();
    struct process *process = context->process;
    const struct personality_hooks *old_hooks = personality_hooks_of(context->personality);
    if (old_hooks && old_hooks->exec_commit)
        old_hooks->exec_commit(context->personality_slot, process->personality_slot);
    context->clear_child_tid.value = 0;
    vfork_release(context);
    replace_address_space(process, p->space);
    p->space = nullptr;
    replace_executable(process, p->file);
    p->file = nullptr;
    handle_table_close_on_exec(process->handles);
    signal_exec_reset(process);
    context->signal_stack = (struct signal_stack){.flags = SS_DISABLE};
    credentials_commit(p->credentials);
    p->credentials = nullptr;
    process->dumpable = !p->start.secure;
    process->executed = true;
    process->keep_capabilities = false;
    process->personality = p->personality;
    context->personality =
        p->personality | personality_flags() | (context->personality & (PERSONALITY_FILTERED | PERSONALITY_STOPS));
    set_name(context, p->start.path);
}

static void prepared_release(struct prepared *p) {
    close_program(p->file);
    close_program(p->interpreter);
    if (p->space) address_space_put(p->space);
    if (p->credentials) credentials_put(p->credentials);
    heap_free(p->strings);
    heap_free(p->script_path);
    heap_free(p->path_copy);
    heap_free(p);
}

int32_t process_exec(int32_t directory, const char *path, size_t length, uint32_t flags,
                     const struct kernel_exec *arguments) {
    struct process *process = process_current();
    struct prepared *p = heap_alloc_zeroed(sizeof *p);
    if (!p) return -ENOMEM;
    p->exec = *arguments;
    p->path = path;
    p->path_length = length;
    p->path_copy = heap_copy_string(path, length);
    p->start.path = p->path_copy;
    int32_t error = p->path_copy ? prepare(p, directory, flags) : -ENOMEM;
    if (!error) error = process_kill_other_threads();
    if (!error) error = unshare_handles(process);
    if (error) {
        prepared_release(p);
        return error;
    }
    commit(p);
    struct user_frame *frame = arch_context_user_frame(context_current());
    const struct personality_hooks *hooks = personality_hooks_of(process->personality);
    error = arch_context_reset();
    uintptr_t strings = 0;
    p->start.strings_address = &strings;
    if (!error && hooks && hooks->start)
        error = hooks->start(&p->start, frame);
    else if (!error)
        user_frame_init(frame, p->start.start, p->start.stack_top);
    frame->disposition = FRAME_KEEP;
    if (strings) remember_strings(process->address_space, strings, &p->exec);
    prepared_release(p);
    if (error) kill_after_commit();
    trace_exec();
    return 0;
}
