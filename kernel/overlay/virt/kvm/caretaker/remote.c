// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker: the event rings of all vCPUs as one remote of tracefs (remotes/caretaker).
 *
 * The payloads' rings survive kexec and wait for nobody. While somebody looks, their records are
 * collected every 50 ms, in order of time, into a ring buffer of this kernel, which tracefs reads.
 * It stands for CPU 0, which is always there: a pCPU is offline just when its events are of
 * interest. Records say which VM, vCPU and pCPU they belong to.
 *
 * Locks: trace_remote's own -> remote_lock, which is a leaf. What tracefs calls under its raw spin
 * lock (swap, reset) takes none: the ring buffer can do that beside its writer.
 */
#define pr_fmt(fmt) "caretaker: " fmt

#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/simple_ring_buffer.h>
#include <linux/slab.h>
#include <linux/trace_remote.h>
#include <linux/tracefs.h>
#include <linux/workqueue.h>

#include <asm/tsc.h>

#include "caretaker.h"
#include "remote_events.h"

#define REMOTE_PERIOD	(HZ / 20)

/* One CPU's ring buffer holds all events: tracefs' default for one would be small. */
#define REMOTE_BYTES	(128 * 1024)

/**
 * struct remote_buffer - the ring buffer that tracefs reads
 * @desc:	its pages, for tracefs; those of CPU 0 come first
 * @rb:		the writer's side
 * @bpages:	likewise
 * @idle:	a page of zeros: metadata and ring of all other CPUs
 * @last:	time of the last event, ns
 * @work:	collects events
 */
struct remote_buffer {
	struct trace_buffer_desc *desc;
	struct simple_rb_per_cpu rb;
	struct simple_buffer_page *bpages;
	unsigned long idle;
	u64 last;
	struct delayed_work work;
};

static DEFINE_MUTEX(remote_lock);
static LIST_HEAD(remote_sources);
static struct remote_buffer *remote_buffer;
static u32 remote_enabled;	/* events that are switched on */
static bool remote_tracing;	/* tracing_on */

static struct caretaker_block *source_block(struct caretaker_source *s)
{
	return container_of(s, struct caretaker_block, source);
}

static u32 remote_mask(void)
{
	return remote_tracing ? remote_enabled & KVM_CARETAKER_EVENTS_ALL : 0;
}

static void remote_apply(void)
{
	struct caretaker_source *s;

	lockdep_assert_held(&remote_lock);
	list_for_each_entry(s, &remote_sources, node)
		WRITE_ONCE(source_block(s)->ccb->events, remote_mask());
}

/*
 * One record. Preemption is off, because tracefs waits for a writer with interrupts off. Returns
 * false while the buffer is being reset.
 */
static bool remote_put(struct remote_buffer *rb, const struct caretaker_record *record, u32 len,
		       u64 ns, u64 lost)
{
	struct trace_buffer_meta *meta = rb->rb.meta;
	void *to;

	guard(preempt)();
	to = simple_ring_buffer_reserve(&rb->rb, round_up(len, 4), ns);
	if (!to)
		return false;
	memcpy(to, record, round_up(len, 4));
	/* Inside the reservation: a reset comes before or after both. */
	WRITE_ONCE(meta->entries, meta->entries + lost);
	WRITE_ONCE(meta->overrun, meta->overrun + lost);
	simple_ring_buffer_commit(&rb->rb);
	return true;
}

/* Time is that since the TSC was 0, by the frequency that the ring names: the same after kexec. */
static u64 remote_time(struct remote_buffer *rb, const struct caretaker_ring_reader *r)
{
	u64 ns = mul_u64_u64_div_u64(r->tsc, NSEC_PER_MSEC, max(r->ring->tsc_khz, 1));

	/* Readers of pages tell them apart by their times. */
	rb->last = max(ns, rb->last + 1);
	return rb->last;
}

static void remote_tell_broken(struct caretaker_source *s)
{
	struct caretaker_block *b = source_block(s);

	if (!s->reader.broken || s->told_broken)
		return;
	s->told_broken = true;
	pr_err("VM %016llx vCPU %u: its event ring is not read: %s\n", b->ser->vm_id,
	       b->ser->vcpu_id, s->reader.broken);
}

