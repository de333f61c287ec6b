// SPDX-License-Identifier: GPL-2.0
/*
 * Exit handlers that must be refused are refused at the step and with the text that they name
 * themselves; those that must be accepted can be loaded, linked and installed on a vCPU.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../../bpf-handlers/pmtimer.h"
#include "caretaker_test.h"
#include "digest.h"
#include "ktap.h"
#include "object.h"

static struct kvm_guest guest;
static const char *no_guest;	/* why nothing can be installed */
static int payload = -1;

static unsigned int nr_digests;	/* sets whose digest was compared */
static unsigned int nr_whole;	/* refusals whose words were looked at */

static const unsigned char code[] = { 0xf4, 0xeb, 0xfd };	/* hlt; jmp */

static void guest_make(void)
{
	static const struct guest_code tiny = { .start = code, .end = code + sizeof(code) };

	no_guest = caretaker_missing();
	if (no_guest)
		return;
	payload = payload_open();
	if (payload < 0)
		no_guest = "there is no payload";
	else if (pin_to_cpu0() || guest_create(&guest, &tiny))
		no_guest = "the guest cannot be made";
}

static int install(struct handlers *h, unsigned long long *ns)
{
	struct kvm_caretaker_set a;
	int err;

	caretaker_args(&a);
	a.payload_fd = payload;
	a.handlers_fd = bpf_map__fd(h->map);
	err = caretaker_ioctl_set(&guest, &a);
	*ns = a.verify_ns;
	return err;
}

static int install_shown(struct handlers *h)
{
	unsigned long long ns;
	int err = install(h, &ns);

	if (!err)
		ktap_diag("verified and compiled in %llu us: %.*s", ns / 1000,
			  (int)strcspn(caretaker_log, "\n"), caretaker_log);
	return err;
}

static const char *step_of(const char **step, const char *now)
{
	*step = now;
	return now;
}

/* All steps until one is refused: its errno, and its name in @step. */
static int all_steps(struct handlers *h, const struct corpus_entry *e, const char **step)
{
	int err;

	caretaker_log[0] = 0;
	step_of(step, "open");
	err = handlers_open(h, e);
	if (!err && step_of(step, "load"))
		err = handlers_load(h);
	if (!err && step_of(step, "attach"))
		err = handlers_attach(h);
	if (!err && step_of(step, "set"))
		err = no_guest ? -ENODEV : install_shown(h);
	return err;
}

static void show(const struct handlers *h, const char *klog)
{
	ktap_diag("libbpf and the verifier: %.900s", h->log);
	ktap_diag("the kernel: %.900s", klog);
	ktap_diag("the ioctl: %.900s", caretaker_log);
}

/* One rule is about a set as a whole, not about an instruction. */
static bool rule_has_line(const char *rule)
{
	return strcmp(rule, "SIZE");
}

/* "handler io (helper): instruction 0: helper.bpf.c:10: what is wrong [HELPER]: remedy" */
static bool refusal_is_whole(const char *log, const struct expect *x)
{
	unsigned int insn, line, remedy = 0;
	char class[16], prog[32], rule[32];
	const char *at = strstr(log, "handler "), *end;
	int used = 0, place = 0;

	if (!at || sscanf(at, "handler %15s (%31[^)]): %n", class, prog, &used) != 2 || !used)
		return false;
	at += used;
	if (rule_has_line(x->rule) &&
	    (sscanf(at, "instruction %u: %*[a-z0-9_.]:%u: %n", &insn, &line, &place) != 2 ||
	     !place || !line))
		return false;
	at += place;
	snprintf(rule, sizeof(rule), "[%s]: ", x->rule);
	end = strstr(at, rule);
	if (end)
		remedy = (unsigned int)strcspn(end + strlen(rule), "\n");
	return end && end > at && remedy > 10;
}

/* Where the passes, not the BPF verifier, are who refused: that they said all there is to say. */
static bool said_all(const struct expect *x, const char *klog)
{
	const char *log = strstr(klog, x->text) ? klog : caretaker_log;

	if (!strstr(log, x->text) || !strcmp(x->rule, "-") || !strcmp(x->rule, "SET"))
		return true;
	nr_whole++;
	if (refusal_is_whole(log, x))
		return true;
	ktap_diag("program, instruction, source line, rule or remedy is not named");
	return false;
}

