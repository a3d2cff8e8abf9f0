#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# kiln.lock: made on a fresh checkout, kept by builds, held by --locked, CI and publish, refused when
# it was tampered with; two Kilns at once. kiln update: from a page, tags and the archive; what it
# edits, what it leaves, and what it refuses. Uses the seed that the workspace's store already holds.
set -u
. "$(dirname "$0")/../cli/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=$top/build/kiln
KILN_STORE=${KILN_STORE:-$top/.kiln/store}
export KILN_STORE
KILN_KEYS=$scratch/keys
export KILN_KEYS
cd "$scratch" || exit 2
mkdir -p ws/recipes ws/images/catalog
cp "$top/kiln.yaml" ws/
mkdir ws/bootstrap && cp "$top/bootstrap/seed.yaml" "$top/bootstrap/seed.lock" ws/bootstrap/
salt=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
sha() { sha256sum "$1" | cut -d' ' -f1; }
recipe() { # recipe NAME: stdin is everything after the head
	mkdir -p "ws/recipes/$1"
	{
		printf 'format: 1\nname: %s\nversion: 1.0 # ours\nrelease: 3\nlicense: MIT\nepoch: 2026-01-01\n' "$1"
		cat
	} >"ws/recipes/$1/recipe.yaml"
}
k() { "$kiln" -C ws "$@"; }
said() { assert_contains "$1" "$2" "$(cat "$scratch/err")"; }
lock_is() { # lock_is NAME WANTED-SHA
	assert_eq "$1" "$2" "$(sha ws/kiln.lock)"
}

mkdir -p ws/recipes/greet
printf 'hello %s\n' "$salt" >ws/recipes/greet/words.txt
printf -- '--- a/words.txt\n+++ b/words.txt\n@@ -1 +1,2 @@\n hello %s\n+and well\n' "$salt" >ws/recipes/greet/more.patch
recipe greet <<E
summary: Greets
sources:
  - url: file:words.txt
    sha256: $(sha ws/recipes/greet/words.txt)
patches: [more.patch]
build:
  steps:
    - {name: install, run: 'mkdir -p "\$DESTDIR/usr/share" && cp words.txt "\$DESTDIR/usr/share/greeting"'}
E
recipe user <<'E'
summary: Uses a greeting
build:
  needs: [greet]
  steps:
    - {name: install, run: 'mkdir -p "$DESTDIR/usr/share" && wc -c </usr/share/greeting >"$DESTDIR/usr/share/count"'}
E

# A fresh checkout: no keys, nothing built.
refused "--locked without a lock" 1 "there is no kiln.lock" k build --locked
refused "CI without a lock" 1 "there is no kiln.lock" env CI=true "$kiln" -C ws build
ok "kiln lock on a fresh checkout" k lock
says "says what it holds" "kiln.lock written: 2 recipes, 0 with a result"
assert_contains "the seed is in it" " make " "$(cat ws/kiln.lock)"
assert_contains "sources are" "- $(sha ws/recipes/greet/words.txt) words.txt" "$(cat ws/kiln.lock)"
assert_contains "patches are" "- $(sha ws/recipes/greet/more.patch) more.patch" "$(cat ws/kiln.lock)"
fresh=$(sha ws/kiln.lock)
ok "once more" k lock
says "changes nothing" "is as it should be"
lock_is "to the byte" "$fresh"
ok "development keys" k key init

# Builds keep it.
ok "a locked build of a lock without results" k build --locked
lock_is "writes nothing" "$fresh"
ok "a build" k build
assert_contains "records what came out" "greet-1.0-3.x86_64" "$(cat ws/kiln.lock)"
assert_contains "and what it was built with" "sees:
      - greet" "$(cat ws/kiln.lock)"
full=$(sha ws/kiln.lock)
ok "again" k build
says "nothing to do" "nothing to build"
lock_is "and the lock stays" "$full"
ok "in CI" env CI=1 "$kiln" -C ws build
ok "kiln lock --check" k lock --check
says "agrees" "is fresh: 2 recipes, all with a result"
rm -f ws/.kiln/locked
ok "without what was remembered" k build --locked
lock_is "the same" "$full"
rm ws/kiln.lock
ok "a build without a lock" k build
said "says that it made one" "kiln.lock: made for 2 recipes"
lock_is "the same as before, deterministic" "$full"

# Who has nothing to write waits for nobody and needs no leave to write.
rm -f ws/.kiln/locked ws/.kiln/lock-guard
mkdir ws/.kiln/lock-guard
ok "a fresh lock in a workspace that cannot be written" k build
refused "where there is something to write" 1 "lock-guard" sh -c "rm ws/kiln.lock && $kiln -C ws build"
rmdir ws/.kiln/lock-guard
ok "a lock again" k build
lock_is "the same" "$full"

