# SPDX-License-Identifier: GPL-2.0
#
# Reads the output of one test program, prints it nested by two blanks, then one result line for
# the whole, then "sum PASSED FAILED SKIPPED" over its innermost results.
#
# Variables: name, n (number of the result line), status (exit status, or "died"), require (1: a
# skip for want of the Caretaker is a failure)

function indent_of(line)
{
	match(line, /^ */)
	return RLENGTH
}

# A plan that is over: what it promised and did not report has failed
function plan_close(depth,   missing)
{
	if (!(depth in planned))
		return
	missing = planned[depth] - seen[depth]
	if (missing > 0) {
		print "  # " missing " of " planned[depth] " planned tests did not report"
		failed += missing
	} else if (missing < 0) {
		print "  # " -missing " more tests reported than were planned"
		failed++
	}
	delete planned[depth]
	delete seen[depth]
}

function plans_close_below(depth,   d)
{
	for (d in planned)
		if (d + 0 > depth)
			plan_close(d + 0)
}

function result(line, depth,   good)
{
	plans_close_below(depth)
	seen[depth]++
	good = line ~ /^ *ok /
	if (depth < last_depth) {
		# The sum of nested tests: they have been counted
		if (!good && failed == failed_before[depth])
			failed++
	} else if (line ~ /# SKIP/) {
		if (require && line ~ /no KVM_CAP_CARETAKER/) {
			line = line " (which this run requires)"
			sub(/ok /, "not ok ", line)
			sub(/# SKIP/, "- skipped:", line)
			failed++
		} else {
			skipped++
		}
	} else if (good) {
		passed++
	} else {
		failed++
	}
	failed_before[depth] = failed
	last_depth = depth
	return line
}

BEGIN {
	passed = failed = skipped = last_depth = 0
}

{
	sub(/\r$/, "")
	depth = indent_of($0)
	line = $0
	if (line ~ /^ *1\.\.0 +# SKIP/) {
		skipped++
		plans++
	} else if (line ~ /^ *1\.\.[0-9]+/) {
		sub(/^ *1\.\./, "", $0)
		planned[depth] = $0 + 0
		seen[depth] += 0
		plans++
	} else if (line ~ /^ *(not )?ok [0-9]+/) {
		line = result(line, depth)
	} else if (line !~ /^ *(#|KTAP version)/ && line != "") {
		line = "# " line
	}
	print "  " line
}

END {
	plans_close_below(-1)
	if (!plans) {
		print "  # no test plan: it did not get to its tests"
		failed++
	}
	bad = status != "0" && status != "4"
	if (bad && !failed) {
		print "  # it ended with status " status
		failed++
	}
	print (failed ? "not ok " : "ok ") n " " name (!failed && !passed ? " # SKIP all of it" : "")
	print "sum " passed + 0 " " failed + 0 " " skipped + 0
}
