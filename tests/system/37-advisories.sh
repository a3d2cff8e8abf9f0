#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Advisories against what is built, published and in an image: what a record means, what a patch or a reviewer settles,
# the OpenVEX document that is written and signed, and what of all this is refused when it is not as it should be.
. "$(dirname "$0")/lib.sh"
export LC_ALL=C
source=$(cd "$(dirname "$0")/../.." && pwd)
top=${KILN_TOP:-$source}
kiln=$KILN_BUILD/kiln
if [ ! -f "$top/out/images/busybox/index.json" ] || [ ! -d "$top/out/repo/packages" ]; then
	skip image "a published repository and image in $top/out, which make quickstart leaves"
	finish
fi
cd "$top" || exit 2
work=$SCRATCH/work
mkdir -p "$work/osv/Debian" || exit 2

# record FILE ID EVENTS [MORE]: one of Debian's about zlib
record() {
	cat >"$work/osv/$1" <<J
{"id": "$2", "modified": "2026-01-01T00:00:00Z", "details": "zlib: a test", "severity": [{"type": "CVSS_V3", "score": "x"}],
 "database_specific": {"score": 9.8}, ${4:-} "affected": [
 {"package": {"ecosystem": "Debian:11", "name": "zlib"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]},
 {"package": {"ecosystem": "Debian:12", "name": "zlib"}, "ranges": [{"type": "ECOSYSTEM", "events": [$3]}]}]}
J
}
record Debian/a.json DEBIAN-CVE-2026-0001 '{"introduced": "0"}, {"fixed": "1:1.3-1"}' '"upstream": ["CVE-2026-0001"],'
record Debian/b.json DEBIAN-CVE-2026-0002 '{"introduced": "0"}, {"fixed": "1:1.2.11-1"}' '"upstream": ["CVE-2026-0002"],'
record Debian/c.json DEBIAN-CVE-2026-0003 '{"introduced": "0"}' '"upstream": ["CVE-2026-0003"], "withdrawn": "2026-02-01T00:00:00Z",'
cat >"$work/osv/busybox.json" <<'J'
{"id": "CVE-2026-0004", "modified": "2026-01-01T00:00:00Z", "affected": [{"database_specific": {"cpe": "cpe:2.3:a:busybox:busybox:*:*:*:*:*:*:*:*"},
 "ranges": [{"type": "GIT", "repo": "https://git.busybox.net/busybox", "events": [{"introduced": "0"}],
 "database_specific": {"extracted_events": [{"introduced": "0"}, {"last_affected": "1.35.0"}]}}]}]}
J

# ask WORDS CODE OPERAND...: into $said, the ids and states, one a line
ask() {
	words=$1
	code=$2
	shift 2
	"$kiln" audit --json --release Debian:12 --advisories "$work/osv" "$@" >"$SCRATCH/json" 2>"$SCRATCH/err"
	assert_eq "$words: exit code" "$code" $?
	said=$(python3 - "$SCRATCH/json" <<'P'
import json, sys
d = json.load(open(sys.argv[1]))
for f in d["findings"]:
    print(f["recipe"], f["id"], f["status"])
P
	)
}

ask "a repository" 3 out/repo
assert_eq "zlib and what was split from it, and busybox, are meant; no other" "busybox CVE-2026-0004 affected
zlib CVE-2026-0001 affected
zlib CVE-2026-0001 affected
zlib CVE-2026-0001 affected" "$said"
assert_contains "and how many are withdrawn" '"withdrawn":1' "$(cat "$SCRATCH/json")"
ask "an image" 3 out/images/busybox
assert_eq "the image holds busybox" "busybox CVE-2026-0004 affected" "$said"
ask "another image" 0 out/images/static
assert_eq "the other holds none" "" "$said"
said=$("$kiln" audit --advisories "$work/osv" --release Debian:11 out/repo/packages/zlib-1*.rpm 2>&1)
assert_contains "of another release's record nothing is fixed" "CVE-2026-0002" "$said"
assert_contains "in words" "affected            CVE-2026-0001" "$said"

# --- one file: an array, and lines
python3 - "$work" <<'P'
import glob, json, sys
all = [json.load(open(f)) for f in sorted(glob.glob(sys.argv[1] + "/osv/**/*.json", recursive=True))]
json.dump(all, open(sys.argv[1] + "/array.json", "w"))
open(sys.argv[1] + "/lines.jsonl", "w").write("".join(json.dumps(d) + "\n" for d in all))
P
for f in array.json lines.jsonl; do
	"$kiln" audit --json --release Debian:12 --advisories "$work/$f" out/repo >"$SCRATCH/one" 2>/dev/null
	"$kiln" audit --json --release Debian:12 --advisories "$work/osv" out/repo >"$SCRATCH/many" 2>/dev/null
	assert_eq "$f says what the directory says" "$(cat "$SCRATCH/many")" "$(cat "$SCRATCH/one")"
