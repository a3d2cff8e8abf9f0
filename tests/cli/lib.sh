# SPDX-License-Identifier: Apache-2.0
# What tests of whole commands share, on top of tests/system/lib.sh (counts, skips, scratch):
# ok NAME CMD..., refused NAME EXIT 'reason' CMD..., same NAME GOT WANTED, says NAME 'text', done_testing.
. "$(dirname "$0")/../system/lib.sh"
scratch=$SCRATCH

# ok NAME CMD...: the command succeeds; its output stays in $scratch/out and $scratch/err.
ok() {
	name=$1
	shift
	if "$@" >"$scratch/out" 2>"$scratch/err"; then
		pass "$name"
	else
		fail "$name" "status $?: $*
$(tail -n 20 "$scratch/err")"
	fi
}

# refused NAME EXIT 'reason' CMD...: exits with EXIT and says the reason (a fixed string) on stderr.
refused() {
	name=$1 want=$2 reason=$3
	shift 3
	"$@" >"$scratch/out" 2>"$scratch/err"
	rc=$?
	if [ "$rc" != "$want" ]; then
		fail "$name" "wanted exit $want, got $rc
$(tail -n 20 "$scratch/err")"
	else
		assert_contains "$name" "$reason" "$(cat "$scratch/err")"
	fi
}

same() { # same NAME GOT WANTED
	assert_eq "$1" "$3" "$2"
}

says() { # says NAME 'text': the output of the last command holds the text
	assert_contains "$1" "$2" "$(cat "$scratch/out")"
}

done_testing() {
	finish
}
