#include "src/drivers/drivers.h"

#include "src/arch/arch.h"

void drivers_init(void) {
    arch_devices_init();
}
