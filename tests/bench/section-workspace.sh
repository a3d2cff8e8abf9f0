# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Nothing to do, in this workspace: a second build, a second publication.

target "kiln build with nothing to do" reported workspace-build -
target "kiln publish with nothing to do" reported workspace-publish -

section_workspace() {
	filled_workspace workspace-build || return 0
	fact "workspace: a second kiln build and kiln publish, $(find "$S/ws/recipes" -name recipe.yaml | wc -l) recipes"
	in_turn $((builds * 4)) workspace-build "$kiln -C $S/ws build" \
		workspace-publish "$kiln -C $S/ws publish"
}
