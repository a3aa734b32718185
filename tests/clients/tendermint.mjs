// Tendermint's own hashes and sign bytes, as far as a header chain needs them. CosmJS reads headers and commits, but checks none.
import assert from 'node:assert/strict';
import { createHash, createPublicKey, verify } from 'node:crypto';

import { pubkeyToRawAddress, toSeconds } from '@cosmjs/tendermint-rpc';

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();

// Protobuf: numbers, and fields that are left out when they hold nothing.
const varint = (value) => {
  const bytes = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
};
const number = (field, value) => (Number(value) === 0 ? Buffer.alloc(0) : Buffer.concat([varint(field << 3), varint(value)]));
const fixed = (field, value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return Number(value) === 0 ? Buffer.alloc(0) : Buffer.concat([varint((field << 3) | 1), bytes]);
};
const message = (field, bytes) => Buffer.concat([varint((field << 3) | 2), varint(bytes.length), bytes]);
const bytes = (field, value) => (value.length === 0 ? Buffer.alloc(0) : message(field, Buffer.from(value)));

const time = (date) => {
  const { seconds, nanos } = toSeconds(date);
  return Buffer.concat([number(1, seconds), number(2, nanos)]);
};
const blockId = (id) => {
  const parts = Buffer.concat([number(1, id.parts.total), bytes(2, id.parts.hash)]);
  return Buffer.concat([bytes(1, id.hash), message(2, parts)]);
};

const merkle = (leaves) => {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return sha256(Buffer.from([0]), leaves[0]);
  const split = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  return sha256(Buffer.from([1]), merkle(leaves.slice(0, split)), merkle(leaves.slice(split)));
};

/** The hash of a header: the Merkle root of its fourteen fields. */
export const headerHash = (header) =>
  merkle([
    Buffer.concat([number(1, header.version.block), number(2, header.version.app)]),
    bytes(1, Buffer.from(header.chainId)),
    number(1, header.height),
    time(header.time),
    header.lastBlockId === null ? message(2, Buffer.alloc(0)) : blockId(header.lastBlockId),
    ...[
      header.lastCommitHash,
      header.dataHash,
      header.validatorsHash,
      header.nextValidatorsHash,
      header.consensusHash,
      header.appHash,
      header.lastResultsHash,
      header.evidenceHash,
      header.proposerAddress,
    ].map((hash) => bytes(1, hash)),
  ]);

/** The Merkle root of envelopes, as `dataHash` has it. */
export const dataHash = (envelopes) => merkle(envelopes.map((envelope) => sha256(envelope)));

/** The hash of a validator set. */
export const setHash = (validators) =>
  merkle(
    validators.map((validator) =>
      Buffer.concat([message(1, bytes(1, validator.pubkey.data)), number(2, validator.votingPower)]),
    ),
  );

const precommit = (chainId, commit, timestamp) => {
  const vote = Buffer.concat([
    number(1, 2),
    fixed(2, commit.height),
    fixed(3, commit.round),
    message(4, blockId(commit.blockId)),
    message(5, time(timestamp)),
    bytes(6, Buffer.from(chainId)),
  ]);
  return Buffer.concat([varint(vote.length), vote]);
};

const ed25519 = (raw) =>
  createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(raw).toString('base64url') }, format: 'jwk' });

/** Believes a header if more than two thirds of these validators signed it, and they are the ones it names. */
export const checkCommit = ({ header, commit }, validators) => {
  assert.deepEqual(setHash(validators), Buffer.from(header.validatorsHash));
  assert.deepEqual(headerHash(header), Buffer.from(commit.blockId.hash));
  assert.equal(commit.signatures.length, validators.length);
  let signed = 0n;
  commit.signatures.forEach((place, index) => {
    if (place.blockIdFlag !== 2) return;
    const { pubkey, votingPower } = validators[index];
    assert.deepEqual(Buffer.from(place.validatorAddress), Buffer.from(pubkeyToRawAddress('ed25519', pubkey.data)));
    const said = precommit(header.chainId, commit, place.timestamp);
    assert.ok(verify(null, said, ed25519(pubkey.data), place.signature), `signature ${index} of ${header.height}`);
    signed += votingPower;
  });
  const total = validators.reduce((sum, validator) => sum + validator.votingPower, 0n);
  assert.ok(signed * 3n > total * 2n, `${signed} of ${total} signed ${header.height}`);
};
