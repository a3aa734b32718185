// A credential or presentation, signed by @digitalbazaar/vc: `node issue.mjs SEED SUITE FILE [METHOD [CHALLENGE DOMAIN]]`.
// SEED is a file with 32 bytes in hex; METHOD the URL of the key in a did:bid document, else the key signs as its did:key. DOCUMENTS of
// a presentation are not needed: signing resolves nothing. Prints what was signed.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import * as vc from '@digitalbazaar/vc';

import { pairOf, seedOf } from './keys.mjs';
import { documentLoader } from './loader.mjs';
import { SUITES, signing } from './suites.mjs';

export const issue = async (unsigned, suiteName, seed, { method, challenge, domain, date } = {}) => {
  const pair = await pairOf(SUITES[suiteName].alg, seed, method);
  const given = { suite: signing(suiteName, pair, date), documentLoader: documentLoader() };
  return [unsigned.type].flat().includes('VerifiablePresentation')
    ? vc.signPresentation({ presentation: { holder: pair.controller, ...unsigned }, challenge, domain, ...given })
    : vc.issue({ credential: { issuer: pair.controller, ...unsigned }, ...given });
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [seed, suite, file, method, challenge, domain] = process.argv.slice(2);
  const unsigned = JSON.parse(readFileSync(file, 'utf8'));
  console.log(JSON.stringify(await issue(unsigned, suite, seedOf(seed), { method, challenge, domain })));
}
