#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Keys over their lifetime, judged by stock programs: OpenPGP on Ed25519, signatures that end, rotation with two
# signatures, revocation. gpgv, sqv, gpg, rpmkeys, dnf and zypper accept, and refuse what they should. Works on
# a copy of a filled store with keys of its own.
set -u
. "$(dirname "$0")/../cli/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=$top/build/kiln
store=${KILN_STORE:-$top/.kiln/store}
from=${KILN_KEYS:-$top/.kiln/keys}
cd "$scratch" || exit 2
git -c safe.directory='*' clone -q "$top" ws || fail "clone"
mkdir -p ws/.kiln none
copy_store "$store" ws/.kiln/store
unset KILN_STORE
export KILN_KEYS=$scratch/keys
repo=$scratch/ws/out/repo
asc=$repo/repodata/repomd.xml.asc
xml=$repo/repodata/repomd.xml
k() { "$kiln" -C ws "$@"; }
ring() { # ring FILE.asc...: as one binary keyring, in ./ring.gpg
	rm -f ring.gpg
	for f; do gpg --batch --dearmor <"$f" >>ring.gpg; done
}
judge() { # judge WORDS accepts|refuses COMMAND...
	words=$1 verdict=$2
	shift 2
	if "$@" >out 2>&1; then got=accepts; else got=refuses; fi
	if [ "$got" = "$verdict" ]; then pass "$words"; else fail "$words" "$(tail -n 20 out)"; fi
}
dnf_makecache() { # dnf_makecache TREE: with packages.asc and metadata.asc of ./known
	rm -rf dnfcache dnfroot && mkdir dnfroot
	printf '[main]\nplugins=0\n' >dnf.conf
	dnf -y --installroot "$scratch/dnfroot" --releasever 1 --forcearch x86_64 --config "$scratch/dnf.conf" \
		--setopt=reposdir="$scratch/none" --setopt=cachedir="$scratch/dnfcache" --setopt=install_weak_deps=0 \
		--repofrompath="kiln,file://$1" --setopt=kiln.gpgcheck=1 --setopt=kiln.repo_gpgcheck=1 \
		--setopt=kiln.gpgkey="file://$scratch/known/packages.asc file://$scratch/known/metadata.asc" \
		--disablerepo='*' --enablerepo=kiln install zlib
}
zypper_refresh() { # zypper_refresh TREE
	rm -rf zroot && mkdir zroot
	rpm --root "$scratch/zroot" --import known/metadata.asc known/packages.asc
	zypper --non-interactive --root "$scratch/zroot" addrepo --gpgcheck-strict "file://$1" kiln >/dev/null 2>&1
	zypper --non-interactive --root "$scratch/zroot" refresh kiln
}

