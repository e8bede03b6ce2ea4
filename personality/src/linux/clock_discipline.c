// adjtimex and clock_adjtime. The clock's rate can't be steered: offsets are stepped, a frequency or tick other than
// the standard one is refused, and the figures that time daemons keep for each other are kept.
#include "lib/atomic.h"
#include "personality/src/linux/process.h"
#include "personality/src/linux/shims.h"
#include "personality/src/linux/time.h"
#include "personality/src/shim.h"

#include <stdckdint.h>

enum linux_adjust : uint32_t {
    ADJ_OFFSET = 1,
    ADJ_FREQUENCY = 2,
    ADJ_MAXERROR = 4,
    ADJ_ESTERROR = 8,
    ADJ_STATUS = 0x10,
    ADJ_TIMECONST = 0x20,
    ADJ_TAI = 0x80,
    ADJ_SETOFFSET = 0x100,
    ADJ_MICRO = 0x1000,
    ADJ_NANO = 0x2000,
    ADJ_TICK = 0x4000,
    ADJ_ADJTIME = 0x8000,
    ADJ_OFFSET_SINGLESHOT = 0x8001,
    ADJ_OFFSET_SS_READ = 0xa001,
};
constexpr int32_t STA_UNSYNC = 0x40, STA_NANO = 0x2000, STA_READ_ONLY = 0xff00;
constexpr int32_t TIME_OK = 0, TIME_ERROR = 5;
constexpr int64_t TICK_STANDARD = 10'000, TICK_LOWEST = 9'000, TICK_HIGHEST = 11'000;

// Bookkeeping only; each word is read and written by itself.
static struct {
    int64_t maximum_error, estimated_error, constant;
    int32_t status, tai;
} kept = {.maximum_error = 16'000'000, .estimated_error = 16'000'000, .constant = 2, .status = STA_UNSYNC};

static bool may_set(void) {
    struct kernel_credentials own;
    return kernel_ops->credentials_get(0, &own) == 0 && (own.capabilities_effective >> CAP_SYS_TIME & 1) != 0;
}

static int32_t step(nanoseconds span) {
    nanoseconds now, then;
    int32_t error = kernel_ops->clock_get(CLOCK_REALTIME, &now);
    if (error != 0 || span == 0) return error;
    return ckd_add(&then, now, span) || then < 0 ? -EINVAL : kernel_ops->clock_set(CLOCK_REALTIME, then);
}

// ADJ_SETOFFSET: the fraction is not negative, whatever the sign of the whole.
static int32_t step_by(const struct linux_timex *timex) {
    int64_t unit = (timex->modes & ADJ_NANO) != 0 ? 1 : 1'000;
    int64_t limit = NANOSECONDS_PER_SECOND / unit;
    nanoseconds span;
    if (timex->time.tv_usec < 0 || timex->time.tv_usec >= limit) return -EINVAL;
    if (ckd_mul(&span, timex->time.tv_sec, NANOSECONDS_PER_SECOND)) return -EINVAL;
    return step(span + timex->time.tv_usec * unit);
}

static int32_t change(const struct linux_timex *timex) {
    uint32_t modes = timex->modes;
    if ((modes & ADJ_TICK) != 0) {
        if (timex->tick < TICK_LOWEST || timex->tick > TICK_HIGHEST) return -EINVAL;
        if (timex->tick != TICK_STANDARD) return -EOPNOTSUPP;
    }
    if ((modes & ADJ_FREQUENCY) != 0 && timex->freq != 0) return -EOPNOTSUPP;
    if ((modes & ADJ_SETOFFSET) != 0) {
        int32_t error = step_by(timex);
        if (error != 0) return error;
    }
    if ((modes & ADJ_MAXERROR) != 0) atomic_store_relaxed(&kept.maximum_error, timex->maxerror);
    if ((modes & ADJ_ESTERROR) != 0) atomic_store_relaxed(&kept.estimated_error, timex->esterror);
    if ((modes & ADJ_TIMECONST) != 0) atomic_store_relaxed(&kept.constant, timex->constant);
    if ((modes & ADJ_TAI) != 0 && timex->constant >= 0) atomic_store_relaxed(&kept.tai, (int32_t)timex->constant);
    int32_t status = atomic_load_relaxed(&kept.status);
    if ((modes & ADJ_STATUS) != 0) status = (status & STA_READ_ONLY) | (timex->status & ~STA_READ_ONLY);
    if ((modes & ADJ_NANO) != 0) status |= STA_NANO;
    if ((modes & ADJ_MICRO) != 0) status &= ~STA_NANO;
    atomic_store_relaxed(&kept.status, status);
    return 0;
}

static int32_t perform(const struct linux_timex *timex) {
    if ((timex->modes & ADJ_ADJTIME) == 0) {
        if (timex->modes == 0) return 0;
        return may_set() ? change(timex) : -EPERM;
    }
    if ((timex->modes & ADJ_OFFSET) == 0) return -EINVAL;
    if (timex->modes == ADJ_OFFSET_SS_READ) return 0;
    // A single adjustment, in microseconds.
    nanoseconds span;
    if (!may_set()) return -EPERM;
    return ckd_mul(&span, timex->offset, 1'000) ? -EINVAL : step(span);
}

static intptr_t adjust(uintptr_t address) {
    struct linux_timex timex;
    nanoseconds now;
    int32_t error = fetch_struct(&timex, address);
    if (error == 0) error = perform(&timex);
    if (error == 0) error = kernel_ops->clock_get(CLOCK_REALTIME, &now);
    if (error != 0) return error;
    int32_t status = atomic_load_relaxed(&kept.status);
    struct linux_timex answer = {
        .modes = timex.modes,
        .maxerror = atomic_load_relaxed(&kept.maximum_error),
        .esterror = atomic_load_relaxed(&kept.estimated_error),
        .status = status,
        .constant = atomic_load_relaxed(&kept.constant),
        .precision = 1,
        .tolerance = 32'768'000,
        .time = linux_timeval_from_kernel(now),
        .tick = TICK_STANDARD,
        .tai = atomic_load_relaxed(&kept.tai),
    };
    if ((status & STA_NANO) != 0) answer.time.tv_usec = now % NANOSECONDS_PER_SECOND;
    error = store_struct(address, &answer);
    return error != 0 ? error : (status & STA_UNSYNC) != 0 ? TIME_ERROR : TIME_OK;
}

SHIM1(linux_adjtimex, address) {
    return adjust(address);
}

SHIM2(linux_clock_adjtime, clock, address) {
    struct linux_timex timex;
    if ((int32_t)clock == CLOCK_REALTIME) return adjust(address);
    int32_t error = fetch_struct(&timex, address);
    if (error != 0) return error;
    return linux_clock_exists((int32_t)clock) ? -EOPNOTSUPP : -EINVAL;
}
