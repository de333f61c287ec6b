// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: exit handlers as a BPF struct_ops.
 *
 * DOC: handlers
 *
 * An operator's handlers pass two stages. Stage 1 is BPF_PROG_LOAD: the kernel's verifier proves
 * memory safety; no helper is offered and few kfuncs (bpf_kfunc.c), writes to the exit context go
 * through a table, and the instructions are scanned for what the verifier would later rewrite
 * beyond recognition. Stage 2 is KVM_SET_CARETAKER: it scans the very instructions that are
 * compiled, bounds stack and worst-case cost, binds the memory of global variables and compiles
 * (bpf_build.c, ctv_*.c). In between, when a set is made of programs, its digest is found
 * (bpf_digest.c).
 *
 * Creating a link only enters the set in a list, so that the ioctl can find it by the id of its
 * map. Updating a link is stage 2 for all vCPUs that came by it (link.c). The kernel never calls a
 * handler: bpf_struct_ops wants trampolines, nothing uses them.
 *
 * A program may store pointers to the context or to its own state where a guest can read them:
 * whoever may load handlers (CAP_BPF and CAP_PERFMON) may see kernel addresses anyway.
 */
#define pr_fmt(fmt) "kvm_caretaker: " fmt

#include <linux/bpf.h>
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/filter.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>

#include "bpf.h"
#include "ctv.h"

static_assert(offsetof(struct kvm_caretaker_ops, other) ==
	      KVM_CARETAKER_CLASS_OTHER * sizeof(void *));

/**
 * struct handler_link - a struct_ops map that has a link
 * @list:	entry of handler_links
 * @nr:		number of the link, of no other one ever
 * @link:	the link; holds the map
 * @ops:	the kernel's copy of the map's value
 */
struct handler_link {
	struct list_head list;
	u64 nr;
	struct bpf_link *link;
	struct kvm_caretaker_ops *ops;
};

/* Taken within bpf_struct_ops' own update_mutex; takes no other lock. */
static DEFINE_MUTEX(handler_lock);
static LIST_HEAD(handler_links);
static u64 handler_nr;

static const struct btf_type *exit_type;

/* Refusals of stage 1 have no other place to go; who may load programs may fill the log. */
static DEFINE_RATELIMIT_STATE(refusal_limit, 5 * HZ, 100);

