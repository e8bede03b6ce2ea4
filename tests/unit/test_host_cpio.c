// The archive writer, read back by libarchive.
// sources: tools/helctic/cpio.c tools/helctic/manifest.c tools/helctic/text.c
// flags: -D_GNU_SOURCE -larchive
#include "tools/helctic/cpio.h"
#include "tools/helctic/text.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum : size_t { FILE_SIZE = 100'000 };

static char *make_file(const char *name, size_t size) {
    char *path = text_format("/tmp/helctic-cpio-%d-%s", (int)getpid(), name);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0640);
    assert_true(file >= 0);
    for (size_t i = 0; i < size; i++) {
        char byte = (char)(i * 7 + i / 251);
        if (i % 4096 == 0 && ftruncate(file, (off_t)size) < 0) fail();
        assert_int_equal(pwrite(file, &byte, 1, (off_t)i), 1);
    }
    close(file);
    return path;
}

static int archive_of(const struct manifest *manifest, int64_t *size) {
    int file = memfd_create("archive", 0);
    *size = cpio_write(file, manifest);
    lseek(file, 0, SEEK_SET);
    return file;
}

static struct archive *open_archive(int file) {
    struct archive *archive = archive_read_new();
    archive_read_support_format_cpio(archive);
    assert_int_equal(archive_read_open_fd(archive, file, 4096), ARCHIVE_OK);
    return archive;
}

static void all_kinds_come_back(void **) {
    struct manifest manifest = {};
    char *path = make_file("one", FILE_SIZE);
    manifest_add_memory(&manifest, "/etc/deep/text", "hello", 5, 0600);
    manifest_add_symlink(&manifest, "/bin", "usr/bin");
    assert_int_equal(manifest_add_file(&manifest, path, "/bin/tool"), 0);
    manifest_add_directory(&manifest, "/tmp", 01777);
    int64_t size;
    int file = archive_of(&manifest, &size);
    assert_true(size > 0 && size % 512 == 0);
    assert_int_equal(lseek(file, 0, SEEK_END), size);
    lseek(file, 0, SEEK_SET);

    struct archive *archive = open_archive(file);
    struct archive_entry *entry;
    unsigned seen = 0;
    while (archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
        const char *name = archive_entry_pathname(entry);
        if (strcmp(name, "etc/deep/text") == 0) {
            char text[6] = {};
            assert_int_equal(archive_read_data(archive, text, 5), 5);
            assert_string_equal(text, "hello");
            assert_int_equal(archive_entry_mode(entry), S_IFREG | 0600);
            seen |= 1;
        } else if (strcmp(name, "bin") == 0) {
            assert_string_equal(archive_entry_symlink(entry), "usr/bin");
            seen |= 2;
        } else if (strcmp(name, "usr/bin/tool") == 0) {
            assert_int_equal(archive_entry_size(entry), FILE_SIZE);
            assert_int_equal(archive_entry_mode(entry), S_IFREG | 0640);
            seen |= 4;
        } else if (strcmp(name, "tmp") == 0) {
            assert_int_equal(archive_entry_mode(entry), S_IFDIR | 01777);
            seen |= 8;
        }
    }
    assert_int_equal(seen, 15);
    archive_read_free(archive);
    close(file);
    unlink(path);
    free(path);
    manifest_free(&manifest);
}

// The data of every larger file begin on a page, and are the file's.
static void file_data_are_page_aligned(void **) {
    struct manifest manifest = {};
    char *path = make_file("aligned", FILE_SIZE);
    static char want[FILE_SIZE];
    int source = open(path, O_RDONLY);
    assert_int_equal(read(source, want, sizeof want), FILE_SIZE);
    for (int i = 0; i < 40; i++) {
        char *guest = text_format("/f%0*d", 1 + i * 37 % 200, i);
        assert_int_equal(manifest_add_file(&manifest, path, guest), 0);
        free(guest);
        guest = text_format("/m%d", i);
        manifest_add_memory(&manifest, guest, want, (size_t)i * 101, 0644);
        free(guest);
    }
    for (size_t i = 0; i < manifest.count; i++)
        manifest.entries[i].links = 1;
    int64_t size;
    int file = archive_of(&manifest, &size);
    uint8_t *bytes = mmap(nullptr, (size_t)size, PROT_READ, MAP_PRIVATE, file, 0);
    unsigned found = 0;
    for (int64_t at = 0; at < size; at += 4096) {
        if (size - at < (int64_t)FILE_SIZE || memcmp(bytes + at, want, FILE_SIZE) != 0) continue;
        found++;
    }
    assert_int_equal(found, 40);
    munmap(bytes, (size_t)size);
    close(file);
    close(source);
    unlink(path);
    free(path);
    manifest_free(&manifest);
}

static void hard_links_share_their_data(void **) {
    struct manifest manifest = {};
    char *path = make_file("link", FILE_SIZE);
    char *other = text_format("%s-2", path);
    unlink(other);
    assert_int_equal(link(path, other), 0);
    assert_int_equal(manifest_add_file(&manifest, path, "/a"), 0);
    assert_int_equal(manifest_add_file(&manifest, other, "/b"), 0);
    int64_t size;
    int file = archive_of(&manifest, &size);
    assert_in_range(size, FILE_SIZE, 2 * FILE_SIZE - 1);
    struct archive *archive = open_archive(file);
    struct archive_entry *entry;
    int64_t inode = 0, total = 0;
    while (archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
        if (strcmp(archive_entry_pathname(entry), ".") == 0) continue;
        assert_int_equal(archive_entry_nlink(entry), 2);
        if (inode) assert_int_equal(archive_entry_ino64(entry), inode);
        inode = archive_entry_ino64(entry);
        total += archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
    }
    assert_int_equal(total, FILE_SIZE);
    archive_read_free(archive);
    close(file);
    unlink(path);
    unlink(other);
    free(path);
    free(other);
    manifest_free(&manifest);
}

static void four_gibibytes_are_refused(void **) {
    struct manifest manifest = {};
    char *path = make_file("huge", 0);
    assert_int_equal(truncate(path, 1ll << 32), 0);
    assert_int_equal(manifest_add_file(&manifest, path, "/huge"), 0);
    int64_t size;
    close(archive_of(&manifest, &size));
    assert_int_equal(size, -EFBIG);
    unlink(path);
    free(path);
    manifest_free(&manifest);
}

static void a_vanished_file_is_an_error(void **) {
    struct manifest manifest = {};
    char *path = make_file("gone", 10);
    assert_int_equal(manifest_add_file(&manifest, path, "/gone"), 0);
    unlink(path);
    int64_t size;
    close(archive_of(&manifest, &size));
    assert_int_equal(size, -ENOENT);
    free(path);
    manifest_free(&manifest);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_come_back),         cmocka_unit_test(file_data_are_page_aligned),
        cmocka_unit_test(hard_links_share_their_data), cmocka_unit_test(four_gibibytes_are_refused),
        cmocka_unit_test(a_vanished_file_is_an_error),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
