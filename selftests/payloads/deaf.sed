# SPDX-License-Identifier: GPL-2.0
# Does not hear the doorbell that hands it a vCPU, only the one that sends the pCPU back
s/^\t} while (!bell);/\t} while (bell != KVM_CARETAKER_BELL_HALT);/