static void remote_tell_lost(struct remote_buffer *rb, struct caretaker_source *s)
{
	u64 lost = s->reader.lost - s->told;
	struct caretaker_record record;
	u32 len;

	if (!lost)
		return;
	len = caretaker_record_lost(&record, source_block(s), lost);
	remote_put(rb, &record, len, remote_time(rb, &s->reader), lost);
	s->told = s->reader.lost;
}

static void remote_take(struct remote_buffer *rb, struct caretaker_source *s)
{
	struct caretaker_ring_reader *r = &s->reader;
	struct caretaker_record record;
	const void *from = caretaker_ring_peek(r);
	u32 len;

	if (!from)
		return;
	remote_tell_lost(rb, s);
	len = caretaker_record_make(&record, source_block(s), from, r->len);
	if (len)
		remote_put(rb, &record, len, remote_time(rb, r), 0);
	caretaker_ring_consume(r);
	if (!len)
		r->broken = "a record is shorter than its event";
}

static bool source_earlier(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct caretaker_source, order)->reader.tsc <
	       rb_entry(b, struct caretaker_source, order)->reader.tsc;
}

static void source_queue(struct rb_root_cached *queue, struct caretaker_source *s, u64 until)
{
	if (caretaker_ring_peek(&s->reader) && s->reader.tsc <= until)
		rb_add_cached(&s->order, queue, source_earlier);
	else
		remote_tell_broken(s);
}

/* What was written up to a time, in order: later events may still be preceded by others. */
static void remote_collect(struct remote_buffer *rb, u64 until)
{
	struct rb_root_cached queue = RB_ROOT_CACHED;
	struct caretaker_source *s;
	struct rb_node *first;

	lockdep_assert_held(&remote_lock);
	list_for_each_entry(s, &remote_sources, node)
		source_queue(&queue, s, until);
	while ((first = rb_first_cached(&queue))) {
		s = rb_entry(first, struct caretaker_source, order);
		rb_erase_cached(first, &queue);
		remote_take(rb, s);
		source_queue(&queue, s, until);
		cond_resched();
	}
}

static void remote_work(struct work_struct *work)
{
	struct remote_buffer *rb = container_of(to_delayed_work(work), struct remote_buffer, work);

	mutex_lock(&remote_lock);
	remote_collect(rb, rdtsc());
	mutex_unlock(&remote_lock);
	queue_delayed_work(system_dfl_wq, &rb->work, REMOTE_PERIOD);
}

/**
 * caretaker_remote_add - let the events of a block be seen
 * @b:		the block, named; new, or left by another kernel
 *
 * A Caretaker that another kernel left goes on with the events that were switched on there, until
 * tracing is switched on here.
 */
void caretaker_remote_add(struct caretaker_block *b)
{
	guard(mutex)(&remote_lock);
	caretaker_ring_open(&b->source.reader, b->ring);
	b->source.told = 0;
	remote_tell_broken(&b->source);
	list_add_tail(&b->source.node, &remote_sources);
	if (b->va || remote_tracing)
		WRITE_ONCE(b->ccb->events, remote_mask());
}

/**
 * caretaker_remote_del - the block goes away
 * @b:		the block; its payload does not run any more
 */
void caretaker_remote_del(struct caretaker_block *b)
{
	guard(mutex)(&remote_lock);
	if (list_empty(&b->source.node))
		return;
	if (remote_buffer)
		remote_collect(remote_buffer, U64_MAX);
	list_del_init(&b->source.node);
}

/**
 * caretaker_remote_move - a new payload goes on with the ring of an old one
 * @b:		new block, named, its payload has not run
 * @old:	old block, its payload does not run any more
 *
 * The ring of a block that came from another kernel is not written to: it is not trusted so far.
 */
void caretaker_remote_move(struct caretaker_block *b, struct caretaker_block *old)
{
	if (!old->va) {
		caretaker_remote_del(old);
		caretaker_remote_add(b);
		return;
	}
	guard(mutex)(&remote_lock);
	memcpy(b->ring, old->ring, sizeof(*b->ring));
	list_del_init(&old->source.node);
	b->source = old->source;
	b->source.reader.ring = b->ring;
	list_add_tail(&b->source.node, &remote_sources);
	WRITE_ONCE(b->ccb->events, remote_mask());
}