# `kiln lock` that ends early leaves no half of a lock, and a run that fails what it compared.
key=$(sed 's/.*"key":"\([0-9a-f]*\)".*/\1/' "$KILN_STORE/refs/last/user")
cp "$KILN_STORE/refs/action/$key" "$scratch/result"
echo '{}' >"$scratch/none" && mv "$scratch/none" "$KILN_STORE/refs/action/$key"
rm -f ws/kiln.lock ws/.kiln/plan-*
refused "kiln lock over a damaged result" 1 "is damaged" k lock
[ ! -e ws/kiln.lock ] && pass "leaves no lock" || fail "leaves no lock"
cp "$scratch/result" "$scratch/back" && mv "$scratch/back" "$KILN_STORE/refs/action/$key"
ok "kiln lock over a whole one" k lock
lock_is "is the same" "$full"
cp ws/recipes/user/recipe.yaml "$scratch/user.yaml"
sed -i 's/wc -c/exit 7; wc -c/' ws/recipes/user/recipe.yaml
seen=$(sha ws/.kiln/locked)
refused "a build that fails" 1 "failed: user" k build
[ "$seen" != "$(sha ws/.kiln/locked)" ] && pass "remembers what it compared" || fail "remembers what it compared"
cp "$scratch/user.yaml" ws/recipes/user/recipe.yaml
ok "put back" k build
lock_is "it is the same again" "$full"
"$kiln" -C ws publish >"$scratch/out" 2>"$scratch/err" && pass "publishing with a fresh lock" || fail "publishing with a fresh lock" "$(cat "$scratch/err")"

# An edit: followed aloud, or refused. A comment is none.
cp ws/recipes/greet/recipe.yaml "$scratch/greet.yaml"
echo "# nobody reviews a comment twice" >>ws/recipes/greet/recipe.yaml
ok "a comment" k build --locked
sed -i 's/^version: 1.0/version: 1.1/' ws/recipes/greet/recipe.yaml
refused "an edit is refused with --locked" 1 "greet: version 1.0-3 -> 1.1-3, recipe " k build --locked
said "with the way to accept it" "hint: if that is meant, \`kiln lock\` accepts it"
refused "and in CI" 1 "greet: version 1.0-3 -> 1.1-3" env CI=1 "$kiln" -C ws build
refused "and when publishing" 1 "greet: version 1.0-3 -> 1.1-3" k publish
printf 'format: 1\nname: tiny\nsummary: Tiny\npackages: [greet]\n' >ws/images/catalog/tiny.yaml
refused "and for an image with --locked" 1 "greet: version 1.0-3 -> 1.1-3" k image --locked tiny
refused "and for an image in CI" 1 "greet: version 1.0-3 -> 1.1-3" env CI=1 "$kiln" -C ws image tiny
rm ws/images/catalog/tiny.yaml
refused "and by lock --check" 1 "greet: version 1.0-3 -> 1.1-3" k lock --check
lock_is "refusing writes nothing" "$full"
ok "a dry run" k build --dry-run
said "only says so" "a run that is not dry would bring it up to date"
lock_is "and writes nothing" "$full"
ok "CI=false is none" env CI=false "$kiln" -C ws build --dry-run
ok "a build follows the edit" k build greet
said "and says so" "greet: version 1.0-3 -> 1.1-3"
assert_contains "the new result is there" "greet-1.1-3.x86_64" "$(cat ws/kiln.lock)"
ok "then locked again" k build --locked
ok "everything" k build
printf -- '--- a/words.txt\n+++ b/words.txt\n@@ -1 +1,2 @@\n hello %s\n+and better\n' "$salt" >ws/recipes/greet/more.patch
refused "an edited patch" 1 "greet: patches more.patch" k build --locked
printf -- '--- a/words.txt\n+++ b/words.txt\n@@ -1 +1,2 @@\n hello %s\n+and well\n' "$salt" >ws/recipes/greet/more.patch
ok "put back" k build --locked
cp ws/bootstrap/seed.lock "$scratch/seed.lock"
sed -i '/name: tar$/,/sha256/s/sha256: ..../sha256: 0000/' ws/bootstrap/seed.lock
cmp -s ws/bootstrap/seed.lock "$scratch/seed.lock" && fail "the seed has no tar to change"
refused "a changed seed" 1 "seed: package tar " k build --locked
cp "$scratch/seed.lock" ws/bootstrap/seed.lock
mkdir ws/recipes/third && sed 's/^name: user/name: third/; s/^summary: .*/summary: A third one/' ws/recipes/user/recipe.yaml >ws/recipes/third/recipe.yaml
refused "a new recipe" 1 "third: version nothing -> 1.0-3" k build --locked
rm -r ws/recipes/third
ok "gone again" k build --locked
before=$(sha ws/kiln.lock)

