# Reads Mozilla's certdata.txt and writes, as one PEM bundle in the order of the input, the
# certificates trusted to issue for TLS servers. A trust object belongs to the certificate with the
# same issuer and serial number; the label is only for people. Octal escapes become base64 here, so
# nothing but awk is needed.

function octal_value(s) { return substr(s, 2, 1) * 64 + substr(s, 3, 1) * 8 + substr(s, 4, 1) }

function base64(octal,    n, i, a, b, c, out, line) {
	n = length(octal) / 4
	out = ""
	for (i = 0; i < n; i += 3) {
		a = octal_value(substr(octal, i * 4 + 1, 4))
		b = i + 1 < n ? octal_value(substr(octal, i * 4 + 5, 4)) : 0
		c = i + 2 < n ? octal_value(substr(octal, i * 4 + 9, 4)) : 0
		out = out substr(ALPHABET, int(a / 4) + 1, 1) \
			substr(ALPHABET, (a % 4) * 16 + int(b / 16) + 1, 1) \
			(i + 1 < n ? substr(ALPHABET, (b % 16) * 4 + int(c / 64) + 1, 1) : "=") \
			(i + 2 < n ? substr(ALPHABET, c % 64 + 1, 1) : "=")
	}
	for (line = ""; length(out) > 64; out = substr(out, 65))
		line = line substr(out, 1, 64) "\n"
	return line out "\n"
}

function end_object(    key) {
	key = octal["CKA_ISSUER"] "|" octal["CKA_SERIAL_NUMBER"]
	if (class == "CKO_CERTIFICATE") {
		n_certs++
		cert[n_certs] = octal["CKA_VALUE"]
		name[n_certs] = label
		of[n_certs] = key
	} else if (class == "CKO_NSS_TRUST" && server_auth == "CKT_NSS_TRUSTED_DELEGATOR") {
		trusted[key] = 1
	}
	delete octal
	class = label = server_auth = ""
}

BEGIN { ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" }
/^BEGINDATA/ { data = 1; next }
!data || /^#/ { next }
field != "" {
	if ($0 == "END")
		field = ""
	else
		octal[field] = octal[field] $0
	next
}
/^CKA_CLASS/ { end_object(); class = $3; next }
$2 == "MULTILINE_OCTAL" { field = $1; octal[field] = ""; next }
$1 == "CKA_LABEL" { label = $0; sub(/^[^"]*"/, "", label); sub(/"$/, "", label); next }
$1 == "CKA_TRUST_SERVER_AUTH" { server_auth = $3 }
END {
	end_object()
	for (i = 1; i <= n_certs; i++)
		if (of[i] in trusted) {
			printf "# %s\n-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n", name[i], base64(cert[i])
			written++
		}
	if (written < 50) {
		print "certdata.awk: only " written + 0 " trusted certificates found" > "/dev/stderr"
		exit 1
	}
}
