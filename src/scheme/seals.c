#include "src/scheme/seals.h"

#include "lib/atomic.h"
#include "src/scheme/tmp.h"

static uint32_t seals_of(const struct node *node) {
    const struct tmp_file *file = tmp_file_of(node);
    return file ? file->seals : 0;
}

int32_t seals_check_resize(const struct node *node, uint64_t size) {
    uint32_t seals = seals_of(node);
    if (size < node->object->size && seals & SEAL_SHRINK) return -EPERM;
    return size > node->object->size && seals & SEAL_GROW ? -EPERM : 0;
}

int32_t seals_check_write(const struct node *node, bool grows) {
    uint32_t seals = seals_of(node);
    if (seals & (SEAL_WRITE | SEAL_FUTURE_WRITE)) return -EPERM;
    return grows && seals & SEAL_GROW ? -EPERM : 0;
}

int32_t seals_add(struct node *node, uint32_t seals) {
    constexpr uint32_t KNOWN = SEAL_SEAL | SEAL_SHRINK | SEAL_GROW | SEAL_WRITE | SEAL_FUTURE_WRITE | SEAL_EXEC;
    struct tmp_file *file = tmp_file_of(node);
    if (seals & ~KNOWN) return -EINVAL;
    if (file->seals & SEAL_SEAL) return -EPERM;
    if (seals & SEAL_WRITE && !(file->seals & SEAL_WRITE) && atomic_load_relaxed(&file->object.writable_mappings))
        return -EBUSY;
    if (seals & SEAL_EXEC && node->mode & 0111) seals |= SEAL_SHRINK | SEAL_GROW | SEAL_WRITE | SEAL_FUTURE_WRITE;
    file->seals |= seals;
    return 0;
}

int32_t seals_check_map(const struct node *node, uint32_t protection, uint32_t *maximum) {
    if (!(seals_of(node) & (SEAL_WRITE | SEAL_FUTURE_WRITE))) return 0;
    if (protection & PROT_WRITE) return -EPERM;
    *maximum &= ~(uint32_t)PROT_WRITE;
    return 0;
}
