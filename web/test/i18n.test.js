import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { LANGUAGES, TEXTS, choose, fill, remember, remembered } from '../i18n.js';

const source = (name) => readFile(new URL(`../${name}`, import.meta.url), 'utf8');
const values = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).toSorted();

test('both languages say everything, with the same values', () => {
  assert.deepEqual(Object.keys(TEXTS).toSorted(), LANGUAGES.toSorted());
  assert.deepEqual(Object.keys(TEXTS.zh), Object.keys(TEXTS.en));
  for (const [key, text] of Object.entries(TEXTS.en)) {
    assert.ok(TEXTS.zh[key].trim() !== '', `${key} is empty`);
    assert.deepEqual(values(TEXTS.zh[key]), values(text), key);
  }
});

test('the page uses no text that is missing, and every text is used', async () => {
  const html = await source('index.html');
  const script = await source('app.js');
  const used = new Set([
    ...[...html.matchAll(/data-(?:text|label)="(\w+)"/g)].map(([, key]) => key),
    ...[...script.matchAll(/say\(([^)]*?)[,)]/g)].flatMap(([, call]) => [...call.matchAll(/'(\w+)'/g)].map(([, key]) => key)),
  ]);
  const byName = script.match(/ROLES = \[(.*)\]/)[1].matchAll(/'(\w+)'/g);
  for (const [, role] of byName) used.add(role);
  for (const key of used) assert.ok(key === '' || key in TEXTS.en, `no text ${key}`);
  for (const key of Object.keys(TEXTS.en)) assert.ok(used.has(key), `${key} is never said`);
});

test('the English in the markup is the English of the table', async () => {
  const html = await source('index.html');
  for (const [, key, text] of html.matchAll(/data-text="(\w+)">([^<]*)</g)) assert.equal(text, TEXTS.en[key], key);
});

test('a chosen language wins over the browser, and English over none', () => {
  assert.equal(choose('en', ['zh-CN']), 'en');
  assert.equal(choose(null, ['fr', 'zh-Hans-CN', 'en']), 'zh');
  assert.equal(choose('fr', ['en-GB']), 'en');
  assert.equal(choose(null, []), 'en');
});

test('values are filled in, and an unknown text is an error', () => {
  assert.equal(fill('en', 'power', { power: '3' }), 'power 3');
  assert.throws(() => fill('en', 'nonsense'));
});

test('a browser that keeps nothing does not break the page', () => {
  const kept = new Map();
  const storage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
  remember('zh', storage);
  assert.equal(remembered(storage), 'zh');
  const refusing = { getItem: () => { throw new Error('refused'); }, setItem: () => { throw new Error('refused'); } };
  remember('zh', refusing);
  assert.equal(remembered(refusing), null);
});

test('nothing is put into the page as markup', async () => {
  for (const name of ['app.js', 'hash.js', 'i18n.js']) {
    assert.doesNotMatch(await source(name), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/, name);
  }
});
