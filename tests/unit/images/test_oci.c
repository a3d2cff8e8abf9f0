/* SPDX-License-Identifier: Apache-2.0 */
#include "images/oci.h"
#include "base/tree.h"
#include "tests/unit/images/fixture.h"

#define HEX0 "0000000000000000000000000000000000000000000000000000000000000000"
#define MDESC                                                                                           \
	"{\"annotations\":{\"org.opencontainers.image.ref.name\":\"latest\"},\"digest\":\"sha256:" HEX0 \
	"\",\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"size\":7}"
#define INDEX                                                                                  \
	"{\"manifests\":[" MDESC                                                               \
	"],\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"schemaVersion\":2}"
#define CDESC                                                                                  \
	"{\"digest\":\"sha256:" HEX0                                                           \
	"\",\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"size\":1}"
#define LDESC                                                                                  \
	"{\"digest\":\"sha256:" HEX0                                                           \
	"\",\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"size\":2}"
#define MTAIL                                                                                  \
	",\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"schemaVersion\":2}"
#define CONFIG(arch, fs)                                                                       \
	"{\"architecture\":" arch                                                              \
	",\"config\":{},\"created\":\"x\",\"history\":[],\"os\":\"linux\",\"rootfs\":" fs "}"

static int
parse_index(const char *text, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct oci_descriptor d;

	return oci_parse_index(&a, text, strlen(text), "index.json", &d, err);
}

TEST(oci_index_names_one_image_and_nothing_else)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{ "[]", "index.json: not a JSON object" },
		{ "{", "index.json" },
		{ "{\"manifests\":[],\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"schemaVersion\":2}",
		  "does not list exactly one image" },
		{ "{\"manifests\":[" MDESC "," MDESC
		  "],\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"schemaVersion\":2}",
		  "does not list exactly one image" },
		{ "{\"manifests\":[" MDESC
		  "],\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"schemaVersion\":2,\"subject\":{}}",
		  "key 'subject' does not belong there" },
		{ "{\"manifests\":[" MDESC
		  "],\"mediaType\":\"application/vnd.oci.image.index.v1+json\"}",
		  "key 'schemaVersion' is missing" },
		{ "{\"manifests\":[" MDESC
		  "],\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"schemaVersion\":1}",
		  "'schemaVersion' is not 2" },
		{ "{\"manifests\":[" MDESC
		  "],\"mediaType\":\"text/plain\",\"schemaVersion\":2}",
		  "'mediaType' is not 'application/vnd.oci.image.index" },
		{ "{\"manifests\":[" LDESC
		  "],\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"schemaVersion\":2}",
		  "'mediaType' is not 'application/vnd.oci.image.manifest" },
		{ "{\"manifests\":[{\"annotations\":{},\"digest\":\"sha512:00\",\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"size\":7}],\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"schemaVersion\":2}",
		  "a digest is not of the form sha256:HEX" },
		{ "{\"manifests\":[{\"annotations\":{\"org.opencontainers.image.ref.name\":\"x\"},\"digest\":\"sha256:" HEX0
		  "\",\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"size\":7}],\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"schemaVersion\":2}",
		  "'org.opencontainers.image.ref.name' is not 'latest'" },
		{ "{\"manifests\":[{\"annotations\":{},\"digest\":\"sha256:" HEX0
		  "\",\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"size\":-7}],\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"schemaVersion\":2}",
		  "a size is not a number of bytes" },
		{ "{\"manifests\":{},\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"schemaVersion\":2}",
		  "exactly one image" },
	};

	assert_ok(parse_index(INDEX, err));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_fails(parse_index(cases[i].text, err), cases[i].reason);
		assert_int_equal(err->code, ERR_VERIFY);
	}
}

static int
parse_manifest(const char *text, struct oci_manifest *m, struct arena *a, struct err *err)
{
	return oci_parse_manifest(a, text, strlen(text), "manifest", m, err);
}

TEST(oci_manifest_is_read_in_the_one_form_we_write)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct oci_manifest m;

	assert_ok(parse_manifest("{\"config\":" CDESC ",\"layers\":[" LDESC "]" MTAIL, &m, &a,
				 err));
	assert_int_equal(m.nlayers, 1);
	assert_int_equal(m.layers[0].size, 2);
	assert_ok(parse_manifest("{\"annotations\":{\"a\":\"b\"},\"config\":" CDESC
				 ",\"layers\":[" LDESC "]" MTAIL,
				 &m, &a, err));
	assert_fails(parse_manifest("{\"annotations\":{\"a\":1},\"config\":" CDESC
				    ",\"layers\":[" LDESC "]" MTAIL,
				    &m, &a, err),
		     "an annotation is not text");
	assert_fails(parse_manifest("{\"config\":" CDESC ",\"layers\":[]" MTAIL, &m, &a, err),
		     "'layers' must list 1 to 128 layers");
	assert_fails(parse_manifest("{\"config\":" LDESC ",\"layers\":[" LDESC "]" MTAIL, &m,
				    &a, err),
		     "'mediaType' is not");
	assert_fails(parse_manifest("{\"config\":3,\"layers\":[" LDESC "]" MTAIL, &m, &a, err),
		     "an object is missing");
	assert_fails(parse_manifest("{\"config\":" CDESC ",\"layers\":[" CDESC "]" MTAIL, &m,
				    &a, err),
		     "'mediaType' is not");
}

