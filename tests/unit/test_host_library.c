// How the host command finds shared libraries, in trees made for the purpose.
// sources: tools/helctic/library.c tools/helctic/elf_image.c tools/helctic/ld_cache.c tools/helctic/mapped_file.c
// sources: tools/helctic/manifest.c tools/helctic/text.c
// flags: -D_GNU_SOURCE
#include "tests/helctic/elf_builder.h"
#include "tools/helctic/library.h"
#include "tools/helctic/text.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char glibc_loader[] = "/lib64/ld-linux-x86-64.so.2";
static const char musl_loader[] = "/lib/ld-musl-x86_64.so.1";

struct fixture {
    char root[64];
    struct manifest manifest;
    struct library_search search;
    char message[4096]; // what was reported
};

static void write_file(const struct fixture *fixture, const char *path, const void *data, size_t size) {
    char *full = text_format("%s%s", fixture->root, path);
    for (char *slash = strchr(full + strlen(fixture->root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(full, 0755);
        *slash = '/';
    }
    int file = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    assert_true(file >= 0);
    assert_int_equal(write(file, data, size), size);
    close(file);
    free(full);
}

static void write_elf(const struct fixture *fixture, const char *path, struct elf_spec spec) {
    struct elf_file file;
    elf_build(&file, &spec);
    write_file(fixture, path, file.bytes, file.size);
}

static void link_file(const struct fixture *fixture, const char *path, const char *target) {
    write_file(fixture, path, "", 0);
    char *full = text_format("%s%s", fixture->root, path);
    unlink(full);
    assert_int_equal(symlink(target, full), 0);
    free(full);
}

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->root, "/tmp/helctic-test-XXXXXX");
    if (!mkdtemp(fixture->root)) return -1;
    fixture->search = (struct library_search){.manifest = &fixture->manifest, .root = fixture->root};
    write_elf(fixture, glibc_loader, (struct elf_spec){.soname = "ld-linux-x86-64.so.2"});
    write_elf(fixture, musl_loader, (struct elf_spec){.soname = "libc.so"});
    *state = fixture;
    return 0;
}

