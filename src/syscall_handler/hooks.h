// The registry behind the register_hooks and register_time_page ops.
#pragma once

// No registration succeeds afterwards.
void hooks_seal(void);
