// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * State of the handlers: what the next kernel's cvmm has to know of it, what the handlers have to
 * know of the VM, and the state on its way into the handlers that the next kernel loads.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cvmm.h"
#include "state.h"
#include "uart.h"

static void place_note(const struct caretaker_handlers *h, const char *name, size_t size,
		       struct cvmm_state_place *place)
{
	struct caretaker_variable v;

	place->size = 0;
	if (caretaker_handlers_variable(h, name, &v) || v.size != size)
		return;
	place->offset = v.offset;
	place->size = v.size;
}

/**
 * handlers_note() - note what the state of the handlers is
 * @h: installed handlers
 * @s: filled in
 *
 * Return: 0, -ENODATA when they have none, or another negative errno; the reason is on stderr then.
 */
int handlers_note(const struct caretaker_handlers *h, struct cvmm_state_handlers *s)
{
	char why[256] = "";
	int ret = caretaker_handlers_state_type(h, &s->type, why, sizeof(why));

	if (ret && ret != -ENODATA)
		err("handlers: state: %s", why);
	if (ret)
		return ret;
	place_note(h, "uart_state", sizeof(struct caretaker_uart_state), &s->uart);
	place_note(h, "doorbell_state", sizeof(struct caretaker_doorbell_state), &s->bells);
	return 0;
}

/**
 * handlers_arm() - tell handlers what they need to know of the VM
 * @vm: VM
 * @h: handlers on their way to its vCPUs, or NULL when those get none
 */
void handlers_arm(struct vm *vm, const struct caretaker_handlers *h)
{
	struct caretaker_variable v;

	if (h && !caretaker_handlers_variable(h, "doorbell_state", &v) &&
	    v.size == sizeof(struct caretaker_doorbell_state))
		bells_arm(&vm->bells, v.value);
	if (h && !caretaker_handlers_variable(h, "uart_state", &v) &&
	    v.size == sizeof(struct caretaker_uart_state))
		serial_gap_set(&vm->serial, v.value);
	else
		serial_gap_set(&vm->serial, NULL);
}

/* What was replayed is not to be replayed once more. */
static void replayed_note(struct vm *vm, const struct caretaker_handlers *h)
{
	struct caretaker_uart_state *s;
	struct caretaker_variable v;

	if (caretaker_handlers_variable(h, "uart_state", &v) || v.size != sizeof(*s))
		return;
	s = v.value;
	if (vm->replay_next > s->drained && vm->replay_next <= s->head)
		s->drained = vm->replay_next;
}

/**
 * handlers_carry() - let handlers go on from the state that the old kernel's left
 * @vm: adopted VM, no Caretaker installed yet
 * @h: loaded handlers
 *
 * They start afresh when that is not possible; the reason is on stderr.
 */
void handlers_carry(struct vm *vm, struct caretaker_handlers *h)
{
	const struct caretaker_state_type *type = &vm->state->handlers.type;
	char why[256] = "";
	void *state;
	uint32_t i;
	size_t len;

	vm->carried_bytes = 0;
	if (!h || !vm->may_carry || !(vm->state->flags & CVMM_STATE_HANDLERS))
		return;
	if (caretaker_get_state(vm->vcpu[0].fd, &state, &len) || !state)
		return;
	if (caretaker_handlers_carry(h, type, state, len, why, sizeof(why))) {
		note("handlers: their state of the old kernel is not carried over: %s", why);
	} else {
		for (i = 0; i < type->nr; i++)
			vm->carried_bytes += type->section[i].bytes;
		replayed_note(vm, h);
	}
	free(state);
}
