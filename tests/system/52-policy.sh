#!/bin/sh
# A policy: each demand is met once and broken once, and the refusal names the piece. What a builder's key
# signs is taken at its word by the policy only as far as the policy lets it; statements are signed here by
# openssl. KILN_TOP: another built workspace than this one; KILN: another program than its build/kiln.
set -u
. "$(dirname "$0")/../cli/lib.sh"
here=$(cd "$(dirname "$0")/../.." && pwd)
top=${KILN_TOP:-$here}
kiln=${KILN:-$top/build/kiln}
cd "$top" || exit 2
keys=${KILN_KEYS:-$top/.kiln/keys}
verify() { timeout 120 "$kiln" verify "$@"; }
sign() { python3 "$here/tests/system/sign.py" "$@"; }
ok "there is something to judge" verify out/repo out/images/busybox

policy() { # policy LINES...: $scratch/p.yaml
	{
		echo "format: 1"
		for line; do echo "$line"; done
	} >"$scratch/p.yaml"
}
fresh() {
	rm -rf "$scratch/t"
	mkdir -p "$scratch/t"
	cp -a out/repo "$scratch/t/repo"
	chmod -R u+w "$scratch/t"
}
judge() { verify --no-state --key "$keys" --policy "$scratch/p.yaml" "$@"; }
judge_open() { policy "walls: [seccomp]" && judge "$@"; }
repo=$scratch/t/repo
pkg() { ls "$repo/packages/${1:-zlib}"-[0-9]*.rpm; }
bundle() { echo "$(pkg "${1:-zlib}").sigstore.json"; }
again() { # again SCRIPT: signs zlib's statement again, changed
	fresh
	sign "$keys/builder.key" again "$(bundle)" "$1" >"$scratch/b" && cp "$scratch/b" "$(bundle)"
	rm -f "$(pkg).intoto.jsonl" "$(pkg).tlog-proof"
}
fresh

# --- reading it ---
ok "the policy of the workspace is said in words" "$kiln" policy check policy.yaml
says "with what it leaves open" "rebuilds: nobody else"
ok "as JSON too" "$kiln" --json policy check policy.yaml
says "as lists" '"demands":['
policy "wals: [seccomp]"
refused "an unknown key" 1 "p.yaml:2:1: unknown key 'wals' (did you mean 'walls'?)" "$kiln" policy check "$scratch/p.yaml"
refused "by verify as well" 1 "unknown key 'wals'" judge "$repo"
policy "walls: [seccomp]" "walls: [network]"
refused "a key given twice" 1 "p.yaml:3" "$kiln" policy check "$scratch/p.yaml"
refused "one that is not there" 1 "nothing.yaml" "$kiln" policy check "$scratch/nothing.yaml"

# --- builders ---
id=https://kiln.invalid/builder/workspace
print=$("$kiln" key list | sed -n "s/^builder .*\(SHA256:[^ ]*\).*/\1/p" | head -n 1)
image=$("$kiln" key list | sed -n "s/^image .*\(SHA256:[^ ]*\).*/\1/p" | head -n 1)
policy "builders:" "  - {key: \"$print\", id: \"$id\", from: 2020-01-01, until: 2100-01-01}" "  - {key: \"$image\"}"
ok "the builder that is named" judge "$repo" out/images/busybox
policy "builders:" "  - {key: \"$print\"}"
refused "an image key that is not" 3 "is not among the builders" judge out/images/busybox
policy "builders:" "  - {id: https://example.org/other}"
refused "another name" 3 "its builder calls itself '$id', not 'https://example.org/other'" judge "$(pkg)"
policy "builders:" "  - {key: \"SHA256:nobody\"}"
refused "another key" 3 "is not among the builders" judge "$repo"
policy "builders:" "  - {key: \"$print\", until: 2020-01-01}"
refused "a key that no longer counts" 3 "counts only until 2020-01-01T00:00:00Z" judge "$(pkg)"
policy "builders:" "  - {key: \"$print\", from: 2100-01-01}"
refused "a key that does not count yet" 3 "counts only from 2100-01-01T00:00:00Z" judge "$(pkg)"