TEST(oci_config_and_layout_are_read_strictly)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{ CONFIG("\"amd64\"",
			 "{\"diff_ids\":[\"sha256:" HEX0 "\"],\"type\":\"layers\"}"),
		  NULL },
		{ CONFIG("1", "{\"diff_ids\":[\"sha256:" HEX0 "\"],\"type\":\"layers\"}"),
		  "'architecture' is not text" },
		{ CONFIG("\"amd64\"", "{\"diff_ids\":[],\"type\":\"layers\"}"),
		  "'diff_ids' must list 1 to 128 digests" },
		{ CONFIG("\"amd64\"", "{\"diff_ids\":[1],\"type\":\"layers\"}"),
		  "a digest is not of the form" },
		{ CONFIG("\"amd64\"", "{\"diff_ids\":[1],\"type\":\"other\"}"),
		  "'type' is not 'layers'" },
		{ CONFIG("\"amd64\"", "[]"), "an object is missing" },
		{ "{}", "key 'architecture' is missing" },
	};
	CLEANUP(arena_release) struct arena a = { 0 };
	struct oci_config c;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *t = cases[i].text;

		if (cases[i].reason)
			assert_fails(
				oci_parse_config(&a, t, strlen(t), "configuration", &c, err),
				cases[i].reason);
		else
			assert_ok(oci_parse_config(&a, t, strlen(t), "configuration", &c, err));
	}
	assert_ok(oci_parse_layout(&a, "{\"imageLayoutVersion\":\"1.0.0\"}", 30, "oci-layout",
				   err));
	assert_fails(oci_parse_layout(&a, "{\"imageLayoutVersion\":\"2.0.0\"}", 30,
				      "oci-layout", err),
		     "is not '1.0.0'");
}

static struct image *
some_image(struct arena *a, struct err *err)
{
	static const char text[] =
		"format: 1\nname: app\nsummary: An application\npackages: [app]\n"
		"config: {entrypoint: [/app], cmd: [x], env: {B: two, A: one}, labels: {l: v}, user: \"7\"}\n";
	struct image *im;

	assert_ok(image_parse(a, text, strlen(text), "images/catalog/app.yaml", &im, err));
	return im;
}

/* The very bytes: whoever changes one of them changes every image ever made. */
TEST(oci_layout_has_the_promised_bytes_whatever_the_umask)
{
	static const char
		config[] = "35fbf1b8fbc509e79bf11e95277df0c9abcf3642d6e80e9a88bf834dbd828ceb",
		manifest[] = "efc99153074bc7a2b7ecd20bfc73e8b64fdc1290b70e71eea853282f0291d726";
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(fd_close) int layer_fd = -1;
	CLEANUP(buf_free) struct buf text = BUF_MAX(OCI_MAX_JSON);
	struct layer layer = { .bytes = 5 };
	struct oci_spec spec = { .image = some_image(&a, err),
				 .layer = &layer,
				 .architecture = "amd64",
				 .distribution = "Kiln Linux",
				 .epoch = FIXTURE_EPOCH };
	struct oci_ids ids;
	struct oci_descriptor d;
	struct stat st;
	char hex[DIGEST_HEX];
	mode_t old = umask(077);

	digest_of("layer", 5, &layer.digest);
	assert_ok(oci_begin(dir, &layer_fd, err));
	assert_ok(fd_write_all(layer_fd, "layer", 5, err));
	assert_ok(oci_commit(&a, dir, &spec, &ids, err));
	umask(old);
	digest_hex(&ids.config, hex);
	assert_string_equal(hex, config);
	digest_hex(&ids.manifest, hex);
	assert_string_equal(hex, manifest);
	assert_ok(oci_read_file(dir, "index.json", &text, err));
	assert_ok(oci_parse_index(&a, buf_text(&text), text.len, "index.json", &d, err));
	assert_true(digest_equal(&d.digest, &ids.manifest));
	assert_int_equal(fstatat(dir, "index.json", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(fstatat(dir, "blobs/sha256", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
}
