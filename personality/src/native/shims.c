// The native interface's ops that take kernel memory. Conventions that differ from the op's parameters: a path is one
// NUL-terminated string; a structure is a user address, in the canonical layout; a single scalar out-parameter is the
// call's result.
#include "personality/src/native/shims.h"

#include "lib/string.h"
#include "personality/src/shim.h"

// ---- a scalar or structure out

#define GET_VALUE0(op, type)                                                                                           \
    SHIM0(native_##op) {                                                                                               \
        type value = {};                                                                                               \
        int32_t error = kernel_ops->op(&value);                                                                        \
        return error < 0 ? error : (intptr_t)value;                                                                    \
    }
#define GET_VALUE1(op, in, type)                                                                                       \
    SHIM1(native_##op, b) {                                                                                            \
        type value = {};                                                                                               \
        int32_t error = kernel_ops->op((in)b, &value);                                                                 \
        return error < 0 ? error : (intptr_t)value;                                                                    \
    }
#define GET_VALUE2(op, in1, in2, type)                                                                                 \
    SHIM2(native_##op, b, c) {                                                                                         \
        type value = {};                                                                                               \
        int32_t error = kernel_ops->op((in1)b, (in2)c, &value);                                                        \
        return error < 0 ? error : (intptr_t)value;                                                                    \
    }
#define GET_STRUCT1(op, in, type)                                                                                      \
    SHIM2(native_##op, b, to) {                                                                                        \
        type value = {};                                                                                               \
        int32_t error = kernel_ops->op((in)b, &value);                                                                 \
        return error < 0 ? error : store_struct(to, &value);                                                           \
    }
#define SET_STRUCT1(op, in, type)                                                                                      \
    SHIM2(native_##op, b, from) {                                                                                      \
        type value;                                                                                                    \
        int32_t error = fetch_struct(&value, from);                                                                    \
        return error < 0 ? error : kernel_ops->op((in)b, &value);                                                      \
    }

GET_VALUE1(thread_pointer_get, enum thread_pointer, uintptr_t)
GET_VALUE0(extended_state_size, size_t)
GET_VALUE0(personality_get, uint32_t)
GET_VALUE1(file_flags_get, int32_t, uint32_t)
GET_VALUE1(file_owner_get, int32_t, int32_t)
GET_VALUE1(pipe_size_get, int32_t, size_t)
GET_VALUE1(seals_get, int32_t, uint32_t)
GET_VALUE1(bytes_readable, int32_t, uint32_t)
GET_VALUE1(terminal_foreground_get, int32_t, int32_t)
GET_VALUE1(terminal_session, int32_t, int32_t)
GET_VALUE1(terminal_bytes_pending, int32_t, uint32_t)
GET_VALUE1(pty_number, int32_t, uint32_t)
GET_VALUE1(program_break, uintptr_t, uintptr_t)
GET_VALUE1(process_attribute_get, enum process_attribute, uint64_t)
GET_VALUE1(process_file_pid, int32_t, int32_t)
GET_VALUE0(signal_pending, signal_set)
GET_VALUE1(clock_get, enum clock_id, nanoseconds)
GET_VALUE2(clock_cpu_get, int32_t, uint32_t, nanoseconds)
GET_VALUE1(clock_resolution, enum clock_id, nanoseconds)
GET_VALUE1(affinity_get, int32_t, uint64_t)

GET_STRUCT1(timer_file_get, int32_t, struct kernel_itimer)
GET_STRUCT1(terminal_get, int32_t, struct kernel_termios)
GET_STRUCT1(terminal_size_get, int32_t, struct kernel_winsize)
GET_STRUCT1(credentials_get, int32_t, struct kernel_credentials)
GET_STRUCT1(interval_timer_get, uint32_t, struct kernel_itimer)
GET_STRUCT1(timer_get, int32_t, struct kernel_itimer)
GET_STRUCT1(resource_usage, int32_t, struct kernel_rusage)
SET_STRUCT1(terminal_size_set, int32_t, struct kernel_winsize)
SET_STRUCT1(bind, int32_t, struct kernel_socket_address)
SET_STRUCT1(connect, int32_t, struct kernel_socket_address)

