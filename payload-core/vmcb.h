/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker payload core: the Virtual Machine Control Block.
 *
 * Layout: AMD64 Architecture Programmer's Manual (APM) volume 2, appendix B. Only the fields that
 * the payload reads or writes have names.
 */
#ifndef PAYLOAD_VMCB_H
#define PAYLOAD_VMCB_H

#include "types.h"

/* Exit codes (APM volume 2, appendix C) */
#define VMEXIT_CR4_READ		0x04
#define VMEXIT_CR4_WRITE	0x14
#define VMEXIT_EXCP_MC		0x52
#define VMEXIT_INTR		0x60
#define VMEXIT_NMI		0x61
#define VMEXIT_SMI		0x62
#define VMEXIT_INIT		0x63
#define VMEXIT_VINTR		0x64
#define VMEXIT_RDTSC		0x6e
#define VMEXIT_RDPMC		0x6f
#define VMEXIT_CPUID		0x72
#define VMEXIT_IRET		0x74
#define VMEXIT_INVD		0x76
#define VMEXIT_PAUSE		0x77
#define VMEXIT_HLT		0x78
#define VMEXIT_IOIO		0x7b
#define VMEXIT_MSR		0x7c
#define VMEXIT_SHUTDOWN		0x7f
#define VMEXIT_VMMCALL		0x81
#define VMEXIT_RDTSCP		0x87
#define VMEXIT_WBINVD		0x89
#define VMEXIT_MONITOR		0x8a
#define VMEXIT_MWAIT		0x8b
#define VMEXIT_XSETBV		0x8d
#define VMEXIT_NPF		0x400
#define VMEXIT_INVALID		(~0ULL)

/* EXITINFO1 of VMEXIT_MSR */
#define VMCB_MSR_WRITE		(1ULL << 0)

/* EXITINFO1 of a MOV to CRn, with decode assists (APM volume 2, 15.8.1) */
#define VMCB_CR_VALID		(1ULL << 63)
#define VMCB_CR_GPR		0xfULL

/* EXITINTINFO and EVENTINJ (APM volume 2, 15.20) */
#define VMCB_EVENT_VECTOR	0xffU
#define VMCB_EVENT_TYPE		(7U << 8)
#define VMCB_EVENT_INTR		(0U << 8)
#define VMCB_EVENT_NMI		(2U << 8)
#define VMCB_EVENT_EXCEPTION	(3U << 8)
#define VMCB_EVENT_SOFT		(4U << 8)
#define VMCB_EVENT_HAS_ERROR	(1U << 11)
#define VMCB_EVENT_VALID	(1U << 31)

/* int_ctl and int_state */
#define VMCB_V_TPR		0x0fU
#define VMCB_V_IRQ		(1U << 8)
#define VMCB_V_PRIO_SHIFT	16
#define VMCB_V_PRIO		(0xfU << VMCB_V_PRIO_SHIFT)
#define VMCB_INT_SHADOW		(1U << 0)

/*
 * flush: TLB_CONTROL in the low byte, ERAP control in the high byte. What may stay set from one
 * entry to the next is the permission for a larger return address predictor.
 */
#define VMCB_FLUSH_KEEP		0x0100U
#define VMCB_FLUSH_ALL		0x0001U		/* the only one that all CPUs have */

/*
 * Clean bits (APM volume 2, 15.15.3) that hold after an exit after which only RIP, RSP, RAX,
 * RFLAGS, EVENTINJ, the interrupt shadow and V_TPR were written: all that exist but INTR (bit 3,
 * it covers V_TPR) and CR2 (bit 9), the same set that KVM uses.
 */
#define VMCB_CLEAN_REENTRY	0x80001df7U

/* Intercepts, TSC offset, pause filter */
#define VMCB_CLEAN_INTERCEPTS	(1U << 0)
#define VMCB_CLEAN_CR		(1U << 5)	/* CR0, CR3, CR4, EFER */

#define CS_LONG			(1U << 9)	/* in the form that segment attributes have here */
#define EFER_LMA		(1ULL << 10)
#define RFLAGS_IF		(1ULL << 9)
#define RFLAGS_TF		(1ULL << 8)
#define RFLAGS_RF		(1ULL << 16)
#define CR4_MCE			(1ULL << 6)
#define CR4_PGE			(1ULL << 7)
#define CR4_OSXSAVE		(1ULL << 18)

struct vmcb {
	u32 intercepts[6];
	u8  pad_018[0x38];
	u64 tsc_offset;
	u32 asid;
	u16 flush;
	u8  pad_05e[2];
	u32 int_ctl;
	u32 int_vector;
	u32 int_state;
	u8  pad_06c[4];
	u64 exit_code;
	u64 info1;
	u64 info2;
	u32 exit_int_info;
	u32 exit_int_info_err;
	u8  pad_090[0x18];
	u32 event_inj;
	u32 event_inj_err;
	u8  pad_0b0[0x10];
	u32 clean;
	u8  pad_0c4[4];
	u64 next_rip;
	u8  insn_len;
	u8  insn_bytes[15];
	u8  pad_0e0[0x400 - 0xe0];
	u8  pad_400[0x12];
	u16 cs_attributes;
	u8  pad_414[0xb7];
	u8  cpl;
	u8  pad_4cc[4];
	u64 efer;
	u8  pad_4d8[0x70];
	u64 cr4;
	u64 cr3;
	u64 cr0;
	u64 dr7;
	u64 dr6;
	u64 rflags;
	u64 rip;
	u8  pad_580[0x58];
	u64 rsp;
	u8  pad_5e0[0x18];
	u64 rax;
	u8  pad_600[0x40];
	u64 cr2;
	u8  pad_648[0x1000 - 0x648];
};

#define VMCB_AT(field, off) \
	_Static_assert(__builtin_offsetof(struct vmcb, field) == (off), "vmcb." #field)

VMCB_AT(tsc_offset, 0x50);
VMCB_AT(flush, 0x5c);
VMCB_AT(int_ctl, 0x60);
VMCB_AT(int_state, 0x68);
VMCB_AT(exit_code, 0x70);
VMCB_AT(exit_int_info, 0x88);
VMCB_AT(event_inj, 0xa8);
VMCB_AT(clean, 0xc0);
VMCB_AT(next_rip, 0xc8);
VMCB_AT(insn_len, 0xd0);
VMCB_AT(insn_bytes, 0xd1);
VMCB_AT(cs_attributes, 0x412);
VMCB_AT(cpl, 0x4cb);
VMCB_AT(efer, 0x4d0);
VMCB_AT(cr4, 0x548);
VMCB_AT(dr7, 0x560);
VMCB_AT(rflags, 0x570);
VMCB_AT(rip, 0x578);
VMCB_AT(rsp, 0x5d8);
VMCB_AT(rax, 0x5f8);
VMCB_AT(cr2, 0x640);
_Static_assert(sizeof(struct vmcb) == 0x1000, "vmcb size");

#endif /* PAYLOAD_VMCB_H */