# A lock that was tampered with, or is none.
cp ws/kiln.lock "$scratch/good.lock"
tamper() { # tamper NAME REASON SED: refused with words, locked or not
	sed "$3" "$scratch/good.lock" >ws/kiln.lock
	refused "$1" 1 "$2" k build --locked
	said "$1: with the remedy" "kiln lock"
	cp "$scratch/good.lock" ws/kiln.lock
}
tamper "another digest of a source" "greet: sources words.txt 000000" "s/- ......\(.*\) words.txt/- 000000\1 words.txt/"
tamper "another result" "recipe greet came out otherwise than kiln.lock says:" "s/- ......\(.*\) greet-1.1-3/- 000000\1 greet-1.1-3/"
tamper "a duplicate recipe" "recipe 'greet' stands twice" "s/^  user:/  greet:/"
tamper "a digest cut short" "is no SHA-256" "s/^  fixups: ......../  fixups: /"
tamper "a merge conflict" "it holds a merge conflict" "s/^  user:/<<<<<<< ours\n  user:/"
sed 's/^format: 1/format: 2/' "$scratch/good.lock" >ws/kiln.lock
refused "a newer format" 1 "kiln.lock is of format 2" k build
refused "is not overwritten either" 1 "use the Kiln that wrote it" k lock
head -c 5000 /dev/urandom >ws/kiln.lock
refused "garbage stops a build that would follow, too" 1 "kiln.lock:1: " k build
ok "kiln lock writes it anew" k lock
said "and says why" "written anew, since kiln.lock"
lock_is "as it was" "$before"
sed 's/$/\r/' "$scratch/good.lock" >ws/kiln.lock
ok "line ends of another system are no change" k build --locked
cp "$scratch/good.lock" ws/kiln.lock

# A lock that rested is told by its stamp: an edit of the same size with the same mtime is still seen.
sleep 4
ok "a run that remembers the stamp" k build
ok "and one that uses it" k build --locked
touch -r ws/kiln.lock "$scratch/when"
sed -i "s/- ......\(.*\) words.txt/- 000000\1 words.txt/" ws/kiln.lock
touch -r "$scratch/when" ws/kiln.lock
refused "an edit that hides its time" 1 "greet: sources words.txt 000000" k build --locked
cp "$scratch/good.lock" ws/kiln.lock

# Two at once, and one that is killed.
for i in 1 2 3; do
	rm -f ws/kiln.lock ws/.kiln/locked
	k lock >/dev/null 2>&1 & a=$!
	k build >/dev/null 2>&1 & b=$!
	k lock >/dev/null 2>&1 & c=$!
	wait "$a" && wait "$b" && wait "$c" || fail "three at once: one failed"
	lock_is "three at once agree ($i)" "$before"
done
bad=0
for i in 1 2 3 4 5 6 7 8; do
	rm -f ws/kiln.lock ws/.kiln/locked
	"$kiln" -C ws lock >/dev/null 2>&1 & a=$!
	sleep "0.0$i"
	kill -9 "$a" 2>/dev/null
	wait "$a" 2>/dev/null
	# Recipes, sources and seed are written first, what came of them later: either is whole.
	[ ! -e ws/kiln.lock ] || [ "$(sha ws/kiln.lock)" = "$before" ] || k lock --check >/dev/null 2>&1 ||
		bad=$((bad + 1))
done
assert_eq "killed at any moment, it is whole or not there" 0 "$bad"
ok "and the next one writes it" k lock
lock_is "as it was" "$before"

