// SPDX-License-Identifier: GPL-2.0
#include "expect.bpf.h"

CARETAKER_HANDLERS(set, .io = 0);
EXPECT("SET", "attach", "no handler in the set");
