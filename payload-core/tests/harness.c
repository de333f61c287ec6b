// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of the payload core: stand-ins for run.c and host.c, set-up, main.
 */
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"

#define GUEST_RIP	0x401000

struct kvm_caretaker_ccb ccb;
struct harness h;
unsigned int failures;

u64 payload_tsc(void)
{
	if (h.on_tsc)
		h.on_tsc();
	if (h.clock)
		h.tsc = *h.clock++;
	else
		h.tsc += 10;
	return h.tsc;
}

void payload_window(void)
{
	h.windows++;
	if (h.on_window)
		h.on_window();
}

/* Both end when a kernel asks for the vCPU. */
void payload_idle(void)
{
	h.idles++;
	payload_halt_begins();
	payload_halt_ends();
	if (h.on_idle)
		h.on_idle();
	else
		ccb.state = KVM_CARETAKER_ADOPTING;
}

void payload_spin(void)
{
	u64 nr = h.telemetry.nr_stalls;

	h.spins++;
	EXPECT(nr && !h.telemetry.stalls[(nr - 1) % KVM_CARETAKER_NR_STALLS].tsc_end);
	EXPECT_EQ(ccb.state, KVM_CARETAKER_STALLED);
	ccb.state = KVM_CARETAKER_ADOPTING;
}

u32 payload_host_read(u32 offset)
{
	return h.host[offset / 16];
}

void payload_host_write(u32 offset, u32 value)
{
	h.host_writes++;
	h.host[offset / 16] = value;
}

void payload_host_deadline(u64 tsc)
{
	h.host_writes++;
	h.host_deadline = tsc;
}

void payload_host_ipi(u32 apic_id, u32 vector)
{
	EXPECT_EQ(vector, KVM_CARETAKER_VECTOR_KICK);
	h.kicks++;
	h.kicked_id = apic_id;
}

u64 payload_host_msr(u32 msr)
{
	return h.host_msr[msr];
}

void payload_host_msr_set(u32 msr, u64 value)
{
	h.host_writes++;
	h.host_msr[msr] = value;
}

void payload_fault_exit(u64 fault, u64 rip, u64 addr)
{
	h.fault = fault;
	h.fault_rip = rip;
	(void)addr;
	longjmp(h.fault_jump, 1);
}

void harness_reset(void)
{
	u32 i;

	memset(&h, 0, sizeof(h));
	memset(&ccb, 0, sizeof(ccb));
	ccb.state = KVM_CARETAKER_ATTACHED;
	ccb.handlers = (u64)&h.handlers;
	ccb.meta = (u64)&h.meta;
	ccb.telemetry = (u64)&h.telemetry;
	ccb.vmcb = (u64)&h.vmcb;
	ccb.lapic = (u64)h.lapic;
	ccb.ring = (u64)&h.ring;
	ccb.tsc_khz = HARNESS_TSC_KHZ;
	ccb.apic_cycle_ns = 1;
	payload_apic_enable();
	for (i = 0; i < 16; i++)
		ccb.exit.gpr[i] = 0xa0 + i;
	*lapic_at(0xf0) = 0x1ff;
	kvm_caretaker_slots_begin(&h.telemetry);
	h.handlers.generation = 7;
	h.vmcb.rip = GUEST_RIP;
	h.vmcb.rsp = 0x9000;
	h.vmcb.rax = 0xdead0000000000aa;
	h.vmcb.rflags = 2;
	h.vmcb.next_rip = GUEST_RIP + 0x100;
	h.vmcb.flush = 0x0301;
	h.vmcb.event_inj = VMCB_EVENT_VALID | 0x30;
	h.vmcb.int_state = 3;
}

void cpuid_add(u32 function, u32 index, u32 flags, u32 value)
{
	u32 slot = KVM_CARETAKER_CPUID_HASH(function);

	while (h.meta.cpuid[slot].flags)
		slot = (slot + 1) % KVM_CARETAKER_CPUID_SLOTS;
	h.meta.cpuid[slot] = (struct kvm_caretaker_cpuid){
		function, index, flags | KVM_CARETAKER_CPUID_USED,
		value, value + 1, value + 2, value + 3, 0,
	};
}

void msr_add(u32 msr, u32 flags, u64 value)
{
	h.meta.msrs[h.meta.nr_msrs++] = (struct kvm_caretaker_msr){ msr, flags, value };
}

void handler_set(u32 class, u32 (*handler)(u64 *cell))
{
	h.handlers.entry[class] = (u64)handler;
	h.handlers.fuel[class] = 1234;
}

