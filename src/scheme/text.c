#include "src/scheme/text.h"

#include <stdarg.h>

#include "lib/format.h"
#include "lib/string.h"
#include "lib/types.h"
#include "src/memory/heap.h"

void text_append(struct text *text, const char *bytes, size_t length) {
    if (length > text->capacity - text->length && !text->failed) {
        size_t capacity = max(text->capacity * 2, text->length + length);
        capacity = max(capacity, (size_t)512);
        char *buffer = heap_resize(text->buffer, capacity);
        text->failed = buffer == nullptr;
        if (buffer) {
            text->buffer = buffer;
            text->capacity = capacity;
        }
    }
    if (text->failed) return;
    memcpy(text->buffer + text->length, bytes, length);
    text->length += length;
}

static void sink(void *data, const char *bytes, size_t length) {
    text_append(data, bytes, length);
}

void text_print(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    format_to(sink, text, format, arguments);
    va_end(arguments);
}

void text_free(struct text *text) {
    heap_free(text->buffer);
    *text = (struct text){};
}