SHIM3(native_seek, descriptor, offset, whence) {
    int64_t result = 0;
    int32_t error = kernel_ops->seek((int32_t)descriptor, (int64_t)offset, (uint32_t)whence, &result);
    return error < 0 ? error : result;
}

SHIM1(native_system_information, to) {
    struct kernel_system_information information = {};
    int32_t error = kernel_ops->system_information(&information);
    return error < 0 ? error : store_struct(to, &information);
}

// ---- names

SHIM4(native_open, directory, name, flags, mode) {
    struct path_argument path;
    int32_t error = path_fetch(&path, name);
    if (error < 0) return error;
    return kernel_ops->open((int32_t)directory, path.text, path.length, (uint32_t)flags, (uint32_t)mode);
}

SHIM4(native_stat, directory, name, flags, to) {
    struct path_argument path;
    struct kernel_stat stat = {};
    int32_t error = path_fetch(&path, name);
    if (error >= 0) error = kernel_ops->stat((int32_t)directory, path.text, path.length, (uint32_t)flags, &stat);
    return error < 0 ? error : store_struct(to, &stat);
}

SHIM4(native_statfs, directory, name, flags, to) {
    struct path_argument path;
    struct kernel_statfs statfs = {};
    int32_t error = path_fetch(&path, name);
    if (error >= 0) error = kernel_ops->statfs((int32_t)directory, path.text, path.length, (uint32_t)flags, &statfs);
    return error < 0 ? error : store_struct(to, &statfs);
}

SHIM4(native_set_attributes, directory, name, flags, from) {
    struct path_argument path;
    struct kernel_attributes attributes;
    int32_t error = path_fetch(&path, name);
    if (error >= 0) error = fetch_struct(&attributes, from);
    if (error < 0) return error;
    return kernel_ops->set_attributes((int32_t)directory, path.text, path.length, (uint32_t)flags, &attributes);
}

SHIM4(native_access, directory, name, mode, flags) {
    struct path_argument path;
    int32_t error = path_fetch(&path, name);
    if (error < 0) return error;
    return kernel_ops->access((int32_t)directory, path.text, path.length, (uint32_t)mode, (uint32_t)flags);
}

SHIM3(native_make_directory, directory, name, mode) {
    struct path_argument path;
    int32_t error = path_fetch(&path, name);
    if (error < 0) return error;
    return kernel_ops->make_directory((int32_t)directory, path.text, path.length, (uint32_t)mode);
}

SHIM4(native_make_node, directory, name, mode, device) {
    struct path_argument path;
    int32_t error = path_fetch(&path, name);
    if (error < 0) return error;
    return kernel_ops->make_node((int32_t)directory, path.text, path.length, (uint32_t)mode, device);
}

SHIM3(native_unlink, directory, name, flags) {
    struct path_argument path;
    int32_t error = path_fetch(&path, name);
    if (error < 0) return error;
    return kernel_ops->unlink((int32_t)directory, path.text, path.length, (uint32_t)flags);
}

SHIM3(native_change_directory, directory, name, flags) {
    struct path_argument path;
    int32_t error = path_fetch(&path, name);
    if (error < 0) return error;
    return kernel_ops->change_directory((int32_t)directory, path.text, path.length, (uint32_t)flags);
}

SHIM1(native_change_root, name) {
    struct path_argument path;
    int32_t error = path_fetch(&path, name);
    return error < 0 ? error : kernel_ops->change_root(path.text, path.length);
}

SHIM2(native_unmount, name, flags) {
    struct path_argument path;
    int32_t error = path_fetch(&path, name);
    return error < 0 ? error : kernel_ops->unmount(path.text, path.length, (uint32_t)flags);
}

SHIM1(native_scheme_serve, name) {
    struct path_argument path;
    int32_t error = path_fetch(&path, name);
    return error < 0 ? error : kernel_ops->scheme_serve(path.text, path.length);
}

