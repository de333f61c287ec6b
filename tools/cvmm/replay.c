// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * What handlers absorbed in the gap is brought where it belongs: console output to the console, in
 * order; registers of the UART to the device; writes to doorbells to their eventfds.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cvmm.h"
#include "state.h"
#include "uart.h"

/* Is this the state of the uart handler, and does it make sense? */
static int state_is_uart(const struct caretaker_uart_state *s, size_t len)
{
	if (len < sizeof(*s) || !s->size)
		return 0;	/* another handler set, or no byte was written */
	if (s->size != sizeof(*s) || s->version != CARETAKER_UART_VERSION)
		return -EPROTO;
	if (s->ring_size != CARETAKER_UART_RING || s->drained > s->head ||
	    s->head - s->drained > s->ring_size)
		return -EPROTO;
	return 1;
}

static int replay_console(struct vm *vm, const struct caretaker_uart_state *s, size_t len,
			  char *why, size_t size)
{
	uint64_t i, from;
	uint8_t *out;
	int ret = state_is_uart(s, len);

	if (ret < 0)
		snprintf(why, size, "handler state: not what this cvmm knows: size %u version %u",
			 s->size, s->version);
	if (ret <= 0)
		return ret;
	out = malloc(CARETAKER_UART_RING);
	if (!out)
		return -ENOMEM;
	from = vm->replay_next > s->drained ? vm->replay_next : s->drained;
	for (i = from; i < s->head; i++)
		out[i - from] = s->ring[i % CARETAKER_UART_RING];
	serial_replay(&vm->serial, out, i - from);
	vm->replayed_bytes += i - from;
	vm->replay_next = i;
	serial_gap_drained(&vm->serial, i);
	free(out);
	return 0;
}

/* What is there of @place in @len bytes of state. */
static size_t place_bytes(const struct cvmm_state_place *place, size_t len)
{
	if (place->offset > len || place->size > len - place->offset || place->offset % 8)
		return 0;
	return place->size;
}

static int replay_state(struct vm *vm, const char *state, size_t len, bool ended, char *why,
			size_t size)
{
	const struct cvmm_state_handlers *h = &vm->state->handlers;
	const void *uart = state + h->uart.offset;
	size_t bytes = place_bytes(&h->uart, len);
	int ret = bytes ? replay_console(vm, uart, bytes, why, size) : 0;

	if (ret || !ended)
		return ret;
	if (bytes >= sizeof(struct caretaker_uart_state))
		serial_gap_end(&vm->serial, uart);
	bytes = place_bytes(&h->bells, len);
	ret = bytes ? bells_replay(&vm->bells, (const void *)(state + h->bells.offset), bytes) : 0;
	if (ret > 0)
		vm->replayed_bells += ret;
	if (ret >= 0)
		return 0;
	snprintf(why, size, "doorbells: signal what was absorbed: %s", strerror(-ret));
	return ret;
}

/* @ended: the guest runs in KVM again, or is about to. */
static int replay(struct vm *vm, bool ended, char *why, size_t size)
{
	void *state;
	size_t len;
	int ret;

	if (!vm->caretaker || !(vm->state->flags & CVMM_STATE_HANDLERS))
		return 0;
	/* All vCPUs share it. */
	ret = caretaker_get_state(vm->vcpu[0].fd, &state, &len);
	if (ret == -ENOENT || (!ret && !state))
		return 0;
	if (ret) {
		snprintf(why, size, "handler state: read: %s", caretaker_strerror(ret));
		return ret;
	}
	ret = replay_state(vm, state, len, ended, why, size);
	free(state);
	return ret;
}

/**
 * replay_absorbed() - write the absorbed console bytes that were not written yet
 * @vm: VM; what its vCPUs write during the call may be missed
 * @why: buffer for the reason of a failure
 * @size: its size
 *
 * Return: 0, also when there is nothing; or a negative errno.
 */
int replay_absorbed(struct vm *vm, char *why, size_t size)
{
	return replay(vm, false, why, size);
}

/**
 * replay_all() - the gap is over: console bytes, registers of the UART, doorbells
 * @vm: VM whose vCPUs are in KVM; no exit of theirs was served by user space yet
 * @why: buffer for the reason of a failure
 * @size: its size
 *
 * Return: 0, also when there is nothing; or a negative errno.
 */
int replay_all(struct vm *vm, char *why, size_t size)
{
	return replay(vm, true, why, size);
}
