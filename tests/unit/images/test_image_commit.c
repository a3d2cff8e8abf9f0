/* SPDX-License-Identifier: Apache-2.0 */
#include "images/imgattest.h"
#include "images/imgverify.h"
#include "images/oci.h"
#include "base/clock.h"
#include "base/tree.h"
#include "tests/unit/images/fixture.h"
#include "trust/signer.h"

#define DEST "out/images/app"
#define TEXT                                                                                   \
	"format: 1\nname: app\nsummary: An application\npackages: [baselayout, app]\nconfig: {user: app}\n"

struct world {
	struct fixture f;
	struct digest source, seed;
	struct publish_input inputs[2];
	struct pkgfacts *base, *compiler, *app;
};

static void
world_close(struct world *w)
{
	fixture_close(&w->f);
}
DEFINE_RELEASE(struct world, world_close);

/* app was built by compiler, which was built from the seed; all from one source. */
static void
world_open(struct world *w)
{
	static const struct fixture_file app = {
		.path = "/bin/app", .type = MANIFEST_FILE, .mode = 0755, .body = "program"
	};
	static const struct fixture_file cc = {
		.path = "/bin/cc", .type = MANIFEST_FILE, .mode = 0755, .body = "compiler"
	};
	struct fixture *f = &w->f;

	fixture_open(f);
	fixture_sign(f);
	digest_of("source", 6, &w->source);
	digest_of("seed", 4, &w->seed);
	w->inputs[0] = (struct publish_input){ "source.tar", "https://kiln.invalid/source.tar",
					       w->source, 6, "source" };
	w->inputs[1] = (struct publish_input){ "seed.deb", "debian:pool/seed.deb", w->seed, 4,
					       "seed" };
	w->base = fixture_baselayout(f);
	w->compiler = fixture_package(f, "compiler", NULL, &cc, 1);
	w->app = fixture_package(f, "app", "baselayout", &app, 1);
	fixture_prove(f, w->base, &w->source, 1);
	fixture_prove(f, w->compiler, &w->seed, 1);
	{
		const struct digest both[] = { w->source, w->compiler->file };

		fixture_prove(f, w->app, both, 2);
	}
}

static const char *path_of(struct world *w, const char *path);

static int
commit(struct world *w, const char *text, struct image_summary *sum, struct err *err)
{
	struct image *im;

	assert_ok(
		image_parse(&w->f.a, text, strlen(text), "images/catalog/app.yaml", &im, err));
	{
		const struct image_spec spec = { .image = im,
						 .store = w->f.store,
						 .signer = w->f.signer,
						 .packages = w->f.all,
						 .npackages = w->f.n,
						 .inputs = w->inputs,
						 .ninputs = 2,
						 .distribution = "Kiln Linux",
						 .distribution_id = "kiln",
						 .distribution_version = "1",
						 .builder_id =
							 "https://kiln.invalid/builder/v1",
						 .log_dir = path_of(w, "log"),
						 .log_origin = "log.kiln.invalid" };

		return image_commit(&w->f.a, &spec, w->f.dir, DEST, sum, err);
	}
}

static const char *
path_of(struct world *w, const char *path)
{
	return arena_format(&w->f.a, "%s/%s", test_tmpdir_path(w->f.dir), path);
}

static int
verify(struct world *w, const char *path, struct imgverify_summary *sum, struct err *err)
{
	return imgverify_layout(path_of(w, path), signer_keys(w->f.signer), NULL, sum, err);
}

