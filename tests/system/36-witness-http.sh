#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Witnesses over HTTP (C2SP tlog-witness). Our server is asked by curl with proofs that Go's packages make, and
# judged by them; hostile clients come and go meanwhile. Our client meets witnesses in python that misbehave.
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
kiln=$KILN_BUILD/kiln
mode=$(basename "$KILN_BUILD")
started=
stop_all() {
	# shellcheck disable=SC2086
	[ -z "$started" ] || kill -KILL $started 2>/dev/null
	started=
}
trap 'stop_all; chmod -R u+rwX "$SCRATCH" 2>/dev/null; rm -rf "$SCRATCH"' EXIT

make --no-print-directory -s -C "$top" MODE="$mode" "build/$mode/tests/unit-trust" >"$SCRATCH/make" 2>&1 ||
	fail "unit-trust is built" "$(tail -n 20 "$SCRATCH/make")"
cd "$SCRATCH" || exit 2
"$KILN_BUILD/tests/unit-trust" --write-judges "$SCRATCH" >out 2>&1 || fail "a statement is signed" "$(cat out)"
for who in w one two three; do
	mkdir $who && "$kiln" -C $who init >out 2>&1 || fail "a workspace" "$(cat out)"
done
for who in one two three; do
	mkdir -p $who/.kiln/keys
	openssl genpkey -algorithm ed25519 -out $who/.kiln/keys/witness.key 2>out && chmod 600 $who/.kiln/keys/witness.key
	openssl pkey -in $who/.kiln/keys/witness.key -pubout -out $who/.kiln/keys/witness.pub 2>out
	"$kiln" -C $who tlog key --name $who.example.net >$who.vkey 2>err || fail "the key of a witness" "$(cat err)"
done
log=$SCRATCH/keys/log
owner() { KILN_KEYS="$SCRATCH/keys" timeout 120 "$kiln" -C w tlog "$@" 2>err; }
append() { # append N [WORD...]: the bundle, so often
	n=$1
	shift
	# shellcheck disable=SC2046
	owner append "$@" $(yes "$SCRATCH/bundle.json" | head -n "$n") >out
}
append 300
owner key >log.vkey
# A second log, of another key and name.
cp -a keys keys2 && rm -rf keys2/log keys2/log.*
openssl genpkey -algorithm ed25519 -out keys2/log.key 2>out && chmod 600 keys2/log.key
openssl pkey -in keys2/log.key -pubout -out keys2/log.pub 2>out
second() { KILN_KEYS="$SCRATCH/keys2" "$kiln" -C w tlog "$@" --origin second.example.org 2>err; }
second append "$SCRATCH/bundle.json" >out || fail "a second log" "$(cat err)"
second key >>log.vkey

begin() { # begin WHO: its server; the URL is in WHO.url
	: >"$1.url"
	"$kiln" -C "$1" tlog witness --listen 127.0.0.1:0 --name "$1.example.net" --log-key "$SCRATCH/log.vkey" \
		>"$1.url" 2>>"$1.err" &
	eval "pid_$1=$!"
	started="$started $!"
	wait_for "$1.url"
}
wait_for() { # wait_for FILE: until something stands in it
	n=0
	while [ ! -s "$1" ] && [ $n -lt 300 ]; do
		sleep 0.1
		n=$((n + 1))
	done
	[ -s "$1" ] || fail "$1 begins" "$(cat ./*.err)"
}
end() { # end WHO [SIGNAL]
	eval "p=\$pid_$1"
	# shellcheck disable=SC2154
	kill "-${2:-TERM}" "$p" 2>/dev/null
	wait "$p" 2>/dev/null
	rc=$?
}
begin one
url=$(cat one.url)

