// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* The time ledger: does every cycle of a vCPU have an account? */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/kvm_caretaker_bpf.h>

#include "output.h"
#include "times.h"

const char *const ledger_names[KVM_CARETAKER_NR_ACCOUNTS] = {
	[KVM_CARETAKER_TIME_GUEST]	= "guest",
	[KVM_CARETAKER_TIME_NATIVE]	= "native",
	[KVM_CARETAKER_TIME_HANDLER]	= "handler",
	[KVM_CARETAKER_TIME_KVM]	= "kvm",
	[KVM_CARETAKER_TIME_BLOCKED]	= "blocked",
	[KVM_CARETAKER_TIME_HALTED]	= "halted",
	[KVM_CARETAKER_TIME_HANDOVER]	= "handover",
};

static bool ledger_of(struct ledger *l, const struct ctele_vcpu *v)
{
	const struct kvm_caretaker_telemetry *t = &v->tele;
	uint64_t now = v->tsc > t->tsc_last ? v->tsc : t->tsc_last, sum = 0;
	unsigned int i;

	*l = (struct ledger){ .khz = t->tsc_khz, .vcpus = 1 };
	if (t->abi == 1 || !t->tsc_first)
		return false;
	l->elapsed = now - t->tsc_first;
	for (i = 0; i < KVM_CARETAKER_NR_ACCOUNTS; i++) {
		l->by[i] = kvm_caretaker_ledger_at(t, i, now);
		sum += l->by[i];
	}
	l->residual = l->elapsed - sum;
	return true;
}

/* A Caretaker that began anew since then counts from zero. */
static void ledger_since(struct ledger *l, const struct ledger *was)
{
	unsigned int i;

	for (i = 0; i < KVM_CARETAKER_NR_ACCOUNTS; i++)
		if (was->by[i] > l->by[i])
			return;
	for (i = 0; i < KVM_CARETAKER_NR_ACCOUNTS; i++)
		l->by[i] -= was->by[i];
	l->elapsed -= was->elapsed;
	l->residual -= (uint64_t)was->residual;
}

/**
 * ledger_add() - take in the ledger of a vCPU
 * @l:		sums; all zero at the start
 * @v:		the vCPU
 * @base:	an earlier look at it, which is taken off; NULL for none
 */
void ledger_add(struct ledger *l, const struct ctele_vcpu *v, const struct ctele_vcpu *base)
{
	struct ledger own, was;
	unsigned int i;

	if (!ledger_of(&own, v)) {
		l->missing++;
		return;
	}
	if (base && base->tele.tsc_first == v->tele.tsc_first && ledger_of(&was, base))
		ledger_since(&own, &was);
	for (i = 0; i < KVM_CARETAKER_NR_ACCOUNTS; i++)
		l->by[i] += own.by[i];
	l->elapsed += own.elapsed;
	l->residual = (uint64_t)l->residual + (uint64_t)own.residual;
	l->khz = own.khz;
	l->vcpus++;
}

/* Return: negative when nothing can be said */
double ledger_percent(const struct ledger *l, uint64_t cycles)
{
	return l->elapsed ? 100.0 * cycles / l->elapsed : -1;
}

static uint64_t residual_size(const struct ledger *l)
{
	return l->residual < 0 ? -(uint64_t)l->residual : (uint64_t)l->residual;
}

/* Is more time in no account than may be? */
bool ledger_bad(const struct ledger *l)
{
	return residual_size(l) > l->elapsed / 1000 * LEDGER_RESIDUAL_MAX +
				  l->elapsed % 1000 * LEDGER_RESIDUAL_MAX / 1000;
}

/* Out of range is the largest there is. */
int64_t ledger_residual_ns(const struct ledger *l)
{
	uint64_t ns = tsc_to_ns(residual_size(l), l->khz);

	if (ns > INT64_MAX)
		ns = INT64_MAX;
	return l->residual < 0 ? -(int64_t)ns : (int64_t)ns;
}

/**
 * ledger_residual_text() - the time in no account, for people: "0", "-3.10 us (0.002 %)"
 * @l:		the ledger
 * @buf:	out
 * @len:	room in @buf
 */
const char *ledger_residual_text(const struct ledger *l, char *buf, size_t len)
{
	char ns[FMT_MAX];

	if (!l->residual)
		return "0";
	snprintf(buf, len, "%s%s (%.3f %%%s)", l->residual < 0 ? "-" : "",
		 fmt_ns(tsc_to_ns(residual_size(l), l->khz), ns),
		 l->elapsed ? 100.0 * residual_size(l) / l->elapsed : 100.0,
		 ledger_bad(l) ? "!" : "");
	return buf;
}

static const char *const class_names[KVM_CARETAKER_NR_CLASS_USES] = {
	[KVM_CARETAKER_CLASS_HLT]	= "hlt",
	[KVM_CARETAKER_CLASS_CPUID]	= "cpuid",
	[KVM_CARETAKER_CLASS_RDMSR]	= "rdmsr",
	[KVM_CARETAKER_CLASS_WRMSR]	= "wrmsr",
	[KVM_CARETAKER_CLASS_IO]	= "io",
	[KVM_CARETAKER_CLASS_MMIO]	= "mmio",
	[KVM_CARETAKER_CLASS_HYPERCALL]	= "hypercall",
	[KVM_CARETAKER_CLASS_IPI]	= "ipi",
	[KVM_CARETAKER_CLASS_TIMER]	= "timer",
	[KVM_CARETAKER_CLASS_PAUSE]	= "pause",
	[KVM_CARETAKER_CLASS_OTHER]	= "other",
};

/**
 * class_name() - what a handler of this class is for
 * @class:	number of the exit class
 * @buf:	for a class that has no name
 * @len:	room in @buf
 */
const char *class_name(unsigned int class, char *buf, size_t len)
{
	if (class < KVM_CARETAKER_NR_CLASS_USES && class_names[class])
		return class_names[class];
	snprintf(buf, len, "class%u", class);
	return buf;
}

const char *const class_group_names[CLASS_GROUPS] = {
	"other", "hlt", "cpuid", "msr", "io", "mmio", "hypercall", "pause", "shared",
};

/**
 * class_group() - which of class_group_names the exits of a row belong to
 * @row:	index of the reason, or CTELE_ROW_SHARED
 */
unsigned int class_group(unsigned int row)
{
	static const uint8_t groups[CTELE_NR_ROWS] = {
		[0x72] = 2, [0x77] = 7, [0x78] = 1, [0x7b] = 4, [0x7c] = 3, [0x81] = 6,
		[KVM_CARETAKER_REASON_NPF] = 5, [CTELE_ROW_SHARED] = 8,
	};

	return row < CTELE_NR_ROWS ? groups[row] : 0;
}
