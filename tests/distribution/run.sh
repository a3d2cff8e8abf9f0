#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What `make check-distribution` runs: the images and packages of the ground `final`, started and used for real. It builds nothing:
# a ground that is not there is no skip, it is an error that names what makes it. The workspace that is asked is $KILN_WORKSPACE,
# by default this one, with its store and keys.
# usage: tests/distribution/run.sh BUILD [images.sh|packages.sh]
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
KILN_BUILD=$(cd "$1" && pwd) || exit 2
shift
here=${KILN_WORKSPACE:-$top}
KILN_STORE=${KILN_STORE:-$here/.kiln/store}
KILN_KEYS=${KILN_KEYS:-$here/.kiln/keys}
export KILN_BUILD KILN_STORE KILN_KEYS
unset CI KILN_GROUND
cd "$(dirname "$0")" || exit 2

[ "$(id -u)" = 0 ] || { echo "check-distribution: containers and dnf's empty root need root" >&2; exit 2; }
for tool in runc umoci jq dnf nsenter openssl curl gcc g++; do
	command -v $tool >/dev/null || { echo "check-distribution: $tool is missing; install it (mk/deps.sh distribution)" >&2; exit 2; }
done

# A workspace of its own, so that out/ of the checkout stays what the quickstart made.
KILN_WS=$(mktemp -d "${TMPDIR:-/tmp}/kiln-distribution-XXXXXX") || exit 2
export KILN_WS
trap 'rm -rf "$KILN_WS"' EXIT
trap 'exit 130' INT TERM
chmod 755 "$KILN_WS"
cp -a "$here"/kiln.yaml "$here"/kiln*.lock "$here"/bootstrap "$here"/distribution "$here"/images "$KILN_WS/"
XDG_STATE_HOME=$KILN_WS/state
export XDG_STATE_HOME
kiln() { "$KILN_BUILD/kiln" -C "$KILN_WS" --ground final "$@"; }
if ! kiln publish >"$KILN_WS/log" 2>&1 || ! kiln image >>"$KILN_WS/log" 2>&1; then
	tail -n 5 "$KILN_WS/log" >&2
	echo "check-distribution: the ground 'final' is not built as its recipes stand; run: kiln bootstrap --ground final && kiln --ground final build" >&2
	exit 2
fi
cat "$KILN_WS/log"

[ $# -gt 0 ] || set -- images.sh packages.sh
bad=0
for script; do
	echo "== $script"
	"./$script" || bad=1
done
exit $bad
