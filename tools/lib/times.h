/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* How long exits took: sums and histograms of the telemetry, and its time ledger. */
#ifndef CTOOLS_TIMES_H
#define CTOOLS_TIMES_H

#include <stdbool.h>
#include <stdint.h>

#include "ctele.h"

#define TIMES_NR	KVM_CARETAKER_NR_BUCKETS

/**
 * struct times - exits and how long they took, in TSC cycles
 * @count:	exits
 * @timed:	of them those in @buckets; one that is going on is not
 * @cycles:	their time
 * @max:	the longest one
 * @buckets:	exits by length, see times_from()
 * @khz:	frequency of the TSC
 * @untimed:	there are exits that this telemetry does not time: no times at all are known
 * @no_hist:	@buckets and @max are not those of these exits alone: they are not known
 * @max_le:	@max is an upper bound
 */
struct times {
	uint64_t count;
	uint64_t timed;
	uint64_t cycles;
	uint64_t max;
	uint64_t buckets[TIMES_NR];
	uint32_t khz;
	bool untimed;
	bool no_hist;
	bool max_le;
};

void times_add(struct times *x, const struct kvm_caretaker_telemetry *t,
	       const struct kvm_caretaker_telemetry *base, unsigned int row, unsigned int server,
	       bool gap);
void times_merge(struct times *x, const struct times *from);
bool times_known(const struct times *x);
bool times_hist_known(const struct times *x);
uint64_t times_ns(const struct times *x);
uint64_t times_mean_ns(const struct times *x);
uint64_t times_max_ns(const struct times *x);
uint64_t times_percentile_ns(const struct times *x, unsigned int percent);
uint64_t times_longer(const struct times *x, uint64_t ns);
bool times_range(const struct times *x, unsigned int *first, unsigned int *last);
uint64_t times_from_ns(const struct times *x, unsigned int bucket);
void times_label(const struct times *x, unsigned int bucket, char *buf);

/**
 * struct ledger - what the time of vCPUs went to, in TSC cycles
 * @by:		by enum kvm_caretaker_account, the account that is open up to the look
 * @elapsed:	time since the first install, over all vCPUs
 * @residual:	what of @elapsed is in no account, over all vCPUs; negative: what is there twice
 * @khz:	frequency of the TSC
 * @vcpus:	vCPUs that are in it
 * @missing:	vCPUs whose telemetry has no ledger
 */
struct ledger {
	uint64_t by[KVM_CARETAKER_NR_ACCOUNTS];
	uint64_t elapsed;
	int64_t residual;
	uint32_t khz;
	unsigned int vcpus;
	unsigned int missing;
};

/* More than this of the time in no account is worth a warning, in 1/1000 */
#define LEDGER_RESIDUAL_MAX	1

extern const char *const ledger_names[KVM_CARETAKER_NR_ACCOUNTS];

void ledger_add(struct ledger *l, const struct ctele_vcpu *v, const struct ctele_vcpu *base);
double ledger_percent(const struct ledger *l, uint64_t cycles);
bool ledger_bad(const struct ledger *l);
const char *ledger_residual_text(const struct ledger *l, char *buf, size_t len);
int64_t ledger_residual_ns(const struct ledger *l);

/* Names of the exit classes that handlers are for; a number for those that are not known */
const char *class_name(unsigned int class, char *buf, size_t len);

/*
 * Classes as far as rows of exits tell them apart: reads and writes of MSRs are one, and the row
 * that reasons share is one of its own.
 */
#define CLASS_GROUPS	9

extern const char *const class_group_names[CLASS_GROUPS];

unsigned int class_group(unsigned int row);

#endif /* CTOOLS_TIMES_H */
