// The first 16550 of a PC, for the log: transmit only here; src/arch/x86_64/serial_input.c receives.
#include "src/arch/x86_64/x86.h"

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
        if (port_read8(UART_LINE_STATUS) & 0x20) return true;
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
