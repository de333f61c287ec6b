/* SPDX-License-Identifier: GPL-2.0 */
/* Tests of the handler passes in user space. */
#ifndef CTV_TEST_H
#define CTV_TEST_H

#include "ctv.h"
#include "user/object.h"

/* ---- KTAP ---- */

__attribute__((format(printf, 2, 3)))
void test_result(bool ok, const char *fmt, ...);
__attribute__((format(printf, 2, 3)))
void test_skip(const char *name, const char *fmt, ...);
__attribute__((format(printf, 1, 2)))
void test_note(const char *fmt, ...);
/* The plan; the exit status. */
int test_finish(void);

/* ---- instructions ---- */

#define INSN(c, d, s, o, i) \
	((struct ctv_insn){ .code = (c), .dst = (d), .src = (s), .off = (o), .imm = (s32)(i) })
#define ALU64_K(op, d, i)	INSN(CTV_ALU64 | (op) | CTV_K, d, 0, 0, i)
#define ALU64_X(op, d, s)	INSN(CTV_ALU64 | (op) | CTV_X, d, s, 0, 0)
#define ALU32_K(op, d, i)	INSN(CTV_ALU | (op) | CTV_K, d, 0, 0, i)
#define ALU32_X(op, d, s)	INSN(CTV_ALU | (op) | CTV_X, d, s, 0, 0)
#define MOV(d, i)		ALU64_K(CTV_MOV, d, i)
#define MOV_X(d, s)		ALU64_X(CTV_MOV, d, s)
#define LD64(d, v)		INSN(CTV_LD_IMM64, d, 0, 0, (u32)(v)), \
				INSN(0, 0, 0, 0, (u32)((u64)(v) >> 32))
