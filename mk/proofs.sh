#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/trust.md names a test for each thing it promises: a name that no test has is a promise that nobody keeps.
set -eu
page=docs/trust.md
bad=0
say() {
	echo "$page: no test is called $1" >&2
	bad=1
}
for script in $(grep -o '`[0-9][0-9]-[a-z-]*\.sh`' $page | tr -d '`' | sort -u); do
	[ -x "tests/system/$script" ] || say "$script"
done
for name in $(grep 'unit: ' $page | sed 's/.*unit: //' | grep -o '`[a-z_0-9]*`' | tr -d '`' | sort -u); do
	grep -rqs "^TEST($name)" tests/unit || say "$name"
done
exit $bad
