// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Telemetry of one vCPU: is it sound, and what does it say about the last gap? */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctele.h"

_Static_assert(CTELE_ABI_MAX == 2, "the reader knows ABI 1 and 2");

static size_t abi_size(uint32_t abi)
{
	return abi == 1 ? sizeof(struct ctele_tele1) : sizeof(struct kvm_caretaker_telemetry);
}

/* Bytes of telemetry that are known and used */
size_t ctele_size(const struct kvm_caretaker_telemetry *t)
{
	return abi_size(t->abi);
}

/**
 * ctele_blob_check() - may this be read as telemetry?
 * @blob:	what was read
 * @len:	its length in bytes
 * @name:	where from, for the message
 *
 * A longer struct of the same ABI has more fields at its end, which are left alone.
 *
 * Return: TOOL_OK; else a message has told what is wrong.
 */
enum tool_status ctele_blob_check(const void *blob, size_t len, const char *name)
{
	uint32_t head[2];

	if (len < sizeof(head)) {
		tool_err("%s: telemetry is cut short: %zu bytes", name, len);
		return TOOL_FAILED;
	}
	memcpy(head, blob, sizeof(head));
	if (head[1] > CTELE_ABI_MAX && head[0] >= sizeof(head) && head[1] < 0x10000) {
		tool_err("%s: telemetry of ABI %u, this tool reads ABI %u to %u: use the tools that came with that kernel",
			 name, head[1], CTELE_ABI_MIN, CTELE_ABI_MAX);
		return TOOL_NODATA;
	}
	if (head[1] < CTELE_ABI_MIN || head[1] > CTELE_ABI_MAX || head[0] < abi_size(head[1])) {
		tool_err("%s: this is no telemetry, or it is damaged: size %u, ABI %u", name,
			 head[0], head[1]);
		return TOOL_FAILED;
	}
	if (len < abi_size(head[1])) {
		tool_err("%s: telemetry is cut short: %zu of %u bytes", name, len, head[0]);
		return TOOL_FAILED;
	}
	return TOOL_OK;
}

/* The first words of the states' names in debugfs; "detached, running" and the like. */
static void text_state(struct ctele_vcpu *v, const char *value)
{
	static const char * const detached = "detached, ";
	size_t n = strlen(detached);

	if (!strncmp(value, detached, n))
		value = strcmp(value + n, "stalled") ? "detached" : "stalled";
	snprintf(v->state, sizeof(v->state), "%.*s", (int)strcspn(value, ", "), value);
}

static long text_number(const char *value, long max)
{
	char *end;
	long n = strtol(value, &end, 10);

	return end == value || n < 0 || n >= max ? -1 : n;
}

/* All of it, or it is not known. */
static void text_digest(struct ctele_vcpu *v, const char *value)
{
	unsigned int i, byte;

	if (strlen(value) != 2 * CTELE_DIGEST_BYTES ||
	    strspn(value, "0123456789abcdef") != 2 * CTELE_DIGEST_BYTES)
		return;
	for (i = 0; i < CTELE_DIGEST_BYTES; i++)
		if (sscanf(value + 2 * i, "%2x", &byte) == 1)
			v->digest[i] = byte;
}

/**
 * ctele_digest() - digest of the handlers as text
 * @v:		the vCPU
 * @digits:	how many of its hexadecimal digits, from the start
 * @buf:	CTELE_DIGEST_TEXT bytes
 *
 * Return: @buf; NULL when there are no handlers or it is not known.
 */
const char *ctele_digest(const struct ctele_vcpu *v, unsigned int digits, char *buf)
{
	bool known = false;
	unsigned int i;

	for (i = 0; i < CTELE_DIGEST_BYTES; i++) {
		known |= v->digest[i];
		snprintf(buf + 2 * i, 3, "%02x", v->digest[i]);
	}
	if (digits < 2 * CTELE_DIGEST_BYTES)
		buf[digits] = '\0';
	return known ? buf : NULL;
}

/* Have they the same set of handlers, as far as is known? */
bool ctele_same_handlers(const struct ctele_vcpu *a, const struct ctele_vcpu *b)
{
	return !strcmp(a->handlers, b->handlers) &&
	       !memcmp(a->digest, b->digest, sizeof(a->digest));
}

/**
 * ctele_text_parse() - take what debugfs' text file says and the telemetry does not
 * @v:		where it goes
 * @text:	the file; is written to
 */