# ---- stock clients
if command -v go >/dev/null && [ -d /usr/share/gocode/src/golang.org/x/mod/sumdb/tlog ] && command -v curl >/dev/null; then
	GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$SCRATCH/go" GOFLAGS= \
		go build -o tlogjudge "$top/tests/system/tlogjudge.go" >out 2>&1 || fail "the judge compiles" "$(cat out)"
	ask() { # ask LOG SIZE [CURL WORDS]: Go makes the question, curl posts it; the status, the body in `answer`
		dir=$1 size=$2
		shift 2
		./tlogjudge ask "$dir" "$size" "$(head -n 1 log.vkey)" >question || fail "Go makes a question"
		curl -s -o answer -w '%{http_code} %{content_type}' --data-binary @question "$@" "$url/add-checkpoint"
	}
	judge() { # judge WORDS: Go's note package over log and witness
		cat "$log/checkpoint" answer >cosigned
		assert_eq "$1" "it holds" "$(./tlogjudge cosigned cosigned "$(head -n 1 log.vkey)" "$(cat one.vkey)" 2>&1)"
	}
	assert_eq "a new log is cosigned" "200 text/plain; charset=utf-8" "$(ask "$log" 0)"
	judge "Go accepts the cosignature"
	sed '2s/300/301/' cosigned >changed
	assert_contains "and not on another checkpoint" "invalid signature" "$(./tlogjudge cosigned changed "$(head -n 1 log.vkey)" "$(cat one.vkey)" 2>&1)"
	cp -a "$log" at300
	append 200
	assert_eq "who begins elsewhere is told where it is" "409 text/x.tlog.size" "$(ask "$log" 0)"
	assert_eq "by the size" "300" "$(cat answer)"
	assert_eq "Go's consistency proof is taken" "200 text/plain; charset=utf-8" "$(ask "$log" 300 -H 'Expect: 100-continue')"
	judge "Go accepts the next cosignature"
	assert_eq "the same again is cosigned again" "200 text/plain; charset=utf-8" "$(ask "$log" 500 --http1.0)"
	assert_eq "a roll-back is told the size that was seen" "409 text/x.tlog.size" "$(ask at300 300)"
	assert_eq "which is" "500" "$(cat answer)"
	sed 2,3d question >cut
	assert_eq "a signature over another text" 400 "$(curl -s -o answer -w '%{http_code}' --data-binary @cut "$url/add-checkpoint")"
	append 7
	./tlogjudge ask "$log" 400 "$(head -n 1 log.vkey)" | sed '1s/400/500/' >question
	assert_eq "the proof of another size" 422 "$(curl -s -o answer -w '%{http_code}' --data-binary @question "$url/add-checkpoint")"
	assert_eq "the second log is nobody's business" "200 text/plain; charset=utf-8" "$(
		(echo "old 0" && echo && cat keys2/log/checkpoint) >question
		curl -s -o answer -w '%{http_code} %{content_type}' --data-binary @question "$url/add-checkpoint"
	)"
	assert_eq "two states lie there" 2 "$(find one/.kiln/keys/witness -name '*.checkpoint' | wc -l)"
else
	skip golang "the verdict of Go's packages and curl"
fi

# ---- hostile clients
python3 "$here/witnesses.py" attack "$url" >attacked 2>&1
while IFS='|' read -r words want; do
	assert_line "$words" "$words: $want" "$(cat attacked)"
done <<'L'
random bytes|HTTP/1.1 431 Request Header Fields Too Large
no end of a head|HTTP/1.1 431 Request Header Fields Too Large
one endless line|HTTP/1.1 431 Request Header Fields Too Large
a body too long|HTTP/1.1 413 Content Too Large
a length beyond numbers|HTTP/1.1 413 Content Too Large
a negative length|HTTP/1.1 400 Bad Request
two lengths|HTTP/1.1 400 Bad Request
chunks|HTTP/1.1 501 Not Implemented
another path|HTTP/1.1 404 Not Found
another method|HTTP/1.1 405 Method Not Allowed
an empty body|HTTP/1.1 400 Bad Request
zeros for a body|HTTP/1.1 400 Bad Request
HTTP/2|HTTP/1.1 400 Bad Request
two at once|2 answers
byte by byte|HTTP/1.1 400 Bad Request
a trickle|HTTP/1.1 408 Request Timeout
L
echo "$(cat one.vkey) $url" >one.asked
mkfifo hold
python3 "$here/witnesses.py" crowd "$url" <hold >crowd &
started="$started $!"
exec 7>hold
wait_for crowd
append 1
assert_contains "among 200 connections that say nothing a log is served" "cosigned by 1 witness" "$(owner cosign --witness "$SCRATCH/one.asked")"
exec 7>&-
assert_lacks "strangers' requests are not in its words" "request:" "$(cat one.err)"
assert_contains "what logs showed is" "cosigned log.my.invalid" "$(cat one.err)"

