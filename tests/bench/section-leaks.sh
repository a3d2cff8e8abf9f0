# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# 1,000 chambers in a row and 8 at once for a minute leave no descriptor, mount, process, cgroup or
# memory behind: the system test of it, in full, as root and as an ordinary user.

unit leaks-failed checks
unit leaks-passed checks
target "leaks: checks that failed (1,000 in a row, 8 at once)" value leaks-failed - 0

section_leaks() {
	# What it had to skip has shown nothing.
	REQUIRE=all KILN_LEAKS=full "$top/tests/system/13-leaks.sh" >"$S/try" 2>&1
	sum=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$S/try" | tail -n 1)
	if [ -z "$sum" ]; then
		miss leaks-failed "the test did not end: $(tail -n 1 "$S/try")"
		return 1
	fi
	grep -E '^(# |not ok)' "$S/try" | sed 's/^# //' | while read -r words; do
		fact "$words"
	done
	printf 'leaks-passed %s\nleaks-failed %s\n' "${sum%% passed*}" \
		"$(echo "$sum" | sed 's/.*passed, \([0-9]*\) failed.*/\1/')" >>"$S/samples"
}
