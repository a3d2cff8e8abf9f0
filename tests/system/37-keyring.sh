#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Keys that change at their users by an ordinary update: the keyring package, judged by dnf, zypper and rpmkeys with
# nothing but the files it installed. Works on a copy of a filled store with keys of its own.
set -u
. "$(dirname "$0")/../cli/lib.sh"
for need in dnf zypper rpmkeys; do
	if ! command -v "$need" >/dev/null || [ "$(id -u)" != 0 ]; then
		skip "$need" "keyring package (as root)"
		finish
	fi
done
tests=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$tests/../.." && pwd)
kiln=$top/build/kiln
store=${KILN_STORE:-$top/.kiln/store}
from=${KILN_KEYS:-$top/.kiln/keys}
cd "$scratch" || exit 2
git -c safe.directory='*' clone -q "$top" ws || fail "clone"
mkdir -p ws/.kiln none root first
copy_store "$store" ws/.kiln/store
unset KILN_STORE
export KILN_KEYS=$scratch/keys
repo=$scratch/ws/out/repo
k() { "$kiln" -C ws "$@"; }
judge() { # judge WORDS accepts|refuses COMMAND...
	words=$1 verdict=$2
	shift 2
	if "$@" >out 2>&1; then got=accepts; else got=refuses; fi
	if [ "$got" = "$verdict" ]; then pass "$words"; else fail "$words" "$(tail -n 20 out)"; fi
}
printf '[main]\nplugins=0\n' >dnf.conf
with_dnf() { # with_dnf ROOT TREE KEYS COMMAND...: KEYS: a directory with packages and metadata keys as the client has them
	at=$1 tree=$2 keys=$3
	shift 3
	rm -rf "$at.cache"
	dnf -y --installroot "$at" --releasever 1 --forcearch x86_64 --config "$scratch/dnf.conf" \
		--setopt=reposdir="$scratch/none" --setopt=cachedir="$at.cache" --setopt=install_weak_deps=0 \
		--repofrompath="kiln,file://$tree" --setopt=kiln.gpgcheck=1 --setopt=kiln.repo_gpgcheck=1 \
		--setopt=kiln.gpgkey="file://$keys/RPM-GPG-KEY-kiln-packages file://$keys/RPM-GPG-KEY-kiln-metadata" \
		--disablerepo='*' --enablerepo=kiln "$@"
}
root=$scratch/root
gpg=$root/etc/pki/rpm-gpg
client() { with_dnf "$root" "$repo" "$gpg" "$@"; }
keys_in() { grep -c 'BEGIN PGP PUBLIC KEY' "$gpg/RPM-GPG-KEY-kiln-$1"; }
keyring_of() { ls "$1"/packages/kiln-keyring-*.rpm; }

# The first keys come from wherever the user trusts them; from then on the package brings them.
ok "a key set" k key init --openpgp ed25519
cp "$from/builder.pub" keys/builder-earlier.pub
ok "a publish without the package" k publish
same "has none" "$(ls "$repo"/packages | grep -c keyring)" 0
echo 'keyring: true' >>ws/kiln.yaml
ok "a publish with it" k publish
ok "kiln verifies it" k verify out/repo
ok "and it alone" k verify "$(keyring_of "$repo")"
cp "$(keyring_of "$repo")" a.rpm
ok "publishing again" k publish
says "changes nothing" "unchanged"
rm -rf ws/.kiln/store/refs/publish
ok "and without its memory" k publish
same "it is the same package" "$(rpm -qp --qf '%{SHA256HEADER}' "$(keyring_of "$repo")" 2>/dev/null)" "$(rpm -qp --qf '%{SHA256HEADER}' a.rpm 2>/dev/null)"
same "nothing of it runs" "$(rpm -qp --scripts --triggers a.rpm 2>/dev/null)" ""
cp keys/packages.asc first/RPM-GPG-KEY-kiln-packages
cp keys/metadata.asc first/RPM-GPG-KEY-kiln-metadata
judge "dnf installs the keyring" accepts with_dnf "$root" "$repo" "$scratch/first" install kiln-keyring
same "one packages key is in it" "$(keys_in packages)" 1
judge "dnf installs with the keys it brought" accepts client install zlib
ok "kiln verifies with the directory it brought" "$kiln" verify --key "$root/usr/share/kiln-keyring" --log "$scratch/keys/log" "$repo"
cp -a root before

