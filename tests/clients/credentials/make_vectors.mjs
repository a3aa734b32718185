// Credentials that published libraries issued, for our verifier: `node credentials/make_vectors.mjs` writes ../vectors/credentials/*.json.
// Keys come from fixed seeds. ECDSA is salted at random, so those signatures differ each time; all else is the same.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';

import { createCredential, createList } from '@digitalbazaar/vc-bitstring-status-list';

import * as di from './issue.mjs';
import * as jwt from './jwt.mjs';
import { didBidDocument, didBidOf, didKeyOf, jwkOf, multikeyOf, publicJwk } from './keys.mjs';
import * as sdJwt from './sd-jwt.mjs';
import { status } from './status.mjs';
import { SUITES } from './suites.mjs';
import { verify } from './verify.mjs';

const CREATED = '2026-01-02T03:04:05Z';
const CHALLENGE = { challenge: 'a challenge', domain: 'verifier.example' };
const seedOf = (name) => createHash('sha256').update(`starfire ${name}`).digest();
const party = (name) => {
  const seed = seedOf(name);
  const [ed, p256] = [jwkOf('EdDSA', seed), jwkOf('ES256', seed)];
  const did = didBidOf(ed);
  return { seed, did, ed, p256, method: `${did}#key-1`, document: didBidDocument(did, ed) };
};
const [issuer, holder] = ['issuer', 'holder'].map(party);
const documents = { [issuer.did]: issuer.document, [holder.did]: holder.document };
const publicKeys = ({ ed, p256 }) => [ed, p256].map((jwk) => ({ multikey: multikeyOf(jwk), jwk: publicJwk(jwk), didKey: didKeyOf(jwk) }));
const seed = ({ seed }) => seed.toString('hex');

const V2 = 'https://www.w3.org/ns/credentials/v2';
const credential = (subject, more = {}) => ({
  '@context': [V2, 'https://www.w3.org/ns/credentials/examples/v2'],
  id: 'urn:uuid:6f1c1f0e-2d3b-4c5d-8e9f-0a1b2c3d4e5f',
  type: ['VerifiableCredential', 'CertificateOfOrigin'],
  validFrom: '2026-01-01T00:00:00Z',
  credentialSubject: { id: subject, certificateNumber: '26C4403A1234/00001', weight: 1250.5, goods: [{ hsCode: '8507.60' }, { hsCode: '8504.40' }] },
  ...more,
});
const presentation = (...credentials) => ({ '@context': [V2], type: ['VerifiablePresentation'], verifiableCredential: credentials });

// Data Integrity: every suite, under did:key; the Ed25519 suites under did:bid too; presentations of them.
const secured = [];
const add = async (name, document, suite, options) => {
  assert.deepEqual(await verify(document, documents, CHALLENGE), { verified: true, error: null }, name);
  const altered = structuredClone(document);
  (altered.verifiableCredential?.[0] ?? altered).credentialSubject.certificateNumber = 'another';
  assert.equal((await verify(altered, documents, CHALLENGE)).verified, false, `${name}, altered`);
  secured.push({ name, suite, ...options, document });
};
for (const suite of Object.keys(SUITES)) {
  const methods = SUITES[suite].alg === 'EdDSA' ? [undefined, issuer.method] : [undefined];
  for (const method of methods) {
    const under = method ? 'did:bid' : 'did:key';
    const signed = await di.issue(credential(holder.did), suite, issuer.seed, { method, date: CREATED });
    await add(`${suite} under ${under}`, signed, suite);
    const holds = method ? holder.method : undefined;
    const shown = await di.issue(presentation(signed), suite, holder.seed, { method: holds, date: CREATED, ...CHALLENGE });
    await add(`presentation, ${suite} under ${under}`, shown, suite, CHALLENGE);
  }
}

