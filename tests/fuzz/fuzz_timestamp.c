/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3161 tokens, against a ring without keys and against one whose key made the token of the
 * corpus. Nobody has the private half: whatever is accepted says what that token says. */
#include "trust/timestamp.h"

#include <assert.h>

#define STAMPED "a signature"
#define WHEN    1800000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char leaf[] =
	"MIIB1jCCAXygAwIBAgIQQeMT8eYWj5Nns2DhSgVRIzAKBggqhkjOPQQDAjAzMQ8wDQYDVQQKDAZWZWN0b3Ix"
	"IDAeBgNVBAMMF1ZlY3RvciB0aW1lc3RhbXAgaXNzdWVyMB4XDTIzMTExNDIyMTMyMFoXDTQzMTEwOTIyMTMy"
	"MFowLTEPMA0GA1UECgwGVmVjdG9yMRowGAYDVQQDDBFWZWN0b3IgdGltZXN0YW1wczBZMBMGByqGSM49AgEG"
	"CCqGSM49AwEHA0IABCuiSx0QTP69yotOPxclobhGGY/wrNAQ4LKmL953soQp1LJhRf6GhRMkYtyiW5p9Qb1u"
	"IKEnvT4SHCFMv7Fb0xyjeDB2MAwGA1UdEwEB/wQCMAAwDgYDVR0PAQH/BAQDAgeAMBYGA1UdJQEB/wQMMAoG"
	"CCsGAQUFBwMIMB0GA1UdDgQWBBRYmg0J/IGp5qGTf5QeVl7M317NOTAfBgNVHSMEGDAWgBQ6otXNuIXNxSg5"
	"/O6JtFcmJaCDgDAKBggqhkjOPQQDAgNIADBFAiBJw/msaWhEd2tGyoAEXeq/4SRJi1qpQH1/gNaaA26ksQIh"
	"AJYEKo6MmUL2xVlKKTOv9yle7DgwC2NW69lO3b3dbq4c";
static const char root[] =
	"MIIBqTCCAU+gAwIBAgIQYp+OJjmdxzrwLqIXXL+aGzAKBggqhkjOPQQDAjAzMQ8wDQYDVQQKDAZWZWN0b3Ix"
	"IDAeBgNVBAMMF1ZlY3RvciB0aW1lc3RhbXAgaXNzdWVyMB4XDTIzMTExNDIyMTMyMFoXDTQzMTEwOTIyMTMy"
	"MFowMzEPMA0GA1UECgwGVmVjdG9yMSAwHgYDVQQDDBdWZWN0b3IgdGltZXN0YW1wIGlzc3VlcjBZMBMGByqG"
	"SM49AgEGCCqGSM49AwEHA0IABJPtoXqAAGptVbH+7zWFamLVW5VVMwjWzIfaeTK0t1jpjl8Sci1CTZQcoFaN"
	"cd08R1xpPkWAFw0mthfpXSc6Mw6jRTBDMBIGA1UdEwEB/wQIMAYBAf8CAQAwDgYDVR0PAQH/BAQDAgEGMB0G"
	"A1UdDgQWBBQ6otXNuIXNxSg5/O6JtFcmJaCDgDAKBggqhkjOPQQDAgNIADBFAiAgllwUQVLZOxXF8tjHImLv"
	"0A7TJLPSGLB2vZLXlU1qUQIhALkdBKUC4iGzTPj52NoxFuS9uuxbpTe94tKQDlq/1x9B";
static const char spki[] =
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEK6JLHRBM/r3Ki04/FyWhuEYZj/Cs0BDgsqYv3neyhCnUsmFF"
	"/oaFEyRi3KJbmn1BvW4goSe9PhIcIUy/sVvTHA==";

static void
decode(const char *text, struct buf *out)
{
	struct err err;

	if (digest_unbase64(text, strlen(text), out, &err) < 0)
		abort();
}

static struct key_public *
key(void)
{
	static struct key_public k = { .role = KEY_TIMESTAMP, .id = "fuzz" };
	static struct buf cert = BUF_MAX(4096), issuer = BUF_MAX(4096), der = BUF_MAX(4096);

	if (k.cert)
		return &k;
	decode(leaf, &cert);
	decode(root, &issuer);
	decode(spki, &der);
	k.cert = (const uint8_t *)cert.data;
	k.cert_len = cert.len;
	k.issuer = (const uint8_t *)issuer.data;
	k.issuer_len = issuer.len;
	k.der = (const uint8_t *)der.data;
	k.der_len = der.len;
	return &k;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct keyring nobody = { 0 }, one = { .at = key(), .n = 1 };
	bool stamped = false;
	int64_t when = 0;
	struct err err;

	if (timestamp_verify(&nobody, data, n, STAMPED, strlen(STAMPED), &stamped, &when,
			     &err) < 0)
		assert(err.code == ERR_VERIFY);
	assert(!stamped);
	if (timestamp_verify(&one, data, n, STAMPED, strlen(STAMPED), &stamped, &when, &err) <
	    0)
		assert(err.code == ERR_VERIFY && !stamped);
	else
		assert(stamped && when == WHEN);
	return 0;
}
