// kmain: the boot order.
#include <btrfs.h>

#include "lib/format.h"
#include "lib/string.h"
#include "rmm/frame.h"
#include "src/arch/arch.h"
#include "src/boot.h"
#include "src/context/context.h"
#include "src/context/futex.h"
#include "src/drivers/drivers.h"
#include "src/kernel.h"
#include "src/memory/address_space.h"
#include "src/memory/heap.h"
#include "src/random.h"
#include "src/scheme/file.h"
#include "src/scheme/proc.h"
#include "src/scheme/scheme.h"
#include "src/scheme/sys.h"
#include "src/scheme/tty.h"
#include "src/syscall_handler/syscall_handler.h"
#include "src/syscall_handler/trace_output.h"

static const char *const init_paths[] = {"/init", "/sbin/init", "/bin/init", "/bin/sh"};

// The program that becomes process 1: init= of the command line, else the first of the usual names that there is.
static int32_t exec_init(const char *path, size_t length) {
    static const char environment[] = "HOME=/\0TERM=linux\0PATH=/sbin:/usr/sbin:/bin:/usr/bin";
    char strings[256 + sizeof environment];
    if (length >= 256) return -ENAMETOOLONG;
    memcpy(strings, path, length);
    strings[length] = 0;
    memcpy(strings + length + 1, environment, sizeof environment);
    struct kernel_exec arguments = {
        .strings = strings,
        .strings_size = length + 1 + sizeof environment,
        .argument_count = 1,
        .environment_count = 3,
    };
    return process_exec(AT_FDCWD, path, length, 0, &arguments);
}

// /dev/tty and friends, the devices; /dev/console is the terminal that the last console= of the command line names.
static void console_init(void) {
    if (tty_init()) panic("no memory for the terminals");
    drivers_init();
    size_t length;
    const char *option = command_line_option("console", &length);
    if (!option) return;
    char name[24];
    format_string(name, sizeof name, "%.*s", (int)length, option);
    char *comma = strchr(name, ','); // "ttyS0,115200n8"
    if (comma) *comma = 0;
    struct tty *tty = tty_find(name);
    if (tty) tty_set_console(tty);
}

static void open_console(void) {
    struct file *console;
    int32_t error = file_open(AT_FDCWD, "/dev/console", strlen("/dev/console"), O_RDWR | O_NOCTTY, 0, &console);
    if (error) {
        log_warning("init", "no /dev/console: error %d", -error);
        return;
    }
    for (int32_t descriptor = 0; descriptor < 3; descriptor++) {
        file_get(console);
        if (handle_install(&console->object, descriptor, 0) < 0) file_put(console);
    }
    file_put(console);
}

static void first_process(void *) {
    open_console();
    trace_output_open();
    size_t length;
    const char *chosen = command_line_option("init", &length);
    if (chosen && length) {
        int32_t error = exec_init(chosen, length);
        if (!error) return;
        panic("cannot run init=%.*s: error %d", (int)length, chosen, -error);
    }
    for (unsigned i = 0; i < array_size(init_paths); i++) {
        int32_t error = exec_init(init_paths[i], strlen(init_paths[i]));
        if (!error) return;
        if (error != -ENOENT) log_error("init", "cannot run %s: error %d", init_paths[i], -error);
    }
    panic("no /init could be run: is there an initrd?");
}

// What the allocator must not give out.
static unsigned reserved_ranges(struct memory_range *reserved) {
    unsigned count = 0;
    reserved[count++] = (struct memory_range){
        boot_information.kernel_start, boot_information.kernel_end - boot_information.kernel_start, MEMORY_RESERVED};
    if (boot_information.initrd_size)
        reserved[count++] =
            (struct memory_range){boot_information.initrd_start, boot_information.initrd_size, MEMORY_RESERVED};
    return count;
}

void kmain(void) {
    log_info("boot", "Helctic %s (btrfs %u)", HELCTIC_VERSION, btrfs_version());
    struct memory_range reserved[2];
    unsigned reserved_count = reserved_ranges(reserved);
    frame_init(boot_information.memory_ranges, boot_information.memory_range_count, reserved, reserved_count);
    heap_init();
    memory_init();
    arch_init();
    time_init();
    random_init();
    context_init();
    scheduler_init();
    futex_init();
    syscall_handler_init();
    proc_init();
    sys_init();
    scheme_init();
    console_init();
    cpu_count = arch_start_processors();
    log_info("boot", "%u processors, %lu KiB of memory free", cpu_count, frame_free_count() * (PAGE_SIZE / 1024));
    if (!process_create_first(first_process, nullptr)) panic("no memory for the first process");
    scheduler_processor_main();
    panic("the idle loop ended");
}
