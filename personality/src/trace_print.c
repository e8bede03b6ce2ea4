// The printers of the argument kinds (syscall_kinds.def).
#include "personality/src/trace_print.h"

#include "lib/format.h"
#include "lib/string.h"

constexpr size_t STRING_SHOWN = 32;  // of data
constexpr size_t PATH_SHOWN = 100;   // of names
constexpr unsigned VECTOR_SHOWN = 4; // strings of an argv, segments, polls

void trace_append(struct trace_text *to, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_string_va(to->text + to->length, to->size - to->length, format, arguments);
    va_end(arguments);
    to->length = min(to->length + length, to->size - 1);
}

const char *trace_errno_name(int32_t error) {
    switch (error) {
#define X(name, number, text)                                                                                          \
    case number:                                                                                                       \
        return #name;
        ERRNO_LIST(X)
#undef X
    }
    return "?";
}

const char *trace_errno_text(int32_t error) {
    switch (error) {
#define X(name, number, text)                                                                                          \
    case number:                                                                                                       \
        return text;
        ERRNO_LIST(X)
#undef X
    }
    return "Unknown error";
}

// ---- numbers

static void print_nothing(struct trace_text *, const struct traced_argument *) {
}

static void print_signed(struct trace_text *to, const struct traced_argument *argument) {
    trace_append(to, "%d", (int)argument->words[0]);
}

static void print_unsigned(struct trace_text *to, const struct traced_argument *argument) {
    trace_append(to, "%u", (unsigned)argument->words[0]);
}

static void print_long(struct trace_text *to, const struct traced_argument *argument) {
    trace_append(to, "%ld", (long)argument->words[0]);
}

static void print_ulong(struct trace_text *to, const struct traced_argument *argument) {
    trace_append(to, "%lu", (unsigned long)argument->words[0]);
}

static void print_hex(struct trace_text *to, const struct traced_argument *argument) {
    trace_append(to, "%#lx", (unsigned long)argument->words[0]);
}

static void print_octal(struct trace_text *to, const struct traced_argument *argument) {
    trace_append(to, "%#03o", (unsigned)argument->words[0]);
}

static void print_address(struct trace_text *to, const struct traced_argument *argument) {
    if (argument->words[0])
        print_hex(to, argument);
    else
        trace_append(to, "NULL");
}

static void print_directory(struct trace_text *to, const struct traced_argument *argument) {
    if ((int32_t)argument->words[0] == AT_FDCWD)
        trace_append(to, "AT_FDCWD");
    else
        print_signed(to, argument);
}

// ---- named bits and values

struct named_value {
    uint64_t value;
    const char *name;
};

// Bits by name with | between; what has no name in hex. The tables end with a nullptr name.
static void print_bits(struct trace_text *to, uint64_t value, const struct named_value *names, const char *none) {
    const char *separator = "";
    for (; names->name; names++) {
        if (!names->value || (value & names->value) != names->value) continue;
        trace_append(to, "%s%s", separator, names->name);
        value &= ~names->value;
        separator = "|";
    }
    if (value)
        trace_append(to, "%s%#lx", separator, (unsigned long)value);
    else if (!*separator)
        trace_append(to, "%s", none);
}

static void print_value(struct trace_text *to, uint64_t value, const struct named_value *names) {
    for (; names->name; names++) {
        if (names->value != value) continue;
        trace_append(to, "%s", names->name);
        return;
    }
    trace_append(to, "%#lx", (unsigned long)value);
}

#define NAMED(name)  {name, #name}
#define END_OF_NAMES {0, nullptr}

static void print_open_flags(struct trace_text *to, const struct traced_argument *argument) {
    static const char *const modes[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};
    static const struct named_value bits[] = {
        NAMED(O_CREAT),    NAMED(O_EXCL),    NAMED(O_NOCTTY),  NAMED(O_TRUNC),  NAMED(O_APPEND),  NAMED(O_NONBLOCK),
        NAMED(O_SYNC),     NAMED(O_DSYNC),   NAMED(O_ASYNC),   NAMED(O_DIRECT), NAMED(O_TMPFILE), NAMED(O_DIRECTORY),
        NAMED(O_NOFOLLOW), NAMED(O_NOATIME), NAMED(O_CLOEXEC), NAMED(O_PATH),   END_OF_NAMES};
    uint32_t flags = (uint32_t)argument->words[0];
    trace_append(to, "%s", modes[flags & O_ACCMODE]);
    if (!(flags & ~O_ACCMODE)) return;
    trace_append(to, "|");
    print_bits(to, flags & ~O_ACCMODE, bits, "");
}

