/* SPDX-License-Identifier: GPL-2.0 */
/* A VMM in the next kernel that did not restore all of the vCPU's state. */
#ifndef SELFTESTS_UNRESTORED_H
#define SELFTESTS_UNRESTORED_H

#include "handover.h"
#include "ktap.h"

/*
 * Spoils what @s holds, one thing after the other: KVM_RUN refuses to adopt the vCPU and says why,
 * the guest goes on as an orphan. Afterwards all is restored.
 */
enum ktap_result unrestored_refused(struct kvm_guest *g, const struct handover_state *s,
				    bool (*goes_on)(void));

#endif /* SELFTESTS_UNRESTORED_H */
