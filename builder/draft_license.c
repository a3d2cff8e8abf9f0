/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which licence a text is: only where the whole of it is one that is known, or where it says so
 * in the words that its licence prescribes. Everything else is for a person to read.
 *
 * A text is compared by its words: letters and digits in lower case. Lines that differ from
 * project to project (titles, copyright lines, where the FSF lived) do not count, nor does what
 * follows the end of the terms.
 */
#include "base/digest.h"
#include "builder/draft_priv.h"

#define LINE_WORDS   ((size_t)512)
#define EVIDENCE_MAX ((size_t)1000)

/* Lines that say nothing of the terms: by how their words begin, and whole ones. */
static const char *const notices[] = {
	"copyright 19",
	"copyright 20",
	"copyright c 19",
	"copyright c 20",
	"copyright c the regents",
	"copyright year",
	"c 19",
	"c 20",
	"51 franklin st",
	"59 temple place",
	"675 mass ave",
	"free software foundation inc 51",
	"free software foundation inc 59",
	"spdx license identifier",
};
static const char *const titles[] = {
	"all rights reserved",
	"boston ma 02110 1301 usa",
	"boston ma 02111 1307 usa",
	"bsd 2 clause license",
	"bsd 3 clause license",
	"http fsf org",
	"https fsf org",
	"http www fsf org",
	"isc license",
	"license",
	"mit license",
	"new bsd license",
	"simplified bsd license",
	"the isc license",
	"the mit license",
	"the mit license mit",
	"zlib license",
};

/* Texts by the digest of their words. A name without a suffix is a text that leaves open
 * whether later versions may be chosen: what the sources say decides. */
