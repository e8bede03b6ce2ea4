// Reads RSDP, RSDT or XSDT, MADT, FADT and MCFG (ACPI specification 6.x, chapter 5).
#include "src/drivers/acpi.h"

#include "lib/string.h"
#include "rmm/frame.h"
#include "src/kernel.h"

struct acpi_information acpi_information;

struct table {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[6], oem_table[8];
    uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));

struct root_pointer {
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt, length;
    uint64_t xsdt;
} __attribute__((packed));

struct madt_entry {
    uint8_t type, length;
} __attribute__((packed));
struct madt_apic {
    struct madt_entry head;
    uint8_t processor, id;
    uint32_t flags;
} __attribute__((packed));
struct madt_ioapic {
    struct madt_entry head;
    uint8_t id, reserved;
    uint32_t address, first_line;
} __attribute__((packed));
struct madt_override {
    struct madt_entry head;
    uint8_t bus, source;
    uint32_t line;
    uint16_t flags;
} __attribute__((packed));
struct madt_x2apic {
    struct madt_entry head;
    uint16_t reserved;
    uint32_t id, flags, processor;
} __attribute__((packed));

struct fadt {
    struct table head;
    uint32_t facs, dsdt;
    uint8_t skipped[20];
    uint32_t pm1a_control; // at 64
    uint8_t skipped2[48];
    struct acpi_address reset; // at 116
    uint8_t reset_value;
    uint8_t skipped3[3];
    uint64_t facs_64, dsdt_64; // at 132, 140
    uint8_t skipped4[96];
    struct acpi_address sleep_control; // at 244
} __attribute__((packed));
static_assert(offsetof(struct fadt, pm1a_control) == 64 && offsetof(struct fadt, reset) == 116);
static_assert(offsetof(struct fadt, dsdt_64) == 140 && offsetof(struct fadt, sleep_control) == 244);

struct mcfg {
    struct table head;
    uint64_t reserved;
    uint64_t base;
    uint16_t segment;
    uint8_t first_bus, last_bus;
} __attribute__((packed));

static void add_processor(uint32_t id, uint32_t flags) {
    struct acpi_information *info = &acpi_information;
    if ((flags & 1) && info->processor_count < ACPI_PROCESSORS_MAXIMUM)
        info->processor_ids[info->processor_count++] = id;
}

static void madt_entry_read(const struct madt_entry *entry) {
    struct acpi_information *info = &acpi_information;
    if (entry->type == 0 && entry->length >= sizeof(struct madt_apic)) {
        const struct madt_apic *apic = (const void *)entry;
        add_processor(apic->id, apic->flags);
    } else if (entry->type == 1 && entry->length >= sizeof(struct madt_ioapic)) {
        const struct madt_ioapic *ioapic = (const void *)entry;
        if (info->ioapic_count < ACPI_IOAPICS_MAXIMUM)
            info->ioapics[info->ioapic_count++] = (struct acpi_ioapic){ioapic->address, ioapic->first_line};
    } else if (entry->type == 2 && entry->length >= sizeof(struct madt_override)) {
        const struct madt_override *override = (const void *)entry;
        if (override->source < array_size(info->overrides))
            info->overrides[override->source] = (struct acpi_override){.line = override->line,
                                                                       .present = true,
                                                                       .active_low = (override->flags & 3) == 3,
                                                                       .level = (override->flags >> 2 & 3) == 3};
    } else if (entry->type == 9 && entry->length >= sizeof(struct madt_x2apic)) {
        const struct madt_x2apic *apic = (const void *)entry;
        add_processor(apic->id, apic->flags);
    }
}

static void madt_read(const struct table *madt) {
    const char *at = (const char *)madt + sizeof(*madt) + 8, *end = (const char *)madt + madt->length;
    while (at + sizeof(struct madt_entry) <= end) {
        const struct madt_entry *entry = (const void *)at;
        if (entry->length < sizeof(*entry) || at + entry->length > end) return;
        madt_entry_read(entry);
        at += entry->length;
    }
}

// \_S5 is a package whose first element is the sleep type: Name (_S5_, Package () {type, …}).
static void power_off_type_find(const struct table *dsdt) {
    const uint8_t *bytes = (const uint8_t *)dsdt;
    for (size_t at = sizeof(*dsdt); at + 12 < dsdt->length; at++) {
        if (memcmp(bytes + at, "_S5_", 4) != 0 || bytes[at + 4] != 0x12) continue;
        const uint8_t *element = bytes + at + 5;
        element += 1 + (*element >> 6) + 1; // package length, element count
        acpi_information.power_off_type = *element == 0x0a ? element[1] : *element == 1 ? 1 : 0;
        acpi_information.has_power_off_type = true;
        return;
    }
}

static void fadt_read(const struct table *table) {
    const struct fadt *fadt = (const void *)table;
    struct acpi_information *info = &acpi_information;
    uint64_t dsdt = fadt->dsdt;
    info->power_port = (uint16_t)fadt->pm1a_control;
    if (table->length >= offsetof(struct fadt, reset_value) + 1) {
        info->reset = fadt->reset;
        info->reset_value = fadt->reset_value;
    }
    if (!dsdt && table->length >= offsetof(struct fadt, skipped4)) dsdt = fadt->dsdt_64;
    if (table->length >= sizeof(*fadt)) info->sleep_control = fadt->sleep_control;
    if (dsdt) power_off_type_find(physical_pointer(dsdt));
}

static void mcfg_read(const struct table *table) {
    const struct mcfg *mcfg = (const void *)table;
    if (table->length < sizeof(*mcfg) || mcfg->segment != 0) return;
    acpi_information.pci_config = mcfg->base;
    acpi_information.pci_first_bus = mcfg->first_bus;
    acpi_information.pci_last_bus = mcfg->last_bus;
}

static const struct {
    char signature[4];
    void (*read)(const struct table *table);
} table_readers[] = {{"APIC", madt_read}, {"FACP", fadt_read}, {"MCFG", mcfg_read}};

static void table_read(physical_address address) {
    const struct table *table = physical_pointer(address);
    for (size_t i = 0; i < array_size(table_readers); i++) {
        if (memcmp(table->signature, table_readers[i].signature, 4) == 0) table_readers[i].read(table);
    }
}

void acpi_init(physical_address rsdp) {
    if (!rsdp) return;
    const struct root_pointer *root = physical_pointer(rsdp);
    if (memcmp(root->signature, "RSD PTR ", 8) != 0) {
        log_warning("acpi", "no root pointer at %#lx", (unsigned long)rsdp);
        return;
    }
    bool wide = root->revision >= 2 && root->xsdt;
    const struct table *tables = physical_pointer(wide ? root->xsdt : root->rsdt);
    const char *entries = (const char *)(tables + 1);
    size_t count = (tables->length - sizeof(*tables)) / (wide ? 8 : 4);
    for (size_t i = 0; i < count; i++) {
        uint64_t address = 0;
        memcpy(&address, entries + i * (wide ? 8 : 4), wide ? 8 : 4);
        table_read(address);
    }
    acpi_information.present = true;
}
