#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two witnesses over one log: what they cosign, what they refuse, what the owner puts on his checkpoint. The judge of
# a cosignature is openssl, over the text that C2SP tlog-cosignature describes and python puts together here.
. "$(dirname "$0")/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=$KILN_BUILD/kiln
mode=$(basename "$KILN_BUILD")

make --no-print-directory -s -C "$top" MODE="$mode" "build/$mode/tests/unit-trust" >"$SCRATCH/make" 2>&1 ||
	fail "unit-trust is built" "$(tail -n 20 "$SCRATCH/make")"
cd "$SCRATCH" || exit 2
"$KILN_BUILD/tests/unit-trust" --write-judges "$SCRATCH" >out 2>&1 || fail "a statement is signed" "$(cat out)"
log=$SCRATCH/keys/log
for who in w one two; do
	mkdir $who && "$kiln" -C $who init >out 2>&1 || fail "a workspace" "$(cat out)"
done
# A witness is another party: keys of its own, of which it needs this one.
for who in one two; do
	mkdir -p $who/.kiln/keys
	openssl genpkey -algorithm ed25519 -out $who/.kiln/keys/witness.key 2>out && chmod 600 $who/.kiln/keys/witness.key
	openssl pkey -in $who/.kiln/keys/witness.key -pubout -out $who/.kiln/keys/witness.pub 2>out
done

