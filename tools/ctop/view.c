// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* What the screen shows: from two looks to sorted lines. */
/* strcasestr() */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "view.h"

/* The graver one stands for a VM. */
static const char *const gravity[] = {
	"attached", "adopted", "empty", "detached", "parked", "detaching", "adopting", "stalled",
	"faulted",
};

/* Return: 0 for a state that is not known */
int state_gravity(const char *state)
{
	size_t i;

	for (i = 0; i < TOOL_NELEM(gravity); i++)
		if (!strcmp(state, gravity[i]))
			return i + 1;
	return 0;
}

/* One vCPU in the looks; NULL where it is not */
struct vcpu_looks {
	const struct ctele_vcpu *now;
	const struct ctele_vcpu *before;
	const struct ctele_vcpu *base;
};

static struct vcpu_looks vcpu_find(const struct view_data *data, const struct ctele_vcpu *v)
{
	return (struct vcpu_looks){ v, ctele_find(data->before, v), ctele_find(data->base, v) };
}

/* Exits of a vCPU for a reason since the base */
static void counts_since(const struct view *view, const struct vcpu_looks *l, unsigned int reason,
			 uint64_t by[KVM_CARETAKER_NR_SERVERS])
{
	uint64_t was[KVM_CARETAKER_NR_SERVERS];
	unsigned int i;

	row_counts(l->now, reason, view->gap, by);
	if (!l->base)
		return;
	row_counts(l->base, reason, view->gap, was);
	/* A new Caretaker began from zero. */
	for (i = 0; i < KVM_CARETAKER_NR_SERVERS; i++)
		by[i] -= by[i] >= was[i] ? was[i] : 0;
}

static double rate_since(const struct view *view, const struct vcpu_looks *l, unsigned int reason)
{
	uint64_t by[KVM_CARETAKER_NR_SERVERS], total, was;

	if (!l->before || l->now->when_ns <= l->before->when_ns)
		return -1;
	total = row_counts(l->now, reason, view->gap, by);
	was = row_counts(l->before, reason, view->gap, by);
	if (was > total)
		return -1;
	return (total - was) * 1e9 / (l->now->when_ns - l->before->when_ns);
}

static void item_add_times(struct view_item *item, struct view *view, const struct vcpu_looks *l,
			   unsigned int reason)
{
	unsigned int s;

	for (s = 0; s < KVM_CARETAKER_NR_SERVERS; s++) {
		times_add(&item->time, &l->now->tele, l->base ? &l->base->tele : NULL, reason, s,
			  view->gap);
		if (view->level == VIEW_REASON)
			times_add(&view->by_server[s], &l->now->tele,
				  l->base ? &l->base->tele : NULL, reason, s, view->gap);
	}
}

static void item_add_ledger(struct view_item *item, const struct view *view,
			    const struct vcpu_looks *l)
{
	ledger_add(&item->ledger, l->now, l->base);
	if (view->gap)
		item->gap_cycles += vcpu_gap_cycles(l->now, l->base);
}

static void item_add_reason(struct view_item *item, struct view *view,
			    const struct vcpu_looks *l, unsigned int reason)
{
	uint64_t by[KVM_CARETAKER_NR_SERVERS];
	unsigned int i;
	double rate;

	if (!ctele_row_used(&l->now->tele, reason))
		return;
	item_add_times(item, view, l, reason);
	counts_since(view, l, reason, by);
	for (i = 0; i < KVM_CARETAKER_NR_SERVERS; i++) {
		item->by[i] += by[i];
		item->total += by[i];
	}
	rate = rate_since(view, l, reason);
	if (rate >= 0)
		item->rate = (item->rate < 0 ? 0 : item->rate) + rate;
}

/* @reason: only stalls of this one, CTOP_NO_REASON for all */
static void item_add_stalls(struct view_item *item, const struct ctele_vcpu *v, unsigned int reason)
{
	const struct kvm_caretaker_telemetry *t = &v->tele;
	const struct kvm_caretaker_stall *s;
	uint64_t i;

	if (reason == CTOP_NO_REASON)
		item->stalls += t->nr_stalls;
	for (i = ctele_stall_first(t); i < t->nr_stalls; i++) {
		s = ctele_stall(t, i);
		if (!ctele_stall_sane(s) ||
		    (reason != CTOP_NO_REASON && reason_index(s->reason) != reason))
			continue;
		item->stalls += reason != CTOP_NO_REASON;
		hist_add_stall(&item->stalled, s, t->tsc_khz);
	}
}

static void item_add_state(struct view_item *item, const struct ctele_vcpu *v)
{
	char was[sizeof(item->state)];
	bool mixed;

	if (!item->vcpus) {
		snprintf(item->state, sizeof(item->state), "%s", v->state);
		return;
	}
	snprintf(was, sizeof(was), "%.*s", (int)strcspn(item->state, "+"), item->state);
	mixed = strchr(item->state, '+') || strcmp(was, v->state);
	snprintf(item->state, sizeof(item->state), "%.15s%s",
		 state_gravity(v->state) > state_gravity(was) ? v->state : was, mixed ? "+" : "");
}

