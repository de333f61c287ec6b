// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: stage 2 of exit handlers, in KVM_SET_CARETAKER. Looks at what the BPF verifier
 * left of the programs, binds the memory of their global variables and compiles them. See bpf.c.
 */
#include <linux/bpf.h>
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/filter.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "bpf.h"
#include "ctv.h"

static_assert(sizeof(struct ctv_insn) == sizeof(struct bpf_insn));
static_assert(CTV_AX == BPF_REG_AX);
static_assert(CTV_PAGE == PAGE_SIZE);
static_assert(CTV_MAX_BPF_STACK == MAX_BPF_STACK);
static_assert(CTV_VERDICT_FUEL == KVM_CARETAKER_FUEL);

/* Words for a refusal, with the source line when the program came with line information. */
void caretaker_refusal_text(char *buf, size_t size, const struct bpf_prog *prog, const char *class,
			    const struct ctv_refusal *r)
{
	struct ctv_place at = { .class = class, .prog = prog->aux->name };
	const struct bpf_line_info *linfo = NULL;
	struct bpf_linfo_source src;

	if (r->insn != CTV_NONE && prog->aux->btf)
		linfo = bpf_find_linfo(prog, r->insn);
	if (linfo) {
		bpf_get_linfo_source(prog->aux->btf, linfo, &src);
		at.file = src.file;
		at.line = src.line_num;
	}
	ctv_refusal_text(buf, size, &at, r);
}

/**
 * struct handler_build - a handler set on its way
 * @log:	reason of a refusal
 * @h:		what comes out
 * @nr:		programs
 * @bpf:	the programs
 * @progs:	the programs for the passes
 * @maps:	memory for the passes, in the order of @h->maps
 * @kfuncs:	what calls of kernel functions hold
 * @set:	the set for the passes
 */
struct handler_build {
	struct caretaker_log *log;
	struct caretaker_handlers *h;
	u32 nr;
	struct bpf_prog *bpf[KVM_CARETAKER_NR_CLASSES];
	struct ctv_prog progs[KVM_CARETAKER_NR_CLASSES];
	struct ctv_map *maps;
	s32 kfuncs[CTV_NR_KFUNCS];
	struct ctv_set set;
};

static void build_log(struct handler_build *b)
{
	const struct bpf_prog *prog = b->bpf[b->set.bad_prog];
	char text[512];

	if (b->set.refusal.rule == CTV_NR_RULES)
		return;
	caretaker_refusal_text(text, sizeof(text), prog, prog->aux->attach_func_name,
			       &b->set.refusal);
	caretaker_log_printf(b->log, "%s", text);
}

/* What an operator wants to know of a set that was accepted. */
static void build_report(struct handler_build *b)
{
	struct ctv_place at = {};
	char text[256];
	u32 i;

	for (i = 0; i < b->nr; i++) {
		at.class = b->bpf[i]->aux->attach_func_name;
		at.prog = b->bpf[i]->aux->name;
		ctv_report_text(text, sizeof(text), &at, &b->progs[i], b->set.budget);
		caretaker_log_printf(b->log, "%s", text);
	}
	caretaker_log_printf(b->log, "handlers %.16s: digest %*phN\n", b->h->name,
			     (int)sizeof(b->h->digest), b->h->digest);
}

static int build_add_prog(struct bpf_prog *prog, void *data)
{
	struct handler_build *b = data;

	if (b->nr == KVM_CARETAKER_NR_CLASSES)
		return -EINVAL;
	b->bpf[b->nr++] = prog;
	return 0;
}

/* Keys of users are no reason to trust a program. */
static bool build_signed(const struct handler_build *b)
{
	u32 i;

	for (i = 0; i < b->nr; i++) {
		const struct bpf_prog_aux *aux = b->bpf[i]->aux;

		if (aux->sig.verdict != BPF_SIG_VERIFIED ||
		    (aux->sig.keyring_type != BPF_SIG_KEYRING_BUILTIN &&
		     aux->sig.keyring_type != BPF_SIG_KEYRING_SECONDARY))
			return false;
	}
	return b->nr > 0;
}

static u32 func_start(const struct bpf_prog_aux *aux, u32 i)
{
	return aux->func ? aux->func[i]->aux->subprog_start : CTV_NONE;
}

