// /proc as Linux programs expect it. The tables: proc.c (the system's), proc_process.c (a process's).
#pragma once

#include "src/scheme/view.h"

extern const struct view_entry proc_process_entry;
void proc_list_processes(const struct view_target *target, uint32_t from, struct view_lister *lister);
int32_t proc_find_process(const struct view_target *target, const char *name, size_t length,
                          const struct view_entry **entry, struct view_target *found);
// The lines of /proc/mounts, as the process sees them.
int32_t proc_show_mounts(struct text *text, const struct view_target *target);
int32_t proc_show_mountinfo(struct text *text, const struct view_target *target);
// A decimal number without sign that is all of name. False: it isn't one.
[[nodiscard]] bool proc_parse_number(const char *name, size_t length, int32_t *number);
void proc_init(void);
