// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: how the events of the rings look in tracefs.
 *
 * A record of a ring becomes one of tracefs by what the ring knows and its records do not say:
 * VM, vCPU and pCPU, after the first 8 bytes.
 */
#include <linux/string.h>
#include <linux/trace_events.h>
#include <linux/trace_remote_event.h>
#include <linux/trace_seq.h>

#include <asm/svm.h>

#include "caretaker.h"
#include "remote_events.h"

static_assert(sizeof(struct kvm_caretaker_event_bytes) + CARETAKER_RECORD_MORE ==
	      sizeof(struct caretaker_record));

#define RECORD_HEAD	8

/* Bytes that a record of the ring has at least. */
static const u8 record_len[KVM_CARETAKER_NR_EVENTS] = {
	[KVM_CARETAKER_EVENT_EXIT] = sizeof(struct kvm_caretaker_event_exit),
	[KVM_CARETAKER_EVENT_STALL ... KVM_CARETAKER_EVENT_FAULT] =
		sizeof(struct kvm_caretaker_event_at),
	[KVM_CARETAKER_EVENT_HANDLER] = offsetof(struct kvm_caretaker_event_bytes, data),
};

/**
 * caretaker_record_make - make a record of tracefs of one of a ring
 * @to:		the record
 * @b:		block of the ring
 * @from:	record of the ring
 * @len:	its bytes, CARETAKER_RECORD_MIN to CARETAKER_RECORD_MAX
 *
 * Return: bytes of the record, 0 when the one of the ring is too short for what it says it is.
 */
u32 caretaker_record_make(struct caretaker_record *to, const struct caretaker_block *b,
			  const void *from, u32 len)
{
	memset(to, 0, sizeof(*to));
	memcpy(to, from, RECORD_HEAD);
	to->vm = b->ser->vm_id;
	to->vcpu = b->ser->vcpu_id;
	to->apic_id = b->apic_id;
	memcpy(to->data, from + RECORD_HEAD, len - RECORD_HEAD);
	if (to->id < KVM_CARETAKER_NR_EVENTS && len < record_len[to->id])
		return 0;
	if (to->id != KVM_CARETAKER_EVENT_HANDLER)
		return CARETAKER_RECORD_MORE + len;
	to->arg = min_t(u16, to->arg, KVM_CARETAKER_EVENT_BYTES);
	return sizeof(*to);
}

/**
 * caretaker_record_lost - make the record that says how many others are missing
 * @to:		the record
 * @b:		block of the ring
 * @lost:	how many
 */
u32 caretaker_record_lost(struct caretaker_record *to, const struct caretaker_block *b, u64 lost)
{
	*to = (struct caretaker_record){
		.id = CARETAKER_EVENT_LOST,
		.vm = b->ser->vm_id,
		.vcpu = b->ser->vcpu_id,
		.apic_id = b->apic_id,
		.at.value = lost,
	};
	return CARETAKER_RECORD_MORE + sizeof(struct kvm_caretaker_event_at);
}

static const struct trace_print_flags reason_names[] = { SVM_EXIT_REASONS };
static const char * const server_names[] = { "native", "handler", "kvm", "blocked" };

static void print_who(const struct caretaker_record *r, struct trace_seq *seq, const char *name)
{
	trace_seq_printf(seq, "%s vm=%016llx vcpu=%u apic_id=%u", name, r->vm, r->vcpu,
			 r->apic_id);
}

static void print_reason(struct trace_seq *seq, u32 reason)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(reason_names); i++) {
		if ((u32)reason_names[i].mask == reason) {
			trace_seq_printf(seq, " reason=%s", reason_names[i].name);
			return;
		}
	}
	trace_seq_printf(seq, " reason=0x%x", reason);
}

static void print_exit(void *evt, struct trace_seq *seq)
{
	const struct caretaker_record *r = evt;
	u8 server = r->arg, detached = r->arg >> 8;

	print_who(r, seq, "exit");
	print_reason(seq, r->what);
	trace_seq_printf(seq, " server=%s detached=%u rip=0x%llx info1=0x%llx cycles=%u\n",
			 server < ARRAY_SIZE(server_names) ? server_names[server] : "?",
			 detached, r->exit.rip, r->exit.info1, r->exit.cycles);
}

static void print_stall(void *evt, struct trace_seq *seq)
{
	const struct caretaker_record *r = evt;

	print_who(r, seq, "stall");
	print_reason(seq, r->what);
	trace_seq_printf(seq, " info1=0x%llx rip=0x%llx\n", r->at.value, r->at.rip);
}

static void print_resume(void *evt, struct trace_seq *seq)
{
	const struct caretaker_record *r = evt;

	print_who(r, seq, "resume");
	print_reason(seq, r->what);
	trace_seq_printf(seq, " cycles=%llu rip=0x%llx\n", r->at.value, r->at.rip);
}

static void print_handover(void *evt, struct trace_seq *seq)
{
	const struct caretaker_record *r = evt;

	print_who(r, seq, r->id == KVM_CARETAKER_EVENT_RUN ? "run" : "park");
	trace_seq_printf(seq, " halted=%u cycles=%llu rip=0x%llx\n", r->arg, r->at.value,
			 r->at.rip);
}