static const struct {
	const char *sha256, *id;
} known[] = {
	{ "37599287c15c2f2ec060c3c3b55bdf69e3bc7a8aeeb9cd57e18800088789538a", "Apache-2.0" },
	{ "107f8ba0af742645bf7864695e36616fbcaa19b8c1ebb01f30fac7dd4011913a", "BSD-2-Clause" },
	{ "2bdc30e8812ecf68f99001ff2e28a042fae81c31d1bc420ded076647a04ede00", "BSD-2-Clause" },
	{ "36abc682a39c7cfd3ccb24c35b8e5436d084d3a667429732538384a78389d0f2", "BSD-2-Clause" },
	{ "5151319f99abfc15f9a1aab05c799faf3b0e5715fac5a5812b9d3566ae984374", "BSD-2-Clause" },
	{ "6091119410d6d441128c7514a97969723030816ec99a6b3939b6c4dfbe349d7e", "BSD-2-Clause" },
	{ "7be8178e4e9d0dea6ff4b04bd52bd086d7ea8386a5a6e09760df916bae5d42d2", "BSD-2-Clause" },
	{ "8487e44d35585f42e9392b2b5d09ef792ab09e2919a18cbd2abb381f9200b0e6", "BSD-2-Clause" },
	{ "986c3c3199a93b916c8f2e0aeed57819bcbdcb2cd9d99902dcc9d74b53f93a74", "BSD-2-Clause" },
	{ "a56fee4b2f66331ed54da4950ef9c9391453fd1490b4d8ea202bc29683bcbd30", "BSD-2-Clause" },
	{ "b7a2aed1fa065cd606a9a031c76bbda14762c5ee42dc79ffd671ad56ff168604", "BSD-2-Clause" },
	{ "00e0e337d787dc6b673b667c5bf27555ca470fa12a6610aa96c5224d5882a6af", "BSD-3-Clause" },
	{ "02c590430fea0b0699c75a0ebdcc221f3f40c924159a0612777ee174b7d46961", "BSD-3-Clause" },
	{ "0a693a9b0f9f456ac1a8ead8338f14410fa65b203bbad63be901a84d32b36eaf", "BSD-3-Clause" },
	{ "21ce5e311a0ef74591e636cf6d0a236029bcaa0ee86324ac68d5748657aa8651", "BSD-3-Clause" },
	{ "25adabaa130d1267c890507820d50a13a29c099cda17d25be052a44db6ed2f24", "BSD-3-Clause" },
	{ "351deb7f721eb7c3154c21578f5fc0da71afdc266f1b1695a77ddb86d2f8ccf4", "BSD-3-Clause" },
	{ "44593277f32002578dc7b7dd9fb2c040ad1bb03d3f3e9a990822e02c07b16ea1", "BSD-3-Clause" },
	{ "48aabb0b36e10abc765f8256bdba78ccd9b7fb06f731c2217fd1ac129a423942", "BSD-3-Clause" },
	{ "53075742228962c7ea381b8242c64602fa32e7b8f52facb6d13ee4f9c596ddfa", "BSD-3-Clause" },
	{ "6321b2f467b2a12a16d0977e454e170fdf28fd31dc2cee0b62405277e3716a8a", "BSD-3-Clause" },
	{ "7257b7106fa21c7263bee1b239814b091b91025a5291055728ac620ed3dc4291", "BSD-3-Clause" },
	{ "7aeeeae04683ca2146c56bd853a6dc04ba697e70531fd43f1b6923042fd1d204", "BSD-3-Clause" },
	{ "7bf5713ca296b08ea88a5ab4dc815cb078bc97d56fec2034952bc7d8ba65b4dd", "BSD-3-Clause" },
	{ "7e799767440053220c59b7d869d9ba659a08fbb9ba9dceace333a1553540ee97", "BSD-3-Clause" },
	{ "97172a85cde00aeff5c70e8041ae22907067805a2e7012663d77d0748f6dd43c", "BSD-3-Clause" },
	{ "9b83d3dee0616d07b82a272dd9bf5134a9f402b750f5ee6188458073b0a32ff2", "BSD-3-Clause" },
	{ "a4125f01e70d92d0d9de7dd6d493cc191fb9f040e7ec57c12fc349cd70ae0306", "BSD-3-Clause" },
	{ "a4db61d91a7c7b170648a2e4781787e4a2f6b2920570b86654f00f3938d8176d", "BSD-3-Clause" },
	{ "a772d5818791ac44ca752b2f36a65bd691fb6827311afedbcb995bbfc44c149c", "BSD-3-Clause" },
	{ "b6093f80a67d752fa17301d7c8f20fe906e6f11169f3a64f9a5816d148eb738f", "BSD-3-Clause" },
	{ "b6ab7953b6c80a72261014244324a70663f1807fa212f52461b24c95eb16b4a9", "BSD-3-Clause" },
	{ "bede4aa57fdf1d7c676c2f22fa0839432b3d423dc298ef754f1720b9cb9fc6a6", "BSD-3-Clause" },
	{ "cc3432eb2f19bb6fe96706bad75b6fce1039db64fb70486899bf6425dea4d9cb", "BSD-3-Clause" },
	{ "cfefbe7aec2ef93a76da4fae3c5ad0371fe8d66599bfc6235874061c0a46e228", "BSD-3-Clause" },
	{ "d0a339eb5454123c6a1f2696aace557e0561866f3fe33b93ffad58ecfcab7060", "BSD-3-Clause" },
	{ "d5a1629d01b85b2bd2a14b0cad33a9b6092922926adc89a841ae5e8d063ec279", "BSD-3-Clause" },
	{ "dc3d43490bd4485229504748b5821f67a25c30c40d6bd9ab9e2f5501ad5ff8d9", "BSD-3-Clause" },
	{ "de5453ee1c529e411dfc07f5f9986fd5c976127d366d655c521320e9af85c28f", "BSD-3-Clause" },
	{ "f442acf9d0c28e596827479b99210216b636d37d9b83eea4f35982021d1575ed", "BSD-3-Clause" },
	{ "f68a981987d7827b999e92755203bb1fcc430431feae0634560f51bc71c63a67", "BSD-3-Clause" },
	{ "96bdc7f63190fb4bd1ae584b890300ed7517d858b34c945642a3b9b2f1612a5f", "CC0-1.0" },
	{ "37a8d6ceffb74a4cd60be1028e4d7d9cc0b1682c4aa3c1d9efd628dc5460f60b", "GPL-1.0" },
	{ "e16f0470a8f4003707331e6085c46359cf1b402d044941dc8d24fe4275722170", "GPL-2.0" },
	{ "f1412332f5361d2a392bb637c3844ed3a32b7d701ac0e7abacce50b34a9a3afb", "GPL-2.0" },
	{ "092a7f3b82e6c22949b46388bca99e725b6e756f1c2b1e3f575447fbd44b6191", "GPL-3.0" },
	{ "217da0747cec63a2e734185db11cbaa819bcd9e5b83cd12f812128fffe66e26a", "ISC" },
	{ "25773be28ee7c4d2467a4b53223184f1322e89e0c72485db36f8a9c3213e47e6", "ISC" },
	{ "280d76b420aeff51730e96577a2466120c91213f03dd50d60107078c498c5b29", "ISC" },
	{ "7bed11ada181e6a63598e2da423080dd990b5647feaf0f67008662a131aec2c7", "ISC" },
	{ "c8dc4820b7294d311a05f9458126f473d2e604645536d64bac2b3e70f83c6d3a", "ISC" },
	{ "eb3de3055c25a4568df52c5d7cc41cba7b466ff7053a950df64962751173ebad", "ISC" },
	{ "3c503e1843d56bee44590ba959b2a745cf954688aa5dd285043d139d8c3e6cd6", "LGPL-2.0" },
	{ "744b22e93be0fc3b771240e74b2a96b5c13b193e1b0131ae328e59c55387eb47", "LGPL-2.1" },
	{ "d00d08192018b2217de04b223449941a18a7cb07d0c025393948065a12eb0fb2", "LGPL-2.1" },
	{ "aae2b222477171fb64e298e7965e768a9a6f85320646b266c94399ac029d42be", "LGPL-3.0" },
	{ "0cf21bdfd1964a97a8615e128534845826afbc887edc95aa5c925cbf64386b5c", "MIT" },
	{ "9c378061f0fd5f9939555c6c850865187011cd93ddfc1da8b544177591edc2e1", "MPL-1.1" },
	{ "f82071285728ca3ec7685ee9bc4acdae0b8267142a4d20b8f1805eabedb4a98a", "MPL-2.0" },
	{ "6087666ecef05cb7086906a468d339490c705f20cff5af1280c59887859b2339", "Zlib" },
	{ "9ddc78a5797b5008d488969fd959f4281a97821e07ddc5d19ca9c163fdbeeb73", "Zlib" },
	{ "f86669a2fa92d40df2b443d4e234e50f811acf117decb040fe7334096e9a5158", "Zlib" },
};

