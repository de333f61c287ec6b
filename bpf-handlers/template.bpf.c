// SPDX-License-Identifier: GPL-2.0
/*
 * Exit handler: a start for your own. Copy it, rename the set, keep the members you need.
 *
 * What a handler may do: read the exit context, write gpr[] but gpr[RSP], use global variables
 * (they are its state, shared with whoever mmaps the maps, and outlive the kernel), call its own
 * static functions and the kfuncs of caretaker.bpf.h, loop. What it may not: call helpers or other
 * kernel functions, use other maps, follow pointers. Registers of the context need constant
 * indices: exit->gpr[KVM_CARETAKER_RCX].
 *
 * Verdicts: KVM_CARETAKER_HANDLED (RIP advances, the guest goes on), NEXT (the native code may
 * serve it), FORWARD and BLOCK (attached: KVM serves it; detached: the vCPU waits for the next
 * kernel).
 */
#include "caretaker.bpf.h"

/*
 * State: fixed-width, size first, so that a tool can tell what it reads. vCPUs that have the same
 * set share it: what several of them count is counted by atomics.
 */
struct {
	__u32 size;
	__u32 pad;
	__u64 hypercalls;
	__u64 hypercalls_gap;
} template_state;

CARETAKER_HANDLER(hypercall, template_hypercall)
{
	template_state.size = sizeof(template_state);
	__sync_fetch_and_add(&template_state.hypercalls, 1);
	if (caretaker_detached(exit))
		__sync_fetch_and_add(&template_state.hypercalls_gap, 1);
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLERS(template, .hypercall = (void *)template_hypercall);
