# SPDX-License-Identifier: Apache-2.0
# Sourced by tests of many small builds: a workspace $scratch/ws without recipes, with keys of its own, on the
# seed that the workspace's store already holds; nothing changes in that store but by adding.
. "$(dirname "$0")/../cli/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=${KILN_BUILD:-$top/build/release}/kiln
KILN_STORE=${KILN_STORE:-$top/.kiln/store}
KILN_KEYS=$scratch/keys
export KILN_STORE KILN_KEYS
cd "$scratch" || exit 2
mkdir -p ws/recipes ws/images/catalog
cp "$top/kiln.yaml" ws/
cp -a "$top/bootstrap" ws/
# What an earlier run of the test built does not count.
salt=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
recipe() { # recipe NAME [NEEDS]: its one step is read from stdin
	mkdir -p "ws/recipes/$1"
	{
		cat <<END
format: 1
name: $1
version: "1"
release: 1
summary: Nothing $salt
license: MIT
homepage: https://example.org/
epoch: 2026-01-01
build:
  ${2:+needs: [$2]}
  steps:
    - name: all
      run: |
END
		sed 's/^/        /'
	} >"ws/recipes/$1/recipe.yaml"
}
ok "development keys" "$kiln" -C ws key init
