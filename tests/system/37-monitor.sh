#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `kiln tlog monitor` over a directory and over tiles served by a stock web server: what is new, and an alarm for
# every way in which a log can stop being the log that was read before.
. "$(dirname "$0")/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=$KILN_BUILD/kiln
mode=$(basename "$KILN_BUILD")
server=
trap '[ -z "$server" ] || kill $server 2>/dev/null; chmod -R u+rwX "$SCRATCH" 2>/dev/null; rm -rf "$SCRATCH"' EXIT

make --no-print-directory -s -C "$top" MODE="$mode" "build/$mode/tests/unit-trust" >"$SCRATCH/make" 2>&1 ||
	fail "unit-trust is built" "$(tail -n 20 "$SCRATCH/make")"
cd "$SCRATCH" || exit 2
"$KILN_BUILD/tests/unit-trust" --write-judges "$SCRATCH" >out 2>&1 || fail "a statement is signed" "$(cat out)"
mkdir w && "$kiln" -C w init >out 2>&1 || fail "a workspace" "$(cat out)"
log=$SCRATCH/keys/log
mkdir made none && cp bundle.json made/one.sigstore.json
append() { # append N [WORD...]: the bundle, so often
	n=$1
	shift
	# shellcheck disable=SC2046
	KILN_KEYS="$SCRATCH/keys" "$kiln" -C w tlog append "$@" $(yes "$SCRATCH/bundle.json" | head -n "$n") >out 2>&1
}
append 300
KILN_KEYS="$SCRATCH/keys" "$kiln" -C w tlog key >log.vkey 2>err
# A monitor is another party: public keys, no workspace, a state of its own.
mkdir public && cp keys/builder.pub keys/image.pub public/
monitor() { # monitor WHERE [WORD...]
	"$kiln" -C / tlog monitor "$@" --key "$SCRATCH/public" --log-key "$SCRATCH/log.vkey" --state "$SCRATCH/seen" 2>err
}
cp -a keys/log site
python3 -u - site >port 2>served <<'END' &
import functools, http.server, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print(server.server_address[1], flush=True)
server.serve_forever()
END
server=$!
n=0
while [ ! -s port ] && [ $n -lt 300 ]; do
	sleep 0.1
	n=$((n + 1))
done
url=http://127.0.0.1:$(cat port)
show() { # show DIR: it is what the server serves now
	rm -rf site.new && cp -a "$1" site.new && rm -rf site.old && mv site site.old && mv site.new site
}
fetched() { # fetched COMMAND...: how many files it took from the server
	: >served
	"$@" >out
	grep -c '" 200 ' served
}

# ---- a log that grows
all=$(fetched monitor "$url/" --statements "$SCRATCH/made")
assert_eq "the first reading takes every file: 2 of entries, 2 of hashes, 1 above, the checkpoint" 6 "$all"
assert_contains "and lists every entry with role and subject" "     299 builder x" "$(cat out)"
assert_contains "and their number" "300 new, 300 entries" "$(cat out)"
assert_eq "nothing new is one file" 1 "$(fetched monitor "$url" --statements "$SCRATCH/made")"
assert_contains "and says so" "0 new, 300 entries" "$(cat out)"
append 500
show "$log"
assert_eq "growth takes no full tile again: 3 of entries, 3 of hashes, 1 above, the checkpoint" 8 "$(fetched monitor "$url" --statements "$SCRATCH/made")"
assert_contains "what is new is told, and no more" "     300 builder x" "$(head -n 1 out)"
assert_contains "500 of them" "500 new, 800 entries" "$(cat out)"
copy=$(echo seen/*/log)
assert_contains "the copy is a whole log" "800 entries" "$("$kiln" -C / tlog check --log "$SCRATCH/$copy" --key "$SCRATCH/keys" --origin log.my.invalid 2>&1)"
assert_eq "without the tiles of older ones" 9 "$(find "$copy/tile" -type f | wc -l)"
append 1
show "$log"
assert_contains "--json lists them" '"entries":[{"index":800,' "$(monitor "$url" --json --statements "$SCRATCH/made")"

# ---- alarms
alarm() { # alarm WORDS KIND REASON [WORD...]: exit 3, the reason, and nothing is remembered
	what=$1 kind=$2 reason=$3
	shift 3
	state=$(cat seen/*/monitor.json)
	monitor "$url" --statements "$SCRATCH/made" --json "$@" >out
	assert_eq "$what: exit 3" 3 $?
	assert_contains "$what: $kind" "\"kind\":\"$kind\"" "$(cat out)"
	assert_contains "$what: the reason" "$reason" "$(cat err)"
	assert_eq "$what: nothing is remembered of it" "$state" "$(cat seen/*/monitor.json)"
}
cp -a "$log" good
append 100
cp -a "$log" grown
cp -a good old && show site.old
alarm "an old checkpoint" checkpoint "rolled back: it shows 800 entries, and 801 were seen"
show grown
truncate -s 100 site/tile/0/003.p/133
alarm "a truncated tile" log "133 hashes are"
show grown
truncate -s 1000 site/tile/entries/003.p/133
alarm "truncated entries" log "is cut off"
show grown
rm site/tile/entries/003.p/133
alarm "a tile that is withheld" log "the server answered 404"
show grown
printf x | dd of=site/tile/0/003.p/133 bs=1 seek=4000 conv=notrunc 2>out
alarm "a changed hash" log "its tiles do not fit its root"
show grown
printf x | dd of=site/tile/entries/003.p/133 bs=1 seek=30 conv=notrunc 2>out
alarm "a changed entry that was read before" log "is not made of the log's entries"
show grown
sed -i 2s/901/902/ site/checkpoint
alarm "a changed checkpoint" checkpoint "is wrong"
show grown
echo rubbish >site/checkpoint
alarm "no checkpoint at all" checkpoint "note"
head -c 100000 /dev/zero >site/checkpoint
monitor "$url" >out
assert_eq "an endless one is no log that can be read: exit 1" 1 $?
# Another history under the log's own key.
cp bundle.json first.json
"$KILN_BUILD/tests/unit-trust" --write-judges "$SCRATCH" >out 2>&1
cmp -s bundle.json first.json && fail "another statement for the fork"
mkdir fork
append 801 --log "$SCRATCH/fork"
show fork
alarm "a fork of the size that was seen" checkpoint "forked: another root of 801 entries was seen"
assert_eq "is kept as the log signed it" "$(cat fork/checkpoint)" "$(cat seen/*/forked)"
append 99 --log "$SCRATCH/fork"
show fork
alarm "a fork that is larger" log "forked: the log of 900 entries is not a continuation of that of 801"
show grown
assert_contains "after all that the log itself goes on" "100 new, 901 entries" "$(monitor "$url" --statements "$SCRATCH/made")"

