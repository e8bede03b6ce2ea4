#include "src/context/cpu.h"

struct cpu cpus[CPU_MAXIMUM];
unsigned cpu_count = 1;