#define refusal_print(fmt, ...)						\
	do {								\
		if (__ratelimit(&refusal_limit))			\
			pr_notice(fmt, ##__VA_ARGS__);			\
	} while (0)

/* ---- stage 1: BPF_PROG_LOAD ---- */

static const struct bpf_func_proto *ops_get_func_proto(enum bpf_func_id id,
						       const struct bpf_prog *prog)
{
	return NULL;
}

/* What handlers may write of the exit context. */
static const struct {
	u32 start;
	u32 end;
} exit_writable[] = {
	{ offsetof(struct kvm_caretaker_exit, gpr[KVM_CARETAKER_RAX]),
	  offsetofend(struct kvm_caretaker_exit, gpr[KVM_CARETAKER_RBX]) },
	{ offsetof(struct kvm_caretaker_exit, gpr[KVM_CARETAKER_RBP]),
	  offsetofend(struct kvm_caretaker_exit, gpr[15]) },
	{ offsetof(struct kvm_caretaker_exit, mmio_value),
	  offsetofend(struct kvm_caretaker_exit, mmio_value) },
};

static int ops_btf_struct_access(struct bpf_verifier_log *log, const struct bpf_reg_state *reg,
				 int off, int size)
{
	int i;

	if (btf_type_by_id(reg->btf, reg->btf_id) == exit_type)
		for (i = 0; i < ARRAY_SIZE(exit_writable); i++)
			if (off >= exit_writable[i].start && off + size <= exit_writable[i].end)
				return 0;
	bpf_log(log, "kvm_caretaker: an exit handler may write only gpr[] but gpr[RSP], and mmio_value\n");
	return -EACCES;
}

static const struct bpf_verifier_ops ops_verifier_ops = {
	.get_func_proto		= ops_get_func_proto,
	.is_valid_access	= bpf_tracing_btf_ctx_access,
	.btf_struct_access	= ops_btf_struct_access,
};

static int ops_init(struct btf *btf)
{
	s32 id = btf_find_by_name_kind(btf, "kvm_caretaker_exit", BTF_KIND_STRUCT);

	if (id < 0)
		return id;
	exit_type = btf_type_by_id(btf, id);
	return 0;
}

/*
 * The only hook that sees the instructions as loaded. It has no access to the loader's log, so
 * the reason goes to the kernel's.
 */
static int ops_check_member(const struct btf_type *t, const struct btf_member *member,
			    const struct bpf_prog *prog)
{
	struct ctv_refusal r;
	char text[512];
	int err;

	if (prog->sleepable)
		err = ctv_refuse(&r, CTV_RULE_SLEEP, 0, "%s", "");
	else
		err = ctv_scan_raw((const struct ctv_insn *)prog->insnsi, prog->len,
				   caretaker_kfunc_ids(), &r);
	if (err) {
		caretaker_refusal_text(text, sizeof(text), prog,
				       btf_name_by_offset(prog->aux->attach_btf,
							  member->name_off), &r);
		refusal_print("%s", text);
	}
	return err ? err : caretaker_digest_note(prog);
}

/* ---- the map and its link ---- */

static int ops_init_member(const struct btf_type *t, const struct btf_member *member,
			   void *kdata, const void *udata)
{
	const struct kvm_caretaker_ops *uops = udata;
	struct kvm_caretaker_ops *ops = kdata;

	switch (__btf_member_bit_offset(t, member) / 8) {
	case offsetof(struct kvm_caretaker_ops, abi_version):
		ops->abi_version = uops->abi_version;
		return 1;
	case offsetof(struct kvm_caretaker_ops, flags):
		if (!uops->flags)
			return 1;
		refusal_print("handlers %.16s: unknown flags %#x: they must be zero\n",
			      uops->name, uops->flags);
		return -EINVAL;
	case offsetof(struct kvm_caretaker_ops, name):
		if (strnlen(uops->name, sizeof(uops->name)) == sizeof(uops->name)) {
			refusal_print("handlers %.16s: name too long: %zu characters are the limit\n",
				      uops->name, sizeof(uops->name) - 1);
			return -EINVAL;
		}
		strscpy_pad(ops->name, uops->name);
		return 1;
	}
	return 0;
}

static int ops_validate(void *kdata)
{
	struct kvm_caretaker_ops *ops = kdata;
	void * const *member = kdata;
	int i;

	if (ops->abi_version != KVM_CARETAKER_BPF_ABI) {
		refusal_print("handlers %.16s: written for ABI version %u, this kernel has %u: build them again\n",
			      ops->name, ops->abi_version, KVM_CARETAKER_BPF_ABI);
		return -EPROTONOSUPPORT;
	}
	for (i = 0; i < KVM_CARETAKER_NR_CLASSES; i++)
		if (member[i])
			return caretaker_digest_make(ops);
	refusal_print("handlers %.16s: no handler in the set: fill at least one member\n",
		      ops->name);
	return -EINVAL;
}

static int ops_reg(void *kdata, struct bpf_link *link)
{
	struct handler_link *hl;

	/* without a link the map could be emptied while it is in use */
	if (!link) {
		refusal_print("handlers: the set needs a link: use SEC(\".struct_ops.link\")\n");
		return -EOPNOTSUPP;
	}
	hl = kmalloc_obj(*hl, GFP_KERNEL_ACCOUNT);
	if (!hl)
		return -ENOMEM;
	hl->link = link;
	hl->ops = kdata;
	guard(mutex)(&handler_lock);
	hl->nr = ++handler_nr;
	list_add(&hl->list, &handler_links);
	return 0;
}

static struct handler_link *handler_link_find(const struct bpf_link *link)
{
	struct handler_link *hl;

	list_for_each_entry(hl, &handler_links, list)
		if (hl->link == link)
			return hl;
	return NULL;
}

static void ops_unreg(void *kdata, struct bpf_link *link)
{
	struct handler_link *hl;

	guard(mutex)(&handler_lock);
	hl = handler_link_find(link);
	if (WARN_ON_ONCE(!hl))
		return;
	list_del(&hl->list);
	kfree(hl);
}

/* The link cannot go away: that needs update_mutex. */
static u64 handler_link_move(struct bpf_link *link, void *kdata)
{
	struct handler_link *hl;

	guard(mutex)(&handler_lock);
	hl = handler_link_find(link);
	if (WARN_ON_ONCE(!hl))
		return 0;
	hl->ops = kdata;
	return hl->nr;
}

/*
 * The next KVM_SET_CARETAKER finds the new map, and who was given the old one gets the new one. In
 * this order: an installation that is under way either is seen, or sees that the link has moved.
 */
static int ops_update(void *kdata, void *old_kdata, struct bpf_link *link)
{
	u64 nr = handler_link_move(link, kdata);
	int err = nr ? caretaker_link_update(nr, kdata) : -ENOLINK;

	if (err && nr)
		handler_link_move(link, old_kdata);
	return err;
}

/* Never called; gives control-flow integrity and BTF the type of a handler. */
static int ops__handler(struct kvm_caretaker_exit *exit)
{
	return KVM_CARETAKER_NEXT;
}

static struct kvm_caretaker_ops ops_stubs = {
	.hlt		= ops__handler,
	.cpuid		= ops__handler,
	.rdmsr		= ops__handler,
	.wrmsr		= ops__handler,
	.io		= ops__handler,
	.mmio		= ops__handler,
	.hypercall	= ops__handler,
	.ipi		= ops__handler,
	.timer		= ops__handler,
	.pause		= ops__handler,
	.other		= ops__handler,
};

static struct bpf_struct_ops kvm_caretaker_struct_ops = {
	.verifier_ops	= &ops_verifier_ops,
	.init		= ops_init,
	.check_member	= ops_check_member,
	.init_member	= ops_init_member,
	.validate	= ops_validate,
	.reg		= ops_reg,
	.unreg		= ops_unreg,
	.update		= ops_update,
	.cfi_stubs	= &ops_stubs,
	.name		= "kvm_caretaker_ops",
	.owner		= THIS_MODULE,
};

bool caretaker_is_handler(const struct bpf_prog *prog)
{
	return prog->aux->st_ops == &kvm_caretaker_struct_ops;
}

static int __init caretaker_bpf_init(void)
{
	int err = caretaker_kfunc_init();

	if (!err)
		err = register_bpf_struct_ops(&kvm_caretaker_struct_ops, kvm_caretaker_ops);

	if (err)
		pr_err("exit handlers are not available: registering struct_ops failed: %d\n", err);
	return err;
}
late_initcall(caretaker_bpf_init);

/* ---- KVM_SET_CARETAKER ---- */

/* The kernel's copy of the value of @map, while @map is held, and the link that names it */
static struct kvm_caretaker_ops *handlers_find(const struct bpf_map *map, u64 *link)
{
	struct handler_link *hl;

	guard(mutex)(&handler_lock);
	list_for_each_entry(hl, &handler_links, list)
		if (bpf_struct_ops_id(hl->ops) == map->id) {
			*link = hl->nr;
			return hl->ops;
		}
	return NULL;
}

bool caretaker_link_current(const struct caretaker_handlers *h)
{
	struct handler_link *hl;

	guard(mutex)(&handler_lock);
	list_for_each_entry(hl, &handler_links, list)
		if (hl->nr == h->link)
			return bpf_struct_ops_id(hl->ops) == h->map_id;
	return true;
}

struct caretaker_handlers *caretaker_handlers_create(int map_fd, u32 budget,
						     struct caretaker_log *log)
{
	struct kvm_caretaker_ops *ops;
	struct caretaker_handlers *h;
	struct bpf_map *map;
	u64 link = 0;

	if (budget > CTV_MAX_BUDGET) {
		caretaker_log_printf(log, "handlers: budget %u is over the limit of %u: lower it\n",
				     budget, CTV_MAX_BUDGET);
		return ERR_PTR(-EINVAL);
	}
	map = bpf_map_get(map_fd);
	if (IS_ERR(map)) {
		caretaker_log_printf(log, "handlers: file descriptor %d is no BPF map: pass that of the struct_ops map\n",
				     map_fd);
		return ERR_CAST(map);
	}
	ops = map->map_type == BPF_MAP_TYPE_STRUCT_OPS ? handlers_find(map, &link) : NULL;
	if (ops) {
		h = caretaker_handlers_build(ops, budget, log);
	} else {
		caretaker_log_printf(log, "handlers: map %.16s is no struct kvm_caretaker_ops with a link: load it with SEC(\".struct_ops.link\") and create its link first\n",
				     map->name);
		h = ERR_PTR(-EINVAL);
	}
	if (!IS_ERR(h)) {
		h->link = link;
		h->map_id = map->id;
		h->budget = budget;
	}
	bpf_map_put(map);
	return h;
}
