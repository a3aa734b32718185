// A document loader that knows the published contexts, did:key, and the DID documents that it is given; it fetches nothing.
import { readFileSync } from 'node:fs';

import * as EcdsaMultikey from '@digitalbazaar/ecdsa-multikey';
import * as Ed25519Multikey from '@digitalbazaar/ed25519-multikey';

const built = new URL('../../../rdfc/contexts/', import.meta.url);
const context = (file) => JSON.parse(readFileSync(new URL(file, built)));

export const CONTEXTS = new Map([
  ['https://www.w3.org/ns/credentials/v2', context('credentials-v2.jsonld')],
  ['https://www.w3.org/2018/credentials/v1', context('credentials-v1.jsonld')],
  ['https://www.w3.org/ns/credentials/examples/v2', context('examples-v2.jsonld')],
  ['https://www.w3.org/ns/credentials/undefined-terms/v2', context('undefined-terms-v2.jsonld')],
  ['https://w3id.org/security/data-integrity/v1', context('data-integrity-v1.jsonld')],
  ['https://w3id.org/security/data-integrity/v2', context('data-integrity-v2.jsonld')],
  ['https://w3id.org/security/multikey/v1', context('multikey-v1.jsonld')],
  ['https://www.w3.org/ns/did/v1', context('did-v1.jsonld')],
]);

// The key that a did:key is, by the first bytes of its multibase.
const multikey = async (publicKeyMultibase, controller) => {
  const suite = publicKeyMultibase.startsWith('z6Mk') ? Ed25519Multikey : EcdsaMultikey;
  const id = `${controller}#${publicKeyMultibase}`;
  const key = await suite.from({ type: 'Multikey', id, controller, publicKeyMultibase });
  return key.export({ publicKey: true, includeContext: true });
};

const didKey = async (url) => {
  const [did, fragment] = url.split('#');
  const method = await multikey(did.slice('did:key:'.length), did);
  if (fragment) return method;
  const { '@context': _, ...bare } = method;
  const relationships = { assertionMethod: [method.id], authentication: [method.id] };
  return { '@context': 'https://www.w3.org/ns/did/v1', id: did, verificationMethod: [bare], ...relationships };
};

// `documents` is an object: URL (a DID, a status list's address) to JSON document.
export const documentLoader = (documents = {}) => async (url) => {
  const found = (document) => ({ contextUrl: null, documentUrl: url, document });
  if (CONTEXTS.has(url)) return found(CONTEXTS.get(url));
  if (Object.hasOwn(documents, url)) return found(documents[url]);
  if (url.startsWith('did:key:')) return found(await didKey(url));
  const [did] = url.split('#');
  const method = documents[did]?.verificationMethod?.find((method) => method.id === url);
  if (method) return found({ '@context': 'https://w3id.org/security/multikey/v1', ...method });
  throw new Error(`${url} is not known here`);
};
