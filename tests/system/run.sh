#!/bin/sh
# Runs what `make check-system` runs: every NN-name.sh here, in order. A skip is not a pass: what
# REQUIRE lists must be there (CI sets REQUIRE=all). The last line is the sum.
# usage: tests/system/run.sh BUILD [NN-name.sh...]
set -u
KILN_BUILD=$(cd "$1" && pwd)
export KILN_BUILD
shift
cd "$(dirname "$0")" || exit 2
[ $# -gt 0 ] || set -- [0-9][0-9]-*.sh
passed=0
failed=0
skipped=0
for script; do
	log=$(mktemp)
	echo "== $script"
	start=$(date +%s)
	"./$script" >"$log" 2>&1
	rc=$?
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
	p=$(echo "${line:-0 x 0}" | sed 's/^\([0-9]*\).*/\1/')
	f=$(echo "$line" | sed -n 's/^[0-9]* passed, \([0-9]*\) failed.*/\1/p')
	s=$(echo "$line" | sed -n 's/.*, \([0-9]*\) skipped.*/\1/p')
	f=${f:-1}
	[ "$rc" = 0 ] || [ "$f" != 0 ] || f=1
	if [ "$f" != 0 ]; then
		# Each failure with its explanation, wherever it stands, and how it ended.
		awk '/^not ok/ { on = 1 } /^ok/ { on = 0 } on' "$log"
		tail -n 20 "$log"
	else
		grep -iE 'skip' "$log"
	fi
	echo "   $p passed, $f failed, ${s:-0} skipped in $(($(date +%s) - start)) s"
	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + ${s:-0}))
	rm -f "$log"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
