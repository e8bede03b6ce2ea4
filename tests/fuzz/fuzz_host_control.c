// The control protocol's reader on arbitrary bytes, in pieces of two sizes.
// sources: tools/helctic/control.c
#include "tools/helctic/control.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct control_reader reader = {};
    const char *at = (const char *)data;
    size_t turn = 0;
    while (size) {
        size_t piece = ++turn % 2 ? 3 : 64;
        if (piece > size) piece = size;
        size -= piece;
        while (piece) {
            struct control_message message;
            control_feed(&reader, &at, &piece, &message);
            if (message.kind == CONTROL_EXIT && (message.value < 0 || message.value > 255)) abort();
            if (message.kind == CONTROL_KILLED && (message.value < 1 || message.value > 127)) abort();
            if (message.kind == CONTROL_FAILED && strlen(message.text) >= CONTROL_LINE_MAX) abort();
        }
    }
    return 0;
}
