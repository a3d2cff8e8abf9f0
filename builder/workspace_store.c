/* SPDX-License-Identifier: Apache-2.0 */
/* `store:` of kiln.yaml, and what the environment says against it. */
#include "builder/workspace_priv.h"

static const struct recipe_field fields[] = {
	{ .name = "quota",
	  .read = recipe_read_size,
	  .at = offsetof(struct workspace_store, quota) },
	{ .name = "collect",
	  .read = recipe_read_bool,
	  .at = offsetof(struct workspace_store, collect) },
};
static const struct recipe_table table = { .path = "store",
					   .fields = fields,
					   .n = ARRAY_LEN(fields),
					   .line = RECIPE_NOWHERE,
					   .col = RECIPE_NOWHERE };

int
workspace_store_read(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	struct workspace_store *store =
		(struct workspace_store *)(void *)((char *)v->base + v->field->at);

	if (v->doc->kind != DOC_MAP)
		return recipe_read_wrong(r, v, "a map", err);
	return recipe_table_read(r, &table, v->doc, store, err);
}

int
workspace_store_apply(struct workspace *w, const char *quota, struct err *err)
{
	const struct doc d = { .kind = DOC_TEXT, .text = quota };

	if (!quota)
		return 0;
	w->store.quota = 0;
	if (*quota == '\0' || strcmp(quota, "none") == 0 ||
	    recipe_read_bytes(&d, &w->store.quota))
		return 0;
	return err_set(err, ERR_INPUT,
		       "KILN_STORE_QUOTA must be a size such as 500MiB or 20GiB, or none");
}
