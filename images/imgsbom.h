/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bill of materials of an image: its packages with what they need of one another, its
 * layers and its operating system. What each package was made of stands in the package's own
 * bill; the patches' resolved advisories are repeated here, so that an audit of the image
 * counts them.
 *
 *   NAME.attest/sbom.cdx.json, sbom.spdx.json   CycloneDX 1.6, SPDX 2.3
 *   NAME.attest/sbom.sigstore.json              statement about the image's manifest
 */
#pragma once

#include "images/imgattest.h"
#include "trust/sbom.h"

int imgsbom_make(struct arena *a, const struct imgattest_spec *spec, struct sbom *out,
		 struct err *err) MUST_CHECK;
/* The documents and the statement for the signer, into at. */
int imgsbom_write(struct arena *a, const struct imgattest_spec *spec, struct imgattest *at,
		  struct err *err) MUST_CHECK;
