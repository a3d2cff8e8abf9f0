#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the store promises: gc removes exactly what it said it would, never what a recipe, a pin or a
# running Kiln needs, and runs beside builds. Needs a store that holds the seed; works in a copy of it.
set -u
. "$(dirname "$0")/../cli/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=$top/build/kiln
from=${KILN_STORE:-$top/.kiln/store}
KILN_STORE=$scratch/store
KILN_KEYS=$scratch/keys
export KILN_STORE KILN_KEYS
cd "$scratch" || exit 2
copy_store "$from" store || exit 2
rm -rf store/failed # other tests of the same store left theirs
mkdir -p ws/recipes/note ws/images/catalog
cp "$top/kiln.yaml" ws/
cp -a "$top/bootstrap" ws/
recipe() { # recipe TEXT
	cat >ws/recipes/note/recipe.yaml <<R
format: 1
name: note
version: "1"
release: 1
summary: A note
license: MIT
homepage: https://example.org/
epoch: 2026-01-01
build:
  steps:
    - name: make
      run: |
        mkdir -p "\$DESTDIR/usr/share/note"
        echo "$1" > "\$DESTDIR/usr/share/note/text"
R
}
k() { "$kiln" -C ws "$@"; }
room() { du -sk store/blobs store/trees store/manifests store/refs | awk '{s += $1} END {print s}'; }
age() { find store/blobs store/refs -type f -exec touch -d '2 days ago' {} +; }
key() { sed 's/.*"key":"\([0-9a-f]*\)".*/\1/' store/refs/last/note; }

ok "development keys" k key init
recipe one
ok "the first is built" k build note
first=$(key)
ok "it is pinned" k store pin note
recipe two
ok "another is built" k build note
second=$(key)
recipe three
ok "and another" k build note
third=$(key)
ok "what is young stays" k store gc
age

ok "a dry run" k store gc --dry-run
says "it names what goes" "refs/action/$second"
cp out dry
before=$(room)
said=$(awk '/^ *[0-9]+ [a-z]+\// {s += $1} END {print int(s / 1024)}' dry)
ok "gc" k store gc
after=$(room)
same "what went is what the dry run said, to the byte" "$((before - after))" "$said"
same "the pinned result stays" "$(test -f "store/refs/action/$first" && echo yes)" yes
same "the last result stays" "$(test -f "store/refs/action/$third" && echo yes)" yes
same "the one between is gone" "$(test -f "store/refs/action/$second" || echo gone)" gone
ok "a build after it" k build note
says "has nothing to do" "nothing to build"
recipe one
ok "what was pinned" k build note
says "is served" "served from the store"
recipe three
ok "and back" k build note
ok "the pin is taken away" k store unpin note
refused "twice is an error" 1 "'note' is not pinned" k store unpin note
age
ok "gc again" k store gc --older-than 1d
same "what was pinned went" "$(test -f "store/refs/action/$first" || echo gone)" gone
ok "the store is sound" k store check

# What a recipe comes to now is needed, also when something newer was built meanwhile: by a later
# version that was taken back, or by another workspace with a recipe of the same name.
recipe current
ok "a recipe" k build note
current=$(key)
recipe later
ok "a later version" k build note
rm -rf ws/.kiln/plan-*
recipe current
ok "is taken back" k build note
says "and the former served" "served from the store"
cp -a ws other-ws
rm -rf other-ws/.kiln/plan-*
sed -i 's/echo "current"/echo "elsewhere"/' other-ws/recipes/note/recipe.yaml
ok "another workspace builds its own" "$kiln" -C other-ws build note
age
ok "gc" k store gc
ok "the former" k build note
says "is still there" "nothing to build"
same "under its key" "$(test -f "store/refs/action/$current" && echo yes)" yes
age
ok "gc from the other" "$kiln" -C other-ws store gc
ok "once more" k build note
says "it is there" "nothing to build"
rm -rf other-ws

