#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The transparency log as `kiln tlog` keeps it, read by the Go project's note and tile packages (Debian:
# golang-golang-x-mod-dev), and what each tampering is answered with.
. "$(dirname "$0")/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=$KILN_BUILD/kiln
mode=$(basename "$KILN_BUILD")

make --no-print-directory -s -C "$top" MODE="$mode" "build/$mode/tests/unit-trust" >"$SCRATCH/make" 2>&1 ||
	fail "unit-trust is built" "$(tail -n 20 "$SCRATCH/make")"
cd "$SCRATCH" || exit 2
"$KILN_BUILD/tests/unit-trust" --write-judges "$SCRATCH" >out 2>&1 || fail "a statement is signed" "$(cat out)"
mkdir w && "$kiln" -C w init >out 2>&1 || fail "a workspace" "$(cat out)"
export KILN_KEYS="$SCRATCH/keys"
log=$SCRATCH/keys/log

tlog() { # tlog WORD...
	"$kiln" -C w tlog "$@" 2>err
}
often() { # often N: the bundle, so often
	i=0
	while [ $i -lt "$1" ]; do
		printf '%s\n' "$SCRATCH/bundle.json"
		i=$((i + 1))
	done
}

refused() { # refused WORDS REASON COMMAND...: exit 3, naming the reason
	what=$1 reason=$2
	shift 2
	"$@" >out 2>err
	assert_eq "$what: exit 3" 3 $?
	assert_contains "$what: the reason" "$reason" "$(cat err)"
}

assert_contains "300 statements are logged" "300 entries" "$(tlog append $(often 300))"
cp "$log/checkpoint" old
assert_contains "and 700 more" "1000 entries" "$(tlog append $(often 700))"
assert_contains "the log is whole" "1000 entries" "$(tlog check)"
key=$(tlog key)

if command -v go >/dev/null && [ -d /usr/share/gocode/src/golang.org/x/mod/sumdb/tlog ]; then
	GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$SCRATCH/go" GOFLAGS= \
		go build -o tlogjudge "$top/tests/system/tlogjudge.go" >out 2>&1 || fail "the judge compiles" "$(cat out)"
	assert_eq "Go reads checkpoint, tiles, records and growth" "it holds" "$(./tlogjudge "$log" old "$key" 2>&1)"
	cp -a "$log" changed
	printf 'x' | dd of=changed/tile/0/001 bs=1 seek=99 conv=notrunc 2>out
	assert_contains "Go refuses a changed tile" "invalid transparency proof" "$(./tlogjudge changed old "$key" 2>&1)"
	sed 's/^1000$/1001/' "$log/checkpoint" >changed/checkpoint
	assert_contains "Go refuses a changed checkpoint" "invalid signature" "$(./tlogjudge changed old "$key" 2>&1)"
	rm -rf changed
else
	skip golang "Go's verdict on the log"
fi

tlog prove "$SCRATCH/bundle.json" >proof
assert_line "a proof names its form" "c2sp.org/tlog-proof@v1" "$(head -n 1 proof)"
assert_line "and the first place" "index 0" "$(sed -n 2p proof)"
assert_eq "with the path of 1,000 leaves" 10 "$(sed '1,2d;/^$/q' proof | grep -c .)"

for damage in tile/0/001 tile/1/000.p/3 tile/entries/002 checkpoint; do
	cp -a "$log" changed
	printf 'x' | dd of="changed/$damage" bs=1 seek=33 conv=notrunc 2>out
	refused "a changed $damage" "log" "$kiln" -C w tlog check --log "$SCRATCH/changed"
	rm -rf changed
done
cp -a "$log" changed
rm changed/tile/0/002
refused "a missing tile" "tile/0/002" "$kiln" -C w tlog check --log "$SCRATCH/changed"
cp old changed/checkpoint
assert_contains "an old checkpoint is a log too" "300 entries" "$(tlog check --log "$SCRATCH/changed")"
rm -rf changed

# A follower has the log, the key and the name, and no workspace.
mkdir nowhere
origin=$(head -n 1 "$log/checkpoint")
away() { (cd nowhere && "$kiln" tlog "$@" --log "$log" --key "$KILN_KEYS" 2>../err); }
assert_contains "without a workspace it is checked" "1000 entries" "$(away check --origin "$origin")"
assert_eq "and proves the same" "$(cat proof)" "$(away prove "$SCRATCH/bundle.json" --origin "$origin")"
assert_eq "and has the same key" "$(tlog key)" "$(away key --origin "$origin")"
away check >out
assert_contains "who does not name it is told" "name --key, --log and --origin" "$(cat err)"

refused "another origin" "not signed by" "$kiln" -C w tlog check --origin log.example.org
sed 's/"keyid":"SHA256:./"keyid":"SHA256:A/;s/"hint":"SHA256:./"hint":"SHA256:A/' bundle.json >strange.json
refused "a proof for what nobody we know signed" "unknown key" "$kiln" -C w tlog prove "$SCRATCH/strange.json"
"$kiln" -C w tlog append "$SCRATCH/strange.json" >out 2>err
assert_contains "what nobody we know signed is not logged" "unknown key" "$(cat err)"
assert_contains "and the log is as it was" "1000 entries" "$(tlog check)"

# Killed at any moment, the log is the old one or the new one.
i=0
whole=0
while [ $i -lt 20 ]; do
	timeout -s KILL "0.0$((i % 7 + 1))" "$kiln" -C w tlog append $(often 5) >out 2>err
	tlog check >out && whole=$((whole + 1))
	i=$((i + 1))
done
assert_eq "20 appends that were killed left a whole log each" 20 "$whole"
size=$(tlog check --json | sed 's/.*"size":\([0-9]*\).*/\1/')
assert_eq "of whole appends" 0 "$((size % 5))"
assert_contains "and the next append goes on" "$((size + 5)) entries" "$(tlog append $(often 5))"
finish