# --- walls ---
policy "walls: [seccomp, network, namespaces]"
ok "walls that stood" judge "$repo" out/images/busybox
policy "walls: [seccomp, moat]"
refused "a wall that did not" 3 "the wall 'moat' did not stand when it was built" judge "$(pkg)"
refused "nor for an image's packages" 3 "the wall 'moat'" judge out/images/busybox
policy "walls: [seccomp]"
again 's["predicate"]["buildDefinition"]["internalParameters"]["chamber"]["walls"] = [w for w in s["predicate"]["buildDefinition"]["internalParameters"]["chamber"]["walls"] if w["name"] != "seccomp"]'
refused "a statement that lacks one" 3 "the wall 'seccomp' did not stand" judge "$(pkg)"
fresh

# --- seeds, sources, licences, age ---
policy "seeds: [{lock: $top/bootstrap/seed.lock}, \"kiln:seed/\"]" 'sources: ["debian:pool/", "debian-security:pool/", "kiln:"]'
ok "the seed and sources that are listed" judge "$repo" out/images/busybox
policy "seeds: [\"kiln:seed/\"]"
refused "a seed that is not" 3 "the seed " judge "$(pkg)"
policy 'sources: ["kiln:"]'
refused "a source that is not" 3 "the source " judge "$(pkg)"
refused "nor in the whole repository" 3 "is not allowed" judge "$repo"
policy 'seeds: []'
refused "no seed at all" 3 "the seed " judge out/images/busybox
policy "licences: [Apache-2.0, BSD-2-Clause, GPL-2.0-only, LicenseRef-Public-Domain, MIT, MPL-2.0, Zlib]"
ok "licences that are allowed" judge "$repo" out/images/busybox
policy "licences: [MIT]"
refused "one that is not" 3 "the licence 'Zlib' is not allowed" judge "$(pkg)"
refused "nor in an image" 3 "sbom.cdx.json: baselayout: the licence 'Apache-2.0' is not allowed" judge out/images/busybox
mkdir -p "$scratch/t/images" && cp -a out/images/busybox out/images/busybox.attest "$scratch/t/images/"
find "$scratch/t/images/busybox.attest" -maxdepth 1 \( -name 'sbom.*' -o -name '*.cdx.json' -o -name '*.spdx.json' \) -delete
ok "an image without a bill, where none is demanded" judge_open "$scratch/t/images/busybox"
policy "licences: [MIT, GPL-2.0-only]"
refused "whose licences nobody can tell" 3 "no sbom that names the licences" judge "$scratch/t/images/busybox"
policy "sbom: required"
ok "bills of packages and image" judge "$repo" out/images/busybox
refused "an image without its bill" 3 "the image has no sbom, as $scratch/p.yaml demands" judge "$scratch/t/images/busybox"
policy "max_age: 10000w"
ok "young enough" judge "$repo" "$(pkg)" out/images/busybox
policy "max_age: 1s"
refused "a repository that is too old" 3 "are allowed" judge "$repo"
policy "sbom: required"
rm -f "$(pkg)".sbom.*
refused "a bill that nobody signed" 3 "has an SBOM that nobody signed" judge "$(pkg)"
rm -f "$(pkg)".cdx.json "$(pkg)".spdx.json
refused "no bill of materials" 3 "no sbom, as $scratch/p.yaml demands" judge "$(pkg)"
fresh

# --- log ---
policy "log: {}"
ok "what is logged" judge "$repo" "$(pkg)"
policy "log: {origin: log.example.org}"
refused "in another log" 3 "and $scratch/p.yaml demands 'log.example.org'" judge "$(pkg)"
policy "log: {key: \"$("$kiln" tlog key)\"}"
ok "by the key that is named" judge "$repo"
policy "log: {}"
again 's = s'
refused "a statement that is not logged" 3 "it is not logged, as" judge "$(pkg)"
policy "walls: [seccomp]"
ok "is no matter where no log is demanded" judge "$(pkg)"
fresh

# --- rebuilders ---
for who in alice bob eve; do
	mkdir -p "$scratch/$who"
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$scratch/$who/rebuilder.key" 2>/dev/null
	openssl pkey -in "$scratch/$who/rebuilder.key" -pubout -out "$scratch/$who.pub"
