# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#
# What libctools.a is made of; the sanitized builds of the tools compile it anew.
CTOOLS_SRCS := tool.c reason.c output.c ctele.c ctele_set.c ctele_scan.c ctele_synth.c record.c \
	record_read.c ctele_cells.c ctele_iter.c times.c ledger.c pcpu.c show.c hist.c pace.c ctele_since.c \
	rehearsal.c ring.c ring_losses.c boot.c reason_trace.c

# The BPF iterators, where there is what builds them: a light skeleton, which needs no libbpf at run
# time and so can be linked statically. CO-RE: it does not depend on the kernel that was built.
ITER_SKEL := $(if $(wildcard $(BPFTOOL)),$(OUT)/tools/lib/iter.skel.h)
CTOOLS_CFLAGS := $(if $(ITER_SKEL),-DCTOOLS_ITER -isystem $(OUT)/tools/lib $(LIBBPF_CFLAGS))