static void print_inject(void *evt, struct trace_seq *seq)
{
	const struct caretaker_record *r = evt;

	print_who(r, seq, "inject");
	trace_seq_printf(seq, " event=0x%x rip=0x%llx\n", r->what, r->at.rip);
}

static void print_ipi(void *evt, struct trace_seq *seq)
{
	const struct caretaker_record *r = evt;

	print_who(r, seq, "ipi");
	trace_seq_printf(seq, " icr=0x%x self=%u others=0x%llx rip=0x%llx\n", r->what, r->arg,
			 r->at.value, r->at.rip);
}

static void print_stray(void *evt, struct trace_seq *seq)
{
	const struct caretaker_record *r = evt;

	print_who(r, seq, "stray");
	trace_seq_printf(seq, " vector=%u\n", r->what);
}

static void print_fault(void *evt, struct trace_seq *seq)
{
	const struct caretaker_record *r = evt;

	print_who(r, seq, "fault");
	trace_seq_printf(seq, " code=0x%x rip=0x%llx address=0x%llx\n", r->what, r->at.rip,
			 r->at.value);
}

static void print_handler(void *evt, struct trace_seq *seq)
{
	const struct caretaker_record *r = evt;

	print_who(r, seq, "handler");
	print_reason(seq, r->what);
	trace_seq_printf(seq, " len=%u data=%*ph\n", r->arg,
			 min_t(int, r->arg, KVM_CARETAKER_EVENT_BYTES), r->bytes);
}

static void print_lost(void *evt, struct trace_seq *seq)
{
	const struct caretaker_record *r = evt;

	print_who(r, seq, "lost");
	trace_seq_printf(seq, " events=%llu\n", r->at.value);
}

#define FIELD(kind, what, bytes)						\
	{ .type = kind, .name = what, .size = bytes, .align = bytes > 8 ? 1 : bytes }
#define WHO	FIELD("u64", "vm", 8), FIELD("u32", "vcpu", 4), FIELD("u32", "apic_id", 4)
#define WHO_FMT	"vm=%016llx vcpu=%u apic_id=%u "
#define WHO_ARG	"REC->vm, REC->vcpu, REC->apic_id, "

static struct trace_event_fields fields_exit[] = {
	FIELD("u8", "server", 1), FIELD("u8", "detached", 1), FIELD("u32", "reason", 4), WHO,
	FIELD("u64", "rip", 8), FIELD("u64", "info1", 8), FIELD("u32", "cycles", 4), {}
};

static struct trace_event_fields fields_at[] = {
	FIELD("u16", "arg", 2), FIELD("u32", "what", 4), WHO,
	FIELD("u64", "value", 8), FIELD("u64", "rip", 8), {}
};

static struct trace_event_fields fields_bytes[] = {
	FIELD("u16", "len", 2), FIELD("u32", "reason", 4), WHO,
	FIELD("u8", "data[64]", KVM_CARETAKER_EVENT_BYTES), {}
};

static char fmt_exit[] = "\"" WHO_FMT "reason=0x%x server=%u detached=%u rip=0x%llx "
	"info1=0x%llx cycles=%u\", " WHO_ARG
	"REC->reason, REC->server, REC->detached, REC->rip, REC->info1, REC->cycles";
static char fmt_at[] = "\"" WHO_FMT "what=0x%x arg=%u value=0x%llx rip=0x%llx\", " WHO_ARG
	"REC->what, REC->arg, REC->value, REC->rip";
static char fmt_bytes[] = "\"" WHO_FMT "reason=0x%x len=%u data=%s\", " WHO_ARG
	"REC->reason, REC->len, __print_hex(REC->data, 64)";

#define EVENT(n, i, f, p) \
	{ .name = n, .id = i, .fields = fields_##f, .print_fmt = fmt_##f, .print = print_##p }

/* By id. */
struct remote_event caretaker_remote_events[] = {
	EVENT("exit", KVM_CARETAKER_EVENT_EXIT, exit, exit),
	EVENT("stall", KVM_CARETAKER_EVENT_STALL, at, stall),
	EVENT("resume", KVM_CARETAKER_EVENT_RESUME, at, resume),
	EVENT("run", KVM_CARETAKER_EVENT_RUN, at, handover),
	EVENT("park", KVM_CARETAKER_EVENT_PARK, at, handover),
	EVENT("inject", KVM_CARETAKER_EVENT_INJECT, at, inject),
	EVENT("ipi", KVM_CARETAKER_EVENT_IPI, at, ipi),
	EVENT("stray", KVM_CARETAKER_EVENT_STRAY, at, stray),
	EVENT("fault", KVM_CARETAKER_EVENT_FAULT, at, fault),
	EVENT("handler", KVM_CARETAKER_EVENT_HANDLER, bytes, handler),
	EVENT("lost", CARETAKER_EVENT_LOST, at, lost),
};

const unsigned int caretaker_nr_remote_events = ARRAY_SIZE(caretaker_remote_events);
