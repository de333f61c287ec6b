#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Prints assembler that holds the given files and a table of them: corpus, corpus_end.

n=0
echo '	.section .rodata'
for f in "$@"; do
	n=$((n + 1))
	printf 'name%d:\t.asciz "%s/%s"\n' $n "$(basename "$(dirname "$f")")" "$(basename "$f" .bpf.o)"
	printf '\t.balign 16\nstart%d:\t.incbin "%s"\nend%d:\n' $n "$f" $n
done
# Pointers: the loader has to write them
echo '	.section .data.rel.ro, "aw"'
echo '	.balign 8'
echo '	.globl corpus, corpus_end'
echo 'corpus:'
i=0
while [ $i -lt $n ]; do
	i=$((i + 1))
	printf '\t.quad name%d, start%d, end%d\n' $i $i $i
done
echo 'corpus_end:'
echo '	.section .note.GNU-stack,"",@progbits'
