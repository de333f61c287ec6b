// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * What cvmm knows, as one JSON object: identity of the host kernel, steps of the handover in host
 * TSC, console counts, the guest's mailbox, and info and telemetry of the Caretaker.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
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

static void info_write(struct vm *vm, FILE *f)
{
	struct kvm_caretaker_info i;
	int ret = caretaker_get_info(vm->vcpu.fd, &i);

	if (ret) {
		fprintf(f, "  \"caretaker\": null,\n");
		return;
	}
	fprintf(f, "  \"caretaker\": {\"state\": \"%s\", \"flags\": %u, \"pcpu\": %u",
		caretaker_state_name(i.state), i.flags, i.pcpu);
	fprintf(f, ", \"apic_id\": %u", i.apic_id);
	fprintf(f, ", \"generation\": %u, \"preserved_bytes\": %" PRIu64 ", \"npt_bytes\": %" PRIu64
		", \"tsc_khz\": %u},\n", i.generation, (uint64_t)i.preserved_bytes,
		(uint64_t)i.npt_bytes, i.tsc_khz);
}

static void exits_write(FILE *f, const char *name,
			const __u64 (*exits)[KVM_CARETAKER_NR_SERVERS])
{
	const char *sep = "";
	int r, s;

	fprintf(f, "    \"%s\": [", name);
	for (r = 0; r < KVM_CARETAKER_NR_REASONS; r++) {
		for (s = 0; s < KVM_CARETAKER_NR_SERVERS; s++) {
			if (!exits[r][s])
				continue;
			fprintf(f, "%s{\"reason\": %d, \"served_by\": \"%s\", ", sep, r,
				caretaker_server_name(s));
			fprintf(f, "\"count\": %" PRIu64 "}", (uint64_t)exits[r][s]);
			sep = ", ";
		}
	}
	fprintf(f, "],\n");
}

static void stalls_write(FILE *f, const struct kvm_caretaker_telemetry *t)
{
	uint64_t n = t->nr_stalls, i;

	fprintf(f, "    \"nr_stalls\": %" PRIu64 ", \"stalls\": [", n);
	i = n > KVM_CARETAKER_NR_STALLS ? n - KVM_CARETAKER_NR_STALLS : 0;
	for (; i < n; i++) {
		const struct kvm_caretaker_stall *s = &t->stalls[i % KVM_CARETAKER_NR_STALLS];

		fprintf(f, "{\"reason\": %" PRIu64 ", \"info1\": %" PRIu64 ", \"rip\": %" PRIu64
			", \"start\": %" PRIu64 ", \"end\": %" PRIu64 "}%s", (uint64_t)s->reason,
			(uint64_t)s->info1, (uint64_t)s->rip, (uint64_t)s->tsc_start,
			(uint64_t)s->tsc_end, i + 1 < n ? ", " : "");
	}
	fprintf(f, "]\n");
}

static void telemetry_write(struct vm *vm, FILE *f)
{
	struct kvm_caretaker_telemetry *t = calloc(1, sizeof(*t));

	if (!t || caretaker_get_telemetry(vm->vcpu.fd, t)) {
		fprintf(f, "  \"telemetry\": null\n");
		free(t);
		return;
	}
	fprintf(f, "  \"telemetry\": {\"vcpu\": %u, \"tsc_khz\": %u, \"vm_id\": %" PRIu64
		", \"tsc_stop\": %" PRIu64 ", \"tsc_run\": %" PRIu64 ", \"tsc_kick\": %" PRIu64
		", \"tsc_park\": %" PRIu64 ", \"tsc_adopt\": %" PRIu64 ",\n", t->vcpu, t->tsc_khz,
		(uint64_t)t->vm_id, (uint64_t)t->tsc_stop, (uint64_t)t->tsc_run,
		(uint64_t)t->tsc_kick, (uint64_t)t->tsc_park, (uint64_t)t->tsc_adopt);
	fprintf(f, "    \"stray\": %" PRIu64 ", \"fault\": %" PRIu64 ", \"fault_rip\": %" PRIu64
		", \"idle_tsc\": %" PRIu64 ", \"fuel_out\": %" PRIu64 ",\n", (uint64_t)t->stray,
		(uint64_t)t->fault, (uint64_t)t->fault_rip, (uint64_t)t->idle_tsc,
		(uint64_t)t->fuel_out);
	exits_write(f, "exits", t->exits);
	exits_write(f, "gap_exits", t->gap_exits);
	stalls_write(f, t);
	fprintf(f, "  }\n");
	free(t);
}

static uint64_t guest_tsc_offset(struct vm *vm)
{
	uint64_t off = 0;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&off,
	};

	if (ioctl(vm->vcpu.fd, KVM_GET_DEVICE_ATTR, &attr) < 0)
		return 0;
	return off;
}

/**
 * report_write() - write the JSON object
 * @vm: VM
 * @f: where to; the caller looks for write errors
 */
void report_write(struct vm *vm, FILE *f)
{
	fprintf(f, "{\n  \"schema\": 1, \"pid\": %d, \"resumed\": %s, \"with_caretaker\": %s,\n",
		getpid(), vm->resumed ? "true" : "false", vm->caretaker ? "true" : "false");
	fprintf(f, "  \"preserved\": %s, \"detached\": %s, \"vcpu\": \"%s\",\n",
		vm->session ? "true" : "false",
		vm->vcpu.detached ? "true" : "false", end_name[vm->vcpu.ended]);
	host_write(f);
	fprintf(f, "  \"tsc_khz\": %d, \"tsc_offset\": %" PRIu64 ", \"tsc_now\": %" PRIu64 ",\n",
		ioctl(vm->vcpu.fd, KVM_GET_TSC_KHZ, 0), guest_tsc_offset(vm), rdtsc());
	stamps_write(f, &vm->stamps);
	fprintf(f, "  \"stopped_before\": %" PRIu64 ",\n",
		vm->resumed && vm->state ? vm->state->stopped_tsc : 0);
	fprintf(f, "  \"console\": {\"sent\": %" PRIu64 ", \"lost\": %" PRIu64
		", \"replayed\": %" PRIu64 "},\n", vm->serial.sent, vm->serial.lost,
		vm->replayed_bytes);
	fprintf(f, "  \"loops_at_retrieve\": %" PRIu64 ", \"loops_at_adopt\": %" PRIu64 ",\n",
		vm->beat_retrieved, vm->beat_adopt);
	mailbox_write(vm, f);
	info_write(vm, f);
	telemetry_write(vm, f);
	fprintf(f, "}\n");
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
