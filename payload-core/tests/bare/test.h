/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bare-metal test of the payload core: what its files share.
 */
#ifndef BARE_TEST_H
#define BARE_TEST_H

#include "../../payload.h"
#include "../../cpu.h"
#include "bare.h"

#define PAGE		4096ULL
#define NR_GPRS		16
#define TIMEOUT_TSC	100000000000ULL

/* The control block of the payload under test; payload.h declares one of its own. */
#define C (*test_ccb)
extern struct kvm_caretaker_ccb *test_ccb;

/* Everything that the payload of one vCPU reaches by pointer. */
struct arena {
	struct vmcb kvm_vmcb, gap_vmcb;
	u8 kvm_hsave[PAGE], gap_hsave[PAGE];
	u8 kvm_vmsave[PAGE], gap_vmsave[PAGE];
	u8 msrpm[2 * PAGE], iopm[3 * PAGE];
	u8 lapic[PAGE];
	u8 fpu[PAGE];
	u8 code[PAGE];
	struct kvm_caretaker_handlers handlers;
	struct kvm_caretaker_meta meta;
	struct kvm_caretaker_telemetry telemetry __aligned(64);
	struct kvm_caretaker_ring ring;
} __aligned(4096);

/* That of the vCPU under test, which is test_vcpu. */
#define arena ((struct arena *)(u64)(ARENA_BASE + test_vcpu * ARENA_STEP))
extern u32 test_vcpu;
/* Events that setup() switches on */
extern u32 test_events;

/* boot.S */
extern u8 image_payload[], image_floor[];
extern u8 ap_trampoline[], ap_trampoline_end[], host_pml4[];
extern u8 handler_start[], handler_handled[], handler_forward[], handler_fault[], handler_end[];
extern u8 handler_least[], guest_bench[];
extern u8 guest_cpuid[], guest_rdmsr[], guest_cpuid_loop[], guest_xmm_loop[];
extern u8 guest_spin[], guest_hlt[], guest_out[], guest_out_at[], guest_shutdown[];
extern u8 guest_ticks[], guest_timer[], guest_ping[], guest_nmi_wait[], guest_nmi_send[];
extern u8 guest_kick[];
extern u64 guest_counter, guest_ticked, guest_woken;
extern const u32 boot_info;
void stub_attached(u64 entry, u64 guest_pa, u64 host_pa, u64 *route_kvm);

/* bare.c */
void bare_bsp(void);
void put(const char *text);
void put_number(u64 value, u32 base);
void report(const char *name, bool ok);
void skip(const char *name, const char *why);
void monitor(const char *command);
bool check(const char *what, u64 got, u64 wanted);
void copy(void *to, const void *from, u64 size);
void vmcb_init(struct vmcb *vmcb, const u8 *guest);
void cpuid_add(u32 function, u32 eax);
void vcpu_select(u32 vcpu);
void setup(const u8 *image, u64 base, const u8 *guest, u32 flags);
void handler_install(u32 class, const u8 *handler);

/* attached.c */
void test_attached(void);
void bench_all(void);

/* pcpu.c */
#define wait_pcpu(value) wait_for("pcpu", &C.pcpu, KVM_CARETAKER_PCPU_##value)
#define wait_state(value) wait_for("state", &C.state, KVM_CARETAKER_##value)
u32 lapic_read(u32 reg);
void lapic_write(u32 reg, u32 value);
u64 now(void);
void delay(u64 tsc);
u32 tsc_khz(void);
void ipi(u32 command);
void ipi_to(u32 apic_id, u32 command);
void kick(void);
bool wait_for(const char *what, const u32 *word, u32 value);
bool wait_value(const char *what, const u64 *word, u64 value);
bool wait_stray(u64 value);
bool wait_counter(u64 value);
void x2apic_set(bool on);
void bare_ap(u32 apic_id);
bool arm(void);
void setup_detached(const u8 *guest, u32 flags);
void ring(u32 bell);
void run(void);
bool detach(const u8 *guest, u32 flags);
bool ledger_adds_up(void);
bool ledger_has(u32 account, u64 since);
bool adopt(u32 from);
bool adopt_any(void);

/* timers.c */
bool detach_timer(u32 lvtt, u32 tdcr, u32 tmict, bool halts);
void test_timers(void);

/* detached.c, stray.c, peers.c */
void test_detached(void);
void test_stray(void);
void test_peers(void);

static inline u64 guest_count(void)
{
	return __atomic_load_n(&guest_counter, __ATOMIC_RELAXED);
}

#endif /* BARE_TEST_H */
