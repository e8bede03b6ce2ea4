#include "tools/helctic/control.h"

#include <string.h>

// Reads a decimal number of at most `limit`; the cursor moves behind it. Returns -1 when there is none.
static int number_read(const char **cursor, int limit) {
    const char *at = *cursor;
    int value = 0;
    if (*at < '0' || *at > '9') return -1;
    for (; *at >= '0' && *at <= '9'; at++) {
        value = value * 10 + (*at - '0');
        if (value > limit) return -1;
    }
    *cursor = at;
    return value;
}

static bool word_skip(const char **cursor, const char *word) {
    size_t length = strlen(word);
    if (strncmp(*cursor, word, length) != 0) return false;
    *cursor += length;
    return true;
}

static void line_parse(const char *line, struct control_message *message) {
    const char *cursor = line;
    message->kind = CONTROL_UNKNOWN;
    message->value = 0;
    message->core = false;
    strncpy(message->text, line, sizeof message->text - 1);
    message->text[sizeof message->text - 1] = '\0';
    if (strcmp(line, "ready") == 0) {
        message->kind = CONTROL_READY;
    } else if (word_skip(&cursor, "exit ")) {
        int value = number_read(&cursor, 255);
        if (value < 0 || *cursor) return;
        message->kind = CONTROL_EXIT;
        message->value = value;
    } else if (word_skip(&cursor, "killed ")) {
        int value = number_read(&cursor, 127);
        if (value <= 0 || (*cursor && strcmp(cursor, " core") != 0)) return;
        message->kind = CONTROL_KILLED;
        message->value = value;
        message->core = *cursor != '\0';
    } else if (word_skip(&cursor, "failed ")) {
        int value = number_read(&cursor, 127);
        if (value < 126 || (*cursor && *cursor != ' ')) return;
        message->kind = CONTROL_FAILED;
        message->value = value;
        if (*cursor) cursor++;
        memmove(message->text, message->text + (cursor - line), strlen(cursor) + 1);
    }
}

void control_feed(struct control_reader *reader, const char **data, size_t *size, struct control_message *message) {
    message->kind = CONTROL_NONE;
    while (*size) {
        char byte = *(*data)++;
        (*size)--;
        if (byte == '\n') {
            reader->line[reader->used] = '\0';
            reader->used = 0;
            line_parse(reader->line, message);
            return;
        }
        // A NUL would end the line for the string functions, and a CR comes from a tty.
        if (byte == '\0' || byte == '\r') continue;
        if (reader->used < sizeof reader->line - 1) reader->line[reader->used++] = byte;
    }
}
