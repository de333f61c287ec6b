/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel functions that an exit handler may call. No kernel may be alive then, so what runs is
 * not the kernel's function but the same source (ctv_kfunc_code.h) as code of its own, which the
 * compiler puts into the set (ctv_kfunc.c). The kernel's function is there for its BTF, by which
 * the BPF verifier judges the arguments.
 *
 * X(NAME, function, cost, what it does): cost units of one call; no call executes more instructions
 * than that. They are numbers of the interface, the same whatever compiler built the code: the
 * build fails when that made it longer.
 */
#ifndef CTV_KFUNCS_H
#define CTV_KFUNCS_H

#define CTV_KFUNCS(X)									\
	X(TIME, bpf_caretaker_time, 30,							\
	  "(exit): the pCPU's TSC at the call; plus exit->tsc_offset it is the guest's")	\
	X(SCRATCH, bpf_caretaker_scratch, 20,						\
	  "(exit, slot, size): 256 bytes of this vCPU's own, or NULL; slot < 16, constant size") \
	X(INJECT, bpf_caretaker_inject, 25,						\
	  "(exit, vector): an edge-triggered interrupt for this vCPU, 16 to 255, or -EINVAL")	\
	X(EMIT, bpf_caretaker_emit, 100,						\
	  "(exit, data, size): event of 8, 16 ... 64 bytes, or -EINVAL; one per exit, then -EBUSY")

#define CTV_KFUNC_ENUM(name, function, cost, what) CTV_KFUNC_##name,
enum ctv_kfunc {
	CTV_KFUNCS(CTV_KFUNC_ENUM)
	CTV_NR_KFUNCS
};

#endif /* CTV_KFUNCS_H */
