// The first 16550 of a PC: the log's console, polled, and the terminal ttyS0, by interrupts.
#include "src/arch/x86_64/interrupts.h"
#include "src/arch/x86_64/x86.h"
#include "src/kernel.h"
#include "src/scheme/tty.h"

enum uart : uint16_t {
    UART = 0x3f8,
    UART_DATA = UART,
    UART_INTERRUPT_ENABLE = UART + 1,
    UART_FIFO_CONTROL = UART + 2,
    UART_LINE_CONTROL = UART + 3,
    UART_MODEM_CONTROL = UART + 4,
    UART_LINE_STATUS = UART + 5,
};
constexpr unsigned UART_FIFO_SIZE = 16;
constexpr unsigned UART_LINE = 4; // its ISA interrupt
enum uart_line_status : uint8_t { LINE_RECEIVED = 1, LINE_TRANSMIT_EMPTY = 0x20 };
enum uart_interrupt : uint8_t { INTERRUPT_RECEIVED = 1, INTERRUPT_TRANSMIT_EMPTY = 2 };

static bool serial_present;

void serial_init(void) {
    port_write8(UART_INTERRUPT_ENABLE, 0);
    port_write8(UART_LINE_CONTROL, 0x80); // divisor latch: 115200 baud
    port_write8(UART_DATA, 1);
    port_write8(UART_INTERRUPT_ENABLE, 0);
    port_write8(UART_LINE_CONTROL, 3);     // 8n1
    port_write8(UART_FIFO_CONTROL, 0xc7);  // on, cleared, threshold 14
    port_write8(UART_MODEM_CONTROL, 0x0b); // DTR, RTS, OUT2 (interrupts)
    serial_present = port_read8(UART_LINE_STATUS) != 0xff;
}

// Waits until the transmit FIFO is empty; gives a dead device up.
static bool serial_wait(void) {
    for (unsigned round = 0; round < 100'000; round++) {
        if (port_read8(UART_LINE_STATUS) & LINE_TRANSMIT_EMPTY) return true;
        __asm__ volatile("pause");
    }
    return false;
}

void arch_console_write(const char *text, size_t length) {
    unsigned room = 0;
    if (!serial_present) return;
    while (length) {
        if (room < 2) {
            if (!serial_wait()) return;
            room = UART_FIFO_SIZE;
        }
        if (*text == '\n') {
            port_write8(UART_DATA, '\r');
            room--;
        }
        port_write8(UART_DATA, (uint8_t)*text++);
        length--;
        room--;
    }
}

// ---- the terminal

static struct tty *serial_tty;

static size_t serial_tty_write(void *, const char *bytes, size_t size) {
    size_t sent = 0;
    while (sent < size && (port_read8(UART_LINE_STATUS) & LINE_TRANSMIT_EMPTY)) {
        for (unsigned room = UART_FIFO_SIZE; room && sent < size; room--)
            port_write8(UART_DATA, (uint8_t)bytes[sent++]);
    }
    if (sent < size) port_write8(UART_INTERRUPT_ENABLE, INTERRUPT_RECEIVED | INTERRUPT_TRANSMIT_EMPTY);
    return sent;
}

static bool serial_tty_drained(void *) {
    return port_read8(UART_LINE_STATUS) & LINE_TRANSMIT_EMPTY;
}

static void serial_interrupt(void *) {
    char bytes[64];
    unsigned count;
    do {
        for (count = 0; count < sizeof(bytes) && (port_read8(UART_LINE_STATUS) & LINE_RECEIVED); count++)
            bytes[count] = (char)port_read8(UART_DATA);
        if (count) tty_input(serial_tty, bytes, count);
    } while (count == sizeof(bytes));
    if ((port_read8(UART_INTERRUPT_ENABLE) & INTERRUPT_TRANSMIT_EMPTY) && serial_tty_drained(nullptr)) {
        port_write8(UART_INTERRUPT_ENABLE, INTERRUPT_RECEIVED);
        tty_output_room(serial_tty);
    }
}

void serial_terminal_init(void) {
    static const struct tty_driver driver = {.name = "ttyS0", .write = serial_tty_write, .drained = serial_tty_drained};
    if (!serial_present) return;
    serial_tty = tty_register(&driver, nullptr, 4, 64);
    if (!serial_tty) return;
    int32_t error = arch_interrupt_register(UART_LINE, false, serial_interrupt, nullptr);
    if (error) {
        log_warning("serial", "no interrupt: error %d", -error);
        return;
    }
    port_write8(UART_INTERRUPT_ENABLE, INTERRUPT_RECEIVED);
    serial_interrupt(nullptr); // what came in before is not announced any more
}
