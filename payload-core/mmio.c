// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker payload core: accesses to memory that is not RAM, for handlers of class mmio.
 *
 * A nested page fault says neither where the instruction ends nor which register it loads or
 * stores, and the payload cannot read guest memory. A CPU with decode assists (CPUID
 * Fn8000_000A_EDX[7]) leaves the instruction's bytes in the VMCB (APM volume 2, 15.8.4). What is
 * decoded is what compilers make of an access to a device's register: MOV, MOVZX, MOVSX and MOVSXD
 * between memory and a general purpose register, or MOV of a constant, in 64-bit mode. Of all else,
 * and whenever anything does not fit together, the next RIP stays unknown, and no handler is asked.
 */
#include "mmio.h"

/*
 * EXITINFO1 of a nested page fault (APM volume 2, 15.25.6): the error code of the fault and where
 * it happened. Bits that are not named here (fetch, protection key, shadow stack, RMP, page table
 * walk) are never set in the accesses that are decoded.
 */
#define NPF_PRESENT	(1ULL << 0)
#define NPF_WRITE	(1ULL << 1)
#define NPF_USER	(1ULL << 2)	/* always: nested tables are walked as user */
#define NPF_RESERVED	(1ULL << 3)
#define NPF_FINAL	(1ULL << 32)	/* translating the final guest physical address */

#define PAGE_OFFSET	0xfffULL
#define DR7_ENABLES	0xffULL

#define REX_W		8
#define REX_R		4
#define REX_X		2
#define REX_B		1

/**
 * struct cursor - reads an instruction's bytes, and no more than there are
 * @code:	the bytes
 * @count:	how many
 * @at:		how many were taken
 * @bad:	more was wanted, or the instruction is none that is decoded
 */
struct cursor {
	const u8 *code;
	u32 count;
	u32 at;
	bool bad;
};

/* The access that the handler is being asked about */
static struct payload_insn mmio_insn;

static u32 take(struct cursor *c)
{
	if (c->at < c->count)
		return c->code[c->at++];
	c->bad = true;
	return 0;
}

/* @bytes: 1, 2 or 4; sign-extended as all displacements and immediates here */
static u64 take_number(struct cursor *c, u32 bytes)
{
	u64 value = 0;
	u32 i;

	for (i = 0; i < bytes; i++)
		value |= (u64)take(c) << 8 * i;
	return (s64)(value << (64 - 8 * bytes)) >> (64 - 8 * bytes);
}

/*
 * LOCK, REP and REPNE change what the instruction does. FS and GS: their bases are not in the VMCB
 * before VMSAVE, so the address could not be checked. Behind a REX prefix comes the opcode (APM
 * volume 3, 1.2.7): what comes there is taken for one.
 */
static u32 take_prefixes(struct cursor *c, u32 *rex, bool *half)
{
	u32 byte;

	*rex = 0;
	for (;;) {
		byte = take(c);
		switch (byte) {
		case 0x66:
			*half = true;
			continue;
		case 0x26: case 0x2e: case 0x36: case 0x3e:	/* no meaning in 64-bit mode */
		case 0x67:	/* the page offset does not change */
			continue;
		case 0x64: case 0x65: case 0xf0: case 0xf2: case 0xf3:
			c->bad = true;
			return 0;
		}
		if ((byte & 0xf0) != 0x40)
			return byte;
		*rex = byte;
		return take(c);
	}
}

/* SIB byte (APM volume 3, 1.4.3) */
static void take_sib(struct cursor *c, u32 mod, u32 rex, struct payload_insn *insn)
{
	u32 sib = take(c);

	insn->scale = sib >> 6;
	insn->index = (sib >> 3 & 7) | (rex & REX_X ? 8 : 0);
	if (insn->index == 4)
		insn->index = PAYLOAD_NO_REG;
	insn->base = (sib & 7) | (rex & REX_B ? 8 : 0);
	if ((sib & 7) == 5 && !mod) {
		insn->base = PAYLOAD_NO_REG;
		insn->disp = take_number(c, 4);
	}
}