/* All exits of a vCPU */
static void item_add_vcpu(struct view_item *item, struct view *view,
			  const struct ctele_vcpu *v, const struct view_data *data)
{
	struct vcpu_looks l = vcpu_find(data, v);
	unsigned int r;

	item_add_state(item, v);
	item->mixed |= !ctele_same_handlers(item->v, v);
	item->vcpus++;
	/* One without exits has a rate, too. */
	if (item->rate < 0 && rate_since(view, &l, 0) >= 0)
		item->rate = 0;
	for (r = 0; r < CTELE_NR_ROWS; r++)
		if (ctele_row_wanted(&v->tele, r, view->reasons))
			item_add_reason(item, view, &l, r);
	item_add_stalls(item, v, CTOP_NO_REASON);
	item_add_ledger(item, view, &l);
}

static void item_init(struct view_item *item, const struct ctele_vcpu *v, unsigned int reason)
{
	memset(item, 0, sizeof(*item));
	item->id = (struct view_id){ v->tele.vm_id, v->pid, v->fd, v->dir_vcpu, reason };
	item->v = v;
	item->rate = -1;
}

static bool same_vm(const struct view_id *id, const struct ctele_vcpu *v)
{
	return id->pid == v->pid && id->fd == v->fd && id->vm_id == v->tele.vm_id;
}

/* The set is sorted: the vCPUs of a VM stand together. */
static void build_host(struct view *view, const struct view_data *data)
{
	struct view_item *item = NULL;
	const struct ctele_vcpu *v;
	size_t i;

	for (i = 0; i < data->now->nr; i++) {
		v = data->now->vcpus[i];
		if (!item || !same_vm(&item->id, v)) {
			item = &view->items[view->nr++];
			item_init(item, v, CTOP_NO_REASON);
			snprintf(item->name, sizeof(item->name), "%016llx",
				 (unsigned long long)v->tele.vm_id);
		}
		item_add_vcpu(item, view, v, data);
	}
}

static void build_vm(struct view *view, const struct view_data *data)
{
	const struct ctele_vcpu *v;
	struct view_item *item;
	size_t i;

	for (i = 0; i < data->now->nr; i++) {
		v = data->now->vcpus[i];
		if (!same_vm(&view->path[VIEW_HOST], v))
			continue;
		item = &view->items[view->nr++];
		item_init(item, v, CTOP_NO_REASON);
		snprintf(item->name, sizeof(item->name), "vCPU %ld", v->dir_vcpu);
		item_add_vcpu(item, view, v, data);
	}
}

static const struct ctele_vcpu *entered_vcpu(const struct view *view, const struct view_data *data)
{
	const struct view_id *id = &view->path[VIEW_VM];
	size_t i;

	for (i = 0; i < data->now->nr; i++)
		if (same_vm(id, data->now->vcpus[i]) && id->vcpu == data->now->vcpus[i]->dir_vcpu)
			return data->now->vcpus[i];
	return NULL;
}

/* @only: this reason, or all that had exits */
static void build_vcpu(struct view *view, const struct view_data *data, unsigned int only)
{
	const struct ctele_vcpu *v = entered_vcpu(view, data);
	struct vcpu_looks l;
	struct view_item *item;
	unsigned int r;

	view->vcpu = v;
	memset(&view->time, 0, sizeof(view->time));
	if (v) {
		l = vcpu_find(data, v);
		ledger_add(&view->time, l.now, l.base);
	}
	memset(view->by_server, 0, sizeof(view->by_server));
	for (r = 0; v && r < CTELE_NR_ROWS; r++) {
		if (!ctele_row_wanted(&v->tele, r, view->reasons) ||
		    (only != CTOP_NO_REASON && only != r))
			continue;
		item = &view->items[view->nr];
		item_init(item, v, r);
		snprintf(item->state, sizeof(item->state), "%s", v->state);
		item->vcpus = 1;
		item_add_reason(item, view, &l, r);
		if (!item->total && only != r)
			continue;
		item_add_stalls(item, v, r);
		item_add_ledger(item, view, &l);
		snprintf(item->name, sizeof(item->name), "%s", reason_name_index(r, item->name));
		view->nr++;
	}
}

static bool item_fits(const struct view_item *item, const char *filter)
{
	char pid[24], digest[CTELE_DIGEST_TEXT];

	snprintf(pid, sizeof(pid), "%ld", item->id.pid);
	return !filter[0] || strcasestr(item->name, filter) || strcasestr(item->state, filter) ||
	       strcasestr(item->v->handlers, filter) || strcasestr(pid, filter) ||
	       (ctele_digest(item->v, CTELE_DIGEST_SHORT, digest) && strcasestr(digest, filter));
}

static void view_hide(struct view *view)
{
	size_t i, n = 0;

	for (i = 0; i < view->nr; i++)
		if (item_fits(&view->items[i], view->filter[view->level]))
			view->items[n++] = view->items[i];
	view->hidden = view->nr - n;
	view->nr = n;
}