# What a failed build left is wanted as long as the recipe stands like that, and no longer.
mkdir ws/recipes/fails
sed 's/^name: note/name: fails/; s/echo ".*"/false/' ws/recipes/note/recipe.yaml >ws/recipes/fails/recipe.yaml
"$kiln" -C ws build fails >out 2>&1 && fail "a recipe that fails" "$(cat out)"
mkdir -p store/failed/stranger/build
echo large >store/failed/stranger/build/file
cp store/refs/failed/fails store/refs/failed/stranger
touch -d '2 days ago' store/failed/fails store/failed/stranger store/refs/failed/*
ok "a dry run" k store gc --dry-run
says "names what is left of a recipe that nobody has" "failed/stranger"
assert_lacks "and not what may yet be looked at" "failed/fails" "$(cat out)"
ok "gc" k store gc
same "does so" "$(ls store/failed)" fails
same "and lets go of the note, too" "$(ls store/refs/failed)" fails
sed -i 's/false/true/' ws/recipes/fails/recipe.yaml
ok "it is mended" k build fails
ok "what is not so old stays" k store gc --older-than 3d
same "as it was asked" "$(ls store/failed)" fails
ok "gc" k store gc
same "it is gone" "$(ls store/failed)" ""
rm -rf ws/recipes/fails

# Beside builds: what is old but found again, made again or stood upon stays; twenty times.
bad=
served=0
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	recipe "round $((i % 3))"
	[ $((i % 5)) != 0 ] || rm -rf ws/.kiln/plan-* # decided anew, not remembered
	age
	find store/manifests -type f -exec touch -d '2 days ago' {} +
	k build note >built 2>&1 &
	builder=$!
	budget= # every third round something is left that the next may be served from
	[ $((i % 3)) = 0 ] || budget='--keep-bytes 20GiB'
	k store gc $budget >gc1 2>&1 || bad="$bad gc $i: $(tail -n 1 gc1);"
	k store gc $budget >gc2 2>&1 || bad="$bad gc $i: $(tail -n 1 gc2);"
	wait $builder || bad="$bad build $i: $(tail -n 2 built);"
	! grep -q 'nothing to build' built || served=$((served + 1))
	k build note >again 2>&1
	grep -q 'nothing to build' again || bad="$bad round $i was not kept: $(tail -n 2 again);"
done
same "builds beside 40 collections" "$bad" ""
[ $served -gt 0 ] || fail "none of these builds was served from the store"
ok "and the store is sound" k store check
recipe three
ok "as before" k build note
# Damage: every kind is found, put aside, and made again.
log=$(sed 's/.*"log":"\([0-9a-f]*\)".*/\1/' store/refs/run/note)
blob=store/blobs/$(echo "$log" | cut -c1-2)/$log
truncate -s 1 "$blob"
refused "a truncated blob" 1 "of the store is corrupt" k store check
assert_contains "it is named" "blobs/$(echo "$log" | cut -c1-2)/$log" "$(cat err)"
ok "repair" k store check --repair
assert_contains "the result that needs it is told" "not whole: refs/action/$third" "$(cat err)"
ok "then the store is sound" k store check
ok "and a build" k build note
says "makes it again" "1 built"
tree=$(ls store/trees | grep '^deb-' | head -n 1)
file=$(find "store/trees/$tree" -type f -size +1 | head -n 1)
chmod u+w "$(dirname "$file")" "$file"
echo x >>"$file"
refused "a changed tree" 1 "of the store is corrupt" k store check
ok "repair of a tree" k store check --repair
ok "then all is sound" k store check

# The index: whatever happens to it, what is said is what the results say.
ok "which results hold a package" k store find note
cp out truth
assert_contains "its last is named" "$(key) note note-1-1." "$(cat truth)"
digest=$(sed 's/.*"file":"\([0-9a-f]*\)".*/\1/' "store/refs/action/$(key)")
ok "by the digest of its file" k store find "$digest"
says "the same result" "$(key) note"
refused "a package that nobody holds" 1 "no result in the store holds 'none'" k store find none
ok "the size by recipe" k store size
says "it counts" "note "
newer="PRAGMA user_version=99" lies="UPDATE package SET file=''; UPDATE result SET recipe='x'"
for harm in 'rm -f store/index.sqlite' 'truncate -s 5000 store/index.sqlite' 'head -c 30000 /dev/urandom >store/index.sqlite' \
	'python3 -c "import sqlite3; sqlite3.connect(\"store/index.sqlite\", isolation_level=None).executescript(\"$newer\")"' \
	'python3 -c "import sqlite3; sqlite3.connect(\"store/index.sqlite\", isolation_level=None).executescript(\"$lies\")"' \
	'rm -f store/index.sqlite; mkdir store/index.sqlite' 'rmdir store/index.sqlite; ln -s /nonexistent store/index.sqlite'; do
	eval "$harm"
	ok "after: $harm" k store find note
	same "it says the same" "$(cat out)" "$(cat truth)"
