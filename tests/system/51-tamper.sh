#!/bin/sh
# Tampering: whatever is changed, `kiln verify` refuses with exit 3 and names what failed, soon, and
# no key found inside the tree helps the attacker. The attacker owns all of out/ and none of the keys;
# what he could do with one of them is in tests/unit/repo/test_pkgverify_attack.c.
# KILN_TOP: another built workspace than this one; KILN: another program than its build/kiln.
set -u
. "$(dirname "$0")/../cli/lib.sh"
here=$(cd "$(dirname "$0")/../.." && pwd)
top=${KILN_TOP:-$here}
kiln=${KILN:-$top/build/kiln}
cd "$top" || exit 2
verify() { timeout 120 "$kiln" verify --no-state "$@"; } # what was seen before: 53-rollback.sh
ok "there is something to tamper with" verify out/repo out/images/busybox

fresh() { # fresh: $scratch/t/repo and $scratch/t/images are untouched copies
	rm -rf "$scratch/t"
	mkdir -p "$scratch/t/images"
	cp -a out/repo "$scratch/t/repo"
	cp -a out/images/busybox out/images/busybox.attest "$scratch/t/images/"
	chmod -R u+w "$scratch/t"
}
flip() { # flip FILE OFFSET: changes one byte
	python3 - "$1" "$2" <<'P'
import sys
path, at = sys.argv[1], int(sys.argv[2])
data = bytearray(open(path, "rb").read())
data[at] ^= 1
open(path, "wb").write(data)
P
}
middle() { echo $(($(stat -c %s "$1") / 2)); }
repo=$scratch/t/repo
image=$scratch/t/images/busybox
attest=$image.attest
pkg() { ls "$repo/packages/${1:-zlib}"-[0-9]*.rpm; }
bundle() { echo "$(pkg "${1:-zlib}").sigstore.json"; }

# --- a byte, a file ---
fresh
ok "an untouched copy verifies" verify "$repo" "$image" "$(pkg)"
flip "$(pkg)" "$(middle "$(pkg)")"
refused "a byte of a package's payload" 3 "zlib-" verify "$(pkg)"
refused "the same, by the repository" 3 "zlib-" verify "$repo"
fresh
flip "$(pkg)" 3000
refused "a byte of a package's header" 3 "zlib-" verify "$(pkg)"
fresh
flip "$(bundle)" "$(middle "$(bundle)")"
refused "a byte of a bundle" 3 "sigstore.json" verify "$(pkg)"
fresh
rm "$(bundle)"
refused "a bundle that is gone" 3 "sigstore.json" verify "$(pkg)"
fresh
cp "$(pkg)" "$repo/packages/evil-1-1.x86_64.rpm"
refused "a package that the metadata does not list" 3 "evil-1-1" verify "$repo"
fresh
rm "$(pkg)"
refused "a package that is gone" 3 "zlib-" verify "$repo"
fresh
flip "$repo/repodata/repomd.xml" 100
refused "a byte of repomd.xml" 3 "repomd.xml" verify "$repo"
for kind in primary filelists other; do
	fresh
	file=$(ls "$repo"/repodata/*-$kind.xml.gz)
	flip "$file" "$(middle "$file")"
	refused "a byte of the $kind metadata" 3 "$kind" verify "$repo"
done
fresh
rm "$repo/repodata/repomd.xml.asc"
refused "metadata without a signature" 3 "repomd.xml.asc" verify "$repo"
fresh
flip "$repo/inventory.json" "$(middle "$repo/inventory.json")"
refused "a byte of the inventory" 3 "inventory" verify "$(pkg)"
fresh
printf '{"format":1,"inputs":[]}' >"$repo/inventory.json"
refused "an emptied inventory" 3 "inventory.json.sigstore.json: speaks of other bytes" verify "$repo"
fresh
for blob in "$image"/blobs/sha256/*; do
	fresh
	flip "$blob" "$(middle "$blob")"
	refused "a byte of blob ${blob##*/}" 3 "$(basename "$blob" | cut -c1-12)" verify "$image"
