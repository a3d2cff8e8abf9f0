#!/bin/sh
# Budgets: functions of at most 80 lines, files of at most 900, an SPDX line first.
# usage: mk/budgets.sh FILE...
set -u
rc=0
for f; do
	n=$(wc -l <"$f")
	[ "$n" -le 900 ] || { echo "$f: $n lines (at most 900)"; rc=1; }
	head -n 1 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' || { echo "$f: no SPDX line"; rc=1; }
	awk -v f="$f" '/^\{/ { s = NR } /^\}/ && s { if (NR - s > 80) { print f ":" s ": function of " NR - s " lines"; bad = 1 } s = 0 }
		END { exit bad }' "$f" || rc=1
done
exit $rc