/* The buffer. */

static void remote_free_pages(struct ring_buffer_desc *ring)
{
	unsigned int i;

	free_page(ring->meta_va);
	for (i = 0; i < ring->nr_page_va; i++)
		free_page(ring->page_va[i]);
}

/* Zeroed: the readers of trace go by the times in the pages. */
static int remote_alloc_pages(struct ring_buffer_desc *ring, unsigned int nr)
{
	ring->meta_va = get_zeroed_page(GFP_KERNEL);
	if (!ring->meta_va)
		return -ENOMEM;
	for (ring->nr_page_va = 0; ring->nr_page_va < nr; ) {
		unsigned long page = get_zeroed_page(GFP_KERNEL);

		if (!page) {
			remote_free_pages(ring);
			return -ENOMEM;
		}
		ring->page_va[ring->nr_page_va++] = page;
	}
	return 0;
}

static void remote_fill_idle(struct remote_buffer *rb, struct ring_buffer_desc *ring,
			     unsigned int nr)
{
	ring->meta_va = rb->idle;
	for (ring->nr_page_va = 0; ring->nr_page_va < nr; )
		ring->page_va[ring->nr_page_va++] = rb->idle;
}

/* All possible CPUs: tracefs looks for the one that it runs on. Only the first has a buffer. */
static int remote_fill_desc(struct remote_buffer *rb, size_t size, unsigned int nr)
{
	struct ring_buffer_desc *ring = __first_ring_buffer_desc(rb->desc);
	unsigned int cpu;
	int r;

	rb->desc->struct_len = size;
	for_each_possible_cpu(cpu) {
		ring->cpu = cpu;
		if (rb->desc->nr_cpus++) {
			remote_fill_idle(rb, ring, nr);
		} else {
			r = remote_alloc_pages(ring, nr);
			if (r)
				return r;
		}
		ring = __next_ring_buffer_desc(ring);
	}
	return 0;
}

/*
 * Who reads without consuming (the file trace) finds the oldest page where the times of two pages
 * go down. So a page that was never written is later than all: with 0 those before it are skipped.
 */
static void remote_stamps_clear(struct ring_buffer_desc *ring)
{
	unsigned int i;

	for (i = 0; i < ring->nr_page_va; i++)
		((struct buffer_data_page *)ring->page_va[i])->time_stamp = U64_MAX;
}

static void remote_destroy(struct remote_buffer *rb)
{
	kfree(rb->bpages);
	free_page(rb->idle);
	kvfree(rb->desc);
	kfree(rb);
}

static struct remote_buffer *remote_create(size_t bytes)
{
	unsigned int nr = __calc_nr_pages_ring_buffer_desc(bytes);
	size_t size = trace_buffer_desc_size(bytes, num_possible_cpus());
	struct remote_buffer *rb = kzalloc_obj(*rb);
	int r = -ENOMEM;

	if (!rb)
		return ERR_PTR(-ENOMEM);
	INIT_DELAYED_WORK(&rb->work, remote_work);
	rb->idle = get_zeroed_page(GFP_KERNEL);
	rb->bpages = kcalloc(nr, sizeof(*rb->bpages), GFP_KERNEL);
	rb->desc = kvzalloc(size, GFP_KERNEL);
	if (!rb->idle || !rb->bpages || !rb->desc)
		goto err_destroy;
	r = remote_fill_desc(rb, size, nr);
	if (r)
		goto err_destroy;
	r = simple_ring_buffer_init(&rb->rb, rb->bpages, __first_ring_buffer_desc(rb->desc));
	if (r)
		goto err_free_pages;
	remote_stamps_clear(__first_ring_buffer_desc(rb->desc));
	simple_ring_buffer_enable_tracing(&rb->rb, true);
	return rb;

err_free_pages:
	remote_free_pages(__first_ring_buffer_desc(rb->desc));
err_destroy:
	remote_destroy(rb);
	return ERR_PTR(r);
}

/* Calls from tracefs. */

static struct trace_buffer_desc *remote_load(unsigned long size, void *unused)
{
	struct remote_buffer *rb;

