#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A policy that demands 2 of 3 witnesses: what `kiln verify` refuses, over cosignatures brought as files and taken
# over HTTP, and what publishing does when the quorum is not reached.
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
kiln=$KILN_BUILD/kiln
started=
stop_all() {
	# shellcheck disable=SC2086
	[ -z "$started" ] || kill $started 2>/dev/null
	started=
}
trap 'stop_all; chmod -R u+rwX "$SCRATCH" 2>/dev/null; rm -rf "$SCRATCH"' EXIT
out=$(make --no-print-directory -s -C "$top" MODE="$(basename "$KILN_BUILD")" rpmtool repotool 2>&1) || {
	fail "make rpmtool repotool" "$out"
	finish
}
cd "$SCRATCH" || exit 2
mkdir -p none rpms
for p in one two three; do
	printf 'name: %s\nversion: "1"\nsummary: %s\narch: noarch\n' $p $p >$p.yaml
	out=$("$KILN_BUILD/tests/rpmtool" pack $p.yaml none rpms/$p.rpm 2>&1) || fail "pack $p" "$out"
done
publish() { # publish RPM...
	"$KILN_BUILD/tests/repotool" publish keys store repo "$@" >out 2>err
}
publish rpms/one.rpm || fail "a repository" "$(cat err)"
mkdir w && "$kiln" -C w init >out 2>&1
owner() { KILN_KEYS="$SCRATCH/keys" "$kiln" -C w tlog "$@" --origin log.kiln.invalid 2>err; }
owner key >log.vkey
for who in w1 w2 w3; do
	mkdir $who && "$kiln" -C $who init >out 2>&1 && mkdir -p $who/.kiln/keys
	openssl genpkey -algorithm ed25519 -out $who/.kiln/keys/witness.key 2>out && chmod 600 $who/.kiln/keys/witness.key
	openssl pkey -in $who/.kiln/keys/witness.key -pubout -out $who/.kiln/keys/witness.pub 2>out
	"$kiln" -C $who tlog key --name $who.example.net >$who.vkey 2>err
done
policy() { # policy URL1 URL2 URL3
	printf 'format: 1\nlog: {origin: log.kiln.invalid}\nwitnesses:\n  quorum: 2\n  keys:\n'
	for n in 1 2 3; do
		printf '    - {key: "%s", url: "%s"}\n' "$(cat w$n.vkey)" "$1"
		shift
	done
}
policy http://127.0.0.1:1 http://127.0.0.1:1 http://127.0.0.1:1 >p.yaml
verify() { "$kiln" verify --no-state --key "$SCRATCH/keys" --policy "$SCRATCH/p.yaml" "$1" >out 2>err; }
refused() { # refused WORDS REASON
	verify repo
	assert_eq "$1: exit 3" 3 $?
	assert_contains "$1: the reason" "$2" "$(cat err)"
}
see() { # see WHO: looks at the log as published and gives its checkpoint back
	"$kiln" -C "$1" tlog witness --name "$1.example.net" --log "$SCRATCH/repo/log" --log-key "$SCRATCH/log.vkey" --out "$SCRATCH/$1.given" >out 2>err ||
		fail "$1 looks" "$(cat err)"
}
take() { # take WHO: its lines go on the published log
	owner cosign --log "$SCRATCH/repo/log" --witness "$SCRATCH/$1.vkey" "$SCRATCH/$1.given" >out || fail "$1's line is taken" "$(cat err)"
}

# ---- over files
refused "no witness at all" "0 of the witnesses cosigned its checkpoint, and $SCRATCH/p.yaml demands 2"
see w1
take w1
refused "one of two" "1 of the witnesses cosigned its checkpoint"
cp repo/log/checkpoint one.line
grep ' w1.example.net ' one.line >w1.line
cat w1.line >>repo/log/checkpoint
refused "one witness twice" "1 of the witnesses cosigned its checkpoint"
sed 's/ w1.example.net / w2.example.net /' w1.line | cat one.line - >repo/log/checkpoint
refused "one witness under another's name" "1 of the witnesses cosigned its checkpoint"
cp one.line repo/log/checkpoint
see w2
take w2
verify repo
assert_eq "two of three" 0 $?
cp repo/log/checkpoint two.lines
python3 - <<'END'
import base64
lines = open("two.lines", encoding="utf-8").read().split("\n")
at = [i for i, l in enumerate(lines) if " w2.example.net " in l][0]
head, _, raw = lines[at].rpartition(" ")
raw = bytearray(base64.b64decode(raw))
raw[40] ^= 1
lines[at] = head + " " + base64.b64encode(raw).decode()
open("repo/log/checkpoint", "w", encoding="utf-8").write("\n".join(lines))
END
refused "a forged line" "1 of the witnesses cosigned its checkpoint"
cp two.lines repo/log/checkpoint