owner() { KILN_KEYS="$SCRATCH/keys" "$kiln" -C w tlog "$@" 2>err; }
append() { # append N: the bundle, so often
	# shellcheck disable=SC2046
	owner append $(yes "$SCRATCH/bundle.json" | head -n "$1") >out
}
witness() { # witness WHO LOG [WORD...]
	who=$1 shown=$2
	shift 2
	"$kiln" -C "$who" tlog witness --name "$who.example.net" --log "$shown" --log-key "$SCRATCH/log.vkey" "$@" 2>err
}
state() { cat one/.kiln/keys/witness/*.checkpoint; }
refused() { # refused WORDS REASON LOG: exit 3 with the reason, nothing printed, the state as it was
	before=$(state)
	witness one "$3" >given
	assert_eq "$1: exit 3" 3 $?
	assert_contains "$1: the reason" "$2" "$(cat err)"
	assert_eq "$1: nothing is handed out" "" "$(cat given)"
	assert_eq "$1: the state is unchanged" "$before" "$(state)"
}

append 300
owner key >log.vkey
for who in one two; do
	"$kiln" -C $who tlog key --name "$who.example.net" >$who.vkey 2>err || fail "the key of a witness" "$(cat err)"
done

# ---- growth
cp -a "$log" old
witness one "$log" >cosigned.1 || fail "a new log is cosigned" "$(cat err)"
append 500
witness one "$log" --out "$SCRATCH/cosigned.1" >out || fail "its growth is cosigned" "$(cat err)"
assert_contains "of 800 entries" "800 entries" "$(cat out)"
assert_contains "--json tells what was seen before" '"before":800' "$(witness one "$log" --json)"
witness two "$log" >cosigned.2 || fail "the second witness cosigns" "$(cat err)"

cat >judge.py <<'END'
import base64, hashlib, struct, subprocess, sys
note, vkey, pub = sys.argv[1:]
name, ident, key = open(vkey).read().strip().split("+", 2)
key = base64.b64decode(key)
assert key[0] == 4 and hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() == ident, "key"
text, lines = open(note, "rb").read().rsplit(b"\n\n", 1)
text += b"\n"
mine = [l.split(b" ")[2] for l in lines.splitlines() if l.split(b" ")[1] == name.encode()]
assert len(mine) == 1, "one line"
raw = base64.b64decode(mine[0], validate=True)
assert raw[:4].hex() == ident and len(raw) == 4 + 8 + 64, "shape"
open("message", "wb").write(b"cosignature/v1\ntime %d\n" % struct.unpack(">Q", raw[4:12]) + text)
open("signature", "wb").write(raw[12:])
r = subprocess.run(["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", pub, "-in", "message",
	"-sigfile", "signature"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
print("it holds" if r.returncode == 0 else "refused")
END
for n in 1:one 2:two; do
	who=${n#*:}
	assert_eq "openssl accepts the cosignature of witness $who" "it holds" \
		"$(python3 judge.py "cosigned.${n%:*}" "$who.vkey" "$who/.kiln/keys/witness.pub" 2>&1)"
done
sed 2s/800/801/ cosigned.1 >changed
assert_eq "and refuses it on another checkpoint" "refused" "$(python3 judge.py changed one.vkey one/.kiln/keys/witness.pub 2>&1)"

# ---- the owner takes them
assert_contains "two cosignatures are put on the log's checkpoint" "cosigned by 2 witnesses" \
	"$(owner cosign --witness "$SCRATCH/one.vkey" --witness "$SCRATCH/two.vkey" "$SCRATCH/cosigned.1" "$SCRATCH/cosigned.2")"
assert_eq "three lines of signatures" 3 "$(grep -c '^— ' "$log/checkpoint")"
assert_contains "the same again adds nothing" "cosigned by 1 witness" "$(owner cosign --witness "$SCRATCH/one.vkey" "$SCRATCH/cosigned.1")"
assert_eq "still three lines" 3 "$(grep -c '^— ' "$log/checkpoint")"
assert_contains "the log is read as before" "800 entries" "$(owner check)"
not_taken() { # not_taken WORDS EXIT REASON WITNESS FILE
	before=$(cat "$log/checkpoint")
	owner cosign --witness "$SCRATCH/$4" "$SCRATCH/$5" >out
	assert_eq "$1: exit $2" "$2" $?
	assert_contains "$1: the reason" "$3" "$(cat err)"
	assert_eq "$1: the checkpoint is as it was" "$before" "$(cat "$log/checkpoint")"
}
not_taken "a cosignature by a witness that is not named" 3 "none of the named witnesses" two.vkey cosigned.1
not_taken "a log's key for a witness's" 1 "is a key of a log, not of a witness" log.vkey cosigned.1
python3 - <<'END'
import base64
lines = open("cosigned.1", encoding="utf-8").read().split("\n")
at = [i for i, l in enumerate(lines) if " one.example.net " in l][0]
head, _, raw = lines[at].rpartition(" ")
raw = bytearray(base64.b64decode(raw))
raw[11] ^= 1
lines[at] = head + " " + base64.b64encode(raw).decode()
open("changed", "w", encoding="utf-8").write("\n".join(lines))
END
not_taken "a cosignature with another time" 3 "is wrong" one.vkey changed
witness one "$log" >current
append 5
not_taken "a cosignature of the log before it grew" 3 "another checkpoint" one.vkey current
assert_eq "a grown log has no cosignature yet" 1 "$(grep -c '^— ' "$log/checkpoint")"

# ---- refusals
refused "a roll-back" "rolled back" "$SCRATCH/old"
cp cosigned.1 old/checkpoint
refused "a checkpoint without its tiles" "tile/" "$SCRATCH/old"
cp -a "$log" changed.log
printf 'x' | dd of=changed.log/tile/1/000.p/3 bs=1 seek=40 conv=notrunc 2>out
refused "a changed tile" "do not fit its root" "$SCRATCH/changed.log"
cp "$log/checkpoint" changed.log/checkpoint
sed -i '2s/.*/806/' changed.log/checkpoint
refused "a changed checkpoint" "is wrong" "$SCRATCH/changed.log"
# Another history under the log's own key.
mkdir fork
cp bundle.json first.json
"$KILN_BUILD/tests/unit-trust" --write-judges "$SCRATCH" >out 2>&1
cmp -s bundle.json first.json && fail "another statement for the fork"
forked() { # forked N
	# shellcheck disable=SC2046
	owner append --log "$SCRATCH/fork" $(yes "$SCRATCH/bundle.json" | head -n "$1") >out
}
forked 800
refused "a fork of the size that was seen" "another root of 800 entries" "$SCRATCH/fork"
assert_eq "and is kept as the log signed it, beside the state" "$(cat fork/checkpoint)" "$(cat one/.kiln/keys/witness/*.forked)"
rm one/.kiln/keys/witness/*.forked
forked 200
refused "a fork that is larger" "not a continuation" "$SCRATCH/fork"
sed 's/^[^+]*/log.example.org/' log.vkey >wrong.vkey
"$kiln" -C one tlog witness --name one.example.net --log "$log" --log-key "$SCRATCH/wrong.vkey" >out 2>err
assert_contains "a key that does not fit its name" "does not belong to name and key" "$(cat err)"
"$kiln" -C one tlog witness --name one.example.net --log "$log" --log-key "$SCRATCH/two.vkey" >out 2>err
assert_contains "a witness's key for a log's" "is a key of a witness, not of a log" "$(cat err)"
"$kiln" -C one tlog witness --log "$log" >out 2>err
assert_eq "a witness without names is a usage error" 2 $?
cp -a one/.kiln/keys/witness kept
for f in one/.kiln/keys/witness/*; do printf 'x\n' >"$f"; done
refused "a damaged state" "put back a copy" "$log"
rm -rf one/.kiln/keys/witness && mv kept one/.kiln/keys/witness

# ---- killed at any moment, the state is the old one or the new one
i=0
whole=0
while [ $i -lt 12 ]; do
	append 3
	before=$(sed -n 2p one/.kiln/keys/witness/*)
	(
		cd one && KILN_KEYS= timeout -s KILL "0.$(printf %02d $((i * 2 + 1)))" "$kiln" tlog witness --name one.example.net --log "$log" \
			--log-key "$SCRATCH/log.vkey" >../given 2>../err
	) 2>killed
	now=$(sed -n 2p one/.kiln/keys/witness/*)
	{ [ "$now" = "$before" ] || [ "$now" = "$(sed -n 2p "$log/checkpoint")" ]; } && whole=$((whole + 1))
	# What was handed out was remembered before.
	[ ! -s given ] || [ "$now" = "$(sed -n 2p given)" ] || whole=-99
	i=$((i + 1))
done
assert_eq "12 killed witnesses left a whole state each" 12 "$whole"
witness one "$log" >given || fail "and the next goes on" "$(cat err)"

# ---- two at once: one history only
append 1
forked 1
for n in 1 2 3 4; do
	witness two "$log" >"race.$n" &
	witness two "$SCRATCH/fork" >"race.fork.$n" &
done
wait
assert_eq "of a log and its fork shown at one time, the fork gets nothing" "" "$(cat race.fork.*)"
finish
