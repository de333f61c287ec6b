# SPDX-License-Identifier: GPL-2.0
# Each sub-buffer of the event ring says that it begins with a record that was never written
s/\(slot\[index\].first = ring->events\);/\1 + (1ULL << 50);/
