/* SPDX-License-Identifier: GPL-2.0 */
/* What handlers_told and its handler have in common. */
#ifndef HANDLERS_TOLD_H
#define HANDLERS_TOLD_H

#define TOLD_PORT	0x5e	/* served by the handler */
#define TOLD_TURNS	4000	/* that the handler waits at most */

struct told_state {
	__u64 wait;	/* program: TSC cycles that the handler waits */
	__u64 calls;	/* handler: that it served */
};

#endif /* HANDLERS_TOLD_H */
