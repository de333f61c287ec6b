# SPDX-License-Identifier: GPL-2.0
# The XSAVE header's XCOMP_BV and reserved fields, which XSAVE leaves alone, are not zeroed
s/\(((u64 \*)(image + FPU_HEADER))\[i\]\) = 0;/\1 = i ? ~0ULL : 0;/
