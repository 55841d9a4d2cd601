#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# page.sh: the page of `kmigrate run --html`, of a real move, as a browser draws it: by screen,
# light and dark, and on paper.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib"
page=$dir/page.html

browser() { # ARGUMENT...
	timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$dir/chromium" \
		--enable-logging=stderr "$@" 2>"$dir/browser.err"
}

# KVM's tracepoints may not fire here, and impact.sh's hosts have no browser: so of a run that
# the unit test makes up, with as many rows as there may be.
impact() {
	make -s -C "$root" build/selftests/unit/html && KM_PAGE=$dir/impact.html \
		"$root/build/selftests/unit/html" >/dev/null && measured "$dir/impact.html" 1 && quiet &&
		says '.figures.impact | .lines == 12 and .all_of_them > 0.3 * .width and
			.outside == 0 and .covered == 0 and (.text | contains("there: no-cpu"))'
}

# Light is 1, dark 0 (blink::mojom::PreferredColorScheme).
measured() { # FILE SCHEME
	cp "$1" "$dir/measured.html" &&
		cat "$here/measure.html" >>"$dir/measured.html" &&
		browser --blink-settings="preferredColorScheme=$2" --dump-dom \
			"file://$dir/measured.html" |
		sed -n 's/.*<pre id="measured">\(.*\)<\/pre>.*/\1/p' >"$dir/measured.json"
}

says() { # JQ-EXPRESSION
	jq -e "$1" "$dir/measured.json" >/dev/null && return
	echo "not so: $1"
	cat "$dir/measured.json"
	return 1
}

quiet() { ! grep -E 'CONSOLE|ERR_' "$dir/browser.err"; }

moves() {
	start "$a" --mem 64M && receive "$a" "$b" && run "$a" --html "$page" && [ -s "$page" ]
}

alone() {
	! grep -oE '(https?:)?//[a-z]+\.|<script|<link rel="stylesheet|@import|url\(' "$page"
}

# Lines and bars in each, nothing outside of its picture, and no text
# on top of another.
drawn() {
	measured "$page" 1 && quiet &&
		says '.figures | keys | contains(["left", "pause", "rates"])' &&
		says '[.figures[] | select(.lines < 1 or .all_of_them < 0.05 * .width)] == []' &&
		says '[.figures[].outside] | add == 0' &&
		says '[.figures[].covered] | add == 0' &&
		says '.figures.rates.text | contains("pause") and contains("precopy")'
}

# sRGB's relative luminance, as WCAG 2 has it; its contrast for graphics is 3.
colours() { # SCHEME JQ-EXPRESSION
	measured "$page" "$1" && says "$2" && says '.contrast.text >= 7 and .contrast.lines >= 3'
}

# Whoever prefers dark doesn't want black paper.
paper() {
	browser --blink-settings=preferredColorScheme=0 --no-pdf-header-footer \
		--print-to-pdf="$dir/page.pdf" "file://$page" && quiet &&
		pdftotext "$dir/page.pdf" - | grep -q 'What is left to send' &&
		python3 - "$dir/page.pdf" <<-'E'
			import subprocess, sys
			raw = subprocess.run(["pdftoppm", "-r", "50", "-f", "1", "-l", "1", sys.argv[1]],
			                     stdout=subprocess.PIPE, check=True).stdout
			_, size, _, pixels = raw.split(b"\n", 3)
			light = sum(1 for i in range(0, len(pixels), 3) if min(pixels[i:i + 3]) > 240)
			share = 3 * light / len(pixels)
			print(f"{share:.2f} of the paper is white")
			sys.exit(not 0.8 < share < 0.999)
		E
}

# What the two checks are worth.
error_is_seen() {
	sed 's|</body>|<script>console.error("no")</script></body>|' "$page" >"$dir/bad.html"
	measured "$dir/bad.html" 1
	! quiet >/dev/null
}

outside_is_seen() {
	sed 's|<path class="line a" d="M|&-300 -300L|' "$page" >"$dir/bad.html"
	measured "$dir/bad.html" 1 && says '[.figures[].outside] | add > 0'
}

not_writable() {
	one_line 3 "--html $dir/none/page.html: No such file" \
		run --vm "$a/qmp.sock" --to "$address:1" --html "$dir/none/page.html"
}

# The move is what counts.
disk_full() {
	receive "$a" "$b" && run "$a" --html /dev/full || return 1
	[ "$(state "$b")" = running ] && grep -q '^kmigrate run: /dev/full is not whole: No space' "$a/run.err"
}

begin 11
moves
result $? "a move writes its page"
errors
end "$a" "$b"
check "the page needs nothing else" alone
check "a browser draws it, and has nothing to complain about" drawn
check "what kept the guest from running is drawn" impact
check "light" colours 1 '.background > 0.9'
check "dark" colours 0 '.background < 0.1'
check "on paper" paper
check "an error would be seen" error_is_seen
check "a line outside its picture would be seen" outside_is_seen
rm -rf "$a" "$b"
start "$a"
check "a page that can't be written is told before the move" not_writable
disk_full
result $? "a full disk takes the page, not the move"
end "$a" "$b"
exit $failed
