// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Names of exit reasons: AMD64 Architecture Programmer's Manual, volume 2, appendix C
 * "SVM Intercept Exit Codes".
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "reason.h"
#include "tool.h"

#define REASON_FIRST_HIGH	0x400ULL
#define REASON_LAST_HIGH	0x41eULL
#define REASON_INVALID		(~0ULL)

/* Ranges like the control registers are made up in reason_range(). */
static const char *const reason_names[KVM_CARETAKER_NR_REASONS] = {
	[0x40] = "EXCP_DE",		[0x41] = "EXCP_DB",
	[0x43] = "EXCP_BP",		[0x44] = "EXCP_OF",
	[0x45] = "EXCP_BR",		[0x46] = "EXCP_UD",
	[0x47] = "EXCP_NM",		[0x48] = "EXCP_DF",
	[0x4a] = "EXCP_TS",		[0x4b] = "EXCP_NP",
	[0x4c] = "EXCP_SS",		[0x4d] = "EXCP_GP",
	[0x4e] = "EXCP_PF",		[0x50] = "EXCP_MF",
	[0x51] = "EXCP_AC",		[0x52] = "EXCP_MC",
	[0x53] = "EXCP_XF",		[0x55] = "EXCP_CP",
	[0x5c] = "EXCP_HV",		[0x5d] = "EXCP_VC",
	[0x5e] = "EXCP_SX",
	[0x60] = "INTR",		[0x61] = "NMI",
	[0x62] = "SMI",			[0x63] = "INIT",
	[0x64] = "VINTR",		[0x65] = "CR0_SEL_WRITE",
	[0x66] = "IDTR_READ",		[0x67] = "GDTR_READ",
	[0x68] = "LDTR_READ",		[0x69] = "TR_READ",
	[0x6a] = "IDTR_WRITE",		[0x6b] = "GDTR_WRITE",
	[0x6c] = "LDTR_WRITE",		[0x6d] = "TR_WRITE",
	[0x6e] = "RDTSC",		[0x6f] = "RDPMC",
	[0x70] = "PUSHF",		[0x71] = "POPF",
	[0x72] = "CPUID",		[0x73] = "RSM",
	[0x74] = "IRET",		[0x75] = "SWINT",
	[0x76] = "INVD",		[0x77] = "PAUSE",
	[0x78] = "HLT",			[0x79] = "INVLPG",
	[0x7a] = "INVLPGA",		[0x7b] = "IOIO",
	[0x7c] = "MSR",			[0x7d] = "TASK_SWITCH",
	[0x7e] = "FERR_FREEZE",		[0x7f] = "SHUTDOWN",
	[0x80] = "VMRUN",		[0x81] = "VMMCALL",
	[0x82] = "VMLOAD",		[0x83] = "VMSAVE",
	[0x84] = "STGI",		[0x85] = "CLGI",
	[0x86] = "SKINIT",		[0x87] = "RDTSCP",
	[0x88] = "ICEBP",		[0x89] = "WBINVD",
	[0x8a] = "MONITOR",		[0x8b] = "MWAIT",
	[0x8c] = "MWAIT_COND",		[0x8d] = "XSETBV",
	[0x8e] = "RDPRU",		[0x8f] = "EFER_WRITE_TRAP",
	[0xa0] = "INVLPGB",		[0xa1] = "INVLPGB_ILLEGAL",
	[0xa2] = "INVPCID",		[0xa3] = "MCOMMIT",
	[0xa4] = "TLBSYNC",		[0xa5] = "BUSLOCK",
	[0xa6] = "IDLE_HLT",
	[0xe0] = "NPF",			[0xe1] = "AVIC_INCOMPLETE_IPI",
	[0xe2] = "AVIC_NOACCEL",	[0xe3] = "VMGEXIT",
	[KVM_CARETAKER_REASON_OTHER] = "OTHER",
};

/**
 * reason_code() - exit code of an index of the tables
 * @index:	index
 *
 * Return: SVM exit code, REASON_CODE_OTHER for the index that many share.
 */
uint64_t reason_code(unsigned int index)
{
	if (index < KVM_CARETAKER_REASON_NPF)
		return index;
	if (index < KVM_CARETAKER_REASON_OTHER)
		return REASON_FIRST_HIGH + index - KVM_CARETAKER_REASON_NPF;
	return REASON_CODE_OTHER;
}

/**
 * reason_index() - index in the tables of an exit code
 * @code:	SVM exit code
 */
unsigned int reason_index(uint64_t code)
{
	if (code < KVM_CARETAKER_REASON_NPF)
		return code;
	if (code >= REASON_FIRST_HIGH && code <= REASON_LAST_HIGH)
		return KVM_CARETAKER_REASON_NPF + (code - REASON_FIRST_HIGH);
	return KVM_CARETAKER_REASON_OTHER;
}

/* Reads and writes of CR0 to CR15 and DR0 to DR15, and the traps after CR writes */
static bool reason_range(uint64_t code, char *buf)
{
	if (code < 0x40)
		snprintf(buf, REASON_NAME_MAX, "%s_%cR%u", code & 0x10 ? "WRITE" : "READ",
			 code & 0x20 ? 'D' : 'C', (unsigned int)code & 0xf);
	else if (code >= 0x90 && code <= 0x9f)
		snprintf(buf, REASON_NAME_MAX, "CR%u_WRITE_TRAP", (unsigned int)code & 0xf);
	else
		return false;
	return true;
}

