#include "src/drivers/virtio.h"

#include "lib/atomic.h"
#include "lib/string.h"
#include "rmm/frame.h"
#include "src/arch/arch.h"
#include "src/kernel.h"
#include "src/memory/heap.h"

enum virtio_status : uint8_t {
    STATUS_ACKNOWLEDGE = 1,
    STATUS_DRIVER = 2,
    STATUS_DRIVER_OK = 4,
    STATUS_FEATURES_OK = 8,
    STATUS_FAILED = 128,
};
constexpr uint64_t FEATURE_VERSION_1 = 1ULL << 32;
enum descriptor_flags : uint16_t { DESCRIPTOR_NEXT = 1, DESCRIPTOR_WRITE = 2 };

struct virtio_available {
    uint16_t flags, index, ring[];
};
struct virtio_used_element {
    uint32_t id, length;
};
struct virtio_used {
    uint16_t flags, index;
    struct virtio_used_element ring[];
};
constexpr uint16_t USED_NO_NOTIFY = 1;

int32_t virtio_start(struct virtio_device *device, uint64_t wanted, uint64_t *agreed) {
    const struct virtio_transport *transport = device->transport;
    transport->status_set(device, 0);
    for (unsigned tries = 0; transport->status_get(device) != 0; tries++) {
        if (tries == 1'000'000) return -ENODEV;
    }
    transport->status_set(device, STATUS_ACKNOWLEDGE);
    transport->status_set(device, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    uint64_t offered = transport->features_get(device, 0) | (uint64_t)transport->features_get(device, 1) << 32;
    if (!(offered & FEATURE_VERSION_1)) {
        virtio_failed(device);
        return -ENODEV;
    }
    uint64_t accepted = offered & (wanted | FEATURE_VERSION_1);
    transport->features_set(device, 0, (uint32_t)accepted);
    transport->features_set(device, 1, (uint32_t)(accepted >> 32));
    transport->status_set(device, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
    if (!(transport->status_get(device) & STATUS_FEATURES_OK)) {
        virtio_failed(device);
        return -ENODEV;
    }
    *agreed = accepted;
    return 0;
}

void virtio_ready(struct virtio_device *device) {
    device->transport->status_set(device, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

void virtio_failed(struct virtio_device *device) {
    device->transport->status_set(device, STATUS_FAILED);
}

int32_t virtio_queue_init(struct virtio_queue *queue, struct virtio_device *device, uint16_t index, uint16_t wanted) {
    uint16_t size = min(device->transport->queue_maximum(device, index), wanted);
    if (!size) return -ENOENT;
    size_t descriptors = size * sizeof(struct virtio_descriptor);
    size_t available = align_up(sizeof(struct virtio_available) + size * sizeof(uint16_t) + 2, 16);
    size_t used = align_up(sizeof(struct virtio_used) + size * sizeof(struct virtio_used_element) + 2, 16);
    char *memory = heap_alloc_aligned(descriptors + available + used + size * sizeof(void *), 16);
    if (!memory) return -ENOMEM;
    memset(memory, 0, descriptors + available + used + size * sizeof(void *));
    *queue = (struct virtio_queue){
        .device = device,
        .index = index,
        .size = size,
        .free_count = size,
        .descriptors = (struct virtio_descriptor *)memory,
        .available = (struct virtio_available *)(memory + descriptors),
        .used = (struct virtio_used *)(memory + descriptors + available),
        .tokens = (void **)(memory + descriptors + available + used),
    };
    for (uint16_t i = 0; i < size; i++)
        queue->descriptors[i].next = i + 1;
    device->transport->queue_enable(queue);
    return 0;
}

bool virtio_queue_add(struct virtio_queue *queue, const struct virtio_buffer *buffers, unsigned count, void *token) {
    if (count > queue->free_count) return false;
    uint16_t head = queue->free_head, at = head, last = head;
    for (unsigned i = 0; i < count; i++) {
        struct virtio_descriptor *descriptor = &queue->descriptors[at];
        descriptor->address = physical_of(buffers[i].address);
        descriptor->length = buffers[i].length;
        descriptor->flags = (buffers[i].device_writes ? DESCRIPTOR_WRITE : 0) | (i + 1 < count ? DESCRIPTOR_NEXT : 0);
        last = at;
        at = descriptor->next;
    }
    queue->free_head = queue->descriptors[last].next;
    queue->free_count -= (uint16_t)count;
    queue->tokens[head] = token;
    struct virtio_available *available = queue->available;
    available->ring[available->index % queue->size] = head;
    atomic_store_release(&available->index, (uint16_t)(available->index + 1));
    return true;
}

void virtio_queue_notify(struct virtio_queue *queue) {
    atomic_fence_seq_cst();
    if (!(atomic_load_relaxed(&queue->used->flags) & USED_NO_NOTIFY)) queue->device->transport->notify(queue);
}

void *virtio_queue_next(struct virtio_queue *queue, uint32_t *written) {
    if (queue->used_seen == atomic_load_acquire(&queue->used->index)) return nullptr;
    const struct virtio_used_element *element = &queue->used->ring[queue->used_seen++ % queue->size];
    uint32_t head = element->id;
    kernel_assert(head < queue->size);
    *written = element->length;
    uint16_t last = (uint16_t)head, count = 1;
    for (; queue->descriptors[last].flags & DESCRIPTOR_NEXT; count++)
        last = queue->descriptors[last].next;
    queue->descriptors[last].next = queue->free_head;
    queue->free_head = (uint16_t)head;
    queue->free_count += count;
    return queue->tokens[head];
}

static const struct {
    uint32_t type;
    void (*probe)(struct virtio_device *device);
} drivers[] = {{VIRTIO_CONSOLE, virtio_console_probe}, {VIRTIO_RANDOM, virtio_random_probe}};

void virtio_device_found(struct virtio_device *device) {
    for (unsigned i = 0; i < array_size(drivers); i++) {
        if (drivers[i].type == device->type) drivers[i].probe(device);
    }
}
