# SPDX-License-Identifier: GPL-2.0
#
# Makes one stream of results out of those of the programs that ran in a test host.
#
# Variables: prefix, put before each name; first, the number of the first result; plan, a
# file of "PROGRAM TAB NAME" lines, one for each result that must come.
# A result that does not come is a failure, and so is one that was not announced: the
# results are as many as the lines of the plan, whatever happens.

BEGIN {
	FS = "\t"
	while ((getline line < plan) > 0) {
		split(line, part, "\t")
		total++
		program[total] = part[1]
		name[total] = part[2]
	}
	FS = " "
	done = 0
	current = ""
}

function result(status, directive) {
	done++
	printf "%s %d %s%s: %s%s\n", status, first + done - 1, prefix, program[done],
		name[done], directive
	fflush()
	if (status != "ok")
		failed = 1
}

# All that is left of the current program.
function missing(why) {
	while (done < total && program[done + 1] == current)
		result("not ok", " # " why)
}

$1 == "@start" {
	current = $2
	next
}

$1 == "@end" {
	if (done < total && program[done + 1] == current)
		missing("no result; the program ended with " $3)
	else if ($3 != 0 && $3 != 1 && $3 != 4) {
		print "# " prefix current " ended with " $3 " after its results"
		failed = 1
	}
	current = ""
	next
}

match($0, /^(not )?ok [0-9]+ /) {
	status = /^not/ ? "not ok" : "ok"
	text = substr($0, RLENGTH + 1)
	directive = ""
	if ((at = index(text, " # SKIP")))
		directive = substr(text, at)
	text = at ? substr(text, 1, at - 1) : text
	if (done < total && program[done + 1] == current && name[done + 1] == text)
		result(status, directive)
	else {
		print "# not planned: " $0
		failed = 1
	}
	next
}

/^TAP version/ || /^1\.\./ || /^# Totals/ { next }

{
	print (/^#/ ? $0 : "# " $0)
	fflush()
}

END {
	while (done < total)
		result("not ok", " # no result; the test host ended")
	exit failed
}