static int remove_one(const char *path, const struct stat *, int, struct FTW *) {
    return remove(path);
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    manifest_free(&fixture->manifest);
    nftw(fixture->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

// Resolves the program at /app, keeping what is reported.
static int resolve(struct fixture *fixture) {
    int saved = dup(STDERR_FILENO), ends[2];
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    char *source = text_format("%s/app", fixture->root);
    int result = library_add_all(&fixture->search, source, "/app");
    free(source);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    ssize_t got = read(ends[0], fixture->message, sizeof fixture->message - 1);
    fixture->message[got > 0 ? got : 0] = '\0';
    close(ends[0]);
    return result;
}

static bool packed(const struct fixture *fixture, const char *path) {
    return manifest_find(&fixture->manifest, path) != nullptr;
}

static void a_library_in_the_default_folder_and_its_own(void **state) {
    struct fixture *fixture = *state;
    write_elf(fixture, "/app", (struct elf_spec){.interpreter = glibc_loader, .needed = {"liba.so.1"}});
    write_elf(fixture, "/lib/x86_64-linux-gnu/liba.so.1", (struct elf_spec){.needed = {"libb.so.1"}});
    write_elf(fixture, "/usr/lib/libb.so.1", (struct elf_spec){.needed = {"liba.so.1", "ld-linux-x86-64.so.2"}});
    assert_int_equal(resolve(fixture), 0);
    assert_true(packed(fixture, glibc_loader));
    assert_true(packed(fixture, "/lib/x86_64-linux-gnu/liba.so.1"));
    assert_true(packed(fixture, "/usr/lib/libb.so.1"));
}

static void a_missing_library_is_one_message_that_names_it(void **state) {
    struct fixture *fixture = *state;
    write_elf(fixture, "/app", (struct elf_spec){.interpreter = glibc_loader, .needed = {"libnowhere.so.7"}});
    assert_int_equal(resolve(fixture), EXIT_NOT_FOUND);
    assert_non_null(strstr(fixture->message, "libnowhere.so.7"));
    assert_ptr_equal(strchr(fixture->message, '\n'), strrchr(fixture->message, '\n'));
}

static void a_missing_interpreter_is_named(void **state) {
    struct fixture *fixture = *state;
    write_elf(fixture, "/app", (struct elf_spec){.interpreter = "/lib/ld-none.so", .needed = {"liba.so.1"}});
    assert_int_equal(resolve(fixture), EXIT_NOT_FOUND);
    assert_non_null(strstr(fixture->message, "/lib/ld-none.so"));
}

static void runpath_with_origin(void **state) {
    struct fixture *fixture = *state;
    write_elf(fixture, "/app",
              (struct elf_spec){.interpreter = glibc_loader,
                                .runpath = "$ORIGIN/deps:${ORIGIN}/more",
                                .needed = {"liba.so", "libb.so"}});
    write_elf(fixture, "/deps/liba.so", (struct elf_spec){});
    write_elf(fixture, "/more/libb.so", (struct elf_spec){});
    assert_int_equal(resolve(fixture), 0);
    assert_true(packed(fixture, "/deps/liba.so"));
    assert_true(packed(fixture, "/more/libb.so"));
}

// RPATH counts for the libraries of libraries too, RUNPATH does not.
static void rpath_is_inherited_and_runpath_not(void **state) {
    struct fixture *fixture = *state;
    write_elf(fixture, "/app", (struct elf_spec){.interpreter = glibc_loader, .rpath = "/deps", .needed = {"liba.so"}});
    write_elf(fixture, "/deps/liba.so", (struct elf_spec){.needed = {"libb.so"}});
    write_elf(fixture, "/deps/libb.so", (struct elf_spec){});
    assert_int_equal(resolve(fixture), 0);
    assert_true(packed(fixture, "/deps/libb.so"));
    write_elf(fixture, "/app",
              (struct elf_spec){.interpreter = glibc_loader, .runpath = "/deps", .needed = {"liba.so"}});
    assert_int_equal(resolve(fixture), EXIT_NOT_FOUND);
    assert_non_null(strstr(fixture->message, "libb.so (needed by /deps/liba.so)"));
}

static void library_path_comes_before_runpath(void **state) {
    struct fixture *fixture = *state;
    write_elf(fixture, "/app",
              (struct elf_spec){.interpreter = glibc_loader, .runpath = "/second", .needed = {"liba.so"}});
    write_elf(fixture, "/first/liba.so", (struct elf_spec){});
    write_elf(fixture, "/second/liba.so", (struct elf_spec){});
    fixture->search.library_path = "/nowhere:/first";
    assert_int_equal(resolve(fixture), 0);
    assert_true(packed(fixture, "/first/liba.so"));
    assert_false(packed(fixture, "/second/liba.so"));
}

static void a_library_of_another_machine_is_passed_over(void **state) {
    struct fixture *fixture = *state;
    write_elf(fixture, "/app",
              (struct elf_spec){.interpreter = glibc_loader, .runpath = "/arm:/x86", .needed = {"liba.so"}});
    write_elf(fixture, "/arm/liba.so", (struct elf_spec){.machine = EM_AARCH64});
    write_elf(fixture, "/x86/liba.so", (struct elf_spec){});
    assert_int_equal(resolve(fixture), 0);
    assert_false(packed(fixture, "/arm/liba.so"));
    assert_true(packed(fixture, "/x86/liba.so"));
}

static void links_on_the_way_are_packed(void **state) {
    struct fixture *fixture = *state;
    link_file(fixture, "/usr/lib/link", "../../real");
    write_elf(fixture, "/app",
              (struct elf_spec){.interpreter = glibc_loader, .runpath = "/usr/lib/link", .needed = {"liba.so"}});
    write_elf(fixture, "/real/liba.so.1.2", (struct elf_spec){});
    link_file(fixture, "/real/liba.so", "liba.so.1.2");
    assert_int_equal(resolve(fixture), 0);
    assert_int_equal(manifest_find(&fixture->manifest, "/usr/lib/link")->kind, ENTRY_SYMLINK);
    assert_int_equal(manifest_find(&fixture->manifest, "/real/liba.so")->kind, ENTRY_SYMLINK);
    assert_int_equal(manifest_find(&fixture->manifest, "/real/liba.so.1.2")->kind, ENTRY_FILE);
}

static void the_loader_configuration_without_a_cache(void **state) {
    struct fixture *fixture = *state;
    static const char conf[] = "# comment\ninclude /etc/ld.so.conf.d/*.conf\n";
    write_file(fixture, "/etc/ld.so.conf", conf, strlen(conf));
    write_file(fixture, "/etc/ld.so.conf.d/extra.conf", "/opt/extra\n", 11);
    write_elf(fixture, "/app", (struct elf_spec){.interpreter = glibc_loader, .needed = {"liba.so"}});
    write_elf(fixture, "/opt/extra/liba.so", (struct elf_spec){});
    struct buffer folders = {};
    fixture->search.conf_folders = &folders;
    assert_int_equal(resolve(fixture), 0);
    assert_true(packed(fixture, "/opt/extra/liba.so"));
    assert_true(fixture->search.used_configuration);
    assert_string_equal(folders.data, "/opt/extra");
    buffer_free(&folders);
}

struct cache_file {
    uint8_t bytes[512];
};

static void put_word(struct cache_file *cache, size_t at, uint32_t value) {
    memcpy(cache->bytes + at, &value, sizeof value);
}

static void the_loader_cache(void **state) {
    struct fixture *fixture = *state;
    struct cache_file cache = {};
    memcpy(cache.bytes, "glibc-ld.so.cache1.1", 20);
    put_word(&cache, 20, 1);
    put_word(&cache, 48, 3);
    put_word(&cache, 52, 100);
    put_word(&cache, 56, 120);
    strcpy((char *)cache.bytes + 100, "liba.so");
    strcpy((char *)cache.bytes + 120, "/odd/place/liba.so");
    write_file(fixture, "/etc/ld.so.cache", cache.bytes, sizeof cache.bytes);
    write_elf(fixture, "/app", (struct elf_spec){.interpreter = glibc_loader, .needed = {"liba.so"}});
    write_elf(fixture, "/odd/place/liba.so", (struct elf_spec){});
    assert_int_equal(resolve(fixture), 0);
    assert_true(packed(fixture, "/odd/place/liba.so"));
    assert_true(packed(fixture, "/etc/ld.so.cache"));
}

static void musl_has_its_own_rules(void **state) {
    struct fixture *fixture = *state;
    write_file(fixture, "/etc/ld-musl-x86_64.path", "/musl/a\n/musl/b\n", 16);
    write_elf(fixture, "/app", (struct elf_spec){.interpreter = musl_loader, .needed = {"libc.so", "libz.so.1"}});
    write_elf(fixture, "/musl/b/libz.so.1", (struct elf_spec){.needed = {"libpthread.so.0"}});
    assert_int_equal(resolve(fixture), 0);
    assert_true(packed(fixture, musl_loader));
    assert_true(packed(fixture, "/musl/b/libz.so.1"));
}

static void a_static_program_needs_nothing(void **state) {
    struct fixture *fixture = *state;
    write_elf(fixture, "/app", (struct elf_spec){.type = ET_EXEC, .no_dynamic = true});
    assert_int_equal(resolve(fixture), 0);
    assert_int_equal(fixture->manifest.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_library_in_the_default_folder_and_its_own),
        TEST(a_missing_library_is_one_message_that_names_it),
        TEST(a_missing_interpreter_is_named),
        TEST(runpath_with_origin),
        TEST(rpath_is_inherited_and_runpath_not),
        TEST(library_path_comes_before_runpath),
        TEST(a_library_of_another_machine_is_passed_over),
        TEST(links_on_the_way_are_packed),
        TEST(the_loader_configuration_without_a_cache),
        TEST(the_loader_cache),
        TEST(musl_has_its_own_rules),
        TEST(a_static_program_needs_nothing),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
