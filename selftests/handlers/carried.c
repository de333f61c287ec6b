// SPDX-License-Identifier: GPL-2.0
/* Apart from the tests, for libcaretaker and they have functions of the same names. */
#include "../../lib/carry.h"
#include "carried.h"

int state_carried(struct bpf_object *obj, const void *state, size_t len, char *why, size_t size)
{
	struct caretaker_state_type type;
	int err = carry_type(obj, layout_place, obj, &type, why, size);

	return err ? err : carry_into(obj, layout_place, obj, &type, state, len, why, size);
}
