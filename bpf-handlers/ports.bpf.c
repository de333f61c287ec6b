// SPDX-License-Identifier: GPL-2.0
/*
 * Exit handler: ports of an old PC that a guest touches for no device's sake, in the gap.
 *
 * Writes to 0x80 and 0xed are how drivers wait a microsecond: nothing has to happen. Port 0x61
 * is read to find out why an NMI came, and to wait for its refresh bit to change: bit 4 changes
 * with each read, the NMI bits 6 and 7 are 0, what was written comes back. With bit 0 (timer 2
 * runs) its bit 5 would have to follow a timer that nobody emulates: such reads block.
 *
 * What port 0x61 holds is the VMM's: it says so in the state before the gap, and takes back what
 * the guest wrote. Without it the port blocks.
 */
#include "caretaker.bpf.h"
#include "ports.h"

#define PORT_DELAY	0x80
#define PORT_DELAY2	0xed
#define PORT_61		0x61
#define PORT_61_GATE	0x01
#define PORT_61_KEPT	0x0f
#define PORT_61_REFRESH	0x10

struct caretaker_ports_state ports_state;

static __always_inline int ports_read61(struct kvm_caretaker_exit *exit)
{
	struct caretaker_ports_state *s = &ports_state;
	__u64 value = s->port61 & PORT_61_KEPT;

	if (value & PORT_61_GATE)
		return KVM_CARETAKER_NEXT;
	if (__sync_fetch_and_add(&s->reads61, 1) & 1)
		value |= PORT_61_REFRESH;
	exit->gpr[KVM_CARETAKER_RAX] = (exit->gpr[KVM_CARETAKER_RAX] & ~0xffULL) | value;
	return KVM_CARETAKER_HANDLED;
}

static __always_inline int ports_61(struct kvm_caretaker_exit *exit)
{
	struct caretaker_ports_state *s = &ports_state;

	if (!(s->flags & CARETAKER_PORT61_VALID))
		return KVM_CARETAKER_NEXT;
	if (exit->info1 & KVM_CARETAKER_IO_IN)
		return ports_read61(exit);
	s->port61 = exit->gpr[KVM_CARETAKER_RAX] & PORT_61_KEPT;
	s->flags |= CARETAKER_PORT61_DIRTY;
	__sync_fetch_and_add(&s->writes61, 1);
	return KVM_CARETAKER_HANDLED;
}

static __always_inline int ports_serve(struct kvm_caretaker_exit *exit)
{
	switch (KVM_CARETAKER_IO_PORT(exit->info1)) {
	case PORT_DELAY:
	case PORT_DELAY2:
		if (exit->info1 & KVM_CARETAKER_IO_IN)
			break;
		__sync_fetch_and_add(&ports_state.delays, 1);
		return KVM_CARETAKER_HANDLED;
	case PORT_61:
		return ports_61(exit);
	}
	return KVM_CARETAKER_NEXT;
}

CARETAKER_HANDLER(io, ports_io)
{
	int verdict;

	if (!caretaker_detached(exit))
		return KVM_CARETAKER_FORWARD;
	if (exit->info1 & KVM_CARETAKER_IO_STR || KVM_CARETAKER_IO_SIZE(exit->info1) != 1)
		return KVM_CARETAKER_NEXT;
	verdict = ports_serve(exit);
	if (verdict == KVM_CARETAKER_HANDLED) {
		ports_state.size = sizeof(ports_state);
		ports_state.version = CARETAKER_PORTS_VERSION;
	}
	return verdict;
}

CARETAKER_HANDLERS(ports, .io = (void *)ports_io);
