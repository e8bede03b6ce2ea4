// All that an architecture provides. src/arch/<arch>/include/arch_target.h holds what must be inline:
//
// - constexpr virtual_address DIRECT_MAP_BASE, USER_LIMIT (first address a program can't have), KERNEL_BASE
// - struct arch_context: per thread: kernel stack pointer, thread pointers, vector state
// - struct cpu *cpu_current(void): this processor's data; struct context *context_current(void): the running thread
// - bool arch_interrupts_disable(void): returns whether they were on; void arch_interrupts_restore(bool on)
// - void arch_spin_pause(void): one round of a spin loop; also serves pending cross-processor calls
// - uint64_t arch_cycle_counter(void): the invariant counter
// - void arch_tlb_flush_page(virtual_address), arch_tlb_flush_all(void): this processor only
// - bool arch_needs_break_before_make; void arch_instruction_cache_sync(virtual_address, size_t)
// - device access: mmio_read8/16/32/64, mmio_write8/16/32/64 (ordered), device_barrier()
// Page-table entries are in rmm/page_entry.h.
//
// The kernel runs with interrupts off; they are on in user mode, in the idle loop (arch_idle) and inside
// arch_interrupt_window. So a spinlock needs no interrupt-safe variant, and per-processor data is stable between two
// points that may sleep.
#pragma once

#include "arch_target.h"
#include "lib/types.h"

struct context;
struct cpu;
struct user_frame;
struct page_table;

constexpr unsigned CPU_MAXIMUM = 64;
constexpr size_t KERNEL_STACK_SIZE = 16 * 1024;

// ---- boot (src/arch/<arch> calls kmain on the boot processor with paging, exceptions and the early console working)

// After memory and the heap work: interrupt controllers, timer calibration, vector state size.
void arch_init(void);
// After the schemes: the machine's own terminals, and the buses on which devices of src/drivers are found.
void arch_devices_init(void);
// Starts the other processors; each runs scheduler_processor_main() on its own idle context. Returns how many run.
unsigned arch_start_processors(void);
[[noreturn]] void arch_power_off(void);
[[noreturn]] void arch_reset(void);
// After a panic: stop the other processors, tell the host (isa-debug-exit), halt.
[[noreturn]] void arch_halt_after_panic(void);
void arch_stop_other_processors(void);

// ---- console for the log and panics: polled, any context
void arch_console_write(const char *text, size_t length);

// ---- interrupts and time

// Opens interrupts, lets pending ones in, closes them again. Caller holds no spinlock.
void arch_interrupt_window(void);
// Waits for an interrupt with interrupts on; returns with them off.
void arch_idle(void);
typedef void interrupt_handler(void *data);
// Routes a device's interrupt line (a global interrupt on x86, an INTID or PLIC source elsewhere) to handler.
[[nodiscard]] int32_t arch_interrupt_register(unsigned line, bool level, interrupt_handler *handler, void *data);
// A message-signalled interrupt: what a device must write where. -ENOSYS: the machine has none; -ENOSPC.
[[nodiscard]] int32_t arch_message_interrupt(interrupt_handler *handler, void *data, uint64_t *address,
                                             uint32_t *message);
// Nanoseconds since boot, monotonic on all processors.
nanoseconds arch_clock(void);
// Nanoseconds since the epoch from the machine's clock, read once at boot; 0: unknown.
nanoseconds arch_clock_wall(void);
// For the time pages: time = ((counter - base) * multiplier) >> shift; the product has up to 128 bits.
void arch_clock_scale(uint64_t *counter_base, uint64_t *multiplier, uint32_t *shift);
// Whether programs can read their processor's number by an instruction (x86_64: TSC_AUX holds it).
bool arch_processor_number_readable(void);
// This processor's timer: timer_interrupt() is called at or soon after `deadline` (arch_clock). TIME_NEVER: off.
void arch_timer_arm(nanoseconds deadline);
// Makes another processor leave idle or user mode and look at its run queue.
void arch_processor_kick(unsigned cpu);
// Calls function(data) on every processor of mask but this one, with interrupts off, and waits until all are done.
void arch_processors_call(uint64_t mask, void (*function)(void *), void *data);
// Random bits from the processor or the cycle counter's jitter, for seeding; returns how many of the 64 are good.
unsigned arch_random_seed(uint64_t *value);

// ---- threads