static enum ktap_result refused(const struct handlers *h, const struct expect *x, int err,
				const char *step)
{
	const char *klog = klog_since();

	if (!strcmp(step, "set") && no_guest && !strcmp(x->step, "set")) {
		ktap_skip_reason("%s", no_guest);
		return KTAP_SKIP;
	}
	if (err && !strcmp(step, x->step) && said_all(x, klog) &&
	    (strstr(h->log, x->text) || strstr(klog, x->text) || strstr(caretaker_log, x->text)))
		return KTAP_PASS;
	ktap_diag("step %s: %s; wanted a refusal at step %s with \"%s\"", step,
		  err ? strerror(-err) : "accepted", x->step, x->text);
	show(h, klog);
	return KTAP_FAIL;
}

static enum ktap_result accepted(const struct handlers *h, int err, const char *step)
{
	if (!err)
		return KTAP_PASS;
	if (!strcmp(step, "set") && no_guest) {
		ktap_skip_reason("loaded and linked, but %s", no_guest);
		return KTAP_SKIP;
	}
	ktap_diag("step %s: %s", step, strerror(-err));
	show(h, klog_since());
	return KTAP_FAIL;
}

/* The kernel's digest of what is installed is the one that is found without a kernel. */
static enum ktap_result digest_same(const struct corpus_entry *e)
{
	struct kvm_caretaker_info info;
	unsigned char want[sizeof(info.handlers_digest)], zero[sizeof(want)] = { 0 };
	int err = corpus_digest(e, want);

	CHECK(!err, "no digest without a kernel: %s", strerror(-err));
	CHECK(!caretaker_info(&guest, &info), "no information");
	CHECK(memcmp(want, zero, sizeof(want)) &&
	      !memcmp(info.handlers_digest, want, sizeof(want)),
	      "the kernel has the digest %02x%02x..., without a kernel it is %02x%02x...",
	      info.handlers_digest[0], info.handlers_digest[1], want[0], want[1]);
	nr_digests++;
	return KTAP_PASS;
}

static void one(const struct corpus_entry *e)
{
	static struct handlers h;
	enum ktap_result res;
	const char *step;
	struct expect x;
	int err;

	corpus_expect(e, &x);
	klog_mark();
	err = all_steps(&h, e, &step);
	res = x.step ? refused(&h, &x, err, step) : accepted(&h, err, step);
	if (!x.step && !err)
		res = digest_same(e);
	handlers_close(&h);
	if (!err && !no_guest && caretaker_remove(&guest)) {
		ktap_diag("the Caretaker cannot be removed");
		res = KTAP_FAIL;
	}
	ktap_result(res, "%s: %s", x.step ? "refused" : "accepted", e->name);
}

/* Descriptors that are no handler set, for the ioctl. */
static enum ktap_result wrong_fd(int fd, int want, const char *text)
{
	struct kvm_caretaker_set a;
	int err;

	if (no_guest) {
		ktap_skip_reason("%s", no_guest);
		return KTAP_SKIP;
	}
	caretaker_args(&a);
	a.payload_fd = payload;
	a.handlers_fd = fd;
	err = caretaker_ioctl_set(&guest, &a);
	if (err == want && strstr(caretaker_log, text))
		return KTAP_PASS;
	ktap_diag("%s, log \"%s\"; wanted %s, log \"%s\"", strerror(-err), caretaker_log,
		  strerror(-want), text);
	return KTAP_FAIL;
}

/* A set is installed only while it has a link, and stays installed without. */
static enum ktap_result unlinked(void)
{
	static struct handlers h;
	enum ktap_result res = KTAP_FAIL;
	int err;

	if (no_guest) {
		ktap_skip_reason("%s", no_guest);
		return KTAP_SKIP;
	}
	err = handlers_open(&h, corpus_find("handlers/template"));
	if (!err)
		err = handlers_load(&h);
	if (!err)
		res = wrong_fd(bpf_map__fd(h.map), -EINVAL, "create its link first");
	handlers_close(&h);
	return res;
}

