// virtio over PCI (virtio 1.2, 4.1): structures found through vendor capabilities, one MSI-X message for all.
#include "rmm/frame.h"
#include "src/drivers/pci.h"
#include "src/drivers/virtio.h"
#include "src/kernel.h"
#include "src/memory/heap.h"

enum common_register : uint32_t {
    COMMON_DEVICE_FEATURES_SELECT = 0,
    COMMON_DEVICE_FEATURES = 4,
    COMMON_DRIVER_FEATURES_SELECT = 8,
    COMMON_DRIVER_FEATURES = 12,
    COMMON_CONFIG_MESSAGE = 16,
    COMMON_STATUS = 20,
    COMMON_QUEUE_SELECT = 22,
    COMMON_QUEUE_SIZE = 24,
    COMMON_QUEUE_MESSAGE = 26,
    COMMON_QUEUE_ENABLE = 28,
    COMMON_QUEUE_NOTIFY = 30,
    COMMON_QUEUE_DESCRIPTORS = 32,
    COMMON_QUEUE_AVAILABLE = 40,
    COMMON_QUEUE_USED = 48,
    COMMON_SIZE = 56,
};
enum capability_kind : uint8_t { KIND_COMMON = 1, KIND_NOTIFY = 2, KIND_DEVICE = 4 };
constexpr uint16_t DEVICE_MODERN_FIRST = 0x1040;
constexpr uint16_t DEVICE_TRANSITIONAL_FIRST = 0x1000;
constexpr uint16_t DEVICE_LAST = 0x107f;

static uint32_t features_get(struct virtio_device *device, uint32_t word) {
    mmio_write32(device->registers + COMMON_DEVICE_FEATURES_SELECT, word);
    return mmio_read32(device->registers + COMMON_DEVICE_FEATURES);
}

static void features_set(struct virtio_device *device, uint32_t word, uint32_t features) {
    mmio_write32(device->registers + COMMON_DRIVER_FEATURES_SELECT, word);
    mmio_write32(device->registers + COMMON_DRIVER_FEATURES, features);
}

static uint8_t status_get(struct virtio_device *device) {
    return mmio_read8(device->registers + COMMON_STATUS);
}

static void status_set(struct virtio_device *device, uint8_t status) {
    mmio_write8(device->registers + COMMON_STATUS, status);
}

static uint16_t queue_maximum(struct virtio_device *device, uint16_t index) {
    mmio_write16(device->registers + COMMON_QUEUE_SELECT, index);
    return mmio_read16(device->registers + COMMON_QUEUE_SIZE);
}

static void address_write(volatile char *place, const void *pointer) {
    physical_address address = physical_of(pointer);
    mmio_write32(place, (uint32_t)address);
    mmio_write32(place + 4, (uint32_t)(address >> 32));
}

static void queue_enable(struct virtio_queue *queue) {
    struct virtio_device *device = queue->device;
    volatile char *common = device->registers;
    mmio_write16(common + COMMON_QUEUE_SELECT, queue->index);
    mmio_write16(common + COMMON_QUEUE_SIZE, queue->size);
    mmio_write16(common + COMMON_QUEUE_MESSAGE, 0);
    address_write(common + COMMON_QUEUE_DESCRIPTORS, queue->descriptors);
    address_write(common + COMMON_QUEUE_AVAILABLE, queue->available);
    address_write(common + COMMON_QUEUE_USED, queue->used);
    queue->notify_register =
        device->notify_registers + mmio_read16(common + COMMON_QUEUE_NOTIFY) * device->notify_multiplier;
    mmio_write16(common + COMMON_QUEUE_ENABLE, 1);
}

static void notify(struct virtio_queue *queue) {
    mmio_write16(queue->notify_register, queue->index);
}

static void config_read(struct virtio_device *device, size_t offset, void *to, size_t size) {
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)to)[i] = mmio_read8(device->config_registers + offset + i);
}

static void interrupt(void *data) {
    struct virtio_device *device = data;
    device->interrupt(device);
}

static int32_t interrupt_enable(struct virtio_device *device) {
    int32_t error = pci_message_enable(device->pci, interrupt, device);
    if (!error) mmio_write16(device->registers + COMMON_CONFIG_MESSAGE, 0);
    return error;
}

static const struct virtio_transport pci_transport = {
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

// Maps the structures that the vendor capabilities describe. The first one of each kind counts.
static void map_structures(struct virtio_device *device) {
    const struct pci_function *function = device->pci;
    for (uint32_t at = 0; (at = pci_capability_next(function, PCI_CAPABILITY_VENDOR, at)) != 0;) {
        uint8_t kind = mmio_read8(function->config + at + 3), bar = mmio_read8(function->config + at + 4);
        uint32_t offset = mmio_read32(function->config + at + 8), size = mmio_read32(function->config + at + 12);
        if (kind == KIND_COMMON && !device->registers && size >= COMMON_SIZE) {
            device->registers = pci_map(function, bar, offset, size);
        } else if (kind == KIND_NOTIFY && !device->notify_registers) {
            device->notify_registers = pci_map(function, bar, offset, size);
            device->notify_multiplier = mmio_read32(function->config + at + 16);
        } else if (kind == KIND_DEVICE && !device->config_registers) {
            device->config_registers = pci_map(function, bar, offset, size);
        }
    }
}

void virtio_pci_probe(const struct pci_function *function) {
    if (function->device < DEVICE_TRANSITIONAL_FIRST || function->device > DEVICE_LAST) return;
    struct virtio_device *device = heap_alloc_zeroed(sizeof *device);
    struct pci_function *kept = heap_alloc(sizeof *kept);
    if (!device || !kept) goto failed;
    *kept = *function;
    device->transport = &pci_transport;
    device->type = function->device >= DEVICE_MODERN_FIRST ? (uint32_t)(function->device - DEVICE_MODERN_FIRST)
                                                           : mmio_read16(function->config + PCI_SUBSYSTEM);
    device->pci = kept;
    pci_enable(function);
    map_structures(device);
    if (!device->registers || !device->notify_registers) {
        log_warning("virtio", "PCI %u:%u.%u is not a virtio 1 device: ignored", function->bus, function->slot,
                    function->function);
        goto failed;
    }
    virtio_device_found(device);
    return;
failed:
    heap_free(kept);
    heap_free(device);
}
