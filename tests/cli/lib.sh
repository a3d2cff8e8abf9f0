# Shell tests of the command line: each assertion counts, says what it wanted, and the last line is
# the count. Source it, then: ok NAME CMD..., refused NAME EXIT 'reason' CMD..., done_testing.
passed=0
failed=0
scratch=$(mktemp -d "${TMPDIR:-/tmp}/kiln-cli-XXXXXX")
trap 'chmod -R u+rwX "$scratch" 2>/dev/null; rm -rf "$scratch"' EXIT

pass() { passed=$((passed + 1)); echo "ok: $1"; }
fail() {
	failed=$((failed + 1))
	echo "NOT OK: $1"
	shift
	for line; do printf '    %s\n' "$line"; done
}
# ok NAME CMD...: the command succeeds; its output stays in $scratch/out and $scratch/err.
ok() {
	name=$1
	shift
	if "$@" >"$scratch/out" 2>"$scratch/err"; then
		pass "$name"
	else
		fail "$name" "status $?: $*" "$(tail -n 20 "$scratch/err")"
	fi
}
# refused NAME EXIT 'reason' CMD...: exits with EXIT and says the reason (a fixed string) on stderr.
refused() {
	name=$1 want=$2 reason=$3
	shift 3
	"$@" >"$scratch/out" 2>"$scratch/err"
	rc=$?
	if [ "$rc" != "$want" ]; then
		fail "$name" "wanted exit $want, got $rc" "$(tail -n 20 "$scratch/err")"
	elif ! grep -qF -- "$reason" "$scratch/err"; then
		fail "$name" "wanted: $reason" "got: $(tail -n 20 "$scratch/err")"
	else
		pass "$name"
	fi
}
# same NAME A B: two texts are equal.
same() {
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "wanted: $3" "got:    $2"; fi
}
# says NAME 'text': the output of the last ok holds the text.
says() {
	if grep -qF -- "$2" "$scratch/out"; then pass "$1"; else fail "$1" "wanted: $2" "got: $(head -c 2000 "$scratch/out")"; fi
}
done_testing() {
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
}
