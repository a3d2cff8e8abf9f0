#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A published repository shown to programs that we did not write: sigstore's verifier (npm, pinned, default
# thresholds) and openssl ts. Each acceptance has its refusals beside it, and what they refuse `kiln verify` refuses.
. "$(dirname "$0")/lib.sh"
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
kiln=$KILN_BUILD/kiln
out=$(make --no-print-directory -s -C "$top" MODE="$(basename "$KILN_BUILD")" rpmtool repotool 2>&1) || {
	fail "make rpmtool repotool" "$out"
	finish
}
cd "$SCRATCH" || exit 2
mkdir -p none rpms
for p in one two three; do
	printf 'name: %s\nversion: "1"\nsummary: %s\narch: noarch\n' $p $p >$p.yaml
	out=$("$KILN_BUILD/tests/rpmtool" pack $p.yaml none rpms/$p.rpm 2>&1) || fail "pack $p" "$out"
done
out=$("$KILN_BUILD/tests/repotool" publish keys store repo rpms/*.rpm 2>&1)
assert_eq "three packages are published" "3 packages, 0 reused" "$out"
assert_eq "with them inventory, bills of materials and release are logged" 8 "$(sed -n 2p repo/log/checkpoint)"

bundle=repo/packages/one-1-1.noarch.rpm.sigstore.json
other=repo/packages/two-1-1.noarch.rpm.sigstore.json
python3 - $bundle signature token <<'P'
import base64, json, sys
b = json.load(open(sys.argv[1]))
open(sys.argv[2], "wb").write(base64.b64decode(b["dsseEnvelope"]["signatures"][0]["sig"]))
stamp = b["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"]
open(sys.argv[3], "wb").write(base64.b64decode(stamp))
P
awk '/BEGIN/ { n++ } { print > ("cert" n ".pem") }' repo/keys/timestamp.pem
stamp() { openssl ts -verify -data "$1" -in token -CAfile cert2.pem -untrusted cert1.pem 2>&1; }
assert_contains "openssl accepts the timestamp" "Verification: OK" "$(stamp signature)"
echo x >>signature
assert_contains "and not over other bytes" "message imprint mismatch" "$(stamp signature)"

ok=$("$kiln" verify --key keys repo 2>&1)
assert_contains "kiln verify accepts the repository" "verified: repo" "$ok"
refused() { # refused WORDS REASON: of the package whose bundle was exchanged
	"$kiln" verify --key keys changed/packages/one-1-1.noarch.rpm >out 2>err
	assert_eq "kiln verify refuses: $1" 3 $?
	assert_contains "and says why: $1" "$2" "$(cat err)"
}

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
	skip npm "the verdict of sigstore's verifier"
	finish
fi
judge=$top/build/sigstore-judge
if ! "$here/judge.sh" sigstore "$judge" 2>err; then
	skip npm "the verdict of sigstore's verifier: $(tail -n 1 err)"
	finish
fi
hint=$(sed 's/.*"hint":"\([^"]*\)".*/\1/' $bundle)
verdict() { node "$judge/judge.js" verify "$1" "$2" "$hint" "$3" 2>&1; }
here() { verdict repo/keys/trusted_root.json repo/keys/builder.pub "$1"; }
for b in repo/packages/*.sigstore.json repo/inventory.json.sigstore.json; do
	assert_eq "sigstore accepts ${b##*/}" accepted "$(here "$b")"
done

cp -a repo changed
# HOW|what sigstore's verifier says|what kiln verify says; nothing: that is for a policy to ask
while IFS='|' read -r how theirs ours; do
	node "$judge/judge.js" change "$how" $bundle $other >changed/packages/one-1-1.noarch.rpm.sigstore.json
	assert_contains "sigstore refuses: $how" "refused $theirs" "$(here changed/packages/one-1-1.noarch.rpm.sigstore.json)"
	[ -z "$ours" ] || refused "$how" "$ours"
done <<'L'
payload|TLOG_BODY_ERROR|does not verify
signature|TIMESTAMP_ERROR|does not verify
other-key|TIMESTAMP_ERROR|does not verify
body|TLOG_|the log entry is not that of this signature
root|TLOG_INCLUSION_PROOF_ERROR|the inclusion proof does not lead to its checkpoint
checkpoint-signature|TLOG_INCLUSION_PROOF_ERROR|on the note is wrong
hash|TLOG_INCLUSION_PROOF_ERROR|the inclusion proof does not lead to its checkpoint
index|TLOG_INCLUSION_PROOF_ERROR|the inclusion proof does not lead to its checkpoint
entry-of-another|TLOG_BODY_ERROR|the log entry is not that of this signature
proof-of-another|TLOG_INCLUSION_PROOF_ERROR|the inclusion proof does not lead to its checkpoint
timestamp-of-another|TIMESTAMP_ERROR|not by a trusted timestamp key over this signature
changed-timestamp||timestamp:
no-timestamp|TIMESTAMP_ERROR: expected 1 timestamps, got 0|
no-entry|TLOG_ERROR: expected 1 tlog entries, got 0|
L
# The classes of sigstore-conformance that have a meaning here (docs/decisions/0042), made with our keys: one verdict.
while IFS='|' read -r class how; do
	node "$judge/judge.js" change "$how" $bundle $other >changed/packages/one-1-1.noarch.rpm.sigstore.json
	assert_contains "$class ($how): sigstore refuses" "refused " "$(here changed/packages/one-1-1.noarch.rpm.sigstore.json)"
	"$kiln" verify --key keys changed/packages/one-1-1.noarch.rpm >out 2>err
	assert_eq "$class ($how): so does kiln verify" 3 $?
