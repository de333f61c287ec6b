// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * What cvmm knows, as one JSON object: identity of the host kernel, steps of the handover in host
 * TSC, console counts, the guest's mailbox, and info and telemetry of the Caretaker.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include <sys/utsname.h>

#include "cvmm.h"
#include "state.h"

static const char *const end_name[] = {
	[VCPU_ALIVE] = "running",
	[VCPU_ENDED_OFF] = "off",
	[VCPU_ENDED_RESET] = "reset",
	[VCPU_ENDED_ERROR] = "error",
	[VCPU_ENDED_QUIT] = "quit",
};

static void boot_id(char *buf, size_t size)
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!f || !fgets(buf, size, f))
		buf[0] = 0;
	buf[strcspn(buf, "\n")] = 0;
	if (f)
		fclose(f);
}

static void host_write(FILE *f)
{
	struct utsname u;
	char id[64];

	uname(&u);
	boot_id(id, sizeof(id));
	fprintf(f, "  \"host\": {\"release\": \"%s\", \"version\": \"%s\", ", u.release, u.version);
	fprintf(f, "\"boot_id\": \"%s\"},\n", id);
}

static void stamps_write(FILE *f, const struct stamps *s)
{
	const struct { const char *name; uint64_t tsc; } list[] = {
		{ "preserve_start", s->preserve_start }, { "memory_done", s->memory_done },
		{ "vm_done", s->vm_done }, { "stopped", s->stopped },
		{ "prepared", s->prepared },
		{ "vcpu_done", s->vcpu_done }, { "saved", s->saved },
		{ "cancel_start", s->cancel_start }, { "cancelled", s->cancelled },
		{ "resume_start", s->resume_start }, { "retrieved", s->retrieved },
		{ "restored", s->restored }, { "adopted", s->adopted },
		{ "replayed", s->replayed }, { "finish_start", s->finish_start },
		{ "finished", s->finished },
	};
	size_t i;

	fprintf(f, "  \"steps\": {");
	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		fprintf(f, "%s\"%s\": %" PRIu64, i ? ", " : "", list[i].name, list[i].tsc);
	fprintf(f, "},\n");
}

static void mailbox_write(struct vm *vm, FILE *f)
{
	const struct mailbox *b = vm_mailbox(vm);

	fprintf(f, "  \"mailbox\": {\"started\": %s, \"done\": %" PRIu64 ", \"slices\": %" PRIu64
		", \"loops\": %" PRIu64 ", \"lines\": %" PRIu64 ", \"tsc_now\": %" PRIu64
		", \"checks\": %" PRIu64 ", \"bad_checks\": %" PRIu64 "},\n",
		b->magic == MAILBOX_MAGIC ? "true" : "false", b->done, b->slices, b->loops,
		b->lines, b->tsc_now, b->checks, b->bad_checks);
}

static void vcpu_write(struct vcpu *v, FILE *f)
{
	fprintf(f, "  {\"id\": %u, \"ended\": \"%s\", \"detached\": %s, \"tsc_offset\": %" PRIu64
		", \"adopted\": %" PRIu64 ",\n    \"caretaker\": ", v->id, end_name[v->ended],
		v->detached ? "true" : "false", v->tsc_offset, v->adopted);
	report_caretaker(v, f);
	fprintf(f, ",\n    \"telemetry\": ");
	report_telemetry(v, f);
	fprintf(f, "}%s\n", v->id + 1 < v->vm->nr_vcpus ? "," : "");
}

static void vm_write(struct vm *vm, FILE *f)
{
	fprintf(f, "{\n  \"schema\": 2, \"pid\": %d, \"resumed\": %s, \"with_caretaker\": %s,\n",
		getpid(), vm->resumed ? "true" : "false", vm->caretaker ? "true" : "false");
	fprintf(f, "  \"preserved\": %s, \"nr_vcpus\": %u, \"vcpu\": \"%s\",\n",
		vm->session ? "true" : "false", vm->nr_vcpus, end_name[vm->ended]);
}

static void past_write(struct vm *vm, FILE *f)
{
	const struct cvmm_state_past *p = &vm->past;

	fprintf(f, "  \"past\": {\"updates\": %" PRIu64 ", \"cancels\": %" PRIu64 ", \"kexecs\": %"
		PRIu64 "},\n", p->updates, p->cancels, p->kexecs);
}