/* The words of one line, into out. */
static void
words_of(const char *line, size_t n, struct buf *out)
{
	bool gap = false;

	for (size_t i = 0; i < n; i++) {
		char c = line[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
			gap = out->len > 0;
			continue;
		}
		if (gap)
			buf_add_char(out, ' ');
		gap = false;
		buf_add_char(out, c);
	}
}

static bool
begins(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool
is_passed(const char *words)
{
	for (size_t i = 0; i < ARRAY_LEN(notices); i++)
		if (begins(words, notices[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(titles); i++)
		if (strcmp(words, titles[i]) == 0)
			return true;
	return false;
}

void
draft_license_words(const char *text, size_t n, struct buf *out)
{
	const char *end = text + n;

	for (const char *line = text, *next; line < end; line = next + 1) {
		CLEANUP(buf_free) struct buf words = BUF_MAX(n + LINE_WORDS);

		next = memchr(line, '\n', (size_t)(end - line));
		if (!next)
			next = end;
		words_of(line, (size_t)(next - line), &words);
		if (begins(buf_text(&words), "end of terms and conditions"))
			return;
		if (!words.len || is_passed(buf_text(&words)))
			continue;
		if (out->len)
			buf_add_char(out, ' ');
		buf_add(out, buf_text(&words), words.len);
	}
}

const char *
draft_license_text(const char *text, size_t n)
{
	CLEANUP(buf_free) struct buf words = BUF_MAX(n + LINE_WORDS);
	struct digest d;
	char hex[DIGEST_HEX];

	draft_license_words(text, n, &words);
	digest_of(buf_text(&words), words.len, &d);
	digest_hex(&d, hex);
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(known[i].sha256, hex) == 0)
			return known[i].id;
	return NULL;
}

/* ---- heads of source files ---- */

static void
said(struct draft_headers *h, const char *id, bool exact)
{
	for (size_t i = 0; i < h->n; i++) {
		if (strcmp(h->at[i].id, id) == 0) {
			h->at[i].files++;
			return;
		}
	}
	if (h->n == DRAFT_SAID_MAX) {
		h->more = true;
		return;
	}
	h->at[h->n].id = id;
	h->at[h->n].exact = exact;
	h->at[h->n++].files = 1;
}

/* "SPDX-License-Identifier: X" up to the end of its line or of its comment. */
static const char *
spdx_of(struct arena *a, const char *text)
{
	static const char tag[] = "SPDX-License-Identifier:";
	const char *at = strstr(text, tag), *why, *instead;
	char *id;
	size_t n;

	if (!at)
		return NULL;
	at += strlen(tag);
	at += strspn(at, " \t");
	n = strcspn(at, "\r\n*\"'<#");
	while (n && (at[n - 1] == ' ' || at[n - 1] == '\t' || at[n - 1] == '-'))
		n--;
	id = arena_strndup(a, at, n);
	if (recipe_spdx_check(a, id, &why, &instead) == 0)
		return id;
	/* An old spelling is still a clear one. */
	return instead && recipe_spdx_check(a, instead, &why, &instead) == 0 ? instead : NULL;
}

/* The licence of the GNU family that is named last before `at`. */
static const char *
family_before(const char *words, const char *at)
{
	static const struct {
		const char *name, *id;
	} families[] = { { "gnu general public license", "GPL" },
			 { "gnu lesser general public license", "LGPL" },
			 { "gnu library general public license", "LGPL" },
			 { "gnu affero general public license", "AGPL" } };
	const char *best = NULL, *id = NULL;

	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		for (const char *p = words; (p = strstr(p, families[i].name)) && p < at; p++)
			if (!best || p > best) {
				best = p;
				id = families[i].id;
			}
	return id;
}

/* "either version 2 of the License, or (at your option) any later version" */
static const char *
or_later(struct arena *a, const char *words)
{
	static const char *const versions[][2] = {
		{ "1", "1.0" }, { "2", "2.0" }, { "2 1", "2.1" }, { "3", "3.0" }
	};
	static const char *const forms[] = { " of the license", "" };

	for (size_t i = 0; i < ARRAY_LEN(versions) * ARRAY_LEN(forms); i++) {
		const char *const *version = versions[i / ARRAY_LEN(forms)];
		const char *at = strstr(
			words,
			arena_format(a,
				     "either version %s%s or at your option any later version",
				     version[0], forms[i % ARRAY_LEN(forms)]));
		const char *family = at ? family_before(words, at) : NULL;

		if (family)
			return arena_format(a, "%s-%s-or-later", family, version[1]);
	}
	return NULL;
}

void
draft_license_header(struct arena *a, struct draft_headers *h, const char *text, size_t n)
{
	CLEANUP(buf_free) struct buf words = BUF_MAX(n + LINE_WORDS);
	const char *id = spdx_of(a, text);

	if (!id) {
		words_of(text, n, &words);
		id = or_later(a, buf_text(&words));
	}
	if (id)
		said(h, id, true);
	else if (strstr(buf_text(&words), "general public license"))
		said(h, "GPL", false);
	else if (strstr(buf_text(&words), "redistribution and use in source and binary forms"))
		said(h, "BSD", false);
	else if (strstr(buf_text(&words), "permission is hereby granted free of charge"))
		said(h, "MIT", false);
	else if (strstr(buf_text(&words), "permission to use copy modify"))
		said(h, "ISC", false);
}

/* ---- the verdict ---- */

struct verdict {
	const char *ids[DRAFT_SAID_MAX];
	size_t n;
	bool doubt;
};

static void
counts(struct verdict *v, const char *id)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->ids[i], id) == 0)
			return;
	if (v->n < DRAFT_SAID_MAX)
		v->ids[v->n++] = id;
}

