// SPDX-License-Identifier: GPL-2.0
/*
 * Operators can load handlers with bpftool: it registers, shows, dumps and unregisters each shipped
 * set, and a VMM installs one by its pinned link. Each case fails without a kernel that knows
 * struct_ops kvm_caretaker_ops.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../bpf-handlers/cpuid.h"
#include "caretaker_test.h"
#include "guest_script.h"
#include "ktap.h"
#include "object.h"

#define OBJECT	"/tmp/handlers.bpf.o"
#define PINS	"/sys/fs/bpf/caretaker"
#define SHIPPED	"handlers/"

static char output[16 * 1024];

/* Runs bpftool: its exit status, and what it printed in @output. */
KTAP_PRINTF(1, 2) static int bpftool(const char *fmt, ...)
{
	char args[512], cmd[600];
	size_t used;
	va_list ap;
	FILE *f;
	int rc;

	va_start(ap, fmt);
	vsnprintf(args, sizeof(args), fmt, ap);
	va_end(ap);
	snprintf(cmd, sizeof(cmd), "bpftool %s 2>&1", args);
	f = popen(cmd, "r");
	if (!f)
		return -errno;
	used = fread(output, 1, sizeof(output) - 1, f);
	output[used] = '\0';
	rc = pclose(f);
	return rc ? 1 : 0;
}

static int object_write(const struct corpus_entry *e)
{
	size_t len = (size_t)(e->end - e->start);
	int fd = open(OBJECT, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, e->start, len);
	close(fd);
	return n == (ssize_t)len ? 0 : -EIO;
}

static const char *set_name(const struct corpus_entry *e)
{
	return strchr(e->name, '/') + 1;
}

static const char *pin_path(const char *set)
{
	static char path[128];

	snprintf(path, sizeof(path), PINS "/%s", set);
	return path;
}

/* The struct_ops map behind a pinned link, as a VMM gets at it. */
static int pinned_map(const char *set)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	int err, link = bpf_obj_get(pin_path(set));

	if (link < 0)
		return link;
	err = bpf_link_get_info_by_fd(link, &info, &len);
	close(link);
	return err ? err : bpf_map_get_fd_by_id(info.struct_ops.map_id);
}

/* RCU frees the map some time after its last user is gone. */
static bool set_gone(const char *set)
{
	unsigned int ms;

	for (ms = 0; ms < 5000; ms += 50) {
		if (bpftool("struct_ops show name %s", set))
			return true;
		sleep_ms(50);
	}
	return false;
}

static enum ktap_result registered(const char *name)
{
	const struct corpus_entry *e = corpus_find(name);

	CHECK(e && !object_write(e), "no object %s", name);
	CHECK(!bpftool("struct_ops register " OBJECT " " PINS), "register: %.900s", output);
	CHECK(strstr(output, "Registered kvm_caretaker_ops"), "register: %.900s", output);
	return KTAP_PASS;
}

static enum ktap_result set_shown(const char *set)
{
	char want[64];

	CHECK(!bpftool("struct_ops show name %s", set), "show: %.900s", output);
	CHECK(strstr(output, set) && strstr(output, "kvm_caretaker_ops"), "show: %.900s", output);
	CHECK(!bpftool("struct_ops dump name %s", set), "dump: %.900s", output);
	snprintf(want, sizeof(want), "\"abi_version\": %u", KVM_CARETAKER_BPF_ABI);
	CHECK(strstr(output, want), "no %s in the dump: %.900s", want, output);
	CHECK(strstr(output, "func_ptr") || strstr(output, "prog_id"), "no program in the dump: %.900s",
	      output);
	return KTAP_PASS;
}

/* A set with a link goes with it: "unregister" is for sets without, and says so. */
static enum ktap_result unregistered(const char *set)
{
	CHECK(bpftool("struct_ops unregister name %s", set), "unregister of a linked set: %.900s",
	      output);
	CHECK(!bpftool("struct_ops show name %s", set), "gone all the same: %.900s", output);
	CHECK(!unlink(pin_path(set)), "%s: %s", pin_path(set), strerror(errno));
	CHECK(set_gone(set), "still there without its link: %.900s", output);
	return KTAP_PASS;
}

static enum ktap_result shipped_set(const struct corpus_entry *e)
{
	enum ktap_result res = registered(e->name);

	if (res == KTAP_PASS)
		res = set_shown(set_name(e));
	if (res == KTAP_PASS)
		res = unregistered(set_name(e));
	return res;
}

