# SPDX-License-Identifier: Apache-2.0
# Sourced by tests that build a small workspace again and again in a copy of a store that holds the seed:
# ws/ with RECIPES, k, chain, settle, reset, outcome, broken.
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=$top/build/kiln
from=${KILN_STORE:-$top/.kiln/store}
KILN_STORE=$scratch/store
KILN_KEYS=$scratch/keys
export KILN_STORE KILN_KEYS
cd "$scratch" || exit 2
copy_store "$from" store || exit 2
rm -rf store/refs/action store/refs/last store/refs/publish store/refs/proof store/index.sqlite
mkdir -p ws/recipes ws/images/catalog
cp "$top/kiln.yaml" ws/
cp -a "$top/bootstrap" ws/
chain() { # chain NAME NEEDS: a small package, built upon another (or upon none)
	mkdir -p "ws/recipes/$1"
	cat >"ws/recipes/$1/recipe.yaml" <<R
format: 1
name: $1
version: "1"
release: 1
summary: A note
license: MIT
homepage: https://example.org/
epoch: 2026-01-01
build:
${2:+  needs: [$2]}
  steps:
    - name: make
      run: |
        mkdir -p "\$DESTDIR/usr/share/$1"
        for i in 1 2 3 4 5; do echo "$1 \$i" > "\$DESTDIR/usr/share/$1/\$i"; done
        head -c 200000 /dev/zero | tr '\\\\0' x > "\$DESTDIR/usr/share/$1/long"
R
}
k() { "$kiln" -C ws "$@"; }

# What came out, without what a signature makes different each time.
outcome() {
	for r in $RECIPES; do
		key=$(sed 's/.*"key":"\([0-9a-f]*\)".*/\1/' "store/refs/last/$r")
		echo "$r $key"
		grep -o '"\(file\|header\)":"[0-9a-f]*"' "store/refs/action/$key"
	done 2>&1
}
inventory() {
	(cd store && {
		find trees manifests -maxdepth 1 -mindepth 1
		find blobs refs -maxdepth 2 -mindepth 2
	} | sort)
}
# Builds once; what is unpacked of the seed then stays, so that rounds are short.
settle() {
	ok "development keys" k key init
	k fetch >/dev/null 2>&1
	inventory >baseline
	ok "undisturbed it builds" k build -j 2
	outcome >wanted
	(cd store && find trees manifests refs/offers -maxdepth 1 -mindepth 1 | grep -v /rpm-) >unpacked
	sort -u -o baseline baseline unpacked
	reset
}
# Whatever came since is whole; `store check`, which hashes the seed again, is asked every tenth time.
broken() {
	inventory >now
	comm -13 baseline now | sed -n 's|^blobs/../||p' | while read -r blob; do
		echo "$blob  store/blobs/$(echo "$blob" | cut -c1-2)/$blob"
	done >sums
	[ ! -s sums ] || sha256sum -c --quiet sums 2>&1
}
reset() { # the store as it was before anything was built
	inventory >now
	comm -13 baseline now | while read -r name; do
		chmod -R u+w "store/$name" 2>/dev/null
		rm -rf "store/${name:?}"
	done
	rm -rf ws/.kiln/plan-*
}
