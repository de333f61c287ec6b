// SPDX-License-Identifier: GPL-2.0
/*
 * Bare-metal test of the payload core: attached runs and the benchmark.
 */
#include "test.h"

static u64 exits(u32 index, u32 server)
{
	return kvm_caretaker_exits(&arena->telemetry, index, server);
}

static void run_attached(void)
{
	cpu_wrmsr(MSR_EFER, cpu_rdmsr(MSR_EFER) | EFER_SVME);
	cpu_wrmsr(MSR_VM_HSAVE_PA, (u64)arena->kvm_hsave);
	stub_attached((u64)test_ccb + C.entry_attached, (u64)&arena->kvm_vmcb,
		      (u64)arena->kvm_vmsave, (u64 *)&C.route_kvm);
}

static bool gprs_untouched(u32 first)
{
	bool ok = true;
	u32 i;

	for (i = first; i < NR_GPRS; i++)
		ok &= check("gpr", C.exit.gpr[i], 0x100 + i);
	return ok;
}

static bool attached_cpuid(u64 base, u32 flags)
{
	u64 cr3 = cpu_read(cr3);
	bool ok;

	setup(image_payload, base, guest_cpuid, flags);
	arena->kvm_vmcb.rax = 0x40000000;
	run_attached();
	ok = check("exit", arena->kvm_vmcb.exit_code, VMEXIT_VMMCALL);
	ok &= check("rax", arena->kvm_vmcb.rax, 0x2000);
	ok &= check("rbx", C.exit.gpr[3], 0x2001);
	ok &= check("rcx", C.exit.gpr[1], 0x2002);
	ok &= check("rdx", C.exit.gpr[2], 0x2003);
	ok &= check("native", exits(VMEXIT_CPUID, KVM_CARETAKER_NATIVE), 1);
	ok &= check("kvm", exits(VMEXIT_VMMCALL, KVM_CARETAKER_KVM), 1);
	ok &= check("open", arena->telemetry.open, KVM_CARETAKER_TIME_KVM) & ledger_adds_up();
	ok &= check("cr3", cpu_read(cr3), cr3);
	return ok & gprs_untouched(5);
}

static void test_attached_cpuid(void)
{
	report("attached CPUID served", attached_cpuid(IMAGE_BASE, 0));
	report("attached CPUID served at another address", attached_cpuid(IMAGE_BASE2, 0));
	report("attached CPUID served on isolated tables",
	       attached_cpuid(IMAGE_BASE, KVM_CARETAKER_CCB_ISOLATE));
}

static void test_attached_miss(void)
{
	bool ok;

	setup(image_payload, IMAGE_BASE, guest_cpuid, 0);
	arena->kvm_vmcb.rax = 0x1234;
	run_attached();
	ok = check("exit", arena->kvm_vmcb.exit_code, VMEXIT_CPUID);
	ok &= check("rip", arena->kvm_vmcb.rip, (u64)guest_cpuid);
	ok &= check("rax", arena->kvm_vmcb.rax, 0x1234);
	report("attached CPUID leaf without entry goes to KVM", ok & gprs_untouched(5));
}

static void test_attached_rdmsr(void)
{
	bool ok;

	setup(image_payload, IMAGE_BASE, guest_rdmsr, KVM_CARETAKER_CCB_ISOLATE);
	C.exit.gpr[KVM_CARETAKER_RCX] = 0x8b;
	run_attached();
	ok = check("exit", arena->kvm_vmcb.exit_code, VMEXIT_VMMCALL);
	ok &= check("rax", arena->kvm_vmcb.rax, 0x55667788);
	ok &= check("rdx", C.exit.gpr[KVM_CARETAKER_RDX], 0x11223344);
	report("attached RDMSR served by policy", ok);
}

static void test_attached_step(void)
{
	bool ok;

	setup(image_payload, IMAGE_BASE, guest_cpuid, 0);
	arena->kvm_vmcb.rax = 1;
	arena->kvm_vmcb.rflags |= RFLAGS_TF;
	run_attached();
	ok = check("exit", arena->kvm_vmcb.exit_code, VMEXIT_CPUID);
	report("attached single-stepped CPUID goes to KVM", ok);
}

static void test_attached_handled(void)
{
	bool ok;

	setup(image_payload, IMAGE_BASE, guest_cpuid, KVM_CARETAKER_CCB_ISOLATE);
	handler_install(KVM_CARETAKER_CLASS_CPUID, handler_handled);
	run_attached();
	ok = check("exit", arena->kvm_vmcb.exit_code, VMEXIT_VMMCALL);
	ok &= check("rax", arena->kvm_vmcb.rax, 0x1111);
	ok &= check("rbx", C.exit.gpr[3], 0x3333);
	ok &= check("rsp", arena->kvm_vmcb.rsp, 0x9000);
	ok &= check("r14", C.exit.gpr[14], 999);
	ok &= check("r15", C.exit.gpr[15], 0xffff);
	ok &= check("rbp", C.exit.gpr[5], 0x105);
	ok &= check("count", exits(VMEXIT_CPUID, KVM_CARETAKER_HANDLER), 1);
	report("attached exit served by a handler, RSP not its to write", ok);
}

static void test_attached_forward(void)
{
	bool ok;
	u32 i;

	setup(image_payload, IMAGE_BASE, guest_cpuid, KVM_CARETAKER_CCB_ISOLATE);
	handler_install(KVM_CARETAKER_CLASS_CPUID, handler_forward);
	arena->kvm_vmcb.rax = 1;
	run_attached();
	ok = check("exit", arena->kvm_vmcb.exit_code, VMEXIT_CPUID);
	ok &= check("rip", arena->kvm_vmcb.rip, (u64)guest_cpuid);
	ok &= check("rax", arena->kvm_vmcb.rax, 1);
	for (i = 1; i < 4; i++)
		ok &= check("gpr", C.exit.gpr[i], 0x100 + i);
	ok &= gprs_untouched(5);
	report("attached FORWARD takes back what the handler wrote", ok);
}

static void test_floor(void)
{
	bool ok;

	setup(image_floor, IMAGE_BASE, guest_cpuid, KVM_CARETAKER_CCB_ISOLATE);
	run_attached();
	ok = check("exit", arena->kvm_vmcb.exit_code, VMEXIT_VMMCALL);
	report("floor skips CPUID and forwards the rest", ok & gprs_untouched(5));
}

void test_attached(void)
{
	test_attached_cpuid();
	test_attached_miss();
	test_attached_rdmsr();
	test_attached_step();
	test_attached_handled();
	test_attached_forward();
	test_floor();
}

/*
 * Prints TSC cycles per exit. With QEMU's -icount shift=0 these are instructions, the guest's four
 * per exit included.
 */
static void bench(const char *name, const u8 *image, const u8 *handler, u32 flags)
{
	setup(image, IMAGE_BASE, guest_bench, flags);
	if (handler)
		handler_install(KVM_CARETAKER_CLASS_CPUID, handler);
	run_attached();
	put("# cycles per CPUID exit, ");
	put(name);
	put(": ");
	put_number(C.exit.gpr[8] / BENCH_EXITS, 10);
	put("\n");
}

void bench_all(void)
{
	bench("floor", image_floor, NULL, 0);
	bench("native", image_payload, NULL, 0);
	bench("native, isolated", image_payload, NULL, KVM_CARETAKER_CCB_ISOLATE);
	bench("shortest handler", image_payload, handler_least, 0);
	test_events = 1U << KVM_CARETAKER_EVENT_EXIT;
	bench("native, each an event", image_payload, NULL, 0);
	test_events = 0;
}
