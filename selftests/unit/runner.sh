#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The runner counts what tests print, and notices what they do not print.

set -u
dir=$(cd "$(dirname "$0")" && pwd)
n=0
failed=0

# sums NAME STATUS REQUIRE WANTED: the text on standard input must give the sums
# "PASSED FAILED SKIPPED RESULT", RESULT is "ok" or "not" of the whole
sums()
{
	local got

	n=$((n + 1))
	got=$(awk -v name=x -v n=1 -v status="$2" -v require="$3" -f "$dir/../ktap-nest.awk" |
		awk '/^(not )?ok 1 x/ { r = $1 } /^sum / { s = $2 " " $3 " " $4 } END { print s, r }')
	if [ "$got" = "$4" ]; then
		echo "ok $n $1"
	else
		echo "# wanted: $4, got: $got"
		echo "not ok $n $1"
		failed=$((failed + 1))
	fi
}

echo "KTAP version 1"
echo "1..13"
sums "all passed" 0 1 "2 0 0 ok" <<'END'
KTAP version 1
1..2
ok 1 a
# a remark
ok 2 b
END
sums "one failed" 1 1 "1 1 0 not" <<'END'
1..2
ok 1 a
not ok 2 b
END
sums "one skipped" 0 1 "1 0 1 ok" <<'END'
1..2
ok 1 a
ok 2 b # SKIP no such device
END
sums "skipped as a whole" 4 1 "0 0 1 ok" <<'END'
KTAP version 1
1..0 # SKIP no device 7
END
sums "a plan with a remark" 1 1 "1 1 0 not" <<'END'
1..2 # for 9 devices
ok 1 a
END
sums "a planned test did not report" 0 1 "1 2 0 not" <<'END'
1..3
ok 1 a
END
sums "more tests than planned" 0 1 "2 1 0 not" <<'END'
1..1
ok 1 a
ok 2 b
END
sums "no plan at all" 0 1 "0 1 0 not" <<'END'
Segmentation fault
END
sums "all passed, but a bad exit status" 139 1 "1 1 0 not" <<'END'
1..1
ok 1 a
END
sums "nested tests are counted once" 0 1 "3 0 0 ok" <<'END'
1..2
  1..2
  ok 1 a
  ok 2 b
ok 1 both
ok 2 c
END
sums "a nested test failed" 1 1 "2 1 0 not" <<'END'
1..2
  1..2
  ok 1 a
  not ok 2 b
not ok 1 both
ok 2 c
END
sums "no Caretaker where it is required" 4 1 "0 1 0 not" <<'END'
1..1
ok 1 a # SKIP this kernel has no KVM_CAP_CARETAKER
END
sums "no Caretaker where it may be" 4 0 "0 0 1 ok" <<'END'
1..1
ok 1 a # SKIP this kernel has no KVM_CAP_CARETAKER
END
echo "# Totals: pass:$((n - failed)) fail:$failed skip:0"
[ "$failed" = 0 ]
