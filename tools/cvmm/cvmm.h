/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * cvmm: a small VMM that knows the Caretaker and live update. One VM with some vCPUs.
 */
#ifndef CVMM_H
#define CVMM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <linux/kvm.h>

#include "bells.h"
#include "caretaker.h"
#include "guest/mailbox.h"
#include "state.h"

/* Exit status of the program */
#define EXIT_RUNTIME	1
#define EXIT_USAGE	2
#define EXIT_BLOCKED	6	/* ctl rehearse: something would block in a gap */

#define REHEARSE_MAX_SECONDS	86400

/* Guest physical layout */
#define GPA_BOOT_GDT	0x500ULL
#define GPA_BOOT_PARAMS	0x7000ULL
#define GPA_BOOT_TABLES	0x9000ULL	/* three pages */
#define GPA_BOOT_STACK	0x8ff0ULL
#define GPA_CMDLINE	0x20000ULL
#define GPA_ACPI	0xe0000ULL
#define GPA_KERNEL	0x1000000ULL
#define MEM_MIN		(64ULL << 20)
#define MEM_MAX		(2048ULL << 20)
#define CMDLINE_MAX	2048

/* APIC ids are the vCPUs' numbers; a Caretaker's block has places for so many (NR_PEERS) */
#define MAX_VCPUS	63

/* I/O ports */
#define PORT_COM1	0x3f8
#define PORT_KBD	0x64
#define PORT_PM1_EVT	0x600
#define PORT_PM1_CNT	0x604
#define IRQ_COM1	4
#define IRQ_SCI		9

/* Tokens of a live update session */
#define TOKEN_RAM	1
#define TOKEN_STATE	2
#define TOKEN_VM	3
#define TOKEN_VCPU	4	/* of vCPU 0, then one for each */

/**
 * struct serial - an 8250 with FIFO
 * @console: where the guest's output goes
 * @sent: bytes the guest wrote so far
 * @lost: bytes that could not be written to @console
 * @gap: live state of the uart handler, NULL when the handlers have none
 * @detached: the guest runs detached, thus @gap is the handler's to write
 */
struct serial {
	pthread_mutex_t lock;
	int vm_fd;
	int console;
	uint64_t sent;
	uint64_t lost;
	uint8_t ier, lcr, mcr, scr, fcr, dll, dlm;
	uint8_t thr_ipending;
	uint8_t irq_level;
	uint8_t rx[64];
	uint32_t rx_head, rx_len;
	struct caretaker_uart_state *gap;
	bool detached;
};

/* What the vCPU thread is to do, and why it ended */
enum vcpu_want { VCPU_RUN, VCPU_PAUSE, VCPU_QUIT };
enum vcpu_end { VCPU_ALIVE, VCPU_ENDED_OFF, VCPU_ENDED_RESET, VCPU_ENDED_ERROR, VCPU_ENDED_QUIT };

struct vm;

/**
 * struct vcpu - a vCPU and its thread
 * @want: set by the main thread under @lock
 * @ready: the thread is about to run the vCPU for the first time, or has ended
 * @paused: the thread is out of KVM_RUN because of VCPU_PAUSE
 * @detached: the last KVM_RUN said EBUSY
 * @adopting: the thread runs it for the first time since it is in this kernel
 * @tsc_khz: guest TSC frequency as last read; the ioctl would wait for KVM_RUN to return
 * @tsc_offset: guest TSC minus host TSC as last read or set
 * @adopted: host TSC when the vCPU was seen out of the Caretaker of the old kernel
 * @ended: why the thread ended
 */
struct vcpu {
	struct vm *vm;
	unsigned int id;
	int fd;
	struct kvm_run *run;
	size_t run_size;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	enum vcpu_want want;
	bool ready;
	bool paused;
	bool detached;
	bool adopting;
	uint32_t tsc_khz;
	uint64_t tsc_offset;
	uint64_t adopted;
	enum vcpu_end ended;
};

/* Host TSC at the steps of a handover, 0 for a step that was not made */
struct stamps {
	uint64_t preserve_start;
	uint64_t memory_done;
	uint64_t vm_done;
	uint64_t stopped;
	uint64_t prepared;
	uint64_t vcpu_done;
	uint64_t saved;
	uint64_t cancel_start;
	uint64_t cancelled;
	uint64_t resume_start;
	uint64_t retrieved;
	uint64_t restored;
	uint64_t adopted;
	uint64_t replayed;
	uint64_t finish_start;
	uint64_t finished;
};

