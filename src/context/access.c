// Access to another process: the one check under ptrace, /proc and their like in every personality.
#include "src/context/context.h"

// ptrace(2), "Ptrace access mode checking": the same thread group; else the ids match all three of the target's and the
// target is dumpable, or CAP_SYS_PTRACE.
int32_t process_access(struct process *process) {
    struct process *self = process_current();
    if (self == process) return 0;
    const struct kernel_credentials *own = &self->credentials->ids;
    spin_lock(&process->lock);
    const struct kernel_credentials *other = process->credentials ? &process->credentials->ids : nullptr;
    bool same = other && own->fsuid == other->uid && own->fsuid == other->euid && own->fsuid == other->suid &&
                own->fsgid == other->gid && own->fsgid == other->egid && own->fsgid == other->sgid && process->dumpable;
    spin_unlock(&process->lock);
    return same || capable(CAP_SYS_PTRACE) ? 0 : -EPERM;
}
