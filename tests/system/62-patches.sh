#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Patches that are members of a pinned archive: fetched and kept like a source, applied where the recipe lists
# them, recorded with what they settle.
set -u
. "$(dirname "$0")/workspace.sh"
mkdir -p ws/recipes/words mirror/pool/w src/words-1 arch/debian/patches
printf 'mirrors: {debian: "file://%s/mirror"}\n' "$scratch" >>ws/kiln.yaml
change() { # change FROM TO OLD NEW: a patch of the file "word"
	printf -- '--- %s/word\n+++ %s/word\n@@ -1 +1 @@\n-%s\n+%s\n' "$3" "$4" "$1" "$2"
}
echo one >src/words-1/word
tar -cf ws/recipes/words/words.tar -C src words-1
change one two a b >ws/recipes/words/first.patch
change two three a b >arch/debian/patches/second.patch
change three four . . | sed 's|\./word|word|' >arch/debian/patches/third.patch
change four five a b >ws/recipes/words/last.patch
tar -cJf mirror/pool/w/words_1.debian.tar.xz -C arch debian
digest() { sha256sum <"$1" | cut -d ' ' -f 1; }
archive=$(digest mirror/pool/w/words_1.debian.tar.xz)
recipe() { # recipe MEMBER DIGEST
	cat >ws/recipes/words/recipe.yaml <<E
format: 1
name: words
version: "1"
summary: Words
license: MIT
sources: [{url: file:words.tar, sha256: $(digest ws/recipes/words/words.tar)}]
patches:
  - first.patch
  - {url: "debian:pool/w/words_{version}.debian.tar.xz", sha256: $2, member: $1, resolves: [CVE-2026-0001]}
  - {url: "debian:pool/w/words_{version}.debian.tar.xz", sha256: $2, member: debian/patches/third.patch, strip: 0}
  - {file: last.patch, resolves: [CVE-2026-0002]}
build:
  steps:
    - {name: install, run: 'grep -qx five word && mkdir -p "\$DESTDIR/usr/share" && cp word "\$DESTDIR/usr/share/"'}
E
}
recipe debian/patches/second.patch "$(digest arch/debian/patches/second.patch)"
refused "an archive of other bytes" 1 "words_1.debian.tar.xz" k build
recipe debian/patches/secnod.patch "$archive"
refused "a member that is not there" 1 "debian/patches/secnod.patch" k build
recipe debian/patches/second.patch "$archive"
ok "patches of files and of archives" k build
ok "its log" k log words
assert_eq "they were applied in the recipe's order" "first second third last" "$(sed -n 's/^applying [0-9]*-*\([a-z]*\)\.patch$/\1/p' "$scratch/out" | tr '\n' ' ' | sed 's/ $//')"
rm mirror/pool/w/*
ok "the archive is in the store from then on" k build
ok "it is published" k publish
statement=$(statement_in ws/out/repo/packages/words-1-1.x86_64.rpm.sigstore.json)
assert_eq "a patch of an archive is recorded with its member and what it settles" \
	'debian:pool/w/words_1.debian.tar.xz debian/patches/second.patch CVE-2026-0001' \
	"$(printf '%s' "$statement" | jq -r '.predicate.buildDefinition.resolvedDependencies[] | select(.annotations.resolves and .annotations.member) | "\(.uri) \(.annotations.member) \(.annotations.resolves[0])"')"
assert_contains "the archive is an input of the repository" "$archive" "$(cat ws/out/repo/inventory.json)"
ok "whose packages verify" k verify out/repo
assert_contains "what is settled stands in the bill of materials" "CVE-2026-0001" "$(cat ws/out/repo/packages/words-1-1.x86_64.rpm.cdx.json)"
finish
