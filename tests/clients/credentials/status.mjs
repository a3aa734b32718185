// The bit of a credential's Bitstring status list, by @digitalbazaar/vc-bitstring-status-list: `node status.mjs FILE DOCUMENTS`.
// DOCUMENTS holds the status list credential under its URL, and the DIDs. Prints {verified, error, statuses}: the list was checked, and
// for each entry of the credential whether its bit is set.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { checkStatus } from '@digitalbazaar/vc-bitstring-status-list';

import { documentLoader } from './loader.mjs';
import { reason, verifying } from './suites.mjs';

export const status = async (credential, documents) => {
  const result = await checkStatus({ credential, suite: verifying(), documentLoader: documentLoader(documents) });
  const statuses = (result.results ?? []).map(({ status }) => status);
  return { verified: result.verified, error: result.error ? reason(result.error) : null, statuses };
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [file, documents] = process.argv.slice(2);
  const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
  console.log(JSON.stringify(await status(read(file), read(documents))));
}
