// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Console output that the uart handler absorbed in the gap, brought to the console in order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cvmm.h"
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
	struct caretaker_uart_state *s;
	uint64_t i, from;
	uint8_t *out;
	size_t len;
	int ret;

	if (!vm->caretaker)
		return 0;
	/* All vCPUs share it. */
	ret = caretaker_get_state(vm->vcpu[0].fd, (void **)&s, &len);
	if (ret == -ENOENT || (!ret && !s))
		return 0;
	if (ret) {
		snprintf(why, size, "handler state: read: %s", caretaker_strerror(ret));
		return ret;
	}
	ret = state_is_uart(s, len);
	if (ret < 0)
		snprintf(why, size, "handler state: not what this cvmm knows: size %u version %u",
			 s->size, s->version);
	if (ret <= 0)
		goto out;
	from = vm->replay_next > s->drained ? vm->replay_next : s->drained;
	ret = -ENOMEM;
	out = malloc(CARETAKER_UART_RING);
	if (!out)
		goto out;
	for (i = from; i < s->head; i++)
		out[i - from] = s->ring[i % CARETAKER_UART_RING];
	serial_replay(&vm->serial, out, i - from);
	vm->replayed_bytes += i - from;
	vm->replay_next = i;
	free(out);
	ret = 0;
out:
	free(s);
	return ret;
}
