#include "tools/helctic/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *memory_grow(void *block, size_t size) {
    void *grown = realloc(block, size ? size : 1);
    if (!grown) {
        report("out of memory");
        exit(EXIT_MACHINE_FAILED);
    }
    return grown;
}

void *memory_alloc(size_t size) {
    void *block = memory_grow(nullptr, size);
    memset(block, 0, size);
    return block;
}

char *text_copy(const char *text) {
    size_t size = strlen(text) + 1;
    return memcpy(memory_alloc(size), text, size);
}

static char *format_list(const char *format, va_list arguments) {
    char *text;
    if (vasprintf(&text, format, arguments) < 0) {
        report("out of memory");
        exit(EXIT_MACHINE_FAILED);
    }
    return text;
}

char *text_format(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = format_list(format, arguments);
    va_end(arguments);
    return text;
}

void buffer_append(struct buffer *buffer, const void *data, size_t size) {
    if (buffer->capacity - buffer->size <= size) {
        size_t capacity = buffer->capacity ? buffer->capacity * 2 : 256;
        while (capacity - buffer->size <= size)
            capacity *= 2;
        buffer->data = memory_grow(buffer->data, capacity);
        buffer->capacity = capacity;
    }
    if (size) memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
}

void buffer_format(struct buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = format_list(format, arguments);
    va_end(arguments);
    buffer_append(buffer, text, strlen(text));
    free(text);
}

void buffer_consume(struct buffer *buffer, size_t size) {
    if (!size) return;
    memmove(buffer->data, buffer->data + size, buffer->size - size + 1);
    buffer->size -= size;
}

void buffer_free(struct buffer *buffer) {
    free(buffer->data);
    *buffer = (struct buffer){};
}

void list_push(struct string_list *list, char *item) {
    if (list->count + 2 > list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 16;
        list->items = memory_grow(list->items, list->capacity * sizeof *list->items);
    }
    list->items[list->count++] = item;
    list->items[list->count] = nullptr;
}

void list_format(struct string_list *list, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    list_push(list, format_list(format, arguments));
    va_end(arguments);
}

void list_free(struct string_list *list) {
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct string_list){};
}

void report(const char *format, ...) {
    char line[4096] = "helctic: ";
    size_t used = strlen(line);
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line + used, sizeof line - used - 1, format, arguments);
    va_end(arguments);
    if (length > 0) used += (size_t)length;
    if (used > sizeof line - 2) used = sizeof line - 2;
    line[used++] = '\n';
    [[maybe_unused]] ssize_t written = write(STDERR_FILENO, line, used);
}
