#pragma once
// The control channel between `helctic run` and the guest's /init: text lines ended by '\n'.
//   guest to host: "ready" · "exit N" · "killed SIGNAL [core]" · "failed 126|127 TEXT"
//   host to guest: "signal N" · "winsize ROWS COLUMNS"
#include <stddef.h>

enum control_kind { CONTROL_NONE, CONTROL_READY, CONTROL_EXIT, CONTROL_KILLED, CONTROL_FAILED, CONTROL_UNKNOWN };

enum : size_t { CONTROL_LINE_MAX = 512 };

struct control_message {
    enum control_kind kind;
    int value;                   // exit status, signal number, or 126/127
    bool core;                   // killed with a core dump
    char text[CONTROL_LINE_MAX]; // the text of "failed", or the unknown line
};

// Collects bytes into lines. A line longer than CONTROL_LINE_MAX is cut. Zero-initialise it.
struct control_reader {
    char line[CONTROL_LINE_MAX];
    size_t used;
};

// Takes bytes from `*data` up to and including the first line end, advancing `*data` and `*size`. `message->kind` is
// CONTROL_NONE when the line is not complete yet (then all bytes were taken).
void control_feed(struct control_reader *reader, const char **data, size_t *size, struct control_message *message);
