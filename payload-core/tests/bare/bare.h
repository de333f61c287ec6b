/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bare-metal test of the payload core: addresses shared by C and assembly.
 */
#ifndef BARE_H
#define BARE_H

/* Real-mode address of the application processor's first instruction */
#define AP_TRAMPOLINE	0x8000

/* Where the payload image is loaded: the first or the second half of these 2 MiB. */
#define IMAGE_BASE	0x2000000
#define IMAGE_BASE2	0x2100000
/* 2 MiB for everything the payload reaches by pointer */
#define ARENA_BASE	0x2200000

/* Exits per benchmark run */
#define BENCH_EXITS	1000

#endif /* BARE_H */