// Two names, in one block of memory.
struct two_paths {
    struct path_argument first, second;
};

[[nodiscard]] static int32_t two_paths_fetch(struct two_paths **paths, uintptr_t first, uintptr_t second) {
    void *memory;
    int32_t error = kernel_ops->allocate(sizeof(struct two_paths), &memory);
    if (error < 0) return error;
    *paths = memory;
    error = path_fetch(&(*paths)->first, first);
    if (error >= 0) error = path_fetch(&(*paths)->second, second);
    if (error < 0) kernel_ops->release(memory);
    return error;
}

SHIM5(native_link, directory, name, new_directory, new_name, flags) {
    struct two_paths *paths;
    int32_t error = two_paths_fetch(&paths, name, new_name);
    if (error < 0) return error;
    error = kernel_ops->link((int32_t)directory, paths->first.text, paths->first.length, (int32_t)new_directory,
                             paths->second.text, paths->second.length, (uint32_t)flags);
    kernel_ops->release(paths);
    return error;
}

SHIM5(native_rename, directory, name, new_directory, new_name, flags) {
    struct two_paths *paths;
    int32_t error = two_paths_fetch(&paths, name, new_name);
    if (error < 0) return error;
    error = kernel_ops->rename((int32_t)directory, paths->first.text, paths->first.length, (int32_t)new_directory,
                               paths->second.text, paths->second.length, (uint32_t)flags);
    kernel_ops->release(paths);
    return error;
}

SHIM3(native_symlink, target, directory, name) {
    struct two_paths *paths;
    int32_t error = two_paths_fetch(&paths, target, name);
    if (error < 0) return error;
    error = kernel_ops->symlink(paths->first.text, paths->first.length, (int32_t)directory, paths->second.text,
                                paths->second.length);
    kernel_ops->release(paths);
    return error;
}

SHIM3(native_open_scheme, scheme, name, flags) {
    struct two_paths *paths;
    int32_t error = two_paths_fetch(&paths, scheme, name);
    if (error < 0) return error;
    error = kernel_ops->open_scheme(paths->first.text, paths->first.length, paths->second.text, paths->second.length,
                                    (uint32_t)flags);
    kernel_ops->release(paths);
    return error;
}

SHIM4(native_read_link, directory, name, buffer, size) {
    struct two_paths *paths; // the second holds the answer
    int32_t error = two_paths_fetch(&paths, name, name);
    if (error < 0) return error;
    size_t done = 0;
    error = kernel_ops->read_link((int32_t)directory, paths->first.text, paths->first.length, paths->second.text,
                                  min((size_t)size, PATH_ARGUMENT_SIZE), &done);
    if (error >= 0) error = kernel_ops->store(user_pointer(buffer), paths->second.text, done);
    kernel_ops->release(paths);
    return error < 0 ? error : (intptr_t)done;
}

SHIM2(native_working_directory, buffer, size) {
    struct path_argument path;
    int32_t error = kernel_ops->working_directory(path.text, min((size_t)size, PATH_ARGUMENT_SIZE), &path.length);
    if (error >= 0) error = kernel_ops->store(user_pointer(buffer), path.text, path.length);
    return error < 0 ? error : (intptr_t)path.length;
}

// ---- bytes: one buffer of the program

SHIM5(native_read, descriptor, buffer, size, offset, flags) {
    struct segment segment = segment_user(user_pointer(buffer), min((size_t)size, IO_MAXIMUM));
    size_t done = 0;
    int32_t error = kernel_ops->read((int32_t)descriptor, &segment, 1, (int64_t)offset, (uint32_t)flags, &done);
    return error < 0 ? error : (intptr_t)done;
}

SHIM5(native_write, descriptor, buffer, size, offset, flags) {
    struct segment segment = segment_user(user_pointer(buffer), min((size_t)size, IO_MAXIMUM));
    size_t done = 0;
    int32_t error = kernel_ops->write((int32_t)descriptor, &segment, 1, (int64_t)offset, (uint32_t)flags, &done);
    return error < 0 ? error : (intptr_t)done;
}

