// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: exit handlers as a BPF struct_ops.
 *
 * DOC: handlers
 *
 * An operator's handlers pass two stages. Stage 1 is BPF_PROG_LOAD: the kernel's verifier proves
 * memory safety; no helper is offered, writes to the exit context go through a table, and the
 * instructions are scanned for what the verifier would later rewrite beyond recognition. Stage 2
 * is KVM_SET_CARETAKER: it scans the very instructions that are compiled, bounds stack and
 * worst-case cost, binds the memory of global variables and compiles (ctv_*.c).
 *
 * Creating a link only enters the set in a list, so that the ioctl can find it by the id of its
 * map. The kernel never calls a handler: bpf_struct_ops wants trampolines, nothing uses them.
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
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <crypto/sha2.h>

#include "bpf.h"
#include "ctv.h"

static_assert(sizeof(struct ctv_insn) == sizeof(struct bpf_insn));
static_assert(CTV_AX == BPF_REG_AX);
static_assert(CTV_PAGE == PAGE_SIZE);
static_assert(CTV_MAX_BPF_STACK == MAX_BPF_STACK);
static_assert(CTV_VERDICT_FUEL == KVM_CARETAKER_FUEL);
static_assert(offsetof(struct kvm_caretaker_ops, other) ==
	      KVM_CARETAKER_CLASS_OTHER * sizeof(void *));

/**
 * struct handler_link - a struct_ops map that has a link
 * @list:	entry of handler_links
 * @link:	the link; holds the map
 * @ops:	the kernel's copy of the map's value
 */
struct handler_link {
	struct list_head list;
	struct bpf_link *link;
	struct kvm_caretaker_ops *ops;
};

/* Taken within bpf_struct_ops' own update_mutex; takes no other lock. */
static DEFINE_MUTEX(handler_lock);
static LIST_HEAD(handler_links);

static const struct btf_type *exit_type;

/* Refusals of stage 1 have no other place to go; who may load programs may fill the log. */
static DEFINE_RATELIMIT_STATE(refusal_limit, 5 * HZ, 100);

#define refusal_print(fmt, ...)						\
	do {								\
		if (__ratelimit(&refusal_limit))			\
			pr_notice(fmt, ##__VA_ARGS__);			\
	} while (0)

/* Words for a refusal: what, where in the source, which rule, and what to do. */
static int refusal_text(char *buf, size_t size, const struct bpf_prog *prog, const char *class,
			const struct ctv_refusal *r)
{
	const struct bpf_line_info *linfo = NULL;
	struct bpf_linfo_source src;
	int n;

	n = scnprintf(buf, size, "handler %s (%s): ", class, prog->aux->name);
	if (r->insn != CTV_NONE)
		n += scnprintf(buf + n, size - n, "instruction %u: ", r->insn);
	if (r->insn != CTV_NONE && prog->aux->btf)
		linfo = bpf_find_linfo(prog, r->insn);
	if (linfo) {
		bpf_get_linfo_source(prog->aux->btf, linfo, &src);
		n += scnprintf(buf + n, size - n, "%s:%d: ", src.file, src.line_num);
	}
	n += scnprintf(buf + n, size - n, "%s", ctv_rule_text(r->rule));
	if (r->detail[0])
		n += scnprintf(buf + n, size - n, " (%s)", r->detail);
	return n + scnprintf(buf + n, size - n, " [%s]: %s\n", ctv_rule_name(r->rule),
			     ctv_rule_remedy(r->rule));
}

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
};

