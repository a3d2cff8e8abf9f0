#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Four Kilns on one store at once, with sets of recipes that overlap, while a fifth collects: each action is
# built once, whoever comes to it, and all four end with the same packages. And what leaves the store is
# hashed: a flipped bit in any kind of blob is found where it would leave. Works in a copy of a store that
# holds the seed.
set -u
. "$(dirname "$0")/../cli/lib.sh"
. "$(dirname "$0")/rounds.sh"
chain note-a ''
chain note-b note-a
chain note-c note-b
chain note-d note-a
chain note-e note-d
chain note-f 'note-c, note-e'
RECIPES='note-a note-b note-c note-d note-e note-f'
settle

for i in 1 2 3 4; do
	rm -rf "ws-$i"
	cp -a ws "ws-$i"
done
"$kiln" -C ws-1 build -j 2 note-f >log1 2>&1 &
one=$!
"$kiln" -C ws-2 build -j 2 note-c note-d >log2 2>&1 &
two=$!
"$kiln" -C ws-3 build -j 2 note-e note-b >log3 2>&1 &
three=$!
"$kiln" -C ws-4 build -j 2 >log4 2>&1 &
four=$!
k store gc >log5 2>&1 || fail "gc beside four builds" "$(cat log5)"
for p in $one $two $three $four; do
	wait $p || fail "one of four" "$(tail -n 5 log[1-4])"
done
same "four Kilns started one chamber for each action" \
	"$(sed -n 's/^\[.*\] build  *\(note-.\).*/\1/p' log[1-4] | sort | tr '\n' ' ')" "$RECIPES "
outcome >got
same "and came to the same packages" "$(cat got)" "$(cat wanted)"
ok "in a sound store" k store check

flipped() { # flipped WORDS DIGEST COMMAND...: refused while one bit of that blob is another
	words=$1
	blob=store/blobs/$(echo "$2" | cut -c1-2)/$2
	hex=$2
	shift 2
	cp -p "$blob" whole
	chmod u+w "$blob"
	first=$(od -An -tu1 -N1 "$blob" | tr -d ' ')
	printf "\\$(printf %o $((first ^ 1)))" | dd of="$blob" conv=notrunc 2>/dev/null
	"$@" >out 2>err
	rc=$?
	# What no good signature stands under is no result: it is left out, and that is said.
	if [ $rc = 0 ] && grep -q "[^0-9]0 results$" out && grep -q "1 recipe not built" out err; then
		pass "$words"
	elif [ $rc = 0 ]; then
		fail "$words" "accepted: $* $(cat out err)"
	else
		assert_contains "$words" "$hex" "$(cat err out)"
	fi
	cp -pf whole "$blob"
}
field() { sed -n "s/.*\"$1\":\"\([0-9a-f]*\)\".*/\1/p" "store/refs/action/$(sed 's/.*"key":"\([0-9a-f]*\)".*/\1/' store/refs/last/note-a)" | head -n 1; }
for kind in file bundle statement record; do
	rm -rf tree
	flipped "an export of a changed $kind" "$(field $kind)" k store export "$scratch/tree" note-a
	same "no result with it leaves" "$(find tree -path "tree/ac/*" -o -name "$(field $kind)" 2>/dev/null | grep -v unfinished)" ""
done
flipped "publishing a changed package" "$(field file)" k publish
cat >ws/images/catalog/notes.yaml <<'I'
format: 1
name: notes
summary: Nothing but a note
packages: [note-a]
I
ok "an image of the sound package" k image notes
rm -rf ws/out/images
flipped "an image of a changed package" "$(field file)" k image notes
same "leaves no image" "$(ls ws/out/images 2>/dev/null)" ""

# A server that takes whatever it is sent, as the shared cache.
mkdir -p sent
cat >serve.py <<'P'
import http.server, os, sys
class Taker(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, code):
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def do_GET(self): self.answer(404)
    do_HEAD = do_GET
    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open("sent/" + self.path[1:].replace("/", "-"), "wb") as f: f.write(body)
        self.answer(200)
    def log_message(self, *_): pass
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taker)
open("port.new", "w").write(str(s.server_address[1]))
os.rename("port.new", "port")
s.serve_forever()
P
python3 serve.py &
server=$!
trap 'kill $server 2>/dev/null; chmod -R u+rwX "$SCRATCH" 2>/dev/null; rm -rf "$SCRATCH"' EXIT
for i in 1 2 3 4 5 6 7 8 9 10; do [ -f port ] || sleep 1; done
KILN_CACHE=http://127.0.0.1:$(cat port)
KILN_CACHE_WRITE=1
export KILN_CACHE KILN_CACHE_WRITE
for kind in file bundle statement record log; do
	rm -f sent/*
	flipped "sending a changed $kind" "$(field $kind)" k store push note-a
	same "neither the changed $kind nor an entry arrives" "$(ls sent | grep -e "^ac-" -e "$(field $kind)")" ""
done
ok "and the sound result" k store push note-a
same "does" "$(test -f "sent/cas-$(field file)" && echo yes)" yes
unset KILN_CACHE KILN_CACHE_WRITE
same "objects cannot be written by mistake" "$(find store/blobs -type f -perm /222 | wc -l)" 0
finish