static bool
is_gnu(const char *id)
{
	return begins(id, "GPL-") || begins(id, "LGPL-") || begins(id, "AGPL-");
}

/* The text of a GNU licence counts through what heads say of it: "GPL-2.0" by
 * "GPL-2.0-or-later". That of the LGPL 3 builds on the text of the GPL 3. */
static bool
is_said(const struct draft_headers *h, const char *text)
{
	for (size_t i = 0; i < h->n; i++) {
		const char *id = h->at[i].id;

		if (begins(id, text) && id[strlen(text)] == '-')
			return true;
		if (strcmp(text, "GPL-3.0") == 0 && begins(id, "LGPL-3.0-"))
			return true;
	}
	return false;
}

/* Whether the only licence found can be what a head means that does not name it. */
static bool
is_meant(const char *id, const char *vague)
{
	if (strcmp(vague, "GPL") == 0)
		return is_gnu(id);
	return begins(id, vague);
}

/* No more of it than a person reads: an archive may have thousands of such files. */
static void
note(struct arena *a, const char **evidence, const char *what)
{
	if (strlen(*evidence) < EVIDENCE_MAX)
		*evidence = **evidence ? arena_format(a, "%s; %s", *evidence, what) : what;
}

const char *
draft_license_judge(struct arena *a, const char *const *texts, const char *const *names,
		    size_t n, const struct draft_headers *h, const char **evidence)
{
	struct verdict v = { .doubt = h->more };

	*evidence = "";
	for (size_t i = 0; i < n; i++) {
		note(a, evidence,
		     arena_format(a, "%s: %s", names[i],
				  texts[i] ? texts[i] : "not one that is known"));
		if (!texts[i] || (is_gnu(texts[i]) && !is_said(h, texts[i])))
			v.doubt = true;
		else if (!is_gnu(texts[i]))
			counts(&v, texts[i]);
	}
	for (size_t i = 0; i < h->n; i++) {
		note(a, evidence,
		     arena_format(a, "%zu source file%s: %s%s", h->at[i].files,
				  h->at[i].files == 1 ? "" : "s", h->at[i].id,
				  h->at[i].exact ? "" : ", in words"));
		if (h->at[i].exact)
			counts(&v, h->at[i].id);
	}
	for (size_t i = 0; i < h->n && v.n == 1; i++)
		if (!h->at[i].exact && !is_meant(v.ids[0], h->at[i].id))
			v.doubt = true;
	if (!**evidence)
		*evidence = "no file says it";
	return v.n == 1 && !v.doubt ? v.ids[0] : NULL;
}