/**
 * struct install_times - how long it took until all vCPUs had their handlers, in ns
 * @load: loading the object: libbpf's work, the kernel's BPF verifier and JIT
 * @bpf: the BPF verifier alone, part of @load
 * @verify: the second verification, on all vCPUs
 * @compile: compilation, on all vCPUs
 * @install: the rest of the calls: payload, memory, the stop of the vCPU
 */
struct install_times {
	uint64_t load;
	uint64_t bpf;
	uint64_t verify;
	uint64_t compile;
	uint64_t install;
};

/**
 * struct clock_line - kvmclock as the guest reads it: ns + (TSC - tsc) * mul, see clock.c
 * @known: the guest has a pvclock page
 */
struct clock_line {
	uint64_t tsc;
	uint64_t ns;
	uint32_t mul;
	int8_t shift;
	bool known;
};

/* A list of host CPUs from the command line */
struct cpu_list {
	unsigned int nr;
	unsigned int cpu[MAX_VCPUS];
};

/* Command line of run and resume */
struct options {
	const char *kernel;
	const char *initrd;
	const char *cmdline;
	const char *payload;
	const char *handlers;
	const char *session;
	const char *control;
	const char *console;
	const char *report;
	const char *mailbox;
	uint64_t mem;
	unsigned int nr_vcpus;
	struct cpu_list pcpu;
	struct cpu_list host_cpu;
	bool isolate;
	bool no_caretaker;
	struct bells bells;
};

/**
 * struct vm - the VM
 * @vcpu: vCPUs, the first @nr_vcpus
 * @state_bytes: of the state file; @state has addresses for more
 * @signal_fd: readable when cvmm is to end, -1 as long as there is none
 * @end_fd: eventfd, readable when the thread of a vCPU has ended
 * @ended: why the first thread ended, VCPU_ALIVE as long as all run
 * @caretaker: one is installed on each vCPU
 * @may_stop: preserve may stop the vCPUs instead
 * @adopt_lock: for what is done once when the vCPUs are adopted
 * @adopt_done: that was done, under @adopt_lock
 * @adopt_failed: a vCPU could not be adopted
 * @replay_next: console bytes of the handlers' state that were replayed
 * @may_carry: the vCPUs still have the state of the old kernel's handlers, which can be read
 * @carried_bytes: of the state that the handlers in this kernel went on from
 * @times: of the last install or update
 * @past: updates, cancels and kexecs so far, those before a kexec included
 * @clock_line: as the guest's own page had it in the gap
 * @clock_error: kvmclock after the adoption less that line, in ns
 */
struct vm {
	const struct options *opt;
	int kvm_fd;
	int fd;
	int ram_fd;
	uint8_t *ram;
	uint64_t ram_size;
	int state_fd;
	struct cvmm_state *state;
	size_t state_bytes;
	struct caretaker_session *session;
	struct caretaker_handlers *handlers;
	bool caretaker;
	bool may_stop;
	bool resumed;
	pthread_mutex_t adopt_lock;
	bool adopt_done;
	bool adopt_failed;
	struct install_times times;
	struct cvmm_state_past past;
	struct clock_line clock_line;
	int64_t clock_error;
	uint64_t replayed_bytes;
	uint64_t replay_next;
	uint64_t replayed_bells;
	uint64_t carried_bytes;
	bool may_carry;
	struct bells bells;
	uint64_t beat_retrieved;
	uint64_t beat_adopt;
	struct stamps stamps;
	struct serial serial;
	int signal_fd;
	int end_fd;
	enum vcpu_end ended;
	unsigned int nr_vcpus;
	struct vcpu vcpu[MAX_VCPUS];
};

