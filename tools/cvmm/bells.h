/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * Ports whose writes only wake somebody: KVM signals an eventfd, and for those that the doorbell
 * handler took in a gap the VMM does.
 */
#ifndef CVMM_BELLS_H
#define CVMM_BELLS_H

#include <stddef.h>
#include <stdint.h>

#include "doorbell.h"

/**
 * struct bells - eventfds for writes to ports
 * @nr:		entries of @bell
 * @bell.port:	port
 * @bell.len:	bytes of a write
 * @bell.fd:	eventfd
 * @bell.done:	writes of the gap that were passed on
 * @bell.rung:	signals that were read from @fd
 */
struct bells {
	unsigned int nr;
	struct {
		uint16_t port;
		uint16_t len;
		int fd;
		uint64_t done;
		uint64_t rung;
	} bell[CARETAKER_DOORBELLS];
};

int bells_add(struct bells *d, uint16_t port, uint16_t len);
int bells_listen(const struct bells *d, int vm_fd);
void bells_arm(struct bells *d, struct caretaker_doorbell_state *s);
int bells_replay(struct bells *d, const struct caretaker_doorbell_state *s, size_t len);
void bells_read(struct bells *d);
void bells_close(struct bells *d);

#endif /* CVMM_BELLS_H */
