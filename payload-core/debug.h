/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM Caretaker payload core: breadcrumbs of the debug build, one character each to port 0xe9
 * (isa-debugcon of QEMU). Nothing of it is in the normal build.
 */
#ifndef PAYLOAD_DEBUG_H
#define PAYLOAD_DEBUG_H

#ifdef PAYLOAD_DEBUG
static inline void debug_crumb(char c)
{
	asm volatile("outb %0, $0xe9" : : "a" (c));
}

static inline void debug_hex(unsigned long long value)
{
	int shift;

	for (shift = 60; shift >= 0; shift -= 4)
		debug_crumb("0123456789abcdef"[(value >> shift) & 15]);
	debug_crumb('\n');
}
#else
static inline void debug_crumb(char c) { (void)c; }
static inline void debug_hex(unsigned long long value) { (void)value; }
#endif

#endif /* PAYLOAD_DEBUG_H */
