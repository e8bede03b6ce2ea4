// virtio's split queues against a device made of a few lines: chains arrive as offered, tokens come back in any order,
// descriptors are never lost.
// sources: src/drivers/virtio.c src/arch/hosted/hosted.c
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "rmm/frame.h"
#include "src/arch/arch.h"
#include "src/arch/hosted/hosted.h"
#include "src/drivers/virtio.h"
#include "src/memory/heap.h"

constexpr uint16_t QUEUE_SIZE = 8;
constexpr size_t MEMORY = 4UL << 20;
static size_t memory_used;

void *heap_alloc_aligned(size_t size, size_t alignment) {
    memory_used = (memory_used + alignment - 1) & ~(alignment - 1);
    void *result = (void *)(DIRECT_MAP_BASE + memory_used);
    memory_used += size;
    return memory_used <= MEMORY ? result : nullptr;
}
void virtio_console_probe(struct virtio_device *) {
}
void virtio_random_probe(struct virtio_device *) {
}

// ---- the device's side: what virtio 1.2 lays down, written down again

struct device_used {
    uint16_t flags, index;
    struct {
        uint32_t id, length;
    } ring[QUEUE_SIZE];
};
static uint64_t offered_features, accepted_features;
static uint8_t status;
static bool refuses_features;
static unsigned notifications;
static uint16_t taken; // available entries the device has seen
static struct virtio_queue queue;
static struct virtio_device device;

static uint32_t features_get(struct virtio_device *, uint32_t word) {
    return (uint32_t)(offered_features >> (32 * word));
}
static void features_set(struct virtio_device *, uint32_t word, uint32_t features) {
    accepted_features |= (uint64_t)features << (32 * word);
}
static uint8_t status_get(struct virtio_device *) {
    return status;
}
static void status_set(struct virtio_device *, uint8_t value) {
    status = refuses_features ? value & ~8 : value;
}
static uint16_t queue_maximum(struct virtio_device *, uint16_t index) {
    return index == 0 ? 256 : 0;
}
static void queue_enable(struct virtio_queue *) {
}
static void notify(struct virtio_queue *) {
    notifications++;
}
static const struct virtio_transport transport = {.features_get = features_get,
                                                  .features_set = features_set,
                                                  .status_get = status_get,
                                                  .status_set = status_set,
                                                  .queue_maximum = queue_maximum,
                                                  .queue_enable = queue_enable,
                                                  .notify = notify};

static uint16_t device_take(void) {
    const uint16_t *available = (const uint16_t *)queue.available;
    assert_true(taken != available[1]);
    return available[2 + taken++ % QUEUE_SIZE];
}

static void device_return(uint16_t head, uint32_t length) {
    struct device_used *used = (struct device_used *)queue.used;
    used->ring[used->index % QUEUE_SIZE].id = head;
    used->ring[used->index % QUEUE_SIZE].length = length;
    used->index++;
}

static int start(void **) {
    hosted_memory_init(MEMORY);
    memory_used = PAGE_SIZE;
    taken = 0;
    notifications = 0;
    accepted_features = 0;
    refuses_features = false;
    offered_features = 1ULL << 32 | 6;
    device = (struct virtio_device){.transport = &transport};
    return virtio_queue_init(&queue, &device, 0, QUEUE_SIZE);
}

// ---- tests

static void test_features(void **) {
    uint64_t agreed;
    assert_int_equal(virtio_start(&device, 3, &agreed), 0);
    assert_int_equal(agreed, 1ULL << 32 | 2);
    assert_int_equal(accepted_features, agreed);
    virtio_ready(&device);
    assert_int_equal(status, 15);
    offered_features = 6; // a device of before virtio 1
    assert_int_equal(virtio_start(&device, 3, &agreed), -ENODEV);
    assert_int_equal(status, 128);
    offered_features = 1ULL << 32;
    refuses_features = true;
    assert_int_equal(virtio_start(&device, 0, &agreed), -ENODEV);
}

static void test_missing_queue(void **) {
    struct virtio_queue other;
    assert_int_equal(virtio_queue_init(&other, &device, 1, QUEUE_SIZE), -ENOENT);
}

static void test_chain(void **) {
    char *memory = heap_alloc_aligned(64, 16);
    int token;
    uint32_t written;
    struct virtio_buffer chain[] = {{memory, 10, false}, {memory + 16, 20, false}, {memory + 48, 5, true}};
    assert_true(virtio_queue_add(&queue, chain, 3, &token));
    uint16_t at = device_take();
    for (unsigned i = 0; i < 3; i++, at = queue.descriptors[at].next) {
        assert_int_equal(queue.descriptors[at].address, physical_of(chain[i].address));
        assert_int_equal(queue.descriptors[at].length, chain[i].length);
        assert_int_equal(queue.descriptors[at].flags, (i < 2 ? 1 : 0) | (i == 2 ? 2 : 0));
    }
    assert_null(virtio_queue_next(&queue, &written));
    device_return(0, 5);
    assert_ptr_equal(virtio_queue_next(&queue, &written), &token);
    assert_int_equal(written, 5);
    assert_int_equal(queue.free_count, QUEUE_SIZE);
}

static void test_full(void **) {
    char *memory = heap_alloc_aligned(64, 16);
    struct virtio_buffer pair[] = {{memory, 1, false}, {memory, 1, true}};
    int tokens[QUEUE_SIZE / 2];
    for (unsigned i = 0; i < QUEUE_SIZE / 2; i++)
        assert_true(virtio_queue_add(&queue, pair, 2, &tokens[i]));
    assert_false(virtio_queue_add(&queue, pair, 1, tokens));
    virtio_queue_notify(&queue);
    assert_int_equal(notifications, 1);
    ((struct device_used *)queue.used)->flags = 1; // no notifications wanted
    virtio_queue_notify(&queue);
    assert_int_equal(notifications, 1);
}

// Thousands of chains of one to three buffers, returned in random order: tokens match, indices wrap.
static void test_random_order(void **) {
    char *memory = heap_alloc_aligned(64, 16);
    struct virtio_buffer chain[] = {{memory, 1, false}, {memory, 1, false}, {memory, 1, true}};
    uint16_t heads[QUEUE_SIZE];
    uintptr_t expected[QUEUE_SIZE], next_token = 1;
    unsigned outstanding = 0;
    srand(4);
    for (unsigned round = 0; round < 100'000; round++) {
        if (rand() % 2 && virtio_queue_add(&queue, chain, 1 + (unsigned)rand() % 3, (void *)next_token)) {
            heads[outstanding] = device_take();
            expected[outstanding++] = next_token++;
        } else if (outstanding) {
            unsigned which = (unsigned)rand() % outstanding;
            uint32_t written;
            device_return(heads[which], which);
            assert_ptr_equal(virtio_queue_next(&queue, &written), (void *)expected[which]);
            assert_int_equal(written, which);
            heads[which] = heads[--outstanding];
            expected[which] = expected[outstanding];
        }
        assert_in_range(queue.free_count, QUEUE_SIZE - 3 * outstanding > QUEUE_SIZE ? 0 : QUEUE_SIZE - 3 * outstanding,
                        QUEUE_SIZE - outstanding);
    }
    assert_true(next_token > 30'000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_features, start),     cmocka_unit_test_setup(test_missing_queue, start),
        cmocka_unit_test_setup(test_chain, start),        cmocka_unit_test_setup(test_full, start),
        cmocka_unit_test_setup(test_random_order, start),
    };
    int failed = cmocka_run_group_tests(tests, nullptr, nullptr);
    hosted_memory_release();
    return failed;
}
