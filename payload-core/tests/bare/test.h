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

/* The control block of the payload under test; payload.h declares one of its own. */
#define C (*test_ccb)
extern struct kvm_caretaker_ccb *test_ccb;

/* Everything that the payload reaches by pointer; at ARENA_BASE. */
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
} __aligned(4096);

#define arena ((struct arena *)ARENA_BASE)

/* boot.S */
extern u8 image_payload[], image_floor[];
extern u8 ap_trampoline[], ap_trampoline_end[], host_pml4[];
extern u8 handler_start[], handler_handled[], handler_forward[], handler_fault[], handler_end[];
extern u8 handler_least[], guest_bench[];
extern u8 guest_cpuid[], guest_rdmsr[], guest_cpuid_loop[], guest_xmm_loop[];
extern u8 guest_spin[], guest_hlt[], guest_out[], guest_out_at[], guest_shutdown[];
extern u8 guest_ticks[];
extern u64 guest_counter;
extern const u32 boot_info;
void stub_attached(u64 entry, u64 guest_pa, u64 host_pa, u64 *route_kvm);

/* bare.c */
void bare_bsp(void);
void put(const char *text);
void put_number(u64 value, u32 base);
void report(const char *name, bool ok);
bool check(const char *what, u64 got, u64 wanted);
void copy(void *to, const void *from, u64 size);
void vmcb_init(struct vmcb *vmcb, const u8 *guest);
void setup(const u8 *image, u64 base, const u8 *guest, u32 flags);
void handler_install(u32 class, const u8 *handler);

/* attached.c */
void test_attached(void);
void bench_all(void);

/* detached.c */
void bare_ap(void);
void test_detached(void);

static inline u64 guest_count(void)
{
	return __atomic_load_n(&guest_counter, __ATOMIC_RELAXED);
}

#endif /* BARE_TEST_H */
