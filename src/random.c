#include "src/random.h"

#include "lib/chacha.h"
#include "lib/string.h"
#include "src/arch/arch.h"
#include "src/context/lock.h"
#include "src/kernel.h"

static struct spinlock random_lock = SPINLOCK_INIT(RANK_LOG); // guards all below
static uint32_t key[8];
static uint32_t nonce[3];
static uint8_t pool[64]; // unused key stream; used bytes are erased
static size_t pool_at = sizeof pool;

// Fast key erasure: the first half of a block becomes the next key, the second half may go out.
static void refill_locked(void) {
    uint32_t block[16];
    chacha20_block(key, 0, nonce, block);
    memcpy(key, block, sizeof key);
    memcpy(pool + 32, block + 8, 32);
    memset(block, 0, sizeof block);
    pool_at = 32;
    if (++nonce[0] == 0) nonce[1]++;
}

void random_mix(const void *data, size_t size) {
    const uint8_t *bytes = data;
    spin_lock(&random_lock);
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)key)[i % sizeof key] ^= bytes[i];
        if (i % sizeof key == sizeof key - 1 || i == size - 1) refill_locked();
    }
    pool_at = sizeof pool;
    spin_unlock(&random_lock);
}

void random_init(void) {
    unsigned good = 0;
    for (unsigned i = 0; i < 64 && good < 256; i++) {
        uint64_t seed = 0;
        good += arch_random_seed(&seed);
        random_mix(&seed, sizeof seed);
    }
    if (good < 128) log_warning("random", "seeded with %u bits only", good);
}

void random_bytes(void *buffer, size_t size) {
    uint8_t *to = buffer;
    spin_lock(&random_lock);
    while (size) {
        if (pool_at == sizeof pool) refill_locked();
        size_t count = min(size, sizeof pool - pool_at);
        memcpy(to, pool + pool_at, count);
        memset(pool + pool_at, 0, count);
        pool_at += count;
        to += count;
        size -= count;
    }
    spin_unlock(&random_lock);
}

uint64_t random_word(void) {
    uint64_t word;
    random_bytes(&word, sizeof word);
    return word;
}
