// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The Caretaker on each vCPU: one payload and one handler set for all of them. The handlers'
 * state is that of the BPF maps, so the vCPUs share it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cvmm.h"

static int payload_open(const char *path, char *why, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		snprintf(why, size, "payload %s: open: %s", path, strerror(errno));
		return -ENOENT;
	}
	return fd;
}

static int handlers_load(struct vm *vm, const char *path, struct caretaker_handlers **h, char *why,
			 size_t size)
{
	static char log[16384];
	int ret;

	*h = NULL;
	if (!path)
		return 0;
	ret = caretaker_handlers_load(path, h, log, sizeof(log));
	if (ret) {
		snprintf(why, size, "handlers %s: load: %s: %.900s", path, strerror(-ret), log);
		return ret;
	}
	handlers_carry(vm, *h);
	ret = caretaker_handlers_attach_log(*h, log, sizeof(log));
	if (!ret)
		return 0;
	snprintf(why, size, "handlers %s: register: %s: %.900s", path, strerror(-ret), log);
	caretaker_handlers_free(*h);
	*h = NULL;
	return ret;
}

/* The pCPUs are the last ones of the host unless the user names others. */
static int pcpu_of(struct vcpu *v, uint32_t *pcpu, char *why, size_t size)
{
	const struct cpu_list *l = &v->vm->opt->pcpu;
	long nr = sysconf(_SC_NPROCESSORS_CONF);

	if (l->nr && v->id >= l->nr) {
		snprintf(why, size, "--pcpu names %u host CPUs, the VM has %u vCPUs: name one each",
			 l->nr, v->vm->nr_vcpus);
		return -EINVAL;
	}
	if (!l->nr && nr <= v->vm->nr_vcpus) {
		snprintf(why, size, "%ld host CPUs are too few: each of %u vCPUs needs one, and the boot CPU stays",
			 nr, v->vm->nr_vcpus);
		return -ENODEV;
	}
	*pcpu = l->nr ? l->cpu[v->id] : nr - v->vm->nr_vcpus + v->id;
	return 0;
}

static int support_check(struct vm *vm, char *why, size_t size)
{
	int abi = caretaker_probe(vm->fd);

	if (abi == KVM_CARETAKER_ABI)
		return 0;
	if (abi > 0)
		snprintf(why, size, "KVM speaks Caretaker ABI %d, cvmm %d: use this kernel's cvmm",
			 abi, KVM_CARETAKER_ABI);
	else
		snprintf(why, size, "this kernel has no Caretaker support: use --no-caretaker");
	return -EOPNOTSUPP;
}

/* What is installed on all vCPUs; @payload_fd -1 keeps the payload. */
struct set {
	int payload_fd;
	struct caretaker_handlers *handlers;
	struct install_times times;
};

static void times_add(struct install_times *t, const struct caretaker_opts *o)
{
	t->verify += o->verify_ns - o->compile_ns;
	t->compile += o->compile_ns;
	t->install += o->install_ns;
}

/* How long the guest waits for its handlers, and where the time goes. */
static void times_note(const struct install_times *t, unsigned int nr_vcpus)
{
	note("handlers: %.1f ms for %u vCPU%s: BPF verifier %.1f, stage 2 %.1f, compilation %.1f, "
	     "installation %.1f; and loading the object %.1f",
	     (double)(t->bpf + t->verify + t->compile + t->install) / 1e6, nr_vcpus,
	     nr_vcpus == 1 ? "" : "s", (double)t->bpf / 1e6, (double)t->verify / 1e6,
	     (double)t->compile / 1e6, (double)t->install / 1e6, (double)(t->load - t->bpf) / 1e6);
}

