// SPDX-License-Identifier: GPL-2.0
/*
 * Two guests that do what they are told, for tests of tools (selftests/tracing). Reads commands
 * from standard input, a line each, and answers each with what it did and a line "done" or
 * "failed":
 *
 *   counts N        the first guest runs N times through its list of instructions
 *   gap KIND [US]   the second one, with a new Caretaker, is handed over and cancelled; in between
 *                   it does what KIND says, so that it stands still for about US microseconds
 *   still           the second one does not run, until it is to be handed over
 *   list            the kinds
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "caretaker_test.h"
#include "guest_script.h"
#include "ktap.h"
#include "object.h"
#include "told.h"

#define SCRIPT_PCPU	2
#define ONLINE_MS	60000
#define MMIO_ADDRESS	0x30000000
#define UNKNOWN_MSR	0x12345
#define UNKNOWN_CALL	1000
#define HOG_PRIORITY	50
#define ICR_NMI		0x4400
#define GAP_CPUIDS	9
#define GAP_TRIES	20
#define HANDLER_BUDGET	(1U << 24)

/* At GUEST_AREA; the guest's code knows the offsets */
struct told_area {
	volatile uint64_t counter;	/* guest: rounds */
	volatile uint64_t command;	/* host: enum told_op; guest: back to 0 */
	volatile uint64_t commands;	/* guest: carried out */
	volatile uint64_t arg;		/* host */
};

enum told_op { OP_NONE, OP_IN, OP_WRMSR, OP_VMMCALL, OP_READ, OP_CPUID, OP_OUT };

extern const char told_start[], told_end[], told_gp[];

/* A #GP skips two bytes, the length of WRMSR. */
asm("	.pushsection .rodata, \"a\"\n"
"told_start:\n"
"	movl	$0x100000, %edi\n"
"1:	incq	(%rdi)\n"
"	movq	8(%rdi), %rsi\n"
"	testq	%rsi, %rsi\n"
"	jz	1b\n"
"	movq	24(%rdi), %rcx\n"
"	xorl	%eax, %eax\n"
"	movl	%ecx, %edx\n"
"	cmpl	$1, %esi\n"
"	jne	2f\n"
"	inb	%dx, %al\n"
"	jmp	9f\n"
"2:	cmpl	$2, %esi\n"
"	jne	3f\n"
"	xorl	%edx, %edx\n"
"	wrmsr\n"
"	jmp	9f\n"
"3:	cmpl	$3, %esi\n"
"	jne	4f\n"
"	movl	%ecx, %eax\n"
"	vmmcall\n"
"	jmp	9f\n"
"4:	cmpl	$4, %esi\n"
"	jne	5f\n"
"	movl	(%rcx), %eax\n"
"	jmp	9f\n"
"5:	cmpl	$5, %esi\n"
"	jne	6f\n"
"	xorl	%ecx, %ecx\n"
"	cpuid\n"
"	jmp	9f\n"
"6:	outb	%al, %dx\n"
"9:	movq	$0, 8(%rdi)\n"
"	incq	16(%rdi)\n"
"	jmp	1b\n"
"told_gp:\n"
"	addq	$8, %rsp\n"			/* error code */
"	addq	$2, (%rsp)\n"
"	iretq\n"
"told_end:\n"
"	.popsection\n");

static const struct guest_code told_code = { .start = told_start, .end = told_end, .gp = told_gp };

_Static_assert(offsetof(struct told_area, command) == 8 &&
	       offsetof(struct told_area, commands) == 16 && offsetof(struct told_area, arg) == 24,
	       "the guest's code knows these offsets");

static struct kvm_guest script, told;
static struct handlers set;
static struct kvm_caretaker_telemetry before, t;
static struct kvm_caretaker_info info;
static int luo;

static bool failed(const char *what)
{
	ktap_diag("%s", what);
	return false;
}

/* The vCPU's thread, as a VMM has it; also answers what is read from no memory. */
static pthread_t told_thread;
static bool told_runs;
static volatile bool told_stop;

static void wake(int sig)
{
	(void)sig;
}

static void *told_run(void *unused)
{
	int reason;

	(void)unused;
	while (!told_stop) {
		reason = guest_run(&told);
		if (reason == -EBUSY)
			sleep_ms(1);
		else if (reason == KVM_EXIT_IO)
			guest_serve_io(&told);
		else if (reason != -EINTR && reason != -EAGAIN && reason != KVM_EXIT_MMIO)
			break;
	}
	if (!told_stop)
		guest_describe(&told, "the vCPU thread ends");
	return NULL;
}