# ---- entries that nobody made
append 2
show "$log"
alarm "an entry by our key that nothing here made" unaccounted "entry 901 is signed by our builder key, and nothing here made it"
alarm "of which there are two" unaccounted "2 alarms about the log"
mkdir strangers && cp public/image.pub strangers/
"$kiln" -C / tlog monitor "$url" --key "$SCRATCH/strangers" --log-key "$SCRATCH/log.vkey" --state "$SCRATCH/seen2" --json >out 2>err
assert_eq "a key that is not known: exit 3" 3 $?
assert_contains "a key that is not known: the alarm" '"kind":"unknown-key"' "$(cat out)"
cp bundle.json made/two.sigstore.json
assert_contains "with its statement all is well" "2 new, 903 entries" "$(monitor "$url" --statements "$SCRATCH/made")"
append 1
show "$log"
rm made/two.sigstore.json
alarm "again one that nothing made" unaccounted "entry 903"
assert_contains "--accept says that it was looked into" "1 new, 904 entries" "$(monitor "$url" --statements "$SCRATCH/made" --accept)"
assert_contains "and then it is remembered" "0 new, 904 entries" "$(monitor "$url" --statements "$SCRATCH/made")"
assert_contains "a directory is read as well" "0 new, 904 entries" "$(monitor "$log" --statements "$SCRATCH/made")"

# ---- time, witnesses, and a log that is not there
sleep 2
alarm "nothing new for a second" stale "nothing new since" --max-age 1s
assert_contains "for a day it may be" "0 new" "$(monitor "$url" --max-age 1d)"
mkdir -p one && "$kiln" -C one init >out 2>&1 && mkdir -p one/.kiln/keys
openssl genpkey -algorithm ed25519 -out one/.kiln/keys/witness.key 2>out && chmod 600 one/.kiln/keys/witness.key
openssl pkey -in one/.kiln/keys/witness.key -pubout -out one/.kiln/keys/witness.pub 2>out
"$kiln" -C one tlog key --name one.example.net >one.vkey 2>err
alarm "a witness that never cosigned" stale "last witnessed never" --max-age 1d --witness "$SCRATCH/one.vkey"
alarm "a quorum that is not there" unwitnessed "0 of 1 witnesses cosigned it, and 1 must" --quorum 1 --witness "$SCRATCH/one.vkey"
"$kiln" -C one tlog witness --name one.example.net --log "$log" --log-key "$SCRATCH/log.vkey" --out "$SCRATCH/site/checkpoint" >out 2>err
assert_contains "both are there" "0 new" "$(monitor "$url" --quorum 1 --max-age 1d --witness "$SCRATCH/one.vkey")"
for f in seen/*/monitor.json; do
	cp "$f" kept
	echo '{}' >"$f"
	monitor "$url" >out
	assert_eq "a damaged state: exit 3" 3 $?
	assert_contains "a damaged state: the remedy" "put back a copy" "$(cat err)"
	cp kept "$f"
done
kill $server
wait $server 2>/dev/null
server=
monitor "$url" >out
assert_eq "a log that cannot be reached is no alarm: exit 1" 1 $?
assert_contains "but said" "127.0.0.1" "$(cat err)"
alarm "unless it is so for too long" stale "it cannot be read, and nothing was new since" --max-age 1s
finish
