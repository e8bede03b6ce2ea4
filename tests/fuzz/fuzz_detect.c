// sources: src/syscall_handler/detect.c
// Detection of a program's OS from hostile file heads.
#include "src/syscall_handler/detect.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum personality personality = PERSONALITY_COUNT;
    if (detect_personality(data, size, &personality) == 0 && personality >= PERSONALITY_COUNT) abort();
    return 0;
}