u32 *lapic_at(u32 offset)
{
	return (u32 *)(h.lapic + offset);
}

bool lapic_bit(u32 bank, u32 vector)
{
	return *lapic_at(bank + vector / 32 * 16) >> (vector & 31) & 1;
}

void lapic_bit_set(u32 bank, u32 vector)
{
	*lapic_at(bank + vector / 32 * 16) |= 1U << (vector & 31);
}

/* Those of handler.S keep no register: as the run loops, these keep what the callers need. */
#define HANDLER_ENTER(mode)								\
u32 payload_handler_enter_##mode(const struct vmcb *vmcb, u32 index, u64 next, u64 class, \
				 const struct kvm_caretaker_handlers *handlers)		\
{											\
	register const void *r8 asm("r8") = handlers;					\
	static u64 rsp;									\
	u32 action;									\
											\
	asm volatile("push %%rbp\n\t"							\
		     "mov %%rsp, %1\n\t"						\
		     "and $-16, %%rsp\n\t"						\
		     "call payload_handler_bare_" #mode "\n\t"				\
		     "mov %1, %%rsp\n\t"						\
		     "pop %%rbp"							\
		     : "=a" (action), "+m" (rsp), "+D" (vmcb), "+S" (index), "+d" (next), \
		       "+c" (class), "+r" (r8)						\
		     : : "rbx", "r9", "r10", "r11", "r12", "r13",			\
		     "r14", "r15", "memory", "cc");					\
	return action;									\
}

HANDLER_ENTER(attached)
HANDLER_ENTER(detached)

static u32 drive(u64 code, u32 (*exit)(void))
{
	h.vmcb.exit_code = code;
	payload_handlers_begin(&h.vmcb);
	if (setjmp(h.fault_jump))
		return PAYLOAD_LEAVE;
	return exit();
}

u32 exit_attached(u64 code)
{
	ccb.exit.flags &= ~KVM_CARETAKER_EXIT_DETACHED;
	return drive(code, payload_exit_attached);
}

u32 exit_detached(u64 code)
{
	ccb.state = ccb.state == KVM_CARETAKER_ATTACHED ? KVM_CARETAKER_RUNNING : ccb.state;
	ccb.exit.flags |= KVM_CARETAKER_EXIT_DETACHED;
	return drive(code, payload_exit_detached);
}

u32 wrmsr(u32 msr, u64 value)
{
	GPR(RCX) = msr;
	GPR(RDX) = value >> 32;
	h.vmcb.rax = (u32)value;
	h.vmcb.info1 = VMCB_MSR_WRITE;
	return exit_detached(VMEXIT_MSR);
}

/* vCPU n has x2APIC ID n and a pCPU with ID 0x10 + n. */
void peers_set(u32 nr, u32 self)
{
	u32 i;

	h.peers.size = sizeof(h.peers);
	h.peers.nr = nr;
	for (i = 0; i < nr; i++)
		h.peers.box[i] = (struct kvm_caretaker_mailbox){
			.x2apic_id = i, .host_apic_id = 0x10 + i, .open = 1,
		};
	ccb.peers = (u64)&h.peers;
	ccb.self = self;
	ccb.flags |= KVM_CARETAKER_CCB_X2APIC;
	*lapic_at(0xd0) = self >> 4 << 16 | 1 << (self & 15);
}

static unsigned int run(const struct test *tests, unsigned int *nr)
{
	unsigned int failed = 0;

	for (; tests->name; tests++) {
		harness_reset();
		failures = 0;
		tests->run();
		printf("%sok %u %s\n", failures ? "not " : "", ++*nr, tests->name);
		failed += failures > 0;
	}
	return failed;
}

/* With a file: only the listing of test_mmio.c */
int main(int argc, char **argv)
{
	const struct test *all[] = {
		tests_attached, tests_gap, tests_cpuid, tests_lapic, tests_inject,
		tests_timer, tests_apic, tests_mc, tests_ipi, tests_nmi, tests_hypercall,
		tests_state, tests_telemetry, tests_ring, tests_requests,
		tests_mmio,
	};
	unsigned int i, nr = 0, failed = 0;

	if (argc > 1)
		return mmio_listing(argv[1]);
	alarm(60);	/* a search that does not end must fail, not hang */
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("KTAP version 1\n");
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		failed += run(all[i], &nr);
	printf("1..%u\n", nr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
