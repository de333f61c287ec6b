// SPDX-License-Identifier: GPL-2.0
/* Refusals in words: the same in the kernel's log, in the caller's and without a kernel. */
#include "ctv.h"

#define CTV_RULE_NAME(name, err, what, remedy)		[CTV_RULE_##name] = #name,
#define CTV_RULE_ERRNO(name, err, what, remedy)		[CTV_RULE_##name] = err,
#define CTV_RULE_TEXT(name, err, what, remedy)		[CTV_RULE_##name] = what,
#define CTV_RULE_REMEDY(name, err, what, remedy)	[CTV_RULE_##name] = remedy,

static const char * const ctv_names[] = { CTV_RULES(CTV_RULE_NAME) };
static const char * const ctv_texts[] = { CTV_RULES(CTV_RULE_TEXT) };
static const char * const ctv_remedies[] = { CTV_RULES(CTV_RULE_REMEDY) };
static const int ctv_errnos[] = { CTV_RULES(CTV_RULE_ERRNO) };

const char *ctv_rule_name(enum ctv_rule rule)
{
	return ctv_names[rule];
}

const char *ctv_rule_text(enum ctv_rule rule)
{
	return ctv_texts[rule];
}

const char *ctv_rule_remedy(enum ctv_rule rule)
{
	return ctv_remedies[rule];
}

int ctv_refuse(struct ctv_refusal *r, enum ctv_rule rule, u32 insn, const char *fmt, ...)
{
	va_list ap;

	r->rule = rule;
	r->insn = insn;
	va_start(ap, fmt);
	vsnprintf(r->detail, sizeof(r->detail), fmt, ap);
	va_end(ap);
	return -ctv_errnos[rule];
}

/* Appends to @buf, of which @n of @size bytes are used; the length that is used then. */
__attribute__((format(printf, 4, 5)))
static size_t text_add(char *buf, size_t size, size_t n, const char *fmt, ...)
{
	va_list ap;
	int len;

	if (n >= size)
		return n;
	va_start(ap, fmt);
	len = vsnprintf(buf + n, size - n, fmt, ap);
	va_end(ap);
	if (len < 0)
		return n;
	return n + (size_t)len < size ? n + (size_t)len : size - 1;
}

size_t ctv_refusal_text(char *buf, size_t size, const struct ctv_place *at,
			const struct ctv_refusal *r)
{
	size_t n = text_add(buf, size, 0, "handler %s (%s): ", at->class, at->prog);

	if (r->insn != CTV_NONE)
		n = text_add(buf, size, n, "instruction %u: ", r->insn);
	if (at->file)
		n = text_add(buf, size, n, "%s:%u: ", at->file, at->line);
	n = text_add(buf, size, n, "%s", ctv_rule_text(r->rule));
	if (r->detail[0])
		n = text_add(buf, size, n, " (%s)", r->detail);
	return text_add(buf, size, n, " [%s]: %s\n", ctv_rule_name(r->rule),
			ctv_rule_remedy(r->rule));
}

size_t ctv_report_text(char *buf, size_t size, const struct ctv_place *at,
		       const struct ctv_prog *p, u32 budget)
{
	size_t n = text_add(buf, size, 0, "handler %s (%s): %u instructions, ", at->class,
			    at->prog, p->len);

	if (p->loops)
		n = text_add(buf, size, n, "longest path %u, loops cut off at %u", p->funcs[0].cost,
			     budget);
	else
		n = text_add(buf, size, n, "worst case %u of %u", p->cost, budget);
	return text_add(buf, size, n, ", %u bytes of stack\n", p->funcs[0].depth);
}
