// virtio over memory-mapped registers (virtio 1.2, 4.2).
#include "lib/string.h"
#include "rmm/frame.h"
#include "src/arch/arch.h"
#include "src/drivers/virtio.h"
#include "src/kernel.h"
#include "src/memory/heap.h"

enum mmio_register : uint32_t {
    MMIO_MAGIC = 0,
    MMIO_VERSION = 4,
    MMIO_DEVICE = 8,
    MMIO_DEVICE_FEATURES = 0x10,
    MMIO_DEVICE_FEATURES_SELECT = 0x14,
    MMIO_DRIVER_FEATURES = 0x20,
    MMIO_DRIVER_FEATURES_SELECT = 0x24,
    MMIO_QUEUE_SELECT = 0x30,
    MMIO_QUEUE_MAXIMUM = 0x34,
    MMIO_QUEUE_SIZE = 0x38,
    MMIO_QUEUE_READY = 0x44,
    MMIO_NOTIFY = 0x50,
    MMIO_INTERRUPT_STATUS = 0x60,
    MMIO_INTERRUPT_ACKNOWLEDGE = 0x64,
    MMIO_STATUS = 0x70,
    MMIO_QUEUE_DESCRIPTORS = 0x80,
    MMIO_QUEUE_AVAILABLE = 0x90,
    MMIO_QUEUE_USED = 0xa0,
    MMIO_CONFIG = 0x100,
};
constexpr uint32_t MAGIC = 0x74726976;
constexpr size_t REGISTERS_SIZE = 0x200;

static uint32_t reg_read(const struct virtio_device *device, uint32_t which) {
    return mmio_read32(device->registers + which);
}
static void reg_write(const struct virtio_device *device, uint32_t which, uint32_t value) {
    mmio_write32(device->registers + which, value);
}

static uint32_t features_get(struct virtio_device *device, uint32_t word) {
    reg_write(device, MMIO_DEVICE_FEATURES_SELECT, word);
    return reg_read(device, MMIO_DEVICE_FEATURES);
}

static void features_set(struct virtio_device *device, uint32_t word, uint32_t features) {
    reg_write(device, MMIO_DRIVER_FEATURES_SELECT, word);
    reg_write(device, MMIO_DRIVER_FEATURES, features);
}

static uint8_t status_get(struct virtio_device *device) {
    return (uint8_t)reg_read(device, MMIO_STATUS);
}

static void status_set(struct virtio_device *device, uint8_t status) {
    reg_write(device, MMIO_STATUS, status);
}

static uint16_t queue_maximum(struct virtio_device *device, uint16_t index) {
    reg_write(device, MMIO_QUEUE_SELECT, index);
    return (uint16_t)reg_read(device, MMIO_QUEUE_MAXIMUM);
}

static void address_write(struct virtio_device *device, uint32_t which, const void *pointer) {
    physical_address address = physical_of(pointer);
    reg_write(device, which, (uint32_t)address);
    reg_write(device, which + 4, (uint32_t)(address >> 32));
}

static void queue_enable(struct virtio_queue *queue) {
    struct virtio_device *device = queue->device;
    reg_write(device, MMIO_QUEUE_SELECT, queue->index);
    reg_write(device, MMIO_QUEUE_SIZE, queue->size);
    address_write(device, MMIO_QUEUE_DESCRIPTORS, queue->descriptors);
    address_write(device, MMIO_QUEUE_AVAILABLE, queue->available);
    address_write(device, MMIO_QUEUE_USED, queue->used);
    reg_write(device, MMIO_QUEUE_READY, 1);
}

static void notify(struct virtio_queue *queue) {
    reg_write(queue->device, MMIO_NOTIFY, queue->index);
}

static void config_read(struct virtio_device *device, size_t offset, void *to, size_t size) {
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)to)[i] = mmio_read8(device->registers + MMIO_CONFIG + offset + i);
}

static void interrupt(void *data) {
    struct virtio_device *device = data;
    reg_write(device, MMIO_INTERRUPT_ACKNOWLEDGE, reg_read(device, MMIO_INTERRUPT_STATUS));
    device->interrupt(device);
}

static int32_t interrupt_enable(struct virtio_device *device) {
    return arch_interrupt_register(device->line, false, interrupt, device);
}

static const struct virtio_transport mmio_transport = {
    .features_get = features_get,
    .features_set = features_set,
    .status_get = status_get,
    .status_set = status_set,
    .queue_maximum = queue_maximum,
    .queue_enable = queue_enable,
    .notify = notify,
    .config_read = config_read,
    .interrupt_enable = interrupt_enable,
};

void virtio_mmio_probe(physical_address address, unsigned line) {
    volatile char *registers = device_map(address, REGISTERS_SIZE);
    if (!registers || mmio_read32(registers + MMIO_MAGIC) != MAGIC || !mmio_read32(registers + MMIO_DEVICE)) return;
    if (mmio_read32(registers + MMIO_VERSION) != 2) {
        log_warning("virtio", "device %u at %#lx speaks the legacy protocol: ignored (virtio-mmio.force-legacy=false?)",
                    mmio_read32(registers + MMIO_DEVICE), (unsigned long)address);
        return;
    }
    struct virtio_device *device = heap_alloc_zeroed(sizeof *device);
    if (!device) return;
    device->transport = &mmio_transport;
    device->type = mmio_read32(registers + MMIO_DEVICE);
    device->registers = registers;
    device->line = line;
    virtio_device_found(device);
}
