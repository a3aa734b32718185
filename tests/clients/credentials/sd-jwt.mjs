// SD-JWT VC by @sd-jwt/sd-jwt-vc:
// `node sd-jwt.mjs issue SEED ALG FILE KID` FILE {claims, disclosable}: prints the token;
// `node sd-jwt.mjs present SEED ALG FILE FRAME AUDIENCE NONCE [IAT]` FRAME a JSON object of what to show: prints it with key binding;
// `node sd-jwt.mjs verify FILE JWK [NONCE]` prints {verified, error, claims}; with a nonce, the key binding is asked for.
import { createHash, sign, verify as checks } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { digest, generateSalt } from '@sd-jwt/crypto-nodejs';
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc';

import { jwkOf, seedOf } from './keys.mjs';

const algorithm = (alg) => (alg === 'EdDSA' ? null : 'sha256');
const keyOf = (jwk) => ({ key: jwk, format: 'jwk', dsaEncoding: 'ieee-p1363' });
const algOf = (jwk) => (jwk.kty === 'OKP' ? 'EdDSA' : 'ES256');
const signer = (alg, jwk) => (data) => sign(algorithm(alg), Buffer.from(data), keyOf(jwk)).toString('base64url');
const holds = (jwk, data, signature) =>
  checks(algorithm(algOf(jwk)), Buffer.from(data), keyOf(jwk), Buffer.from(signature, 'base64url'));

const common = (salt = generateSalt) => ({ hasher: digest, hashAlg: 'sha-256', saltGenerator: salt });

// Salts that are the same each time, for files that are kept.
export const seededSalt = (seed) => {
  let count = 0;
  return () => createHash('sha256').update(seed).update(`${(count += 1)}`).digest('base64url').slice(0, 22);
};

export const issue = (claims, disclosable, alg, seed, kid, salt) => {
  const instance = new SDJwtVcInstance({ ...common(salt), signer: signer(alg, jwkOf(alg, seed)), signAlg: alg });
  return instance.issue(claims, disclosable, { header: { kid } });
};

export const present = (token, frame, alg, seed, { aud, nonce, iat }) => {
  const instance = new SDJwtVcInstance({ ...common(), kbSigner: signer(alg, jwkOf(alg, seed)), kbSignAlg: alg });
  return instance.present(token, frame, { kb: { payload: { aud, nonce, iat } } });
};

export const verify = async (token, jwk, nonce) => {
  const instance = new SDJwtVcInstance({
    ...common(),
    verifier: (data, signature) => holds(jwk, data, signature),
    kbVerifier: (data, signature, payload) => holds(payload.cnf.jwk, data, signature),
  });
  try {
    const { payload } = await instance.verify(token, nonce ? { keyBindingNonce: nonce } : {});
    return { verified: true, error: null, claims: payload };
  } catch (error) {
    return { verified: false, error: error.message, claims: null };
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [command, ...rest] = process.argv.slice(2);
  const read = (path) => readFileSync(path, 'utf8').trim();
  if (command === 'issue') {
    const [seed, alg, file, kid] = rest;
    const { claims, disclosable } = JSON.parse(read(file));
    console.log(await issue(claims, disclosable, alg, seedOf(seed), kid));
  } else if (command === 'present') {
    const [seed, alg, file, frame, aud, nonce, iat] = rest;
    const binding = { aud, nonce, iat: iat ? Number(iat) : Math.floor(Date.now() / 1000) };
    console.log(await present(read(file), JSON.parse(frame), alg, seedOf(seed), binding));
  } else {
    const [file, jwk, nonce] = rest;
    console.log(JSON.stringify(await verify(read(file), JSON.parse(read(jwk)), nonce)));
  }
}
