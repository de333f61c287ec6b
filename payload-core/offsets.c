// SPDX-License-Identifier: GPL-2.0
/*
 * KVM Caretaker payload core: constants for the assembly files.
 *
 * Compiled to assembly only; the Makefile turns the lines that start with -> into asm.h.
 */
#include "payload.h"

#define CONSTANT(name, value) asm volatile("\n->" #name " %c0" : : "i" (value))
#define CCB_FIELD(name, field) \
	CONSTANT(CCB_##name, __builtin_offsetof(struct kvm_caretaker_ccb, field))

void offsets(void);

void offsets(void)
{
	CCB_FIELD(FLAGS, flags);
	CCB_FIELD(PCPU, pcpu);
	CCB_FIELD(KICKED, kicked);
	CCB_FIELD(VMCB, vmcb);
	CCB_FIELD(VMCB_PA, vmcb_pa);
	CCB_FIELD(ROUTE_KVM, route_kvm);
	CCB_FIELD(HOST_RSP, host_rsp);
	CCB_FIELD(HOST_CR3, host_cr3);
	CCB_FIELD(CR3, cr3);
	CCB_FIELD(ENTRY_ATTACHED, entry_attached);
	CCB_FIELD(ENTRY_DETACHED, entry_detached);
	CCB_FIELD(EXIT, exit);
	CCB_FIELD(EXIT_FLAGS, exit.flags);
	CCB_FIELD(EXIT_REQUESTS, exit.requests);
	CCB_FIELD(GPR, exit.gpr);
	CONSTANT(CCB_SIZE, sizeof(struct kvm_caretaker_ccb));
	CONSTANT(CCB_MAGIC, KVM_CARETAKER_CCB_MAGIC);
	CONSTANT(CCB_ABI, KVM_CARETAKER_CCB_ABI);
	CONSTANT(CCB_ISOLATE, KVM_CARETAKER_CCB_ISOLATE);
	CONSTANT(HANDLERS_ENTRY, __builtin_offsetof(struct kvm_caretaker_handlers, entry));
	CONSTANT(HANDLERS_FUEL, __builtin_offsetof(struct kvm_caretaker_handlers, fuel));
	CONSTANT(EXIT_DETACHED, KVM_CARETAKER_EXIT_DETACHED);
	CONSTANT(PCPU_HALTED, KVM_CARETAKER_PCPU_HALTED);
	CONSTANT(VECTOR_NMI, PAYLOAD_VECTOR_NMI);
	CONSTANT(CALL_EXIT, __builtin_offsetof(struct payload_call, exit));
	CONSTANT(CALL_ENTRY, __builtin_offsetof(struct payload_call, entry));
	CONSTANT(CALL_NEXT, __builtin_offsetof(struct payload_call, next));
	CONSTANT(CALL_INDEX, __builtin_offsetof(struct payload_call, index));
	CONSTANT(VMCB_EXIT_CODE, __builtin_offsetof(struct vmcb, exit_code));
	CONSTANT(VMCB_INT_INFO, __builtin_offsetof(struct vmcb, exit_int_info));
	CONSTANT(VMCB_RIP, __builtin_offsetof(struct vmcb, rip));
	CONSTANT(EXIT_CPUID, VMEXIT_CPUID);
}