static bool
exists(struct world *w, const char *path)
{
	return faccessat(w->f.dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

TEST(image_is_published_with_its_whole_proof_and_verifies)
{
	CLEANUP(world_close) struct world w;
	struct image_summary sum = { 0 };
	struct imgverify_summary seen = { 0 };

	world_open(&w);
	assert_ok(commit(&w, TEXT, &sum, err));
	assert_false(sum.unchanged);
	assert_int_equal(sum.npackages, 2);
	assert_string_equal(sum.packages[0], "app-1-1.x86_64.rpm");
	assert_string_equal(sum.packages[1], "baselayout-1-1.x86_64.rpm");
	assert_true(sum.layer_bytes > 0 && sum.rootfs_bytes > 4096);
	assert_ok(verify(&w, DEST, &seen, err));
	assert_true(digest_equal(&seen.manifest, &sum.manifest));
	assert_int_equal(seen.blobs, 3);
	assert_int_equal(seen.packages, 2);
	assert_int_equal(seen.inputs,
			 6); /* definition, app, baselayout, compiler, source, seed */
	assert_true(exists(&w, DEST ".attest/packages/compiler-1-1.x86_64.rpm.sigstore.json"));
	assert_ok(verify(&w, DEST "/", &seen, err));
	assert_false(exists(&w, "out/images/.app.new"));
	assert_false(exists(&w, "out/images/.app.attest.new"));
}

TEST(image_of_the_same_packages_has_the_same_bytes_elsewhere)
{
	CLEANUP(world_close) struct world w;
	CLEANUP(world_close) struct world v;
	struct image_summary one = { 0 }, two = { 0 };
	mode_t old;

	world_open(&v);
	world_open(&w);
	assert_ok(commit(&w, TEXT, &one, err));
	{
		const struct pkgfacts *first = v.f.all[0]; /* another order of the universe */

		v.f.all[0] = v.f.all[2];
		v.f.all[2] = first;
	}
	old = umask(077);
	assert_ok(commit(&v, TEXT, &two, err));
	umask(old);
	assert_true(digest_equal(&one.manifest, &two.manifest));
	assert_true(digest_equal(&one.layer, &two.layer));
}

TEST(image_that_did_not_change_is_left_alone)
{
	CLEANUP(world_close) struct world w;
	struct image_summary sum = { 0 };
	struct imgverify_summary seen;
	struct stat before, after;

	world_open(&w);
	assert_ok(commit(&w, TEXT, &sum, err));
	assert_int_equal(fstatat(w.f.dir, DEST, &before, 0), 0);
	assert_ok(commit(&w, TEXT, &sum, err));
	assert_true(sum.unchanged);
	assert_int_equal(fstatat(w.f.dir, DEST, &after, 0), 0);
	assert_true(before.st_ino == after.st_ino);
	/* A damaged one is not "unchanged". */
	assert_int_equal(unlinkat(w.f.dir, DEST "/index.json", 0), 0);
	assert_ok(commit(&w, TEXT, &sum, err));
	assert_false(sum.unchanged);
	assert_int_equal(
		unlinkat(w.f.dir, DEST ".attest/packages/app-1-1.x86_64.rpm.sigstore.json", 0),
		0);
	assert_ok(commit(&w, TEXT, &sum, err));
	assert_false(sum.unchanged);
	assert_ok(verify(&w, DEST, &seen, err));
}

TEST(image_killed_between_the_exchanges_still_verifies_and_is_mended)
{
	CLEANUP(world_close) struct world w;
	struct image_summary one = { 0 }, two = { 0 };
	struct imgverify_summary seen;

	world_open(&w);
	assert_ok(commit(&w, TEXT, &one, err));
	assert_ok(tree_copy(w.f.dir, "out/images", w.f.dir, "old", -1, err));
	assert_ok(commit(&w, TEXT "prefer: [app]\ndescription: new\n", &two, err));
	assert_true(digest_equal(
		&one.manifest,
		&two.manifest)); /* the definition is not in the image, but in its proof */
	assert_ok(commit(&w, TEXT "links: {usr/bin/x: app}\n", &two, err));
	assert_false(digest_equal(&one.manifest, &two.manifest));
	/* As a kill leaves it: new proof in place, old proof under the temporary name, old
	 * layout. */
	assert_ok(tree_remove(w.f.dir, DEST, err));
	assert_int_equal(renameat(w.f.dir, "old/app", w.f.dir, DEST), 0);
	assert_fails(verify(&w, DEST, &seen, err), "speaks of other bytes");
	assert_int_equal(
		renameat(w.f.dir, "old/app.attest", w.f.dir, "out/images/.app.attest.new"), 0);
	assert_ok(fd_mkdirs(w.f.dir, "out/images/.app.new/blobs", err));
	assert_ok(verify(&w, DEST, &seen, err));
	assert_true(digest_equal(&seen.manifest, &one.manifest));
	/* The next run may fail: the old image must still verify after it. */
	assert_fails(commit(&w, TEXT "links: {etc/passwd: x}\n", &two, err), "etc/passwd");
	assert_ok(verify(&w, DEST, &seen, err));
	assert_true(digest_equal(&seen.manifest, &one.manifest));
	assert_false(exists(&w, "out/images/.app.new"));
	assert_ok(commit(&w, TEXT "links: {usr/bin/x: app}\n", &two, err));
	assert_ok(verify(&w, DEST, &seen, err));
	assert_true(digest_equal(&seen.manifest, &two.manifest));
	assert_false(exists(&w, "out/images/.app.attest.new"));
}

/* Flips the middle byte of a file. */
static void
flip(int dir, const char *path)
{
	CLEANUP(fd_close) int fd = openat(dir, path, O_RDWR | O_CLOEXEC);
	struct stat st;
	char c;

	assert_true(fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0);
	assert_int_equal(pread(fd, &c, 1, st.st_size / 2), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, st.st_size / 2), 1);
}

static void
tampered(struct world *w, const char *path, const char *reason, struct err *err)
{
	struct imgverify_summary seen;

	assert_ok(tree_remove(w->f.dir, "bad", err));
	assert_ok(tree_copy(w->f.dir, "out/images", w->f.dir, "bad", -1, err));
	flip(w->f.dir, arena_format(&w->f.a, "bad/%s", path));
	assert_fails(verify(w, "bad/app", &seen, err), reason);
	assert_int_equal(err->code, ERR_VERIFY);
}

static const char *
blob(struct world *w, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	return arena_format(&w->f.a, "app/blobs/sha256/%s", hex);
}

TEST(image_with_one_flipped_byte_is_refused_wherever_it_is)
{
	CLEANUP(world_close) struct world w;
	struct image_summary sum = { 0 };

	world_open(&w);
	assert_ok(commit(&w, TEXT, &sum, err));
	tampered(&w, blob(&w, &sum.manifest), "manifest: blob ", err);
	tampered(&w, blob(&w, &sum.config), "configuration: blob ", err);
	tampered(&w, blob(&w, &sum.layer), "layer: blob ", err);
	tampered(&w, "app/index.json", "index.json", err);
	tampered(&w, "app/oci-layout", "oci-layout", err);
	tampered(&w, "app.attest/provenance.sigstore.json", "provenance.sigstore.json", err);
	tampered(&w, "app.attest/inventory.json", "inventory", err);
	tampered(&w, "app.attest/sbom.cdx.json", "sbom.sigstore.json: the CycloneDX document",
		 err);
	tampered(&w, "app.attest/sbom.spdx.json", "sbom.sigstore.json: the SPDX document", err);
	tampered(&w, "app.attest/sbom.sigstore.json", "sbom.sigstore.json", err);
	tampered(&w, "app.attest/inventory.json.sigstore.json", "inventory.json.sigstore.json",
		 err);
	tampered(&w, "app.attest/packages/compiler-1-1.x86_64.rpm.sigstore.json",
		 "compiler-1-1.x86_64.rpm.sigstore.json", err);
}

static void
write_text(int dir, const char *path, const char *text)
{
	CLEANUP(fd_close) int fd = -1;
	struct err err;

	if (fd_create(dir, path, 0644, &fd, &err) < 0 ||
	    fd_write_all(fd, text, strlen(text), &err) < 0)
		fail_msg("%s", err.text);
}

TEST(image_with_something_missing_or_added_is_refused_by_name)
{
	CLEANUP(world_close) struct world w;
	struct image_summary sum = { 0 };
	struct imgverify_summary seen;
	const char *layer;

	world_open(&w);
	assert_ok(commit(&w, TEXT, &sum, err));
	layer = arena_format(&w.f.a, "out/images/%s", blob(&w, &sum.layer));
	write_text(w.f.dir, DEST "/blobs/sha256/abc", "x");
	assert_fails(verify(&w, DEST, &seen, err),
		     "blobs/sha256/abc does not belong to the image");
	assert_int_equal(unlinkat(w.f.dir, DEST "/blobs/sha256/abc", 0), 0);
	assert_int_equal(mkdirat(w.f.dir, DEST "/blobs/sha512", 0755), 0);
	assert_fails(verify(&w, DEST, &seen, err), "blobs/sha512 does not belong to the image");
	assert_int_equal(unlinkat(w.f.dir, DEST "/blobs/sha512", AT_REMOVEDIR), 0);
	assert_int_equal(renameat(w.f.dir, layer, w.f.dir, "away"), 0);
	assert_fails(verify(&w, DEST, &seen, err), "layer: ");
	assert_int_equal(symlinkat("../../../../../away", w.f.dir, layer), 0);
	assert_fails(verify(&w, DEST, &seen, err), "layer: ");
	assert_int_equal(unlinkat(w.f.dir, layer, 0), 0);
	assert_int_equal(renameat(w.f.dir, "away", w.f.dir, layer), 0);
	assert_ok(verify(&w, DEST, &seen, err));
	assert_int_equal(unlinkat(w.f.dir,
				  DEST ".attest/packages/compiler-1-1.x86_64.rpm.sigstore.json",
				  0),
			 0);
	assert_fails(verify(&w, DEST, &seen, err), "is unknown");
	assert_int_equal(
		unlinkat(w.f.dir, DEST ".attest/packages/app-1-1.x86_64.rpm.sigstore.json", 0),
		0);
	assert_fails(verify(&w, DEST, &seen, err),
		     "package app-1-1.x86_64.rpm of the image has no bundle");
	assert_ok(tree_remove(w.f.dir, DEST ".attest", err));
	assert_fails(verify(&w, DEST, &seen, err), "the image has no proof");
}

TEST(image_of_a_key_that_is_not_trusted_is_refused)
{
	CLEANUP(world_close) struct world w;
	struct image_summary sum = { 0 };
	struct imgverify_summary seen;
	const struct keyring empty = { 0 };

	world_open(&w);
	assert_ok(commit(&w, TEXT, &sum, err));
	assert_fails(imgverify_layout(path_of(&w, DEST), &empty, NULL, &seen, err), "SHA256:");
	assert_int_equal(err->code, ERR_VERIFY);
}

TEST(image_whose_packages_lack_proof_is_not_made)
{
	CLEANUP(world_close) struct world w;
	struct image_summary sum = { 0 };
	struct digest stray;

	world_open(&w);
	digest_of("stray", 5, &stray);
	fixture_prove(&w.f, w.app, &stray, 1);
	assert_fails(commit(&w, TEXT, &sum, err), "app-1-1.x86_64.rpm was built from input");
	memset(&w.app->statement, 0, sizeof(w.app->statement));
	assert_fails(commit(&w, TEXT, &sum, err), "app-1-1.x86_64.rpm has no proof");
	assert_fails(commit(&w, "format: 1\nname: app\nsummary: x\npackages: [nothing]\n", &sum,
			    err),
		     "images/catalog/app.yaml:2:1");
	assert_fails(
		commit(&w,
		       "format: 1\nname: app\nsummary: x\npackages: [baselayout]\nconfig: {user: web}\n",
		       &sum, err),
		"config.user: the image knows no user 'web'");
	assert_false(exists(&w, DEST));
	assert_false(exists(&w, "out/images/.app.new"));
}

TEST(image_says_its_ground_and_refuses_packages_of_two)
{
	CLEANUP(buf_free) struct buf config = BUF_MAX(65536);
	CLEANUP(world_close) struct world w;
	struct image_summary sum = { 0 };
	struct imgverify_summary seen = { 0 };
	const char *grounds[] = { "tools" };
	struct rules rules = { .name = "policy.yaml", .grounds = { grounds, 1 } };
	struct verify_terms terms = { .rules = &rules };
	char hex[DIGEST_HEX];

	world_open(&w);
	w.f.ground = "tools";
	fixture_prove(&w.f, w.app, &w.source, 1);
	assert_fails(
		commit(&w, TEXT, &sum, err),
		"app-1-1.x86_64.rpm was built on tools, baselayout-1-1.x86_64.rpm on nothing");
	fixture_prove(&w.f, w.base, &w.source, 1);
	assert_ok(commit(&w, TEXT, &sum, err));
	digest_hex(&sum.config, hex);
	assert_ok(oci_read_file(w.f.dir, arena_format(&w.f.a, DEST "/" OCI_BLOBS "/%s", hex),
				&config, err));
	assert_non_null(strstr(buf_text(&config), "\"" OCI_GROUND "\":\"tools\""));
	terms.ring = signer_keys(w.f.signer);
	assert_ok(imgverify_layout_by(path_of(&w, DEST), &terms, &seen, err));
	grounds[0] = "final";
	assert_fails(imgverify_layout_by(path_of(&w, DEST), &terms, &seen, err),
		     "it was built on tools, which is not allowed");
	assert_int_equal(err->code, ERR_VERIFY);
}

TEST(image_beside_the_proof_of_another_name_is_refused)
{
	CLEANUP(world_close) struct world w;
	struct image_summary sum = { 0 };
	struct imgverify_summary seen;

	world_open(&w);
	assert_ok(commit(&w, TEXT, &sum, err));
	assert_ok(tree_copy(w.f.dir, "out/images", w.f.dir, "bad", -1, err));
	assert_int_equal(renameat(w.f.dir, "bad/app", w.f.dir, "bad/web"), 0);
	assert_int_equal(renameat(w.f.dir, "bad/app.attest", w.f.dir, "bad/web.attest"), 0);
	assert_fails(verify(&w, "bad/web", &seen, err), "this is the image 'app', not 'web'");
	assert_int_equal(err->code, ERR_VERIFY);
	assert_fails(verify(&w, "bad/web/.", &seen, err), "under its own name");
}

TEST(image_with_something_added_to_its_proof_is_refused)
{
	static const char *const paths[] = { "sbom.xml", "packages/readme",
					     "packages/x\x1b[2J.txt" };
	CLEANUP(world_close) struct world w;
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(1 << 20);
	struct image_summary sum = { 0 };
	struct imgverify_summary seen;
	char hex[DIGEST_HEX];
	const char *path;

	world_open(&w);
	assert_ok(commit(&w, TEXT, &sum, err));
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		path = arena_format(&w.f.a, DEST ".attest/%s", paths[i]);
		write_text(w.f.dir, path, "{}");
		assert_fails(verify(&w, DEST, &seen, err), "does not belong to the proof");
		assert_null(strchr(err->text, '\x1b'));
		assert_int_equal(unlinkat(w.f.dir, path, 0), 0);
	}
	assert_int_equal(mkdirat(w.f.dir, DEST ".attest/more", 0755), 0);
	assert_fails(verify(&w, DEST, &seen, err), "more does not belong to the proof");
	assert_int_equal(unlinkat(w.f.dir, DEST ".attest/more", AT_REMOVEDIR), 0);
	fixture_prove(&w.f, w.app, &w.seed, 1); /* another statement about the same bytes */
	assert_ok(cas_get(w.f.store, &w.app->bundle, &bundle, err));
	digest_hex(&w.app->file, hex);
	path = arena_format(
		&w.f.a, DEST ".attest/packages/app-1-1.x86_64.rpm.%.16s.sigstore.json", hex);
	write_text(w.f.dir, path, buf_text(&bundle));
	assert_ok(verify(&w, DEST, &seen, err));
	assert_int_equal(unlinkat(w.f.dir, path, 0), 0);
	path = DEST ".attest/packages/app2.rpm.sigstore.json";
	write_text(w.f.dir, path, buf_text(&bundle));
	assert_fails(verify(&w, DEST, &seen, err), "not of what its name says");
	assert_int_equal(unlinkat(w.f.dir, path, 0), 0);
	assert_int_equal(
		renameat(w.f.dir, DEST ".attest/packages", w.f.dir, DEST ".attest/real"), 0);
	assert_int_equal(symlinkat("real", w.f.dir, DEST ".attest/packages"), 0);
	assert_fails(verify(&w, DEST, &seen, err), "packages does not belong to the proof");
}

