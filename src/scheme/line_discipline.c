#include "src/scheme/line_discipline.h"

#include "lib/string.h"

constexpr uint32_t TAB_WIDTH = 8;

const struct kernel_termios line_default_termios = {
    .input = ICRNL | IXON | IMAXBEL | IUTF8,
    .output = OPOST | ONLCR,
    .control = CBAUD_38400 | CS8 | CREAD | HUPCL,
    .local = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
    .characters = {[VINTR] = 3,
                   [VQUIT] = 28,
                   [VERASE] = 127,
                   [VKILL] = 21,
                   [VEOF] = 4,
                   [VMIN] = 1,
                   [VSTART] = 17,
                   [VSTOP] = 19,
                   [VSUSP] = 26,
                   [VREPRINT] = 18,
                   [VDISCARD] = 15,
                   [VWERASE] = 23,
                   [VLNEXT] = 22},
};

void line_init(struct line_discipline *line) {
    memset(line, 0, sizeof *line);
    line->termios = line_default_termios;
}

static uint32_t at(uint32_t index) {
    return index % LINE_INPUT_SIZE;
}

static bool marked(const uint8_t *marks, uint32_t index) {
    return marks[at(index) / 8] >> (at(index) % 8) & 1;
}

static void mark(uint8_t *marks, uint32_t index, bool on) {
    uint8_t bit = (uint8_t)(1u << (at(index) % 8));
    marks[at(index) / 8] = (uint8_t)((marks[at(index) / 8] & ~bit) | (on ? bit : 0));
}

static bool local(const struct line_discipline *line, uint32_t flag) {
    return line->termios.local & flag;
}

// A control character that is set (0 disables it).
static bool is_control(const struct line_discipline *line, char byte, enum termios_character which) {
    uint8_t character = line->termios.characters[which];
    return character != 0 && character == (uint8_t)byte;
}

// ---- output

static void put(struct line_discipline *line, char byte) {
    if (line_output_room(line) == 0) return;
    line->output[line->output_head++ % LINE_OUTPUT_SIZE] = byte;
}

static bool continuation_byte(const struct line_discipline *line, char byte) {
    return line->termios.input & IUTF8 && ((uint8_t)byte & 0xc0) == 0x80;
}

// One byte through output processing. False: no room, nothing was done.
static bool put_processed(struct line_discipline *line, char byte) {
    uint32_t flags = line->termios.output;
    if (line_output_room(line) < TAB_WIDTH) return false;
    if (!(flags & OPOST)) {
        put(line, byte);
        return true;
    }
    switch (byte) {
    case '\n':
        if (flags & ONLCR) {
            put(line, '\r');
            line->column = 0;
        }
        if (flags & ONLRET) line->column = 0;
        put(line, '\n');
        return true;
    case '\r':
        if (flags & ONOCR && line->column == 0) return true;
        put(line, flags & OCRNL ? '\n' : '\r');
        line->column = 0;
        return true;
    case '\t': {
        uint32_t spaces = TAB_WIDTH - line->column % TAB_WIDTH;
        line->column += spaces;
        if ((flags & XTABS) != XTABS) {
            put(line, '\t');
            return true;
        }
        while (spaces--)
            put(line, ' ');
        return true;
    }
    case '\b':
        if (line->column) line->column--;
        put(line, byte);
        return true;
    default:
        if (flags & OLCUC && byte >= 'a' && byte <= 'z') byte = (char)(byte - 'a' + 'A');
        if ((uint8_t)byte >= ' ' && byte != 127 && !continuation_byte(line, byte)) line->column++;
        put(line, byte);
        return true;
    }
}

uint32_t line_write(struct line_discipline *line, const char *bytes, uint32_t size) {
    uint32_t done = 0;
    while (done < size && put_processed(line, bytes[done]))
        done++;
    return done;
}

uint32_t line_output_peek(const struct line_discipline *line, const char **bytes) {
    uint32_t start = line->output_tail % LINE_OUTPUT_SIZE;
    uint32_t size = line->output_head - line->output_tail;
    *bytes = line->output + start;
    return min(size, LINE_OUTPUT_SIZE - start);
}

void line_output_consume(struct line_discipline *line, uint32_t size) {
    line->output_tail += size;
}

// ---- echo

