/* SPDX-License-Identifier: Apache-2.0 */
/* Between workspace.c, workspace_cache.c and workspace_store.c. */
#pragma once

#include "builder/recipe_priv.h"
#include "builder/workspace.h"

/* `cache:` of kiln.yaml: a map, or the word none. */
recipe_read_fn workspace_cache_read;
/* `store:` of kiln.yaml. */
recipe_read_fn workspace_store_read;
/* Files count from the workspace, whatever the directory Kiln was started in. */
void workspace_cache_place(struct arena *a, struct workspace *w);
