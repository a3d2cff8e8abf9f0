#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every bill of materials in out/ is shown to the libraries of the CycloneDX and the SPDX project (pinned), which
# have never heard of Kiln; a damaged copy of each kind they refuse, and `kiln verify` refuses one that lies.
# KILN_TOP: another built workspace than this one.
. "$(dirname "$0")/lib.sh"
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
top=${KILN_TOP:-$source}
kiln=$KILN_BUILD/kiln
if [ ! -f "$top/out/images/busybox/index.json" ] || [ ! -d "$top/out/repo/packages" ]; then
	skip image "bills of materials in $top/out, which make quickstart leaves"
	finish
fi
cd "$top" || exit 2

# --- what stands there is whole: a bill of either kind for every package and image
for p in out/repo/packages/*.rpm; do
	[ -s "$p.cdx.json" ] && [ -s "$p.spdx.json" ] && [ -s "$p.sbom.sigstore.json" ]
	assert_eq "${p##*/} has its bills" 0 $?
done
for p in out/images/*.attest; do
	[ -s "$p/sbom.cdx.json" ] && [ -s "$p/sbom.spdx.json" ] && [ -s "$p/sbom.sigstore.json" ]
	assert_eq "${p##*/} has its bills" 0 $?
done

# change FILE WHAT: python that changes d, into $SCRATCH/changed.json
change() {
	python3 - "$1" "$2" "$SCRATCH/changed.json" <<'P'
import json, sys
d = json.load(open(sys.argv[1]))
exec(sys.argv[2])
json.dump(d, open(sys.argv[3], "w"))
P
}

cyclonedx() { node "$source/build/cyclonedx-judge/judge.mjs" "$@" 2>&1; }
spdx() { python3 "$source/build/spdx-judge/judge.py" "$@" 2>&1; }
judged() { # judged KIND FILE...: all of them are accepted by KIND
	judge=$1
	shift
	assert_eq "$judge accepts all $# documents" "$(printf 'accepted %s\n' "$@")" "$("$judge" "$@")"
}
rejects() { # rejects KIND FILE; then lines WORDS|WHAT|REASON
	while IFS='|' read -r words what reason; do
		change "$2" "$what"
		said=$("$1" "$SCRATCH/changed.json")
		assert_contains "$1 refuses ${2##*/}: $words" "refused " "$said"
		assert_contains "and says why: $words" "$reason" "$said"
	done
}

package=$(ls out/repo/packages/zlib-[0-9]*.rpm)
image=out/images/busybox
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
	skip npm "the verdict of the CycloneDX project's library"
elif ! "$here/judge.sh" cyclonedx "$source/build/cyclonedx-judge" 2>"$SCRATCH/err"; then
	skip npm "the verdict of the CycloneDX project's library: $(tail -n 1 "$SCRATCH/err")"
