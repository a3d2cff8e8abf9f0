#!/bin/sh
# Bad recipes and images: each an error with file, line and column and its remedy, exit 1.
set -u
. "$(dirname "$0")/lib.sh"
kiln=${KILN:?the kiln program}
cd "$scratch" || exit 2

ok "init makes a workspace" "$kiln" init ws
ok "what init makes is well-formed" "$kiln" -C ws lint
ok "init again overwrites nothing" "$kiln" init ws
rm -rf ws/recipes/* ws/images/catalog/*
mkdir -p ws/recipes/x
recipe() { # recipe: stdin becomes recipes/x/recipe.yaml
	cat >ws/recipes/x/recipe.yaml
}
good() {
	cat <<'Y'
format: 1
name: x
version: "1"
release: 1
summary: A test
license: MIT
homepage: https://example.org/
build:
  steps:
    - name: make
      run: make
packages:
  - name: x
    files: [/usr/bin/x]
Y
}
good | recipe
ok "the good recipe is good" "$kiln" -C ws lint
ok "lint as JSON" "$kiln" -C ws lint --json
same "lint's JSON" "$(cat "$scratch/out")" '{"images":0,"problems":[],"recipes":1}'
good | sed 's/^version:/vresion:/' | recipe
refused "unknown key" 1 "recipes/x/recipe.yaml:3:1: unknown key 'vresion' (did you mean 'version'?)" "$kiln" -C ws lint
good | sed 's/^summary: .*/summary: [a, b]/' | recipe
refused "wrong type" 1 "recipes/x/recipe.yaml:5:10:" "$kiln" -C ws lint
good | sed 's/^license: .*/license: Mine And Yours/' | recipe
refused "not an SPDX expression" 1 "recipes/x/recipe.yaml:6:" "$kiln" -C ws lint
good | sed 's/^build:/sources:\n  - url: https:\/\/example.org\/x.tar.gz\nbuild:/' | recipe
refused "missing sha256" 1 "sha256" "$kiln" -C ws lint
says_where=$(cat "$scratch/err")
same "missing sha256 says where" "$(echo "$says_where" | grep -c 'recipes/x/recipe.yaml:9:')" 1
good | sed 's/^name: x/name: y/' | recipe
refused "name and directory differ" 1 "recipes/x/recipe.yaml:2:" "$kiln" -C ws lint
good | sed 's/^name: x/name: x\nname: x/' | recipe
refused "a key twice" 1 "recipes/x/recipe.yaml:3:" "$kiln" -C ws lint
good | sed 's/^format: 1/format: 2/' | recipe
refused "a newer format" 1 "recipes/x/recipe.yaml:1:" "$kiln" -C ws lint
printf 'format: 1\nname: "unclosed\n' | recipe
refused "not YAML" 1 "recipes/x/recipe.yaml:" "$kiln" -C ws lint
good | sed 's/^build:/build:\n  needs: [y]/' | recipe
refused "a need that nothing makes" 1 "recipes/x/recipe.yaml:9:11: recipe 'x' needs 'y', which no recipe makes" "$kiln" -C ws lint
mkdir ws/recipes/y
sed 's/^name: x/name: y/; s/- name: x/- name: y/; s/needs: \[y\]/needs: [x]/' ws/recipes/x/recipe.yaml >ws/recipes/y/recipe.yaml
refused "a cycle" 1 "dependency cycle of 2 recipes" "$kiln" -C ws lint
assert_contains "each need of the cycle has its place" "recipes/y/recipe.yaml:9:11: y needs x" "$(cat "$scratch/err")"
rm -r ws/recipes/y
good | recipe
printf 'format: 1\npackages: [{name: a}]\n' >ws/bootstrap/seed.lock
refused "a broken lock of the seed" 1 "bootstrap/seed.lock:2:" "$kiln" -C ws lint
rm ws/bootstrap/seed.lock
mkdir -p ws/images/catalog
printf 'format: 1\nname: i\nsummary: An image\npackages: [x]\ncofnig: {cmd: [/bin/sh]}\n' >ws/images/catalog/i.yaml
refused "unknown key of an image" 1 "images/catalog/i.yaml:5:1: unknown key 'cofnig' (did you mean 'config'?)" "$kiln" -C ws lint
done_testing
