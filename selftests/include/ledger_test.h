/* SPDX-License-Identifier: GPL-2.0 */
/* Whether telemetry adds up, by itself and against a clock that neither payload nor kernel read. */
#ifndef SELFTESTS_LEDGER_TEST_H
#define SELFTESTS_LEDGER_TEST_H

#include "caretaker_test.h"
#include "ktap.h"

/* Account @name of @t at the time @at. */
#define LEDGER(t, name, at)	kvm_caretaker_ledger_at(t, KVM_CARETAKER_TIME_##name, at)

/*
 * Telemetry of a vCPU that may be running, read until no edge falls into the reading. *@at: TSC
 * after it.
 */
enum ktap_result ledger_read(struct kvm_guest *g, struct kvm_caretaker_telemetry *t, uint64_t *at);
/*
 * Reads, and judges: all accounts are the time between first and latest edge, and, with what is
 * open, the time since the Caretaker was installed, by the test's own clock.
 */
enum ktap_result ledger_adds_up(struct kvm_guest *g, struct kvm_caretaker_telemetry *t,
				uint64_t *at);
/* Counts are those in the histograms, times of exits and handlers are those of the ledger. */
enum ktap_result ledger_cells(const struct kvm_caretaker_telemetry *t);
/* HANDOVER is what the stamps say. @was: that account before the handover that is over. */
enum ktap_result ledger_handover(const struct kvm_caretaker_telemetry *t, uint64_t was);

#endif /* SELFTESTS_LEDGER_TEST_H */