done
fresh
flip "$attest/provenance.sigstore.json" "$(middle "$attest/provenance.sigstore.json")"
refused "a byte of the image's provenance" 3 "provenance" verify "$image"
fresh
rm "$(ls "$attest"/packages/busybox-*.sigstore.json)"
refused "a package's bundle missing from the image's proof" 3 "busybox" verify "$image"
fresh
rm "$(ls "$attest"/packages/linux-headers-*.sigstore.json)"
refused "the bundle of what a package was built with, missing" 3 "its input linux-headers" verify "$image"
fresh
rm -rf "$attest"
refused "an image without its proof" 3 "attest" verify "$image"

# --- true proof in the wrong place ---
fresh
cp "$(bundle musl)" "$(bundle)"
refused "another package's bundle" 3 "zlib-" verify "$(pkg)"
fresh
cp "$attest"/packages/busybox-*.sigstore.json "$(bundle busybox)"
refused "the statement of the build beside the signed file" 3 "speaks of other bytes" verify "$(pkg busybox)"
fresh
cp "$repo/inventory.json.sigstore.json" "$(bundle)"
refused "the inventory's bundle as provenance" 3 "zlib-" verify "$(pkg)"
refused "the same, among the inputs of another" 3 "predicate type is" verify "$(pkg file)"
fresh
cp "$(bundle)" "$repo/inventory.json.sigstore.json"
refused "provenance as the inventory's bundle" 3 "inventory.json.sigstore.json: predicate type is" verify "$repo"
fresh
cp "$repo/inventory.json" "$attest/"
refused "the repository's inventory with the image's proof" 3 "speaks of other bytes" verify "$image"
fresh
name=$(pkg) musl=$(pkg musl)
cp "$musl" "$name"
cp "$musl.sigstore.json" "$name.sigstore.json"
refused "a package with its bundle under another's name" 3 "says it is musl-" verify "$name"
refused "the same, by the repository" 3 "is not the file that the metadata lists" verify "$repo"
fresh
cp "$attest/provenance.sigstore.json" "$(bundle)"
refused "an image's provenance beside a package" 3 "not a builder key" verify "$(pkg)"
fresh
cp "$(bundle)" "$attest/provenance.sigstore.json"
refused "a package's provenance beside an image" 3 "not a image key" verify "$image"
fresh
mv "$image" "$scratch/t/images/other"
mv "$attest" "$scratch/t/images/other.attest"
refused "an image under another's name" 3 "this is the image 'busybox', not 'other'" verify "$scratch/t/images/other"
fresh
cp -a "$repo/repodata" "$repo/packages" "$repo/keys" "$repo"/inventory.json* "$repo/kiln.repo" "$image/"
refused "an image in a directory that is also a repository" 3 "does not belong to a repository" verify "$image"

# --- something added ---
fresh
for extra in evil.rpm .hidden index.html logs; do
	echo x >"$repo/$extra"
	refused "$extra beside the repository's own" 3 "$extra does not belong to a repository" verify "$repo"
	rm "$repo/$extra"
done
cp "$repo/keys/packages.asc" "$repo/keys/more.asc"
refused "one more key" 3 "keys/more.asc does not belong" verify "$repo"
rm "$repo/keys/more.asc"
cat "$repo/keys/metadata.asc" >>"$repo/keys/packages.asc"
refused "a second key behind the first" 3 "keys/packages.asc" verify "$repo"
fresh
sed -i 's/^gpgcheck=1/gpgcheck=0/' "$repo/kiln.repo"
refused "a kiln.repo that switches checks off" 3 "kiln.repo:" verify "$repo"
fresh
sed -i 's,^baseurl=.*,baseurl=https://evil.invalid/,' "$repo/kiln.repo"
refused "a kiln.repo that leads elsewhere" 3 "kiln.repo:" verify "$repo"
fresh
cp "$attest"/packages/busybox-*.sigstore.json "$repo/packages/old-1-1.x86_64.rpm.sigstore.json"
refused "true proof under a name of its own" 3 "not of what its name says" verify "$repo"
fresh
cp "$(bundle busybox)" "$(ls "$attest"/packages/musl-gcc-*.sigstore.json)"
refused "true proof under another's name" 3 "not of what its name says" verify "$image"
fresh
echo '{}' >"$attest/notes.json"
refused "a file in the image's proof" 3 "notes.json does not belong to the proof" verify "$image"
fresh
echo '{}' >"$attest/sbom.cdx.json"
refused "another bill in the image's proof" 3 "the CycloneDX document is not the one that was signed" verify "$image"
fresh
echo x >"$image/blobs/sha256/$(printf x | sha256sum | cut -d' ' -f1)"
refused "a blob nothing refers to" 3 "nothing refers to it" verify "$image"

