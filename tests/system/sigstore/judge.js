// SPDX-License-Identifier: Apache-2.0
// sigstore's own verifier at its default thresholds: one log entry, one timestamp.
//   judge.js verify ROOT KEY HINT BUNDLE...      a line for each: "accepted" or "refused CODE: WORDS"
//   judge.js bench ROOT KEY HINT COUNT BUNDLE    microseconds per bundle in this warm process
//   judge.js change HOW BUNDLE OTHER             the bundle on stdout, tampered with; OTHER lends pieces
'use strict';
const fs = require('fs');
const read = (path) => JSON.parse(fs.readFileSync(path, 'utf8'));

function verifier(rootPath, keyPath, hint) {
	const { TrustedRoot } = require('@sigstore/protobuf-specs');
	const { Verifier, toTrustMaterial } = require('@sigstore/verify');
	const pem = fs.readFileSync(keyPath, 'utf8').replace(/-----[^-]*-----|\s/g, '');
	const key = { rawBytes: Buffer.from(pem, 'base64'), keyDetails: 5, validFor: { start: new Date(0) } };
	return new Verifier(toTrustMaterial(TrustedRoot.fromJSON(read(rootPath)), { [hint]: key }));
}

function judge(v, bundle) {
	const { bundleFromJSON } = require('@sigstore/bundle');
	const { toSignedEntity } = require('@sigstore/verify');
	v.verify(toSignedEntity(bundleFromJSON(bundle)));
}

function flip(text) { // one bit in the middle of base64
	const bytes = Buffer.from(text, 'base64');
	bytes[bytes.length >> 1] ^= 1;
	return bytes.toString('base64');
}

const changes = {
	payload: (b) => { b.dsseEnvelope.payload = flip(b.dsseEnvelope.payload); },
	signature: (b) => { const s = b.dsseEnvelope.signatures[0]; s.sig = flip(s.sig); },
	body: (b) => { const e = b.verificationMaterial.tlogEntries[0]; e.canonicalizedBody = flip(e.canonicalizedBody); },
	root: (b) => {
		const p = b.verificationMaterial.tlogEntries[0].inclusionProof, lines = p.checkpoint.envelope.split('\n');
		p.rootHash = lines[2] = flip(lines[2]);
		p.checkpoint.envelope = lines.join('\n');
	},
	'checkpoint-signature': (b) => {
		const c = b.verificationMaterial.tlogEntries[0].inclusionProof.checkpoint, words = c.envelope.trimEnd().split(' ');
		words.push(flip(words.pop()));
		c.envelope = words.join(' ') + '\n';
	},
	hash: (b) => { const h = b.verificationMaterial.tlogEntries[0].inclusionProof.hashes; h[0] = flip(h[0]); },
	index: (b) => {
		const e = b.verificationMaterial.tlogEntries[0];
		e.logIndex = e.inclusionProof.logIndex = String(BigInt(e.logIndex) ^ 1n);
	},
	'entry-of-another': (b, o) => { b.verificationMaterial.tlogEntries = o.verificationMaterial.tlogEntries; },
	'proof-of-another': (b, o) => {
		const e = b.verificationMaterial.tlogEntries[0], f = o.verificationMaterial.tlogEntries[0];
		e.inclusionProof = f.inclusionProof;
		e.logIndex = f.logIndex;
	},
	'timestamp-of-another': (b, o) => {
		b.verificationMaterial.timestampVerificationData = o.verificationMaterial.timestampVerificationData;
	},
	'changed-timestamp': (b) => {
		const t = b.verificationMaterial.timestampVerificationData.rfc3161Timestamps[0];
		t.signedTimestamp = flip(t.signedTimestamp);
	},
	'log-id': (b) => { const e = b.verificationMaterial.tlogEntries[0]; e.logId.keyId = flip(e.logId.keyId); },
	'no-proof': (b) => { delete b.verificationMaterial.tlogEntries[0].inclusionProof; },
	'no-checkpoint': (b) => { delete b.verificationMaterial.tlogEntries[0].inclusionProof.checkpoint; },
	'two-signatures': (b, o) => { b.dsseEnvelope.signatures.push(o.dsseEnvelope.signatures[0]); },
	'no-signature': (b) => { b.dsseEnvelope.signatures = []; },
	'media-type': (b) => { b.mediaType = 'application/vnd.dev.sigstore.bundle+json;version=9.9'; },
	'other-hint': (b) => { b.verificationMaterial.publicKey.hint = 'SHA256:' + 'A'.repeat(43); },
	'certificate-for-key': (b, o) => {
		delete b.verificationMaterial.publicKey;
		b.verificationMaterial.certificate = { rawBytes: o.dsseEnvelope.payload };
	},
	'message-for-envelope': (b) => {
		b.messageSignature = { messageDigest: { algorithm: 'SHA2_256', digest: 'A'.repeat(43) + '=' },
			signature: b.dsseEnvelope.signatures[0].sig };
		delete b.dsseEnvelope;
	},
	'no-timestamp': (b) => { delete b.verificationMaterial.timestampVerificationData; },
	'no-entry': (b) => { delete b.verificationMaterial.tlogEntries; },
	'other-key': (b, o) => { b.dsseEnvelope.signatures = o.dsseEnvelope.signatures; },
};

function main([verb, ...rest]) {
	if (verb === 'change') {
		const bundle = read(rest[1]);
		changes[rest[0]](bundle, read(rest[2]));
		process.stdout.write(JSON.stringify(bundle));
		return;
	}
	const v = verifier(rest[0], rest[1], rest[2]);
	if (verb === 'bench') {
		const count = Number(rest[3]), text = fs.readFileSync(rest[4], 'utf8');
		for (let i = 0; i < 50; i++)
			judge(v, JSON.parse(text));
		const start = process.cpuUsage();
		for (let i = 0; i < count; i++)
			judge(v, JSON.parse(text));
		const used = process.cpuUsage(start);
		console.log(((used.user + used.system) / count).toFixed(1));
		return;
	}
	for (const path of rest.slice(3)) {
		try {
			judge(v, read(path));
			console.log('accepted');
		} catch (e) {
			console.log(`refused ${e.code || e.name}: ${e.message}`);
		}
	}
}
main(process.argv.slice(2));
