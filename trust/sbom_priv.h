/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the two writers and the reader of bills of materials. */
#pragma once

#include "trust/sbom.h"

/* Names of the parts within a document: "source-2", the second of its kind. */
const char **sbom_refs(struct arena *a, const struct sbom *s);
/* Where people read of an advisory. */
const char *sbom_advisory_url(struct arena *a, const char *id);
/* {"name":..,"value":..} onto a list; a NULL value adds nothing. */
void sbom_add_property(struct arena *a, struct doc *list, const char *name, const char *value);
/* A UUID (RFC 9562 version 8) made from a digest. */
const char *sbom_uuid(struct arena *a, const struct digest *d);
/* The digest of a document's canonical form. */
void sbom_doc_digest(const struct doc *d, struct digest *out);
bool sbom_is_web(const char *uri); /* http: or https: */

#define SBOM_ROLE     "kiln:role"
#define SBOM_LOCATION "kiln:location"
#define SBOM_UPSTREAM "kiln:upstream"
#define SBOM_REQUIRES "kiln:requires"
#define SBOM_RESOLVES "kiln:resolves"