# --- the one file that nobody signed ---
index() { # index PYTHON: edits index.json as d, or replaces the text t
	fresh
	python3 - "$image/index.json" "$1" <<'P'
import json, sys
t = open(sys.argv[1]).read()
d = json.loads(t)
m = d["manifests"]
exec(sys.argv[2])
open(sys.argv[1], "wb").write(t if isinstance(t, bytes) else (t if d is None else json.dumps(d)).encode())
P
}
index 'm.append(dict(m[0]))'
refused "an index with two images" 3 "does not list exactly one image" verify "$image"
index 'm[0]["platform"] = {"os": "linux", "architecture": "arm64"}'
refused "an index with a platform" 3 "key 'platform' does not belong there" verify "$image"
index 'm[0]["urls"] = ["https://evil.invalid/"]'
refused "an index with an address" 3 "key 'urls' does not belong there" verify "$image"
index 'm[0]["annotations"]["org.opencontainers.image.ref.name"] = "other"'
refused "an index with another tag" 3 "index.json" verify "$image"
index 'd["Manifests"] = [{}]'
refused "an index with a key in another case" 3 "key 'Manifests' does not belong there" verify "$image"
index 't = t.replace("\"manifests\"", "\"manifests\":[],\"manifests\"", 1); d = None'
refused "an index with a key given twice" 3 "index.json" verify "$image"
index 't = t.replace("latest", "l\udcfftest").encode("utf-8", "surrogateescape")'
refused "an index that is not UTF-8" 3 "index.json" verify "$image"
index 't = "[" * 100000; d = None'
refused "an index of brackets" 3 "nested too deeply" verify "$image"
index 'm[0]["size"] += 1'
refused "an index with another size" 3 "were promised" verify "$image"
index 'm[0]["digest"] = "sha256:../../../../etc/passwd"'
refused "an index that names a path" 3 "a digest is not of the form" verify "$image"

# --- what is no plain file; what is too large ---
for what in repodata/repomd.xml inventory.json kiln.repo keys/builder.pub "packages/$(basename "$(pkg)")" "packages/$(basename "$(bundle)")"; do
	fresh
	mv "$repo/$what" "$scratch/t/away"
	mkfifo "$repo/$what"
	refused "a FIFO for $what" 3 "is not a regular file" verify "$repo"
	rm "$repo/$what"
	mkdir "$repo/$what"
	refused "a directory for $what" 3 "is not a regular file" verify "$repo"
	rmdir "$repo/$what"
	ln -s "$scratch/t/away" "$repo/$what"
	refused "a link for $what" 3 "symbolic link" verify "$repo"
	rm "$repo/$what"
	truncate -s 1T "$repo/$what"
	refused "a terabyte for $what" 3 "$repo" verify "$repo"
done
for what in oci-layout index.json blobs/sha256/$(ls "$image/blobs/sha256" | head -n 1); do
	fresh
	mv "$image/$what" "$scratch/t/away"
	mkfifo "$image/$what"
	refused "a FIFO for $what" 3 "is not a regular file" verify "$image"
	rm "$image/$what"
	ln -s "$scratch/t/away" "$image/$what"
	refused "a link for $what" 3 "symbolic link" verify "$image"
	rm "$image/$what"
	truncate -s 1T "$image/$what"
	refused "a terabyte for $what" 3 "bytes" verify "$image"
done
for dir in packages repodata keys; do
	fresh
	mv "$repo/$dir" "$scratch/t/away"
	ln -s "$scratch/t/away" "$repo/$dir"
	refused "a link for $dir/" 3 "$dir" verify "$repo"
done
fresh
python3 - "$(bundle)" <<'P'
import sys
open(sys.argv[1], "w").write("[" + "0," * 7000000 + "0]")
P
refused "a bundle of millions of values" 3 "it holds too many values" verify "$(pkg)"
fresh
: >"$(bundle)"
refused "an empty bundle" 3 "sigstore.json" verify "$(pkg)"
fresh
: >"$(pkg)"
refused "an empty package" 3 "zlib-" verify "$(pkg)"

