// SPDX-License-Identifier: GPL-2.0
/* The steps that kernel, vCPU thread, pCPU work, payload and NMI can make. */
#include <linux/kvm_caretaker_ccb.h>

#include "model.h"

/* The step being built, and where finished ones go */
struct builder {
	struct model *m;
	const struct model_state *s;
	struct model_step *out;
	unsigned int n;
};

static struct model_state *step(struct builder *b, const char *what)
{
	struct model_step *o = &b->out[b->n++];

	o->to = *b->s;
	o->what = what;
	return &o->to;
}

static void wrong(struct builder *b, const char *what)
{
	if (!b->m->wrong)
		b->m->wrong = what;
}

/* A compare-and-exchange that one side makes; its move has to be in the table. */
static bool move(struct builder *b, struct model_state *t, unsigned int from, unsigned int to,
		 uint64_t moves)
{
	if (!KVM_CARETAKER_MAY_MOVE(moves, from, to)) {
		wrong(b, "a move that is not in the table");
		return false;
	}
	if (t->state != from)
		return false;
	t->state = to;
	b->m->made |= 1ULL << (from * 8 + to);
	return true;
}

#define KERNEL_MOVE(t, from, to)						\
	move(b, t, KVM_CARETAKER_##from, KVM_CARETAKER_##to, KVM_CARETAKER_KERNEL_MOVES)
#define PAYLOAD_MOVE(t, from, to)						\
	move(b, t, KVM_CARETAKER_##from, KVM_CARETAKER_##to, KVM_CARETAKER_PAYLOAD_MOVES)

static bool timeouts(const struct builder *b)
{
	return b->m->with & MODEL_TIMEOUTS;
}

/* Kernel: attached and on the way out */

static void kernel_disarm(struct model_state *t)
{
	t->bell = KVM_CARETAKER_BELL_HALT;
	t->online_work = 1;
	t->held = 0;
	t->copied = 0;
	t->kernel = K_IDLE;
}

static void kernel_empty(struct builder *b)
{
	struct model_state *t;

	if (b->s->pcpu != KVM_CARETAKER_PCPU_NONE)
		return;		/* a new Caretaker has pages of its own */
	t = step(b, "kernel: install");
	if (!KERNEL_MOVE(t, EMPTY, ATTACHED))
		wrong(b, "install: the state is not EMPTY");
	t->kernel = K_IDLE;
	t->next = 0;
}

static void kernel_idle(struct builder *b)
{
	struct model_state *t;

	if (b->s->pcpu != KVM_CARETAKER_PCPU_NONE || b->s->online_work)
		return;
	t = step(b, "kernel: preserve: pCPU goes offline");
	t->bell = KVM_CARETAKER_BELL_NONE;
	t->kicked = 0;
	t->nmi = 0;
	t->saved = 0;
	t->pcpu = KVM_CARETAKER_PCPU_COMING;
	t->payload = P_ENTRY;
	t->kernel = K_WAIT_ARMED;
	if (b->s->in_kvm)
		return;
	t = step(b, "kernel: remove");
	if (!KERNEL_MOVE(t, ATTACHED, EMPTY))
		wrong(b, "remove: the state is not ATTACHED");
	t->kernel = K_EMPTY;
}

static void kernel_wait_armed(struct builder *b)
{
	if (b->s->pcpu == KVM_CARETAKER_PCPU_ARMED)
		step(b, "kernel: sees the pCPU armed")->kernel = K_STOP;
	if (b->s->pcpu == KVM_CARETAKER_PCPU_HALTED || timeouts(b))
		kernel_disarm(step(b, "kernel: the pCPU does not arm"));
}

static void kernel_stop(struct builder *b)
{
	struct model_state *t;

	if (!b->s->held)
		step(b, "kernel: asks the vCPU thread to leave")->held = 1;
	else if (!b->s->in_kvm || b->m->bug == BUG_NO_STOP)
		step(b, "kernel: the vCPU is stopped")->kernel =
			b->m->bug == BUG_RING_FIRST ? K_DETACH : K_COPY;
	if (b->s->held) {
		t = step(b, "kernel: the vCPU cannot be carried");
		kernel_disarm(t);
	}
}

static void kernel_copy(struct builder *b)
{
	struct model_state *t = step(b, "kernel: copies the vCPU out");

	if (b->s->in_kvm)
		wrong(b, "the vCPU is copied while KVM executes it");
	t->copied = 1;
	t->kernel = b->m->bug == BUG_RING_FIRST ? K_WAIT_RUN : K_DETACH;
}

static void kernel_detach(struct builder *b)
{
	struct model_state *t = step(b, "kernel: DETACHING");

	if (!KERNEL_MOVE(t, ATTACHED, DETACHING))
		wrong(b, "preserve: the state is not ATTACHED");
	t->kernel = K_RING;
}

static void kernel_ring(struct builder *b)
{
	struct model_state *t = step(b, "kernel: rings");

	t->bell = KVM_CARETAKER_BELL_RUN;
	t->kernel = b->m->bug == BUG_RING_FIRST ? K_COPY : K_WAIT_RUN;
}

static void kernel_wait_run(struct builder *b)
{
	struct model_state *t;

	if (b->s->state == KVM_CARETAKER_FAULTED) {
		step(b, "kernel: sees FAULTED")->kernel = K_FAULT;
	} else if (b->s->state != KVM_CARETAKER_DETACHING) {
		t = step(b, "kernel: sees the guest run");
		t->own = 0;
		t->held = 0;
		t->kernel = K_GAP;
	} else if (b->s->pcpu == KVM_CARETAKER_PCPU_HALTED || timeouts(b)) {
		t = step(b, "kernel: takes the vCPU back unrun");
		if (KERNEL_MOVE(t, DETACHING, ATTACHED))
			kernel_disarm(t);
	}
	/* The read above and the store here are two steps of the kernel */
	if (b->m->bug == BUG_TIMEOUT_STORES && timeouts(b)) {
		t = step(b, "kernel: stores ATTACHED");
		t->state = KVM_CARETAKER_ATTACHED;
		kernel_disarm(t);
	}
}

/* Kernel: the gap and the way back */

static void kernel_gap(struct builder *b)
{
	struct model_state *t;

	step(b, "kernel: cancel")->kernel = K_ASK;
	if (b->s->state != KVM_CARETAKER_RUNNING && b->s->state != KVM_CARETAKER_STALLED)
		return;
	t = step(b, "kernel: kexec");
	t->next = 1;
	t->kernel = K_ORPHAN;
}

static void kernel_init(struct builder *b, const char *what)
{
	struct model_state *t = step(b, what);

	if (b->s->payload != P_HALTED)
		wrong(b, "INIT to a pCPU that is not halted in the payload");
	t->payload = P_NONE;
	t->pcpu = KVM_CARETAKER_PCPU_NONE;
	t->nmi = 0;
	t->online_work = 0;
}

static void kernel_orphan(struct builder *b)
{
	step(b, "next kernel: adopt")->kernel = K_ASK;
	if (b->m->bug == BUG_INIT_OWNED)
		kernel_init(b, "next kernel: INIT to all CPUs");
}

static void kernel_ask(struct builder *b)
{
	struct model_state *t = step(b, "kernel: looks at the state");

	t->seen = b->s->state;
	t->kernel = K_ASK_MOVE;
}

static void kernel_ask_move(struct builder *b)
{
	struct model_state *t = step(b, "kernel: asks for the vCPU");
	bool asked;

	switch (b->s->seen) {
	case KVM_CARETAKER_RUNNING:
		asked = KERNEL_MOVE(t, RUNNING, ADOPTING);
		t->kernel = asked ? K_KICK : K_ASK;
		break;
	case KVM_CARETAKER_STALLED:
		asked = KERNEL_MOVE(t, STALLED, ADOPTING);
		t->kernel = asked ? K_KICK : K_ASK;
		break;
	case KVM_CARETAKER_ADOPTING:
		t->kernel = K_KICK;
		break;
	case KVM_CARETAKER_PARKED:
		t->kernel = K_TAKE;
		break;
	case KVM_CARETAKER_FAULTED:
		t->kernel = K_FAULT;
		break;
	default:
		wrong(b, "a detached vCPU in a state that it cannot have");
	}
	t->seen = 0;
}

static void kernel_kick(struct builder *b)
{
	struct model_state *t = step(b, "kernel: sends the NMI");

	if (b->m->bug != BUG_NO_KICK)
		t->nmi = b->s->payload != P_NONE;
	t->kernel = K_WAIT_PARK;
}

static void kernel_wait_park(struct builder *b)
{
	if (b->s->state == KVM_CARETAKER_PARKED || b->m->bug == BUG_TAKE_EARLY)
		step(b, "kernel: sees PARKED")->kernel = K_TAKE;
	else if (b->s->state == KVM_CARETAKER_FAULTED)
		step(b, "kernel: sees FAULTED")->kernel = K_FAULT;
	else if (timeouts(b))
		step(b, "kernel: gives up for now")->kernel = b->s->next ? K_ORPHAN : K_GAP;
}

static void kernel_take(struct builder *b)
{
	struct model_state *t = step(b, "kernel: copies the vCPU in");

	if (!b->s->saved)
		wrong(b, "the vCPU is taken before the payload saved it");
	t->copied = 0;
	t->kernel = K_TAKEN;
}

static void kernel_taken(struct builder *b)
{
	struct model_state *t = step(b, "kernel: the vCPU is KVM's again");

	if (b->s->next ? !KERNEL_MOVE(t, PARKED, EMPTY) : !KERNEL_MOVE(t, PARKED, ATTACHED))
		wrong(b, "the state is not PARKED any more");
	t->own = 1;
	t->online_work = 1;
	t->kernel = b->s->next ? K_EMPTY : K_IDLE;
}

/* The record is read and the vCPU given up; what KVM runs from here on is another vCPU. */
static void kernel_fault(struct builder *b)
{
	struct model_state *t = step(b, "kernel: gives the vCPU up");

	if (!KERNEL_MOVE(t, FAULTED, EMPTY))
		wrong(b, "the state is not FAULTED any more");
	t->own = 1;
	t->held = 0;
	t->copied = 0;
	t->online_work = 1;
	t->kernel = K_EMPTY;
}

static void kernel_steps(struct builder *b)
{
	static void (* const at[])(struct builder *b) = {
		[K_EMPTY] = kernel_empty,
		[K_IDLE] = kernel_idle,
		[K_WAIT_ARMED] = kernel_wait_armed,
		[K_STOP] = kernel_stop,
		[K_COPY] = kernel_copy,
		[K_DETACH] = kernel_detach,
		[K_RING] = kernel_ring,
		[K_WAIT_RUN] = kernel_wait_run,
		[K_GAP] = kernel_gap,
		[K_ORPHAN] = kernel_orphan,
		[K_ASK] = kernel_ask,
		[K_ASK_MOVE] = kernel_ask_move,
		[K_KICK] = kernel_kick,
		[K_WAIT_PARK] = kernel_wait_park,
		[K_TAKE] = kernel_take,
		[K_TAKEN] = kernel_taken,
		[K_FAULT] = kernel_fault,
	};

	at[b->s->kernel](b);
}

/* The vCPU thread in KVM_RUN, and the work that brings the pCPU back */
static void host_steps(struct builder *b)
{
	if (b->s->in_kvm)
		step(b, "vCPU thread: leaves KVM_RUN")->in_kvm = 0;
	else if (b->s->own && !b->s->held)
		step(b, "vCPU thread: KVM_RUN")->in_kvm = 1;
	if (b->s->online_work &&
	    (b->s->pcpu == KVM_CARETAKER_PCPU_HALTED || b->m->bug == BUG_INIT_EARLY))
		kernel_init(b, "kernel: INIT");
}

/* Payload */

static void payload_goes(struct builder *b, const char *what, enum model_payload to)
{
	step(b, what)->payload = to;
}

static void payload_bell(struct builder *b)
{
	if (b->s->bell == KVM_CARETAKER_BELL_RUN)
		payload_goes(b, "payload: hears RUN", P_BEGIN);
	if (b->s->bell == KVM_CARETAKER_BELL_HALT)
		payload_goes(b, "payload: hears HALT", P_OFF);
}

static void payload_begin(struct builder *b)
{
	struct model_state *t = step(b, "payload: RUNNING");
	bool moved;

	if (b->m->bug == BUG_BEGIN_STORES) {
		t->state = KVM_CARETAKER_RUNNING;
		moved = true;
	} else {
		moved = PAYLOAD_MOVE(t, DETACHING, RUNNING);
	}
	t->payload = moved ? P_BEGUN : P_OFF;
}

static void payload_check(struct builder *b)
{
	bool asked = b->s->state == KVM_CARETAKER_ADOPTING && b->m->bug != BUG_NO_LOOK;

	payload_goes(b, "payload: looks at the state", asked ? P_PARK : P_VMRUN);
}

/* A pending NMI ends VMRUN at once */
static void payload_vmrun(struct builder *b)
{
	struct model_state *t = step(b, "payload: VMRUN");

	if (!b->s->copied)
		wrong(b, "VMRUN before the vCPU was copied");
	t->saved = 0;
	t->payload = b->s->nmi ? P_WINDOW : P_GUEST;
}

static void payload_guest(struct builder *b)
{
	if (b->s->nmi)
		payload_goes(b, "guest: NMI exit", P_WINDOW);
	payload_goes(b, "guest: an exit that is served", P_CHECK);
	payload_goes(b, "guest: a blocking exit", P_BLOCK);
	payload_goes(b, "guest: HLT", b->m->bug == BUG_IDLE_ORDER ? P_IDLE_LOOK : P_IDLE_CLEAR);
	if (b->m->with & MODEL_FAULTS)
		payload_goes(b, "guest: shutdown", P_FAULT);
}

static void payload_block(struct builder *b)
{
	struct model_state *t = step(b, "payload: STALLED");
	bool moved;

	if (b->m->bug == BUG_BLOCK_STORES) {
		t->state = KVM_CARETAKER_STALLED;
		moved = true;
	} else {
		moved = PAYLOAD_MOVE(t, RUNNING, STALLED);
	}
	t->payload = moved ? P_SPIN : P_PARK;
}

static void payload_idle_look(struct builder *b)
{
	enum model_payload sleep = b->m->bug == BUG_IDLE_ORDER ? P_IDLE_CLEAR : P_IDLE_TEST;

	payload_goes(b, "payload: idle, looks at the state",
		     b->s->state == KVM_CARETAKER_ADOPTING ? P_CHECK : sleep);
}

static void payload_idle_clear(struct builder *b)
{
	struct model_state *t = step(b, "payload: idle, clears kicked");

	t->kicked = 0;
	t->payload = b->m->bug == BUG_IDLE_ORDER ? P_IDLE_TEST : P_IDLE_LOOK;
}

static enum model_payload idle_again(const struct builder *b)
{
	return b->m->bug == BUG_IDLE_ORDER ? P_IDLE_LOOK : P_IDLE_CLEAR;
}

static void payload_park(struct builder *b)
{
	struct model_state *t = step(b, "payload: saves the vCPU");

	t->saved = 1;
	t->payload = P_PARKED;
}

static void payload_parked(struct builder *b)
{
	struct model_state *t = step(b, "payload: PARKED");

	if (!PAYLOAD_MOVE(t, ADOPTING, PARKED))
		wrong(b, "park: the state is not ADOPTING");
	t->payload = P_OFF;
}

/* From whichever state it is, if that is a state that is the payload's to leave */
static void payload_fault(struct builder *b)
{
	struct model_state *t = step(b, "payload: FAULTED");

	if (KVM_CARETAKER_MAY_MOVE(KVM_CARETAKER_PAYLOAD_MOVES, b->s->state,
				   KVM_CARETAKER_FAULTED))
		move(b, t, b->s->state, KVM_CARETAKER_FAULTED, KVM_CARETAKER_PAYLOAD_MOVES);
	t->payload = P_OFF;
}

static void payload_off(struct builder *b)
{
	struct model_state *t = step(b, "payload: HALTED");

	t->pcpu = KVM_CARETAKER_PCPU_HALTED;
	t->payload = P_HALTED;
}

static void payload_simple(struct builder *b)
{
	struct model_state *t;

	switch (b->s->payload) {
	case P_ENTRY:
		t = step(b, "payload: ARMED");
		t->pcpu = KVM_CARETAKER_PCPU_ARMED;
		t->payload = P_BELL;
		break;
	case P_BEGUN:
		t = step(b, "payload: loads the vCPU");
		t->pcpu = KVM_CARETAKER_PCPU_GUEST;
		t->payload = P_CHECK;
		break;
	case P_WINDOW:
		payload_goes(b, "payload: closes the window", P_CHECK);
		break;
	case P_SPIN:
		if (b->s->state == KVM_CARETAKER_ADOPTING)
			payload_goes(b, "payload: ends the stall", P_PARK);
		break;
	case P_IDLE_TEST:
		payload_goes(b, "payload: idle, tests kicked",
			     b->s->kicked ? idle_again(b) : P_IDLE_HLT);
		break;
	case P_IDLE_HLT:
		payload_goes(b, "payload: HLT", P_IDLE_ASLEEP);
		break;
	}
}

/* Where GIF is 1: the NMI handler runs */
static bool takes_nmi(uint8_t at)
{
	switch (at) {
	case P_ENTRY:
	case P_BELL:
	case P_BEGIN:
	case P_WINDOW:
	case P_SPIN:
	case P_IDLE_CLEAR:
	case P_IDLE_LOOK:
	case P_IDLE_TEST:
	case P_IDLE_HLT:
	case P_IDLE_ASLEEP:
	case P_PARK:
	case P_PARKED:
	case P_OFF:
	case P_HALTED:
		return true;
	}
	return false;
}

static void payload_nmi(struct builder *b)
{
	struct model_state *t;

	if (!b->s->nmi || !takes_nmi(b->s->payload))
		return;
	t = step(b, "payload: takes the NMI");
	t->nmi = 0;
	t->kicked = 1;
	switch (b->s->payload) {
	case P_IDLE_TEST:
	case P_IDLE_HLT:
		if (b->m->bug == BUG_NMI_STAYS)
			break;
		t->payload = idle_again(b);
		break;
	case P_IDLE_ASLEEP:
		t->payload = idle_again(b);
		break;
	}
}

static bool can_fault(const struct builder *b)
{
	uint8_t at = b->s->payload;

	return (b->m->with & MODEL_FAULTS) && at != P_NONE && at != P_GUEST && at != P_FAULT &&
	       at != P_OFF && at != P_HALTED;
}

static void payload_steps(struct builder *b)
{
	static void (* const at[])(struct builder *b) = {
		[P_ENTRY] = payload_simple,
		[P_BELL] = payload_bell,
		[P_BEGIN] = payload_begin,
		[P_BEGUN] = payload_simple,
		[P_CHECK] = payload_check,
		[P_VMRUN] = payload_vmrun,
		[P_GUEST] = payload_guest,
		[P_WINDOW] = payload_simple,
		[P_BLOCK] = payload_block,
		[P_SPIN] = payload_simple,
		[P_IDLE_CLEAR] = payload_idle_clear,
		[P_IDLE_LOOK] = payload_idle_look,
		[P_IDLE_TEST] = payload_simple,
		[P_IDLE_HLT] = payload_simple,
		[P_PARK] = payload_park,
		[P_PARKED] = payload_parked,
		[P_FAULT] = payload_fault,
		[P_OFF] = payload_off,
		[P_HALTED] = NULL,
	};

	if (at[b->s->payload])
		at[b->s->payload](b);
	payload_nmi(b);
	if (can_fault(b))
		payload_goes(b, "payload: an exception", P_FAULT);
}

unsigned int model_payload_steps(struct model *m, const struct model_state *s,
				 struct model_step *out)
{
	struct builder b = { .m = m, .s = s, .out = out };

	payload_steps(&b);
	return b.n;
}

unsigned int model_steps(struct model *m, const struct model_state *s, struct model_step *out)
{
	struct builder b = { .m = m, .s = s, .out = out };

	kernel_steps(&b);
	host_steps(&b);
	payload_steps(&b);
	return b.n;
}

/* Between its entry and its last HLT the payload needs the stack that it runs on. */
static bool pcpu_uses_stack(const struct model_state *s)
{
	return s->payload != P_NONE && s->payload != P_HALTED;
}

const char *model_invariant(const struct model *m, const struct model_state *s)
{
	if (s->in_kvm && s->payload == P_GUEST)
		return "the vCPU has two owners: KVM and the payload execute it";
	if (s->in_kvm && s->state != KVM_CARETAKER_EMPTY && s->state != KVM_CARETAKER_ATTACHED)
		return "KVM executes a vCPU that is not attached";
	if (s->payload == P_GUEST && s->state != KVM_CARETAKER_RUNNING &&
	    s->state != KVM_CARETAKER_ADOPTING)
		return "the payload executes a vCPU that is not its own";
	if (s->pcpu == KVM_CARETAKER_PCPU_HALTED && s->payload != P_HALTED)
		return "HALTED, but the payload still runs";
	if (m->bug == BUG_ONE_STACK && s->in_kvm && s->state == KVM_CARETAKER_ATTACHED &&
	    pcpu_uses_stack(s))
		return "two CPUs on one stack";
	return NULL;
}

bool model_goal(const struct model_state *s)
{
	return s->own && !s->held && s->pcpu == KVM_CARETAKER_PCPU_NONE &&
	       (s->kernel == K_IDLE || s->kernel == K_EMPTY);
}
