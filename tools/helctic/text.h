#pragma once
// Strings, growing buffers and messages of the host command. Out of memory ends the process with status 125.
#include <stdarg.h>
#include <stddef.h>

// Exit codes of `helctic run` beside the program's own (0..255 and 128 + signal).
enum : int {
    EXIT_TIMED_OUT = 124,
    EXIT_MACHINE_FAILED = 125,
    EXIT_CANNOT_RUN = 126,
    EXIT_NOT_FOUND = 127,
};

// A buffer that grows at its end; `data` is NUL-terminated whenever it is not a null pointer. Zero-initialise it.
struct buffer {
    char *data;
    size_t size;
    size_t capacity;
};

// A list of owned strings, ended by a null pointer. Zero-initialise it.
struct string_list {
    char **items;
    size_t count;
    size_t capacity;
};

[[nodiscard]] void *memory_alloc(size_t size);
[[nodiscard]] void *memory_grow(void *block, size_t size);
[[nodiscard]] char *text_copy(const char *text);
[[nodiscard, gnu::format(printf, 1, 2)]] char *text_format(const char *format, ...);

void buffer_append(struct buffer *buffer, const void *data, size_t size);
[[gnu::format(printf, 2, 3)]] void buffer_format(struct buffer *buffer, const char *format, ...);
// Drops the first `size` bytes.
void buffer_consume(struct buffer *buffer, size_t size);
void buffer_free(struct buffer *buffer);

// The list owns `item` afterwards.
void list_push(struct string_list *list, char *item);
[[gnu::format(printf, 2, 3)]] void list_format(struct string_list *list, const char *format, ...);
void list_free(struct string_list *list);

// "helctic: MESSAGE" on standard error, as one write.
[[gnu::format(printf, 1, 2)]] void report(const char *format, ...);