static bool shown_as_caret(const struct line_discipline *line, char byte) {
    return local(line, ECHOCTL) && ((uint8_t)byte < ' ' || byte == 127) && byte != '\t' && byte != '\n';
}

static void echo(struct line_discipline *line, char byte) {
    if (!local(line, ECHO)) {
        if (byte == '\n' && local(line, ECHONL) && local(line, ICANON)) put_processed(line, byte);
        return;
    }
    if (shown_as_caret(line, byte)) {
        put_processed(line, '^');
        put_processed(line, (char)(byte ^ 0x40));
    } else {
        put_processed(line, byte);
    }
}

static uint32_t shown_width(const struct line_discipline *line, char byte, uint32_t column) {
    if (byte == '\t') return TAB_WIDTH - column % TAB_WIDTH;
    if (shown_as_caret(line, byte)) return 2;
    return (uint8_t)byte < ' ' || byte == 127 || continuation_byte(line, byte) ? 0 : 1;
}

static void rub_out(struct line_discipline *line, uint32_t width) {
    while (width--) {
        put_processed(line, '\b');
        put(line, ' ');
        put(line, '\b');
    }
}

// The column behind the edited bytes up to `end`.
static uint32_t column_of(const struct line_discipline *line, uint32_t end) {
    uint32_t column = line->edit_column;
    for (uint32_t i = line->committed; i != end; i++)
        column += shown_width(line, line->input[at(i)], column);
    return column;
}

static bool erase_one(struct line_discipline *line) {
    if (line->head == line->committed) return false;
    uint32_t before = column_of(line, line->head);
    do {
        line->head--;
    } while (line->head != line->committed && continuation_byte(line, line->input[at(line->head)]));
    if (local(line, ECHO)) {
        if (local(line, ECHOE))
            rub_out(line, before - column_of(line, line->head));
        else
            echo(line, (char)line->termios.characters[VERASE]);
    }
    return true;
}

