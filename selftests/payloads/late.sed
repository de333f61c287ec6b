# SPDX-License-Identifier: GPL-2.0
# Gives its vCPU back only 3 s after a kernel has asked for it first
/^static u32 gap_reenter/i\
static bool late_wanted(void)\
{\
	static u64 since;\
\
	if (payload_state() != KVM_CARETAKER_ADOPTING)\
		return false;\
	if (!since)\
		since = payload_tsc();\
	return payload_tsc() - since > 3000ULL * ccb.tsc_khz;\
}\

s/^\tif (unlikely(payload_state() == KVM_CARETAKER_ADOPTING))$/\tif (unlikely(late_wanted()))/
