#!/bin/sh
# Tampering: whatever is changed, `kiln verify` refuses with exit 3 and names what failed, and no key
# found inside the tree helps the attacker.
set -u
. "$(dirname "$0")/../cli/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=$top/build/kiln
cd "$top" || exit 2
ok "there is something to tamper with" "$kiln" verify out/repo out/images/busybox

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
pkg() { ls "$repo"/packages/zlib-[0-9]*.rpm; }

fresh
ok "an untouched copy verifies" "$kiln" verify "$repo" "$image" "$(pkg)"
flip "$(pkg)" "$(middle "$(pkg)")"
refused "a byte of a package's payload" 3 "zlib-" "$kiln" verify "$(pkg)"
refused "the same, by the repository" 3 "zlib-" "$kiln" verify "$repo"
fresh
flip "$(pkg)" 3000
refused "a byte of a package's header" 3 "zlib-" "$kiln" verify "$(pkg)"
fresh
flip "$(pkg).sigstore.json" "$(middle "$(pkg).sigstore.json")"
refused "a byte of a bundle" 3 "sigstore.json" "$kiln" verify "$(pkg)"
fresh
rm "$(pkg).sigstore.json"
refused "a bundle that is gone" 3 "sigstore.json" "$kiln" verify "$(pkg)"
fresh
cp "$(ls "$repo"/packages/musl-[0-9]*.rpm.sigstore.json)" "$(pkg).sigstore.json"
refused "another package's bundle" 3 "zlib-" "$kiln" verify "$(pkg)"
fresh
cp "$(pkg)" "$repo/packages/evil-1-1.x86_64.rpm"
refused "a package that the metadata does not list" 3 "evil-1-1" "$kiln" verify "$repo"
fresh
rm "$(pkg)"
refused "a package that is gone" 3 "zlib-" "$kiln" verify "$repo"
fresh
flip "$repo/repodata/repomd.xml" 100
refused "a byte of repomd.xml" 3 "repomd.xml" "$kiln" verify "$repo"
fresh
primary=$(ls "$repo"/repodata/*-primary.xml.gz)
flip "$primary" "$(middle "$primary")"
refused "a byte of the primary metadata" 3 "primary" "$kiln" verify "$repo"
fresh
rm "$repo/repodata/repomd.xml.asc"
refused "metadata without a signature" 3 "repomd.xml.asc" "$kiln" verify "$repo"
fresh
flip "$repo/inventory.json" "$(middle "$repo/inventory.json")"
refused "a byte of the inventory" 3 "inventory" "$kiln" verify "$(pkg)"
fresh
for blob in "$image"/blobs/sha256/*; do
	fresh
	flip "$blob" "$(middle "$blob")"
	refused "a byte of blob ${blob##*/}" 3 "$(basename "$blob" | cut -c1-12)" "$kiln" verify "$image"
done
fresh
flip "$image.attest/provenance.sigstore.json" "$(middle "$image.attest/provenance.sigstore.json")"
refused "a byte of the image's provenance" 3 "provenance" "$kiln" verify "$image"
fresh
rm "$(ls "$image".attest/packages/busybox-*.sigstore.json)"
refused "a package's bundle missing from the image's proof" 3 "busybox" "$kiln" verify "$image"
fresh
rm -rf "$image.attest"
refused "an image without its proof" 3 "attest" "$kiln" verify "$image"

# An attacker with keys of his own re-signs everything and puts his keys into the tree.
fresh
mkdir -p "$scratch/attacker"
cp -a kiln.yaml recipes bootstrap images "$scratch/attacker/" 2>/dev/null
store=${KILN_STORE:-$top/.kiln/store}
ok "the attacker publishes with his keys" env KILN_STORE="$store" KILN_KEYS="$scratch/attacker-keys" "$kiln" -C "$scratch/attacker" publish
rm -rf "$repo"
cp -a "$scratch/attacker/out/repo" "$repo"
refused "keys swapped inside the tree" 3 "not trusted" env KILN_KEYS="${KILN_KEYS:-$top/.kiln/keys}" "$kiln" verify "$repo"
ok "his tree verifies by his keys only" "$kiln" verify --key "$scratch/attacker-keys" "$repo"
mkdir -p "$scratch/nokeys"
refused "no trusted key at all shows what was seen" 3 "fingerprint" env HOME="$scratch" XDG_CONFIG_HOME="$scratch" KILN_KEYS="$scratch/nothing-here" "$kiln" -C "$scratch/nokeys" verify "$repo"
done_testing
