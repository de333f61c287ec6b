/* SPDX-License-Identifier: GPL-2.0 */
/* Entry points of the guest's code, for the host: they are copied, never called. */
#ifndef SELFTESTS_GUEST_SMP_CODE_H
#define SELFTESTS_GUEST_SMP_CODE_H

/* Vectors; those of broadcasts go on by the sender's id */
#define SMP_VECTOR_HOST		0x40
#define SMP_VECTOR_PING		0x51
#define SMP_VECTOR_PONG		0x62
#define SMP_VECTOR_SELF		0x73
#define SMP_VECTOR_CAST		0x84
#define SMP_VECTOR_TIMER	0xe5

struct frame;
struct smp_area;

#pragma GCC visibility push(hidden)
/* The section's ends, from the linker */
extern const char __start_guest_smp[], __stop_guest_smp[];

void smp_start(struct smp_area *me);
void smp_on_ping(struct frame *f);
void smp_on_pong(struct frame *f);
void smp_on_self(struct frame *f);
void smp_on_host(struct frame *f);
void smp_on_nmi(struct frame *f);
void smp_on_timer(struct frame *f);
void smp_on_cast_0(struct frame *f);
void smp_on_cast_1(struct frame *f);
void smp_on_cast_2(struct frame *f);
void smp_on_cast_3(struct frame *f);
void smp_on_ud(struct frame *f);
void smp_on_df(struct frame *f, unsigned long code);
void smp_on_gp(struct frame *f, unsigned long code);
void smp_on_pf(struct frame *f, unsigned long code);
#pragma GCC visibility pop

#endif /* SELFTESTS_GUEST_SMP_CODE_H */
