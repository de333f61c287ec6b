/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an exit handler must keep to, beyond the kernel's BPF verifier.
 *
 * X(name, errno, what is wrong, what to do about it): the only place where a rule is worded.
 */
#ifndef CTV_RULES_H
#define CTV_RULES_H

#define CTV_RULES(X)									\
	X(OPCODE, EACCES, "instruction outside the allowed set",			\
	  "build with clang -mcpu=v3 and use plain C on local and global variables")	\
	X(HELPER, EACCES, "calls a BPF helper",						\
	  "no kernel may be alive: use own functions and global variables only")	\
	X(TAILCALL, EACCES, "tail call",						\
	  "call a static function instead")						\
	X(KFUNC, EACCES, "calls a kernel function that is not the Caretaker's",	\
	  "no kernel may be alive: call own functions and the kfuncs of caretaker.bpf.h only") \
	X(CALLBACK, EACCES, "passes a function as a callback",				\
	  "write the loop out, with a constant bound")					\
	X(MAYGOTO, EACCES, "may_goto, or can_loop",					\
	  "give the loop a constant bound; it is cut off by cost anyway")		\
	X(MAPREF, EACCES, "uses a map as an object",					\
	  "keep state in global variables (.bss, .data, .rodata)")			\
	X(KSYM, EACCES, "address of a kernel symbol",					\
	  "use only the exit context and global variables")				\
	X(KADDR, EACCES, "64-bit constant in the kernel's address range",		\
	  "build the number from two 32-bit halves")					\
	X(NOMAP, EACCES, "64-bit constant in the kernel's address range and in no map",	\
	  "report this: the BPF verifier should not have let it through")		\
	X(REGISTER, EACCES, "register outside r0 to r10",				\
	  "pass at most five arguments to a function")					\
	X(ATOMIC, EACCES, "atomic operation that needs an unbounded loop or does not exist", \
	  "use atomic add, or, and, xor without the old value, add with it, exchange or" \
	  " compare and exchange, on 4 or 8 bytes")					\
	X(FAULT, EACCES, "load that may fault",						\
	  "follow no pointers other than to the exit context and global variables")	\
	X(PERCPU, EACCES, "per-CPU address",						\
	  "use an array in a global variable, indexed by the vcpu field")		\
	X(JUMP, EACCES, "jump or call that leaves its function",			\
	  "report this: the BPF verifier should not have let it through")		\
	X(RECURSION, EACCES, "recursive call",						\
	  "write it as a loop with a constant bound")					\
	X(STACK, E2BIG, "too much stack over the deepest chain of calls",		\
	  "move large local variables to .bss")						\
	X(COST, E2BIG, "worst-case cost over the budget",				\
	  "shorten the longest path, or raise the budget")				\
	X(LOOP, E2BIG, "one turn of a loop costs more than the budget leaves",		\
	  "shorten the loop body, or raise the budget")					\
	X(SIZE, E2BIG, "too large",							\
	  "split the handler set or make state smaller")				\
	X(MAPTYPE, EACCES, "map is not a plain array with one entry",			\
	  "keep state in global variables (.bss, .data, .rodata)")			\
	X(MAPMMAP, EACCES, "map is not made with BPF_F_MMAPABLE",			\
	  "let libbpf make the maps of global variables, from version 1.4 on")		\
	X(MAPFROZEN, EACCES, "map is read-only for programs but not frozen",		\
	  "let libbpf load the object: it freezes .rodata")				\
	X(MAPFIELDS, EACCES, "map holds locks, timers or kernel pointers",		\
	  "keep plain data only in global variables")					\
	X(SLEEP, EINVAL, "sleepable program",						\
	  "use SEC(\"struct_ops/...\") without .s")					\
	X(GLOBAL, EOPNOTSUPP, "global function",					\
	  "declare it static")								\
	X(BLINDED, EOPNOTSUPP, "constants were blinded",				\
	  "set net.core.bpf_jit_harden to 0 or 1 and load again")			\
	X(FEATURE, EOPNOTSUPP, "program uses a feature that needs a running kernel",	\
	  "use no exceptions, arenas, private stacks or tail calls")			\
	X(TRUST, EKEYREJECTED,								\
	  "the kernel is locked down, and nobody whom it trusts has signed the set",	\
	  "sign a payload that lists the set (payload-sign), and install it with the set") \
	X(CHECK, EIO, "compiled code failed its check",					\
	  "report this: it is a mistake in the compiler")

#define CTV_RULE_ENUM(name, err, what, remedy) CTV_RULE_##name,
enum ctv_rule {
	CTV_RULES(CTV_RULE_ENUM)
	CTV_NR_RULES
};

#endif /* CTV_RULES_H */
