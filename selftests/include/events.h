/* SPDX-License-Identifier: GPL-2.0 */
/* The event rings in tracefs, remotes/caretaker. */
#ifndef SELFTESTS_EVENTS_H
#define SELFTESTS_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENTS_DIR	"/sys/kernel/tracing/remotes/caretaker/"
#define EVENTS_MAX	16384

/* One line of trace or trace_pipe: an event, or (name "LOST") that some are missing. */
struct event {
	char name[16];
	uint64_t us;
	const char *text;	/* behind the name */
};

/* The list that events_read() made */
extern struct event events[EVENTS_MAX];
extern unsigned int nr_events;

bool events_there(void);
/* Writes to a file under EVENTS_DIR; 0 or a negative errno. */
int events_write(const char *file, const char *text);
/* Switches on the events with these names, separated by blanks, and all others off. */
int events_choose(const char *names);
/* Runs cat on a file there until nothing comes any more, and makes the list of it. */
int events_read(const char *file);
/* Number behind NAME= in the text of an event; 0 when there is none. */
uint64_t event_number(const struct event *e, const char *name);
/* Whether NAME=value is in it. */
bool event_is(const struct event *e, const char *name, const char *value);
/* How many there are with that name. */
unsigned int events_count(const char *name);
/* The next one with that name from number @from on, or NULL. */
const struct event *events_find(const char *name, unsigned int from);
/* Whether times in the list grow. */
bool events_in_order(void);

/* The line of a vCPU in the file "rings" */
struct event_ring {
	uint64_t vm, written, read, lost, dropped;
	unsigned int vcpu, apic_id, events, tsc_khz;
	char state[80];
};

/* 0, or -ENOENT when there is no such vCPU. */
int events_ring(uint64_t vm, unsigned int vcpu, struct event_ring *r);

/*
 * The two stages of a handover over kexec whose events are looked at there; @bad: the payload
 * leaves a malformed ring. Returns the exit status; stage 1 does not return when all went well.
 */
int events_kexec_main(bool bad);

#endif /* SELFTESTS_EVENTS_H */