else
	judged cyclonedx out/repo/packages/*.cdx.json out/images/*.attest/sbom.cdx.json
	for f in "$package.cdx.json" "$image.attest/sbom.cdx.json"; do
		rejects cyclonedx "$f" <<'L'
another serial number|d["serialNumber"] = "7"|/serialNumber must match pattern
no format|del d["bomFormat"]|must have required property 'bomFormat'
a hash that is none|d["components"][-1]["hashes"] = [{"alg": "SHA-256", "content": "xyz"}]|/hashes/0/content must match pattern
an unknown algorithm|d["components"][-1]["hashes"] = [{"alg": "SHA-7", "content": "00"}]|/hashes/0/alg must be equal to one of the allowed values
a word more|d["colour"] = "red"|must NOT have additional properties
a component of no type|del d["components"][0]["type"]|/components/0 must have required property 'type'
the same component twice|d["components"].append(d["components"][0])|must NOT have duplicate items
L
	done
fi

if ! python3 -m pip --version >/dev/null 2>&1; then
	skip pip "the verdict of the SPDX project's library"
elif ! "$here/judge.sh" spdx "$source/build/spdx-judge" 2>"$SCRATCH/err"; then
	skip pip "the verdict of the SPDX project's library: $(tail -n 1 "$SCRATCH/err")"
else
	judged spdx out/repo/packages/*.spdx.json out/images/*.attest/sbom.spdx.json
	for f in "$package.spdx.json" "$image.attest/sbom.spdx.json"; do
		rejects spdx "$f" <<'L'
a reference to nothing|d["relationships"][0]["relatedSpdxElement"] = "SPDXRef-nobody"|did not find the referenced spdx_id "SPDXRef-nobody"
another version|d["spdxVersion"] = "SPDX-9.9"|spdx_version
a checksum that is none|d["packages"][0]["checksums"][0]["checksumValue"] = "xyz"|must consist of 64 lowercase hexadecimal digits, but is: xyz
an unknown algorithm|d["packages"][0]["checksums"][0]["algorithm"] = "SHA7"|Invalid ChecksumAlgorithm: SHA7
a namespace that is no address|d["documentNamespace"] = "here"|document_namespace must be a valid URI
a creator of no kind|d["creationInfo"]["creators"] = ["nobody"]|Actor nobody
another data licence|d["dataLicense"] = "MIT"|data_license must be "CC0-1.0"
the same identifier twice|d["packages"][1]["SPDXID"] = d["packages"][0]["SPDXID"]|every spdx_id must be unique
L
	done
fi

# --- what is well formed and untrue: kiln verify
fresh() { # fresh: untouched copies of the repository and the image
	rm -rf "$SCRATCH/t"
	mkdir -p "$SCRATCH/t/images"
	cp -a out/repo "$SCRATCH/t/repo"
	cp -a $image $image.attest "$SCRATCH/t/images/"
	chmod -R u+w "$SCRATCH/t"
}
verify() { "$kiln" verify --no-state "$1" >"$SCRATCH/out" 2>"$SCRATCH/err"; }
refused() { # refused WORDS REASON PATH: and all is well again after it
	verify "$3"
	assert_eq "kiln verify refuses: $1: exit 3" 3 $?
	assert_contains "and says why: $1" "$2" "$(cat "$SCRATCH/err")"
	fresh
}
copy=$SCRATCH/t/repo/packages/${package##*/}
layout=$SCRATCH/t/images/busybox
fresh
verify "$copy"
assert_eq "an untouched package verifies" 0 $?
verify "$layout"
assert_eq "an untouched image verifies" 0 $?
forge() { # forge FILE WHAT: changes the document in place
	change "$1" "$2"
	mv "$SCRATCH/changed.json" "$1"
}
one_less='d["components"].pop()'
digest='[h.update(content="0" * 64) for c in d["components"] for h in c.get("hashes", []) if h["alg"] == "SHA-256"]'
checksum='d["packages"][0]["checksums"][0]["checksumValue"] = "0" * 64'
for what in "$copy" "$layout"; do
	case $what in
	*.rpm) stem=$copy. kind=package bundle=$copy.sbom.sigstore.json unsigned="has an SBOM that nobody signed" ;;
	*) stem=$layout.attest/sbom. kind=image bundle=$layout.attest/sbom.sigstore.json unsigned="sbom.sigstore.json: No such file" ;;
	esac
	forge "${stem}cdx.json" "$one_less"
	refused "a component taken out of the $kind's CycloneDX" "the CycloneDX document is not the one that was signed" "$what"
	forge "${stem}cdx.json" "$digest"
	refused "other digests in the $kind's CycloneDX" "the CycloneDX document is not the one that was signed" "$what"
	forge "${stem}spdx.json" "$checksum"
	refused "another checksum in the $kind's SPDX" "the SPDX document is not the one that was signed" "$what"
	rm "${stem}cdx.json"
	refused "the $kind's CycloneDX is gone" "cdx.json" "$what"
	rm "$bundle"
	refused "the $kind's bills are there and nobody signed them" "$unsigned" "$what"
done
finish