/* Messages: "cvmm: object: action: reason"; the text ends up on stderr */
void err(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
uint64_t rdtsc(void);

/* options.c */
int options_parse(struct options *o, int argc, char **argv, bool run);

/* boot.c */
int boot_load(struct vm *vm, const char *kernel, const char *initrd, const char *cmdline);
void boot_sregs(struct kvm_sregs *sregs);
void boot_regs(struct kvm_regs *regs);

/* acpi.c */
uint64_t acpi_write(struct vm *vm);

/* vm.c */
int vm_open(struct vm *vm);
int vm_create(struct vm *vm);
int vm_setup(struct vm *vm);
int vm_ram_create(struct vm *vm, uint64_t size);
int vm_ram_map(struct vm *vm);
struct mailbox *vm_mailbox(struct vm *vm);
int vm_bells(struct vm *vm);
void vm_close(struct vm *vm);

/* caretaker.c */
int vm_install(struct vm *vm, char *why, size_t size);
int vm_update(struct vm *vm, const char *payload, const char *handlers, char *why, size_t size);

/* cpuid.c */
int cpuid_make(struct vm *vm, unsigned int id, struct kvm_cpuid2 **out);

/* vcpu.c */
int vcpu_create(struct vcpu *v);
int vcpu_setup(struct vcpu *v);
int vcpu_boot(struct vcpu *v);
int vcpu_tsc_offset(struct vcpu *v, unsigned long req, uint64_t *offset);
bool vcpu_exit(struct vcpu *v);

/* thread.c */
int threads_start(struct vm *vm);
void threads_pause(struct vm *vm);
void threads_unpause(struct vm *vm);
void threads_stop(struct vm *vm);
void thread_call_back(struct vcpu *v);

/* serial.c */
void serial_init(struct serial *s, int vm_fd, int console);
uint8_t serial_read(struct serial *s, unsigned int reg);
void serial_write(struct serial *s, unsigned int reg, uint8_t val);
void serial_input(struct serial *s, const uint8_t *buf, size_t len);
void serial_replay(struct serial *s, const uint8_t *buf, size_t len);
void serial_gap_drained(struct serial *s, uint64_t next);
void serial_irq_refresh(struct serial *s);
struct caretaker_uart_state;
void serial_gap_set(struct serial *s, struct caretaker_uart_state *gap);
void serial_gap_begin(struct serial *s);
void serial_gap_end(struct serial *s, const struct caretaker_uart_state *g);

/* state.c */
int state_create(struct vm *vm);
int state_map(struct vm *vm);
void state_unmap(struct vm *vm);
int state_btf_set(struct vm *vm, const void *btf, size_t len);
const void *state_btf_get(struct vm *vm, size_t *len);
int state_save(struct vm *vm);
int state_check(struct vm *vm);
int state_restore(struct vm *vm);

/* clock.c */
int clock_save(struct vm *vm, struct cvmm_state *s);
int clock_restore(struct vm *vm);
void clock_settle(struct vm *vm);
void clock_look(struct vm *vm);

/* handover.c */
int handover_detach(struct vm *vm, char *why, size_t size);
int handover_preserve(struct vm *vm, char *why, size_t size);
int handover_cancel(struct vm *vm, char *why, size_t size);

/* resume.c */
int handover_resume(struct vm *vm);
void handover_adopt(struct vcpu *v);
void handover_came(struct vcpu *v);
void handover_adopt_fail(struct vcpu *v);
void handover_adopt_wait(struct vm *vm);
int handover_finish(struct vm *vm);

/* rehearse.c */
int rehearse(struct vm *vm, double seconds, bool json, FILE *f, char *why, size_t size);

/* warm.c */
void warm_up(int kvm_fd);

/* replay.c */
int replay_absorbed(struct vm *vm, char *why, size_t size);
int replay_all(struct vm *vm, char *why, size_t size);

/* carry.c */
struct cvmm_state_handlers;
struct caretaker_handlers;
int handlers_note(const struct caretaker_handlers *h, struct cvmm_state_handlers *s);
void handlers_arm(struct vm *vm, const struct caretaker_handlers *h);
void handlers_carry(struct vm *vm, struct caretaker_handlers *h);

/* keep.c */
void handlers_keep(struct vm *vm, const struct caretaker_handlers *h);
int handlers_state_write(struct vm *vm, const char *path, bool raw, char *why, size_t size);

/* control.c */
int control_loop(struct vm *vm);

/* client.c */
struct sockaddr_un;
int control_address(struct sockaddr_un *addr, const char *path);
int control_client(int argc, char **argv);

/* report.c */
void report_write(struct vm *vm, FILE *f);
int report_files(struct vm *vm);

/* report_caretaker.c */
void report_caretaker(struct vcpu *v, FILE *f);
void report_telemetry(struct vcpu *v, FILE *f);

#endif /* CVMM_H */