/* ModRM byte and what belongs to it (APM volume 3, 1.4). Returns the field reg, without REX. */
static u32 take_modrm(struct cursor *c, u32 rex, struct payload_insn *insn)
{
	u32 modrm = take(c), mod = modrm >> 6;

	if (mod == 3)
		c->bad = true;
	insn->index = PAYLOAD_NO_REG;
	insn->disp = 0;
	if ((modrm & 7) == 4) {
		take_sib(c, mod, rex, insn);
	} else if ((modrm & 7) == 5 && !mod) {
		insn->base = PAYLOAD_RIP;
		insn->disp = take_number(c, 4);
	} else {
		insn->base = (modrm & 7) | (rex & REX_B ? 8 : 0);
	}
	if (mod == 1 || mod == 2)
		insn->disp = take_number(c, mod == 1 ? 1 : 4);
	return modrm >> 3 & 7;
}

/* MOVZX and MOVSX, behind 0x0f */
static void take_extending(struct cursor *c, struct payload_insn *insn)
{
	u32 op = take(c);

	if ((op & 0xf6) != 0xb6)
		c->bad = true;
	insn->bytes = op & 1 ? 2 : 1;
	insn->sign = op & 8;
}

/* @width: of the operand, by its prefixes. Bit 0 of MOV's opcodes: not of a single byte. */
static void take_opcode(struct cursor *c, u32 op, u32 width, struct payload_insn *insn)
{
	insn->write = false;
	insn->sign = false;
	insn->is_imm = false;
	insn->width = width;
	switch (op) {
	case 0x0f:
		take_extending(c, insn);
		return;
	case 0x63:
		/* Without REX.W manuals do not agree how much it reads. */
		if (width != 8)
			c->bad = true;
		insn->bytes = 4;
		insn->sign = true;
		return;
	case 0xc6: case 0xc7:
		insn->is_imm = true;
		/* fall through */
	case 0x88: case 0x89:
		insn->write = true;
		break;
	case 0x8a: case 0x8b:
		break;
	default:
		c->bad = true;
	}
	if (!(op & 1))
		insn->width = 1;
	insn->bytes = insn->width;
}

/* Without REX the numbers 4 to 7 of registers of a byte are AH, CH, DH and BH. */
static void put_register(struct payload_insn *insn, u32 reg, u32 rex)
{
	insn->high = !rex && insn->width == 1 && reg >= 4;
	insn->reg = insn->high ? reg - 4 : reg | (rex & REX_R ? 8 : 0);
}

/**
 * payload_insn_decode() - decode an instruction of 64-bit mode that accesses memory
 * @code:	its bytes, and those behind it
 * @count:	how many there are
 * @insn:	filled in; undefined when it is not decoded
 *
 * Encoding: APM volume 3, chapter 1, and the instructions' own pages.
 *
 * Return: false when it is none of those that are decoded, or there are too few bytes.
 */
bool payload_insn_decode(const u8 *code, u32 count, struct payload_insn *insn)
{
	struct cursor c = { .code = code, .count = count < PAYLOAD_INSN_MAX ?
						  count : PAYLOAD_INSN_MAX };
	bool half = false;
	u32 op, reg, rex;

	op = take_prefixes(&c, &rex, &half);
	if (c.bad)
		return false;
	take_opcode(&c, op, rex & REX_W ? 8 : half ? 2 : 4, insn);
	reg = take_modrm(&c, rex, insn);
	put_register(insn, reg, rex);
	if (insn->is_imm) {
		if (reg)
			return false;
		insn->imm = take_number(&c, insn->bytes < 4 ? insn->bytes : 4);
	}
	insn->length = c.at;
	return !c.bad;
}

static u64 gpr_read(const struct vmcb *vmcb, u32 reg)
{
	if (reg == KVM_CARETAKER_RAX)
		return vmcb->rax;
	return reg == KVM_CARETAKER_RSP ? vmcb->rsp : ccb.exit.gpr[reg];
}

static u64 mask(u32 bytes)
{
	return ~0ULL >> (64 - 8 * bytes);
}

/*
 * Linear address by the registers: bases of segments are 0. By its place in the page it has to be
 * the address of the fault: so an access that crosses pages is seen whichever of them faulted, and
 * so are bytes of another instruction, when a vCPU changes the code that another one executes.
 */
static bool mmio_address_fits(const struct vmcb *vmcb, const struct payload_insn *insn)
{
	u64 address = insn->disp;

	if (insn->base == PAYLOAD_RIP)
		address += vmcb->rip + insn->length;
	else if (insn->base != PAYLOAD_NO_REG)
		address += gpr_read(vmcb, insn->base);
	if (insn->index != PAYLOAD_NO_REG)
		address += gpr_read(vmcb, insn->index) << insn->scale;
	return !((address ^ vmcb->info2) & PAGE_OFFSET) &&
	       (address & PAGE_OFFSET) + insn->bytes <= PAGE_OFFSET + 1;
}

