// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker payload core: GDT, IDT and TSS of a detached pCPU.
 *
 * Built at run time: the image has no relocations, and knows its address only when it runs.
 */
#include "payload.h"
#include "tables.h"

struct __packed table_pointer {
	u16 limit;
	u64 base;
};

struct __packed table_tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3;
	u16 iomap;
};

struct table_gate {
	u16 offset_low;
	u16 selector;
	u8  ist;
	u8  type;
	u16 offset_middle;
	u32 offset_high;
	u32 reserved;
};

_Static_assert(sizeof(struct table_tss) == 104, "TSS size");
_Static_assert(sizeof(struct table_gate) == 16, "gate size");

#define GATE_INTERRUPT	0x8e

static u64 table_gdt[6] __aligned(16);
static struct table_tss table_tss __aligned(16);
static struct table_gate table_idt[PAYLOAD_NR_VECTORS] __aligned(16);

/* Flat 64-bit code, flat data, available 64-bit TSS (APM volume 2, 4.8) */
static void gdt_fill(void)
{
	u64 tss = (u64)&table_tss;

	table_gdt[PAYLOAD_CS / 8] = 0x00af9b000000ffff;
	table_gdt[PAYLOAD_DS / 8] = 0x00cf93000000ffff;
	table_gdt[PAYLOAD_TR / 8] = (sizeof(table_tss) - 1) | (tss & 0xffffff) << 16 |
				    0x89ULL << 40 | (tss >> 24 & 0xff) << 56;
	table_gdt[PAYLOAD_TR / 8 + 1] = tss >> 32;
}

static void tss_fill(void)
{
	table_tss.ist[PAYLOAD_IST_DF - 1] = (u64)payload_stack_df_top;
	table_tss.rsp[0] = (u64)payload_stack_gap_top;
	table_tss.iomap = sizeof(table_tss);
}

static void gate_set(u32 vector, const u8 *stub, u8 ist)
{
	struct table_gate *gate = &table_idt[vector];
	u64 address = (u64)stub;

	gate->offset_low = address;
	gate->offset_middle = address >> 16;
	gate->offset_high = address >> 32;
	gate->selector = PAYLOAD_CS;
	gate->ist = ist;
	gate->type = GATE_INTERRUPT;
}

/*
 * NMI, #MC and #SX take the stack that is in use, like all else: with GIF=1 it is always the
 * payload's own. They come in each other's handlers, and the IRET of one ends the blocking of NMIs
 * for the one below it. On an IST stack the next NMI would overwrite the frame of that one, which
 * then returned into itself for ever.
 *
 * IST works through TR, and while GIF=0 TR is the guest's. Only #DF has one.
 */
static void idt_fill(void)
{
	u32 i;

	for (i = 0; i < PAYLOAD_NR_EXCEPTIONS; i++)
		gate_set(i, payload_exception_stubs + i * PAYLOAD_STUB_SIZE, 0);
	for (; i < PAYLOAD_NR_VECTORS; i++)
		gate_set(i, payload_irq_stubs + (i - PAYLOAD_NR_EXCEPTIONS) * PAYLOAD_STUB_SIZE, 0);
	gate_set(2, payload_nmi_stub, 0);
	table_idt[8].ist = PAYLOAD_IST_DF;
}

/**
 * payload_tables_load() - build and load the payload's own GDT, IDT and TSS
 *
 * Context: IF=0. The image is mapped at the same addresses in the host's page tables, so this is
 * done before CR3 changes, and the IDT comes first: from then on an NMI needs nothing of the
 * host's.
 */
void payload_tables_load(void)
{
	struct table_pointer gdt = { sizeof(table_gdt) - 1, (u64)table_gdt };
	struct table_pointer idt = { sizeof(table_idt) - 1, (u64)table_idt };

	gdt_fill();
	tss_fill();
	idt_fill();
	asm volatile("lidt %0" : : "m" (idt));
	asm volatile("lgdt %0" : : "m" (gdt));
	payload_segments_load();
	asm volatile("ltr %w0" : : "r" (PAYLOAD_TR));
}
