// The order of the processor's and the machine's set-up; descriptions and registers for people.
#include "lib/format.h"
#include "lib/string.h"
#include "src/arch/x86_64/interrupts.h"
#include "src/arch/x86_64/x86.h"
#include "src/boot.h"
#include "src/context/cpu.h"
#include "src/drivers/acpi.h"
#include "src/drivers/pci.h"
#include "src/drivers/virtio.h"
#include "src/kernel.h"

#include <user_frame.h>

void arch_init(void) {
    acpi_init(boot_information.acpi_rsdp);
    clock_init();
    apic_init();
    ((struct cpu_arch *)cpus[0].arch)->apic_id = apic_id();
    apic_timer_calibrate();
    ioapic_init();
    cpus[0].online = true;
}

// The microvm machine has its virtio devices at fixed places, the lines on its second I/O APIC.
constexpr physical_address MICROVM_VIRTIO = 0xfeb00000;
constexpr unsigned MICROVM_VIRTIO_SLOTS = 24;
constexpr size_t MICROVM_VIRTIO_SIZE = 512;

void arch_devices_init(void) {
    serial_terminal_init();
    if (acpi_information.pci_config)
        pci_init(acpi_information.pci_config, acpi_information.pci_first_bus, acpi_information.pci_last_bus);
    if (acpi_information.ioapic_count < 2 || acpi_information.pci_config) return;
    for (unsigned i = 0; i < MICROVM_VIRTIO_SLOTS; i++)
        virtio_mmio_probe(MICROVM_VIRTIO + i * MICROVM_VIRTIO_SIZE, acpi_information.ioapics[1].first_line + i);
}

unsigned arch_random_seed(uint64_t *value) {
    uint64_t word;
    bool good = false;
    for (unsigned tries = 0; tries < 16 && !good; tries++) {
        if (cpu_features.rdseed)
            __asm__ volatile("rdseed %0" : "=r"(word), "=@ccc"(good));
        else if (cpu_features.rdrand)
            __asm__ volatile("rdrand %0" : "=r"(word), "=@ccc"(good));
        else
            break;
    }
    if (good) {
        *value = word;
        return 64;
    }
    *value = arch_cycle_counter(); // its lowest bits are hard to foresee between two interrupts
    return 1;
}

// ---- /proc/cpuinfo

struct flag_name {
    uint32_t leaf;
    uint8_t subleaf, output, bit; // output: 0 eax, 1 ebx, 2 ecx, 3 edx
    const char *name;
};
static const struct flag_name flag_names[] = {
    {1, 0, 3, 0, "fpu"},
    {1, 0, 3, 4, "tsc"},
    {1, 0, 3, 5, "msr"},
    {1, 0, 3, 6, "pae"},
    {1, 0, 3, 8, "cx8"},
    {1, 0, 3, 9, "apic"},
    {1, 0, 3, 15, "cmov"},
    {1, 0, 3, 16, "pat"},
    {1, 0, 3, 19, "clflush"},
    {1, 0, 3, 23, "mmx"},
    {1, 0, 3, 24, "fxsr"},
    {1, 0, 3, 25, "sse"},
    {1, 0, 3, 26, "sse2"},
    {1, 0, 2, 0, "pni"},
    {1, 0, 2, 1, "pclmulqdq"},
    {1, 0, 2, 9, "ssse3"},
    {1, 0, 2, 12, "fma"},
    {1, 0, 2, 13, "cx16"},
    {1, 0, 2, 19, "sse4_1"},
    {1, 0, 2, 20, "sse4_2"},
    {1, 0, 2, 21, "x2apic"},
    {1, 0, 2, 22, "movbe"},
    {1, 0, 2, 23, "popcnt"},
    {1, 0, 2, 25, "aes"},
    {1, 0, 2, 26, "xsave"},
    {1, 0, 2, 28, "avx"},
    {1, 0, 2, 29, "f16c"},
    {1, 0, 2, 30, "rdrand"},
    {1, 0, 2, 31, "hypervisor"},
    {7, 0, 1, 0, "fsgsbase"},
    {7, 0, 1, 3, "bmi1"},
    {7, 0, 1, 5, "avx2"},
    {7, 0, 1, 7, "smep"},
    {7, 0, 1, 8, "bmi2"},
    {7, 0, 1, 9, "erms"},
    {7, 0, 1, 18, "rdseed"},
    {7, 0, 1, 19, "adx"},
    {7, 0, 1, 20, "smap"},
    {7, 0, 1, 29, "sha_ni"},
    {7, 0, 2, 2, "umip"},
    {0x80000001, 0, 3, 11, "syscall"},
    {0x80000001, 0, 3, 20, "nx"},
    {0x80000001, 0, 3, 26, "pdpe1gb"},
    {0x80000001, 0, 3, 29, "lm"},
    {0x80000001, 0, 2, 0, "lahf_lm"},
    {0x80000001, 0, 2, 5, "abm"},
};