/*
 * Attached KVM marks what it knows to be no memory by a reserved bit, and all other faults are for
 * its MMU. Detached what is not RAM is not mapped, and what is mapped is RAM.
 */
static bool mmio_fault(u64 info)
{
	u64 place = info & ~(NPF_WRITE | NPF_USER);

	if (ccb.exit.flags & KVM_CARETAKER_EXIT_DETACHED)
		return place == NPF_FINAL;
	return (place | NPF_PRESENT) == (NPF_FINAL | NPF_RESERVED | NPF_PRESENT);
}

/* A data breakpoint may be due after the access: that is an emulator's. */
static bool mmio_possible(const struct vmcb *vmcb)
{
	return (ccb.flags & KVM_CARETAKER_CCB_DECODES) && mmio_fault(vmcb->info1) &&
	       (vmcb->cs_attributes & CS_LONG) && (vmcb->efer & EFER_LMA) &&
	       !(vmcb->dr7 & DR7_ENABLES);
}

static u64 mmio_stored(const struct vmcb *vmcb, const struct payload_insn *insn)
{
	u64 value = insn->is_imm ? insn->imm : gpr_read(vmcb, insn->reg);

	return (insn->high ? value >> 8 : value) & mask(insn->bytes);
}

/**
 * payload_mmio_begin() - find out what a nested page fault is about, for a handler
 * @vmcb:	VMCB in use, after an exit by a nested page fault
 *
 * Context: right before the handler is called, with its answer only payload_mmio_end() may come.
 * The bit in exit.requests makes the code that acts on the answer come by there.
 *
 * Return: guest RIP after the instruction, or 0 when no handler may be asked. Nothing has changed
 * then.
 */
u64 payload_mmio_begin(const struct vmcb *vmcb)
{
	struct payload_insn *insn = &mmio_insn;

	if (!mmio_possible(vmcb) ||
	    !payload_insn_decode(vmcb->insn_bytes, vmcb->insn_len, insn) ||
	    insn->write != !!(vmcb->info1 & NPF_WRITE) || !mmio_address_fits(vmcb, insn))
		return 0;
	ccb.exit.mmio_value = insn->write ? mmio_stored(vmcb, insn) : 0;
	ccb.exit.mmio_size = insn->bytes;
	ccb.exit.requests |= KVM_CARETAKER_REQUEST_MMIO;
	return vmcb->rip + insn->length;
}

/* Of @old only those bits stay that a write of @width bytes leaves (APM volume 1, 3.1.2). */
static u64 register_merge(u64 old, u64 value, u32 width, u32 shift)
{
	u64 bits = mask(width) << shift;

	if (width >= 4)
		return value & bits;
	return (old & ~bits) | (value << shift & bits);
}

static void mmio_load(struct vmcb *vmcb, const struct payload_insn *insn)
{
	u64 *reg = insn->reg == KVM_CARETAKER_RSP ? &vmcb->rsp : &ccb.exit.gpr[insn->reg];
	u32 unused = 64 - 8 * insn->bytes;
	u64 value = ccb.exit.mmio_value << unused;

	value = insn->sign ? (u64)((s64)value >> unused) : value >> unused;
	*reg = register_merge(*reg, value, insn->width, insn->high ? 8 : 0);
}

/**
 * payload_mmio_end() - the handler that was asked about an access has answered
 * @vmcb:	VMCB in use; RAX is taken from exit.gpr afterwards
 * @handled:	it said HANDLED: a load gets its value, and RF ends with the instruction
 *
 * For any other exit it does nothing.
 */
void payload_mmio_end(struct vmcb *vmcb, bool handled)
{
	if (!(ccb.exit.requests & KVM_CARETAKER_REQUEST_MMIO))
		return;
	ccb.exit.requests &= ~KVM_CARETAKER_REQUEST_MMIO;
	ccb.exit.mmio_size = 0;
	if (!handled)
		return;
	if (!mmio_insn.write)
		mmio_load(vmcb, &mmio_insn);
	vmcb->rflags &= ~RFLAGS_RF;
}