done

# --- reviewed words: written, signed, believed; not believed otherwise
vex=$work/vex.json
audit() { "$kiln" audit --release Debian:12 --advisories "$work/osv" "$@" 2>&1; }
audit --vex-out "$vex" --sign out/repo >/dev/null
assert_eq "the document is there, with its bundle" 0 "$([ -s "$vex" ] && [ -s "$vex.sigstore.json" ]; echo $?)"
cp "$vex" "$work/first.json"
audit --vex-out "$vex" --sign out/repo >/dev/null
assert_eq "the same findings are the same bytes" 0 "$(cmp -s "$vex" "$work/first.json"; echo $?)"
audit --vex-out "$work/dated.json" --date 2026-03-04 out/repo >/dev/null
assert_contains "its time is the one that is given" '"timestamp":"2026-03-04T00:00:00Z"' "$(cat "$work/dated.json")"
said=$(python3 - "$vex" <<'P'
import json, re, sys
d = json.load(open(sys.argv[1]))
assert d["@context"] == "https://openvex.dev/ns/v0.2.0" and d["version"] == 1 and d["author"] and d["timestamp"]
assert re.fullmatch(r"https://\S+/vex/[0-9a-f]{64}", d["@id"])
for s in d["statements"]:
    assert s["status"] == "affected" and s["action_statement"] and s["vulnerability"]["name"]
    for p in s["products"]:
        assert p["@id"].startswith("pkg:rpm/kiln/") and re.fullmatch("[0-9a-f]{64}", p["hashes"]["sha-256"])
print(len(d["statements"]))
P
)
assert_eq "and has what OpenVEX demands" 2 "$said"

# A reviewer's word, signed as the distribution signs: by the builder key, over DSSE.
cat >"$SCRATCH/review.py" <<'P'
import base64, json, subprocess, sys
vex, key = sys.argv[1:3]
d = json.load(open(vex))
for s in d["statements"]:
    s.pop("action_statement", None)
    s["status"] = "not_affected"
    s["justification"] = "vulnerable_code_not_present"
text = json.dumps(d, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
open(vex, "w").write(text)
b = json.load(open(vex + ".sigstore.json"))
e = b["dsseEnvelope"]
p = json.loads(base64.b64decode(e["payload"]))
p["predicate"] = d
payload = json.dumps(p, separators=(",", ":"), sort_keys=True).encode()
t = e["payloadType"].encode()
pae = b"DSSEv1 %d %s %d %s" % (len(t), t, len(payload), payload)
sig = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=pae, stdout=subprocess.PIPE, check=True).stdout
e["payload"] = base64.b64encode(payload).decode()
e["signatures"][0]["sig"] = base64.b64encode(sig).decode()
json.dump(b, open(vex + ".sigstore.json", "w"))
P
cp "$vex" "$work/plain.json"
cp "$vex.sigstore.json" "$work/plain.json.sigstore.json"
if ! python3 "$SCRATCH/review.py" "$vex" .kiln/keys/builder.key 2>"$SCRATCH/err"; then
	fail "a reviewer signs" "$(cat "$SCRATCH/err")"
fi
ask "with the reviewer's word" 0 --vex "$vex" out/repo
assert_eq "nothing is affected any more" "busybox CVE-2026-0004 not_affected
zlib CVE-2026-0001 not_affected
zlib CVE-2026-0001 not_affected
zlib CVE-2026-0001 not_affected" "$said"

refused() { # refused WORDS REASON FILE
	said=$(audit --vex "$3" out/repo)
	assert_eq "$1 is refused" 3 $?
	assert_contains "and why: $1" "$2" "$said"
}
cp "$vex" "$work/bare.json"
said=$(audit --vex "$work/bare.json" out/repo)
assert_eq "a document without signature does not count" 1 $?
assert_contains "and why" "counts only with the signature of a trusted key" "$said"
cp "$work/plain.json.sigstore.json" "$work/swapped.json.sigstore.json"
cp "$vex" "$work/swapped.json"
refused "a document with the bundle of another" "is not the document that" "$work/swapped.json"
openssl ecparam -name prime256v1 -genkey -noout -out "$work/other.key" 2>/dev/null
cp "$work/plain.json" "$work/stranger.json"
cp "$work/plain.json.sigstore.json" "$work/stranger.json.sigstore.json"
python3 "$SCRATCH/review.py" "$work/stranger.json" "$work/other.key"
refused "a stranger's signature" "does not verify" "$work/stranger.json"
cp "$work/plain.json" "$work/kind.json"
cp out/repo/packages/zlib-1*.rpm.sigstore.json "$work/kind.json.sigstore.json"
refused "a statement of another kind" "predicate type is" "$work/kind.json"

