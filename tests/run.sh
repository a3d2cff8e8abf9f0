#!/bin/sh
# Runs what `make check` runs: unit tests, fuzz corpora, the lints' own tests, the command line's
# tests. Every program's own count is added up; the last line is the sum.
# usage: tests/run.sh BUILD
set -u
build=$(cd "$1" && pwd)
cd "$(dirname "$0")" || exit 2
passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

count() { # count NAME STATUS: reads $log
	p=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p; s/^\([0-9]*\) passed, [0-9]* failed.*/\1/p; s/^\([0-9]*\) inputs replayed.*/\1/p' "$log" | awk '{ n += $1 } END { print n + 0 }')
	f=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p; s/^[0-9]* passed, \([0-9]*\) failed.*/\1/p' "$log" | awk '{ n += $1 } END { print n + 0 }')
	if [ "$2" != 0 ] && [ "$f" = 0 ]; then
		f=1
	fi
	if [ "$p" = 0 ] && [ "$f" = 0 ]; then
		echo "$1: ran no test"
		f=1
	fi
	[ "$f" = 0 ] || { echo "--- $1 (status $2)"; grep -vE '^\[ (RUN|      OK)' "$log" | tail -n 60; }
	printf '%-28s %5d passed %3d failed\n' "$1" "$p" "$f"
	passed=$((passed + p))
	failed=$((failed + f))
}

for room in base trust repo builder images cli; do
	[ -x "$build/tests/unit-$room" ] || continue
	"$build/tests/unit-$room" >"$log" 2>&1
	count "unit-$room" $?
done
for target in "$build"/tests/fuzz/fuzz_*; do
	name=${target##*/}
	case "$name" in *.*) continue ;; esac
	"$target" "fuzz/corpus/${name#fuzz_}" >"$log" 2>&1
	count "$name (corpus)" $?
done
lint/run.sh >"$log" 2>&1
count "lint" $?
for script in cli/[0-9]*.sh; do
	[ -f "$script" ] || continue
	KILN=$build/kiln "$script" >"$log" 2>&1
	count "$script" $?
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
