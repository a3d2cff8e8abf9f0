#!/bin/sh
# Doorways: a foreign library's header may be included only where mk/doorways.txt says, and never
# from a header of ours.
# usage: mk/doorways.sh [ROOT]
set -u
cd "${1:-.}" || exit 2
table=${DOORWAYS:-mk/doorways.txt}
rc=0
while read -r header files; do
	case "$header" in ''|'#'*) continue ;; esac
	for hit in $(grep -lE "^[[:space:]]*#[[:space:]]*include[[:space:]]*<($header)>" \
		base/*.[ch] trust/*.[ch] repo/*.[ch] builder/*.[ch] images/*.[ch] cli/*.[ch] 2>/dev/null); do
		ok=no
		for f in $files; do
			# shellcheck disable=SC2254 # the table holds patterns
			case "$hit" in $f) ok=yes ;; esac
		done
		[ $ok = yes ] || { echo "$hit: <$header> may only be included by $files"; rc=1; }
	done
done <"$table"
exit $rc
