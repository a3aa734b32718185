// Keys from a 32-byte seed (hex in a file): Ed25519 and P-256, as Multikey pairs, as JWKs, and as the did:key and did:bid of them.
import { createECDH, createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';

import * as EcdsaMultikey from '@digitalbazaar/ecdsa-multikey';
import * as Ed25519Multikey from '@digitalbazaar/ed25519-multikey';
import { encode } from 'base58-universal';

export const seedOf = (file) => Buffer.from(readFileSync(file, 'utf8').trim(), 'hex');

const multibase = (prefix, bytes) => `z${encode(Buffer.concat([Buffer.from(prefix), bytes]))}`;

// The private JWK of a seed. For P-256 the seed is the scalar.
export const jwkOf = (alg, seed) => {
  if (alg === 'EdDSA') {
    const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' });
  }
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(seed);
  const point = ecdh.getPublicKey();
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) => part.toString('base64url'));
  return { kty: 'EC', crv: 'P-256', x, y, d: seed.toString('base64url') };
};

export const publicJwk = (jwk) => createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'jwk' });

// The public Multikey of a JWK.
export const multikeyOf = ({ crv, x, y }) => {
  const bytes = Buffer.from(x, 'base64url');
  if (crv === 'Ed25519') return multibase([0xed, 0x01], bytes);
  const odd = Buffer.from(y, 'base64url').at(-1) & 1;
  return multibase([0x80, 0x24], Buffer.concat([Buffer.from([2 + odd]), bytes]));
};

// The did:bid of an Ed25519 key: `ef` and the last 22 bytes of the key's SHA-256.
export const didBidOf = ({ x }) => {
  const digest = createHash('sha256').update(Buffer.from(x, 'base64url')).digest();
  return `did:bid:ef${encode(digest.subarray(10))}`;
};

export const didKeyOf = (jwk) => `did:key:${multikeyOf(jwk)}`;

// The document that a did:bid resolves to, with one Multikey.
export const didBidDocument = (did, jwk) => {
  const id = `${did}#key-1`;
  return {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
    id: did,
    verificationMethod: [{ id, type: 'Multikey', controller: did, publicKeyMultibase: multikeyOf(jwk) }],
    authentication: [id],
    assertionMethod: [id],
  };
};

// A key pair that the suites of Digital Bazaar sign with; `method` is its URL.
export const pairOf = async (alg, seed, method) => {
  const jwk = jwkOf(alg, seed);
  const publicKeyMultibase = multikeyOf(jwk);
  const id = method ?? `did:key:${publicKeyMultibase}#${publicKeyMultibase}`;
  const [controller] = id.split('#');
  const [library, prefix] = alg === 'EdDSA' ? [Ed25519Multikey, [0x80, 0x26]] : [EcdsaMultikey, [0x86, 0x26]];
  const secretKeyMultibase = multibase(prefix, seed);
  return library.from({ type: 'Multikey', id, controller, publicKeyMultibase, secretKeyMultibase });
};