static int set_apply(struct vcpu *v, struct set *set, char *why, size_t size)
{
	static char log[8192];
	struct caretaker_opts o = {
		.size = sizeof(o),
		.flags = v->vm->opt->isolate ? KVM_CARETAKER_ISOLATE : 0,
		.payload_fd = set->payload_fd,
		.handlers_fd = set->handlers ? caretaker_handlers_fd(set->handlers) : -1,
		.log = log,
		.log_size = sizeof(log),
	};
	int ret = pcpu_of(v, &o.pcpu, why, size);

	if (ret)
		return ret;
	ret = set->payload_fd < 0 ? caretaker_update_handlers(v->fd, &o) :
		caretaker_install(v->fd, &o);
	if (ret)
		snprintf(why, size, "vCPU %u: Caretaker: install on pCPU %u: %s%s%.900s", v->id,
			 o.pcpu, caretaker_strerror(ret), log[0] ? ": " : "", log);
	else
		times_add(&set->times, &o);
	return ret;
}

/* The first @nr vCPUs have a new set, the others do not: back to what was. */
static void set_undo(struct vm *vm, const struct set *set, unsigned int nr)
{
	struct set old = { .payload_fd = -1, .handlers = vm->handlers };
	char why[2048];
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!vm->caretaker)
			caretaker_remove(vm->vcpu[i].fd);
		else if (set->payload_fd >= 0)
			note("vCPU %u: has the new payload already: update again", i);
		else if (set_apply(&vm->vcpu[i], &old, why, sizeof(why)))
			note("%s: it has the new handlers: update again", why);
	}
}

static int set_apply_all(struct vm *vm, struct set *set, char *why, size_t size)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < vm->nr_vcpus; i++) {
		ret = set_apply(&vm->vcpu[i], set, why, size);
		if (ret) {
			set_undo(vm, set, i);
			return ret;
		}
	}
	return 0;
}

/**
 * vm_update() - install or replace payload and handlers of all vCPUs
 * @vm: VM with vCPUs
 * @payload: ELF file; NULL keeps the payload and replaces the handlers alone
 * @handlers: BPF object, NULL for no handlers
 * @why: buffer for the reason of a failure
 * @size: its size
 *
 * Return: 0 or a negative errno; then nothing has changed, but for a new payload that the first
 * vCPUs took and a later one did not: that is on stderr.
 */
int vm_update(struct vm *vm, const char *payload, const char *handlers, char *why, size_t size)
{
	struct set set = { .payload_fd = -1 };
	int ret = support_check(vm, why, size);

	if (!ret)
		ret = handlers_load(vm, handlers, &set.handlers, why, size);
	if (ret)
		return ret;
	if (payload) {
		set.payload_fd = payload_open(payload, why, size);
		if (set.payload_fd < 0) {
			ret = set.payload_fd;
			goto err_free_handlers;
		}
	}
	ret = set_apply_all(vm, &set, why, size);
	if (set.payload_fd >= 0)
		close(set.payload_fd);
	if (ret)
		goto err_free_handlers;
	if (set.handlers) {
		set.times.load = caretaker_handlers_load_ns(set.handlers);
		set.times.bpf = caretaker_handlers_verify_ns(set.handlers);
		times_note(&set.times, vm->nr_vcpus);
	}
	vm->times = set.times;
	handlers_arm(vm, set.handlers);
	handlers_keep(vm, set.handlers);
	caretaker_handlers_free(vm->handlers);
	vm->handlers = set.handlers;
	vm->replay_next = 0;	/* a new set counts from the start, or from its @drained */
	vm->may_carry = false;
	if (vm->caretaker)
		vm->past.updates++;
	vm->caretaker = true;
	return 0;

err_free_handlers:
	caretaker_handlers_free(set.handlers);
	return ret;
}

/**
 * vm_install() - install what the command line names
 * @vm: VM with a vCPU
 * @why: buffer for the reason of a failure
 * @size: its size
 *
 * Return: 0 or a negative errno.
 */
int vm_install(struct vm *vm, char *why, size_t size)
{
	if (!vm->opt->payload)
		return 0;
	return vm_update(vm, vm->opt->payload, vm->opt->handlers, why, size);
}
