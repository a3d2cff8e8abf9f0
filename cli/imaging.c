/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/imaging.h"
#include "builder/stage.h"

int
imaging_check(const struct workspace *w, const struct image *image, struct err *err)
{
	if (!image->ground || stage_find(w->stages, image->ground))
		return 0;
	err_set(err, ERR_INPUT, "%s:%d:1: 'ground': there is no stage '%s'", image->path,
		image->line, image->ground);
	return err_hint(err, "stages stand in " STAGE_YAML "; without it there is only '%s'",
			STAGE_SEED);
}

static bool
is_ours(const struct workspace *w, const struct image *image)
{
	return !image->ground || strcmp(image->ground, w->stage->name) == 0;
}

static int
load_one(struct cli *cli, const char *name, struct image **out, struct err *err)
{
	const struct workspace *w = &cli->workspace;
	const char *path = arena_format(&cli->arena, "images/catalog/%s.yaml", name);

	if (strchr(name, '/') || name[0] == '.')
		return err_set(err, ERR_USAGE, "'%s' is not the name of an image", name);
	if (faccessat(w->dirfd, path, F_OK, 0) < 0 && errno == ENOENT) {
		err_set(err, ERR_INPUT, "no image is named '%s'", name);
		return err_hint(err, "write %s", path);
	}
	if (image_load(&cli->arena, w->dirfd, path, out, err) < 0 ||
	    imaging_check(w, *out, err) < 0)
		return -1;
	if (is_ours(w, *out))
		return 0;
	err_set(err, ERR_INPUT,
		"image %s holds packages of the stage '%s', this run is of '%s'", name,
		(*out)->ground, w->stage->name);
	return err_hint(err, "run `kiln --ground %s image %s`", (*out)->ground, name);
}

static int
load_all(struct cli *cli, struct image ***out, size_t *n, struct err *err)
{
	const struct workspace *w = &cli->workspace;
	struct image **all;
	size_t nall;

	*n = 0;
	if (image_load_all(&cli->arena, w->dirfd, &all, &nall, err) < 0)
		return -1;
	*out = arena_array(&cli->arena, nall + 1, sizeof(**out));
	for (size_t i = 0; i < nall; i++) {
		if (imaging_check(w, all[i], err) < 0)
			return -1;
		if (is_ours(w, all[i]))
			(*out)[(*n)++] = all[i];
	}
	if (*n)
		return 0;
	err_set(err, ERR_INPUT, "there is no image of the stage '%s'", w->stage->name);
	return err_hint(err, "write images/catalog/NAME.yaml, with `ground: %s`",
			w->stage->name);
}

int
imaging_load(struct cli *cli, const char *const *names, size_t nnames, struct image ***out,
	     size_t *n, struct err *err)
{
	if (nnames == 0)
		return load_all(cli, out, n, err);
	*n = nnames;
	*out = arena_array(&cli->arena, nnames, sizeof(**out));
	for (size_t i = 0; i < nnames; i++)
		if (load_one(cli, names[i], &(*out)[i], err) < 0)
			return -1;
	return 0;
}