static enum ktap_result wrong_map(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "array", 4, 8, 1, NULL);
	enum ktap_result res = wrong_fd(fd, -EINVAL, "no struct kvm_caretaker_ops");

	close(fd);
	return res;
}

static int jit_harden(const char *value)
{
	int fd = open("/proc/sys/net/core/bpf_jit_harden", O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, value, 1);
	close(fd);
	return n == 1 ? 0 : -EIO;
}

/* Programs whose constants were blinded are not what the operator wrote. */
static enum ktap_result blinded(void)
{
	static struct handlers h;
	enum ktap_result res = KTAP_FAIL;
	int err;

	if (no_guest || jit_harden("2")) {
		ktap_skip_reason("%s", no_guest ? no_guest : "there is no net.core.bpf_jit_harden");
		return KTAP_SKIP;
	}
	err = handlers_open(&h, corpus_find("handlers/template"));
	if (!err)
		err = handlers_load(&h);
	if (!err)
		err = handlers_attach(&h);
	if (!err)
		res = wrong_fd(bpf_map__fd(h.map), -EOPNOTSUPP, "constants were blinded");
	handlers_close(&h);
	jit_harden("0");
	return res;
}

/* What was checked cannot be changed: the set is closed from its first update on. */
static enum ktap_result changed_after_load(void)
{
	static const char value[4096];
	static struct handlers h;
	enum ktap_result res = KTAP_FAIL;
	__u32 zero = 0;
	int err;

	err = handlers_open(&h, corpus_find("handlers/template"));
	if (!err)
		err = handlers_load(&h);
	if (!err)
		err = handlers_attach(&h);
	if (!err) {
		err = bpf_map_update_elem(bpf_map__fd(h.map), &zero, value, 0);
		ktap_diag("update of a linked set: %s", err ? strerror(-err) : "accepted");
		res = err == -EBUSY ? KTAP_PASS : KTAP_FAIL;
	}
	handlers_close(&h);
	return res;
}

static int digest_of(struct kvm_caretaker_info *info, void (*change)(void *constants))
{
	static struct handlers h;
	unsigned long long ns;
	size_t size;
	int err;

	err = handlers_open(&h, corpus_find("handlers/pmtimer"));
	if (!err && change)
		change(bpf_map__initial_value(bpf_object__find_map_by_name(h.obj, ".rodata"),
					      &size));
	if (!err)
		err = handlers_load(&h);
	if (!err)
		err = handlers_attach(&h);
	if (!err)
		err = install(&h, &ns);
	if (!err)
		err = caretaker_info(&guest, info);
	handlers_close(&h);
	return err;
}

static void change_last_bit(void *constants)
{
	((struct caretaker_pmtimer_config *)constants)->base_count ^= 1;
}

/* Variables of several sections are where the object's types say, found without a kernel. */
static enum ktap_result state_by_types(void)
{
	static const struct {
		const char *section, *name;
		unsigned long long value;
	} vars[] = { { ".bss", "a", 11 }, { ".data", "b", 22 }, { ".data.more", "d", 33 } };
	const struct corpus_entry *e = corpus_find("accept/several_sections");
	static char state[16384];
	static struct handlers h;
	struct kvm_caretaker_get g = {
		.size = sizeof(g), .what = KVM_CARETAKER_GET_STATE, .buf = (unsigned long)state,
		.len = sizeof(state),
	};
	unsigned long long ns, number;
	unsigned int i;
	size_t size;

	if (no_guest)
		SKIP("%s", no_guest);
	CHECK(!handlers_open(&h, e) && !handlers_load(&h) && !handlers_attach(&h), "not loaded");
	for (i = 0; i < ARRAY_SIZE(vars); i++)
		memcpy(bpf_map__initial_value(bpf_object__find_map_by_name(h.obj, vars[i].section),
					      &size), &vars[i].value, 8);
	CHECK(!install(&h, &ns), "not installed: %s", caretaker_log);
	CHECK(!ioctl(guest.vcpu_fd, KVM_GET_CARETAKER, &g), "no state: %s", strerror(errno));
	for (i = 0; i < ARRAY_SIZE(vars); i++)
		CHECK(!corpus_state(e, state, sizeof(state), vars[i].name, &number) &&
		      number == vars[i].value, "%s: %llu", vars[i].name, number);
	handlers_close(&h);
	CHECK(!caretaker_remove(&guest), "the Caretaker cannot be removed");
	return KTAP_PASS;
}

