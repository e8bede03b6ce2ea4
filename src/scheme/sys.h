// /sys: what programs ask of the machine (processors), and the empty directories that they expect.
#pragma once

void sys_init(void);
