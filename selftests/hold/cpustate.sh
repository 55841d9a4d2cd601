# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# For tests of what holds CPUs, in a test host: is all that a hold may change as it was?
# Sourced, beside ../said.sh; `before` and `after` are files of the present folder.

# All that a hold may change, but the frequency of this moment.
state() {
	(cd /sys/devices/system/cpu && find . -path '*/cpufreq/*' -type f ! -name '*cur_freq' \
		! -path '*/stats/*' -o -name pm_qos_resume_latency_us) | sort | while read -r file; do
		echo "$file=$(cat "/sys/devices/system/cpu/$file" 2>/dev/null)"
	done
}

same() { # NAME: is the host as it was when ./before was written?
	local i
	for i in $(seq 50); do
		state >after
		cmp -s before after && break
		sleep 0.1
	done
	echo "@same-$1 $? $(diff before after | tr '\n' ' ')"
}