done <<'L'
rekor2-dsse-invalid-sig_fail|signature
rekor2-dsse-mismatch-sig_fail|other-key
rekor2-dsse-mismatch-envelope_fail|payload
dsse-with-hashedrekord-mismatch-envelope_fail|body
cve-2022-36056-swapped-tlog-entry_fail|entry-of-another
inclusion-proof-of-another_fail|proof-of-another
inclusion-proof-invalid_fail|hash
inclusion-proof-missing_fail|no-proof
checkpoint-missing_fail|no-checkpoint
checkpoint-root-mismatch_fail|root
checkpoint-signature-invalid_fail|checkpoint-signature
log-index-mismatch_fail|index
log-id-unknown_fail|log-id
timestamp-mismatch_fail|timestamp-of-another
managed-key-wrong-key_fail|other-hint
managed-key-and-client-identity_fail|certificate-for-key
signature-missing_fail|no-signature
signatures-multiple_fail|two-signatures
message-signature-for-dsse_fail|message-for-envelope
L
# Sigstore's verifier takes any version of the media type that it does not know for the newest.
node "$judge/judge.js" change media-type $bundle $other >changed/packages/one-1-1.noarch.rpm.sigstore.json
"$kiln" verify --key keys changed/packages/one-1-1.noarch.rpm >out 2>err
assert_eq "bundle-media-type-unknown_fail (media-type): kiln verify refuses" 3 $?
cp $bundle changed/packages/one-1-1.noarch.rpm.sigstore.json
assert_eq "managed-key-and-trusted-root, rekor2-dsse-happy-path: sigstore accepts" accepted "$(here changed/packages/one-1-1.noarch.rpm.sigstore.json)"
"$kiln" verify --key keys changed/packages/one-1-1.noarch.rpm >out 2>err
assert_eq "managed-key-and-trusted-root, rekor2-dsse-happy-path: so does kiln verify" 0 $?
cp $other changed/packages/one-1-1.noarch.rpm.sigstore.json
refused "the bundle of another package" "speaks of other bytes"

# Another key set: its root, its key, its log.
out=$("$KILN_BUILD/tests/repotool" publish his store2 his-repo rpms/one.rpm 2>&1)
assert_contains "a root with other keys refuses ours" "refused TIMESTAMP_ERROR" \
	"$(verdict his-repo/keys/trusted_root.json repo/keys/builder.pub $bundle)"
assert_contains "so does another builder's key under the same name" "refused SIGNATURE_ERROR" \
	"$(verdict repo/keys/trusted_root.json his-repo/keys/builder.pub $bundle)"
node - repo/keys/trusted_root.json his-repo/keys/trusted_root.json >mixed.json <<'J'
const [ours, his] = process.argv.slice(2).map((p) => JSON.parse(require('fs').readFileSync(p)));
ours.tlogs = his.tlogs;
console.log(JSON.stringify(ours));
J
assert_contains "and a root with another log" "refused TLOG_INCLUSION_PROOF_ERROR" "$(verdict mixed.json repo/keys/builder.pub $bundle)"

# The log that goes along is whole, signed, and alone in its directory.
damaged() { # damaged WORDS REASON
	"$kiln" verify --key keys log >out 2>err
	assert_eq "$1: exit 3" 3 $?
	assert_contains "$1: the reason" "$2" "$(cat err)"
	rm -rf log
	cp -a repo log
}
cp -a repo log
rm -rf log/log && echo x >log/log
damaged "a file in place of the log" "log"
echo x >log/log/tile/more
damaged "a file more in the log" "log/tile/more does not belong to a log of this size"
printf 'x' | dd of=log/log/tile/entries/000.p/4 bs=1 seek=40 conv=notrunc 2>out
damaged "a changed entry of the log" "log"
cp his-repo/log/checkpoint log/log/
damaged "the checkpoint of another log" "not signed by"
rm -rf log/log && cp -a his-repo/log log/
damaged "the log of another" "not signed by"

# What lies beside the bundles says what they say.
for beside in .tlog-proof .intoto.jsonl; do
	cp -a repo beside
	printf 'x' >>"beside/packages/one-1-1.noarch.rpm$beside"
	"$kiln" verify --key keys beside >out 2>err
	assert_eq "a changed $beside: exit 3" 3 $?
	assert_contains "a changed $beside: the reason" "one-1-1.noarch.rpm$beside does not say what the bundle beside it says" "$(cat err)"
	rm "beside/packages/one-1-1.noarch.rpm$beside"
	"$kiln" verify --key keys beside >out 2>err
	assert_eq "a missing $beside: exit 3" 3 $?
	rm -rf beside
done
cp -a repo beside
cp repo/packages/one-1-1.noarch.rpm.tlog-proof beside/packages/none.tlog-proof
"$kiln" verify --key keys beside >out 2>err
assert_contains "a proof of nothing" "none.tlog-proof belongs to no bundle" "$(cat err)"
rm beside/packages/none.tlog-proof
cp his-repo/keys/trusted_root.json beside/keys/
"$kiln" verify --key keys beside >out 2>err
assert_contains "a trusted root with other keys" "keys/trusted_root.json: the trusted root lists other keys" "$(cat err)"
finish