# ---- kiln update ----
up=$scratch/up
mkdir -p "$up/page" "$up/owner" ws/recipes/paged ws/recipes/tagged
pack() { # pack NAME VERSION: a tarball in the page's directory
	mkdir -p "$scratch/t/$1-$2" && echo "$1 $2 $salt" >"$scratch/t/$1-$2/text"
	tar -C "$scratch/t" -czf "$up/page/$1-$2.tar.gz" "$1-$2"
}
for v in 0.9 1.0 1.9 1.10 1.11rc1 2.0beta1; do pack paged $v; done
for v in 1.0 1.4 1.5; do pack tagged $v; done
for f in "$up"/page/*.tar.gz; do printf '<a href="%s">%s</a>\n' "${f##*/}" "${f##*/}"; done >"$up/page/index.html"
port_of() { sed -n 's/.*port \([0-9]*\).*/\1/p' "$1"; }
python3 -u -m http.server --bind 127.0.0.1 -d "$up" 0 >"$scratch/http" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null; chmod -R u+rwX "$SCRATCH" 2>/dev/null; rm -rf "$SCRATCH"' EXIT
n=0
while [ -z "$(port_of "$scratch/http")" ] && [ $n -lt 100 ]; do n=$((n + 1)); sleep 0.1; done
at=http://127.0.0.1:$(port_of "$scratch/http")
printf 'mirrors: {github: "%s"}\n' "$at" >>ws/kiln.yaml
recipe paged <<E
summary: Announced on a page   # kept
cpe: "cpe:2.3:a:x:paged:1.0:*:*:*:*:*:*:*"
sources:
  # a comment that stays
  - url:   "$at/page/{name}-{version}.tar.gz"
    sha256:    "$(sha "$up/page/paged-1.0.tar.gz")"   # of 1.0
  - {url: file:fixed.txt, sha256: $(printf x | sha256sum | cut -d' ' -f1)}
build:
  steps: [{name: install, run: 'mkdir -p "\$DESTDIR/usr" && cp text "\$DESTDIR/usr/"'}]
update: {from: url, url: "$at/page/index.html"}
E
printf x >ws/recipes/paged/fixed.txt
recipe tagged <<E
summary: Announced by tags
sources:
  - url: "$at/page/tagged-{version}.tar.gz"
    sha256: $(sha "$up/page/tagged-1.0.tar.gz")
build:
  steps: [{name: install, run: 'mkdir -p "\$DESTDIR/usr" && cp text "\$DESTDIR/usr/"'}]
update: {from: github, repo: owner/tagged}
E
git -c init.defaultBranch=main init -q "$scratch/git" &&
	git -C "$scratch/git" -c user.name=x -c user.email=x@x.invalid commit -q --allow-empty -m x &&
	for t in v1.0 v1.4 v1.5 v1.6-rc1 unrelated; do git -C "$scratch/git" tag $t; done &&
	git -C "$scratch/git" -c user.name=x -c user.email=x@x.invalid tag -a -m x v1.2
mkdir -p "$up/owner/tagged.git/info"
{
	printf '001e# service=git-upload-pack\n0000'
	git upload-pack --advertise-refs "$scratch/git"
} >"$up/owner/tagged.git/info/refs"
ok "the recipes as they begin" k lint
k lock >/dev/null 2>&1

cp ws/recipes/paged/recipe.yaml "$scratch/paged.yaml"
cp ws/recipes/tagged/recipe.yaml "$scratch/tagged.yaml"
ok "update --dry-run" k update --dry-run paged
says "shows the diff" "+version: 1.10 # ours"
same "and writes nothing" "$(sha ws/recipes/paged/recipe.yaml)" "$(sha "$scratch/paged.yaml")"
ok "update of all that say where" k update
said "says versions" "paged: 1.0 -> 1.10"
said "says what else to look at" "'cpe' still names 1.0; 'epoch' is still that of 1.0"
said "tags too, no early ones" "tagged: 1.0 -> 1.5"
said "counts the rest" "2 recipes updated, 0 up to date, 0 failed; 2 do not say where to look"
wanted=$(sed "s/^version: 1.0/version: 1.10/; s/^release: 3/release: 1/; s/$(sha "$up/page/paged-1.0.tar.gz")/$(sha "$up/page/paged-1.10.tar.gz")/" "$scratch/paged.yaml" | sha256sum | cut -d' ' -f1)
same "version, release and digest, and no other byte" "$(sha ws/recipes/paged/recipe.yaml)" "$wanted"
for r in paged tagged; do diff -u --label "a/recipes/$r/recipe.yaml" --label "b/recipes/$r/recipe.yaml" "$scratch/$r.yaml" "ws/recipes/$r/recipe.yaml"; done >"$scratch/diff"
same "the diff is what diff(1) says" "$(sha "$scratch/out")" "$(sha "$scratch/diff")"
ok "and fits patch(1)" patch -R -p1 -d ws -i "$scratch/diff"
same "back and forth" "$(sha ws/recipes/paged/recipe.yaml)" "$(sha "$scratch/paged.yaml")"
ok "again" k update
refused "the lock does not know it yet" 1 "paged: version 1.0-3 -> 1.10-1, recipe" k build --locked paged
ok "what was fetched is built" k build paged tagged
said "and the lock follows" "paged: version 1.0-3 -> 1.10-1"
ok "nothing newer" k --json update paged
says "as JSON" '{"current":1,"failed":0,"newer":0,"recipes":[{"before":"1.10","outcome":"current","recipe":"paged"}],"undeclared":0}'
sed -i 's/^update: {from: url,/update: {pre: true, from: url,/' ws/recipes/paged/recipe.yaml
ok "early versions when asked for" k update -n paged
says "the newest of them" "+version: 2.0beta1"
sed -i 's/pre: true,/series: "1.10",/' ws/recipes/paged/recipe.yaml
ok "a series" k update paged
said "is kept to" "paged: 1.10 is the newest"

# Failures stop nobody else, and are told.
cp "$scratch/tagged.yaml" ws/recipes/tagged/recipe.yaml
sed -i 's/{version}.tar/1.0.tar/' ws/recipes/paged/recipe.yaml
refused "no {version}: reported" 1 "failed: paged: no source has {version} in its url" k update
said "and the other is updated" "tagged: 1.0 -> 1.5"
cp "$scratch/tagged.yaml" ws/recipes/tagged/recipe.yaml
rm "$up/page/tagged-1.5.tar.gz"
refused "announced, but not there" 1 "failed: tagged: 1.0 -> 1.5: cannot fetch tagged-1.5.tar.gz" k update tagged
same "leaves the recipe alone" "$(sha ws/recipes/tagged/recipe.yaml)" "$(sha "$scratch/tagged.yaml")"
echo '<html>not found</html>' >"$up/page/tagged-1.5.tar.gz"
refused "a page instead of an archive" 1 "is not what its name says" k update tagged
cp "$up/page/tagged-1.0.tar.gz" "$up/page/tagged-1.5.tar.gz"
refused "the old bytes under a new name" 1 "has the bytes of 1.0" k update tagged
pack tagged 1.5
sed -i 's/^version: 1.0 #/version: "1\\x2e0" #/' ws/recipes/tagged/recipe.yaml
refused "a version that is not spelled out" 1 "recipes/tagged/recipe.yaml:3:10: this value cannot be edited in place" k update tagged
cp "$scratch/tagged.yaml" ws/recipes/tagged/recipe.yaml
refused "a recipe that does not say where" 1 "does not say where newer versions are" k update greet
refused "a recipe that is none" 1 "failed: nobody" k update nobody
# The same tags on a server that gitlab stands for, below a group, and in any repository at all.
mkdir -p "$up/group/sub"
cp -a "$up/owner/tagged.git" "$up/group/sub/tagged.git"
printf 'plain\trefs/heads/main\nplain\trefs/tags/release_1_4\nplain\trefs/tags/release_9_9\nplain\trefs/tags/tagged-1.5\n' >"$scratch/refs"
mkdir -p "$up/any/info" && cp "$scratch/refs" "$up/any/info/refs"
sed -i "s|^mirrors: {|mirrors: {gitlab: \"$at\", |" ws/kiln.yaml
for from in "gitlab, repo: group/sub/tagged" "git, url: \"$at/any\"" "git, url: \"$at/owner/tagged.git\", pattern: \"v{version}\""; do
	sed "s|^update: .*|update: {from: $from}|" "$scratch/tagged.yaml" >ws/recipes/tagged/recipe.yaml
	ok "tags from $from" k update tagged
	said "are found" "tagged: 1.0 -> 1.5"
done
sed "s|^update: .*|update: {from: git, url: \"$at/any\", pattern: \"rel-{version}\"}|" "$scratch/tagged.yaml" >ws/recipes/tagged/recipe.yaml
refused "tags that are called otherwise" 1 "/any has no tag as 'rel-{version}'" k update tagged
cp "$scratch/tagged.yaml" ws/recipes/tagged/recipe.yaml
rm "$up/owner/tagged.git/info/refs"
refused "a repository that is gone" 1 "the server answered 404" k update tagged
kill "$server"
refused "a server that is gone" 1 "failed: tagged: http://127.0.0.1" k update tagged

# The real archive, where there is one.
if command -v apt-get >/dev/null && "$kiln" -C ws fetch greet >/dev/null 2>&1 && apt-get indextargets 2>/dev/null | grep -q '^Created-By: Packages'; then
	mkdir -p ws/recipes/zlib
	sed 's/^version: .*/version: 1.2.11/; s/sha256: ....../sha256: 000000/' "$top/recipes/zlib/recipe.yaml" >ws/recipes/zlib/recipe.yaml
	ok "zlib of the signed archive" k update zlib
	same "becomes our own recipe" "$(sha ws/recipes/zlib/recipe.yaml)" "$(sha "$top/recipes/zlib/recipe.yaml")"
else
	skip archive "kiln update from the signed archive"
fi
finish
