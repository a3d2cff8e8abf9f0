#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `kiln verify --vsa`: the verdict as a statement that has the form SLSA demands, signed by the rebuilder key, and the
# same for a refusal. openssl and sigstore's verifier check the signature; both refuse a changed one.
. "$(dirname "$0")/lib.sh"
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
top=${KILN_TOP:-$source}
kiln=$KILN_BUILD/kiln
if [ ! -f "$top/out/images/busybox/index.json" ] || [ ! -d "$top/out/repo/packages" ]; then
	skip image "a published repository and image in $top/out, which make quickstart leaves"
	finish
fi
cd "$top" || exit 2
vsa=$SCRATCH/vsa.json

# The form, by slsa.dev/spec/v1.2/verification_summary: prints subject digest, resource, result and levels.
cat >"$SCRATCH/form.py" <<'P'
import base64, json, re, sys
line = json.loads(open(sys.argv[1] + ".intoto.jsonl").read())
assert set(line) == {"payload", "payloadType", "signatures"} and line["payloadType"] == "application/vnd.in-toto+json"
bundle = json.load(open(sys.argv[1]))["dsseEnvelope"]
assert bundle == line, "the bare envelope is another"
s = json.loads(base64.b64decode(line["payload"], validate=True))
assert set(s) == {"_type", "subject", "predicateType", "predicate"} and s["_type"] == "https://in-toto.io/Statement/v1"
assert s["predicateType"] == "https://slsa.dev/verification_summary/v1" and len(s["subject"]) == 1
p = s["predicate"]
assert set(p) <= {"verifier", "timeVerified", "resourceUri", "policy", "inputAttestations", "verificationResult",
                  "verifiedLevels", "dependencyLevels", "slsaVersion"}, set(p)
assert p["verifier"]["id"].startswith("https://")
assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", p["timeVerified"])
assert re.fullmatch("[0-9a-f]{64}", p["policy"]["digest"]["sha256"]) and ":" in p["policy"]["uri"]
assert p["verificationResult"] in ("PASSED", "FAILED") and p["slsaVersion"] == "1.2"
for level in p["verifiedLevels"]:
    assert level == "FAILED" or re.fullmatch(r"SLSA_BUILD_LEVEL_[0-3]", level), level
print(s["subject"][0]["digest"]["sha256"], p["resourceUri"], p["verificationResult"], *p["verifiedLevels"])
P
vouch() { "$kiln" verify --no-state --vsa "$vsa" "$@" >"$SCRATCH/out" 2>"$SCRATCH/err"; }
form() { python3 "$SCRATCH/form.py" "$vsa" 2>&1; }
sum() { sha256sum "$1" | cut -c1-64; }

package=$(ls out/repo/packages/zlib-1*.rpm)
vouch "$package"
assert_eq "a package verifies" 0 $?
assert_eq "the verdict on a package" "$(sum "$package") pkg:rpm/kiln/zlib@1.2.13-1?arch=x86_64&distro=kiln-1 PASSED SLSA_BUILD_LEVEL_3" "$(form)"

# the signature, by openssl over DSSE's own encoding
cat >"$SCRATCH/pae.py" <<'P'
import base64, json, sys
e = json.load(open(sys.argv[1]))["dsseEnvelope"]
p, t = base64.b64decode(e["payload"]), e["payloadType"].encode()
open(sys.argv[2], "wb").write(b"DSSEv1 %d %s %d %s" % (len(t), t, len(p), p))
open(sys.argv[3], "wb").write(base64.b64decode(e["signatures"][0]["sig"]))
P
python3 "$SCRATCH/pae.py" "$vsa" "$SCRATCH/pae" "$SCRATCH/sig"
by() { openssl dgst -sha256 -verify ".kiln/keys/$1.pub" -signature "$SCRATCH/sig" "$SCRATCH/pae" 2>&1; }
assert_contains "openssl: the rebuilder key signed it" "Verified OK" "$(by rebuilder)"
assert_contains "and the builder key did not" "failure" "$(by builder | tr V v)"
sed -i s/PASSED/FAILED/ "$SCRATCH/pae"
assert_contains "nor anybody another verdict" "failure" "$(by rebuilder | tr V v)"

judge=$source/build/sigstore-judge
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
	skip npm "the verdict of sigstore's verifier"
