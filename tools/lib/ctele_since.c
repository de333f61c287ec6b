// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* What happened to a vCPU between two looks, as telemetry of that time alone. */
#include <string.h>

#include "ctele.h"

static bool sub64(__u64 *now, uint64_t was)
{
	if (*now < was)
		return false;
	*now -= was;
	return true;
}

/* Buckets count modulo 2^32, and so does their difference. */
static bool cell_since(struct kvm_caretaker_cell *now, const struct kvm_caretaker_cell *was)
{
	unsigned int i;

	for (i = 0; i < KVM_CARETAKER_NR_BUCKETS; i++)
		now->hist[i] -= was->hist[i];
	return sub64(&now->count, was->count) && sub64(&now->gap_count, was->gap_count) &&
	       sub64(&now->cycles, was->cycles) && sub64(&now->gap_cycles, was->gap_cycles);
}

/*
 * Slots are given once. Bits of @reserved, which is zero in what the payload writes, say that the
 * longest exit may be from before: ctele_cell() passes that on.
 */
static bool slot_since(struct kvm_caretaker_slot *now, const struct kvm_caretaker_slot *was)
{
	bool same = now->reason == was->reason, ok = true;
	unsigned int s;

	now->reserved = 0;
	for (s = 0; ok && s < KVM_CARETAKER_NR_SERVERS; s++) {
		if (was->by[s].max && was->by[s].max == now->by[s].max)
			now->reserved |= 1U << s;
		ok = cell_since(&now->by[s], &was->by[s]);
		same |= !was->by[s].count && !was->by[s].gap_count;
	}
	return ok && same;
}

static bool slots_since(struct kvm_caretaker_telemetry *now,
			const struct kvm_caretaker_telemetry *was)
{
	unsigned int i;

	for (i = 0; i < KVM_CARETAKER_NR_SLOTS; i++)
		if (!slot_since(&now->slots[i], &was->slots[i]))
			return false;
	for (i = 0; i < KVM_CARETAKER_NR_CLASS_USES; i++)
		if (!sub64(&now->classes[i].calls, was->classes[i].calls) ||
		    !sub64(&now->classes[i].cycles, was->classes[i].cycles))
			return false;
	return true;
}

/* The account that is open is closed at the look, else it would go on after it. */
static void ledger_close(struct kvm_caretaker_telemetry *t, uint64_t tsc)
{
	if (tsc > t->tsc_last && t->open < KVM_CARETAKER_NR_ACCOUNTS)
		kvm_caretaker_book(t, t->open, tsc);
}

static bool ledger_since(struct kvm_caretaker_telemetry *now, uint64_t tsc,
			 const struct ctele_vcpu *before)
{
	struct kvm_caretaker_telemetry was = before->tele;
	unsigned int i;

	ledger_close(now, tsc);
	ledger_close(&was, before->tsc);
	for (i = 0; i < KVM_CARETAKER_NR_ACCOUNTS; i++)
		if (!sub64(&now->ledger[i], was.ledger[i]))
			return false;
	now->tsc_first = was.tsc_last;
	return now->tsc_last >= now->tsc_first;
}

static bool counts_since(struct kvm_caretaker_telemetry *now,
			 const struct kvm_caretaker_telemetry *was)
{
	return sub64(&now->nr_stalls, was->nr_stalls) && sub64(&now->stray, was->stray) &&
	       sub64(&now->idle_tsc, was->idle_tsc) && sub64(&now->fuel_out, was->fuel_out) &&
	       sub64(&now->timer_fired, was->timer_fired) &&
	       sub64(&now->timer_irqs, was->timer_irqs) &&
	       sub64(&now->ipi_sent, was->ipi_sent) &&
	       sub64(&now->ipi_received, was->ipi_received) &&
	       sub64(&now->ipi_kicks, was->ipi_kicks) && sub64(&now->injected, was->injected) &&
	       sub64(&now->halts, was->halts);
}

/* Records are numbered anew; those that are there stay. */
static void stalls_since(struct kvm_caretaker_telemetry *now,
			 const struct kvm_caretaker_telemetry *was)
{
	struct kvm_caretaker_stall old[KVM_CARETAKER_NR_STALLS];
	uint64_t i;

	memcpy(old, now->stalls, sizeof(old));
	memset(now->stalls, 0, sizeof(now->stalls));
	for (i = ctele_stall_first(now); i < now->nr_stalls; i++)
		now->stalls[i % KVM_CARETAKER_NR_STALLS] =
			old[(i + was->nr_stalls) % KVM_CARETAKER_NR_STALLS];
}

/**
 * ctele_since() - take an earlier look off
 * @v:		the vCPU, with the TSC of the look; becomes what happened since @before
 * @before:	the same vCPU, likewise
 *
 * Stamps of the handover stay: they are those of the last one. An exit that was as long before
 * makes the longest one a bound.
 *
 * Return: false when the one does not follow the other; then @v is not to be used.
 */
bool ctele_since(struct ctele_vcpu *v, const struct ctele_vcpu *before)
{
	struct kvm_caretaker_telemetry *now = &v->tele;
	const struct kvm_caretaker_telemetry *was = &before->tele;

	if (now->abi != was->abi || !ctele_timed(now) || now->vm_id != was->vm_id ||
	    now->vcpu != was->vcpu || !slots_since(now, was) ||
	    !ledger_since(now, v->tsc, before) || !counts_since(now, was))
		return false;
	stalls_since(now, was);
	v->tsc = 0;
	return true;
}