void ctele_text_parse(struct ctele_vcpu *v, char *text)
{
	char *line, *value, *save = NULL;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		value = strstr(line, ": ");
		if (!value)
			continue;
		*value = '\0';
		value += 2;
		if (!strcmp(line, "state"))
			text_state(v, value);
		else if (!strcmp(line, "handlers"))
			snprintf(v->handlers, sizeof(v->handlers), "%s", value);
		else if (!strcmp(line, "digest"))
			text_digest(v, value);
		else if (!strcmp(line, "apic_id"))
			v->apic_id = text_number(value, LONG_MAX);
		else if (!strcmp(line, "pcpu"))
			v->pcpu = text_number(value, INT_MAX);
	}
}

/**
 * ctele_gap() - stamps of the last handover
 * @t:		telemetry
 * @gap:	out
 *
 * Stamps are written over by each handover, and some by other events. tsc_run belongs to the
 * last handover; those that come after it in a handover but are earlier are of a former one.
 *
 * Return: false when there was no handover.
 */
bool ctele_gap(const struct kvm_caretaker_telemetry *t, struct ctele_gap *gap)
{
	memset(gap, 0, sizeof(*gap));
	if (!t->tsc_run)
		return false;
	gap->run = t->tsc_run;
	if (t->tsc_stop && t->tsc_stop <= gap->run)
		gap->stop = t->tsc_stop;
	if (t->tsc_kick >= gap->run)
		gap->kick = t->tsc_kick;
	if (t->tsc_park >= gap->run)
		gap->park = t->tsc_park;
	if (gap->park && t->tsc_adopt >= gap->park)
		gap->adopt = t->tsc_adopt;
	gap->start = gap->stop ? gap->stop : gap->run;
	return true;
}

/* Records of stalls that newer ones have replaced */
uint64_t ctele_stalls_lost(const struct kvm_caretaker_telemetry *t)
{
	return t->nr_stalls > KVM_CARETAKER_NR_STALLS ? t->nr_stalls - KVM_CARETAKER_NR_STALLS : 0;
}

/* What is missing of a vCPU: records of stalls and events */
uint64_t ctele_lost(const struct ctele_vcpu *v)
{
	uint64_t stalls = ctele_stalls_lost(&v->tele), sum = stalls + v->events_lost;

	return sum < stalls ? UINT64_MAX : sum;
}

/* Number of the oldest record that is there; records end at nr_stalls - 1 */
uint64_t ctele_stall_first(const struct kvm_caretaker_telemetry *t)
{
	return ctele_stalls_lost(t);
}

const struct kvm_caretaker_stall *ctele_stall(const struct kvm_caretaker_telemetry *t, uint64_t i)
{
	const struct ctele_tele1 *old = (const void *)t;

	return &(t->abi == 1 ? old->stalls : t->stalls)[i % KVM_CARETAKER_NR_STALLS];
}

/* An end of 0 says that the vCPU still is in there. */
bool ctele_stall_sane(const struct kvm_caretaker_stall *s)
{
	return s->tsc_start && (!s->tsc_end || s->tsc_end >= s->tsc_start);
}

/* What is missing from all that is shown: replaced records, vCPUs that could not be read, events */
uint64_t ctele_set_lost(const struct ctele_set *set)
{
	uint64_t lost = set->unreadable + set->events_lost, n;
	size_t i;

	for (i = 0; i < set->nr; i++) {
		n = ctele_stalls_lost(&set->vcpus[i]->tele);
		lost = lost + n < lost ? UINT64_MAX : lost + n;
	}
	return lost;
}

/**
 * ctele_lost_end() - at the end of a tool: say what was lost
 * @set:	the last look
 * @strict:	is a loss worth an exit status?
 * @status:	exit status so far
 *
 * Return: the exit status.
 */
enum tool_status ctele_lost_end(const struct ctele_set *set, bool strict, enum tool_status status)
{
	uint64_t lost = ctele_set_lost(set);

	if (set->events_damaged)
		tool_err("%u lines of the event ring make no sense", set->events_damaged);
	if (set->events_cut)
		tool_err("events may be missing, nobody knows how many: look more often (-d), or enlarge buffer_size_kb in remotes/caretaker");
	if (!lost && !set->events_cut)
		return status;
	if (lost)
		tool_err("lost %" PRIu64 ": %" PRIu64 " records of stalls that newer ones replaced, "
			 "%u vCPUs that could not be read, %" PRIu64 " events",
			 lost, lost - set->unreadable - set->events_lost, set->unreadable,
			 set->events_lost);
	return strict && status == TOOL_OK ? TOOL_LOST : status;
}
