// Asynchronous I/O contexts of a process (io_setup and its kin).
#pragma once

struct linux_process;

// Forgets all of a process's contexts. No other thread of it runs.
void linux_aio_release(struct linux_process *process);
