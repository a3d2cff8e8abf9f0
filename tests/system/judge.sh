#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Puts a judge that we did not write into DIR: what is in tests/system/NAME with what its lists pin by digest
# (package-lock.json: npm, requirements.txt: pip), from whatever registry these are set up for.
# What is there already costs nothing.
# usage: judge.sh NAME DIR
set -eu
here=$(cd "$(dirname "$0")" && pwd)/$1
want=$(cat "$here"/* | sha256sum)
[ "$(cat "$2/installed" 2>/dev/null)" != "$want" ] || exit 0
rm -rf "$2"
mkdir -p "$2"
cp "$here"/* "$2"
cd "$2"
[ ! -f package-lock.json ] || npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
[ ! -f requirements.txt ] ||
	python3 -m pip install --quiet --root-user-action=ignore --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
		--target python -r requirements.txt >&2
printf '%s\n' "$want" >installed
