/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "trust/sbom.h"

static void
full_bill(struct sbom *s)
{
	static const char *requires[] = { "/bin/sh", "libc.so()(64bit)" };
	static const char *resolves[] = { "CVE-2026-1", "GHSA-aaaa-bbbb-cccc" };
	static struct sbom_file files[] = { { .path = "/usr/bin/one" } };
	static struct sbom_part parts[] = {
		{ .kind = SBOM_PACKAGE,
		  .name = "one",
		  .version = "1-1",
		  .purl = "pkg:rpm/kiln/one@1-1?arch=noarch",
		  .cpe = "cpe:2.3:a:one:one:1:*:*:*:*:*:*:*",
		  .license = "MIT",
		  .summary = "One \"quoted\" thing",
		  .homepage = "https://one.invalid/",
		  .supplier = "Test Vendor",
		  .hashed = true },
		{ .kind = SBOM_RECIPE,
		  .name = "recipes/one/recipe.yaml",
		  .location = "kiln:recipes/one/recipe.yaml",
		  .hashed = true },
		{ .kind = SBOM_SOURCE,
		  .name = "one.tar.gz",
		  .location = "debian:pool/one.tar.gz",
		  .upstream = "https://one.invalid/one.tar.gz",
		  .hashed = true },
		{ .kind = SBOM_PATCH,
		  .name = "fix.patch",
		  .location = "kiln:recipes/one/fix.patch",
		  .hashed = true,
		  .resolves = resolves,
		  .nresolves = ARRAY_LEN(resolves) },
	};

	memset(files[0].sha1, 'a', DIGEST_SHA1_HEX - 1);
	*s = (struct sbom){ .epoch = 1700000000,
			    .author = "Test Vendor",
			    .parts = parts,
			    .nparts = ARRAY_LEN(parts),
			    .files = files,
			    .nfiles = ARRAY_LEN(files),
			    .requires = requires,
			    .nrequires = ARRAY_LEN(requires) };
}

TEST(a_bill_that_is_read_is_written_again_byte_for_byte)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf cyclonedx = BUF_MAX(SBOM_MAX_BYTES);
	CLEANUP(buf_free) struct buf spdx = BUF_MAX(SBOM_MAX_BYTES);
	CLEANUP(buf_free) struct buf again = BUF_MAX(SBOM_MAX_BYTES);
	CLEANUP(buf_free) struct buf spdx_again = BUF_MAX(SBOM_MAX_BYTES);
	struct sbom s, read;

	full_bill(&s);
	sbom_write(&s, "one.spdx.json", &cyclonedx, &spdx);
	assert_ok(sbom_parse(&a, buf_text(&cyclonedx), cyclonedx.len, "one", &read, err));
	sbom_cyclonedx(&read, &again);
	assert_string_equal(buf_text(&again), buf_text(&cyclonedx));
	sbom_spdx(&read, &spdx_again);
	assert_string_equal(buf_text(&spdx_again), buf_text(&spdx));
}

TEST(what_is_no_bill_is_refused_by_name)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	static const char *const bad[][2] = {
		{ "{\"spdxVersion\":\"SPDX-2.3\"}", "one: not a CycloneDX document" },
		{ "{\"bomFormat\":\"CycloneDX\"}", "no metadata" },
		{ "{\"bomFormat\":\"CycloneDX\",\"metadata\":{}}",
		  "no component is its subject" },
	};
	struct sbom s;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_fails(sbom_parse(&a, bad[i][0], strlen(bad[i][0]), "one", &s, err),
			     bad[i][1]);
}