/* Features of a program that its instructions do not show. */
/* What is wrong with a program as a whole is said of its first instruction. */
static int build_check_prog(const struct bpf_prog *prog, struct ctv_refusal *r)
{
	const struct bpf_prog_aux *aux = prog->aux;
	u32 i;

	if (prog->blinded)
		return ctv_refuse(r, CTV_RULE_BLINDED, 0, "%s", "");
	if (prog->sleepable || aux->might_sleep)
		return ctv_refuse(r, CTV_RULE_SLEEP, 0, "%s", "");
	if (aux->exception_cb || aux->exception_boundary || aux->real_func_cnt != aux->func_cnt)
		return ctv_refuse(r, CTV_RULE_FEATURE, 0, "exceptions");
	if (aux->arena)
		return ctv_refuse(r, CTV_RULE_FEATURE, 0, "arena");
	if (aux->tail_call_reachable)
		return ctv_refuse(r, CTV_RULE_FEATURE, 0, "tail calls");
	if (aux->jits_use_priv_stack || aux->priv_stack_requested)
		return ctv_refuse(r, CTV_RULE_FEATURE, 0, "private stack");
	for (i = 1; aux->func_info_aux && i < aux->func_cnt; i++)
		if (aux->func_info_aux[i].linkage == BTF_FUNC_GLOBAL)
			return ctv_refuse(r, CTV_RULE_GLOBAL, func_start(aux, i), "function %u", i);
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

bool caretaker_map_is_ro(const struct bpf_map *map)
{
	return map->map_flags & BPF_F_RDONLY_PROG;
}

void *caretaker_map_value(struct bpf_map *map)
{
	return container_of(map, struct bpf_array, map)->value;
}

/* The first instruction that has the address of a map, or of a value in it */
static u32 map_insn(const struct bpf_prog *prog, struct bpf_map *map)
{
	const struct bpf_insn *insn = prog->insnsi;
	u64 imm, value = 0;
	u32 i;

	if (map->ops->map_direct_value_addr && map->ops->map_direct_value_addr(map, &value, 0))
		value = 0;
	for (i = 0; i + 1 < prog->len; i++) {
		if (insn[i].code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		imm = (u64)(u32)insn[i + 1].imm << 32 | (u32)insn[i].imm;
		if (imm == (unsigned long)map || (value && imm - value < map->value_size))
			return i;
		i++;
	}
	return CTV_NONE;
}

static int build_check_map(const struct bpf_map *map, u32 insn, struct ctv_refusal *r)
{
	if (map->map_type != BPF_MAP_TYPE_ARRAY || map->max_entries != 1)
		return ctv_refuse(r, CTV_RULE_MAPTYPE, insn, "map %s", map->name);
	if (!(map->map_flags & BPF_F_MMAPABLE))
		return ctv_refuse(r, CTV_RULE_MAPMMAP, insn, "map %s", map->name);
	if (!IS_ERR_OR_NULL(map->record))
		return ctv_refuse(r, CTV_RULE_MAPFIELDS, insn, "map %s", map->name);
	/* constants that equal this address would not have been refused at load */
	if (WARN_ON_ONCE(!ctv_is_addr((unsigned long)map)))
		return -EIO;
	if (caretaker_map_is_ro(map) && !READ_ONCE(map->frozen))
		return ctv_refuse(r, CTV_RULE_MAPFROZEN, insn, "map %s", map->name);
	return 0;
}

static int build_add_map(struct handler_build *b, u32 n, struct bpf_map *map)
{
	struct caretaker_handlers *h = b->h;
	struct bpf_map **maps;
	unsigned int i;
	int err;

	for (i = 0; i < h->nr_maps; i++)
		if (h->maps[i] == map)
			return 0;
	err = build_check_map(map, map_insn(b->bpf[n], map), &b->set.refusal);
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
		err = build_add_map(b, n, aux->used_maps[i]);
	mutex_unlock(&aux->used_maps_mutex);
	return err;
}

/* The pages of a map at their place in the layout. */
static void build_map_pages(struct caretaker_handlers *h, struct bpf_map *map, unsigned int at)
{
	unsigned int i, nr = PFN_UP(map->value_size);

	for (i = 0; i < nr; i++)
		h->pages[at + i] = vmalloc_to_page(caretaker_map_value(map) + i * PAGE_SIZE);
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
		if (caretaker_map_is_ro(h->maps[i]))
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
		u32 *at = caretaker_map_is_ro(h->maps[i]) ? &ro : &rw;

		b->maps[i].addr = (unsigned long)caretaker_map_value(h->maps[i]);
		b->maps[i].size = h->maps[i]->value_size;
		b->maps[i].win = *at * PAGE_SIZE;
		*at += PFN_UP(h->maps[i]->value_size);
	}
	return 0;
}

/* Pages of the set's own: code, and behind all state the scratch memory. */
static int build_own_pages(struct caretaker_handlers *h)
{
	unsigned int i, scratch = h->nr_pages - h->nr_scratch;

	for (i = 0; i < h->nr_pages; i++) {
		if (i >= h->nr_text && i < scratch)
			continue;
		h->pages[i] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!h->pages[i])
			return -ENOMEM;
	}
	return 0;
}