/* 0 everywhere while no Caretaker was installed by this cvmm */
static void install_write(struct vm *vm, FILE *f)
{
	const struct install_times *t = &vm->times;

	fprintf(f, "  \"install\": {\"load_ns\": %" PRIu64 ", \"bpf_verifier_ns\": %" PRIu64
		", \"stage2_ns\": %" PRIu64 ", \"compile_ns\": %" PRIu64,
		t->load, t->bpf, t->verify, t->compile);
	fprintf(f, ", \"install_ns\": %" PRIu64 ", \"total_ns\": %" PRIu64 "},\n", t->install,
		t->load + t->verify + t->compile + t->install);
}

static void clock_write(struct vm *vm, FILE *f)
{
	fprintf(f, "  \"tsc_khz\": %u, \"tsc_offset\": %" PRIu64 ", \"tsc_now\": %" PRIu64
		", \"clock_error_ns\": %" PRId64 ",\n",
		vm->vcpu[0].tsc_khz, vm->vcpu[0].tsc_offset, rdtsc(), vm->clock_error);
}

/* @rung counts all, @replayed those of a gap among them. */
static void bells_write(struct vm *vm, FILE *f)
{
	struct bells *b = &vm->bells;
	unsigned int i;

	bells_read(b);
	fprintf(f, "  \"doorbells\": {\"replayed\": %" PRIu64 ", \"rung\": [", vm->replayed_bells);
	for (i = 0; i < b->nr; i++)
		fprintf(f, "%s{\"port\": %u, \"bytes\": %u, \"count\": %" PRIu64 "}", i ? ", " : "",
			b->bell[i].port, b->bell[i].len, b->bell[i].rung);
	fprintf(f, "]},\n");
}

/**
 * report_write() - write the JSON object
 * @vm: VM
 * @f: where to; the caller looks for write errors
 */
void report_write(struct vm *vm, FILE *f)
{
	unsigned int i;

	vm_write(vm, f);
	past_write(vm, f);
	install_write(vm, f);
	host_write(f);
	clock_write(vm, f);
	stamps_write(f, &vm->stamps);
	fprintf(f, "  \"stopped_before\": %" PRIu64 ",\n",
		vm->resumed && vm->state ? vm->state->stopped_tsc : 0);
	fprintf(f, "  \"console\": {\"sent\": %" PRIu64 ", \"lost\": %" PRIu64
		", \"replayed\": %" PRIu64 "},\n", vm->serial.sent, vm->serial.lost,
		vm->replayed_bytes);
	bells_write(vm, f);
	fprintf(f, "  \"carried_bytes\": %" PRIu64 ",\n", vm->carried_bytes);
	fprintf(f, "  \"loops_at_retrieve\": %" PRIu64 ", \"loops_at_adopt\": %" PRIu64 ",\n",
		vm->beat_retrieved, vm->beat_adopt);
	mailbox_write(vm, f);
	fprintf(f, "  \"vcpus\": [\n");
	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_write(&vm->vcpu[i], f);
	fprintf(f, "  ]\n}\n");
}

static int file_write(const char *path, struct vm *vm, void (*writer)(struct vm *vm, FILE *f))
{
	char tmp[512];
	FILE *f;
	int bad;

	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.new", path) >= sizeof(tmp)) {
		err("%s: the path is too long", path);
		return -EINVAL;
	}
	f = fopen(tmp, "we");
	if (!f) {
		err("%s: open: %s", tmp, strerror(errno));
		return -EIO;
	}
	writer(vm, f);
	bad = ferror(f);
	bad |= fclose(f);
	if (bad || rename(tmp, path)) {
		err("%s: write: %s", path, strerror(errno));
		unlink(tmp);
		return -EIO;
	}
	return 0;
}

static void mailbox_dump(struct vm *vm, FILE *f)
{
	fwrite(vm_mailbox(vm), 1, sizeof(struct mailbox), f);
}

/**
 * report_files() - write the files of --report and --mailbox
 * @vm: VM
 *
 * Return: 0 or a negative errno; the reason is on stderr.
 */
int report_files(struct vm *vm)
{
	int ret = 0;

	if (vm->opt->report)
		ret = file_write(vm->opt->report, vm, report_write);
	if (!ret && vm->opt->mailbox)
		ret = file_write(vm->opt->mailbox, vm, mailbox_dump);
	return ret;
}
