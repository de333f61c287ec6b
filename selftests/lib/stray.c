// SPDX-License-Identifier: GPL-2.0
/* Events that hit a pCPU and that nobody has asked for. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ktap.h"
#include "stray.h"

/* A message to the LAPIC with the ID PCPU (AMD64 APM volume 2, 16.5 and PCI's MSI) */
#define MSI_ADDRESS	(0xfee00000UL | PCPU << 12)
#define MSI_NMI		0x400
#define MSI_INIT	0x500

#define MSR_VM_CR	0xc0010114
#define VM_CR_R_INIT	2UL

#define FIRST_VECTOR	16	/* that a LAPIC takes */
#define NR_TIMES	5
#define WAIT_MS		20000

static volatile uint32_t *msi_page(void)
{
	static volatile uint32_t *page;
	int fd;

	if (page)
		return page;
	fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, MSI_ADDRESS);
	close(fd);
	if (page == MAP_FAILED)
		page = NULL;
	return page;
}

/* On CPU 0, and put back. The emulator's repairs come together. */
static bool init_is_redirected(void)
{
	uint64_t old = 0, on = VM_CR_R_INIT, now = 0;
	int fd = open("/dev/cpu/0/msr", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (pread(fd, &old, 8, MSR_VM_CR) == 8 && pwrite(fd, &on, 8, MSR_VM_CR) == 8 &&
	    pread(fd, &now, 8, MSR_VM_CR) == 8)
		pwrite(fd, &old, 8, MSR_VM_CR);
	close(fd);
	return now & VM_CR_R_INIT;
}

const char *stray_missing(void)
{
	if (!msi_page())
		return "/dev/mem cannot be mapped";
	if (!init_is_redirected())
		return "the emulator does not redirect INIT: see scripts/qemu-build";
	return NULL;
}

void stray_machine_check(uint64_t status, bool in_gap)
{
	printf("# ct-monitor%s mce %d %d %#lx %#x %#x 0\n", in_gap ? "-gap" : "", PCPU, STRAY_BANK,
	       status, STRAY_MCG, STRAY_MC_ADDR);
	fflush(stdout);
}

static bool own_vector(unsigned int vector)
{
	return vector == KVM_CARETAKER_VECTOR_TIMER || vector == KVM_CARETAKER_VECTOR_KICK;
}

/* Waits until one more was counted than @before */
static bool counted(struct kvm_guest *g, uint64_t before, unsigned int vector)
{
	static struct kvm_caretaker_telemetry t;
	unsigned int ms;

	for (ms = 0; ms < WAIT_MS; ms++) {
		if (caretaker_telemetry(g, &t))
			break;
		if (t.stray != before || t.fault)
			break;
		sleep_ms(1);
	}
	if (t.stray == before + 1 && t.stray_vector == vector && t.stray_tsc > t.tsc_run &&
	    !t.fault)
		return true;
	ktap_diag("vector %u: %llu stray events, %lu before, the last one with vector %llu, fault %llu",
		  vector, t.stray, before, t.stray_vector, t.fault);
	return false;
}

static enum ktap_result send(struct kvm_guest *g, uint32_t message, unsigned int vector)
{
	static struct kvm_caretaker_telemetry t;

	CHECK(!caretaker_telemetry(g, &t), "no telemetry");
	*msi_page() = message;
	CHECK(counted(g, t.stray, vector), "message %#x", message);
	return KTAP_PASS;
}

/* From the highest on: one that gets no EOI holds all others back. */
static enum ktap_result vectors(struct kvm_guest *g)
{
	unsigned int vector;

	for (vector = 255; vector >= FIRST_VECTOR; vector--)
		if (!own_vector(vector) && send(g, vector, vector) != KTAP_PASS)
			return KTAP_FAIL;
	return KTAP_PASS;
}

static enum ktap_result times(struct kvm_guest *g, uint32_t message, unsigned int vector)
{
	unsigned int i;

	for (i = 0; i < NR_TIMES; i++)
		if (send(g, message, vector) != KTAP_PASS)
			return KTAP_FAIL;
	return KTAP_PASS;
}

/* Twice: when the first one is not ended, the second one is a shutdown. */
static enum ktap_result machine_checks(struct kvm_guest *g)
{
	static struct kvm_caretaker_telemetry t, now;
	unsigned int i;

	CHECK(!caretaker_telemetry(g, &t), "no telemetry");
	for (i = 0; i < 2; i++) {
		stray_machine_check(STRAY_MC_NOTHING, false);
		CHECK(counted(g, t.stray + i, STRAY_VECTOR_MC), "machine check %u", i);
	}
	CHECK(!caretaker_telemetry(g, &now), "no telemetry");
	CHECK(now.machine_checks == t.machine_checks + 2 && !now.mc_status && now.mc_bank == ~0U &&
	      now.mcg_status == STRAY_MCG && now.mc_tsc > now.tsc_run,
	      "%llu machine checks, status %#llx, bank %u, MCG_STATUS %#x", now.machine_checks,
	      now.mc_status, now.mc_bank, now.mcg_status);
	return KTAP_PASS;
}

enum ktap_result stray_all_survived(struct kvm_guest *g, bool (*goes_on)(void))
{
	CHECK(vectors(g) == KTAP_PASS && goes_on(), "interrupts");
	CHECK(times(g, MSI_NMI, STRAY_VECTOR_NMI) == KTAP_PASS && goes_on(), "NMIs");
	CHECK(times(g, MSI_INIT, STRAY_VECTOR_INIT) == KTAP_PASS && goes_on(), "INITs");
	CHECK(machine_checks(g) == KTAP_PASS && goes_on(), "machine checks");
	return KTAP_PASS;
}

enum ktap_result stray_recorded(struct kvm_guest *g)
{
	static struct kvm_caretaker_telemetry t;

	CHECK(!caretaker_telemetry(g, &t), "no telemetry");
	CHECK(t.fault == STRAY_VECTOR_MC + 1 && t.fault_addr == STRAY_MC_ADDR,
	      "fault %#llx, address %#llx", t.fault, t.fault_addr);
	CHECK(t.machine_checks && t.mc_status == STRAY_MC_LOST && t.mc_bank == STRAY_BANK &&
	      t.mc_addr == STRAY_MC_ADDR && t.mcg_status == STRAY_MCG && t.mc_tsc > t.tsc_run,
	      "%llu machine checks, status %#llx, bank %u, address %#llx, MCG_STATUS %#x",
	      t.machine_checks, t.mc_status, t.mc_bank, t.mc_addr, t.mcg_status);
	return KTAP_PASS;
}