# --- names that speak to the terminal ---
fresh
touch "$repo/packages/$(printf 'x\033[2J\nverified: all')"
refused "a name with control characters" 3 "is not listed in the metadata" verify "$repo"
same "it reaches no terminal" "$(cat "$scratch/out" "$scratch/err" | tr -dc '\033\001' | wc -c)" 0
same "it begins no line" "$(cat "$scratch/out" "$scratch/err" | grep -c '^verified')" 0
rm "$repo"/packages/x*
touch "$repo/packages/$(printf 'x\377')"
verify --json "$repo" >"$scratch/json" 2>/dev/null
same "and JSON stays JSON" "$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1], encoding="utf-8"))[0]["verified"])' "$scratch/json")" False

# --- an attacker with keys of his own signs everything again and puts his keys into the tree ---
out=$(make --no-print-directory -s -C "$here" MODE="$(basename "$KILN_BUILD")" rpmtool repotool 2>&1) || fail "make rpmtool repotool" "$out"
mkdir "$scratch/his"
for file in out/repo/packages/*.rpm; do
	"$KILN_BUILD/tests/rpmtool" strip "$file" "$scratch/his/$(basename "$file")" || fail "strip $file"
done
publish() { (cd "$scratch" && "$KILN_BUILD/tests/repotool" publish his-keys his-store his-out/repo his/*.rpm); }
ok "the attacker publishes with his keys" publish
his=$scratch/his-out/repo
hers=${KILN_KEYS:-$top/.kiln/keys}
print=$(sed -n 's/.*metadata key //p' "$his/kiln.repo")
refused "all keys swapped" 3 "signed by the unknown key $print" env KILN_KEYS="$hers" "$kiln" verify "$his"
refused "one package of his" 3 "signed by the unknown key SHA256:" env KILN_KEYS="$hers" "$kiln" verify "$(ls "$his"/packages/zlib-[0-9]*.rpm)"
ok "his tree verifies by his keys only" verify --key "$scratch/his-keys" "$his"
fresh
for key in builder.pub packages.asc metadata.asc; do
	cp "$his/keys/$key" "$repo/keys/"
	refused "his $key in a good tree" 3 "keys/$key offers clients the" env KILN_KEYS="$hers" "$kiln" verify "$repo"
	cp "out/repo/keys/$key" "$repo/keys/"
done
cp "$his/keys/metadata.asc" "$repo/repodata/repomd.xml.key"
refused "his key where zypper looks" 3 "repomd.xml.key is not" env KILN_KEYS="$hers" "$kiln" verify "$repo"
fresh
cp -a "$his/repodata/." "$repo/repodata/"
refused "his metadata in a good tree" 3 "signed by the unknown key $print" env KILN_KEYS="$hers" "$kiln" verify "$repo"
fresh
cp "$his"/packages/* "$repo/packages/"
refused "his packages under good metadata" 3 "is not the file that the metadata lists" env KILN_KEYS="$hers" "$kiln" verify "$repo"
for role in builder.pub packages.asc metadata.asc; do # a good key for a part is not a good key for all
	mkdir "$scratch/some"
	cp "$hers/builder.pub" "$hers/packages.asc" "$hers/metadata.asc" "$scratch/some/"
	cp "$scratch/his-keys/$role" "$scratch/some/"
	refused "his $role among trusted ones" 3 "key" verify --key "$scratch/some" out/repo
	rm -r "$scratch/some"
done

# --- whose keys ---
mkdir "$scratch/nokeys"
refused "no trusted key at all shows what was seen" 3 "signed by the unknown key" env -u KILN_KEYS HOME="$scratch" XDG_CONFIG_HOME="$scratch" "$kiln" -C "$scratch/nokeys" verify "$repo"
refused "so does a place of keys that is not there" 3 "signed by the unknown key" env KILN_KEYS="$scratch/nothing-here" "$kiln" verify "$repo"
refused "keys beside the artefact are not looked for" 3 "signed by the unknown key" env -u KILN_KEYS HOME="$scratch" XDG_CONFIG_HOME="$scratch" "$kiln" -C "$his" verify .
mkdir -p "$scratch/outer/out/.kiln"
cp kiln.yaml "$scratch/outer/"
cp kiln.yaml "$scratch/outer/out/"
cp -a "$his" "$scratch/outer/out/repo"
cp -a "$scratch/his-keys" "$scratch/outer/out/.kiln/keys"
refused "nor in a workspace of his inside ours" 3 "whose keys to trust is not clear" env -u KILN_KEYS "$kiln" -C "$scratch/outer/out" verify repo
done_testing