/**
 * reason_name() - name of an exit code
 * @code:	SVM exit code, or REASON_CODE_OTHER
 * @buf:	REASON_NAME_MAX bytes
 *
 * Return: the name, UNKNOWN(0x...) for a code that is not known.
 */
const char *reason_name(uint64_t code, char *buf)
{
	unsigned int index = reason_index(code);

	if (code == REASON_INVALID)
		return "INVALID";
	if (code == REASON_CODE_OTHER)
		return "OTHER";
	if (index != KVM_CARETAKER_REASON_OTHER && reason_names[index])
		return reason_names[index];
	if (!reason_range(code, buf))
		snprintf(buf, REASON_NAME_MAX, "UNKNOWN(0x%llx)", (unsigned long long)code);
	return buf;
}

/**
 * reason_name_index() - name of a line of the tables
 * @index:	index of a reason, or KVM_CARETAKER_REASON_SHARED
 * @buf:	REASON_NAME_MAX bytes
 */
const char *reason_name_index(unsigned int index, char *buf)
{
	if (index == KVM_CARETAKER_REASON_SHARED)
		return REASON_NAME_SHARED;
	return reason_name(reason_code(index), buf);
}

/* EXITINFO1 of IOIO: bit 0 direction, bits 4 to 6 size, bits 31:16 port */
static void detail_ioio(uint64_t info1, char *buf)
{
	unsigned int bytes = info1 & 0x40 ? 4 : info1 & 0x20 ? 2 : info1 & 0x10 ? 1 : 0;

	snprintf(buf, REASON_DETAIL_MAX, "%s%s port 0x%x, %u byte%s",
		 info1 & 0x8 ? "rep " : "", info1 & 1 ? "in" : "out",
		 (unsigned int)(info1 >> 16) & 0xffff, bytes, bytes == 1 ? "" : "s");
}

/**
 * reason_detail() - what the information words say
 * @code:	SVM exit code
 * @info1:	EXITINFO1
 * @info2:	EXITINFO2
 * @buf:	REASON_DETAIL_MAX bytes
 *
 * Return: @buf, empty when there is nothing to say.
 */
const char *reason_detail(uint64_t code, uint64_t info1, uint64_t info2, char *buf)
{
	buf[0] = '\0';
	switch (code) {
	case 0x7b:
		detail_ioio(info1, buf);
		break;
	case 0x7c:
		snprintf(buf, REASON_DETAIL_MAX, "%s", info1 & 1 ? "wrmsr" : "rdmsr");
		break;
	case REASON_FIRST_HIGH:
		snprintf(buf, REASON_DETAIL_MAX, "%s gpa 0x%llx, error 0x%llx",
			 info1 & 2 ? "write" : info1 & 0x10 ? "fetch" : "read",
			 (unsigned long long)info2, (unsigned long long)info1);
		break;
	}
	return buf;
}

/* Every index by name; numbers are exit codes */
static bool reason_parse(const char *word, unsigned int *index)
{
	char buf[REASON_NAME_MAX], *end;
	unsigned long long code;
	unsigned int i;

	if (isdigit((unsigned char)word[0])) {
		errno = 0;
		code = strtoull(word, &end, 0);
		*index = reason_index(code);
		return !errno && !*end;
	}
	for (i = 0; i < KVM_CARETAKER_NR_REASONS; i++) {
		if (strcasecmp(word, reason_name_index(i, buf)))
			continue;
		*index = i;
		return true;
	}
	return false;
}

/**
 * reason_set_parse() - which reasons a list names
 * @list:	names (in any case) and exit codes, separated by commas
 * @set:	out: true for those
 *
 * Return: false for a word that names none; a message has told so.
 */
bool reason_set_parse(const char *list, reason_set set)
{
	char *copy = strdup(list), *word, *save = NULL;
	unsigned int index, n = 0;
	bool ok = copy;

	memset(set, 0, sizeof(reason_set));
	for (word = ok ? strtok_r(copy, ",", &save) : NULL; word && ok;
	     word = strtok_r(NULL, ",", &save)) {
		ok = reason_parse(word, &index);
		if (!ok)
			tool_err("-e %s: no such exit reason; -e help lists them", word);
		else
			set[index] = true;
		n++;
	}
	if (ok && !n) {
		tool_err("-e: the list is empty; -e help lists the exit reasons");
		ok = false;
	}
	free(copy);
	return ok;
}

/* Prints code and name of all reasons that have one. */
void reason_list(void)
{
	char buf[REASON_NAME_MAX];
	const char *name;
	unsigned int i;

	for (i = 0; i < KVM_CARETAKER_REASON_OTHER; i++) {
		name = reason_name_index(i, buf);
		if (strncmp(name, "UNKNOWN", 7))
			printf("0x%03llx  %s\n", (unsigned long long)reason_code(i), name);
	}
	printf("       OTHER\n");
}