elif ! "$here/judge.sh" sigstore "$judge" 2>"$SCRATCH/err"; then
	skip npm "the verdict of sigstore's verifier: $(tail -n 1 "$SCRATCH/err")"
else
	cat >"$judge/vsa.js" <<'J'
// A bundle by its key alone: a verdict is in no log, and its time is the verifier's own.
const fs = require('fs');
const { bundleFromJSON } = require('@sigstore/bundle');
const { TrustedRoot } = require('@sigstore/protobuf-specs');
const { Verifier, toSignedEntity, toTrustMaterial } = require('@sigstore/verify');
const [root, pub, file] = process.argv.slice(2);
const bundle = JSON.parse(fs.readFileSync(file, 'utf8'));
const rawBytes = Buffer.from(fs.readFileSync(pub, 'utf8').replace(/-----[^-]*-----|\s/g, ''), 'base64');
const hint = bundle.verificationMaterial.publicKey.hint;
const keys = { [hint]: { rawBytes, keyDetails: 5, validFor: { start: new Date(0) } } };
const none = { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0, tsaThreshold: 0 };
try {
	const material = toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(fs.readFileSync(root, 'utf8'))), keys);
	new Verifier(material, none).verify(toSignedEntity(bundleFromJSON(bundle)));
	console.log('accepted');
} catch (e) { console.log('refused ' + e.code + ': ' + e.message); }
J
	sigstore() { node "$judge/vsa.js" out/repo/keys/trusted_root.json ".kiln/keys/$1.pub" "$2" 2>&1; }
	assert_eq "sigstore accepts the verdict" accepted "$(sigstore rebuilder "$vsa")"
	assert_contains "not by another key" "refused " "$(sigstore builder "$vsa")"
	python3 - "$vsa" "$SCRATCH/changed.json" <<'P'
import base64, json, sys
b = json.load(open(sys.argv[1]))
p = base64.b64decode(b["dsseEnvelope"]["payload"]).replace(b"LEVEL_3", b"LEVEL_2")
b["dsseEnvelope"]["payload"] = base64.b64encode(p).decode()
json.dump(b, open(sys.argv[2], "w"))
P
	assert_contains "not another level" "refused " "$(sigstore rebuilder "$SCRATCH/changed.json")"
fi

vouch out/repo
assert_contains "a repository is vouched for by its metadata" "$(sum out/repo/repodata/repomd.xml) pkg:generic/kiln@" "$(form)"
vouch out/images/busybox
manifest=$(sed 's/.*"digest":"sha256:\([0-9a-f]*\)".*/\1/' out/images/busybox/index.json)
assert_eq "an image by its manifest" "$manifest pkg:oci/busybox@sha256%3A$manifest PASSED SLSA_BUILD_LEVEL_3" "$(form)"

# A policy that makes sure of less gives a lower level.
printf 'format: 1\nbuilders: [{id: "https://kiln.invalid/builder/workspace"}]\n' >"$SCRATCH/named.yaml"
printf 'format: 1\n' >"$SCRATCH/open.yaml"
vouch --key .kiln/keys --policy "$SCRATCH/named.yaml" "$package"
assert_contains "builders named, walls not: level 2" "PASSED SLSA_BUILD_LEVEL_2" "$(form)"
vouch --key .kiln/keys --policy "$SCRATCH/open.yaml" "$package"
assert_contains "nobody named: level 1" "PASSED SLSA_BUILD_LEVEL_1" "$(form)"

# --- a refusal is a verdict, too
printf 'format: 1\nlicences: [MIT]\n' >"$SCRATCH/strict.yaml"
vouch --key .kiln/keys --policy "$SCRATCH/strict.yaml" "$package"
assert_eq "what the policy does not allow is refused" 3 $?
assert_eq "and the verdict says so, without a level" "$(sum "$package") pkg:rpm/kiln/zlib@1.2.13-1?arch=x86_64&distro=kiln-1 FAILED FAILED" "$(form)"
cp "$package" "$SCRATCH/zlib.rpm"
rm -f "$vsa" "$vsa.intoto.jsonl"
vouch "$package" "$package"
assert_eq "about two artefacts there is no verdict" 2 $?
assert_contains "and why" "--vsa is about one artefact, not 2" "$(cat "$SCRATCH/err")"
vouch "$SCRATCH/nothing"
assert_eq "nor about what is not there" 3 $?
assert_eq "and nothing is written" 1 "$([ -e "$vsa" ]; echo $?)"
finish
