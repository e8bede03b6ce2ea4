// The line discipline: what a terminal does to the bytes between its line and its readers. Pure: no locks, no sleeping;
// the terminal that owns it holds its own lock. Bit values are those of asm-generic/termbits.h.
#pragma once

#include <personality.h>

enum termios_input : uint32_t {
    BRKINT = 2,
    ISTRIP = 040,
    INLCR = 0100,
    IGNCR = 0200,
    ICRNL = 0400,
    IUCLC = 01000,
    IXON = 02000,
    IXANY = 04000,
    IXOFF = 010000,
    IMAXBEL = 020000,
    IUTF8 = 040000,
};
enum termios_output : uint32_t {
    OPOST = 1,
    OLCUC = 2,
    ONLCR = 4,
    OCRNL = 010,
    ONOCR = 020,
    ONLRET = 040,
    XTABS = 014000,
};
enum termios_control : uint32_t { CBAUD_38400 = 017, CS8 = 060, CREAD = 0200, HUPCL = 02000, CLOCAL = 04000 };
enum termios_local : uint32_t {
    ISIG = 1,
    ICANON = 2,
    ECHO = 010,
    ECHOE = 020,
    ECHOK = 040,
    ECHONL = 0100,
    NOFLSH = 0200,
    TOSTOP = 0400,
    ECHOCTL = 01000,
    ECHOPRT = 02000,
    ECHOKE = 04000,
    IEXTEN = 0100000,
};
enum termios_character : uint8_t {
    VINTR,
    VQUIT,
    VERASE,
    VKILL,
    VEOF,
    VTIME,
    VMIN,
    VSWTC,
    VSTART,
    VSTOP,
    VSUSP,
    VEOL,
    VREPRINT,
    VDISCARD,
    VWERASE,
    VLNEXT,
    VEOL2,
};

constexpr uint32_t LINE_INPUT_SIZE = 4096; // a power of two; a line is at most one byte less
constexpr uint32_t LINE_OUTPUT_SIZE = 8192;

// Indices grow without bound and are taken modulo the size. tail <= committed <= head: [tail, committed) is what
// readers may have; [committed, head) is the line being edited.
struct line_discipline {
    struct kernel_termios termios;
    uint32_t tail, committed, head;
    uint32_t lines;       // delimiters in [tail, committed)
    uint32_t column;      // of the output cursor
    uint32_t edit_column; // where the line being edited began
    bool literal_next;    // VLNEXT was typed
    bool stopped;         // VSTOP was typed: output waits
    char input[LINE_INPUT_SIZE];
    uint8_t delimiter[LINE_INPUT_SIZE / 8];   // marks bytes that end a line
    uint8_t end_of_file[LINE_INPUT_SIZE / 8]; // a delimiter that is not handed to the reader
    uint32_t output_tail, output_head;
    char output[LINE_OUTPUT_SIZE];
};

extern const struct kernel_termios line_default_termios;

void line_init(struct line_discipline *line);
// One byte from the line. Returns the signal for the foreground group, or 0. Echo goes to the output ring.
uint32_t line_input(struct line_discipline *line, char byte);
// Bytes that a reader of `wanted` bytes gets now without waiting; *end_of_file: a read answers 0.
uint32_t line_readable(const struct line_discipline *line, bool *end_of_file);
// Takes at most size bytes, in canonical mode at most one line; a bare end-of-file mark is consumed and gives 0.
uint32_t line_read(struct line_discipline *line, char *buffer, uint32_t size);
// Processes bytes into the output ring; returns how many were taken.
uint32_t line_write(struct line_discipline *line, const char *bytes, uint32_t size);
static inline uint32_t line_output_room(const struct line_discipline *line) {
    return LINE_OUTPUT_SIZE - (line->output_head - line->output_tail);
}
// The next contiguous piece of output; returns its length.
uint32_t line_output_peek(const struct line_discipline *line, const char **bytes);
void line_output_consume(struct line_discipline *line, uint32_t size);
void line_flush_input(struct line_discipline *line);
void line_flush_output(struct line_discipline *line);
// New settings: leaving canonical mode gives readers what was being edited.
void line_set(struct line_discipline *line, const struct kernel_termios *termios);