static void print_at_flags(struct trace_text *to, const struct traced_argument *argument) {
    static const struct named_value bits[] = {NAMED(AT_SYMLINK_NOFOLLOW), NAMED(AT_REMOVEDIR),
                                              NAMED(AT_SYMLINK_FOLLOW),   {0x800, "AT_NO_AUTOMOUNT"},
                                              NAMED(AT_EMPTY_PATH),       END_OF_NAMES};
    print_bits(to, (uint32_t)argument->words[0], bits, "0");
}

static void print_access_mode(struct trace_text *to, const struct traced_argument *argument) {
    static const struct named_value bits[] = {
        {ACCESS_READ, "R_OK"}, {ACCESS_WRITE, "W_OK"}, {ACCESS_EXECUTE, "X_OK"}, END_OF_NAMES};
    print_bits(to, (uint32_t)argument->words[0], bits, "F_OK");
}

static void print_whence(struct trace_text *to, const struct traced_argument *argument) {
    static const struct named_value values[] = {NAMED(SEEK_SET),  NAMED(SEEK_CUR),  NAMED(SEEK_END),
                                                NAMED(SEEK_DATA), NAMED(SEEK_HOLE), END_OF_NAMES};
    print_value(to, (uint32_t)argument->words[0], values);
}

static void print_fcntl(struct trace_text *to, const struct traced_argument *argument) {
    static const struct named_value values[] = {{0, "F_DUPFD"},
                                                {1, "F_GETFD"},
                                                {2, "F_SETFD"},
                                                {3, "F_GETFL"},
                                                {4, "F_SETFL"},
                                                {5, "F_GETLK"},
                                                {6, "F_SETLK"},
                                                {7, "F_SETLKW"},
                                                {8, "F_SETOWN"},
                                                {9, "F_GETOWN"},
                                                {36, "F_OFD_GETLK"},
                                                {37, "F_OFD_SETLK"},
                                                {38, "F_OFD_SETLKW"},
                                                {1030, "F_DUPFD_CLOEXEC"},
                                                {1031, "F_SETPIPE_SZ"},
                                                {1032, "F_GETPIPE_SZ"},
                                                {1033, "F_ADD_SEALS"},
                                                {1034, "F_GET_SEALS"},
                                                END_OF_NAMES};
    print_value(to, (uint32_t)argument->words[0], values);
}

static void print_protection(struct trace_text *to, const struct traced_argument *argument) {
    static const struct named_value bits[] = {NAMED(PROT_READ), NAMED(PROT_WRITE), NAMED(PROT_EXEC), END_OF_NAMES};
    print_bits(to, argument->words[0], bits, "PROT_NONE");
}

static void print_map_flags(struct trace_text *to, const struct traced_argument *argument) {
    static const struct named_value bits[] = {{MAP_SHARED | MAP_PRIVATE, "MAP_SHARED_VALIDATE"},
                                              NAMED(MAP_SHARED),
                                              NAMED(MAP_PRIVATE),
                                              NAMED(MAP_FIXED),
                                              NAMED(MAP_ANONYMOUS),
                                              NAMED(MAP_GROWSDOWN),
                                              {0x800, "MAP_DENYWRITE"},
                                              NAMED(MAP_LOCKED),
                                              NAMED(MAP_NORESERVE),
                                              NAMED(MAP_POPULATE),
                                              NAMED(MAP_STACK),
                                              NAMED(MAP_FIXED_NOREPLACE),
                                              END_OF_NAMES};
    print_bits(to, argument->words[0], bits, "0");
}

static void print_clone_flags(struct trace_text *to, const struct traced_argument *argument) {
    static const struct named_value bits[] = {NAMED(CLONE_VM),
                                              NAMED(CLONE_FS),
                                              NAMED(CLONE_FILES),
                                              NAMED(CLONE_SIGHAND),
                                              NAMED(CLONE_VFORK),
                                              NAMED(CLONE_PARENT),
                                              NAMED(CLONE_THREAD),
                                              {0x40000, "CLONE_SYSVSEM"},
                                              NAMED(CLONE_SETTLS),
                                              NAMED(CLONE_PARENT_SETTID),
                                              NAMED(CLONE_CHILD_CLEARTID),
                                              {0x400000, "CLONE_DETACHED"},
                                              NAMED(CLONE_CHILD_SETTID),
                                              {SIGCHLD, "SIGCHLD"},
                                              END_OF_NAMES};
    print_bits(to, argument->words[0], bits, "0");
}