done
rm -f store/index.sqlite
k store size >/dev/null
python3 -c "import sqlite3; sqlite3.connect('store/index.sqlite', isolation_level=None).executescript(\"$lies\")"
ok "check of an index that lies" k store check
assert_contains "it is told" "does not say what the results say" "$(cat err)"
ok "repair of it" k store check --repair
ok "and then" k store check --json
says "it is right" '"indexStale":false'

# To a machine without a network: packages, proof and inputs as a static tree.
recipe three
ok "export" k store export "$scratch/tree" note
here=$KILN_STORE
KILN_STORE=$scratch/other
offline=
[ "$(id -u)" != 0 ] || offline="unshare -n"
ok "import into an empty store" $offline "$kiln" -C ws store import "$scratch/tree"
says "the result is taken" "and 1 result"
ok "fetch without a network" $offline "$kiln" -C ws fetch note
says "has nothing to bring" "0 inputs fetched"
ok "build without a network" $offline "$kiln" -C ws build note
says "has nothing to do" "nothing to build"
sed -i 's/echo "three"/echo "four"/' ws/recipes/note/recipe.yaml
ok "a changed recipe builds there too" $offline "$kiln" -C ws build note
says "from the imported seed" "1 built"
recipe three
ok "import again" "$kiln" -C ws store import "$scratch/tree"
says "brings nothing twice" "imported 0 objects"

# What was changed on the way.
ac=tree/ac/$(key)
cp "$ac" good
for change in 's/"installed_size":[0-9]*/"installed_size":1/' 's/"environment":"[0-9a-f]*"/"environment":"'"$log"'"/' \
	's/"log":"[0-9a-f]*"/"log":"'"$(sed 's/.*"record":"\([0-9a-f]*\)".*/\1/' good)"'"/'; do
	rm -rf other
	sed "$change" good >bad
	cmp -s good bad && fail "the change $change changed nothing"
	cp -f bad "$ac"
	ok "import with $change" "$kiln" -C ws store import "$scratch/tree"
	says "believes no such result" "and 0 results"
	assert_contains "and says why" "result of note not taken: " "$(cat err)"
done
cp -f good "$ac"
rm -rf other
cp -a keys keys.mine
rm -rf keys
ok "other keys" k key init
ok "import under other keys" "$kiln" -C ws store import "$scratch/tree"
says "believes no stranger" "and 0 results"
rm -rf keys
mv keys.mine keys
blob=$(find tree/cas -size -8 -type f | head -n 1)
chmod u+w "$blob"
echo x >>"$blob"
rm -rf other
refused "a changed blob" 1 "wanted ${blob#tree/cas/}" "$kiln" -C ws store import "$scratch/tree"
rm -f tree/kiln.json
refused "an export that was cut off" 1 "is no finished" "$kiln" -C ws store import "$scratch/tree"
KILN_STORE=$here

# A disk that is full: a store on a small file system of its own.
# Root needs a mount namespace for that; others a user namespace as well, and are themselves in it.
if [ "$(id -u)" = 0 ]; then
	into="unshare -m" as=
else
	into="unshare -rm" as="unshare -U --map-user=1000 --map-group=1000"
fi
if $into true 2>/dev/null; then
	cat >full.sh <<'F'
mount -t tmpfs -o size=3m none "$1/small" || exit 9
cd "$1" || exit 9
KILN_STORE=$1/small/store
export KILN_STORE
head -c 1500000 /dev/urandom >ws/recipes/big/a
head -c 1500000 /dev/urandom >ws/recipes/big/b
head -c 1500000 /dev/urandom >ws/recipes/big/c
for f in a b c; do
	printf '  - {url: "file:%s", sha256: %s, unpack: false}\n' $f "$(sha256sum <ws/recipes/big/$f | cut -c1-64)"
done >>ws/recipes/big/recipe.yaml
$3 "$2" -C ws fetch big
echo "exit $?"
$3 "$2" -C ws store check
echo "exit $?"
rm -f "$1"/small/store/blobs/*/*
$3 "$2" -C ws store check
echo "exit $?"
F
	mkdir -p small ws/recipes/big
	sed 's/^name: note/name: big/; s/ > "[$]DESTDIR.*/ > x/' ws/recipes/note/recipe.yaml >ws/recipes/big/recipe.yaml
	echo "sources:" >>ws/recipes/big/recipe.yaml
	$into sh full.sh "$scratch" "$kiln" "$as" >full.out 2>&1
	assert_contains "a full disk is told" "No space left on device" "$(cat full.out)"
	assert_contains "with what to do" "free space where the store is" "$(cat full.out)"
	assert_contains "and leaves a sound store" "0 corrupt" "$(cat full.out)"
	same "exits" "$(grep ^exit full.out | tr '\n' ' ')" "exit 1 exit 0 exit 0 "
	rm -rf ws/recipes/big
