// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Doorbells: KVM's ioeventfds, and what the doorbell handler recorded for them in a gap.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <linux/kvm.h>

#include "bells.h"

/**
 * bells_add() - one more port
 * @d: doorbells
 * @port: port
 * @len: bytes of a write, 1, 2 or 4
 *
 * Return: 0, -ENOSPC when the handler could not tell more apart, or what eventfd() gives.
 */
int bells_add(struct bells *d, uint16_t port, uint16_t len)
{
	int fd;

	if (d->nr == CARETAKER_DOORBELLS)
		return -ENOSPC;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	memset(&d->bell[d->nr], 0, sizeof(d->bell[0]));
	d->bell[d->nr].port = port;
	d->bell[d->nr].len = len;
	d->bell[d->nr++].fd = fd;
	return 0;
}

/**
 * bells_listen() - let KVM signal the eventfds
 * @d: doorbells
 * @vm_fd: VM
 *
 * Return: 0 or a negative errno.
 */
int bells_listen(const struct bells *d, int vm_fd)
{
	unsigned int i;

	for (i = 0; i < d->nr; i++) {
		struct kvm_ioeventfd e = {
			.addr = d->bell[i].port, .len = d->bell[i].len, .fd = d->bell[i].fd,
			.flags = KVM_IOEVENTFD_FLAG_PIO,
		};

		if (ioctl(vm_fd, KVM_IOEVENTFD, &e) < 0)
			return -errno;
	}
	return 0;
}

/**
 * bells_arm() - tell a new handler set what to take in a gap
 * @d: doorbells
 * @s: state of the set, live; what it counted before counts as passed on
 */
void bells_arm(struct bells *d, struct caretaker_doorbell_state *s)
{
	unsigned int i;

	for (i = 0; i < CARETAKER_DOORBELLS; i++) {
		struct caretaker_doorbell *b = &s->bell[i];

		__atomic_store_n(&b->flags, 0, __ATOMIC_RELEASE);
		b->replayed = b->rung;
		if (i >= d->nr)
			continue;
		d->bell[i].done = b->rung;
		b->port = d->bell[i].port;
		b->len = d->bell[i].len;
		__atomic_store_n(&b->flags, CARETAKER_DOORBELL_USED, __ATOMIC_RELEASE);
	}
	s->version = CARETAKER_DOORBELL_VERSION;
	s->size = sizeof(*s);
}

/* The entry of the state that is for a port: a VMM may have ordered them otherwise. */
static const struct caretaker_doorbell *
entry_find(const struct caretaker_doorbell_state *s, uint16_t port, uint16_t len)
{
	const struct caretaker_doorbell *b;

	for (b = s->bell; b < s->bell + CARETAKER_DOORBELLS; b++)
		if (b->flags & CARETAKER_DOORBELL_USED && b->port == port && b->len == len)
			return b;
	return NULL;
}

/**
 * bells_replay() - signal the eventfds for writes that the handler took and nobody passed on
 * @d: doorbells
 * @s: state of the handler, of a gap that is over
 * @len: its bytes
 *
 * Return: number of writes passed on; -EPROTO: the state makes no sense.
 */
int bells_replay(struct bells *d, const struct caretaker_doorbell_state *s, size_t len)
{
	const struct caretaker_doorbell *b;
	unsigned int i;
	uint64_t from, n;
	int sum = 0;

	if (len < sizeof(*s) || !s->size)
		return 0;
	if (s->size != sizeof(*s) || s->version != CARETAKER_DOORBELL_VERSION)
		return -EPROTO;
	for (i = 0; i < d->nr; i++) {
		b = entry_find(s, d->bell[i].port, d->bell[i].len);
		if (!b)
			continue;
		from = d->bell[i].done > b->replayed ? d->bell[i].done : b->replayed;
		if (b->rung < from)
			return -EPROTO;
		n = b->rung - from;
		if (n && write(d->bell[i].fd, &n, sizeof(n)) != sizeof(n))
			return -errno;
		d->bell[i].done = b->rung;
		sum += n;
	}
	return sum;
}

/**
 * bells_read() - take what was signalled
 * @d: doorbells
 */
void bells_read(struct bells *d)
{
	unsigned int i;
	uint64_t n;

	for (i = 0; i < d->nr; i++)
		if (read(d->bell[i].fd, &n, sizeof(n)) == sizeof(n))
			d->bell[i].rung += n;
}

/**
 * bells_close() - give the eventfds back
 * @d: doorbells
 */
void bells_close(struct bells *d)
{
	while (d->nr)
		close(d->bell[--d->nr].fd);
}
