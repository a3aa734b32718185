// The Data Integrity suites by name: one to verify with, one to sign with.
import { DataIntegrityProof } from '@digitalbazaar/data-integrity';
import * as ecdsaJcs from '@digitalbazaar/ecdsa-jcs-2019-cryptosuite';
import { cryptosuite as ecdsaRdfc } from '@digitalbazaar/ecdsa-rdfc-2019-cryptosuite';
import * as eddsaJcs from '@digitalbazaar/eddsa-jcs-2022-cryptosuite';
import { cryptosuite as eddsaRdfc } from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite';

export const SUITES = {
  'eddsa-jcs-2022': { alg: 'EdDSA', sign: eddsaJcs.createSignCryptosuite, verify: eddsaJcs.createVerifyCryptosuite },
  'eddsa-rdfc-2022': { alg: 'EdDSA', sign: () => eddsaRdfc, verify: () => eddsaRdfc },
  'ecdsa-jcs-2019': { alg: 'ES256', sign: ecdsaJcs.createSignCryptosuite, verify: ecdsaJcs.createVerifyCryptosuite },
  'ecdsa-rdfc-2019': { alg: 'ES256', sign: () => ecdsaRdfc, verify: () => ecdsaRdfc },
};

export const verifying = () =>
  Object.values(SUITES).map(({ verify }) => new DataIntegrityProof({ cryptosuite: verify() }));

export const signing = (name, pair, date) =>
  new DataIntegrityProof({ signer: pair.signer(), date, cryptosuite: SUITES[name].sign() });

// What these libraries throw holds what went wrong several levels down.
export const reason = (error) =>
  [error?.message, ...(error?.errors ?? []).map(reason), error?.cause && reason(error.cause)].filter(Boolean).join(': ');