# ---- a log that grew: what was cosigned before is of another checkpoint
publish rpms/one.rpm rpms/two.rpm || fail "it grows" "$(cat err)"
refused "cosignatures of the log as it was before" "0 of the witnesses"
see w1
take w1
grep ' w2.example.net ' two.lines >>repo/log/checkpoint
refused "the second cosigned an older checkpoint" "1 of the witnesses cosigned its checkpoint"

# ---- over HTTP, before anything is published
begin() { # begin WHO
	: >"$1.url"
	"$kiln" -C "$1" tlog witness --listen 127.0.0.1:0 --name "$1.example.net" --log-key "$SCRATCH/log.vkey" >"$1.url" 2>>"$1.err" &
	eval "pid_$1=$!"
	started="$started $!"
	n=0
	while [ ! -s "$1.url" ] && [ $n -lt 300 ]; do
		sleep 0.1
		n=$((n + 1))
	done
}
begin w1
python3 "$here/witnesses.py" serve hang >hang.url 2>hang.err &
started="$started $!"
begin w3
n=0
while [ ! -s hang.url ] && [ $n -lt 300 ]; do
	sleep 0.1
	n=$((n + 1))
done
policy "$(cat w1.url)" "$(cat hang.url)" "http://127.0.0.1:1" >p.yaml
export REPOTOOL_POLICY="$SCRATCH/p.yaml"
cp -a repo before
publish rpms/one.rpm rpms/two.rpm rpms/three.rpm
assert_eq "one answers, one hangs, one is not there: exit 3" 3 $?
assert_contains "says how many" "1 of 3 witnesses cosigned the log log.kiln.invalid, and 2 must" "$(cat err)"
assert_contains "who hangs" "w2.example.net: $(cat hang.url)/add-checkpoint: Operation timed out" "$(cat err)"
assert_contains "who is not there" "w3.example.net: http://127.0.0.1:1/add-checkpoint: Failed to connect" "$(cat err)"
if diff -r before repo >out; then
	pass "and what was published stays as it was"
else
	fail "and what was published stays as it was" "$(cat out)"
fi
policy "$(cat w1.url)" "$(cat hang.url)" "$(cat w3.url)" >p.yaml
publish rpms/one.rpm rpms/two.rpm rpms/three.rpm
assert_eq "with two that answer it is published" 0 $?
verify repo
assert_eq "and accepted" 0 $?
mkdir apart && cp repo/packages/three-1-1.noarch.rpm* apart/
assert_eq "every bundle carries both lines" 3 "$(tail -n 4 apart/three-1-1.noarch.rpm.tlog-proof | grep -c '^— ')"

# ---- what `kiln publish` and `kiln image` read of the workspace's policy.yaml
if [ ! -d "$top/.kiln/store" ] || [ ! -d "$top/.kiln/keys" ]; then
	skip image "a built workspace in $top/.kiln, which make quickstart leaves"
	stop_all
	finish
fi
mkdir ws && cp -a "$top/kiln.yaml" "$top/kiln.lock" "$top/recipes" "$top/images" "$top/bootstrap" ws/
cp -a "$top/.kiln/keys" wskeys
ours() { KILN_STORE="$top/.kiln/store" KILN_KEYS="$SCRATCH/wskeys" "$kiln" -C ws "$@" 2>err; }
ours tlog key >log.vkey
# Of this name it saw another log above.
rm -rf w2/.kiln/keys/witness
begin w2
policy "http://127.0.0.1:1" "$(cat w2.url)" "http://127.0.0.1:1" | sed "s/origin: .*}/origin: $(cut -d+ -f1 log.vkey)}/" >ws/policy.yaml
ours publish >out
assert_eq "kiln publish with one of two: exit 3" 3 $?
assert_contains "kiln publish: how many" "1 of 3 witnesses cosigned the log" "$(cat err)"
assert_eq "kiln publish: nothing is published" absent "$([ -e ws/out/repo ] && echo there || echo absent)"
ours image busybox >out
assert_eq "kiln image with one of two: exit 3" 3 $?
assert_contains "kiln image: how many" "1 of 3 witnesses cosigned the log" "$(cat err)"
assert_eq "kiln image: nothing is made" absent "$([ -e ws/out/images/busybox ] && echo there || echo absent)"
sed -i 's/quorum: 2/quorum: 1/' ws/policy.yaml
for what in publish "image busybox"; do
	# shellcheck disable=SC2086
	ours $what >out
	assert_eq "kiln $what with a quorum of one" 0 $?
done
assert_contains "the line is on the published log" "w2.example.net" "$(cat ws/out/repo/log/checkpoint)"
stop_all
finish