static bool told_go(void)
{
	struct sigaction sa = { .sa_handler = wake };

	if (told_runs)
		return true;
	sigaction(SIGUSR1, &sa, NULL);
	told_stop = false;
	told.run->immediate_exit = 0;
	told_runs = !pthread_create(&told_thread, NULL, told_run, NULL);
	return told_runs;
}

/* A signal that comes before KVM_RUN would be lost but for immediate_exit. */
static bool told_halt(void)
{
	unsigned int i;

	told_stop = true;
	for (i = 0; told_runs && i < 5000; i++) {
		told.run->immediate_exit = 1;
		pthread_kill(told_thread, SIGUSR1);
		if (!pthread_tryjoin_np(told_thread, NULL))
			told_runs = false;
		else
			sleep_ms(1);
	}
	return !told_runs;
}

static struct told_area *area(void)
{
	return guest_area(&told);
}

/* Gives a command; waits until it is carried out when @ms is not 0. */
static bool tell(enum told_op op, uint64_t arg, unsigned int ms)
{
	uint64_t commands = area()->commands;

	area()->arg = arg;
	area()->command = op;
	return !ms || wait_change(&area()->commands, commands, ms);
}

static bool alive(unsigned int ms)
{
	return wait_change(&area()->counter, area()->counter, ms);
}

/* A new Caretaker: all counts begin anew */
static bool told_install(void)
{
	struct kvm_caretaker_set a;
	int err;

	caretaker_remove(&told);
	caretaker_args(&a);
	a.payload_fd = payload_open();
	a.handlers_fd = bpf_map__fd(set.map);
	a.budget = HANDLER_BUDGET;
	err = caretaker_ioctl_set(&told, &a);
	close(a.payload_fd);
	if (err)
		ktap_diag("KVM_SET_CARETAKER: %s: %s", strerror(-err), caretaker_log);
	return !err;
}

static struct told_state *handler_state(void)
{
	struct bpf_map *map = bpf_object__find_map_by_name(set.obj, ".bss");
	size_t size;

	return map ? bpf_map__initial_value(map, &size) : NULL;
}

static bool look(void)
{
	return !caretaker_info(&told, &info) && !caretaker_telemetry(&told, &t);
}

static uint64_t us_of(uint64_t from, uint64_t to)
{
	return to > from ? (to - from) * 1000 / t.tsc_khz : 0;
}

/* Something else has this CPU for a while from when a stamp of the telemetry changes. */
static volatile bool hog_stop;
static unsigned int hog_us;
static size_t hog_stamp;	/* offset in the telemetry */
static uint64_t hog_seen;

static uint64_t hog_look(void)
{
	uint64_t stamp = 0;
	struct kvm_caretaker_get a = {
		.size = sizeof(a), .what = KVM_CARETAKER_GET_TELEMETRY, .offset = hog_stamp,
		.buf = (unsigned long)&stamp, .len = sizeof(stamp),
	};

	return ioctl(told.vcpu_fd, KVM_GET_CARETAKER, &a) ? hog_seen : stamp;
}

static void *hog_main(void *unused)
{
	uint64_t end;

	(void)unused;
	while (!hog_stop && hog_look() == hog_seen)
		usleep(20);
	end = tsc_now() + (uint64_t)hog_us * t.tsc_khz / 1000;
	while (tsc_now() < end && !hog_stop)
		;
	return NULL;
}

static bool hog_start(pthread_t *thread, size_t stamp, unsigned int us)
{
	struct sched_param p = { .sched_priority = HOG_PRIORITY };

	hog_us = us;
	hog_stamp = stamp;
	hog_seen = 0;
	hog_seen = hog_look();
	hog_stop = false;
	return !pthread_create(thread, NULL, hog_main, NULL) &&
	       !pthread_setschedparam(*thread, SCHED_FIFO, &p);
}

static void hog_end(pthread_t thread)
{
	hog_stop = true;
	pthread_join(thread, NULL);
}

/* By the LAPIC of this CPU, in the mode that the host has it in */
static bool send_nmi(unsigned int apic_id)
{
	volatile uint32_t *apic;
	uint64_t base, icr = (uint64_t)apic_id << 32 | ICR_NMI;
	int msr = open("/dev/cpu/0/msr", O_RDWR | O_CLOEXEC), mem;
	bool sent = false;

	if (msr < 0 || pread(msr, &base, sizeof(base), 0x1b) != sizeof(base))
		return failed("no MSRs");
	if (base & 1 << 10) {
		sent = pwrite(msr, &icr, sizeof(icr), 0x830) == sizeof(icr);
		close(msr);
		return sent;
	}
	close(msr);
	mem = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	apic = mem < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, mem,
					   base & ~4095UL);
	if (apic == MAP_FAILED)
		return failed("the LAPIC cannot be mapped");
	apic[0x310 / 4] = apic_id << 24;
	apic[0x300 / 4] = ICR_NMI;
	munmap((void *)apic, 4096);
	close(mem);
	return true;
}