# --- a recipe's own words, and a patch that settles it (a copy of the recipes is enough: nothing is built)
mkdir -p "$work/ws" && cp -r kiln.yaml recipes bootstrap images "$work/ws/"
affected() { KILN_STORE="$top/.kiln/store" KILN_KEYS="$top/.kiln/keys" "$kiln" -C "$work/ws" affected --advisories "$work/osv" --release Debian:12 "$@" 2>&1; }
said=$(affected CVE-2026-0001)
assert_contains "affected names the recipe" "recipe  zlib                     affected: pkg:deb/debian/zlib 1.2.13.dfsg is before 1:1.3-1" "$said"
assert_contains "the package of the seed" "seed    zlib1g                   affected" "$said"
assert_contains "what was built with it" "recipe  file                     built with zlib" "$said"
assert_contains "the alias leads there too" "recipe  zlib" "$(affected DEBIAN-CVE-2026-0001)"
assert_contains "what was withdrawn is said to be" "withdrawn: 1 advisory record" "$(affected CVE-2026-0003)"
said=$(affected CVE-2026-9999)
assert_eq "an advisory that the feed has not is no answer" 1 $?
assert_contains "and says so" "no record of 4 is about CVE-2026-9999" "$said"
said=$(affected CVE-2026-0002)
assert_contains "one that means older versions means nothing" "no recipe and no package of the seed is meant" "$said"
cat >>"$work/ws/recipes/zlib/recipe.yaml" <<'Y'
vex:
  - {id: CVE-2026-0001, status: not_affected, justification: vulnerable_code_not_present, note: a test}
Y
said=$(affected CVE-2026-0001)
assert_contains "the recipe's word holds" "recipe  zlib                     not_affected: reviewed: vulnerable_code_not_present" "$said"
sed -i 's/, justification: vulnerable_code_not_present//' "$work/ws/recipes/zlib/recipe.yaml"
said=$(affected CVE-2026-0001)
assert_contains "not without a reason" "missing key 'justification', which not_affected needs" "$said"
cp recipes/zlib/recipe.yaml "$work/ws/recipes/zlib/recipe.yaml"
: >"$work/ws/recipes/zlib/fix.patch"
cat >>"$work/ws/recipes/zlib/recipe.yaml" <<'Y'
patches: [{file: fix.patch, resolves: [CVE-2026-0001]}]
Y
said=$(affected CVE-2026-0001)
assert_contains "a patch settles it" "recipe  zlib                     fixed: a patch of the recipe resolves it" "$said"
cat >>"$work/ws/kiln.yaml" <<Y
advisories: {from: ../osv, releases: ["Debian:12"]}
Y
said=$(KILN_STORE="$top/.kiln/store" KILN_KEYS="$top/.kiln/keys" "$kiln" -C "$work/ws" affected CVE-2026-0002 2>&1)
assert_contains "kiln.yaml remembers the feed" "no recipe and no package of the seed is meant" "$said"

# --- feeds that are none
bad() { # bad WORDS REASON TEXT
	printf '%s' "$3" >"$work/bad.json"
	said=$("$kiln" audit --advisories "$work/bad.json" out/images/static 2>&1)
	assert_eq "$1 is an error" 1 $?
	assert_contains "and why: $1" "$2" "$said"
}
bad "half a record" "ends in the middle of an advisory" '{"id": "CVE-2026-1"'
bad "a record without id" "no advisory: no 'id'" '{"modified": "x"}'
bad "a key twice" "bad.json:1:" '{"id": "CVE-2026-1", "id": "CVE-2026-2"}'
bad "an id that would draw on the terminal" "the id of an advisory is not one" '{"id": "CVE-\u001b[2J"}'
bad "an HTML page" "stands where an advisory should begin" '<html></html>'
bad "deep nesting" "nested too deeply" "{\"id\": \"CVE-2026-1\", \"x\": $(printf '%0100d' 0 | tr 0 '[')$(printf '%0100d' 0 | tr 0 ']')}"
mkdir -p "$work/empty"
said=$("$kiln" audit --advisories "$work/empty" out/images/static 2>&1)
assert_contains "a directory without records is an error" "no file of it ends in .json" "$said"
cp -r out/repo "$work/repo"
cp "$work/repo/packages"/busybox-1*.rpm.sigstore.json "$(ls "$work/repo/packages"/zlib-1*.rpm).sigstore.json"
said=$("$kiln" audit --advisories "$work/osv" --key .kiln/keys "$work/repo" 2>&1)
assert_eq "another package's statement is refused" 3 $?
assert_contains "and why" "it speaks of 'busybox-" "$said"
finish
