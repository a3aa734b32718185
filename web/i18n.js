// What the page says, in Chinese and in English, and which of the two it says it in.

export const LANGUAGES = ['zh', 'en'];
const STORED_AS = 'starfire-language';

/** By language, every text of the page. {name} stands for a value. */
export const TEXTS = {
  en: {
    language: 'Language',
    skip: 'Skip to checking a file',
    height: 'Height',
    lastBlock: 'Newest block',
    peers: 'Peers',
    waitingTransactions: 'Waiting transactions',
    node: '{name} · {role} · version {version}',
    super: 'super node',
    backbone: 'backbone node',
    business: 'business node',
    service: 'service node',
    regulator: 'regulatory node',
    mainChain: 'Main chain {chain}',
    subChain: 'Sub-chain {chain}',
    connecting: 'Connecting…',
    offline: 'This node does not answer',
    healthy: 'All is well',
    syncing: 'Catching up with the other nodes',
    stalled: 'Standing still: {reason}',
    checkTitle: 'Check a file',
    checkIntro: 'See who put this file on record, and when. The file never leaves your browser: only its SHA-256 is looked up.',
    drop: 'Drop a file here, or choose one',
    dropHint: 'Any file, any size',
    hashing: 'Computing the digest',
    unreadable: 'The file could not be read.',
    lookupFailed: 'The digest could not be looked up: {reason}',
    notFound: 'Not found: nobody has put this exact file on public record on {chain}.',
    notAnOriginal: 'This file is not an original, so it is not on record itself. It may still be genuine: check it with {command}.',
    salted: 'A certificate, or evidence that was not made public, cannot be looked up by its original alone: check its proof with starfire verify.',
    found: 'On record on {chain} since {time}',
    foundRevoked: 'On record on {chain}, but revoked on {time}',
    foundExpired: 'On record on {chain}, but valid only until {time}',
    file: 'File',
    digest: 'SHA-256',
    issuer: 'Issuer',
    evidence: 'Evidence',
    kind: 'Type',
    jurisdiction: 'Jurisdiction',
    recorded: 'Recorded',
    atHeight: '{time}, block {height}',
    validUntil: 'Valid until',
    revoked: 'Revoked',
    reason: 'Reason',
    validators: 'Validators',
    signedCount: '{signed} of {all} signed the newest block',
    signed: '✓ signed',
    absent: '– did not sign',
    unreachable: '✕ not connected',
    power: 'power {power}',
    thisNode: 'this node',
    anchoring: 'Anchoring on the main chain',
    anchoredHeight: 'Anchored up to',
    provableHeight: 'Could be anchored up to',
    lastAnchored: 'Last anchored',
    lastError: 'Last error',
    subChains: 'Sub-chains',
    subChainsIntro: 'Each shows its blocks to this chain, which checks the signatures before it keeps an anchor.',
    active: '✓ active',
    frozen: '✕ frozen: {reason}',
    unknown: 'unknown',
    notAnchored: 'Nothing anchored yet',
    newestAnchor: 'Block {height} anchored {age}',
    anchorCount: '{count} anchors',
    showAnchors: 'Newest anchors',
    anchorLine: 'Block {height}, {time}, in main block {main}',
    footer: 'This page shows what this one node says. A proof file, checked with “starfire verify”, needs no node to be trusted.',
  },
  zh: {
    language: '语言',
    skip: '跳到文件核验',
    height: '区块高度',
    lastBlock: '最新区块',
    peers: '相连节点',
    waitingTransactions: '待处理交易',
    node: '{name} · {role} · 版本 {version}',
    super: '超级节点',
    backbone: '骨干节点',
    business: '业务节点',
    service: '服务节点',
    regulator: '监管节点',
    mainChain: '主链 {chain}',
    subChain: '子链 {chain}',
    connecting: '正在连接…',
    offline: '节点没有响应',
    healthy: '运行正常',
    syncing: '正在追赶其他节点',
    stalled: '已停滞：{reason}',
    checkTitle: '核验文件',
    checkIntro: '查看谁在何时为此文件存证。文件不会离开您的浏览器，只查询它的 SHA-256 摘要。',
    drop: '把文件拖到这里，或点击选择',
    dropHint: '任意类型，任意大小',
    hashing: '正在计算摘要',
    unreadable: '无法读取该文件。',
    lookupFailed: '查询摘要失败：{reason}',
    notFound: '未找到：{chain} 上没有此文件的公开存证。',
    notAnOriginal: '此文件不是原件，因此本身没有存证记录，但仍可能是真实的：请用 {command} 检验。',
    salted: '证书以及未公开的存证无法仅凭原件查询：请用 starfire verify 检验其证明文件。',
    found: '已在 {chain} 上存证，自 {time} 起',
    foundRevoked: '曾在 {chain} 上存证，但已于 {time} 撤销',
    foundExpired: '曾在 {chain} 上存证，但有效期到 {time} 为止',
    file: '文件',
    digest: 'SHA-256',
    issuer: '存证人',
    evidence: '存证编号',
    kind: '类型',
    jurisdiction: '辖区',
    recorded: '存证时间',
    atHeight: '{time}，区块 {height}',
    validUntil: '有效期至',
    revoked: '撤销时间',
    reason: '原因',
    validators: '验证节点',
    signedCount: '最新区块由 {all} 个验证节点中的 {signed} 个签名',
    signed: '✓ 已签名',
    absent: '– 未签名',
    unreachable: '✕ 未连接',
    power: '权重 {power}',
    thisNode: '本节点',
    anchoring: '主链锚定',
    anchoredHeight: '已锚定到',
    provableHeight: '可锚定到',
    lastAnchored: '最近锚定',
    lastError: '最近错误',
    subChains: '子链',
    subChainsIntro: '子链把区块头交给本链，本链核对签名之后才保存锚点。',
    active: '✓ 正常',
    frozen: '✕ 已冻结：{reason}',
    unknown: '未知',
    notAnchored: '尚未锚定',
    newestAnchor: '区块 {height} 锚定于 {age}',
    anchorCount: '共 {count} 个锚点',
    showAnchors: '最近的锚点',
    anchorLine: '区块 {height}，{time}，主链区块 {main}',
    footer: '本页只显示这一个节点的说法。用 “starfire verify” 核验证明文件，则无需信任任何节点。',
  },
};

/** The language to begin with: the one chosen before, else the first of the browser's that the page speaks. */
export function choose(stored, preferred) {
  const wanted = [stored, ...preferred].map((tag) => (tag ?? '').toLowerCase().split('-')[0]);
  return wanted.find((language) => LANGUAGES.includes(language)) ?? 'en';
}

/** A text with its values filled in. */
export function fill(language, key, values = {}) {
  const text = TEXTS[language][key];
  if (text === undefined) throw new Error(`no text ${key} in ${language}`);
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/** The choice of an earlier visit, if this browser keeps any. */
export function remembered(storage = globalThis.localStorage) {
  try {
    return storage.getItem(STORED_AS);
  } catch {
    return null;
  }
}

/** Keeps the choice for the next visit. A browser that keeps nothing asks again. */
export function remember(language, storage = globalThis.localStorage) {
  try {
    storage.setItem(STORED_AS, language);
  } catch {
    // Private windows may refuse; the choice holds for this visit.
  }
}
