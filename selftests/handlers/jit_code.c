// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "jit_code.h"

#define PAGE		4096UL
#define IMAGE_MAX	(4UL << 20)	/* the JIT packs programs into 2 MiB pages */
#define MAX_FUNCS	16
#define MAX_MAPS	8
#define STEPS_MAX	1000000

int code_problem(struct code_set *s, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->problem, sizeof(s->problem), fmt, ap);
	va_end(ap);
	return err;
}

/* ---- the Caretaker's code ---- */

static int ours_compile(struct code_set *s)
{
	size_t text;
	int err = ctv_set_size(&s->o.set);

	if (err)
		return err;
	text = ctv_align(s->o.set.text, CTV_PAGE);
	s->text = mmap(NULL, text + s->o.state_pages * PAGE + CTV_SCRATCH_BYTES,
		       PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->text == MAP_FAILED)
		return -ENOMEM;
	s->memory = s->text + text;
	s->scratch = s->memory + s->o.state_pages * PAGE;
	err = ctv_set_emit(&s->o.set, s->text);
	if (!err && mprotect(s->text, text, PROT_READ | PROT_EXEC))
		err = -errno;
	return err;
}

static int ours_open(struct code_set *s, const struct corpus_entry *e)
{
	char words[256];
	int err = object_open_mem(&s->o, e->start, (size_t)(e->end - e->start));

	if (!err)
		err = code_take_xlated(s);
	if (err && s->problem[0])
		return err;
	if (!err)
		err = object_check(&s->o);
	if (!err)
		err = ours_compile(s);
	if (!err)
		return 0;
	words[0] = 0;
	if (s->o.set.refusal.rule < CTV_NR_RULES)
		object_refusal_text(&s->o, words, sizeof(words));
	return code_problem(s, err, "the Caretaker's passes: %.60s%.60s", s->o.problem, words);
}

void *code_set_section(struct code_set *s, const char *name, size_t *size)
{
	u32 i;

	for (i = 0; i < s->o.set.nr_maps; i++) {
		if (strcmp(s->o.map_names[i], name))
			continue;
		*size = s->o.maps[i].size;
		return s->memory + s->o.maps[i].win;
	}
	return NULL;
}

void code_set_reset(struct code_set *s)
{
	const struct object *o = &s->o;
	u32 i;

	memset(s->memory, 0, o->state_pages * PAGE + CTV_SCRATCH_BYTES);
	for (i = 0; i < o->set.nr_maps; i++)
		if (o->map_data[i])
			memcpy(s->memory + o->maps[i].win, o->map_data[i], o->maps[i].size);
}

int code_set_find(const struct code_set *s, const char *class)
{
	u32 i;

	for (i = 0; i < s->o.set.nr_progs; i++)
		if (!strcmp(s->o.info[i].class, class))
			return (int)i;
	return -1;
}

int code_set_open(struct code_set *s, const struct corpus_entry *e,
		  void (*configure)(void *config))
{
	struct bpf_map *map;
	size_t size;
	int err;

	memset(s, 0, sizeof(*s));
	if (!e)
		return code_problem(s, -ENOENT, "no such object");
	err = handlers_open(&s->h, e);
	map = err || !configure ? NULL : bpf_object__find_map_by_name(s->h.obj, ".rodata");
	if (map)
		configure(bpf_map__initial_value(map, &size));
	if (!err)
		err = handlers_load(&s->h);
	if (err)
		return code_problem(s, err, "the kernel: %.120s", s->h.log);
	err = ours_open(s, e);
	if (!err)
		code_set_reset(s);
	return err;
}

void code_set_close(struct code_set *s)
{
	if (s->text && s->text != MAP_FAILED)
		munmap(s->text, (size_t)(s->scratch - s->text) + CTV_SCRATCH_BYTES);
	object_close(&s->o);
	handlers_close(&s->h);
}

/* ---- the kernel's code ---- */

struct jited {
	struct bpf_prog_info info;
	unsigned char *code;
	struct bpf_insn *xlated;
	__u64 ksyms[MAX_FUNCS];
	__u32 lens[MAX_FUNCS];
};