static int ops_btf_struct_access(struct bpf_verifier_log *log, const struct bpf_reg_state *reg,
				 int off, int size)
{
	int i;

	if (btf_type_by_id(reg->btf, reg->btf_id) == exit_type)
		for (i = 0; i < ARRAY_SIZE(exit_writable); i++)
			if (off >= exit_writable[i].start && off + size <= exit_writable[i].end)
				return 0;
	bpf_log(log, "kvm_caretaker: an exit handler may write only gpr[] but gpr[RSP]\n");
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
		err = ctv_refuse(&r, CTV_RULE_SLEEP, CTV_NONE, "%s", "");
	else
		err = ctv_scan_raw((const struct ctv_insn *)prog->insnsi, prog->len, &r);
	if (err) {
		refusal_text(text, sizeof(text), prog,
			     btf_name_by_offset(prog->aux->attach_btf, member->name_off), &r);
		refusal_print("%s", text);
	}
	return err;
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
		if (strnlen(uops->name, sizeof(uops->name)) == sizeof(uops->name))
			return -EINVAL;
		strscpy_pad(ops->name, uops->name);
		return 1;
	}
	return 0;
}

static int ops_validate(void *kdata)
{
	const struct kvm_caretaker_ops *ops = kdata;
	void * const *member = kdata;
	int i;

	if (ops->abi_version != KVM_CARETAKER_BPF_ABI) {
		refusal_print("handlers %.16s: written for ABI version %u, this kernel has %u: build them again\n",
			      ops->name, ops->abi_version, KVM_CARETAKER_BPF_ABI);
		return -EPROTONOSUPPORT;
	}
	for (i = 0; i < KVM_CARETAKER_NR_CLASSES; i++)
		if (member[i])
			return 0;
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

/* VMs keep what they were given; the next KVM_SET_CARETAKER finds the new map. */
static int ops_update(void *kdata, void *old_kdata, struct bpf_link *link)
{
	struct handler_link *hl;

	guard(mutex)(&handler_lock);
	hl = handler_link_find(link);
	if (WARN_ON_ONCE(!hl))
		return -ENOLINK;
	hl->ops = kdata;
	return 0;
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

static int __init caretaker_bpf_init(void)
{
	int err = register_bpf_struct_ops(&kvm_caretaker_struct_ops, kvm_caretaker_ops);

	if (err)
		pr_err("exit handlers are not available: registering struct_ops failed: %d\n", err);
	return err;
}
late_initcall(caretaker_bpf_init);

/* ---- stage 2: KVM_SET_CARETAKER ---- */

/**
 * struct handler_build - a handler set on its way
 * @log:	reason of a refusal
 * @h:		what comes out
 * @nr:		programs
 * @bpf:	the programs
 * @progs:	the programs for the passes
 * @maps:	memory for the passes, in the order of @h->maps
 * @set:	the set for the passes
 */
struct handler_build {
	struct caretaker_log *log;
	struct caretaker_handlers *h;
	u32 nr;
	struct bpf_prog *bpf[KVM_CARETAKER_NR_CLASSES];
	struct ctv_prog progs[KVM_CARETAKER_NR_CLASSES];
	struct ctv_map *maps;
	struct ctv_set set;
};

static void build_log(struct handler_build *b)
{
	const struct bpf_prog *prog = b->bpf[b->set.bad_prog];
	char text[512];

	if (b->set.refusal.rule == CTV_NR_RULES)
		return;
	refusal_text(text, sizeof(text), prog, prog->aux->attach_func_name, &b->set.refusal);
	caretaker_log_printf(b->log, "%s", text);
}

static int build_add_prog(struct bpf_prog *prog, void *data)
{
	struct handler_build *b = data;

	if (b->nr == KVM_CARETAKER_NR_CLASSES)
		return -EINVAL;
	b->bpf[b->nr++] = prog;
	return 0;
}

/* Features of a program that its instructions do not show. */
static int build_check_prog(const struct bpf_prog *prog, struct ctv_refusal *r)
{
	const struct bpf_prog_aux *aux = prog->aux;
	u32 i;

	if (prog->blinded)
		return ctv_refuse(r, CTV_RULE_BLINDED, CTV_NONE, "%s", "");
	if (prog->sleepable || aux->might_sleep)
		return ctv_refuse(r, CTV_RULE_SLEEP, CTV_NONE, "%s", "");
	if (aux->exception_cb || aux->exception_boundary || aux->real_func_cnt != aux->func_cnt)
		return ctv_refuse(r, CTV_RULE_FEATURE, CTV_NONE, "exceptions");
	if (aux->arena)
		return ctv_refuse(r, CTV_RULE_FEATURE, CTV_NONE, "arena");
	if (aux->tail_call_reachable)
		return ctv_refuse(r, CTV_RULE_FEATURE, CTV_NONE, "tail calls");
	if (aux->jits_use_priv_stack || aux->priv_stack_requested)
		return ctv_refuse(r, CTV_RULE_FEATURE, CTV_NONE, "private stack");
	for (i = 1; aux->func_info_aux && i < aux->func_cnt; i++)
		if (aux->func_info_aux[i].linkage == BTF_FUNC_GLOBAL)
			return ctv_refuse(r, CTV_RULE_GLOBAL, CTV_NONE, "function %u", i);
	return 0;
}

static int build_funcs(struct handler_build *b, u32 n)
{
	const struct bpf_prog *prog = b->bpf[n];
	const struct bpf_prog_aux *aux = prog->aux;
	struct ctv_prog *p = &b->progs[n];
	u32 i;

	p->insns = (const struct ctv_insn *)prog->insnsi;
	p->len = prog->len;
	p->nr_funcs = aux->func ? aux->func_cnt : 1;
	p->funcs = kvcalloc(p->nr_funcs, sizeof(*p->funcs), GFP_KERNEL_ACCOUNT);
	if (!p->funcs)
		return -ENOMEM;
	if (!aux->func) {
		p->funcs[0].len = prog->len;
		p->funcs[0].stack = aux->stack_depth;
		return 0;
	}
	for (i = 0; i < p->nr_funcs; i++) {
		p->funcs[i].start = aux->func[i]->aux->subprog_start;
		p->funcs[i].len = aux->func[i]->len;
		p->funcs[i].stack = aux->func[i]->aux->stack_depth;
	}
	return 0;
}

static bool map_is_ro(const struct bpf_map *map)
{
	return map->map_flags & BPF_F_RDONLY_PROG;
}

static void *map_value(struct bpf_map *map)
{
	return container_of(map, struct bpf_array, map)->value;
}

static int build_check_map(const struct bpf_map *map, struct ctv_refusal *r)
{
	if (map->map_type != BPF_MAP_TYPE_ARRAY || map->max_entries != 1)
		return ctv_refuse(r, CTV_RULE_MAPTYPE, CTV_NONE, "map %s", map->name);
	if (!(map->map_flags & BPF_F_MMAPABLE))
		return ctv_refuse(r, CTV_RULE_MAPMMAP, CTV_NONE, "map %s", map->name);
	if (!IS_ERR_OR_NULL(map->record))
		return ctv_refuse(r, CTV_RULE_MAPFIELDS, CTV_NONE, "map %s", map->name);
	/* constants that equal this address would not have been refused at load */
	if (WARN_ON_ONCE(!ctv_is_addr((unsigned long)map)))
		return -EIO;
	if (map_is_ro(map) && !READ_ONCE(map->frozen))
		return ctv_refuse(r, CTV_RULE_MAPFROZEN, CTV_NONE, "map %s", map->name);
	return 0;
}

static int build_add_map(struct handler_build *b, struct bpf_map *map)
{
	struct caretaker_handlers *h = b->h;
	struct bpf_map **maps;
	unsigned int i;
	int err;

	for (i = 0; i < h->nr_maps; i++)
		if (h->maps[i] == map)
			return 0;
	err = build_check_map(map, &b->set.refusal);
	if (err)
		return err;
	maps = krealloc_array(h->maps, h->nr_maps + 1, sizeof(*maps), GFP_KERNEL_ACCOUNT);
	if (!maps)
		return -ENOMEM;
	h->maps = maps;
	bpf_map_inc(map);
	h->maps[h->nr_maps++] = map;
	return 0;
}

static int build_prog_maps(struct handler_build *b, u32 n)
{
	struct bpf_prog_aux *aux = b->bpf[n]->aux;
	int err = 0;
	u32 i;

	mutex_lock(&aux->used_maps_mutex);
	for (i = 0; i < aux->used_map_cnt && !err; i++)
		err = build_add_map(b, aux->used_maps[i]);
	mutex_unlock(&aux->used_maps_mutex);
	return err;
}

/* The pages of a map at their place in the layout. */
static void build_map_pages(struct caretaker_handlers *h, struct bpf_map *map, unsigned int at)
{
	unsigned int i, nr = PFN_UP(map->value_size);

	for (i = 0; i < nr; i++)
		h->pages[at + i] = vmalloc_to_page(map_value(map) + i * PAGE_SIZE);
}

static int build_maps(struct handler_build *b)
{
	struct caretaker_handlers *h = b->h;
	u64 pages = 0;
	unsigned int i;
	u32 ro = 0, rw;

	b->maps = kvcalloc(max(h->nr_maps, 1U), sizeof(*b->maps), GFP_KERNEL_ACCOUNT);
	if (!b->maps)
		return -ENOMEM;
	for (i = 0; i < h->nr_maps; i++) {
		pages += PFN_UP(h->maps[i]->value_size);
		if (map_is_ro(h->maps[i]))
			ro += PFN_UP(h->maps[i]->value_size);
	}
	if (pages > CARETAKER_HANDLERS_MAX_PAGES)
		return ctv_refuse(&b->set.refusal, CTV_RULE_SIZE, CTV_NONE,
				  "%llu pages of state of %u", pages, CARETAKER_HANDLERS_MAX_PAGES);
	h->nr_ro = ro;
	h->nr_rw = pages - ro;
	rw = ro;
	ro = 0;
	for (i = 0; i < h->nr_maps; i++) {
		u32 *at = map_is_ro(h->maps[i]) ? &ro : &rw;

		b->maps[i].addr = (unsigned long)map_value(h->maps[i]);
		b->maps[i].size = h->maps[i]->value_size;
		b->maps[i].win = *at * PAGE_SIZE;
		*at += PFN_UP(h->maps[i]->value_size);
	}
	return 0;
}

static int build_pages(struct handler_build *b)
{
	struct caretaker_handlers *h = b->h;
	unsigned int i;

	h->text_size = b->set.text;
	h->nr_text = PFN_UP(h->text_size);
	h->nr_pages = h->nr_text + h->nr_ro + h->nr_rw;
	if (h->nr_pages > CARETAKER_HANDLERS_MAX_PAGES)
		return ctv_refuse(&b->set.refusal, CTV_RULE_SIZE, CTV_NONE, "%u pages of %u",
				  h->nr_pages, CARETAKER_HANDLERS_MAX_PAGES);
	h->pages = kvcalloc(h->nr_pages, sizeof(*h->pages), GFP_KERNEL_ACCOUNT);
	if (!h->pages)
		return -ENOMEM;
	for (i = 0; i < h->nr_text; i++) {
		h->pages[i] = alloc_page(GFP_KERNEL_ACCOUNT);
		if (!h->pages[i])
			return -ENOMEM;
	}
	for (i = 0; i < h->nr_maps; i++)
		build_map_pages(h, h->maps[i], h->nr_text + b->maps[i].win / PAGE_SIZE);
	return 0;
}

static int build_text(struct handler_build *b)
{
	struct caretaker_handlers *h = b->h;
	void *text;
	int err;

	text = vmap(h->pages, h->nr_text, VM_MAP, PAGE_KERNEL);
	if (!text)
		return -ENOMEM;
	memset(text, 0xcc, h->nr_text * PAGE_SIZE);
	err = ctv_set_emit(&b->set, text);
	sha256(text, h->text_size, h->digest);
	vunmap(text);
	return err;
}

/* All members that can be programs are classes, in order. */
static u32 prog_class(const struct bpf_prog *prog)
{
	return prog->aux->attach_st_ops_member_off / sizeof(void *);
}

static void build_results(struct handler_build *b)
{
	struct caretaker_handlers *h = b->h;
	u32 i, class;

	memset(h->entry_off, 0xff, sizeof(h->entry_off));
	for (i = 0; i < b->nr; i++) {
		class = prog_class(b->bpf[i]);
		h->entry_off[class] = b->progs[i].funcs[0].off;
		h->fuel[class] = b->progs[i].fuel;
		h->cost[class] = b->progs[i].cost;
	}
}

static int build_compile(struct handler_build *b, u32 budget)
{
	struct ctv_set *set = &b->set;
	int err;

	set->progs = b->progs;
	set->nr_progs = b->nr;
	set->maps = b->maps;
	set->nr_maps = b->h->nr_maps;
	set->budget = budget;
	err = ctv_set_check(set);
	if (!err)
		err = ctv_set_size(set);
	if (!err)
		err = build_pages(b);
	if (!err)
		err = build_text(b);
	if (!err)
		build_results(b);
	ctv_set_free(set);
	return err;
}

static int build_set(struct handler_build *b, struct kvm_caretaker_ops *ops, u32 budget)
{
	int err;
	u32 i;

	strscpy_pad(b->h->name, ops->name);
	b->set.refusal.rule = CTV_NR_RULES;
	err = bpf_struct_ops_for_each_prog(ops, build_add_prog, b);
	for (i = 0; i < b->nr && !err; i++) {
		b->set.bad_prog = i;
		err = build_check_prog(b->bpf[i], &b->set.refusal);
		if (!err)
			err = build_funcs(b, i);
		if (!err)
			err = build_prog_maps(b, i);
	}
	if (!err)
		err = build_maps(b);
	if (!err)
		err = build_compile(b, budget);
	if (err)
		build_log(b);
	for (i = 0; i < b->nr; i++)
		kvfree(b->progs[i].funcs);
	kvfree(b->maps);
	return err;
}

/* The kernel's copy of the value of @map, while @map is held. */
static struct kvm_caretaker_ops *handlers_find(const struct bpf_map *map)
{
	struct handler_link *hl;

	guard(mutex)(&handler_lock);
	list_for_each_entry(hl, &handler_links, list)
		if (bpf_struct_ops_id(hl->ops) == map->id)
			return hl->ops;
	return NULL;
}

static struct caretaker_handlers *handlers_build(struct kvm_caretaker_ops *ops, u32 budget,
						 struct caretaker_log *log)
{
	struct caretaker_handlers *h;
	struct handler_build *b;
	int err = -ENOMEM;

	b = kvzalloc_obj(*b, GFP_KERNEL_ACCOUNT);
	h = kzalloc_obj(*h, GFP_KERNEL_ACCOUNT);
	if (b && h) {
		b->log = log;
		b->h = h;
		err = build_set(b, ops, budget);
	}
	kvfree(b);
	if (!err)
		return h;
	if (err == -ENOMEM)
		caretaker_log_printf(log, "handlers %.16s: out of memory\n", ops->name);
	caretaker_handlers_destroy(h);
	return ERR_PTR(err);
}

struct caretaker_handlers *caretaker_handlers_create(int map_fd, u32 budget,
						     struct caretaker_log *log)
{
	struct kvm_caretaker_ops *ops;
	struct caretaker_handlers *h;
	struct bpf_map *map;

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
	ops = map->map_type == BPF_MAP_TYPE_STRUCT_OPS ? handlers_find(map) : NULL;
	if (ops) {
		h = handlers_build(ops, budget, log);
	} else {
		caretaker_log_printf(log, "handlers: map %.16s is no struct kvm_caretaker_ops with a link: load it with SEC(\".struct_ops.link\") and create its link first\n",
				     map->name);
		h = ERR_PTR(-EINVAL);
	}
	bpf_map_put(map);
	return h;
}

void caretaker_handlers_destroy(struct caretaker_handlers *h)
{
	unsigned int i;

	if (!h)
		return;
	for (i = 0; h->pages && i < h->nr_text; i++)
		if (h->pages[i])
			__free_page(h->pages[i]);
	for (i = 0; i < h->nr_maps; i++)
		bpf_map_put(h->maps[i]);
	kvfree(h->pages);
	kfree(h->maps);
	kfree(h);
}
