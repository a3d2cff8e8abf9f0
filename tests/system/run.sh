#!/bin/sh
# Runs what `make check-system` runs: every NN-name.sh here. LANES=2 runs two at once, the longest begun
# first, in little more than half the time; by default one, since some count what lies in the checkout's
# store, which they share. A skip is not a pass: what REQUIRE lists must be there (CI sets REQUIRE=all).
# The last line is the sum.
# usage: tests/system/run.sh BUILD [NN-name.sh...]
set -u
one() { # one SCRIPT: its report on standard output, its counts into $RESULTS
	log=$(mktemp)
	report=$(mktemp)
	start=$(date +%s)
	"./$1" >"$log" 2>&1 </dev/null
	rc=$?
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
	p=$(echo "${line:-0 x 0}" | sed 's/^\([0-9]*\).*/\1/')
	f=$(echo "$line" | sed -n 's/^[0-9]* passed, \([0-9]*\) failed.*/\1/p')
	s=$(echo "$line" | sed -n 's/.*, \([0-9]*\) skipped.*/\1/p')
	f=${f:-1}
	[ "$rc" = 0 ] || [ "$f" != 0 ] || f=1
	{
		echo "== $1"
		if [ "$f" != 0 ]; then
			# Each failure with its explanation, wherever it stands, and how it ended.
			awk '/^not ok/ { on = 1 } /^ok/ { on = 0 } on' "$log"
			tail -n 20 "$log"
		else
			grep -iE 'skip' "$log"
		fi
		echo "   $p passed, $f failed, ${s:-0} skipped in $(($(date +%s) - start)) s"
	} | sed -E 's/^([0-9]+ passed, [0-9]+ failed)/   \1/' >"$report"
	echo "$p $f ${s:-0}" >"$RESULTS/$1"
	flock "$RESULTS" cat "$report"
	rm -f "$log" "$report"
}
if [ "${1:-}" = --one ]; then
	one "$2"
	exit 0
fi
KILN_BUILD=$(cd "$1" && pwd)
export KILN_BUILD
shift
cd "$(dirname "$0")" || exit 2
[ $# -gt 0 ] || set -- [0-9][0-9]-*.sh
wanted=$#
RESULTS=$(mktemp -d)
export RESULTS
trap 'rm -rf "$RESULTS"' EXIT
trap 'kill 0; exit 130' INT TERM
# The longest first: they would hold up the end.
{
	for script in 60-two-users.sh 72-kill.sh 71-faults.sh 47-status.sh; do
		case " $* " in *" $script "*) echo "$script" ;; esac
	done
	printf '%s\n' "$@"
} | awk '!seen[$0]++' | xargs -n 1 -P "${LANES:-1}" ./run.sh --one
cat "$RESULTS"/* | awk -v wanted=$wanted '{ p += $1; f += $2; s += $3 }
	END { f += wanted - NR; printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f != 0 }'
