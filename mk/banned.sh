#!/bin/sh
# Calls with a hidden input or no safe use: outside base/ (getenv: and cli/) they are refused.
# Strings are emptied first, lines that begin as comments are passed over; a word followed by "(" counts.
# usage: mk/banned.sh [ROOT]
set -u
cd "${1:-.}" || exit 2
rc=0
look() { # look WORDS FILES...: prints uses of the words as calls
	words=$1
	shift
	awk -v words="$words" '
		{ line = $0 }
		line ~ /^[ \t]*(\*|\/\*|\/\/)/ { next }
		{ gsub(/\\./, "", line); gsub(/"[^"]*"/, "\"\"", line) }
		line ~ ("(^|[^A-Za-z0-9_.>])(" words ")[ \t]*\\(") { print FILENAME ":" FNR ": " $0; bad = 1 }
		END { exit !bad }' "$@"
}
rooms='trust repo builder images cli'
files=$(for r in $rooms; do ls "$r"/*.c 2>/dev/null; done)
nocli=$(for r in trust repo builder images; do ls "$r"/*.c 2>/dev/null; done)
if look 'time|gettimeofday|readdir|rand|random|setlocale|open|clock_gettime' $files; then
	echo "use base/clock, base/tree, base/fd instead"
	rc=1
fi
if look 'getenv|secure_getenv' $nocli; then
	echo "only cli/ reads the environment"
	rc=1
fi
if look 'printf|puts|putchar|exit|perror' $nocli $(ls base/*.c 2>/dev/null); then
	echo "libraries do not print or exit: return an err"
	rc=1
fi
exit $rc