/* What the guest does in the gap, by kind */

static bool blocks(enum told_op op, uint64_t arg, unsigned int us)
{
	if (tell(op, arg, 0) && !caretaker_wait_state(&told, KVM_CARETAKER_STALLED, 5000))
		return failed("it does not stall");
	usleep(us);
	return true;
}

static bool do_io(unsigned int us)
{
	return blocks(OP_IN, GUEST_PORT_UNSERVED, us);
}

static bool do_msr(unsigned int us)
{
	return blocks(OP_WRMSR, UNKNOWN_MSR, us);
}

static bool do_hypercall(unsigned int us)
{
	return blocks(OP_VMMCALL, UNKNOWN_CALL, us);
}

static bool do_mmio(unsigned int us)
{
	return blocks(OP_READ, MMIO_ADDRESS, us);
}

static bool do_handler(unsigned int us)
{
	handler_state()->wait = (uint64_t)us * t.tsc_khz / 1000;
	return tell(OP_OUT, TOLD_PORT, 5000);
}

static bool do_nmi(unsigned int us)
{
	(void)us;
	if (!send_nmi(info.apic_id))
		return false;
	sleep_ms(20);
	return true;
}

static bool do_nothing(unsigned int us)
{
	(void)us;
	return true;
}

/* Did it take effect? By the stamps and counts of the telemetry; how long it took, in @us */

static bool did_stall(uint64_t *us)
{
	*us = us_of(t.stalls[0].tsc_start, t.stalls[0].tsc_end);
	return t.nr_stalls == 1;
}

static bool did_handler(uint64_t *us)
{
	*us = t.classes[KVM_CARETAKER_CLASS_IO].cycles * 1000 / t.tsc_khz;
	return t.classes[KVM_CARETAKER_CLASS_IO].calls == 1;
}

static bool did_nmi(uint64_t *us)
{
	*us = 0;
	return t.stray > before.stray;
}

static bool did_preserve(uint64_t *us)
{
	*us = us_of(t.tsc_stop, t.tsc_run);
	return *us * 3 >= hog_us * 2;
}

static bool did_adopt(uint64_t *us)
{
	*us = us_of(t.tsc_kick, t.tsc_adopt);
	return *us * 3 >= hog_us * 2;
}

static bool did_nothing(uint64_t *us)
{
	*us = 0;
	return true;
}

static const struct kind {
	const char *name;
	bool (*act)(unsigned int us);
	bool (*did)(uint64_t *us);
	bool hog_preserve, hog_cancel;
} kinds[] = {
	{ "nothing", do_nothing, did_nothing, false, false },
	{ "blocked-io", do_io, did_stall, false, false },
	{ "blocked-msr", do_msr, did_stall, false, false },
	{ "blocked-hypercall", do_hypercall, did_stall, false, false },
	{ "blocked-mmio", do_mmio, did_stall, false, false },
	{ "slow-handler", do_handler, did_handler, false, false },
	{ "stray", do_nmi, did_nmi, false, false },
	{ "preserve", do_nothing, did_preserve, true, false },
	{ "adopt", do_nothing, did_adopt, false, true },
};

static const struct kind *kind_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

static bool preserve(int session, const struct kind *k, unsigned int us)
{
	unsigned int tries = 50;
	pthread_t hog;
	int err;

	/* Up to the vCPU, for which the guest stands still */
	cpu_wait_online(PCPU, ONLINE_MS);
	if (luo_preserve(session, told.mem_fd, TOKEN_MEM) ||
	    luo_preserve(session, told.vm_fd, TOKEN_VM))
		return failed("RAM or VM are not preserved");
	if (k->hog_preserve &&
	    !hog_start(&hog, offsetof(struct kvm_caretaker_telemetry, tsc_stop), us))
		return false;
	do {
		err = luo_preserve(session, told.vcpu_fd, TOKEN_VCPU);
	} while (err == -EAGAIN && --tries);
	if (k->hog_preserve)
		hog_end(hog);
	if (err)
		ktap_diag("the vCPU is not preserved: %s", strerror(-err));
	return !err;
}

static void cancel(int session, const struct kind *k, unsigned int us)
{
	pthread_t hog;
	bool hogged = k->hog_cancel &&
		      hog_start(&hog, offsetof(struct kvm_caretaker_telemetry, tsc_kick), us);

	close(session);
	if (hogged)
		hog_end(hog);
}

