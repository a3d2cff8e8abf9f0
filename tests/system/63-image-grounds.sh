#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An image belongs to the stage whose packages it holds: a run makes those of its own stage and leaves the others alone.
set -u
. "$(dirname "$0")/workspace.sh"
mkdir -p ws/bootstrap/two/words
take busybox musl linux-headers baselayout
made() { (cd ws/out/images 2>/dev/null && ls -d ./*.attest | sed 's|^./||; s|[.]attest$||' | tr '\n' ' '); }
cat >ws/bootstrap/stages.yaml <<'E'
format: 1
default: first
fixups:
  links: {bin: usr/bin, sbin: usr/sbin, lib: usr/lib, usr/bin/sh: busybox}
  files: {etc/passwd: "build:x:1000:1000:build:/build:/bin/sh"}
  directories: [tmp]
stages:
  - {name: first, recipes: recipes}
  - {name: two, recipes: bootstrap/two, ground: [{stage: first, packages: [busybox]}]}
  - {name: same, recipes: bootstrap/two, ground: [{stage: first, packages: [busybox]}, {stage: two, packages: [words]}], shadow: true}
E
cat >ws/bootstrap/two/words/recipe.yaml <<'E'
format: 1
name: words
version: "1.0"
license: MIT
epoch: 2026-01-01
summary: Words
build:
  steps: [{name: install, run: 'mkdir -p "$DESTDIR/usr/share" && echo words >"$DESTDIR/usr/share/words"'}]
E
image() { # image NAME PACKAGE [LINE]
	printf 'format: 1\nname: %s\nsummary: An image\npackages: [%s]\n%s\n' "$1" "$2" "${3:-}" >"ws/images/catalog/$1.yaml"
}
image one baselayout 'ground: first'
image two words 'ground: two'
image any busybox

ok "lint takes images of both stages" k lint
ok "the first stage" k build
ok "without a name" k image
assert_eq "its images are made and no other's" "any one " "$(made)"
refused "an image of another stage" 1 "image two holds packages of the stage 'two', this run is of 'first'" k image two
assert_contains "and the remedy is named" 'run `kiln --ground two image two`' "$(cat "$scratch/err")"
rm ws/images/catalog/any.yaml
ok "the other stage's ground" k bootstrap --ground two
ok "the other stage" k --ground two build
rm -r ws/out/images
ok "there, without a name" k --ground two image
assert_eq "the other image is made" "two " "$(made)"
ok "it says on what its packages stand" grep -rq '"kiln.ground":"first"' ws/out/images/two/blobs
# A compiler that makes itself again, to the byte, is not made of itself: what its ground brought is another build.
image same words 'ground: same'
ok "a ground with the package" k bootstrap --ground same
ok "that its stage makes again" k --ground same build
pinned=$(sed -n '/name: words/,$p' ws/bootstrap/ground.lock | sed -n 's/^ *file: //p' | head -n 1)
ok "is published" k --ground same publish
assert_contains "to the byte what its ground brought" "$pinned" "$(cat ws/out/repo/packages/words-1.0-1.x86_64.rpm.intoto.jsonl 2>/dev/null | sed 's/.*"payload":"\([^"]*\)".*/\1/' | base64 -d | grep -o '"subject":.*')"
ok "and verifies" k --ground same verify out/repo
ok "as an image of it" k --ground same image same
ok "does" k --ground same verify out/images/same
image lost words 'ground: three'
refused "an image of a stage that is not there" 1 "images/catalog/lost.yaml:2:1: 'ground': there is no stage 'three'" k image lost
refused "as lint sees it" 1 "'ground': there is no stage 'three'" k lint
rm ws/images/catalog/*
refused "no image at all" 1 "there is no image of the stage 'first'" k image
finish
