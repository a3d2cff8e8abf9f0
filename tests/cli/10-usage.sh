#!/bin/sh
# The command line itself: help, usage errors, exit codes.
set -u
. "$(dirname "$0")/lib.sh"
kiln=${KILN:?the kiln program}
cd "$scratch" || exit 2

ok "kiln alone shows the commands" "$kiln"
says "the table is by task" "verify a package, a repository or an image, offline"
for verb in init lint fetch build shell log publish image verify key seed store help version; do
	ok "$verb has help" "$kiln" "$verb" --help
	says "$verb's help has an example" "example:"
done
refused "unknown command" 2 "unknown command 'biuld' (did you mean 'build'?)" "$kiln" biuld
refused "unknown option" 2 "unknown option '--jbos' (did you mean '--jobs'?)" "$kiln" build --jbos 2
refused "a value that is no number" 2 "option --jobs wants a number, not 'two'" "$kiln" build --jobs two
refused "a negative number" 2 "option --jobs wants a number, not '-1'" "$kiln" build --jobs -1
refused "a missing value" 2 "option --jobs wants a value (N)" "$kiln" build --jobs
refused "a flag with a value" 2 "option --dry-run takes no value" "$kiln" build --dry-run=yes
refused "too few operands" 2 "usage: kiln log RECIPE" "$kiln" log
refused "too many operands" 2 "usage: kiln version" "$kiln" version 1 2
refused "no workspace" 1 "kiln.yaml" "$kiln" lint
ok "version" "$kiln" version --json
same "version as canonical JSON" "$(cat "$scratch/out")" '{"kiln":"0.1.0","recipe_format":1}'
ok "help on the recipe's keys" "$kiln" help recipe
says "keys have types and defaults" "sources[].sha256"
refused "help on nothing" 2 "no help on 'nothing'" "$kiln" help nothing
done_testing
