// vc+jwt and vp+jwt by jose: `node jwt.mjs issue SEED ALG FILE KID [TYP]` prints the token,
// `node jwt.mjs verify FILE JWK [TYP]` prints {verified, error, claims}. ALG is EdDSA or ES256, TYP vc+jwt unless said.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { importJWK, jwtVerify, SignJWT } from 'jose';

import { jwkOf, seedOf } from './keys.mjs';

export const issue = async (claims, alg, seed, kid, typ = 'vc+jwt') => {
  const key = await importJWK(jwkOf(alg, seed), alg);
  return new SignJWT(claims).setProtectedHeader({ alg, kid, typ, cty: typ.slice(0, 2) }).sign(key);
};

export const verify = async (token, jwk, typ = 'vc+jwt') => {
  try {
    const key = await importJWK(jwk, jwk.kty === 'OKP' ? 'EdDSA' : 'ES256');
    const { payload } = await jwtVerify(token, key, { typ });
    return { verified: true, error: null, claims: payload };
  } catch (error) {
    return { verified: false, error: error.message, claims: null };
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [command, ...rest] = process.argv.slice(2);
  const read = (path) => readFileSync(path, 'utf8').trim();
  if (command === 'issue') {
    const [seed, alg, file, kid, typ] = rest;
    console.log(await issue(JSON.parse(read(file)), alg, seedOf(seed), kid, typ));
  } else {
    const [file, jwk, typ] = rest;
    console.log(JSON.stringify(await verify(read(file), JSON.parse(read(jwk)), typ)));
  }
}
