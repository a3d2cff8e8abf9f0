# SPDX-License-Identifier: Apache-2.0
# Sourced by tests of recipes, stages and packages: an empty workspace $scratch/ws on the seed, with the checkout's
# store and keys, and the words such tests use. (small.sh: the same with keys of its own, for many small builds.)
. "$(dirname "$0")/../cli/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=${KILN_BUILD:-$top/build/release}/kiln
KILN_STORE=${KILN_STORE:-$top/.kiln/store}
KILN_KEYS=${KILN_KEYS:-$top/.kiln/keys}
export KILN_STORE KILN_KEYS
unset KILN_GROUND CI
cd "$scratch" || exit 2
mkdir -p ws/recipes ws/images/catalog ws/bootstrap
cp "$top/kiln.yaml" ws/
cp "$top/bootstrap/seed.yaml" "$top/bootstrap/seed.lock" ws/bootstrap/
# What an earlier run of the test built does not count.
salt=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')

k() { "$kiln" -C ws "$@"; }

said() { # said WORDS TEXT: the last command said so on stderr
	assert_contains "$1" "$2" "$(cat "$scratch/err")"
}

take() { # take RECIPE...: those of the checkout, which its store holds
	for name; do cp -a "$top/recipes/$name" ws/recipes/; done
}

statement_in() { # statement_in BUNDLE: what is signed in it
	jq -r .dsseEnvelope.payload "$1" | base64 -d
}
