// SPDX-License-Identifier: GPL-2.0
/* Apart from the tests, for libcaretaker and they have functions of the same names. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/carry.h"
#include "carried.h"
#include "digest.h"

struct kept {
	struct caretaker_state_type type;
	size_t btf_len;
	unsigned char btf[];
};

int state_describe(struct bpf_object *obj, void *room, size_t size, char *why, size_t why_size)
{
	struct kept *k = room;
	void *btf = NULL;
	int err = carry_type(obj, layout_place, obj, &k->type, why, why_size);

	if (!err)
		err = carry_btf(obj, &btf, &k->btf_len);
	if (!err && k->btf_len > size - sizeof(*k))
		err = -E2BIG;
	if (!err)
		memcpy(k->btf, btf, k->btf_len);
	free(btf);
	return err;
}

static int record_number(const void *record, size_t len, const char *name,
			 unsigned long long *number, char *why, size_t why_size)
{
	struct caretaker_state_record r;
	struct types_section s[CARETAKER_STATE_SECTIONS];
	int err = caretaker_state_unpack(record, len, &r, why, why_size);
	unsigned int i;

	if (err)
		return err;
	for (i = 0; i < r.type.nr; i++) {
		s[i].name = r.type.section[i].name;
		s[i].offset = r.type.section[i].offset;
		s[i].bytes = r.type.section[i].bytes;
	}
	return types_state(r.btf, r.btf_len, s, r.type.nr, r.state, r.state_len, name, number);
}

int state_number(const void *room, size_t size, const void *state, size_t len, const char *name,
		 unsigned long long *number, char *why, size_t why_size)
{
	const struct kept *k = room;
	struct caretaker_state_record r = {
		.type = k->type, .btf = k->btf, .btf_len = k->btf_len, .state = state,
		.state_len = len,
	};
	size_t record_len;
	void *record;
	int err;

	if (k->btf_len > size - sizeof(*k))
		return -E2BIG;
	err = caretaker_state_pack(&r, &record, &record_len, why, why_size);
	if (!err)
		err = record_number(record, record_len, name, number, why, why_size);
	free(record);
	return err;
}

int state_carried(struct bpf_object *obj, const void *state, size_t len, char *why, size_t size)
{
	struct caretaker_state_type type;
	int err = carry_type(obj, layout_place, obj, &type, why, size);

	return err ? err : carry_into(obj, layout_place, obj, &type, state, len, why, size);
}
