// SPDX-License-Identifier: GPL-2.0
/* What comes out of memory is a number. */
#include "expect.bpf.h"

struct kvm_caretaker_exit *saved;

CARETAKER_HANDLER(io, pointer_from_state)
{
	saved = exit;
	barrier();
	return saved->reason & 1;
}

CARETAKER_HANDLERS(set, .io = (void *)pointer_from_state);
EXPECT("-", "load", "invalid mem access 'scalar'");