static enum ktap_result without_pin(void)
{
	CHECK(!object_write(corpus_find("handlers/uart")), "no object");
	CHECK(!bpftool("struct_ops register " OBJECT), "register: %.900s", output);
	CHECK(set_gone("uart"), "it outlives bpftool without a pin: %.900s", output);
	return KTAP_PASS;
}

static enum ktap_result refused(void)
{
	const struct corpus_entry *e = corpus_find("refuse/helper");
	struct expect x;
	const char *log;

	CHECK(e && !object_write(e), "no object");
	corpus_expect(e, &x);
	klog_mark();
	CHECK(bpftool("struct_ops register " OBJECT " " PINS), "registered: %.900s", output);
	log = klog_since();
	CHECK(strstr(log, x.text), "no \"%s\" in the kernel log: %.900s", x.text, log);
	CHECK(!bpftool("struct_ops show"), "show: %.900s", output);
	CHECK(!strstr(output, "kvm_caretaker_ops"), "left behind: %.900s", output);
	return KTAP_PASS;
}

/* ---- the VMM's side ---- */

static struct kvm_guest guest;

static int install_pinned(const char *set)
{
	struct kvm_caretaker_set a;
	int err;

	caretaker_args(&a);
	a.payload_fd = payload_open();
	a.handlers_fd = pinned_map(set);
	if (a.handlers_fd < 0)
		ktap_diag("%s: %s", pin_path(set), strerror(errno));
	err = caretaker_ioctl_set(&guest, &a);
	close(a.payload_fd);
	if (a.handlers_fd >= 0)
		close(a.handlers_fd);
	return err;
}

/* Whether the handler of set cpuid answers its leaf */
static int handler_answers(bool *yes)
{
	static const struct script_line line = { .op = SCRIPT_CPUID, .a = CARETAKER_CPUID_LEAF };
	int err = script_run(&guest, &line, 1);

	*yes = script_area(&guest)->line[0].out[1] == CARETAKER_CPUID_EBX;
	return err;
}

static enum ktap_result installed(void)
{
	enum ktap_result res = registered("handlers/cpuid");
	bool yes;

	if (res != KTAP_PASS)
		return res;
	CHECK(!pin_to_cpu0() && !guest_create(&guest, &guest_script), "no guest");
	CHECK(!handler_answers(&yes) && !yes, "the leaf is there without a Caretaker");
	CHECK(!install_pinned("cpuid"), "not installed: %s", caretaker_log);
	CHECK(!handler_answers(&yes) && yes, "the handler does not answer");
	return KTAP_PASS;
}

static enum ktap_result outlives_pin(void)
{
	bool yes;

	CHECK(!unlink(pin_path("cpuid")), "%s", strerror(errno));
	sleep_ms(200);
	CHECK(!handler_answers(&yes) && yes, "the handler is gone with its link");
	CHECK(install_pinned("cpuid"), "installed without a link");
	CHECK(!handler_answers(&yes) && yes, "a refused call took the handler away");
	guest_destroy(&guest);
	CHECK(set_gone("cpuid"), "still there without vCPU and link: %.900s", output);
	return KTAP_PASS;
}

static const struct ktap_case more[] = {
	{ "a set that is not pinned ends with bpftool", without_pin },
	{ "a refused object is explained in the kernel log and leaves nothing", refused },
	{ "a vCPU takes a set by its pinned link", installed },
	{ "a vCPU keeps the set without the link", outlives_pin },
};

static bool is_shipped(const struct corpus_entry *e)
{
	return !strncmp(e->name, SHIPPED, strlen(SHIPPED));
}

static const char *missing_here(void)
{
	const char *missing = caretaker_missing();

	return missing || !bpftool("version") ? missing : "there is no bpftool";
}

int main(void)
{
	const char *missing = missing_here();
	const struct corpus_entry *e;
	unsigned int i, n = 0;

	for (e = corpus; e < corpus_end; e++)
		n += is_shipped(e);
	ktap_plan(n + ARRAY_SIZE(more));
	for (e = corpus; e < corpus_end; e++) {
		if (!is_shipped(e))
			continue;
		ktap_skip_reason("%s", missing ? missing : "");
		ktap_result(missing ? KTAP_SKIP : shipped_set(e),
			    "%s: register, show, dump, unregister", set_name(e));
	}
	for (i = 0; i < ARRAY_SIZE(more); i++) {
		ktap_skip_reason("%s", missing ? missing : "");
		ktap_result(missing ? KTAP_SKIP : more[i].run(), "%s", more[i].name);
	}
	return ktap_finish();
}