static bool in_gap(const struct kind *k, unsigned int us)
{
	unsigned int i;

	if (!alive(5000) || !look())
		return failed("it does not run detached");
	before = t;
	for (i = 0; i < GAP_CPUIDS; i++)
		if (!tell(OP_CPUID, 0, 5000))
			return failed("no CPUID");
	return k->act(us);
}

/* *us: in, how long it is to stand still; out: how long it did */
static bool gap_once(const struct kind *k, uint64_t *us)
{
	int session = luo_session_create(luo, "told");

	if (session < 0 || !told_install() || !told_go() || !alive(5000) || !look())
		return failed("no session, or no Caretaker");
	if (!preserve(session, k, *us) || !in_gap(k, *us)) {
		close(session);
		return false;
	}
	cancel(session, k, *us);
	if (!caretaker_wait_state(&told, KVM_CARETAKER_ATTACHED, 10000) || !alive(5000) ||
	    !cpu_wait_online(PCPU, ONLINE_MS) || !look())
		return failed("it is not back");
	return true;
}

/* Chance has a part in who has the CPU when: what did not come about is tried again. */
static bool run_gap(const char *name, unsigned int us)
{
	const struct kind *k = kind_find(name);
	unsigned int tries;
	uint64_t did;

	for (tries = 0; k && tries < GAP_TRIES; tries++) {
		did = us;
		if (!gap_once(k, &did))
			return false;
		if (!k->did(&did))
			continue;
		printf("expect gap kind=%s vm=%016llx us=%lu gap_cpuid=%u stalls=%llu\n", name,
		       info.vm_id, did, GAP_CPUIDS, t.nr_stalls);
		return true;
	}
	return failed(k ? "it did not come about" : "no such kind");
}

static const struct script_line lines[] = {
	{ .op = SCRIPT_CPUID, .a = 0 },
	{ .op = SCRIPT_CPUID, .a = 1 },
	{ .op = SCRIPT_CPUID, .a = 0x80000000 },
	{ .op = SCRIPT_VMMCALL, .a = UNKNOWN_CALL },
	{ .op = SCRIPT_VMMCALL, .a = UNKNOWN_CALL },
	{ .op = SCRIPT_IN, .a = GUEST_PORT_UNSERVED },
};

/* An OUT ends each round. */
static bool run_counts(unsigned int rounds)
{
	static struct kvm_caretaker_info of;
	static unsigned int all;
	unsigned int i;

	for (i = 0; i < rounds; i++)
		if (script_run(&script, lines, ARRAY_SIZE(lines)))
			return failed("the script does not run");
	all += rounds;
	if (caretaker_info(&script, &of))
		return failed("no information");
	printf("expect counts vm=%016llx CPUID=%u VMMCALL=%u IOIO=%u\n", of.vm_id, 3 * all,
	       2 * all, 2 * all);
	return true;
}

static bool command(char *line)
{
	char *word = strtok(line, "\n "), *arg = strtok(NULL, "\n "), *us = strtok(NULL, "\n ");
	unsigned int i;

	if (word && !strcmp(word, "counts") && arg)
		return run_counts(strtoul(arg, NULL, 10));
	if (word && !strcmp(word, "gap") && arg)
		return run_gap(arg, us ? strtoul(us, NULL, 10) : 1000);
	if (word && !strcmp(word, "still"))
		return told_halt();
	if (!word || strcmp(word, "list"))
		return failed("no such command");
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		printf("kind %s\n", kinds[i].name);
	return true;
}

static bool start(void)
{
	luo = luo_open();
	if (luo < 0 || pin_to_cpu0())
		return failed("no Live Update, or not on CPU 0");
	if (handlers_open(&set, corpus_find("accept/told")) || handlers_load(&set) ||
	    handlers_attach(&set)) {
		ktap_diag("no handler: %.900s", set.log);
		return false;
	}
	if (guest_create(&script, &guest_script) || caretaker_install_at(&script, 0, SCRIPT_PCPU))
		return failed("no first guest");
	if (guest_create(&told, &told_code) || guest_reset(&told, &told_code) || !told_install())
		return failed("no second guest");
	if (!told_go() || !alive(5000))
		return failed("the second guest does not run");
	return look();
}

int main(void)
{
	const char *missing = caretaker_missing();
	char line[128];

	setlinebuf(stdout);
	if (missing || !start()) {
		printf("failed: %s\n", missing ? missing : "no guests");
		return KTAP_EXIT_FAIL;
	}
	printf("ready\n");
	while (fgets(line, sizeof(line), stdin))
		printf("%s\n", command(line) ? "done" : "failed");
	return KTAP_EXIT_PASS;
}