static int jited_read(struct code_set *s, int n, struct jited *j)
{
	struct bpf_program *p = bpf_object__find_program_by_name(s->h.obj, s->o.info[n].name);
	__u32 len = sizeof(j->info);

	if (!p || bpf_prog_get_info_by_fd(bpf_program__fd(p), &j->info, &len))
		return code_problem(s, -ENOENT, "%s: no information", s->o.info[n].name);
	if (!j->info.jited_prog_len || j->info.nr_jited_func_lens > MAX_FUNCS)
		return code_problem(s, -EOPNOTSUPP, "%s: %u bytes compiled, %u functions",
			       s->o.info[n].name, j->info.jited_prog_len,
			       j->info.nr_jited_func_lens);
	j->code = calloc(1, j->info.jited_prog_len);
	j->xlated = calloc(1, j->info.xlated_prog_len);
	j->info = (struct bpf_prog_info){
		.jited_prog_insns = (uintptr_t)j->code, .jited_prog_len = j->info.jited_prog_len,
		.xlated_prog_insns = (uintptr_t)j->xlated,
		.xlated_prog_len = j->info.xlated_prog_len,
		.jited_ksyms = (uintptr_t)j->ksyms, .nr_jited_ksyms = j->info.nr_jited_ksyms,
		.jited_func_lens = (uintptr_t)j->lens,
		.nr_jited_func_lens = j->info.nr_jited_func_lens,
	};
	len = sizeof(j->info);
	if (bpf_prog_get_info_by_fd(bpf_program__fd(p), &j->info, &len) ||
	    !j->info.jited_prog_insns || !j->info.xlated_prog_insns)
		return code_problem(s, -EPERM, "%s: the kernel does not give its code",
			       s->o.info[n].name);
	return 0;
}

const struct ctv_map *code_map(const struct code_set *s, __u32 id)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), i;
	int fd = bpf_map_get_fd_by_id(id), err;
	const char *section;

	err = fd < 0 ? fd : bpf_map_get_info_by_fd(fd, &info, &len);
	if (fd >= 0)
		close(fd);
	section = err ? NULL : strchr(info.name, '.');
	for (i = 0; section && i < s->o.set.nr_maps; i++)
		if (!strcmp(s->o.map_names[i], section))
			return &s->o.maps[i];
	return NULL;
}

/* movabs of a constant in the kernel's half from @at on */
static unsigned char *movabs_find(unsigned char *at, const unsigned char *end)
{
	for (; at + 10 <= end; at++)
		if ((at[0] & 0xfe) == 0x48 && (at[1] & 0xf8) == 0xb8 && at[9] == 0xff &&
		    at[8] >= 0x80)
			return at;
	return NULL;
}

/*
 * Addresses of maps become those of the same variables here. What they are in the kernel nobody
 * says, but their order, offsets and number: all must fit.
 */
static int jited_relocate(struct code_set *s, struct jited *j)
{
	unsigned char *at = j->code, *end = j->code + j->info.jited_prog_len, *memory;
	const struct ctv_map *map;
	__u64 base[MAX_MAPS] = {}, addr;
	__u32 ids[MAX_MAPS] = {}, i, m, nr = j->info.xlated_prog_len / sizeof(*j->xlated);

	for (i = 0; i < nr; i++) {
		const struct bpf_insn *insn = &j->xlated[i];

		if (insn->code != (BPF_LD | BPF_IMM | BPF_DW) || insn++->src_reg != 2)
			continue;
		at = movabs_find(at, end);
		if (!at)
			return code_problem(s, -ESRCH, "address of a map not found");
		memcpy(&addr, at + 2, 8);
		addr -= (__u32)insn->imm;
		for (m = 0; m < MAX_MAPS && ids[m] && ids[m] != (__u32)insn[-1].imm; m++)
			;
		if (m == MAX_MAPS || addr % PAGE || (ids[m] && base[m] != addr))
			return code_problem(s, -ESRCH, "address of a map is not what it should be");
		ids[m] = (__u32)insn[-1].imm;
		base[m] = addr;
		map = code_map(s, ids[m]);
		if (!map)
			return code_problem(s, -ESRCH, "map %u is none of the object's", ids[m]);
		memory = s->memory + map->win + (__u32)insn->imm;
		memcpy(at + 2, &memory, 8);
		at += 10;
	}
	return movabs_find(at, end) ? code_problem(s, -ESRCH, "one address too many") : 0;
}

