/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker payload core: descriptor tables and stacks of a detached pCPU.
 */
#ifndef PAYLOAD_TABLES_H
#define PAYLOAD_TABLES_H

/*
 * Selectors in the payload's own GDT. Code and data have the numbers that Linux uses (__KERNEL_CS,
 * __KERNEL_DS), so that an NMI finds a valid gate whichever of the two GDTs is loaded.
 */
#define PAYLOAD_CS	0x10
#define PAYLOAD_DS	0x18
#define PAYLOAD_TR	0x20

/* Sizes of the stacks in bytes */
#define PAYLOAD_ATTACHED_STACK	4096
#define PAYLOAD_STACK		8192
#define PAYLOAD_IST_STACK	4096

/* IST number of #DF, which an overflow of the stack ends in */
#define PAYLOAD_IST_DF		1

/* Bytes from one exception or interrupt stub to the next */
#define PAYLOAD_STUB_SIZE	16
#define PAYLOAD_NR_EXCEPTIONS	32
#define PAYLOAD_NR_VECTORS	256

/* Vectors for which the CPU pushes an error code: 8, 10 to 14, 17, 21, 29, 30 */
#define PAYLOAD_ERROR_CODE_VECTORS 0x60227d00

#ifndef __ASSEMBLER__
#include "types.h"

/* stacks.S */
extern u8 payload_stack_top[];
extern u8 payload_stack_gap_top[];
extern u8 payload_stack_df_top[];

/* entry.S */
extern u8 payload_exception_stubs[];
extern u8 payload_nmi_stub[];
extern u8 payload_irq_stubs[];
extern u8 payload_idle_window[], payload_idle_window_end[];
void payload_segments_load(void);
void payload_run_loop(void) __noreturn;
void payload_halt(void) __noreturn;
void payload_halt_until_kicked(void);
void payload_irq_window(void);

/* tables.c */
void payload_tables_load(void);

/* run.c, called by the stubs */
void payload_event(u32 vector, u64 *rip);
u64 payload_exception(u32 vector, u64 *stack);
#endif

#endif /* PAYLOAD_TABLES_H */