/* The same set with one bit of its constants changed by its loader is another one. */
static enum ktap_result constants_count(void)
{
	struct kvm_caretaker_info plain, changed, again;

	if (no_guest) {
		ktap_skip_reason("%s", no_guest);
		return KTAP_SKIP;
	}
	CHECK(!digest_of(&plain, NULL) && !digest_of(&changed, change_last_bit) &&
	      !digest_of(&again, NULL), "not installed: %s", caretaker_log);
	CHECK(memcmp(plain.handlers_digest, changed.handlers_digest, 32), "the same digest");
	CHECK(!memcmp(plain.handlers_digest, again.handlers_digest, 32), "another digest");
	caretaker_remove(&guest);
	return KTAP_PASS;
}

/* ---- a link that is moved between two sets, over and over, while they are installed ---- */

static struct handlers race[2];
static volatile bool race_over;
static unsigned long race_moves;

static void *race_thread(void *arg)
{
	for (; !race_over; race_moves++)
		if (bpf_link__update_map(race[0].link, race[(race_moves + 1) & 1].map))
			return (void *)(long)errno;
	return NULL;
}

static int race_load(void)
{
	int err = handlers_open(&race[0], corpus_find("handlers/template"));

	if (!err)
		err = handlers_load(&race[0]);
	if (!err)
		err = handlers_open(&race[1], corpus_find("handlers/cpuid"));
	if (!err)
		err = handlers_load(&race[1]);
	return err ? err : handlers_attach(&race[0]);
}

/* Each is either the one that is linked just then, or refused for not being it. */
static enum ktap_result race_installs(void)
{
	unsigned int i, installed = 0;
	unsigned long long ns;
	int err;

	for (i = 0; i < 200; i++) {
		err = install(&race[i & 1], &ns);
		if (err && (err != -EINVAL || !strstr(caretaker_log, "create its link first"))) {
			ktap_diag("%s: %s", strerror(-err), caretaker_log);
			return KTAP_FAIL;
		}
		installed += !err;
	}
	ktap_diag("%u of %u installed, the link was moved %lu times", installed, i, race_moves);
	return installed && race_moves ? KTAP_PASS : KTAP_FAIL;
}

static enum ktap_result link_moved(void)
{
	enum ktap_result res = KTAP_FAIL;
	pthread_t thread;
	void *err = NULL;

	if (no_guest) {
		ktap_skip_reason("%s", no_guest);
		return KTAP_SKIP;
	}
	if (!race_load() && !pthread_create(&thread, NULL, race_thread, NULL)) {
		res = race_installs();
		race_over = true;
		pthread_join(thread, &err);
		if (err) {
			ktap_diag("moving the link: %s", strerror((int)(long)err));
			res = KTAP_FAIL;
		}
	}
	handlers_close(&race[0]);
	handlers_close(&race[1]);
	caretaker_remove(&guest);
	return res;
}

int main(void)
{
	const struct corpus_entry *e;
	int devnull;

	ktap_plan((unsigned int)(corpus_end - corpus) + 9);
	guest_make();
	for (e = corpus; e < corpus_end; e++)
		one(e);
	ktap_diag("%u refusals name program, line, rule and remedy", nr_whole);
	devnull = dup(STDIN_FILENO);
	ktap_result(wrong_fd(9999, -EBADF, "no BPF map"), "refused: closed descriptor");
	ktap_result(wrong_fd(devnull, -EINVAL, "no BPF map"), "refused: descriptor of a file");
	ktap_result(wrong_map(), "refused: array map");
	ktap_result(unlinked(), "refused: set without a link");
	ktap_result(blinded(), "refused: programs with blinded constants");
	ktap_result(changed_after_load(), "refused: a change of a set that is linked");
	ktap_diag("%u digests compared", nr_digests);
	ktap_result(constants_count(), "a constant that the loader sets is part of the digest");
	ktap_result(state_by_types(), "the state of several sections is decoded by the object's types");
	ktap_result(link_moved(), "installing races with a link that is moved between sets");
	return ktap_finish();
}