static const struct named_value signal_names[] = {
    NAMED(SIGHUP),  NAMED(SIGINT),    NAMED(SIGQUIT), NAMED(SIGILL),  NAMED(SIGTRAP),   NAMED(SIGABRT), NAMED(SIGBUS),
    NAMED(SIGFPE),  NAMED(SIGKILL),   NAMED(SIGUSR1), NAMED(SIGSEGV), NAMED(SIGUSR2),   NAMED(SIGPIPE), NAMED(SIGALRM),
    NAMED(SIGTERM), NAMED(SIGSTKFLT), NAMED(SIGCHLD), NAMED(SIGCONT), NAMED(SIGSTOP),   NAMED(SIGTSTP), NAMED(SIGTTIN),
    NAMED(SIGTTOU), NAMED(SIGURG),    NAMED(SIGXCPU), NAMED(SIGXFSZ), NAMED(SIGVTALRM), NAMED(SIGPROF), NAMED(SIGWINCH),
    NAMED(SIGIO),   NAMED(SIGPWR),    NAMED(SIGSYS),  END_OF_NAMES};

static void print_signal(struct trace_text *to, const struct traced_argument *argument) {
    uint32_t signal = (uint32_t)argument->words[0];
    if (signal >= SIGNAL_REALTIME_FIRST && signal <= SIGNAL_COUNT)
        trace_append(to, "SIGRT_%u", signal - SIGNAL_REALTIME_FIRST);
    else if (signal)
        print_value(to, signal, signal_names);
    else
        trace_append(to, "0");
}

static void print_mask_how(struct trace_text *to, const struct traced_argument *argument) {
    static const struct named_value values[] = {NAMED(SIG_BLOCK), NAMED(SIG_UNBLOCK), NAMED(SIG_SETMASK), END_OF_NAMES};
    print_value(to, (uint32_t)argument->words[0], values);
}

static void print_clock(struct trace_text *to, const struct traced_argument *argument) {
    static const struct named_value values[] = {NAMED(CLOCK_REALTIME),
                                                NAMED(CLOCK_MONOTONIC),
                                                NAMED(CLOCK_PROCESS_CPUTIME_ID),
                                                NAMED(CLOCK_THREAD_CPUTIME_ID),
                                                NAMED(CLOCK_MONOTONIC_RAW),
                                                NAMED(CLOCK_REALTIME_COARSE),
                                                NAMED(CLOCK_MONOTONIC_COARSE),
                                                NAMED(CLOCK_BOOTTIME),
                                                NAMED(CLOCK_TAI),
                                                END_OF_NAMES};
    print_value(to, (uint32_t)argument->words[0], values);
}

static void print_futex_op(struct trace_text *to, const struct traced_argument *argument) {
    static const char *const operations[] = {"FUTEX_WAIT",           "FUTEX_WAKE",        "FUTEX_FD",
                                             "FUTEX_REQUEUE",        "FUTEX_CMP_REQUEUE", "FUTEX_WAKE_OP",
                                             "FUTEX_LOCK_PI",        "FUTEX_UNLOCK_PI",   "FUTEX_TRYLOCK_PI",
                                             "FUTEX_WAIT_BITSET",    "FUTEX_WAKE_BITSET", "FUTEX_WAIT_REQUEUE_PI",
                                             "FUTEX_CMP_REQUEUE_PI", "FUTEX_LOCK_PI2"};
    static const struct named_value bits[] = {{128, "FUTEX_PRIVATE_FLAG"}, {256, "FUTEX_CLOCK_REALTIME"}, END_OF_NAMES};
    uint32_t operation = argument->words[0] & 127, flags = (uint32_t)argument->words[0] & ~127U;
    if (operation < array_size(operations))
        trace_append(to, "%s", operations[operation]);
    else
        trace_append(to, "%#x", operation);
    if (!flags) return;
    trace_append(to, "|");
    print_bits(to, flags, bits, "");
}

// ---- memory of the program

static void print_bytes(struct trace_text *to, const unsigned char *bytes, size_t length) {
    static const char letters[] = "0......abtnvfr";
    trace_append(to, "\"");
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = bytes[i];
        if (byte == '"' || byte == '\\')
            trace_append(to, "\\%c", byte);
        else if (byte >= ' ' && byte < 127)
            trace_append(to, "%c", byte);
        else if ((byte >= 7 && byte <= 13) || (!byte && (i + 1 == length || bytes[i + 1] < '0' || bytes[i + 1] > '9')))
            trace_append(to, "\\%c", letters[byte]);
        else
            trace_append(to, "\\x%02x", byte);
    }
    trace_append(to, "\"");
}

