/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A handler object that must be refused says so itself:
 *
 *	EXPECT("HELPER", "load", "calls a BPF helper");
 *
 * the rule by which the passes refuse it without a kernel ("SET": the set is wrong, not a
 * program; "-": they accept it, only the kernel can tell), the step at which the kernel refuses
 * it (load, attach or set), and a part of what the verifier's log, the kernel's log or the ioctl's
 * log says about it.
 */
#ifndef EXPECT_BPF_H
#define EXPECT_BPF_H

#include "caretaker.bpf.h"

#define EXPECT(rule, step, text) \
	const char _expect[] SEC("expect") = rule "\0" step "\0" text

#define KSYM __attribute__((section(".ksyms")))
#define noinline __attribute__((noinline))

/* Ones that are left alone by the optimizer */
#define hide(var) asm volatile("" : "+r"(var))

#endif /* EXPECT_BPF_H */
