// Devices: terminals, buses, virtio.
#pragma once

// Boot, after the schemes and tty_init: finds the devices and registers their terminals and nodes.
void drivers_init(void);