static int build_pages(struct handler_build *b)
{
	struct caretaker_handlers *h = b->h;
	unsigned int i;
	int err;

	h->text_size = b->set.text;
	h->nr_text = PFN_UP(h->text_size);
	h->nr_pages = h->nr_text + h->nr_ro + h->nr_rw + h->nr_scratch;
	if (h->nr_pages > CARETAKER_HANDLERS_MAX_PAGES)
		return ctv_refuse(&b->set.refusal, CTV_RULE_SIZE, CTV_NONE, "%u pages of %u",
				  h->nr_pages, CARETAKER_HANDLERS_MAX_PAGES);
	h->pages = kvcalloc(h->nr_pages, sizeof(*h->pages), GFP_KERNEL_ACCOUNT);
	if (!h->pages)
		return -ENOMEM;
	err = build_own_pages(h);
	for (i = 0; i < h->nr_maps && !err; i++)
		build_map_pages(h, h->maps[i], h->nr_text + b->maps[i].win / PAGE_SIZE);
	return err;
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
	vunmap(text);
	return err;
}

/* All members that can be programs are classes, in order. */
u32 caretaker_prog_class(const struct bpf_prog *prog)
{
	return prog->aux->attach_st_ops_member_off / sizeof(void *);
}

static void build_results(struct handler_build *b)
{
	struct caretaker_handlers *h = b->h;
	u32 i, class;

	memset(h->entry_off, 0xff, sizeof(h->entry_off));
	for (i = 0; i < b->nr; i++) {
		class = caretaker_prog_class(b->bpf[i]);
		h->entry_off[class] = b->progs[i].funcs[0].off;
		h->fuel[class] = b->progs[i].fuel;
		h->cost[class] = b->progs[i].cost;
	}
}

static int build_compile(struct handler_build *b, u32 budget)
{
	struct ctv_set *set = &b->set;
	u64 start;
	int err;

	set->progs = b->progs;
	set->nr_progs = b->nr;
	set->maps = b->maps;
	set->nr_maps = b->h->nr_maps;
	set->budget = budget;
	set->kfuncs = b->kfuncs;
	caretaker_kfunc_calls(b->kfuncs);
	err = ctv_set_check(set);
	start = ktime_get_ns();
	set->scratch = (b->h->nr_ro + b->h->nr_rw) * PAGE_SIZE;
	if (set->used & BIT(CTV_KFUNC_SCRATCH))
		b->h->nr_scratch = PFN_UP(CTV_SCRATCH_BYTES);
	if (!err)
		err = ctv_set_size(set);
	if (!err)
		err = build_pages(b);
	if (!err)
		err = build_text(b);
	if (!err)
		build_results(b);
	b->h->compile_ns = ktime_get_ns() - start;
	ctv_set_free(set);
	return err;
}

static int build_set(struct handler_build *b, struct kvm_caretaker_ops *ops, u32 budget)
{
	int err;
	u32 i;

	strscpy_pad(b->h->name, ops->name);
	memcpy(b->h->digest, ops->digest, sizeof(b->h->digest));
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
	else
		build_report(b);
	b->h->signed_bpf = build_signed(b);
	for (i = 0; i < b->nr; i++)
		kvfree(b->progs[i].funcs);
	kvfree(b->maps);
	return err;
}

struct caretaker_handlers *caretaker_handlers_build(struct kvm_caretaker_ops *ops, u32 budget,
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

void caretaker_handlers_destroy(struct caretaker_handlers *h)
{
	unsigned int i;

	if (!h)
		return;
	for (i = 0; h->pages && i < h->nr_pages; i++)
		if (h->pages[i] && (i < h->nr_text || i >= h->nr_pages - h->nr_scratch))
			__free_page(h->pages[i]);
	for (i = 0; i < h->nr_maps; i++)
		bpf_map_put(h->maps[i]);
	kvfree(h->pages);
	kfree(h->maps);
	kfree(h);
}
