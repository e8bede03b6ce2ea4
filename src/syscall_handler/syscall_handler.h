// The core's side of the boundary: installing the ops, the trap, hooks, what the personalities registered.
#pragma once

#include <personality.h>

struct address_space;

// Installs the ops in libpersonality.a and seals the hooks. Called once, after the heap works and before any user code.
// Panics when the library refuses the table.
void syscall_handler_init(void);

// The hooks of an OS (enum personality, flags ignored); nullptr: none registered. Read-only once initialised.
const struct personality_hooks *personality_hooks_of(uint32_t personality);

// The flags that the command line gives the running process: PERSONALITY_TRACED by `trace`, PERSONALITY_STRICT by
// `strict`; by `helctic.trace`, `helctic.trace_summary` and `helctic.strict` for every process but the first.
uint32_t personality_flags(void);

// Maps the time page and image that the OS registered into a new address space: *image gets the image's address, 0 when
// it registered none. The page of the time record lies right below the image. -ENOMEM. May sleep.
[[nodiscard]] int32_t personality_time_page_map(uint32_t personality, struct address_space *space, uintptr_t *image);

// The last calls of this processor, oldest first, for a panic. Returns how many were visited.
unsigned syscall_trap_last(void (*visit)(uint32_t number, uint32_t tid));