# Ed25519 for both OpenPGP roles.
ok "a key set with OpenPGP on Ed25519" k key init --openpgp ed25519
cp "$from/builder.pub" keys/builder-earlier.pub
ok "a publish" k publish
ok "kiln verifies it" k verify out/repo
says "and says that the signature does not end" "it ends: never"
mkdir known && cp keys/packages.asc keys/metadata.asc known/
ring known/metadata.asc
cp "$xml" changed && printf ' ' >>changed
judge "gpgv: Ed25519" accepts gpgv --keyring ./ring.gpg "$asc" "$xml"
judge "gpgv: a changed byte" refuses gpgv --keyring ./ring.gpg "$asc" changed
judge "sqv: Ed25519" accepts sqv --keyring known/metadata.asc "$asc" "$xml"
judge "sqv: a changed byte" refuses sqv --keyring known/metadata.asc "$asc" changed
judge "sqv: the key of another role" refuses sqv --keyring known/packages.asc "$asc" "$xml"
rpm_check() { rpmkeys --dbpath "$scratch/$1" --define '_pkgverify_level all' -K "$2"; }
zlib=$(ls "$repo"/packages/zlib-[0-9]*.rpm)
ok "rpmkeys imports it" rpmkeys --dbpath "$scratch/rpmdb" --import known/packages.asc
ok "rpmkeys imports another" rpmkeys --dbpath "$scratch/otherdb" --import known/metadata.asc
judge "rpmkeys: a package signed with Ed25519" accepts rpm_check rpmdb "$zlib"
judge "rpmkeys: with the wrong key" refuses rpm_check otherdb "$zlib"
cp "$zlib" bad.rpm && printf 'X' | dd of=bad.rpm bs=1 seek=4000 conv=notrunc 2>/dev/null
judge "rpmkeys: a changed byte" refuses rpm_check rpmdb bad.rpm
unsigned=$(python3 -c '
import base64, json, sys
s = json.loads(base64.b64decode(json.load(open(sys.argv[1]))["dsseEnvelope"]["payload"]))
print(next(x["digest"]["sha256"] for x in s["subject"] if x["name"].endswith(";unsigned")))' "$zlib.sigstore.json")
blob=$(find ws/.kiln/store/blobs -name "*$unsigned*" -o -path "*/$(echo "$unsigned" | cut -c1-2)/$(echo "$unsigned" | cut -c3-)" | head -n 1)
cp "$blob" unsigned.rpm
judge "rpmkeys: without a signature" refuses rpm_check rpmdb unsigned.rpm
if [ "$(id -u)" = 0 ]; then
	judge "dnf: Ed25519, packages and metadata" accepts dnf_makecache "$repo"
	judge "zypper: Ed25519" accepts zypper_refresh "$repo"
	cp -a "$repo" tree && rm tree/repodata/repomd.xml.asc
	judge "dnf: without the signature" refuses dnf_makecache "$scratch/tree"
	judge "zypper: without the signature" refuses zypper_refresh "$scratch/tree"
	rm -rf tree
fi

# Signatures that end.
find "$repo" -type f ! -name repomd.xml.asc -exec sha256sum {} + | sort >before
ok "signing again" k publish --resign
find "$repo" -type f ! -name repomd.xml.asc -exec sha256sum {} + | sort >after
same "changes nothing else" "$(diff before after)" ""
judge "gpgv: a signature that will end" accepts gpgv --keyring ./ring.gpg "$asc" "$xml"
ok "it does not end soon" k verify --expires-within 2d out/repo
refused "it ends within three weeks" 3 "the signature of the metadata ends at" k verify --expires-within 3w out/repo
refused "a span that is none" 2 "not a span of time" k verify --expires-within soon out/repo
ok "a publish of the same" k publish
says "keeps that signature" "unchanged"
echo 'metadata_expires: 2s' >>ws/kiln.yaml
ok "a signature for two seconds" k publish --resign
sleep 3
judge "gpgv: a signature that ended" refuses gpgv --keyring ./ring.gpg "$asc" "$xml"
assert_contains "gpgv says why" xpired "$(cat out)"
judge "sqv: a signature that ended" refuses sqv --keyring known/metadata.asc "$asc" "$xml"
refused "kiln: a signature that ended" 3 "expired at" k verify out/repo
if [ "$(id -u)" = 0 ]; then
	judge "dnf: a signature that ended" refuses dnf_makecache "$repo"
	judge "zypper: a signature that ended" refuses zypper_refresh "$repo"
fi
sed -i 's/^metadata_expires: .*/metadata_expires: 14d/' ws/kiln.yaml
ok "publishing makes it good again" k publish
ok "for a while" k verify --expires-within 2d out/repo
cp "$asc" kept && printf 'x' >>"$xml"
refused "a timer does not sign what others put there" 3 "not signed with these keys" k publish --resign
ok "publishing repairs it" k publish

# Rotation: both sign while both are known.
ok "the next key" k key rotate metadata --openpgp ed25519
ok "a publish with both" k publish
cp keys/metadata-next.asc known/
ring known/metadata.asc known/metadata-next.asc
judge "gpgv: both signatures, both keys" accepts gpgv --keyring ./ring.gpg "$asc" "$xml"
judge "sqv: two of two" accepts sqv -n 2 --keyring known/metadata.asc --keyring known/metadata-next.asc "$asc" "$xml"
judge "sqv: two, and one key is known" refuses sqv -n 2 --keyring known/metadata.asc "$asc" "$xml"
judge "sqv: one, and the new key is known" accepts sqv --keyring known/metadata-next.asc "$asc" "$xml"
mkdir old && cp keys/*.pub keys/*.pem keys/packages.asc known/metadata.asc old/
ok "kiln: who knows the old key only" k verify --key "$scratch/old" out/repo
if [ "$(id -u)" = 0 ]; then
	judge "dnf: who knows the old key only" accepts dnf_makecache "$repo"
	judge "zypper: who knows the old key only" accepts zypper_refresh "$repo"
	cp known/metadata-next.asc known/metadata.asc
	judge "dnf: who knows the new key only" accepts dnf_makecache "$repo"
	# zypper 1.14 asks for the key of the first signature, which is the old one; a new client gets it as repomd.xml.key.
	judge "zypper: who knows the new key only waits for the end of the rotation" refuses zypper_refresh "$repo"
fi
ok "the new key takes over" k key rotate metadata --finish --overlap 1d
ok "the list shows both" k key list --json
assert_contains "and until when the old one counts" '"notAfter":"' "$(cat out)"
ok "a publish with the new key" k publish
ring keys/metadata.asc
judge "gpgv: the new key alone" accepts gpgv --keyring ./ring.gpg "$asc" "$xml"
refused "kiln: who knows the old key only" 3 "unknown key" k verify --key "$scratch/old" out/repo

# Revocation.
ok "revoked" k key revoke metadata --reason "its laptop was stolen"
mkdir alone && cp keys/metadata-revoked-*.asc alone/metadata-revoked.asc
refused "kiln repeats the reason" 3 "its laptop was stolen" k verify out/repo
refused "one file of the set, named by itself, is revoked too" 3 "its laptop was stolen" \
	k verify --key "$(echo "$scratch"/keys/metadata-revoked-*.asc)" out/repo
k verify --key "$scratch/old" --key "$scratch/alone/metadata-revoked.asc" out/repo >told 2>&1
same "who has one file and no keyring.json cannot know" "$?" 0
assert_contains "and is told so" "not known whether a key was revoked" "$(cat told)"
refused "and signs nothing with it" 1 "the key set has no metadata key" k publish --resign
mkdir -m 700 gnupg
ok "gpg imports the key" gpg --homedir gnupg --batch --import keys/metadata-revoked-*.asc
judge "gpg: a good signature before" accepts gpg --homedir gnupg --batch --verify "$asc" "$xml"
ok "gpg imports its revocation" gpg --homedir gnupg --batch --import keys/metadata-revoked-*.rev
gpg --homedir gnupg --batch --with-colons --list-keys >listing 2>/dev/null
assert_contains "gpg: the key is revoked" "pub:r:" "$(cat listing)"
ok "a new key is made" k key init
ok "and publishes" k publish
ok "kiln verifies again" k verify out/repo
done_testing
