// The page: asks its node how it is, draws the answers, and looks up the digest of a file.
//
// Everything that came from a node is shown as text, never as markup. The node is asked only while somebody looks.

import { sha256 } from './hash.js';
import { choose, fill, remember, remembered } from './i18n.js';
import { commandFor } from './kind.js';

const STATUS_EVERY_MS = 2000;
const CHAINS_EVERY_MS = 10000;
const ANSWER_MS_MAX = 5000;
const ANCHORS_SHOWN = 10;
const ROLES = ['super', 'backbone', 'business', 'service', 'regulator'];
// A validator's address and a hash are shown by their ends.
const SHORT_CHARS = 10;

const byId = (id) => document.getElementById(id);

let language = choose(remembered(), navigator.languages ?? []);
let status = null;
let chains = null;
let lookup = null;
let reachable = null;
let timer = null;
let chainsAskedAt = -Infinity;

const say = (key, values) => fill(language, key, values);

// --- asking ---------------------------------------------------------------------------------------------------------------------

async function ask(path) {
  const response = await fetch(path, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${answer.code}: ${answer.message}`);
  return answer;
}

async function refresh() {
  clearTimeout(timer);
  if (document.visibilityState !== 'visible') return;
  try {
    status = await ask('/api/status');
    reachable = true;
    if (performance.now() - chainsAskedAt >= CHAINS_EVERY_MS) {
      chains = await ask('/api/chains');
      chainsAskedAt = performance.now();
      drawChains();
    }
  } catch {
    reachable = false;
  }
  drawStatus();
  clearTimeout(timer);
  timer = setTimeout(refresh, STATUS_EVERY_MS);
}

async function check(file) {
  const asked = { file: file.name };
  lookup = asked;
  byId('result').replaceChildren();
  const progress = byId('progress');
  progress.value = 0;
  progress.hidden = false;
  try {
    asked.digest = await sha256(file, (share) => {
      if (lookup === asked) progress.value = share;
    });
  } catch {
    asked.failure = () => say('unreadable');
  }
  if (asked.digest) {
    try {
      asked.found = (await ask(`/api/evidence?algorithm=sha256&digest=${asked.digest}`)).found;
      if (asked.found.length === 0) asked.command = await commandFor(file);
    } catch (error) {
      asked.failure = () => say('lookupFailed', { reason: error.message });
    }
  }
  // Another file may have been dropped meanwhile: its answer counts.
  if (lookup !== asked) return;
  progress.hidden = true;
  drawLookup();
}

// --- drawing --------------------------------------------------------------------------------------------------------------------

function element(tag, properties = {}, ...children) {
  const { state, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), rest);
  if (state) made.dataset.state = state;
  made.append(...children);
  return made;
}

function facts(entries) {
  return entries
    .filter(([, value]) => value !== undefined && value !== '')
    .flatMap(([label, value, mono]) => [
      element('dt', { textContent: label }),
      element('dd', { textContent: value, className: mono ? 'mono' : '' }),
    ]);
}

const number = (value) => new Intl.NumberFormat(language).format(value);
const time = (ms) => new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' }).format(ms);
const short = (text) => (text.length > SHORT_CHARS * 2 ? `${text.slice(0, SHORT_CHARS)}…${text.slice(-SHORT_CHARS)}` : text);

function age(ms) {
  const units = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];
  const seconds = Math.max(0, ms / 1000);
  const [unit, size] = units.find(([, size]) => seconds >= size) ?? ['second', 1];
  return new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'short' }).format(-Math.floor(seconds / size), unit);
}

function drawTexts() {
  document.documentElement.lang = language;
  for (const each of document.querySelectorAll('[data-text]')) each.textContent = say(each.dataset.text);
  for (const each of document.querySelectorAll('[data-label]')) each.setAttribute('aria-label', say(each.dataset.label));
  for (const each of document.querySelectorAll('[data-language]')) {
    each.setAttribute('aria-pressed', String(each.dataset.language === language));
  }
}

function chainName() {
  return say(status.chain_code === '' ? 'mainChain' : 'subChain', { chain: status.chain_id });
}

function health() {
  if (reachable === null) return ['waiting', say('connecting')];
  if (!reachable) return ['bad', say('offline')];
  if (status.stalled !== '') return ['bad', say('stalled', { reason: status.stalled })];
  if (status.syncing) return ['waiting', say('syncing')];
  return ['good', say('healthy')];
}

function drawStatus() {
  const [state, text] = health();
  const pill = byId('health');
  // Said again only when it changed, so that a screen reader does not repeat it.
  if (pill.textContent !== text) pill.textContent = text;
  pill.dataset.state = state;
  if (status === null) return;
  byId('chain').textContent = chainName();
  document.title = `${status.chain_id} · Starfire`;
  byId('height').textContent = number(status.height);
  byId('age').textContent = status.height > 0 ? age(status.since_commit_ms) : '–';
  byId('peers').textContent = number(status.peers);
  byId('pool').textContent = number(status.mempool_transactions);
  const role = ROLES.includes(status.role) ? say(status.role) : status.role;
  byId('node').textContent = say('node', { name: status.name, role, version: status.version });
  drawValidators();
  drawAnchoring();
}

function drawValidators() {
  const all = status.validators;
  const signed = all.filter((validator) => validator.signed).length;
  byId('signed').textContent = all.length > 0 ? say('signedCount', { signed: number(signed), all: number(all.length) }) : '';
  byId('validators').replaceChildren(...all.map(drawValidator));
}

function drawValidator(validator) {
  const own = validator.address === status.validator;
  const [state, mark] = validator.signed
    ? ['good', say('signed')]
    : validator.connected || own ? ['waiting', say('absent')] : ['bad', say('unreachable')];
  const name = [validator.organisation || short(validator.address), own ? `(${say('thisNode')})` : ''].join(' ').trim();
  return element('li', { className: 'tile' },
    element('h3', { textContent: name }),
    element('p', { className: 'mono', textContent: short(validator.address), title: validator.address }),
    element('p', { className: 'mark', state, textContent: `${mark} · ${say('power', { power: number(validator.power) })}` }));
}

function drawAnchoring() {
  const loop = status.anchoring;
  byId('anchoring-section').hidden = loop === null;
  if (loop === null) return;
  byId('anchoring').replaceChildren(...facts([
    [say('anchoredHeight'), number(loop.anchored_height)],
    [say('provableHeight'), number(loop.provable_height)],
    [say('lastAnchored'), loop.last_ms > 0 ? time(loop.last_ms) : say('notAnchored')],
    [say('lastError'), loop.last_error],
  ]));
}

function drawChains() {
  if (chains === null) return;
  byId('chains-section').hidden = chains.sub_chains.length === 0;
  // What somebody has opened stays open.
  const open = new Set(Array.from(document.querySelectorAll('#chains details[open]'), (each) => each.dataset.chain));
  byId('chains').replaceChildren(...chains.sub_chains.map((chain) => drawChain(chain, open.has(chain.chain_code))));
}

function drawChain(chain, open) {
  const [state, mark] = {
    active: ['good', say('active')],
    frozen: ['bad', say('frozen', { reason: chain.frozen_reason })],
  }[chain.status] ?? ['waiting', say('unknown')];
  const newest = chain.newest === null
    ? say('notAnchored')
    : `${say('newestAnchor', { height: number(chain.newest.height), age: age(Date.now() - chain.newest.main_time_ms) })} · `
      + say('anchorCount', { count: number(chain.anchors) });
  const anchors = element('ul', { className: 'anchors' });
  const details = element('details', { open }, element('summary', { textContent: say('showAnchors') }), anchors);
  details.dataset.chain = chain.chain_code;
  details.addEventListener('toggle', () => details.open && drawAnchors(chain.chain_code, anchors));
  return element('li', { className: 'chain' },
    element('header', {},
      element('h3', { textContent: chain.name || chain.chain_code }),
      element('span', { className: 'mono', textContent: chain.chain_id }),
      element('span', { className: 'mark', state, textContent: mark })),
    element('p', { className: 'quiet', textContent: newest }),
    ...(chain.newest === null ? [] : [details]));
}

async function drawAnchors(code, list) {
  try {
    const { anchors } = await ask(`/api/anchors?chain=${encodeURIComponent(code)}&limit=${ANCHORS_SHOWN}`);
    list.replaceChildren(...anchors.map((anchor) => element('li', {},
      element('p', {
        textContent: say('anchorLine', { height: number(anchor.height), time: time(anchor.main_time_ms), main: number(anchor.main_height) }),
      }),
      element('p', { className: 'mono quiet', textContent: anchor.header_hash }))));
  } catch (error) {
    list.replaceChildren(element('li', { textContent: error.message }));
  }
}

function drawLookup() {
  if (lookup === null || (lookup.found === undefined && lookup.failure === undefined)) return;
  const about = element('dl', { className: 'facts' }, ...facts([
    [say('file'), lookup.file],
    [say('digest'), lookup.digest, true],
  ]));
  byId('result').replaceChildren(...verdicts(), about);
}

function verdicts() {
  if (lookup.failure) return [element('p', { className: 'verdict', state: 'bad', textContent: lookup.failure() })];
  const chain = status?.chain_id ?? '';
  if (lookup.command) return [element('p', { className: 'verdict', textContent: say('notAnOriginal', { command: lookup.command }) })];
  if (lookup.found.length === 0) {
    return [
      element('p', { className: 'verdict', textContent: say('notFound', { chain }) }),
      element('p', { textContent: say('salted') }),
    ];
  }
  return lookup.found.map((evidence) => drawEvidence(evidence, chain));
}

function drawEvidence(evidence, chain) {
  const { revoked } = evidence;
  const expired = evidence.valid_until_ms > 0 && evidence.valid_until_ms < Date.now();
  const [state, text] = revoked !== null
    ? ['bad', say('foundRevoked', { chain, time: time(revoked.time_ms) })]
    : expired
      ? ['waiting', say('foundExpired', { chain, time: time(evidence.valid_until_ms) })]
      : ['good', say('found', { chain, time: time(evidence.time_ms) })];
  return element('article', {},
    element('p', { className: 'verdict', state, textContent: text }),
    element('dl', { className: 'facts' }, ...facts([
      [say('issuer'), evidence.issuer, true],
      [say('evidence'), evidence.id, true],
      [say('kind'), evidence.type],
      [say('jurisdiction'), evidence.jurisdiction],
      [say('recorded'), say('atHeight', { time: time(evidence.time_ms), height: number(evidence.height) })],
      [say('validUntil'), evidence.valid_until_ms > 0 ? time(evidence.valid_until_ms) : ''],
      [say('revoked'), revoked === null ? '' : say('atHeight', { time: time(revoked.time_ms), height: number(revoked.height) })],
      [say('reason'), revoked?.reason ?? ''],
    ])));
}

function draw() {
  drawTexts();
  drawStatus();
  drawChains();
  drawLookup();
}

// --- listening ------------------------------------------------------------------------------------------------------------------

for (const button of document.querySelectorAll('[data-language]')) {
  button.addEventListener('click', () => {
    language = button.dataset.language;
    remember(language);
    draw();
  });
}

const drop = byId('drop');
byId('file').addEventListener('change', (event) => {
  const [file] = event.target.files;
  if (file) check(file);
  // So that choosing the same file again is a change again.
  event.target.value = '';
});
drop.addEventListener('dragover', () => drop.classList.add('over'));
drop.addEventListener('dragleave', () => drop.classList.remove('over'));
drop.addEventListener('drop', () => drop.classList.remove('over'));
// The input fills the box, so the browser hands it what is dropped there. A file dropped beside it must not replace the page.
for (const kind of ['dragover', 'drop']) {
  document.addEventListener(kind, (event) => {
    if (!drop.contains(event.target)) event.preventDefault();
  });
}

document.addEventListener('visibilitychange', refresh);
draw();
refresh();
