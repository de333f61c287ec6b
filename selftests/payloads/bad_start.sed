# SPDX-License-Identifier: GPL-2.0
# An exception (#UD) after the doorbell, before the guest's first VMRUN
s/^\tcpu_write(dr0, ccb\.dr\[0\]);/\tasm volatile("ud2");/
