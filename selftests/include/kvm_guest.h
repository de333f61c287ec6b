/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A tiny guest: one vCPU in 64-bit mode on flat identity-mapped memory, a memfd as RAM, the
 * in-kernel irqchip, x2APIC. All functions that return int return 0 or a negative errno, and say
 * on a diagnostic line what went wrong.
 */
#ifndef SELFTESTS_KVM_GUEST_H
#define SELFTESTS_KVM_GUEST_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/kvm.h>

/* Guest physical memory map */
#define GUEST_RAM_SIZE	(4UL << 20)
#define GUEST_GDT	0x1000
#define GUEST_IDT	0x2000
#define GUEST_PML4	0x3000
#define GUEST_CODE	0x10000
#define GUEST_STACK	0x20000
#define GUEST_AREA	0x100000	/* shared with the host, one struct */

/* Ports with a meaning */
#define GUEST_PORT_DONE		0xe0
#define GUEST_PORT_UNSERVED	0x5f	/* nobody serves it in the gap */
#define GUEST_IN_VALUE		0x5a	/* what the VMM answers there */

#define GUEST_IRQ_VECTOR	0x40
#define GUEST_MAX_CPUID		128

/* A guest's interrupt handler, all of it: counts where @counter says, EOI to the x2APIC. */
#define GUEST_IRQ_HANDLER(counter)	\
"	pushq	%rax\n"			\
"	pushq	%rcx\n"			\
"	pushq	%rdx\n"			\
"	incq	" counter "\n"		\
"	movl	$0x80b, %ecx\n"		\
"	xorl	%eax, %eax\n"		\
"	xorl	%edx, %edx\n"		\
"	wrmsr\n"			\
"	popq	%rdx\n"			\
"	popq	%rcx\n"			\
"	popq	%rax\n"			\
"	iretq\n"

struct kvm_guest {
	int kvm_fd;
	int vm_fd;
	int vcpu_fd;
	int mem_fd;
	struct kvm_run *run;
	size_t run_size;
	unsigned char *ram;
	struct kvm_cpuid2 *cpuid;
	uint64_t tsc_install;	/* host TSC before the first Caretaker was installed, 0 for none */
	uint64_t tsc_installed;	/* and after it */
	/* Answers KVM_EXIT_MMIO in the runner's thread; false: it was not expected */
	bool (*mmio)(struct kvm_guest *g);
};

struct guest_vector {
	unsigned int vector;
	const void *handler;
};

/* A piece of guest code; handlers are offsets in it, 0 for none. */
struct guest_code {
	const void *start;
	const void *end;
	const void *gp;		/* #GP handler */
	const void *irq;	/* handler of GUEST_IRQ_VECTOR */
	const void *db;		/* #DB handler */
	const struct guest_vector *vectors;	/* more handlers */
	unsigned int nr_vectors;
};

/* kvm_guest.c */
int guest_create(struct kvm_guest *g, const struct guest_code *code);
/* The same, with @prepare called on the VM before it has a vCPU; not when it is NULL. */
int guest_create_prepared(struct kvm_guest *g, const struct guest_code *code,
			  int (*prepare)(struct kvm_guest *g));
void guest_destroy(struct kvm_guest *g);
/* Back to the first instruction, with fresh registers. RAM outside the area stays. */
int guest_reset(struct kvm_guest *g, const struct guest_code *code);
/* KVM_RUN once: the exit reason, or a negative errno. */
int guest_run(struct kvm_guest *g);
/* Runs until the guest writes to GUEST_PORT_DONE; serves GUEST_PORT_UNSERVED. */
int guest_run_done(struct kvm_guest *g);
/* What the guest's TSC is ahead of the host's; 0 or -errno */
int guest_tsc_offset_set(struct kvm_guest *g, int64_t offset);

/* NULL on a CPU with decode assists, else what those say that need one */
const char *decode_assists_missing(void);

/* Serves the I/O exit that guest_run() returned; true when it was GUEST_PORT_DONE. */
bool guest_serve_io(struct kvm_guest *g);
/* One diagnostic line about where the vCPU is. */
void guest_describe(struct kvm_guest *g, const char *what);
int guest_msi(struct kvm_guest *g, unsigned int vector);
/* The vCPU statistic @name, or a negative errno. */
int64_t guest_stat(struct kvm_guest *g, const char *name);
/* Pieces of guest_create() for a VM that another kernel handed over. */
int guest_map_ram(struct kvm_guest *g);
int guest_set_slot(struct kvm_guest *g);
int guest_map_run(struct kvm_guest *g);
/* Gives the vCPU g->cpuid. */
int guest_set_cpuid2(struct kvm_guest *g);
/* One more vCPU of the VM in g->vm_fd, with run area and CPUID, in g. */
int guest_create_vcpu(struct kvm_guest *g, unsigned int id);
/* 64-bit mode and these registers; runnable. */
int guest_set_regs(struct kvm_guest *g, uint64_t rip, uint64_t rsp, uint64_t rdi);

/* The host TSC, read here */
static inline uint64_t tsc_now(void)
{
	return __builtin_ia32_rdtsc();
}

static inline void *guest_area(struct kvm_guest *g)
{
	return g->ram + GUEST_AREA;
}

/* guest_runner.c: a thread that runs the vCPU as a VMM does */
struct guest_runner {
	struct kvm_guest *g;
	pthread_t thread;
	bool started;
	volatile bool stop;
	volatile bool hold_io;		/* leave port I/O unanswered: stop at the first one */
	volatile uint64_t done;		/* writes to GUEST_PORT_DONE */
	volatile uint64_t served;	/* reads of GUEST_PORT_UNSERVED */
	volatile uint64_t mmio;		/* accesses that the guest's mmio() answered */
	volatile uint64_t interrupted;	/* KVM_RUN returned EINTR */
	volatile uint64_t busy;		/* KVM_RUN returned EBUSY */
	volatile int error;		/* unexpected errno or exit: the thread is gone */
};

int runner_start(struct guest_runner *r, struct kvm_guest *g);
int runner_stop(struct guest_runner *r);
/* As runner_stop(), for a thread that is to end by itself within @ms: it is not stopped before. */
int runner_wait(struct guest_runner *r, unsigned int ms);

/* Waits until *@p differs from @old, at most @ms; true when it did. */
bool wait_change(const volatile uint64_t *p, uint64_t old, unsigned int ms);
bool wait_equal(const volatile uint64_t *p, uint64_t want, unsigned int ms);
void sleep_ms(unsigned int ms);

#endif /* SELFTESTS_KVM_GUEST_H */
