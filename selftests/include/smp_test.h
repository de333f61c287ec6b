/* SPDX-License-Identifier: GPL-2.0 */
/* The guest of smp_guest.h with Caretakers: vCPU i has the pCPU PCPU + i. */
#ifndef SELFTESTS_SMP_TEST_H
#define SELFTESTS_SMP_TEST_H

#include "caretaker_test.h"
#include "handover.h"
#include "ktap.h"
#include "smp_guest.h"

#define SMP_TOKEN_VCPU	16	/* of the first one */
#define SMP_TOKEN_STATE	32

/* How long the guest may need on a slow host; a guest that stands still needs longer */
#define SMP_ALIVE_MS	10000
#define SMP_ONLINE_MS	60000

/* CPUs of this host, online or not */
unsigned int smp_host_cpus(void);
int smp_install(struct smp_guest *g, uint32_t flags);
/* A guest with Caretakers whose vCPUs interrupt each other, as soon as all of them do. */
enum ktap_result smp_begin(struct smp_guest *g, unsigned int nr, enum smp_timer timer);
/* RAM and VM, then vCPUs one by one. The last one hands all over. */
int smp_preserve_vm(struct smp_guest *g, int session);
int smp_preserve_vcpu(struct smp_guest *g, int session, unsigned int i);
int smp_preserve(struct smp_guest *g, int session);
/* Whether the Caretaker of each vCPU is in @state. */
bool smp_in_state(struct smp_guest *g, int state, unsigned int ms);
bool smp_pcpus_online(struct smp_guest *g, unsigned int ms);
bool smp_pcpus_offline(struct smp_guest *g);

/* The end of a guest: nothing lost or doubled, all registers as they were. */
enum ktap_result smp_end(struct smp_guest *g);

/* What the VMM keeps for the next kernel: one memfd per vCPU, preserved before the VM. */
int smp_states_create(struct smp_guest *g, int session, struct handover_state **state);
int smp_states_save(struct smp_guest *g, struct handover_state **state);
/* There: RAM and states, then the VM and each vCPU, all but the registers of the gap. */
int smp_retrieve_ram(struct smp_guest *g, int session, struct handover_state **state);
int smp_retrieve_vcpus(struct smp_guest *g, int session, struct handover_state **state);

#endif /* SELFTESTS_SMP_TEST_H */