SHIM2(native_random, buffer, size) {
    struct segment segment = segment_user(user_pointer(buffer), min((size_t)size, IO_MAXIMUM));
    size_t done = 0;
    int32_t error = kernel_ops->random(&segment, &done);
    return error < 0 ? error : (intptr_t)done;
}

SHIM3(native_read_directory, descriptor, buffer, size) {
    constexpr size_t chunk = 32 * 1024;
    void *entries;
    size_t done = 0, wanted = min((size_t)size, chunk);
    int32_t error = kernel_ops->allocate(max(wanted, (size_t)1), &entries);
    if (error < 0) return error;
    error = kernel_ops->read_directory((int32_t)descriptor, entries, wanted, &done);
    if (error >= 0) error = kernel_ops->store(user_pointer(buffer), entries, done);
    kernel_ops->release(entries);
    return error < 0 ? error : (intptr_t)done;
}

SHIM2(native_pipe, flags, to) {
    int32_t descriptors[2];
    int32_t error = kernel_ops->pipe((uint32_t)flags, descriptors);
    if (error < 0) return error;
    error = kernel_ops->store(user_pointer(to), descriptors, sizeof(descriptors));
    if (error < 0) {
        kernel_ops->close(descriptors[0]);
        kernel_ops->close(descriptors[1]);
    }
    return error;
}

SHIM3(native_poll, user_polls, count, deadline) {
    struct kernel_poll polls[16];
    if (count > array_size(polls)) return -EINVAL;
    size_t size = count * sizeof(polls[0]);
    int32_t error = kernel_ops->fetch(polls, user_pointer(user_polls), size);
    if (error < 0) return error;
    int32_t ready = kernel_ops->poll(polls, (uint32_t)count, (nanoseconds)deadline, nullptr);
    if (ready < 0) return ready;
    error = kernel_ops->store(user_pointer(user_polls), polls, size);
    return error < 0 ? error : ready;
}

// ---- memory

SHIM5(native_map, address, length, protection, flags, descriptor) {
    uintptr_t result = 0;
    int32_t error = kernel_ops->map(address, length, (uint32_t)protection, (uint32_t)flags, (int32_t)descriptor,
                                    sixth_argument(), &result);
    return error < 0 ? error : (intptr_t)result;
}

SHIM5(native_remap, address, length, new_length, flags, new_address) {
    uintptr_t result = 0;
    int32_t error = kernel_ops->remap(address, length, new_length, (uint32_t)flags, new_address, &result);
    return error < 0 ? error : (intptr_t)result;
}

// ---- processes

SHIM1(native_clone, from) {
    struct kernel_clone clone;
    int32_t id = 0, error = fetch_struct(&clone, from);
    if (error >= 0) error = kernel_ops->clone(&clone, &id);
    return error < 0 ? error : id;
}

SHIM4(native_wait, which, id, options, to) {
    struct kernel_wait_result result = {};
    if (which > WAIT_FOR_GROUP) return -EINVAL;
    int32_t error = kernel_ops->wait((enum wait_for)which, (int32_t)id, (uint32_t)options, &result);
    return error < 0 ? error : store_struct(to, &result);
}

SHIM2(native_kill, pid, signal) {
    const struct kernel_siginfo info = {.signal = (uint32_t)signal, .code = SI_USER, .pid = kernel_ops->get_pid()};
    return kernel_ops->kill((int32_t)pid, &info);
}

SHIM3(native_kill_thread, pid, tid, signal) {
    const struct kernel_siginfo info = {.signal = (uint32_t)signal, .code = SI_TKILL, .pid = kernel_ops->get_pid()};
    return kernel_ops->kill_thread((int32_t)pid, (int32_t)tid, &info);
}

SHIM3(native_priority_get, which, who, to) {
    int32_t nice = 0;
    int32_t error = kernel_ops->priority_get((uint32_t)which, (int32_t)who, &nice);
    return error < 0 ? error : store_struct(to, &nice);
}