struct text {
    char *at;
    size_t size, length;
};

[[gnu::format(printf, 2, 3)]] static void text_add(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t room = text->size - text->length;
    text->length += min(format_string_va(text->at + text->length, room, format, arguments), room ? room - 1 : 0);
    va_end(arguments);
}

static void add_flags(struct text *text) {
    for (unsigned i = 0; i < array_size(flag_names); i++) {
        const struct flag_name *flag = &flag_names[i];
        if (flag->leaf < 0x80000000 && flag->leaf > cpuid(0, 0).eax) continue;
        struct cpuid_result result = cpuid(flag->leaf, flag->subleaf);
        const uint32_t outputs[] = {result.eax, result.ebx, result.ecx, result.edx};
        if (outputs[flag->output] >> flag->bit & 1) text_add(text, " %s", flag->name);
    }
}

size_t arch_cpu_description(unsigned cpu, char *buffer, size_t size) {
    struct text text = {buffer, size, 0};
    struct cpuid_result zero = cpuid(0, 0), one = cpuid(1, 0);
    uint32_t vendor[4] = {zero.ebx, zero.edx, zero.ecx, 0}, model_name[13] = {};
    for (uint32_t i = 0; i < 3; i++) {
        struct cpuid_result part = cpuid(0x80000002 + i, 0);
        memcpy(&model_name[4 * i], &part, sizeof(part));
    }
    uint32_t family = one.eax >> 8 & 15, model = one.eax >> 4 & 15;
    if (family == 15 || family == 6) model |= one.eax >> 12 & 0xf0;
    if (family == 15) family += one.eax >> 20 & 0xff;
    uint64_t base, multiplier;
    uint32_t shift;
    arch_clock_scale(&base, &multiplier, &shift);
    unsigned long khz = multiplier ? (unsigned long)((1'000'000ULL << shift) / multiplier) : 0;
    text_add(&text, "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n", cpu, (const char *)vendor,
             family, model);
    text_add(&text, "model name\t: %s\nstepping\t: %u\ncpu MHz\t\t: %lu.%03lu\nphysical id\t: 0\nsiblings\t: %u\n",
             (const char *)model_name, one.eax & 15, khz / 1000, khz % 1000, cpu_count);
    text_add(&text, "core id\t\t: %u\ncpu cores\t: %u\napicid\t\t: %u\nfpu\t\t: yes\nwp\t\t: yes\nflags\t\t:", cpu,
             cpu_count, ((struct cpu_arch *)cpus[cpu].arch)->apic_id);
    add_flags(&text);
    text_add(&text, "\nbogomips\t: %lu.%02lu\nclflush size\t: 64\ncache_alignment\t: 64\n\n", khz / 500, khz / 5 % 100);
    return text.length;
}

// ---- panics

void arch_print_registers(const struct user_frame *frame) {
    const struct user_frame *f = frame;
    log_error("x86", "rip %016lx cs %lx rflags %lx rsp %016lx ss %lx", f->rip, f->cs, f->rflags, f->rsp, f->ss);
    log_error("x86", "rax %016lx rbx %016lx rcx %016lx rdx %016lx", f->rax, f->rbx, f->rcx, f->rdx);
    log_error("x86", "rsi %016lx rdi %016lx rbp %016lx r8  %016lx", f->rsi, f->rdi, f->rbp, f->r8);
    log_error("x86", "r9  %016lx r10 %016lx r11 %016lx r12 %016lx", f->r9, f->r10, f->r11, f->r12);
    log_error("x86", "r13 %016lx r14 %016lx r15 %016lx", f->r13, f->r14, f->r15);
    log_error("x86", "cause %#x error code %#lx cr2 %016lx cr3 %lx cr4 %lx", f->cause, f->error_code, cr2_read(),
              cr3_read(), cr4_read());
}
