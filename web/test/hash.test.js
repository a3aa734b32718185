import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import { Sha256, hex, sha256 } from '../hash.js';

const expected = (bytes) => createHash('sha256').update(bytes).digest('hex');
const bytes = (length) => Uint8Array.from({ length }, (_, index) => (index * 131 + 7) % 256);

test('the digest of "abc" is the one of FIPS 180-4', async () => {
  const digest = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  assert.equal(await sha256(new Blob(['abc'])), digest);
  assert.equal(await sha256(new Blob(['abc']), () => {}, null), digest, 'without WebCrypto too');
});

test('every length around the block and padding boundaries is hashed as node hashes it', async () => {
  for (const length of [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129, 1000]) {
    const hash = new Sha256();
    hash.update(bytes(length));
    assert.equal(hex(hash.finish()), expected(bytes(length)), `${length} bytes`);
  }
});

test('the pieces that a file comes in make no difference', () => {
  const whole = bytes(777);
  for (const size of [1, 7, 63, 64, 65, 500]) {
    const hash = new Sha256();
    for (let at = 0; at < whole.length; at += size) hash.update(whole.subarray(at, at + size));
    assert.equal(hex(hash.finish()), expected(whole), `pieces of ${size}`);
  }
});

test('a file read in pieces reports its progress up to the whole', async () => {
  const file = new Blob([bytes(300_000)]);
  const shares = [];
  assert.equal(await sha256(file, (share) => shares.push(share), null), expected(bytes(300_000)));
  assert.equal(shares.at(-1), 1);
  assert.deepEqual(shares, shares.toSorted((a, b) => a - b));
});

test('hex is lower case and keeps leading zeros', () => {
  assert.equal(hex(Uint8Array.of(0, 10, 255)), '000aff');
});
