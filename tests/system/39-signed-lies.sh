#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Bills of materials that lie with a good signature: the builder's own key vouches for a document that leaves out, adds or
# changes something. `kiln verify` compares it with the package and its provenance and says where it lies.
. "$(dirname "$0")/lib.sh"
export LC_ALL=C
source=$(cd "$(dirname "$0")/../.." && pwd)
top=${KILN_TOP:-$source}
kiln=$KILN_BUILD/kiln
if [ ! -f "$top/out/images/busybox/index.json" ] || [ ! -d "$top/out/repo/packages" ]; then
	skip image "bills of materials in $top/out, which make quickstart leaves"
	finish
fi
cd "$top" || exit 2

# lie BUNDLE DOCUMENT KEY WHAT: changes the document d, or the statement s, and signs it as the bundle's signer would.
# The entry in the log and the timestamp, which are of another signature, are taken off.
cat >"$SCRATCH/lie.py" <<'P'
import base64, json, subprocess, sys
bundle, document, key, what = sys.argv[1:5]
b = json.load(open(bundle))
e = b["dsseEnvelope"]
s = json.loads(base64.b64decode(e["payload"]))
d = s["predicate"]
exec(what)
line = lambda x: json.dumps(x, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
open(document, "wb").write(line(d))
payload, t = line(s), e["payloadType"].encode()
pae = b"DSSEv1 %d %s %d %s" % (len(t), t, len(payload), payload)
sig = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=pae, stdout=subprocess.PIPE, check=True).stdout
e["payload"] = base64.b64encode(payload).decode()
e["signatures"][0]["sig"] = base64.b64encode(sig).decode()
for extra in ("tlogEntries", "timestampVerificationData"):
    b["verificationMaterial"].pop(extra, None)
json.dump(b, open(bundle, "w"))
P
fresh() {
	rm -rf "$SCRATCH/t"
	mkdir -p "$SCRATCH/t/images"
	cp -a out/repo "$SCRATCH/t/repo"
	cp -a out/images/busybox out/images/busybox.attest "$SCRATCH/t/images/"
	chmod -R u+w "$SCRATCH/t"
}
verify() { "$kiln" verify --no-state "$1" >"$SCRATCH/out" 2>"$SCRATCH/err"; }
package=$SCRATCH/t/repo/packages/$(basename out/repo/packages/zlib-1*.rpm)
image=$SCRATCH/t/images/busybox
lies() { # lies BUNDLE DOCUMENT KEY PATH; then lines WORDS|WHAT|REASON
	fresh
	python3 "$SCRATCH/lie.py" "$1" "$2" "$3" "pass" || fail "signing"
	verify "$4"
	assert_eq "signed anew and true: ${4##*/} verifies" 0 $?
	while IFS='|' read -r words what reason; do
		fresh
		python3 "$SCRATCH/lie.py" "$1" "$2" "$3" "$what" || fail "signing: $words"
		verify "$4"
		assert_eq "kiln verify refuses: $words: exit 3" 3 $?
		assert_contains "and says why: $words" "$reason" "$(cat "$SCRATCH/err")"
	done
}

lies "$package.sbom.sigstore.json" "$package.cdx.json" .kiln/keys/builder.key "$package" <<'L'
a file left out|f = [c for c in d["components"] if c["name"].startswith("/")][0]; d["components"].remove(f)|is not what the package says: the files end before /usr/
a file too many|d["components"].append({"type": "file", "name": "/zzz", "hashes": [{"alg": "SHA-256", "content": "0" * 64}, {"alg": "SHA-1", "content": "0" * 40}]})|is not what the package says: the files end before /zzz
another digest of a file|[h.update(content="0" * 64) for c in d["components"] if c["name"].startswith("/") for h in c["hashes"] if h["alg"] == "SHA-256"]|is not what the package says: file /usr/
another package|d["metadata"]["component"]["purl"] = "pkg:rpm/kiln/other@1-1?arch=x86_64&distro=kiln-1"|it is of pkg:rpm/kiln/other@1-1
another version in its name|d["metadata"]["component"]["purl"] = d["metadata"]["component"]["purl"].replace("1.2.13", "1.2.14")|it is of pkg:rpm/kiln/zlib@1.2.14
another digest of the package|d["metadata"]["component"]["hashes"][0]["content"] = "0" * 64|is not what the package says: package zlib
another licence|d["metadata"]["component"]["licenses"] = [{"license": {"id": "MIT"}}]|is not what the package says: package zlib
another name of a source|[c.update(name="other") for c in d["formulation"][0]["components"] if "zlib_1" in c["name"]]|is not what the package says: source zlib_1
another digest of a source|[h.update(content="0" * 64) for c in d["formulation"][0]["components"] if "zlib_1" in c["name"] for h in c["hashes"]]|is not what the package says: source zlib_1
a statement about other bytes|[x["digest"].update(sha256="1" * 64) for x in s["subject"]]|speaks of other bytes
a document in the place of another kind|s["predicateType"] = "https://in-toto.io/attestation/svr/v0.2"|predicate type is
L

lies "$image.attest/sbom.sigstore.json" "$image.attest/sbom.cdx.json" .kiln/keys/image.key "$image" <<'L'
a package's digest in an image|[h.update(content="0" * 64) for c in d["components"] if c["name"] == "busybox" for h in c.get("hashes", [])]|does not list busybox
a package too many in an image|d["components"].append({"type": "library", "name": "other", "bom-ref": "o", "licenses": [{"license": {"id": "MIT"}}], "hashes": [{"alg": "SHA-256", "content": "0" * 64}]})|lists packages that are not in the image
a licence of a package in an image|[c.update(licenses=[{"license": {"id": "AGPL-3.0-only"}}]) for c in d["components"] if c["name"] == "busybox"]|AGPL-3.0-only
L

# What the builder's key may say, another key may not: the image's bill by the builder.
fresh
python3 "$SCRATCH/lie.py" "$image.attest/sbom.sigstore.json" "$image.attest/sbom.cdx.json" .kiln/keys/builder.key pass
verify "$image"
assert_eq "a bill by a key of another role is refused" 3 $?
assert_contains "and why" "does not verify" "$(cat "$SCRATCH/err")"
finish
