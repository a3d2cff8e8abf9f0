/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A workshop for the tests of publishing and verifying: a store with small real packages that
 * attest each other as inputs, the signer, and the place where the repository is published. The
 * constructor in shop.c makes this binary the signer process when it is started as one.
 */
#pragma once

#include "base/cas.h"
#include "repo/pkgfile.h"
#include "repo/publish.h"
#include "tests/unit/test.h"
#include "trust/signer.h"
#include "trust/statement.h"

#define SHOP_MAX   8
#define SHOP_EPOCH INT64_C(1700000000)

struct shop {
	struct arena a;
	int dir;          /* scratch: store/, files/, and out/ */
	const char *root; /* its path */
	struct cas *store;
	struct signer *signer;
	struct pkgfacts *packages[SHOP_MAX];
	size_t n;
	struct publish_input inputs[SHOP_MAX];
	size_t ninputs;
	struct keyring ring; /* the trusted public keys */
	const char *ground;  /* stage that packages say they were built on; NULL: none */
};

const char *shop_keys(void);       /* directory of the trusted set */
const char *shop_other_keys(void); /* of somebody else's */
void shop_open(struct shop *s);
void shop_open_with(struct shop *s,
		    const char *keys); /* builds and publishes with these keys */
void shop_close(struct shop *s);
DEFINE_RELEASE(struct shop, shop_close);
/* Adds a source to the inventory; its digest is that of its name. */
struct digest shop_source(struct shop *s, const char *name);
/* Builds name-1-1 holding one file with body, made of inputs; attested by the signer. */
struct pkgfacts *shop_package(struct shop *s, const char *name, const char *body,
			      const struct digest *inputs, size_t ninputs);
/* zlib from a source, app from a source and zlib. */
void shop_stock(struct shop *s);
int shop_publish(struct shop *s, struct publish_summary *out, struct err *err) MUST_CHECK;
/* Replaces the published inventory by one of the first n inputs, signed. */
void shop_sign_inventory(struct shop *s, size_t n);
const char *shop_path(struct shop *s, const char *path); /* beneath out/repo, absolute */
void shop_read(struct shop *s, const char *path, struct buf *out);