static void print_string_at(struct trace_text *to, uintptr_t address, size_t shown) {
    char text[PATH_SHOWN + 1];
    size_t length = 0;
    if (!address) {
        trace_append(to, "NULL");
        return;
    }
    int32_t error = kernel_ops->fetch_string(text, user_pointer(address), shown + 1, &length);
    if (error == -ENAMETOOLONG) {
        if (kernel_ops->fetch(text, user_pointer(address), shown) == 0) print_bytes(to, (unsigned char *)text, shown);
        trace_append(to, "...");
    } else if (error < 0) {
        trace_append(to, "%#lx", (unsigned long)address);
    } else {
        print_bytes(to, (unsigned char *)text, length);
    }
}

static void print_string(struct trace_text *to, const struct traced_argument *argument) {
    print_string_at(to, argument->words[0], PATH_SHOWN);
}

static void print_buffer_at(struct trace_text *to, uintptr_t address, size_t length) {
    unsigned char bytes[STRING_SHOWN];
    size_t shown = min(length, STRING_SHOWN);
    if (!address) {
        trace_append(to, "NULL");
    } else if (kernel_ops->fetch(bytes, user_pointer(address), shown) < 0) {
        trace_append(to, "%#lx", (unsigned long)address);
    } else {
        print_bytes(to, bytes, shown);
        if (shown < length) trace_append(to, "...");
    }
}

static void print_buffer_in(struct trace_text *to, const struct traced_argument *argument) {
    print_buffer_at(to, argument->words[0], argument->left > 1 ? argument->words[1] : 0);
}

static void print_buffer_out(struct trace_text *to, const struct traced_argument *argument) {
    if (argument->result < 0)
        print_address(to, argument);
    else
        print_buffer_at(to, argument->words[0], (size_t)argument->result);
}

// {address, length} pairs; at most `bytes` bytes of data are shown.
static void print_segments(struct trace_text *to, const struct traced_argument *argument, size_t bytes) {
    uint64_t vectors[VECTOR_SHOWN][2];
    size_t count = argument->left > 1 ? argument->words[1] : 0, shown = min(count, (size_t)VECTOR_SHOWN);
    if (!argument->words[0] || kernel_ops->fetch(vectors, user_pointer(argument->words[0]), shown * 16) < 0) {
        print_address(to, argument);
        return;
    }
    trace_append(to, "[");
    for (size_t i = 0; i < shown; i++) {
        size_t length = min((size_t)vectors[i][1], bytes);
        trace_append(to, "%s{", i ? ", " : "");
        print_buffer_at(to, vectors[i][0], length);
        trace_append(to, ", %lu}", (unsigned long)vectors[i][1]);
        bytes -= length;
    }
    trace_append(to, "%s]", shown < count ? ", ..." : "");
}

static void print_segments_in(struct trace_text *to, const struct traced_argument *argument) {
    print_segments(to, argument, SIZE_MAX);
}

static void print_segments_out(struct trace_text *to, const struct traced_argument *argument) {
    print_segments(to, argument, argument->result > 0 ? (size_t)argument->result : 0);
}

static void print_int_out(struct trace_text *to, const struct traced_argument *argument) {
    int32_t value;
    if (argument->words[0] && argument->result >= 0 && fetch_struct(&value, argument->words[0]) == 0)
        trace_append(to, "[%d]", value);
    else
        print_address(to, argument);
}

static void print_int_pair_out(struct trace_text *to, const struct traced_argument *argument) {
    struct {
        int32_t first, second;
    } pair;
    if (argument->words[0] && argument->result >= 0 && fetch_struct(&pair, argument->words[0]) == 0)
        trace_append(to, "[%d, %d]", pair.first, pair.second);
    else
        print_address(to, argument);
}

static void print_long_inout(struct trace_text *to, const struct traced_argument *argument) {
    int64_t value;
    if (argument->words[0] && fetch_struct(&value, argument->words[0]) == 0)
        trace_append(to, "[%ld]", (long)value);
    else
        print_address(to, argument);
}