TEST(image_whose_proof_speaks_of_strange_packages_is_refused)
{
	static const struct fixture_file file = {
		.path = "/bin/other", .type = MANIFEST_FILE, .mode = 0755, .body = "other"
	};
	CLEANUP(world_close) struct world w;
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(1 << 20);
	struct image_summary sum = { 0 };
	struct imgverify_summary seen;
	struct pkgfacts *other;

	world_open(&w);
	assert_ok(commit(&w, TEXT, &sum, err));
	other = fixture_package(&w.f, "other", NULL, &file, 1);
	fixture_prove(&w.f, other, &w.seed, 1);
	assert_ok(cas_get(w.f.store, &other->bundle, &bundle, err));
	write_text(w.f.dir, DEST ".attest/packages/other-1-1.x86_64.rpm.sigstore.json",
		   buf_text(&bundle));
	assert_fails(verify(&w, DEST, &seen, err),
		     "packages/other-1-1.x86_64.rpm.sigstore.json has no part in the image");
}

/* A manifest that nobody signed may promise a layer of a terabyte: it is not even opened. */
TEST(image_nobody_vouches_for_is_not_unpacked)
{
	CLEANUP(world_close) struct world w;
	CLEANUP(fd_close) int fd = -1;
	struct image_summary sum = { 0 };
	struct imgverify_summary seen;
	struct digest d;
	char hex[DIGEST_HEX], config[DIGEST_HEX];
	const char *text;
	int64_t start;

	world_open(&w);
	assert_ok(commit(&w, TEXT, &sum, err));
	digest_hex(&sum.config, config);
	memset(&d, 7, sizeof(d));
	digest_hex(&d, hex);
	assert_ok(fd_create(w.f.dir, arena_format(&w.f.a, DEST "/blobs/sha256/%s", hex), 0644,
			    &fd, err));
	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
	text = arena_format(
		&w.f.a,
		"{\"config\":{\"digest\":\"sha256:%s\",\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"size\":1},"
		"\"layers\":[{\"digest\":\"sha256:%s\",\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"size\":1099511627776}],"
		"\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"schemaVersion\":2}",
		config, hex);
	digest_of(text, strlen(text), &d);
	digest_hex(&d, hex);
	write_text(w.f.dir, arena_format(&w.f.a, DEST "/blobs/sha256/%s", hex), text);
	assert_int_equal(unlinkat(w.f.dir, DEST "/index.json", 0), 0);
	write_text(
		w.f.dir, DEST "/index.json",
		arena_format(
			&w.f.a,
			"{\"manifests\":[{\"annotations\":{\"org.opencontainers.image.ref.name\":\"latest\"},\"digest\":\"sha256:%s\","
			"\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"size\":%zu}],"
			"\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"schemaVersion\":2}",
			hex, strlen(text)));
	start = clock_monotonic_ms();
	assert_fails(verify(&w, DEST, &seen, err), "speaks of other bytes");
	assert_int_equal(err->code, ERR_VERIFY);
	assert_true(clock_monotonic_ms() - start < 5000);
}