static const struct view *sorting;

static double item_ns(uint64_t ns)
{
	return ns == NS_NONE ? -1 : (double)ns;
}

static double item_value(const struct view_item *item)
{
	switch (sorting->key) {
	case CTOP_KEY_COUNT:
		return item->total;
	case CTOP_KEY_RATE:
		return item->rate;
	case CTOP_KEY_NATIVE:
	case CTOP_KEY_HANDLER:
	case CTOP_KEY_KVM:
	case CTOP_KEY_BLOCKED:
		return item->by[sorting->key - CTOP_KEY_NATIVE];
	case CTOP_KEY_STALLS:
		return item->stalls;
	case CTOP_KEY_STALLED:
		return item->stalled.sum;
	case CTOP_KEY_LONGEST:
		return item->stalled.max;
	case CTOP_KEY_TIME:
		return item_ns(times_ns(&item->time));
	case CTOP_KEY_MEAN:
		return item_ns(times_mean_ns(&item->time));
	case CTOP_KEY_P99:
		return item_ns(times_percentile_ns(&item->time, 99));
	case CTOP_KEY_MAX:
		return item_ns(times_max_ns(&item->time));
	default:
		return 0;
	}
}

static int item_compare_id(const struct view_item *x, const struct view_item *y)
{
	if (x->id.pid != y->id.pid)
		return x->id.pid < y->id.pid ? -1 : 1;
	if (x->id.fd != y->id.fd)
		return x->id.fd < y->id.fd ? -1 : 1;
	if (x->id.vm_id != y->id.vm_id)
		return x->id.vm_id < y->id.vm_id ? -1 : 1;
	if (x->id.vcpu != y->id.vcpu)
		return x->id.vcpu < y->id.vcpu ? -1 : 1;
	return x->id.reason < y->id.reason ? -1 : x->id.reason > y->id.reason;
}

static int item_compare(const void *a, const void *b)
{
	const struct view_item *x = a, *y = b;
	double u = item_value(x), v = item_value(y);
	int r = 0;

	if (sorting->key == CTOP_KEY_NAME)
		r = strcmp(x->name, y->name);
	else if (u < v || u > v)
		r = u > v ? -1 : 1;
	r = r ? r : item_compare_id(x, y);
	return sorting->invert ? -r : r;
}

static bool id_equal(const struct view_id *a, const struct view_id *b)
{
	return a->vm_id == b->vm_id && a->pid == b->pid && a->fd == b->fd && a->vcpu == b->vcpu &&
	       a->reason == b->reason;
}

/* A mark that was moved stays on its line, wherever that went. */
static void view_keep_cursor(struct view *view, const struct view_id *marked)
{
	size_t i;

	for (i = 0; view->follow && i < view->nr; i++)
		if (id_equal(&view->items[i].id, marked))
			view->cursor = i;
	if (view->cursor >= view->nr)
		view->cursor = view->nr ? view->nr - 1 : 0;
}

/**
 * view_build() - make the lines
 * @view:	what is wanted; its old lines are replaced
 * @data:	looks; have to live as long as the lines
 *
 * Return: false when memory ran out; a message has told so.
 */
bool view_build(struct view *view, const struct view_data *data)
{
	struct view_id marked = { .vcpu = -1 };
	size_t room = data->now->nr + CTELE_NR_ROWS;

	if (view->cursor < view->nr)
		marked = view->items[view->cursor].id;
	view_free(view);
	view->items = malloc(room * sizeof(*view->items));
	if (!view->items) {
		tool_err("no memory for %zu lines", room);
		return false;
	}
	if (view->level == VIEW_HOST)
		build_host(view, data);
	else if (view->level == VIEW_VM)
		build_vm(view, data);
	else
		build_vcpu(view, data, view->level == VIEW_VCPU ? CTOP_NO_REASON :
							 view->path[VIEW_VCPU].reason);
	view_hide(view);
	sorting = view;
	if (view->nr)
		qsort(view->items, view->nr, sizeof(*view->items), item_compare);
	view_keep_cursor(view, &marked);
	return true;
}

void view_free(struct view *view)
{
	free(view->items);
	view->items = NULL;
	view->nr = 0;
	view->hidden = 0;
}

/* Goes down into the marked line. Return: false when there is nothing below. */
bool view_enter(struct view *view)
{
	if (view->level == VIEW_REASON || view->cursor >= view->nr)
		return false;
	view->path[view->level] = view->items[view->cursor].id;
	view->level++;
	view->filter[view->level][0] = '\0';
	view->nr = 0;
	view->cursor = 0;
	view->follow = false;
	return true;
}

/* Goes up. Return: false at the top. */
bool view_leave(struct view *view)
{
	if (view->level == VIEW_HOST)
		return false;
	view->level--;
	/* The line that was left is marked. */
	view->cursor = 0;
	view->follow = true;
	view->nr = 1;
	view->items[0].id = view->path[view->level];
	return true;
}
