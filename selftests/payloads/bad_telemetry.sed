# SPDX-License-Identifier: GPL-2.0
# Telemetry that says, from the first VMRUN in the gap on, that it is of another version
s/^\tt->tsc_run = now;/&\n\tt->abi = KVM_CARETAKER_TELEMETRY_ABI - 1;/