// A status list and two credentials in it, one revoked.
const listUrl = 'https://issuer.example/status/1';
const list = await createList({ length: 131_072 });
list.setStatus(4242, true);
const listed = await createCredential({ id: listUrl, list, statusPurpose: 'revocation' });
const statusList = await di.issue({ ...listed, validFrom: '2026-01-01T00:00:00Z' }, 'eddsa-rdfc-2022', issuer.seed, { method: issuer.method, date: CREATED });
const entry = (index) => ({ type: 'BitstringStatusListEntry', statusPurpose: 'revocation', statusListIndex: `${index}`, statusListCredential: listUrl });
const inList = async (index) => {
  const document = await di.issue(credential(holder.did, { credentialStatus: entry(index) }), 'eddsa-jcs-2022', issuer.seed, { method: issuer.method, date: CREATED });
  const { verified, statuses } = await status(document, { ...documents, [listUrl]: statusList });
  assert.ok(verified);
  return { document, index, revoked: statuses[0] };
};
const statuses = { statusList, credentials: [await inList(4242), await inList(4243)] };
assert.deepEqual(statuses.credentials.map(({ revoked }) => revoked), [true, false]);

// vc+jwt and vp+jwt.
const tokens = [];
for (const [alg, key, kid] of [['EdDSA', 'ed', issuer.method], ['ES256', 'p256', `${didKeyOf(issuer.p256)}#${multikeyOf(issuer.p256)}`]]) {
  const claims = credential(holder.did, { issuer: kid.split('#')[0] });
  const token = await jwt.issue(claims, alg, issuer.seed, kid);
  const jwk = publicJwk(issuer[key]);
  assert.ok((await jwt.verify(token, jwk)).verified);
  tokens.push({ name: `vc+jwt ${alg}`, typ: 'vc+jwt', jwk, token, claims });
  const enveloped = { '@context': V2, id: `data:application/vc+jwt,${token}`, type: 'EnvelopedVerifiableCredential' };
  const holds = alg === 'EdDSA' ? holder.method : `${didKeyOf(holder.p256)}#${multikeyOf(holder.p256)}`;
  const shown = { ...presentation(enveloped), holder: holds.split('#')[0], nonce: CHALLENGE.challenge, aud: CHALLENGE.domain };
  const holderJwk = publicJwk(holder[key]);
  const vp = await jwt.issue(shown, alg, holder.seed, holds, 'vp+jwt');
  assert.ok((await jwt.verify(vp, holderJwk, 'vp+jwt')).verified);
  tokens.push({ name: `vp+jwt ${alg}`, typ: 'vp+jwt', jwk: holderJwk, token: vp, claims: shown });
}

// SD-JWT VC, with all disclosures, and presented with two of them and key binding.
const selective = [];
for (const [alg, key] of [['EdDSA', 'ed'], ['ES256', 'p256']]) {
  const claims = {
    iss: issuer.did, iat: 1767225600, vct: 'https://credentials.example/driving_licence', sub: holder.did,
    cnf: { jwk: publicJwk(holder[key]) }, given_name: '小明', family_name: '王', birth_date: '1990-01-01',
    address: { locality: 'Xiamen', country: 'CN' }, categories: ['B', 'C1'],
  };
  const disclosable = { _sd: ['given_name', 'family_name', 'birth_date', 'address'], address: { _sd: ['locality'] }, categories: { _sd: [0, 1] } };
  const token = await sdJwt.issue(claims, disclosable, alg, issuer.seed, issuer.method, sdJwt.seededSalt(`sd-jwt ${alg}`));
  const bound = { aud: 'https://verifier.example', nonce: 'a nonce', iat: 1767312000 };
  const frame = { given_name: true, address: { locality: true }, categories: { 0: true } };
  const shown = await sdJwt.present(token, frame, alg, holder.seed, bound);
  const jwk = publicJwk(issuer[key]);
  const whole = await sdJwt.verify(token, jwk);
  const part = await sdJwt.verify(shown, jwk, bound.nonce);
  assert.deepEqual([whole.error, part.error], [null, null]);
  selective.push({ name: `SD-JWT VC ${alg}`, jwk, token, claims: whole.claims, presentation: shown, shown: part.claims, keyBinding: bound });
}

const write = (name, value) =>
  writeFileSync(new URL(`../../vectors/credentials/${name}.json`, import.meta.url), `${JSON.stringify(value, null, 2)}\n`);
const parties = { issuer: { seed: seed(issuer), did: issuer.did, keys: publicKeys(issuer) }, holder: { seed: seed(holder), did: holder.did, keys: publicKeys(holder) } };
write('data-integrity', { parties, documents, secured });
write('status', { documents, ...statuses });
write('jwt', { documents, tokens });
write('sd-jwt', { documents, selective });