static void print_timespec_in(struct trace_text *to, const struct traced_argument *argument) {
    struct {
        int64_t seconds, fraction;
    } time;
    if (argument->words[0] && fetch_struct(&time, argument->words[0]) == 0)
        trace_append(to, "{%ld, %ld}", (long)time.seconds, (long)time.fraction);
    else
        print_address(to, argument);
}

static void print_timespec_out(struct trace_text *to, const struct traced_argument *argument) {
    if (argument->result < 0)
        print_address(to, argument);
    else
        print_timespec_in(to, argument);
}

static void print_signal_set_in(struct trace_text *to, const struct traced_argument *argument) {
    signal_set set;
    if (!argument->words[0] || fetch_struct(&set, argument->words[0]) < 0) {
        print_address(to, argument);
        return;
    }
    const char *separator = "";
    trace_append(to, "[");
    for (uint32_t signal = 1; signal <= SIGNAL_COUNT; signal++) {
        if (!(set & signal_bit(signal))) continue;
        trace_append(to, "%s", separator);
        print_signal(to, &(struct traced_argument){.words = &(uintptr_t){signal}});
        separator = " ";
    }
    trace_append(to, "]");
}

static void print_string_vector(struct trace_text *to, const struct traced_argument *argument) {
    uint64_t pointer = 0;
    if (!argument->words[0]) {
        trace_append(to, "NULL");
        return;
    }
    trace_append(to, "[");
    for (unsigned i = 0;; i++) {
        if (fetch_struct(&pointer, argument->words[0] + i * sizeof(pointer)) < 0) {
            trace_append(to, "%s???", i ? ", " : "");
            break;
        }
        if (!pointer) break;
        if (i == VECTOR_SHOWN) {
            trace_append(to, ", ...");
            break;
        }
        if (i) trace_append(to, ", ");
        print_string_at(to, pointer, STRING_SHOWN);
    }
    trace_append(to, "]");
}

static void print_poll_events(struct trace_text *to, uint32_t events) {
    static const struct named_value bits[] = {NAMED(POLLIN),  NAMED(POLLPRI),  NAMED(POLLOUT),   NAMED(POLLERR),
                                              NAMED(POLLHUP), NAMED(POLLNVAL), NAMED(POLLRDHUP), END_OF_NAMES};
    print_bits(to, events, bits, "0");
}

static void print_polls(struct trace_text *to, const struct traced_argument *argument) {
    struct {
        int32_t descriptor;
        uint16_t events, returned;
    } polls[VECTOR_SHOWN];
    static_assert(sizeof(polls[0]) == 8);
    size_t count = argument->left > 1 ? argument->words[1] : 0, shown = min(count, (size_t)VECTOR_SHOWN);
    if (!argument->words[0] ||
        kernel_ops->fetch(polls, user_pointer(argument->words[0]), shown * sizeof(polls[0])) < 0) {
        print_address(to, argument);
        return;
    }
    trace_append(to, "[");
    for (size_t i = 0; i < shown; i++) {
        trace_append(to, "%s{%d, ", i ? ", " : "", polls[i].descriptor);
        print_poll_events(to, polls[i].events);
        if (argument->result > 0 && polls[i].returned) {
            trace_append(to, " = ");
            print_poll_events(to, polls[i].returned);
        }
        trace_append(to, "}");
    }
    trace_append(to, "%s]", shown < count ? ", ..." : "");
}

// What the call fills is printed when it has returned.
enum : bool {
    after_nothing = false,
    after_signed = false,
    after_unsigned = false,
    after_long = false,
    after_ulong = false,
    after_hex = false,
    after_octal = false,
    after_address = false,
    after_directory = false,
    after_string = false,
    after_open_flags = false,
    after_at_flags = false,
    after_access_mode = false,
    after_whence = false,
    after_fcntl = false,
    after_protection = false,
    after_map_flags = false,
    after_clone_flags = false,
    after_signal = false,
    after_mask_how = false,
    after_clock = false,
    after_futex_op = false,
    after_buffer_in = false,
    after_segments_in = false,
    after_timespec_in = false,
    after_signal_set_in = false,
    after_string_vector = false,
    after_buffer_out = true,
    after_segments_out = true,
    after_int_out = true,
    after_int_pair_out = true,
    after_long_inout = true,
    after_timespec_out = true,
    after_polls = true,
};

const struct trace_kind trace_kinds[KIND_COUNT] = {
#define KIND(name, printer) [KIND_##name] = {print_##printer, after_##printer},
#include "personality/src/syscall_kinds.def"
#undef KIND
};
