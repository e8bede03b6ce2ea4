#pragma once
// The host terminal while the guest has it.

// Puts the terminal into raw mode; terminal_restore (also called at exit) undoes it. Returns 0 or a negative errno.
[[nodiscard]] int terminal_raw(void);
void terminal_restore(void);

// The size of the terminal, 24 by 80 when it does not tell.
void terminal_size(unsigned *rows, unsigned *columns);
