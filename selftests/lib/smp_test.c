// SPDX-License-Identifier: GPL-2.0
/* The guest with several vCPUs and Caretakers. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ktap.h"
#include "smp_test.h"

#define PRESERVE_TRIES	50

unsigned int smp_host_cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_CONF);

	return n > 0 ? n : 1;
}

int smp_install(struct smp_guest *g, uint32_t flags)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < g->nr; i++)
		err = caretaker_install_at(&g->vcpu[i], flags, PCPU + i);
	return err;
}

enum ktap_result smp_begin(struct smp_guest *g, unsigned int nr, enum smp_timer timer)
{
	CHECK(nr <= SMP_MAX_VCPUS && nr < smp_host_cpus(), "%u vCPUs on %u host CPUs", nr,
	      smp_host_cpus());
	CHECK(!smp_create(g, nr), "no guest");
	CHECK(!smp_install(g, 0), "no Caretakers");
	smp_work(g, SMP_LOAD);
	smp_timers(g, timer);
	CHECK(!smp_start_threads(g), "no threads");
	CHECK(smp_timers_set(g, SMP_ALIVE_MS), "no timers");
	CHECK(smp_alive(g, SMP_ALIVE_MS), "the guest does not run");
	return KTAP_PASS;
}

int smp_preserve_vm(struct smp_guest *g, int session)
{
	int err = luo_preserve(session, g->vcpu[0].mem_fd, TOKEN_MEM);

	if (!err)
		err = luo_preserve(session, g->vcpu[0].vm_fd, TOKEN_VM);
	if (err)
		ktap_diag("preserve of RAM and VM: %s", strerror(-err));
	return err;
}

/* EAGAIN: a vCPU is in a state that does not last. */
int smp_preserve_vcpu(struct smp_guest *g, int session, unsigned int i)
{
	int err = -EAGAIN, tries;

	for (tries = 0; err == -EAGAIN && tries < PRESERVE_TRIES; tries++) {
		if (tries)
			sleep_ms(5);
		err = luo_preserve(session, g->vcpu[i].vcpu_fd, SMP_TOKEN_VCPU + i);
	}
	if (err)
		ktap_diag("preserve of vCPU %u: %s", i, strerror(-err));
	return err;
}

int smp_preserve(struct smp_guest *g, int session)
{
	int err = smp_preserve_vm(g, session);
	unsigned int i;

	for (i = 0; !err && i < g->nr; i++)
		err = smp_preserve_vcpu(g, session, i);
	return err;
}

bool smp_in_state(struct smp_guest *g, int state, unsigned int ms)
{
	unsigned int i;

	for (i = 0; i < g->nr; i++) {
		if (caretaker_wait_state(&g->vcpu[i], state, ms))
			continue;
		ktap_diag("this was vCPU %u", i);
		return false;
	}
	return true;
}

bool smp_pcpus_online(struct smp_guest *g, unsigned int ms)
{
	unsigned int i;

	for (i = 0; i < g->nr; i++)
		if (!cpu_wait_online(PCPU + i, ms))
			return false;
	return true;
}

bool smp_pcpus_offline(struct smp_guest *g)
{
	unsigned int i;

	for (i = 0; i < g->nr; i++) {
		if (!cpu_is_online(PCPU + i))
			continue;
		ktap_diag("pCPU %u is online", PCPU + i);
		return false;
	}
	return true;
}

int smp_states_create(struct smp_guest *g, int session, struct handover_state **state)
{
	unsigned int i;
	int fd, err = 0;

	for (i = 0; !err && i < g->nr; i++) {
		fd = state_create(&state[i]);
		if (fd < 0)
			return fd;
		err = luo_preserve(session, fd, SMP_TOKEN_STATE + i);
	}
	if (err)
		ktap_diag("preserve of the VMM's state: %s", strerror(-err));
	return err;
}

int smp_states_save(struct smp_guest *g, struct handover_state **state)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < g->nr; i++)
		err = state_save(&g->vcpu[i], state[i]);
	return err;
}

int smp_retrieve_ram(struct smp_guest *g, int session, struct handover_state **state)
{
	unsigned int i;
	int err, fd;

	memset(g, 0, sizeof(*g));
	err = retrieve_ram(session, &g->vcpu[0]);
	if (err)
		return err;
	g->nr = smp_shared(g)->nr;
	if (!g->nr || g->nr > SMP_MAX_VCPUS) {
		ktap_diag("the guest's memory is damaged: %u vCPUs", g->nr);
		return -EINVAL;
	}
	for (i = 0; !err && i < g->nr; i++) {
		fd = luo_retrieve(session, SMP_TOKEN_STATE + i);
		err = fd < 0 ? fd : state_map(fd, &state[i]);
	}
	return err;
}

int smp_retrieve_vcpus(struct smp_guest *g, int session, struct handover_state **state)
{
	int err = retrieve_vm(session, &g->vcpu[0]);
	unsigned int i;

	for (i = 0; !err && i < g->nr; i++) {
		if (i)
			smp_share(g, i);
		err = retrieve_vcpu_at(session, &g->vcpu[i], state[i], SMP_TOKEN_VCPU + i);
	}
	return err;
}

enum ktap_result smp_end(struct smp_guest *g)
{
	CHECK(smp_all_arrived(g, SMP_ALIVE_MS), "an interrupt was lost, or came twice");
	CHECK(!smp_stop_threads(g), "a vCPU thread ended");
	CHECK(!smp_check_host_side(g), "registers changed");
	CHECK(smp_right(g), "something was wrong");
	smp_destroy(g);
	return KTAP_PASS;
}
