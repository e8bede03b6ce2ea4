// The ChaCha20 block function (RFC 8439, section 2.3).
#pragma once

#include <stdint.h>

// out gets 64 bytes of key stream for a key of 8 words, a block counter and a nonce of 3 words.
void chacha20_block(const uint32_t key[8], uint32_t counter, const uint32_t nonce[3], uint32_t out[16]);
