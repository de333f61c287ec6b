// SPDX-License-Identifier: GPL-2.0
/*
 * Offsets, sizes and numbers of the uapi headers, and of the header that old and next kernel share,
 * are what abi_layout_table.h says. Compiled as C and as C++. With -p it prints the layout that the
 * headers have now.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/kvm_caretaker.h>
#include <linux/kvm_caretaker_bpf.h>
#include <linux/kvm_caretaker_ccb.h>
#include <linux/kvm_caretaker_telemetry.h>

/* What the header that two kernels share needs of a kernel */
typedef __u8 u8;
typedef __u32 u32;
typedef __u64 u64;
#ifndef __packed
#define __packed __attribute__((__packed__))
#endif
#include "abi/kvm_caretaker.h"

#include "ktap.h"

struct layout {
	const char *type;
	const char *field;	/* NULL: the struct as a whole */
	size_t off, size;	/* wanted */
	size_t is_off, is_size;
};

#define S(t, s) \
	{ #t, NULL, 0, s, 0, sizeof(struct t) },
#define F(t, f, o, s) \
	{ #t, #f, o, s, offsetof(struct t, f), sizeof(((struct t *)0)->f) },

static const struct layout layouts[] = {
#include "abi_layout_table.h"
};

struct number {
	const char *name;
	unsigned long long want, is;
};

#define N(name, want) { #name, want, (unsigned long long)(name) }

static const struct number numbers[] = {
	N(KVM_CAP_CARETAKER, 0x4354),
	N(KVM_CARETAKER_ABI, 1),
	N(KVM_SET_CARETAKER, 0xc040aef0),
	N(KVM_GET_CARETAKER, 0xc028aef1),
	N(KVM_CARETAKER_ISOLATE, 1),
	N(KVM_CARETAKER_REMOVE, 2),
	N(KVM_CARETAKER_HANDLERS_ONLY, 4),
	N(KVM_CARETAKER_SET_FLAGS, 7),
	N(KVM_CARETAKER_GET_INFO, 0),
	N(KVM_CARETAKER_GET_TELEMETRY, 1),
	N(KVM_CARETAKER_GET_STATE, 2),
	N(KVM_CARETAKER_BPF_ABI, 1),
	N(KVM_CARETAKER_CLASS_HLT, 0),
	N(KVM_CARETAKER_CLASS_CPUID, 1),
	N(KVM_CARETAKER_CLASS_RDMSR, 2),
	N(KVM_CARETAKER_CLASS_WRMSR, 3),
	N(KVM_CARETAKER_CLASS_IO, 4),
	N(KVM_CARETAKER_CLASS_MMIO, 5),
	N(KVM_CARETAKER_CLASS_HYPERCALL, 6),
	N(KVM_CARETAKER_CLASS_IPI, 7),
	N(KVM_CARETAKER_CLASS_TIMER, 8),
	N(KVM_CARETAKER_CLASS_PAUSE, 9),
	N(KVM_CARETAKER_CLASS_OTHER, 10),
	N(KVM_CARETAKER_NR_CLASSES, 11),
	N(KVM_CARETAKER_HANDLED, 0),
	N(KVM_CARETAKER_NEXT, 1),
	N(KVM_CARETAKER_FORWARD, 2),
	N(KVM_CARETAKER_BLOCK, 3),
	N(KVM_CARETAKER_FUEL, 4),
	N(KVM_CARETAKER_CCB_ABI, 5),
	N(KVM_CARETAKER_CCB_MAGIC, 0x31424343),
	N(KVM_CARETAKER_PT_CCB, 0x60434342),
	N(KVM_CARETAKER_IMAGE_MAX, 96 * 1024),
	N(KVM_CARETAKER_MAX_SEGMENTS, 8),
	N(KVM_CARETAKER_EMPTY, 0),
	N(KVM_CARETAKER_ATTACHED, 1),
	N(KVM_CARETAKER_DETACHING, 2),
	N(KVM_CARETAKER_RUNNING, 3),
	N(KVM_CARETAKER_STALLED, 4),
	N(KVM_CARETAKER_ADOPTING, 5),
	N(KVM_CARETAKER_PARKED, 6),
	N(KVM_CARETAKER_FAULTED, 7),
	N(KVM_CARETAKER_PCPU_NONE, 0),
	N(KVM_CARETAKER_PCPU_COMING, 1),
	N(KVM_CARETAKER_PCPU_ARMED, 2),
	N(KVM_CARETAKER_PCPU_GUEST, 3),
	N(KVM_CARETAKER_PCPU_HALTED, 4),
	N(KVM_CARETAKER_BELL_NONE, 0),
	N(KVM_CARETAKER_BELL_RUN, 1),
	N(KVM_CARETAKER_BELL_HALT, 2),
	N(KVM_CARETAKER_TELEMETRY_ABI, 2),
	N(KVM_CARETAKER_NATIVE, 0),
	N(KVM_CARETAKER_HANDLER, 1),
	N(KVM_CARETAKER_KVM, 2),
	N(KVM_CARETAKER_BLOCKED, 3),
	N(KVM_CARETAKER_REASON_NPF, 0xe0),
	N(KVM_CARETAKER_REASON_OTHER, 0xff),
	N(KVM_CARETAKER_REASON_SHARED, 0x100),
	N(KVM_CARETAKER_SLOT_CPUID, 0),
	N(KVM_CARETAKER_SLOT_MSR, 1),
	N(KVM_CARETAKER_NR_SLOTS_FIXED, 2),
	N(KVM_CARETAKER_SLOT_SHARED, 31),
	N(KVM_CARETAKER_TIME_GUEST, 0),
	N(KVM_CARETAKER_TIME_NATIVE, 1),
	N(KVM_CARETAKER_TIME_HANDLER, 2),
	N(KVM_CARETAKER_TIME_KVM, 3),
	N(KVM_CARETAKER_TIME_BLOCKED, 4),
	N(KVM_CARETAKER_TIME_HALTED, 5),
	N(KVM_CARETAKER_TIME_HANDOVER, 6),
	N(KVM_CARETAKER_NR_ACCOUNTS, 7),
	N(KVM_CARETAKER_ACCOUNT_OF(KVM_CARETAKER_BLOCKED), 4),
	N(KVM_CARETAKER_RING_ABI, 1),
	N(KVM_CARETAKER_EVENT_EXIT, 1),
	N(KVM_CARETAKER_EVENT_STALL, 2),
	N(KVM_CARETAKER_EVENT_RESUME, 3),
	N(KVM_CARETAKER_EVENT_RUN, 4),
	N(KVM_CARETAKER_EVENT_PARK, 5),
	N(KVM_CARETAKER_EVENT_INJECT, 6),
	N(KVM_CARETAKER_EVENT_IPI, 7),
	N(KVM_CARETAKER_EVENT_STRAY, 8),
	N(KVM_CARETAKER_EVENT_FAULT, 9),
	N(KVM_CARETAKER_EVENT_HANDLER, 10),
	N(KVM_CARETAKER_EVENTS_ALL, 0x7fe),
};

static enum ktap_result numbers_keep(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		CHECK(numbers[i].is == numbers[i].want, "%s is %#llx, wanted %#llx",
		      numbers[i].name, numbers[i].is, numbers[i].want);
	return KTAP_PASS;
}

/* The struct that starts at @i: every field in place, and no hole between them. */
static enum ktap_result struct_keeps(unsigned int i, unsigned int *next)
{
	const struct layout *s = &layouts[i];
	size_t end = 0;

	for (*next = i + 1; *next < ARRAY_SIZE(layouts) && layouts[*next].field; (*next)++)
		;
	CHECK(s->is_size == s->size, "struct %s has %#zx bytes, wanted %#zx", s->type, s->is_size,
	      s->size);
	for (i++; i < *next; i++) {
		const struct layout *f = &layouts[i];

		CHECK(f->is_off == f->off && f->is_size == f->size,
		      "%s.%s is at %#zx with %#zx bytes, wanted %#zx with %#zx", f->type, f->field,
		      f->is_off, f->is_size, f->off, f->size);
		CHECK(f->off == end, "a hole before %s.%s: %#zx instead of %#zx", f->type,
		      f->field, f->off, end);
		end = f->off + f->size;
	}
	CHECK(end == s->size, "struct %s has a hole at its end, or a field is not listed", s->type);
	return KTAP_PASS;
}

static int layout_print(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(layouts); i++) {
		const struct layout *l = &layouts[i];

		if (l->field)
			printf("F(%s, %s, 0x%zx, 0x%zx)\n", l->type, l->field, l->is_off,
			       l->is_size);
		else
			printf("\nS(%s, 0x%zx)\n", l->type, l->is_size);
	}
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int i, next, structs = 0;

	if (argc > 1 && !strcmp(argv[1], "-p"))
		return layout_print();
	for (i = 0; i < ARRAY_SIZE(layouts); i++)
		structs += !layouts[i].field;
	ktap_plan(structs + 1);
	for (i = 0; i < ARRAY_SIZE(layouts); i = next) {
		enum ktap_result res = struct_keeps(i, &next);

		ktap_result(res, "struct %s keeps its layout, without holes", layouts[i].type);
	}
	ktap_result(numbers_keep(), "ioctl, state, verdict and class numbers keep their values");
	return ktap_finish();
}
