// The vDSO's image. The core maps it, read-only and executable, behind the page with the timekeeper's record; its ELF
// header is where program_image.vdso points.
#include "personality/src/linux/arch.h"
#include "personality/src/shim.h"

#if __has_embed("vdso.so")
static const unsigned char image[] = {
#embed "vdso.so"
};
#elif defined(HOSTED_TEST)
static const unsigned char image[] = {0x7f, 'E', 'L', 'F'};
#else
#error "vdso.so is built first: tools/make/vdso.mk"
#endif

void linux_vdso_register(void) {
    struct kernel_time_record *record;
    if (kernel_ops->register_time_page(image, sizeof(image), &record) < 0) {
        personality_log("linux: no vDSO: the core refused its time page\n");
    }
}
