// virtio entropy: one request at boot, mixed into the generator.
#include "src/arch/arch.h"
#include "src/drivers/virtio.h"
#include "src/kernel.h"
#include "src/memory/heap.h"
#include "src/random.h"

constexpr size_t SEED_SIZE = 32;
constexpr nanoseconds PATIENCE = 20'000'000;

static void interrupt(struct virtio_device *) {
}

void virtio_random_probe(struct virtio_device *device) {
    uint64_t features;
    uint32_t written = 0;
    struct virtio_queue queue;
    device->interrupt = interrupt;
    char *seed = heap_alloc(SEED_SIZE);
    if (!seed || virtio_start(device, 0, &features) || virtio_queue_init(&queue, device, 0, 1)) return;
    virtio_ready(device);
    struct virtio_buffer buffer = {seed, SEED_SIZE, true};
    if (!virtio_queue_add(&queue, &buffer, 1, seed)) return;
    virtio_queue_notify(&queue);
    nanoseconds limit = arch_clock() + PATIENCE;
    while (!virtio_queue_next(&queue, &written)) {
        if (arch_clock() > limit) return; // the device keeps the buffer
        arch_spin_pause();
    }
    random_mix(seed, min(written, (uint32_t)SEED_SIZE));
    heap_free(seed);
    log_info("virtio", "%u bytes of entropy", written);
}