/* Functions at the distances that they have in the kernel, so that calls between them are right. */
static int jited_place(struct code_set *s, const struct jited *j, struct code_kernel *k)
{
	__u64 low = j->ksyms[0], high = 0;
	const unsigned char *from = j->code;
	__u32 i;

	for (i = 0; i < j->info.nr_jited_func_lens; i++) {
		low = j->ksyms[i] < low ? j->ksyms[i] : low;
		high = j->ksyms[i] + j->lens[i] > high ? j->ksyms[i] + j->lens[i] : high;
	}
	if (high - low > IMAGE_MAX)
		return code_problem(s, -E2BIG, "functions are %llu bytes apart",
			       (unsigned long long)(high - low));
	k->size = high - low;
	k->image = mmap(NULL, k->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (k->image == MAP_FAILED)
		return -ENOMEM;
	for (i = 0; i < j->info.nr_jited_func_lens; i++, from += j->lens[i - 1])
		memcpy(k->image + (j->ksyms[i] - low), from, j->lens[i]);
	k->entry = k->image + (j->ksyms[0] - low);
	return mprotect(k->image, k->size, PROT_READ | PROT_EXEC) ? -errno : 0;
}

int code_kernel_get(struct code_set *s, int n, struct code_kernel *k)
{
	struct jited j = {};
	int err = jited_read(s, n, &j);

	memset(k, 0, sizeof(*k));
	if (!err)
		err = jited_relocate(s, &j);
	if (!err)
		err = jited_place(s, &j, k);
	free(j.code);
	free(j.xlated);
	return err;
}

void code_kernel_put(struct code_kernel *k)
{
	if (k->image && k->image != MAP_FAILED)
		munmap(k->image, k->size);
	k->image = NULL;
}

/* ---- execution, one instruction at a time ---- */

/* The code that runs now, and what is known of it. */
static struct {
	const unsigned char *start;
	size_t size;
	const unsigned char *last;	/* instruction before, in it */
	struct code_run *run;
	void *scratch;
	bool bad;
} now;

static bool is_inside(const unsigned char *rip)
{
	return rip >= now.start && rip < now.start + now.size;
}

/*
 * The kernel's code left itself: by a call of one of its functions, or by a jump that returns for
 * it. Their place is taken here, they are not part of the program. The only function that gives
 * something that matters is that for scratch memory, by slot; time may be any.
 */
static void step_outside(mcontext_t *m)
{
	greg_t *rsp = &m->gregs[REG_RSP];

	if (*now.last == 0xe8)
		m->gregs[REG_RAX] = (greg_t)(uintptr_t)now.scratch +
				    (m->gregs[REG_RSI] & (CTV_SCRATCH_SLOTS - 1)) *
				    CTV_SCRATCH_SIZE;
	else if (*now.last != 0xe9)
		return;		/* back in code_call() */
	now.run->out++;
	m->gregs[REG_RIP] = *(greg_t *)*rsp;
	*rsp += 8;
}

static void step(int sig, siginfo_t *info, void *context)
{
	mcontext_t *m = &((ucontext_t *)context)->uc_mcontext;
	const unsigned char *rip = (const unsigned char *)m->gregs[REG_RIP];

	(void)sig;
	(void)info;
	if (now.last && !is_inside(rip))
		step_outside(m);
	rip = (const unsigned char *)m->gregs[REG_RIP];
	now.last = is_inside(rip) ? rip : NULL;
	now.run->insns += !!now.last;
	if (now.run->insns < STEPS_MAX)
		return;
	now.bad = true;
	m->gregs[REG_EFL] &= ~0x100;
}

/*
 * As the payload calls: RDI = address of the word with the context's address, R12 = fuel. The trap
 * flag makes the processor tell after each instruction where it goes on. The red zone is stepped
 * over.
 */
static unsigned long long code_call(const void *entry, unsigned long *slot, unsigned long fuel)
{
	unsigned long long result;

	asm volatile("lea -128(%%rsp), %%rsp\n\t"
		     "push %%rbp\n\t"
		     "push %%rbx\n\t"
		     "mov %[fuel], %%r12\n\t"
		     "pushfq; btsq $8, (%%rsp); popfq\n\t"
		     "call *%[entry]\n\t"
		     "pushfq; btrq $8, (%%rsp); popfq\n\t"
		     "pop %%rbx\n\t"
		     "pop %%rbp\n\t"
		     "lea 128(%%rsp), %%rsp\n\t"
		     : "=a" (result), "+D" (slot), [entry] "+S" (entry), [fuel] "+d" (fuel)
		     :
		     : "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
	return result;
}

static int code_run(struct code_set *s, const unsigned char *start, size_t size,
		    const unsigned char *entry, void *exit, unsigned long fuel, struct code_run *r)
{
	struct sigaction act = { .sa_sigaction = step, .sa_flags = SA_SIGINFO }, old;
	unsigned long slot = (uintptr_t)exit;

	memset(r, 0, sizeof(*r));
	now.start = start;
	now.size = size;
	now.last = NULL;
	now.run = r;
	now.scratch = s->scratch;
	now.bad = false;
	sigaction(SIGTRAP, &act, &old);
	r->result = code_call(entry, &slot, fuel);
	sigaction(SIGTRAP, &old, NULL);
	return now.bad || !r->insns ? -1 : 0;
}

int code_run_kernel(struct code_set *s, const struct code_kernel *k, void *exit,
		    struct code_run *r)
{
	return code_run(s, k->image, k->size, k->entry, exit, 0, r);
}

int code_run_ours(struct code_set *s, int n, void *exit, struct code_run *r)
{
	const struct ctv_prog *p = &s->o.progs[n];

	return code_run(s, s->text, s->o.set.text, s->text + p->funcs[0].off, exit, p->fuel, r);
}