	if (size > SZ_1G)
		return ERR_PTR(-E2BIG);
	rb = remote_create(max_t(size_t, size, REMOTE_BYTES));
	if (IS_ERR(rb))
		return ERR_CAST(rb);
	mutex_lock(&remote_lock);
	remote_buffer = rb;
	remote_collect(rb, rdtsc());
	mutex_unlock(&remote_lock);
	queue_delayed_work(system_dfl_wq, &rb->work, REMOTE_PERIOD);
	return rb->desc;
}

static void remote_unload(struct trace_buffer_desc *desc, void *unused)
{
	struct remote_buffer *rb = remote_buffer;

	cancel_delayed_work_sync(&rb->work);
	mutex_lock(&remote_lock);
	remote_buffer = NULL;
	mutex_unlock(&remote_lock);
	simple_ring_buffer_unload(&rb->rb);
	remote_free_pages(__first_ring_buffer_desc(desc));
	remote_destroy(rb);
}

static int remote_enable_tracing(bool enable, void *unused)
{
	guard(mutex)(&remote_lock);
	remote_tracing = enable;
	remote_apply();
	/* The last events are there for who looks next. */
	if (!enable && remote_buffer)
		remote_collect(remote_buffer, rdtsc());
	return 0;
}

static int remote_enable_event(unsigned short id, bool enable, void *unused)
{
	guard(mutex)(&remote_lock);
	if (enable)
		remote_enabled |= 1U << id;
	else
		remote_enabled &= ~(1U << id);
	if (remote_tracing)
		remote_apply();
	return 0;
}

/* Only CPU 0 has anything to be read. */
static int remote_swap_reader_page(unsigned int cpu, void *unused)
{
	struct ring_buffer_desc *ring = __first_ring_buffer_desc(remote_buffer->desc);

	if (cpu != ring->cpu)
		return -EINVAL;
	return simple_ring_buffer_swap_reader_page(&remote_buffer->rb);
}

static int remote_reset(unsigned int cpu, void *unused)
{
	struct ring_buffer_desc *ring = __first_ring_buffer_desc(remote_buffer->desc);
	int r;

	if (cpu != ring->cpu)
		return 0;
	r = simple_ring_buffer_enable_tracing(&remote_buffer->rb, false);
	remote_stamps_clear(ring);
	if (!r)
		r = simple_ring_buffer_reset(&remote_buffer->rb);
	simple_ring_buffer_enable_tracing(&remote_buffer->rb, true);
	return r;
}

static int remote_rings_show(struct seq_file *m, void *unused)
{
	struct caretaker_source *s;

	seq_puts(m, "vm vcpu apic_id events written read lost dropped tsc_khz state\n");
	guard(mutex)(&remote_lock);
	list_for_each_entry(s, &remote_sources, node) {
		struct caretaker_block *b = source_block(s);

		seq_printf(m, "%016llx %u %u 0x%x %llu %llu %llu %llu %u %s\n", b->ser->vm_id,
			   b->ser->vcpu_id, b->apic_id, READ_ONCE(b->ccb->events),
			   READ_ONCE(b->ring->events), s->reader.next,
			   caretaker_ring_overrun(&s->reader), READ_ONCE(b->ring->dropped),
			   b->ring->tsc_khz, s->reader.broken ?: "good");
	}
	/* Who reads "trace" is not told of what its buffer overwrote. */
	if (remote_buffer)
		seq_printf(m, "# overrun %llu\n", READ_ONCE(remote_buffer->rb.meta->overrun));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(remote_rings);

static int remote_init_dir(struct dentry *dir, void *unused)
{
	return tracefs_create_file("rings", 0440, dir, NULL, &remote_rings_fops) ? 0 : -ENOMEM;
}

static struct trace_remote_callbacks remote_callbacks = {
	.init = remote_init_dir,
	.load_trace_buffer = remote_load,
	.unload_trace_buffer = remote_unload,
	.enable_tracing = remote_enable_tracing,
	.swap_reader_page = remote_swap_reader_page,
	.reset = remote_reset,
	.enable_event = remote_enable_event,
};

static int __init caretaker_remote_init(void)
{
	return trace_remote_register("caretaker", &remote_callbacks, NULL,
				     caretaker_remote_events, caretaker_nr_remote_events);
}
late_initcall(caretaker_remote_init);
