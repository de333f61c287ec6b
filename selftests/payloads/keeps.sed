# SPDX-License-Identifier: GPL-2.0
# Never gives its vCPU back
s/^\tif (unlikely(payload_state() == KVM_CARETAKER_ADOPTING))$/\tif (unlikely(payload_state() == KVM_CARETAKER_NR_STATES))/