static bool word_byte(char byte) {
    return (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z') || byte == '_' ||
           (uint8_t)byte >= 0x80;
}

static void erase_word(struct line_discipline *line) {
    while (line->head != line->committed && !word_byte(line->input[at(line->head - 1)]))
        erase_one(line);
    while (line->head != line->committed && word_byte(line->input[at(line->head - 1)]))
        erase_one(line);
}

static void kill_line(struct line_discipline *line) {
    if (local(line, ECHO) && !(local(line, ECHOKE) && local(line, ECHOE))) {
        line->head = line->committed;
        echo(line, (char)line->termios.characters[VKILL]);
        if (local(line, ECHOK)) put_processed(line, '\n');
        return;
    }
    while (erase_one(line))
        ;
}

static void reprint(struct line_discipline *line) {
    echo(line, (char)line->termios.characters[VREPRINT]);
    put_processed(line, '\n');
    line->edit_column = line->column;
    for (uint32_t i = line->committed; i != line->head; i++)
        echo(line, line->input[at(i)]);
}

// ---- input

static void commit(struct line_discipline *line) {
    line->committed = line->head;
}

static bool store(struct line_discipline *line, char byte, bool delimiter, bool end_of_file) {
    uint32_t used = line->head - line->tail;
    if (used >= LINE_INPUT_SIZE || (!delimiter && local(line, ICANON) && used >= LINE_INPUT_SIZE - 1)) {
        if (line->termios.input & IMAXBEL) put(line, '\a');
        return false;
    }
    line->input[at(line->head)] = byte;
    mark(line->delimiter, line->head, delimiter);
    mark(line->end_of_file, line->head, end_of_file);
    line->head++;
    return true;
}

static void end_line(struct line_discipline *line, char byte, bool end_of_file) {
    if (!store(line, byte, true, end_of_file)) return;
    line->lines++;
    commit(line);
}

static uint32_t signal_of(const struct line_discipline *line, char byte) {
    if (!local(line, ISIG)) return 0;
    return is_control(line, byte, VINTR)   ? SIGINT
           : is_control(line, byte, VQUIT) ? SIGQUIT
           : is_control(line, byte, VSUSP) ? SIGTSTP
                                           : 0;
}

// Editing characters of canonical mode. True: the byte was one.
static bool edit(struct line_discipline *line, char byte) {
    if (is_control(line, byte, VERASE) || (byte == '\b' && is_control(line, 127, VERASE))) {
        erase_one(line);
    } else if (is_control(line, byte, VKILL)) {
        kill_line(line);
    } else if (local(line, IEXTEN) && is_control(line, byte, VWERASE)) {
        erase_word(line);
    } else if (local(line, IEXTEN) && is_control(line, byte, VREPRINT)) {
        reprint(line);
    } else if (is_control(line, byte, VEOF)) {
        end_line(line, byte, true);
    } else if (byte == '\n' || is_control(line, byte, VEOL) || is_control(line, byte, VEOL2)) {
        echo(line, byte);
        end_line(line, byte, false);
    } else {
        return false;
    }
    return true;
}

// Flow control. True: the byte was one of its characters.
static bool flow(struct line_discipline *line, char byte) {
    if (!(line->termios.input & IXON)) return false;
    if (is_control(line, byte, VSTOP)) {
        line->stopped = true;
        return true;
    }
    if (is_control(line, byte, VSTART)) {
        line->stopped = false;
        return true;
    }
    if (line->stopped && line->termios.input & IXANY) line->stopped = false;
    return false;
}

static void store_literal(struct line_discipline *line, char byte) {
    if (line->head == line->committed) line->edit_column = line->column;
    if (store(line, byte, false, false)) echo(line, byte);
    if (!local(line, ICANON)) commit(line);
}

uint32_t line_input(struct line_discipline *line, char byte) {
    if (line->termios.input & ISTRIP) byte &= 0x7f;
    if (line->literal_next) {
        line->literal_next = false;
        store_literal(line, byte);
        return 0;
    }
    if (flow(line, byte)) return 0;
    uint32_t signal = signal_of(line, byte);
    if (signal) {
        if (!local(line, NOFLSH)) {
            line_flush_input(line);
            line_flush_output(line);
        }
        echo(line, byte);
        return signal;
    }
    if (byte == '\r') {
        if (line->termios.input & IGNCR) return 0;
        if (line->termios.input & ICRNL) byte = '\n';
    } else if (byte == '\n' && line->termios.input & INLCR) {
        byte = '\r';
    }
    if (line->termios.input & IUCLC && byte >= 'A' && byte <= 'Z') byte = (char)(byte - 'A' + 'a');
    if (local(line, ICANON)) {
        if (local(line, IEXTEN) && is_control(line, byte, VLNEXT)) {
            line->literal_next = true;
            if (local(line, ECHO) && local(line, ECHOCTL)) {
                put(line, '^');
                put(line, '\b');
            }
            return 0;
        }
        if (edit(line, byte)) return 0;
    }
    store_literal(line, byte);
    return 0;
}

uint32_t line_readable(const struct line_discipline *line, bool *end_of_file) {
    *end_of_file = false;
    if (!local(line, ICANON)) return line->committed - line->tail;
    if (line->lines == 0) return 0;
    *end_of_file = marked(line->end_of_file, line->tail);
    return line->committed - line->tail;
}

uint32_t line_read(struct line_discipline *line, char *buffer, uint32_t size) {
    uint32_t done = 0;
    bool canonical = local(line, ICANON);
    if (canonical && line->lines == 0) return 0;
    while (line->tail != line->committed) {
        bool delimiter = marked(line->delimiter, line->tail);
        bool end_of_file = delimiter && marked(line->end_of_file, line->tail);
        // An end-of-file mark right behind the bytes goes with them, even when the buffer is just full.
        if (done == size && !(canonical && end_of_file && done)) break;
        if (!end_of_file || !canonical) {
            if (done == size) break;
            buffer[done++] = line->input[at(line->tail)];
        }
        line->tail++;
        if (delimiter) {
            line->lines--;
            if (canonical) break;
        }
    }
    return done;
}

void line_flush_input(struct line_discipline *line) {
    line->tail = line->committed = line->head;
    line->lines = 0;
    line->literal_next = false;
}

void line_flush_output(struct line_discipline *line) {
    line->output_tail = line->output_head;
}

void line_set(struct line_discipline *line, const struct kernel_termios *termios) {
    bool was_canonical = local(line, ICANON);
    line->termios = *termios;
    if (was_canonical && !local(line, ICANON)) commit(line);
    if (!(line->termios.input & IXON)) line->stopped = false;
}
