// The kernel thread behind io_submit.
#pragma once

// Tries one request again whose file became ready. False: there is none. May sleep.
bool io_async_step(void);
