/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the loop and the process that has packages made. A job is one message with two
 * descriptors, a memory file and a pipe; the harvest's directory is found by name. The memory
 * file holds two lines of JSON, the job and the manifest of its harvest; in their place the
 * facts come back. The pipe gets one struct err.
 */
#pragma once

#include "builder/build_priv.h"

#define BUILD_PACK_FACTS_MAX DOC_MAX_BYTES
#define BUILD_PACK_JOB_MAX   (DOC_MAX_BYTES * 5)

enum { BUILD_PACK_FILE, BUILD_PACK_PIPE, BUILD_PACK_FDS };

/* ---- build_pack_image.c: what the forked process runs ---- */
#define BUILD_PACK_NAME "kiln-pack"
enum { BUILD_PACK_SOCK, BUILD_PACK_STORE, BUILD_PACK_IMAGE_FDS }; /* from IMAGE_FIRST on */
void build_pack_image_run(const struct cas *store, int sock) NO_RETURN;

/* ---- build_pack_serve.c ---- */
/* The process's whole life, in whichever image. With refused, every job is answered with it. */
void build_pack_serve(const struct err *refused) NO_RETURN;

/* ---- build_pack_wire.c ---- */
struct doc *build_pack_recipe_doc(struct arena *a, const struct recipe *r);
int build_pack_recipe_read(struct arena *a, const struct doc *d, struct recipe *r,
			   struct err *err) MUST_CHECK;
