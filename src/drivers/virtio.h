// virtio 1.x: devices behind one of two transports (PCI, memory-mapped registers), and their split queues.
#pragma once

#include "lib/types.h"

struct virtio_device;
struct virtio_queue;
struct pci_function;

enum virtio_type : uint32_t { VIRTIO_CONSOLE = 3, VIRTIO_RANDOM = 4 };

struct virtio_transport {
    uint32_t (*features_get)(struct virtio_device *device, uint32_t word);
    void (*features_set)(struct virtio_device *device, uint32_t word, uint32_t features);
    uint8_t (*status_get)(struct virtio_device *device);
    void (*status_set)(struct virtio_device *device, uint8_t status);
    // The device's largest size for a queue; 0: it has no such queue.
    uint16_t (*queue_maximum)(struct virtio_device *device, uint16_t index);
    // Tells the device where the queue lies and switches it on.
    void (*queue_enable)(struct virtio_queue *queue);
    void (*notify)(struct virtio_queue *queue);
    void (*config_read)(struct virtio_device *device, size_t offset, void *to, size_t size);
    // -ENOSYS, -ENOSPC, -ENODEV: no way to be interrupted.
    int32_t (*interrupt_enable)(struct virtio_device *device);
};

struct virtio_device {
    const struct virtio_transport *transport;
    uint32_t type;
    void (*interrupt)(struct virtio_device *device); // the driver's; with interrupts off
    void *driver;
    // the transport's
    volatile char *registers, *notify_registers, *config_registers;
    uint32_t notify_multiplier;
    unsigned line;
    const struct pci_function *pci;
};

struct virtio_descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};
struct virtio_available;
struct virtio_used;

// The driver's lock guards it.
struct virtio_queue {
    struct virtio_device *device;
    uint16_t index, size, free_head, free_count, used_seen;
    struct virtio_descriptor *descriptors;
    struct virtio_available *available;
    struct virtio_used *used;
    volatile char *notify_register;
    void **tokens; // by first descriptor
};

struct virtio_buffer {
    void *address; // in the direct map
    uint32_t length;
    bool device_writes;
};

// Resets the device and agrees on `wanted` of its features; *agreed gets what it has. -ENODEV: not a virtio 1 device.
[[nodiscard]] int32_t virtio_start(struct virtio_device *device, uint64_t wanted, uint64_t *agreed);
// The driver is set up: the device may work.
void virtio_ready(struct virtio_device *device);
void virtio_failed(struct virtio_device *device);
// At most `wanted` entries. -ENOENT: no such queue; -ENOMEM.
[[nodiscard]] int32_t virtio_queue_init(struct virtio_queue *queue, struct virtio_device *device, uint16_t index,
                                        uint16_t wanted);
// Offers a chain of buffers. False: no descriptors free.
[[nodiscard]] bool virtio_queue_add(struct virtio_queue *queue, const struct virtio_buffer *buffers, unsigned count,
                                    void *token);
void virtio_queue_notify(struct virtio_queue *queue);
// The next chain the device is done with: its token, and the bytes it wrote; nullptr: none.
[[nodiscard]] void *virtio_queue_next(struct virtio_queue *queue, uint32_t *written);

// A device was found: its driver takes it over (device must stay), or nobody does.
void virtio_device_found(struct virtio_device *device);
// virtio_mmio.c: looks at registers at a physical address; an interrupt line below 0: none. Quiet when nothing is
// there.
void virtio_mmio_probe(physical_address address, unsigned line);
// virtio_pci.c
void virtio_pci_probe(const struct pci_function *function);

// Drivers.
void virtio_console_probe(struct virtio_device *device);
void virtio_random_probe(struct virtio_device *device);
