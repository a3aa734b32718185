// CosmJS against a running node: `node cosmjs.mjs URL ENVELOPE STATE_PATH`. Exits 0 if the node is to CosmJS what CometBFT is.
import assert from 'node:assert/strict';

import { connectComet, isComet38Client } from '@cosmjs/tendermint-rpc';

import { checkCommit, dataHash, headerHash } from './tendermint.mjs';

const [url, envelope, path] = process.argv.slice(2);
const client = await connectComet(url);
assert.ok(isComet38Client(client), 'CosmJS takes the node for CometBFT 0.38');

const status = await client.status();
const newest = status.syncInfo.latestBlockHeight;
assert.ok(newest >= 3, 'the chain has some blocks');
assert.equal(status.syncInfo.earliestBlockHeight, 1);
assert.ok(status.validatorInfo.votingPower > 0n);
const genesis = await client.genesis();
assert.equal(genesis.chainId, status.nodeInfo.network);
assert.equal(await client.health(), null);

// The header chain, from the first block on: hashes, links, validators, signatures.
const validators = (await client.validatorsAll(1)).validators;
const page = await client.validators({ height: 1, page: 2, per_page: 3 });
assert.deepEqual([page.total, page.count], [validators.length, validators.length - 3]);
let last = null;
for (let height = 1; height <= Math.min(newest, 12); height += 1) {
  const signed = await client.commit(height);
  checkCommit(signed, (await client.validatorsAll(height)).validators);
  if (last !== null) {
    assert.deepEqual(signed.header.lastBlockId, last.commit.blockId, `block ${height} follows`);
    assert.deepEqual(signed.header.validatorsHash, last.header.nextValidatorsHash);
  }
  const { block, blockId } = await client.block(height);
  assert.deepEqual(Buffer.from(blockId.hash), headerHash(block.header));
  assert.deepEqual(Buffer.from(block.header.dataHash), dataHash(block.txs));
  assert.equal((await client.blockResults(height)).results.length, block.txs.length);
  last = signed;
}
const { blockMetas, lastHeight } = await client.blockchain(1, 3);
assert.ok(lastHeight >= newest);
assert.deepEqual(blockMetas.map((meta) => meta.header.height), [3, 2, 1]);
const found = await client.blockSearch({ query: 'block.height >= 1 AND block.height <= 2' });
assert.equal(found.totalCount, 2);
await assert.rejects(client.block(newest + 1_000_000), /must be less than or equal to the current blockchain height/);

// New blocks as they come, over a websocket; a transaction makes one.
const socket = await connectComet(url.replace('http', 'ws'));
const seen = new Promise((resolve, reject) => {
  const watch = (stream, of) =>
    stream.subscribe({ next: (event) => taken.set(of, event) && taken.size === 3 && resolve(), error: reject });
  const taken = new Map();
  watch(socket.subscribeNewBlock(), 'block');
  watch(socket.subscribeNewBlockHeader(), 'header');
  watch(socket.subscribeTx(), 'transaction');
  setTimeout(() => reject(new Error(`only these events came: ${[...taken.keys()]}`)), 20_000).unref();
});
// The websocket answers calls in their order: once this is answered, the subscriptions stand.
assert.ok((await socket.status()).syncInfo.latestBlockHeight >= newest);
const tx = Buffer.from(envelope, 'base64');
const sent = await client.broadcastTxSync({ tx });
assert.equal(sent.code, 0, sent.log);
await seen;
assert.equal((await client.broadcastTxSync({ tx })).code, 0, 'sending again is no mistake');

const committed = await client.tx({ hash: sent.hash, prove: true });
assert.equal(committed.result.code, 0, committed.result.log);
assert.deepEqual(Buffer.from(committed.tx), tx);
const holder = await client.block(committed.height);
assert.deepEqual(committed.proof.rootHash, holder.block.header.dataHash);
const listed = await client.txSearch({ query: `tx.height=${committed.height}` });
assert.ok(listed.txs.some((listed) => Buffer.from(listed.hash).equals(Buffer.from(sent.hash))));

// State with its proof. The proof itself is checked where ICS-23 is: in Rust.
const state = await client.abciQuery({ path: '/state', data: Buffer.from(path), prove: true });
assert.ok(state.value.length > 0);
assert.equal(state.proof.ops[0].type, 'ics23:starfire');
const pool = await client.numUnconfirmedTxs();
assert.ok(pool.total >= 0);
const info = await client.abciInfo();
assert.ok(info.lastBlockHeight >= committed.height);

const { height } = state;
const operation = Buffer.from(state.proof.ops[0].data).toString('base64');
const value = Buffer.from(state.value).toString('base64');
console.log(JSON.stringify({ height, value, operation, headers: Math.min(newest, 12) }));
client.disconnect();
socket.disconnect();
// What the websocket client leaves open would keep the process alive.
process.exit(0);