done
speak() { # speak WHO VERDICT FILE-WORD [RPM]
	sign "$scratch/$1/rebuilder.key" rebuild "${4:-$(pkg)}" "$2" >"$(pkg).rebuild.$3.sigstore.json"
}
two="rebuilds: {threshold: 2, rebuilders: [{name: alice, key: alice.pub}, {name: bob, key: bob.pub}]}"
policy "$two"
refused "rebuilt by nobody" 3 "by 0 of the rebuilders (nobody), and $scratch/p.yaml demands 2" judge "$(pkg)"
speak alice PASSED alice
refused "rebuilt by one of two" 3 "by 1 of the rebuilders (alice)" judge "$(pkg)"
speak alice PASSED alice-again
refused "twice by one key" 3 "by 1 of the rebuilders (alice)" judge "$(pkg)"
speak eve PASSED eve
refused "and by one whom nobody asked" 3 "by 1 of the rebuilders (alice)" judge "$(pkg)"
speak bob PASSED bob
ok "rebuilt by both" judge "$(pkg)"
speak bob FAILED bob
refused "one BAD outweighs" 3 "BAD: rebuilder 'bob' did not get these bytes" judge "$(pkg)"
speak bob WARNED bob
refused "a warning is no GOOD" 3 "by 1 of the rebuilders (alice)" judge "$(pkg)"
speak bob PASSED bob "$(pkg busybox)"
refused "a verdict about another package" 3 "speaks of other bytes than zlib" judge "$(pkg)"
speak eve FAILED bob
ok "what nobody asked for does not hinder either" verify --no-state --key "$keys" "$(pkg)"
policy "rebuilds: {threshold: 1, rebuilders: [{name: alice, key: alice.pub}]}"
refused "every package of a repository counts" 3 "by 0 of the rebuilders" judge "$repo"
policy "rebuilds: {threshold: 2, rebuilders: [{name: alice, key: alice.pub}, {name: bob, key: alice.pub}]}"
refused "one key under two names" 1 "rebuilder 'bob' has the key of 'alice': one key counts once" judge "$(pkg)"
policy "rebuilds: {threshold: 1, rebuilders: [{name: me, key: $keys/builder.pub}]}"
fresh
sign "$keys/builder.key" rebuild "$(pkg)" PASSED >"$(pkg).rebuild.me.sigstore.json"
refused "the builder himself" 3 "by 0 of the rebuilders" judge "$(pkg)"

# --- statements that a builder's key signed, and that are wrong nevertheless ---
policy "walls: [seccomp]"
again 's = s'
ok "a statement signed again" judge "$(pkg)"
again 's["subject"] = [{"name": x["name"], "digest": {"sha256": "11" * 32}} for x in s["subject"]]'
refused "a subject by name only" 3 "speaks of other bytes" judge "$(pkg)"
again 's["subject"] = [{"name": x["name"]} for x in s["subject"]]'
refused "a subject without digest" 3 "a sha256 digest of 64 lower-case hex digits is missing" judge "$(pkg)"
again 's["extra"] = 1'
refused "an unknown field" 3 "unknown field 'extra'" judge "$(pkg)"
again 'p = json.dumps(s)[:-1] + ", \"_type\": \"https://in-toto.io/Statement/v1\"}"'
refused "a key given twice" 3 "sigstore.json" judge "$(pkg)"
again 's["predicateType"] = "https://slsa.dev/provenance/v0.2"'
refused "another kind of statement" 3 "predicate type is" judge "$(pkg)"
fresh
cp "$(bundle busybox)" "$(bundle)"
refused "a swapped bundle" 3 "speaks of other bytes" judge "$(pkg)"

# --- where it came from ---
fresh
ok "where every byte came from" verify --no-state --key "$keys" --explain "$(pkg)"
says "its source" "debian:pool/main/z/zlib/"
says "its seed" "packages of the seed, taken as they are"
says "generation by generation" "generation 2"
says "the weakest link" "weakest link: "
ok "as JSON" "$kiln" --json verify --no-state --key "$keys" --explain "$(pkg)"
says "with the digests" '"generation":1'
done_testing
