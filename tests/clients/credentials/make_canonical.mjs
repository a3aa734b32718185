// What jsonld.js and rdf-canonize make of documents and graphs: `node credentials/make_canonical.mjs > ../vectors/credentials/canonical.json`.
// The documents are the same each time: a seeded generator mixes what credentials are made of, undefined terms among it.
import jsonld from 'jsonld';
import * as rdf from 'rdf-canonize';

import { documentLoader } from './loader.mjs';

let state = 1;
const random = (below) => {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};
const one = (...list) => list[random(list.length)];
const some = (most, make) => Array.from({ length: random(most + 1) }, make);

const V2 = 'https://www.w3.org/ns/credentials/v2';
const EXAMPLES = 'https://www.w3.org/ns/credentials/examples/v2';
const id = () => `urn:uuid:${random(1e6)}`;
const text = () => one('plain', 'quote " back \\ slash', 'line\nfeed\ttab\rreturn', '\u0001\u007f\b\f', '证书 \u{1F600}', '', ' ', 'é');
const scalar = () => one(text(), random(1000), -random(1000), 1e15, 1e21, 0.1, 12.5, -1.5e-7, 100000.25, true, false, null);
const worded = () => one(text(), { '@value': text(), '@language': one('en', 'zh-Hans', 'EN-us') }, [text(), text()]);
const thing = (depth) => {
  const object = {};
  if (random(2)) object.id = id();
  if (random(2)) object.type = one('Thing', ['Thing', 'Other'], []);
  for (const key of some(4, () => one('name', 'description', 'degree', 'mass', 'parts', 'https://schema.org/url', 'image'))) {
    if (key === 'name' || key === 'description') object[key] = worded();
    else if (key === 'image') object[key] = one('https://example.org/a.png', id());
    else object[key] = depth && random(2) ? one(thing(depth - 1), some(3, () => thing(depth - 1))) : one(scalar(), some(3, scalar));
  }
  return object;
};
const status = () => ({
  type: 'BitstringStatusListEntry', statusPurpose: 'revocation', statusListIndex: `${random(1e5)}`, statusListCredential: 'https://example.org/s/1',
});
const schema = () => ({ id: 'https://example.org/schema.json', type: 'JsonSchema' });
const proof = () => ({
  type: 'DataIntegrityProof', cryptosuite: 'eddsa-rdfc-2022', created: '2026-01-01T00:00:00Z', proofPurpose: 'assertionMethod',
  verificationMethod: 'did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2#k', proofValue: 'z3s', ...(random(2) && { challenge: 'c', domain: 'd' }),
});
const contexts = () => one(
  [V2, EXAMPLES], [V2, EXAMPLES], [V2, { '@vocab': 'https://example.org/#' }], [V2], V2,
  [V2, { mass: 'https://example.org/mass', parts: { '@id': 'https://example.org/parts' }, degree: 'https://example.org/degree' }],
  [V2, 'https://www.w3.org/ns/credentials/undefined-terms/v2'],
);
const credential = () => {
  const document = { '@context': contexts(), type: one(['VerifiableCredential'], 'VerifiableCredential', ['VerifiableCredential', 'ExampleCredential']) };
  if (random(2)) document.id = id();
  document.issuer = one('did:bid:efTest', { ...thing(0), id: 'did:bid:efTest' });
  if (random(2)) document.validFrom = '2026-01-01T00:00:00Z';
  if (random(3) === 0) document.credentialStatus = one(status(), [status(), status()]);
  if (random(3) === 0) document.credentialSchema = one(schema(), [schema(), schema()]);
  if (random(3) === 0) document.name = worded();
  if (random(4) === 0) document.evidence = [{ type: 'Evidence', ...thing(0) }];
  document.credentialSubject = one(thing(2), [thing(1), thing(1)]);
  if (random(4) === 0) document.proof = one(proof(), [proof(), proof()]);
  return document;
};
const presentation = () => ({
  '@context': one([V2, EXAMPLES], V2), type: 'VerifiablePresentation', holder: 'did:bid:efHolder',
  verifiableCredential: one([credential(), credential()], credential(), [
    { '@context': V2, id: 'data:application/vc+jwt,e30.e30.e30', type: 'EnvelopedVerifiableCredential' },
  ]),
});
const fixed = [
  { '@context': V2, type: ['VerifiableCredential', 'JsonSchemaCredential'], issuer: 'did:bid:efTest', credentialSubject: { id: 'https://example.org/s', type: 'JsonSchema', jsonSchema: { type: 'object', maximum: 1.5, required: ['a', null], properties: { b: {}, a: { '@id': 1 } } } } },
  { '@context': V2, type: ['VerifiableCredential', 'BitstringStatusListCredential'], issuer: 'did:bid:efTest', credentialSubject: { id: 'https://example.org/s#list', type: 'BitstringStatusList', statusPurpose: 'revocation', encodedList: 'uH4sIAAAAAAAAA' } },
  { '@context': ['https://www.w3.org/2018/credentials/v1', 'https://w3id.org/security/data-integrity/v2'], type: 'VerifiableCredential', issuer: 'did:bid:efTest', issuanceDate: '2026-01-01T00:00:00Z', credentialSubject: { id: 'urn:a' }, proof: proof() },
  { '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'], id: 'did:bid:efTest', verificationMethod: [{ id: 'did:bid:efTest#1', type: 'Multikey', controller: 'did:bid:efTest', publicKeyMultibase: 'z6Mk' }], assertionMethod: ['did:bid:efTest#1'], service: { id: 'did:bid:efTest#s', type: 'LinkedDomains', serviceEndpoint: 'https://example.org/' } },
  { '@context': 'https://w3id.org/security/data-integrity/v2', ...proof() },
  { '@context': [V2, EXAMPLES], type: 'VerifiableCredential', issuer: 'did:bid:efTest', credentialSubject: [{ a: {} }, { a: {} }, { a: { a: { a: {} } } }, { a: [{}, {}, { a: {} }] }] },
];

const options = { algorithm: 'RDFC-1.0', format: 'application/n-quads', documentLoader: documentLoader(), safe: true, canonizeOptions: { maxWorkFactor: Infinity } };
const documents = [];
for (const document of [...fixed, ...Array.from({ length: 150 }, () => one(credential, credential, presentation)())]) {
  const canonical = await jsonld.canonize(document, options).catch((error) => {
    if (error.name !== 'jsonld.ValidationError') throw error;
    return null;
  });
  documents.push({ document, canonical });
}

// Small graphs of blank nodes, so dense that first hashes seldom tell them apart.
const graphs = [];
for (let count = 0; count < 60; count += 1) {
  const nodes = 2 + random(4);
  const blank = () => `_:n${random(nodes)}`;
  const iri = (name) => `<urn:${name}>`;
  const lines = Array.from({ length: 1 + random(2 * nodes) }, () => [
    random(6) ? blank() : iri('s'), iri(one('p', 'p', 'q')), random(5) ? blank() : iri('o'), random(6) ? '' : one(blank(), iri('g')),
  ]);
  const input = lines.map((line) => `${line.filter(Boolean).join(' ')} .\n`).join('');
  const canonical = await rdf.canonize(rdf.NQuads.parse(input), { algorithm: 'RDFC-1.0', format: 'application/n-quads', maxWorkFactor: Infinity });
  graphs.push({ lines, canonical });
}
console.log(JSON.stringify({ documents, graphs }, null, 1));
