// What the personalities registered: their hooks, and the images of their time pages (vDSO and the like).
//
// A time page's memory object holds the record's page at index 0 and the image from index 1 on, so the image finds the
// record right below itself.
#include "src/syscall_handler/hooks.h"

#include "lib/string.h"
#include "rmm/frame.h"
#include "src/context/timer.h"
#include "src/kernel.h"
#include "src/memory/address_space.h"
#include "src/memory/memory_object.h"
#include "src/syscall_handler/syscall_handler.h"

constexpr size_t TIME_IMAGE_MAXIMUM = 64 * 1024;

static bool sealed;
static const struct personality_hooks *hooks[PERSONALITY_COUNT];

struct time_page {
    struct memory_object *object; // nullptr: none registered
    size_t size;                  // of the image, page aligned
    struct kernel_time_record *record;
};
static struct time_page time_page;

void hooks_seal(void) {
    sealed = true;
}

int32_t kop_register_hooks(uint32_t personality, const struct personality_hooks *new_hooks) {
    if (sealed) return -EPERM;
    if (personality >= PERSONALITY_COUNT || !new_hooks) return -EINVAL;
    if (hooks[personality]) return -EEXIST;
    hooks[personality] = new_hooks;
    return 0;
}

const struct personality_hooks *personality_hooks_of(uint32_t personality) {
    uint32_t os = personality & PERSONALITY_MASK;
    return os < PERSONALITY_COUNT ? hooks[os] : nullptr;
}

// Puts the record's page and the image into the object; the frames stay, the object holds them.
static int32_t time_page_fill(struct memory_object *object, const void *image, size_t size) {
    for (uint64_t index = 0; index * PAGE_SIZE < size + PAGE_SIZE; index++) {
        struct frame *frame;
        int32_t error = memory_object_page(object, index, true, &frame);
        if (error < 0) return error;
        if (index) {
            size_t at = (index - 1) * PAGE_SIZE;
            memcpy(frame_pointer(frame), (const char *)image + at, min(PAGE_SIZE, size - at));
        } else {
            time_page.record = frame_pointer(frame);
        }
        frame_put(frame);
    }
    return 0;
}

// One image so far: Linux's. Further ones get a record of their own when a second OS registers.
int32_t kop_register_time_page(const void *image, size_t size, struct kernel_time_record **record) {
    if (sealed) return -EPERM;
    if (!size || size > TIME_IMAGE_MAXIMUM) return -EINVAL;
    if (time_page.object) return -EEXIST;
    struct memory_object *object = memory_object_create(PAGE_SIZE + align_up(size, PAGE_SIZE));
    if (!object) return -ENOMEM;
    int32_t error = time_page_fill(object, image, size);
    if (error < 0) {
        memory_object_put(object);
        return error;
    }
    time_page.object = object;
    time_page.size = align_up(size, PAGE_SIZE);
    time_record = time_page.record;
    *record = time_page.record;
    return 0;
}

int32_t personality_time_page_map(uint32_t personality, struct address_space *space, uintptr_t *image) {
    *image = 0;
    if ((personality & PERSONALITY_MASK) != PERSONALITY_LINUX || !time_page.object) return 0;
    uintptr_t address;
    const struct map_request request = {
        .length = PAGE_SIZE + time_page.size,
        .protection = PROT_READ | PROT_EXEC,
        .maximum_protection = PROT_READ | PROT_EXEC,
        .flags = MAP_PRIVATE,
        .grant_flags = GRANT_SPECIAL | GRANT_SHARED,
        .object = time_page.object,
    };
    int32_t error = address_space_map(space, &request, &address);
    if (error < 0) return error;
    *image = address + PAGE_SIZE;
    return 0;
}
