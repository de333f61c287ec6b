# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#
# What libctools.a is made of; the sanitized builds of the tools compile it anew.
CTOOLS_SRCS := tool.c reason.c output.c ctele.c ctele_set.c ctele_scan.c ctele_synth.c record.c \
	record_read.c ctele_cells.c times.c ledger.c pcpu.c show.c hist.c pace.c
