// SPDX-License-Identifier: GPL-2.0
/*
 * How long it takes until a vCPU has its handlers, as libcaretaker tells a loader: BPF verifier,
 * stage 2, compilation, installation, and what else loading the object takes (JIT, maps, libbpf).
 * For each shipped set, and for one with all shipped handlers. The times are shown, not judged;
 * that there are all parts, and that they are parts of the whole as it is measured around the
 * calls, is tested.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "caretaker.h"
#include "kvm_guest.h"
#include "ktap.h"
#include "object.h"

#define PAYLOAD	"/caretaker.elf"
#define COPY	"/tmp/set.bpf.o"
#define PCPU	1

struct times {
	uint64_t load;		/* @bpf included */
	uint64_t bpf;
	uint64_t stage2;
	uint64_t compile;
	uint64_t install;
	uint64_t outside;	/* measured around all calls */
};

static struct kvm_guest guest;
static struct times sum;
static char log_text[16384];

static const unsigned char code[] = { 0xf4, 0xeb, 0xfd };	/* hlt; jmp */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int set_install(struct caretaker_handlers *h, struct times *t)
{
	struct caretaker_opts o = {
		.size = sizeof(o), .handlers_fd = caretaker_handlers_fd(h), .pcpu = PCPU,
		.log = log_text, .log_size = sizeof(log_text),
	};
	int err;

	o.payload_fd = open(PAYLOAD, O_RDONLY | O_CLOEXEC);
	if (o.payload_fd < 0)
		return -errno;
	err = caretaker_install(guest.vcpu_fd, &o);
	close(o.payload_fd);
	t->load = caretaker_handlers_load_ns(h);
	t->bpf = caretaker_handlers_verify_ns(h);
	t->stage2 = o.verify_ns - o.compile_ns;
	t->compile = o.compile_ns;
	t->install = o.install_ns;
	return err;
}

static int set_times(const struct corpus_entry *e, struct times *t)
{
	struct caretaker_handlers *h;
	uint64_t start;
	int err = corpus_copy(e, COPY);

	if (err)
		return err;
	start = now_ns();
	err = caretaker_handlers_load(COPY, &h, log_text, sizeof(log_text));
	if (err)
		return err;
	err = caretaker_handlers_attach(h);
	if (!err)
		err = set_install(h, t);
	t->outside = now_ns() - start;
	caretaker_handlers_free(h);
	if (!err)
		caretaker_remove(guest.vcpu_fd);
	return err;
}

static uint64_t times_total(const struct times *t)
{
	return t->load + t->stage2 + t->compile + t->install;
}

static void times_show(const char *name, const struct times *t)
{
	ktap_diag("%s: %.2f ms: BPF verifier %.2f, stage 2 %.2f, compilation %.2f, installation %.2f; loading the object %.2f more",
		  name, (double)(times_total(t) - t->load + t->bpf) / 1e6, (double)t->bpf / 1e6,
		  (double)t->stage2 / 1e6, (double)t->compile / 1e6, (double)t->install / 1e6,
		  (double)(t->load - t->bpf) / 1e6);
}

static void times_add(struct times *to, const struct times *t)
{
	to->load += t->load;
	to->bpf += t->bpf;
	to->stage2 += t->stage2;
	to->compile += t->compile;
	to->install += t->install;
}

static enum ktap_result one(const struct corpus_entry *e)
{
	struct times t = {};
	int err = set_times(e, &t);

	CHECK(!err, "%s: %.900s", strerror(-err), log_text);
	times_show(e->name, &t);
	CHECK(t.bpf && t.load > t.bpf && t.stage2 && t.compile && t.install, "a part is missing");
	/* underflow of a part would make it huge */
	CHECK(t.load <= t.outside && t.stage2 <= t.outside && t.compile <= t.outside &&
	      t.install <= t.outside, "a part is longer than all");
	CHECK(times_total(&t) <= t.outside, "the parts are %llu ns, all calls took %llu",
	      (unsigned long long)times_total(&t), (unsigned long long)t.outside);
	if (strcmp(e->name, "accept/whole"))
		times_add(&sum, &t);
	return KTAP_PASS;
}

static bool is_timed(const struct corpus_entry *e)
{
	return !strncmp(e->name, "handlers/", 9) || !strcmp(e->name, "accept/whole");
}

int main(void)
{
	static const struct guest_code tiny = { .start = code, .end = code + sizeof(code) };
	const struct corpus_entry *e;
	unsigned int nr = 0;
	bool made;

	for (e = corpus; e < corpus_end; e++)
		nr += is_timed(e);
	ktap_plan(nr);
	made = !guest_create(&guest, &tiny) && caretaker_probe(guest.vm_fd) > 0;
	for (e = corpus; e < corpus_end; e++) {
		if (!is_timed(e))
			continue;
		if (!made)
			ktap_skip_reason("no guest, or a kernel without the Caretaker");
		ktap_result(made ? one(e) : KTAP_SKIP, "time until a vCPU has %s, in its parts",
			    e->name);
	}
	times_show("all shipped sets, one after the other", &sum);
	unlink(COPY);
	return ktap_finish();
}
