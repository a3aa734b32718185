import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BYTES_MAX, commandFor } from '../kind.js';

const command = (text) => commandFor(new Blob([text]));

test('a file that the command line checks is told from an original', async () => {
  for (const format of ['starfire-proof/1', 'starfire-document/1', 'starfire-evidence/1']) {
    assert.equal(await command(JSON.stringify({ format })), 'starfire verify');
  }
  for (const type of ['VerifiableCredential', ['VerifiablePresentation', 'Other']]) {
    assert.equal(await command(`\uFEFF${JSON.stringify({ type })}`), 'starfire vc verify');
  }
  assert.equal(await command('eyJhbGciOiJFZERTQSJ9.e30.c2ln~WyJzYWx0Il0~\n'), 'starfire vc verify');
});

test('an original is one whatever is in it', async () => {
  for (const text of ['', 'null', '[]', '"starfire-proof/1"', '{"format":"toString"}', '{"format":"pdf"}', 'eyJ.x', '%PDF-1.7', '{']) {
    assert.equal(await command(text), null, text);
  }
  assert.equal(await command(JSON.stringify({ format: 'starfire-proof/1', pad: 'x'.repeat(BYTES_MAX) })), null);
});
