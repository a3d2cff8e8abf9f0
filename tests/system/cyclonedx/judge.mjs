// SPDX-License-Identifier: Apache-2.0
// Says of each file whether the CycloneDX project's library takes it for a strict CycloneDX 1.6 document:
// "accepted FILE", or "refused FILE" with what is wrong and where.
// usage: node judge.mjs FILE...
import * as fs from 'node:fs';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';

const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
for (const file of process.argv.slice(2)) {
	const wrong = await validator.validate(fs.readFileSync(file, 'utf8'));
	if (wrong === null)
		console.log(`accepted ${file}`);
	else
		console.log(`refused ${file}`, wrong.map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`).join('; '));
}
