/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bare-metal test of the payload core: addresses shared by C and assembly.
 */
#ifndef BARE_H
#define BARE_H

/* Real-mode address of the application processor's first instruction */
#define AP_TRAMPOLINE	0x8000

/* vCPUs, each with a processor of its own beside the boot processor */
#define NR_VCPUS	2

/* Where the payload image is loaded: one place in each half of these 2 MiB, for each vCPU. */
#define IMAGE_BASE	0x2000000
#define IMAGE_BASE2	0x2100000
#define IMAGE_STEP	0x80000
/* 2 MiB for everything the payload reaches by pointer, for each vCPU and, at their end, shared */
#define ARENA_BASE	0x2200000
#define ARENA_STEP	0x80000
#define PEERS_BASE	(ARENA_BASE + NR_VCPUS * ARENA_STEP)

/* Exits per benchmark run */
#define BENCH_EXITS	1000

#endif /* BARE_H */
