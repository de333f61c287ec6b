/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of the handover: the kernel, the thread that runs the vCPU in KVM, the work that
 * brings the pCPU back, the payload on the pCPU, and the NMI between them. Every step is one
 * access to shared memory, and all interleavings are explored (sequential consistency: each
 * decision of the real thing is a locked instruction).
 */
#ifndef SELFTESTS_UNIT_MODEL_H
#define SELFTESTS_UNIT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the kernel is */
enum model_kernel {
	K_EMPTY,	/* no Caretaker; KVM has the vCPU */
	K_IDLE,		/* installed; KVM has the vCPU */
	K_WAIT_ARMED,	/* preserve: the pCPU is on its way */
	K_STOP,		/* get the vCPU out of KVM_RUN */
	K_COPY,		/* copy its state into the Caretaker's pages */
	K_DETACH,
	K_RING,
	K_WAIT_RUN,
	K_GAP,		/* detached, old kernel */
	K_ORPHAN,	/* detached, next kernel */
	K_ASK,		/* cancel or adopt: look at the state */
	K_ASK_MOVE,
	K_KICK,
	K_WAIT_PARK,
	K_TAKE,		/* copy the state back */
	K_TAKEN,
	K_FAULT,
};

/* Where the payload is on the pCPU */
enum model_payload {
	P_NONE,		/* the pCPU is the host's */
	P_ENTRY,
	P_BELL,		/* armed */
	P_BEGIN,
	P_BEGUN,
	P_CHECK,	/* GIF=0: look at the state, then VMRUN */
	P_VMRUN,
	P_GUEST,	/* the guest executes */
	P_WINDOW,	/* GIF=1 for a moment */
	P_BLOCK,
	P_SPIN,
	P_IDLE_CLEAR,	/* HLT: clear kicked, look at the state */
	P_IDLE_LOOK,
	P_IDLE_TEST,	/* idle window: test kicked, then HLT */
	P_IDLE_HLT,
	P_IDLE_ASLEEP,
	P_PARK,		/* save the vCPU */
	P_PARKED,	/* say so */
	P_FAULT,
	P_OFF,		/* GIF=1, SVME off, say HALTED */
	P_HALTED,
};

/* Bugs to plant: the model has to find each */
enum model_bug {
	BUG_NONE,
	BUG_BEGIN_STORES,	/* payload: RUNNING by a store, not by compare-and-exchange */
	BUG_TIMEOUT_STORES,	/* kernel: ATTACHED by a store after its time limit */
	BUG_BLOCK_STORES,	/* payload: STALLED by a store */
	BUG_NMI_STAYS,		/* payload: the NMI handler does not leave the idle window */
	BUG_IDLE_ORDER,		/* payload: looks at the state before it clears kicked */
	BUG_TAKE_EARLY,		/* kernel: takes the state while ADOPTING */
	BUG_INIT_EARLY,		/* kernel: INIT without waiting for HALTED */
	BUG_INIT_OWNED,		/* next kernel: INIT to a preserved pCPU at boot */
	BUG_RING_FIRST,		/* kernel: doorbell before the copy is complete */
	BUG_NO_STOP,		/* kernel: does not wait until the vCPU has left KVM_RUN */
	BUG_ONE_STACK,		/* payload: one stack for attached and detached */
	BUG_NO_KICK,		/* kernel: asks, but sends no NMI */
	BUG_NO_LOOK,		/* payload: serves exits without a look at the state */
	NR_BUGS,
};

/* What may happen beside the plain course of things */
#define MODEL_FAULTS	1U	/* exceptions in the payload */
#define MODEL_TIMEOUTS	2U	/* the kernel gives up waiting, and tries again later */

struct model_state {
	uint8_t state;		/* ccb.state */
	uint8_t pcpu;		/* ccb.pcpu */
	uint8_t bell;		/* ccb.doorbell */
	uint8_t kicked;		/* ccb.kicked */
	uint8_t nmi;		/* an NMI is pending at the pCPU */
	uint8_t kernel;		/* enum model_kernel */
	uint8_t payload;	/* enum model_payload */
	uint8_t seen;		/* kernel: state that it read last */
	uint8_t own;		/* kernel: the vCPU is KVM's */
	uint8_t held;		/* kernel: the vCPU thread must not enter */
	uint8_t in_kvm;		/* KVM executes the vCPU */
	uint8_t online_work;	/* queued: bring the pCPU back */
	uint8_t next;		/* in the next kernel */
	uint8_t copied;		/* the Caretaker's pages hold the vCPU */
	uint8_t saved;		/* the payload saved the vCPU after its last VMRUN */
	uint8_t pad;
};

struct model_step {
	struct model_state to;
	const char *what;
};

#define MODEL_MAX_STEPS	24

/**
 * struct model - one exploration
 * @bug:	bug to plant
 * @with:	MODEL_*
 * @wrong:	first thing that must never be; NULL while all is well
 * @made:	bit from * 8 + to for each move of the state machine that was made
 */
struct model {
	enum model_bug bug;
	unsigned int with;
	const char *wrong;
	uint64_t made;
};

/* All steps that are possible in @s; returns their number. Sets m->wrong. */
unsigned int model_steps(struct model *m, const struct model_state *s, struct model_step *out);
/* The same, but only the payload moves. */
unsigned int model_payload_steps(struct model *m, const struct model_state *s,
				 struct model_step *out);

/* What must hold in every state, or NULL. */
const char *model_invariant(const struct model *m, const struct model_state *s);
/* Where everything has to be able to get to: vCPU in KVM, pCPU in the host. */
bool model_goal(const struct model_state *s);

#endif /* SELFTESTS_UNIT_MODEL_H */