# ---- stopped, killed, raced
end one
assert_eq "told to stop, it ends well" 0 $rc
whole=0
i=0
while [ $i -lt 8 ]; do
	append 3
	begin one
	echo "$(cat one.vkey) $(cat one.url)" >one.asked
	owner cosign --witness "$SCRATCH/one.asked" >given &
	asked=$!
	sleep "0.0$i"
	end one KILL
	wait $asked
	state=$(cat one/.kiln/keys/witness/*.checkpoint)
	# What was handed out was remembered before.
	if grep -q "cosigned by 1" given; then
		case "$state" in *"$(sed -n 2,3p "$log/checkpoint")"*) whole=$((whole + 1)) ;; esac
	else
		whole=$((whole + 1))
	fi
	i=$((i + 1))
done
assert_eq "8 killed witnesses remembered what they gave" 8 $whole
begin one
url=$(cat one.url)
echo "$(cat one.vkey) $url" >one.asked
assert_contains "and the next goes on" "cosigned by 1 witness" "$(owner cosign --witness "$SCRATCH/one.asked")"

cp bundle.json first.json
"$KILN_BUILD/tests/unit-trust" --write-judges "$SCRATCH" >out 2>&1
cmp -s bundle.json first.json && fail "another statement for the fork"
mkdir fork
append "$(sed -n 2p "$log/checkpoint")" --log "$SCRATCH/fork"
owner cosign --log "$SCRATCH/fork" --witness "$SCRATCH/one.asked" >out
assert_eq "a fork of one size gets nothing: exit 3" 3 $?
assert_contains "a fork of one size: in words" "cosigned another root of" "$(cat err)"
assert_eq "it is kept as the log signed it" "$(cat fork/checkpoint)" "$(cat one/.kiln/keys/witness/*.forked)"
append 2 --log "$SCRATCH/fork"
owner cosign --log "$SCRATCH/fork" --witness "$SCRATCH/one.asked" >out
assert_contains "a fork that is larger: in words" "cosigned another history" "$(cat err)"
assert_lacks "its checkpoint has no cosignature" "one.example.net" "$(cat fork/checkpoint)"

# ---- our client and witnesses that misbehave
bad=
misbehave() { # misbehave HOW [FILE]
	[ -z "$bad" ] || kill $bad
	: >bad.url
	python3 "$here/witnesses.py" serve "$@" >bad.url 2>bad.err &
	bad=$!
	started="$started $!"
	wait_for bad.url
	echo "$(cat one.vkey) $(cat bad.url)" >bad.asked
}
append 1
cp "$log/checkpoint" before
while IFS='|' read -r how reason; do
	misbehave "$how" "$SCRATCH/${how}.body"
	owner cosign --witness "$SCRATCH/bad.asked" --timeout 2s >out
	assert_eq "a witness that answers $how: exit 3" 3 $?
	assert_contains "a witness that answers $how: the reason" "$reason" "$(cat err)"
	assert_eq "a witness that answers $how: the checkpoint is as it was" "$(cat before)" "$(cat "$log/checkpoint")"
done <<'L'
400|it answered 400: no
403|give it what `kiln tlog key` prints
404|it does not know 'log.my.invalid'
422|it cosigned another history of 'log.my.invalid'
429|it answered 429: no
500|it answered 500: no
503|it answered 503: no
hang|timed out
drip|timed out
huge|the answer is longer than 65536 bytes
garbage|it answered no cosignature
empty|it answered no cosignature
cut|transfer closed
elsewhere|it answered 302
restless|0 of 1 witnesses cosigned
behind|it cosigned another root of 0 entries
ahead|it cosigned 1000000 entries of 'log.my.invalid'
nowhere|it answered 409 without its size
escape|it answered 500: ?]0;owned? sorry
L
owner cosign --witness "$SCRATCH/one.asked" >out
cp "$log/checkpoint" before
misbehave lines "$SCRATCH/lines.body"
sed -n 's/^— one/— one/p' before >lines.body
append 1
cp "$log/checkpoint" before
for n in "a cosignature of an older checkpoint|is wrong" "the line of a stranger|none of the named witnesses"; do
	owner cosign --witness "$SCRATCH/bad.asked" >out
	assert_eq "${n%|*}: exit 3" 3 $?
	assert_contains "${n%|*}: the reason" "${n#*|}" "$(cat err)"
	sed -i 's/one.example.net/two.example.net/' lines.body
done
kill $bad
owner cosign --witness "$SCRATCH/bad.asked" >out
assert_eq "a witness that is not there: exit 3" 3 $?
assert_contains "a witness that is not there: the reason" "Failed to connect" "$(cat err)"
assert_eq "and still nothing was put on the checkpoint" "$(cat before)" "$(cat "$log/checkpoint")"
echo "$(cat one.vkey) gopher://x" >bad.asked
owner cosign --witness "$SCRATCH/bad.asked" >out
assert_contains "an address that is none" "behind the key of one.example.net stands no URL" "$(cat err)"

# ---- a quorum
begin two
echo "$(cat two.vkey) $(cat two.url)" >>one.asked
echo "$(cat three.vkey) http://127.0.0.1:1" >>one.asked
sed "1s,.*,$(cat one.vkey) $url," one.asked >all.asked
assert_contains "2 of 3, one of them dead" "cosigned by 2 witnesses" "$(owner cosign --quorum 2 --witness "$SCRATCH/all.asked")"
append 1
owner cosign --quorum 3 --witness "$SCRATCH/all.asked" >out
assert_eq "3 of 3 with one dead: exit 3" 3 $?
assert_contains "says who is missing, and why" "2 of 3 witnesses cosigned the log log.my.invalid, and 3 must; three.example.net: " "$(cat err)"
assert_eq "what was cosigned is kept" 3 "$(grep -c '^— ' "$log/checkpoint")"
stop_all
finish
