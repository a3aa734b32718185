// A credential or presentation, checked by @digitalbazaar/vc: `node verify.mjs FILE DOCUMENTS [CHALLENGE DOMAIN]`.
// DOCUMENTS is a JSON object: URL (DIDs, status lists) to document. Prints {verified, error}; exits 0 either way.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import * as vc from '@digitalbazaar/vc';
import { checkStatus } from '@digitalbazaar/vc-bitstring-status-list';

import { documentLoader } from './loader.mjs';
import { reason, verifying } from './suites.mjs';

export const verify = async (document, documents, { challenge, domain, now } = {}) => {
  const given = { suite: verifying(), documentLoader: documentLoader(documents), checkStatus, now };
  const isPresentation = [document.type].flat().includes('VerifiablePresentation');
  const result = isPresentation
    ? await vc.verify({ presentation: document, challenge, domain, unsignedPresentation: !document.proof, ...given })
    : await vc.verifyCredential({ credential: document, ...given });
  return { verified: result.verified, error: result.verified ? null : reason(result.error) || 'not verified' };
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [file, documents, challenge, domain] = process.argv.slice(2);
  const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
  console.log(JSON.stringify(await verify(read(file), read(documents), { challenge, domain })));
}