// A kernel thread: at its first switch it calls entry(argument), which must not return. The context's kernel stack is
// set.
void arch_context_init_kernel(struct context *context, void (*entry)(void *), void *argument);
// A thread of a program: at its first switch it calls context_user_start(), then returns to user mode through the frame
// at the top of its stack (arch_context_user_frame).
void arch_context_init_user(struct context *context);
struct user_frame *arch_context_user_frame(struct context *context);
// Gives child the vector state and thread pointers of the running thread. -ENOMEM.
[[nodiscard]] int32_t arch_context_copy(struct context *child);
// Vector state and thread pointers of a fresh program for the running thread. -ENOMEM.
[[nodiscard]] int32_t arch_context_reset(void);
void arch_context_release(struct context *context);
// Switches stack, vector state and thread pointers. `from` is the running thread. Returns, much later, on from's stack.
void arch_context_switch(struct context *from, struct context *to);
// Loads the page table of an address space (nullptr: the kernel's own) on this processor.
void arch_page_table_load(const struct page_table *table);
uintptr_t arch_thread_pointer_get(unsigned which);
// -EPERM: not a canonical user address.
[[nodiscard]] int32_t arch_thread_pointer_set(unsigned which, uintptr_t value);
size_t arch_extended_state_size(void);
// Whether user code may run with these registers; mends what can be mended (flags), refuses kernel selectors and
// addresses.
[[nodiscard]] bool arch_user_frame_valid(struct user_frame *frame);
void arch_single_step_set(struct user_frame *frame, bool on);
// Vector state to and from user memory in the XSAVE layout (-EFAULT, -EINVAL).
[[nodiscard]] int32_t arch_extended_state_store(struct user_address to);
[[nodiscard]] int32_t arch_extended_state_load(struct user_address from);

// ---- user memory: range-checked by the caller; a fault ends the copy. Returns the number of bytes NOT copied.
size_t arch_copy_from_user(void *to, uintptr_t from, size_t size);
size_t arch_copy_to_user(uintptr_t to, const void *from, size_t size);
size_t arch_clear_user(uintptr_t to, size_t size);
// Copies until a NUL or size; returns the string's length without the NUL, size when there is no NUL, -EFAULT.
int64_t arch_copy_string_from_user(char *to, uintptr_t from, size_t size);
// 0 or -EFAULT. *value gets what was there.
[[nodiscard]] int32_t arch_user_load32(uintptr_t from, uint32_t *value);
[[nodiscard]] int32_t arch_user_store32(uintptr_t to, uint32_t value);
[[nodiscard]] int32_t arch_user_compare_exchange32(uintptr_t at, uint32_t *expected, uint32_t desired);

// ---- description for /proc/cpuinfo; returns the length
size_t arch_cpu_description(unsigned cpu, char *buffer, size_t size);
// Walks frame pointers from here (frame nullptr) or a frame; calls visit for each return address.
void arch_backtrace(const struct user_frame *frame, void (*visit)(uintptr_t address));
void arch_print_registers(const struct user_frame *frame);

// ---- what the architecture calls in the core
// src/syscall_handler/syscall_trap.c. Returns 0 when nothing but the result (and the error flag) changed in the frame
// and no work is pending: the way back may be short.
[[nodiscard]] uint32_t syscall_trap(struct user_frame *frame);
// Its last part, with what personality_syscall returned: puts the result into the frame, unless the personality has
// made it final; a call to be restarted makes work.
void syscall_trap_end(struct user_frame *frame, uintptr_t result);
void return_to_user_work(struct user_frame *frame); // src/context/return.c: when context->work != 0
void context_user_start(void);                      // src/context: first code of a new user thread
void timer_interrupt(void);                         // src/context/timer.c
void scheduler_processor_main(void);                // src/context/scheduler.c: idle loop of a processor
void scheduler_kicked(void);                        // after arch_processor_kick, with interrupts off
// A page fault. from_user: the access came from user mode. Returns 0 when resolved; else the kernel access fails
// through its fix-up, or the user exception is raised by user_exception(). src/memory/fault.c
// FAULT_FORCE, with FAULT_WRITE: a debugger's write, also into private pages that are read-only (never from a trap).
enum fault_access : uint32_t { FAULT_READ = 1, FAULT_WRITE = 2, FAULT_EXECUTE = 4, FAULT_FORCE = 8 };
[[nodiscard]] int32_t page_fault(uintptr_t address, uint32_t access, bool from_user);
// Any exception of user code: canonical signal, si_code and address. src/context/signal.c
void user_exception(struct user_frame *frame, uint32_t signal, int32_t code, uintptr_t address);
