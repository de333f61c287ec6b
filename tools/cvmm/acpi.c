// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The fewest ACPI tables with which a stock Linux finds its LAPIC and I/O APIC and can power off:
 * RSDP, XSDT, FADT, MADT, FACS and a DSDT with \_S5. Layouts: ACPI specification 6.5, chapter 5.
 */
#include <string.h>

#include "cvmm.h"

struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t ext_checksum;
	uint8_t reserved[3];
} __attribute__((packed));

struct xsdt {
	struct header h;
	uint64_t entry[2];
} __attribute__((packed));

struct gas {
	uint8_t space, width, offset, access;
	uint64_t address;
} __attribute__((packed));

struct fadt {
	struct header h;
	uint32_t facs, dsdt;
	uint8_t model, profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable, acpi_disable, s4bios, pstate;
	uint32_t pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr, gpe0, gpe1;
	uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len, gpe0_len, gpe1_len, gpe1_base;
	uint8_t cst_cnt;
	uint16_t c2_lat, c3_lat, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_arch;
	uint8_t reserved;
	uint32_t flags;
	struct gas reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor;
	uint64_t x_facs, x_dsdt;
	struct gas x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt, x_pm2_cnt, x_pm_tmr;
	struct gas x_gpe0, x_gpe1;
	struct gas sleep_control, sleep_status;
	uint64_t hypervisor;
} __attribute__((packed));

struct madt_lapic {
	uint8_t type, length, uid, apic_id;
	uint32_t flags;
} __attribute__((packed));

/* The entries of the vCPUs follow. */
struct madt {
	struct header h;
	uint32_t lapic_address;
	uint32_t flags;
	struct {
		uint8_t type, length, id, reserved;
		uint32_t address, gsi_base;
	} __attribute__((packed)) ioapic;
	struct {
		uint8_t type, length, bus, source;
		uint32_t gsi;
		uint16_t flags;
	} __attribute__((packed)) sci;
	struct madt_lapic lapic[MAX_VCPUS];
} __attribute__((packed));

/* Name (_S5, Package (4) {5, 0, 0, 0}) */
static const uint8_t aml_s5[] = {
	0x08, '_', 'S', '5', '_', 0x12, 0x07, 0x04, 0x0a, 0x05, 0x00, 0x00, 0x00
};

struct dsdt {
	struct header h;
	uint8_t aml[sizeof(aml_s5)];
} __attribute__((packed));

struct facs {
	char signature[4];
	uint32_t length;
	uint8_t rest[56];
} __attribute__((packed));

struct tables {
	struct rsdp rsdp;
	struct facs facs __attribute__((aligned(64)));
	struct xsdt xsdt __attribute__((aligned(16)));
	struct fadt fadt __attribute__((aligned(16)));
	struct madt madt __attribute__((aligned(16)));
	struct dsdt dsdt __attribute__((aligned(16)));
};

_Static_assert(sizeof(struct fadt) == 276, "FADT of ACPI 6");

#define GPA_OF(member)	(GPA_ACPI + __builtin_offsetof(struct tables, member))

static uint8_t sum_of(const void *p, size_t len)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	while (len--)
		sum += *b++;
	return -sum;
}

static void header_fill(struct header *h, const char *sig, uint8_t revision, uint32_t len)
{
	memcpy(h->signature, sig, 4);
	h->length = len;
	h->revision = revision;
	memcpy(h->oem_id, "CVMM  ", 6);
	memcpy(h->oem_table_id, "CVMM    ", 8);
	h->oem_revision = 1;
	memcpy(h->creator_id, "CVMM", 4);
	h->creator_revision = 1;
	h->checksum = 0;
	h->checksum = sum_of(h, len);
}

static struct gas io_register(uint32_t port, uint8_t bytes)
{
	return (struct gas){
		.space = 1,		/* system I/O */
		.width = bytes * 8,
		.access = 2,		/* word */
		.address = port,
	};
}

static void fadt_fill(struct fadt *f)
{
	f->facs = GPA_OF(facs);
	f->dsdt = GPA_OF(dsdt);
	f->x_dsdt = f->dsdt;
	f->sci_int = IRQ_SCI;
	f->pm1_evt_len = 4;
	f->pm1_cnt_len = 2;
	f->pm1a_evt = PORT_PM1_EVT;
	f->pm1a_cnt = PORT_PM1_CNT;
	f->x_pm1a_evt = io_register(PORT_PM1_EVT, 4);
	f->x_pm1a_cnt = io_register(PORT_PM1_CNT, 2);
	f->c2_lat = 0xfff;	/* no C2, no C3 */
	f->c3_lat = 0xfff;
	f->boot_arch = 1 | 1 << 2 | 1 << 5;	/* legacy devices, no VGA, no RTC */
	f->flags = 1 | 1 << 2 | 1 << 4 | 1 << 5;	/* WBINVD, C1, no buttons */
	f->minor = 4;
	header_fill(&f->h, "FACP", 6, sizeof(*f));
}

static void madt_fill(struct madt *m, unsigned int nr_vcpus)
{
	unsigned int i;

	m->lapic_address = 0xfee00000;
	m->flags = 1;		/* PC-AT compatible: two 8259 */
	m->ioapic.type = 1;
	m->ioapic.length = sizeof(m->ioapic);
	m->ioapic.address = 0xfec00000;
	m->sci.type = 2;
	m->sci.length = sizeof(m->sci);
	m->sci.source = IRQ_SCI;
	m->sci.gsi = IRQ_SCI;
	m->sci.flags = 0xd;	/* level, active high */
	for (i = 0; i < nr_vcpus; i++) {
		m->lapic[i].length = sizeof(m->lapic[i]);
		m->lapic[i].uid = i;
		m->lapic[i].apic_id = i;
		m->lapic[i].flags = 1;
	}
	header_fill(&m->h, "APIC", 5, __builtin_offsetof(struct madt, lapic[nr_vcpus]));
}

/**
 * acpi_write() - write the tables into guest memory at GPA_ACPI
 * @vm: VM with mapped guest memory
 *
 * Return: guest physical address of the RSDP.
 */
uint64_t acpi_write(struct vm *vm)
{
	struct tables *t = (void *)(vm->ram + GPA_ACPI);

	memset(t, 0, sizeof(*t));
	memcpy(t->facs.signature, "FACS", 4);
	t->facs.length = sizeof(t->facs);
	memcpy(t->dsdt.aml, aml_s5, sizeof(aml_s5));
	header_fill(&t->dsdt.h, "DSDT", 2, sizeof(t->dsdt));
	fadt_fill(&t->fadt);
	madt_fill(&t->madt, vm->nr_vcpus);
	t->xsdt.entry[0] = GPA_OF(fadt);
	t->xsdt.entry[1] = GPA_OF(madt);
	header_fill(&t->xsdt.h, "XSDT", 1, sizeof(t->xsdt));
	memcpy(t->rsdp.signature, "RSD PTR ", 8);
	memcpy(t->rsdp.oem_id, "CVMM  ", 6);
	t->rsdp.revision = 2;
	t->rsdp.length = sizeof(t->rsdp);
	t->rsdp.xsdt = GPA_OF(xsdt);
	t->rsdp.checksum = sum_of(&t->rsdp, 20);
	t->rsdp.ext_checksum = sum_of(&t->rsdp, sizeof(t->rsdp));
	return GPA_OF(rsdp);
}