#define LDX(sz, d, s, o)	INSN(CTV_LDX | CTV_MEM | (sz), d, s, o, 0)
#define LDXS(sz, d, s, o)	INSN(CTV_LDX | CTV_MEMSX | (sz), d, s, o, 0)
#define STX(sz, d, s, o)	INSN(CTV_STX | CTV_MEM | (sz), d, s, o, 0)
#define ST(sz, d, o, i)		INSN(CTV_ST | CTV_MEM | (sz), d, 0, o, i)
#define ATOMIC(sz, d, s, o, op)	INSN(CTV_STX | CTV_ATOMIC | (sz), d, s, o, op)
#define JMP_K(op, d, i, o)	INSN(CTV_JMP | (op) | CTV_K, d, 0, o, i)
#define JMP_X(op, d, s, o)	INSN(CTV_JMP | (op) | CTV_X, d, s, o, 0)
#define JMP32_K(op, d, i, o)	INSN(CTV_JMP32 | (op) | CTV_K, d, 0, o, i)
#define JMP32_X(op, d, s, o)	INSN(CTV_JMP32 | (op) | CTV_X, d, s, o, 0)
#define JA(o)			INSN(CTV_JMP | CTV_JA, 0, 0, o, 0)
#define CALL(i)			INSN(CTV_JMP | CTV_CALL, 0, CTV_CALL_LOCAL, 0, i)
#define KFUNC(n)		INSN(CTV_JMP | CTV_CALL, 0, CTV_CALL_KFUNC, 0, \
				     test_kfunc_imm(CTV_KFUNC_##n))
#define EXIT()			INSN(CTV_JMP | CTV_EXIT, 0, 0, 0, 0)

/* ---- running programs ---- */

#define CTX_SIZE	320
/*
 * What of the exit context kernel functions use, from include/uapi/linux/kvm_caretaker_bpf.h.
 * Numbers of the tests' own: the code under test is compiled from that header.
 */
#define CTV_EXIT_REQUESTS	0xc8
#define CTV_EXIT_EMIT_SIZE	0xcc
#define CTV_EXIT_IRR		0xd0
#define CTV_EXIT_EMIT		0x100
#define CTV_REQUEST_IRQ		1
#define CTV_REQUEST_EMIT	2
#define MAP_ADDR	0xffffc90000100000ULL	/* as it stands in instructions */
#ifndef MAP_SIZE
#define MAP_SIZE	4096U
#endif

/**
 * struct run - what a program works on and leaves behind
 * @ctx:	the exit context
 * @map:	its memory
 * @scratch:	its scratch memory
 * @result:	r0
 * @cost:	interpreter: cost units used
 * @insns:	interpreter: instructions executed
 * @native:	interpreter: at least as many as the processor executes for them, see count.c
 */
struct run {
	u8 ctx[CTX_SIZE];
	u8 map[MAP_SIZE];
	u8 scratch[CTV_SCRATCH_BYTES];
	u64 result;
	u64 cost;
	u64 insns;
	u64 native;
};

/* What calls of kernel functions hold in imm in programs of these tests. */
#define test_kfunc_imm(kfunc)	(((kfunc) + 1) * -0x1001)
extern const s32 test_kfuncs[CTV_NR_KFUNCS];

/* Reference interpreter. Returns 0, or -1 when the program did what it may not. */
int interp_run(const struct ctv_prog *p, struct run *run);

/* A checked program, compiled into executable memory that map memory follows. */
int image_compile(struct ctv_set *set);
void image_run(const struct ctv_prog *p, struct run *run);
u64 image_call(u32 off, u64 *slot, u64 fuel);
u8 *image_maps(void);
/* The instructions that the processor executed in the image for one call. */
u64 image_call_steps(u32 off, u64 *slot, u64 fuel, unsigned long *n);
unsigned long image_steps(const struct ctv_prog *p, struct run *run);

/* Counts the image's instructions for those of @p, for the interpreter. False: not understood. */
bool count_begin(const struct ctv_prog *p, const u8 *text);
u32 count_entry(const struct ctv_prog *p, u32 start);
u32 count_insn(const struct ctv_prog *p, u32 i, bool taken, bool fuel_out);

/*
 * Switches the trap flag, "btsq" on or "btrq" off. In assembly: compilers move writes of the flags
 * over a call. The red zone of the caller's stack stays as it is.
 */
#define trap_flag(op)								\
	asm volatile("lea -128(%%rsp), %%rsp; pushfq; " op " $8, (%%rsp); popfq; "	\
		     "lea 128(%%rsp), %%rsp" : : : "memory", "cc")

enum run_outcome {
	RUN_SAME,	/* both ways the same, and within the verified cost */
	RUN_REFUSED,	/* by the passes */
	RUN_UNSAFE,	/* it did in the interpreter what it may not */
	RUN_DIFFERENT,	/* notes say how */
};

/*
 * Single-steps the compiled code of every so many-th program, 0: of none: the processor may execute
 * no more instructions than the verified cost, and no more than were counted (count.c). Not
 * programs that execute more than @run_step_max instructions of BPF: each step is a signal.
 */
extern unsigned int run_step_every;
extern unsigned int run_step_max;
/* Programs that were single-stepped, and the instructions that the processor executed in them. */
extern unsigned long run_stepped, run_steps;

enum run_outcome run_try(struct ctv_prog *p, const struct run *in, struct run *out, u32 budget,
			 struct ctv_refusal *r);

/* Both, with the same input; false and notes when they differ. */
bool run_both(struct ctv_prog *p, const struct run *in, struct run *out, u32 budget);
void prog_note(const struct ctv_prog *p);

/* ---- the tests ---- */

void test_vectors(void);
void test_pairs(void);
void test_refusals(void);
void test_checker(void);
void test_kfunc_calls(void);
void test_ahead(void);
void test_kernel_vectors(void);
void test_conformance(const char *dir);
/* A program that a fuzzer's bytes decide on, run both ways. */
bool random_one(const u8 *bytes, size_t len);

/**
 * struct random_opts - which random programs to run
 * @count:	how many
 * @first:	number of the first; a program is made of its seed and its number alone
 * @seed:	less than 1 << 32
 * @progress:	seconds between two lines about how far it is, 0: none
 */
struct random_opts {
	unsigned long count;
	unsigned long first;
	u64 seed;
	unsigned int progress;
};

void test_random(const struct random_opts *o);
void test_objects(int nr, char **paths);
void test_digests(int nr, char **paths);
void test_uart(int nr, char **paths);
void test_handlers(int nr, char **paths);
void test_shared(int nr, char **paths);
void test_timed(int nr, char **paths);

#endif /* CTV_TEST_H */