# Both OpenPGP roles rotate: the update that brings the new keys is signed with the old ones.
sleep 1
ok "the next packages key" k key rotate packages --openpgp ed25519
ok "the next metadata key" k key rotate metadata --openpgp ed25519
ok "a publish with both" k publish
ok "kiln verifies it" k verify out/repo
cp -a "$repo" changed
printf 'X' | dd of="$(keyring_of "$scratch/changed")" bs=1 seek=5000 conv=notrunc 2>/dev/null
judge "dnf: a changed keyring package" refuses with_dnf "$root" "$scratch/changed" "$gpg" update kiln-keyring
refused "kiln: a changed keyring package" 3 "kiln-keyring" k verify "$(keyring_of "$scratch/changed")"
same "the client still has one key" "$(keys_in packages)" 1
judge "dnf updates the keyring" accepts client update kiln-keyring
same "which brings the next packages key" "$(keys_in packages)" 2
same "and the next metadata key" "$(keys_in metadata)" 2
ok "rpmkeys imports both at once" rpmkeys --dbpath "$scratch/rpmdb" --import "$gpg/RPM-GPG-KEY-kiln-packages"

# The old keys end: what is signed now is signed by the new ones alone.
sleep 1
ok "the new packages key takes over" k key rotate packages --finish --overlap 30d
ok "the new metadata key takes over" k key rotate metadata --finish --overlap 30d
ok "a publish with the new keys" k publish
ok "kiln verifies it" k verify out/repo
other=$(ls "$repo"/packages | sed -n 's/^\([a-z][a-z0-9]*\)-[0-9][^/]*\.x86_64\.rpm$/\1/p' | grep -vx zlib | head -n 1)
judge "dnf: who did not update refuses" refuses with_dnf "$scratch/before" "$repo" "$scratch/before/etc/pki/rpm-gpg" install "$other"
judge "dnf: who did installs what only the new key signed" accepts client install "$other"
judge "dnf updates the keyring again" accepts client update kiln-keyring
same "the retired key is kept while it counts" "$(keys_in packages)" 2
mkdir zroot
rpm --root "$scratch/zroot" --import "$gpg/RPM-GPG-KEY-kiln-packages" "$gpg/RPM-GPG-KEY-kiln-metadata"
zypper --non-interactive --root "$scratch/zroot" addrepo --gpgcheck-strict "file://$repo" kiln >/dev/null 2>&1
judge "zypper: by the files of the package" accepts zypper --non-interactive --root "$scratch/zroot" refresh kiln
mkdir zold
rpm --root "$scratch/zold" --import first/RPM-GPG-KEY-kiln-packages first/RPM-GPG-KEY-kiln-metadata
zypper --non-interactive --root "$scratch/zold" addrepo --gpgcheck-strict "file://$repo" kiln >/dev/null 2>&1
judge "zypper: by the first keys alone" refuses zypper --non-interactive --root "$scratch/zold" refresh kiln

# A key that is revoked leaves the package at the next publish.
sleep 1
retired=$("$kiln" -C ws key list --json | python3 -c '
import json, sys
print(next(k["id"] for k in json.load(sys.stdin) if k["role"] == "packages" and k["state"] == "trusted"))')
ok "the retired key is revoked" k key revoke "$retired" --reason "it was found on a train"
ok "a publish without it" k publish
judge "dnf updates the keyring once more" accepts client update kiln-keyring
same "the revoked key is gone" "$(keys_in packages)" 1
assert_contains "and said to be revoked" "it was found on a train" "$(cat "$root/usr/share/kiln-keyring/keyring.json")"

# Somebody else's keyring, and something that calls itself one.
cp -a "$repo" theirs
KILN_KEYS=$scratch/keys-theirs
ok "another key set" k key init --openpgp ed25519
cp "$from/builder.pub" keys-theirs/builder-earlier.pub
ok "another's publish" k publish
KILN_KEYS=$scratch/keys
judge "dnf: another's keyring" refuses client update kiln-keyring
refused "kiln: another's keyring" 3 "unknown key" k verify "$(keyring_of "$repo")"
rm -rf ws/out/repo && mv theirs ws/out/repo
zlib=$(ls "$repo"/packages/zlib-[0-9]*.rpm)
python3 "$tests/sign.py" keys/builder.key again "$zlib.sigstore.json" \
	's["predicate"]["buildDefinition"]["buildType"] = "https://kiln.invalid/buildtypes/keyring/v1"' >bundle
cp bundle "$zlib.sigstore.json"
rm "$zlib".tlog-proof "$zlib".intoto.jsonl "$zlib".sigstore.json.tlog-proof 2>/dev/null
printf 'format: 1\n' >lax.yaml
refused "a program that calls itself a keyring" 3 "no package of keys" "$kiln" verify --policy lax.yaml --key "$scratch/keys" "$zlib"
done_testing