else
	skip userns "a store on a full disk"
fi
# A quota: said before anything begins, kept while it goes on, and with `collect` what nothing needs goes.
limit() { echo "$(($(room) / 1024 + $1))MiB"; }
heavy() { # heavy NAME TEXT: a recipe with a source of 40 MB, or of none
	mkdir -p "ws/recipes/$1"
	sed "s/^name: note/name: $1/; s|share/note|share/$1|g" ws/recipes/note/recipe.yaml >"ws/recipes/$1/recipe.yaml"
	head -c 40000000 /dev/urandom >"ws/recipes/$1/data"
	printf 'sources:\n  - {url: "file:data", sha256: %s, unpack: false}\n' "$(sha256sum <"ws/recipes/$1/data" | cut -c1-64)" \
		>>"ws/recipes/$1/recipe.yaml"
}
source_of() { sha256sum <"ws/recipes/$1/data" | sed 's/^\(..\)\([0-9a-f]*\).*/store\/blobs\/\1\/\1\2/'; }
recipe three
ok "as before" k build note
ok "where nothing is to be built a quota refuses nothing" env KILN_STORE_QUOTA=1MiB "$kiln" -C ws build note
recipe quota
refused "a store that is over its quota" 1 "its quota is 1 MiB" env KILN_STORE_QUOTA=1MiB "$kiln" -C ws build note
assert_contains "with the remedy" 'kiln store gc --keep-bytes' "$(cat err)"
refused "a build that would not fit" 1 "and the build needs about" env KILN_STORE_QUOTA="$(limit 5)" "$kiln" -C ws build note
refused "a quota without sense" 1 "KILN_STORE_QUOTA must be a size" env KILN_STORE_QUOTA=much "$kiln" -C ws build note
ok "one that fits" env KILN_STORE_QUOTA="$(limit 60)" "$kiln" -C ws build note
says "is built" "1 built"
heavy lost
heavy kept
ok "two with large sources" k build lost kept
ok "one is pinned" k store pin kept
lost=$(source_of lost) kept=$(source_of kept)
rm -rf ws/recipes/lost ws/recipes/kept
age
recipe collected
quota=$(limit 10)
refused "they stand in the way" 1 "and the build needs about" env KILN_STORE_QUOTA="$quota" "$kiln" -C ws build note
same "and nothing went" "$(test -f "$lost" && test -f "$kept" && echo yes)" yes
cp ws/kiln.yaml plain.yaml
echo "store: {quota: $quota, collect: true}" >>ws/kiln.yaml
cp -a ws ws-too
rm -rf ws-too/.kiln/plan-*
sed -i 's/echo "collected"/echo "beside it"/' ws-too/recipes/note/recipe.yaml
"$kiln" -C ws-too build note >beside 2>&1 &
beside=$!
ok "with collect it is built" k build note
wait $beside || fail "and so is that of another Kiln" "$(cat beside)"
assert_contains "what went is said" "that nothing needs removed (" "$(cat out err beside)"
same "what nothing needs is gone" "$(test -f "$lost" || echo gone)" gone
same "what a pin holds stays" "$(test -f "$kept" && echo yes)" yes
ok "the store is sound" k store check
rm -rf ws-too
echo "store: {quota: 1MiB, collect: true}" | cat plain.yaml - >ws/kiln.yaml
recipe refused
refused "what is needed never goes for a quota" 1 "its quota is 1 MiB" k build note
same "nor does the pinned" "$(test -f "$kept" && echo yes)" yes
cp plain.yaml ws/kiln.yaml
ok "the pin is taken away" k store unpin kept
heavy first
rm -f ws/recipes/first/data
sed -i '/^sources:/,$d; s|echo "refused" >|seq 10000000 >|' ws/recipes/first/recipe.yaml
recipe second
sed -i 's/^build:/build:\n  needs: [first]/' ws/recipes/note/recipe.yaml
refused "a quota that is reached on the way" 1 "note: " env KILN_STORE_QUOTA="$(limit 75)" "$kiln" -C ws build -j 1 note
assert_contains "nothing more starts" "not started: the store" "$(cat out err)"
ok "what was finished is kept" k build --dry-run note
says "and the rest is left" "would build 1, serve 1"
rm -rf ws/recipes/first
refused "a size without sense" 2 "not a size such as" k store gc --keep-bytes much
refused "an age without sense" 2 "not an age such as" k store gc --older-than 0d
finish
