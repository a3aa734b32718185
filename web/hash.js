// SHA-256 of a file, in the browser: the file is read here and goes nowhere.
//
// The browser's own WebCrypto is fastest, but wants the whole file in memory and is missing on pages that came over plain HTTP from
// another machine. Then, and for large files, the file is hashed piece by piece below.

/** Files up to this size are hashed by WebCrypto where there is one. */
export const WHOLE_BYTES_MAX = 64 * 1024 * 1024;

/**
 * The digest of a Blob as lower-case hex.
 *
 * @param {Blob} file
 * @param {(share: number) => void} [onProgress] told how much is done, 0 to 1
 */
export async function sha256(file, onProgress = () => {}, subtle = globalThis.crypto?.subtle) {
  if (subtle && file.size <= WHOLE_BYTES_MAX) {
    const digest = await subtle.digest('SHA-256', await file.arrayBuffer());
    onProgress(1);
    return hex(new Uint8Array(digest));
  }
  const hash = new Sha256();
  const reader = file.stream().getReader();
  for (let done = 0; ; ) {
    const piece = await reader.read();
    if (piece.done) break;
    hash.update(piece.value);
    done += piece.value.length;
    onProgress(file.size === 0 ? 1 : done / file.size);
  }
  return hex(hash.finish());
}

/** Bytes as lower-case hex. */
export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// FIPS 180-4 §4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes.
const K = Uint32Array.from(firstPrimes(64), (prime) => fraction(Math.cbrt(prime)));
// FIPS 180-4 §5.3.3: the same of the square roots of the first eight.
const H = Uint32Array.from(firstPrimes(8), (prime) => fraction(Math.sqrt(prime)));

function firstPrimes(count) {
  const primes = [];
  for (let n = 2; primes.length < count; n += 1) {
    if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  }
  return primes;
}

function fraction(root) {
  return Math.floor((root - Math.floor(root)) * 2 ** 32);
}

/** SHA-256, fed in pieces. */
export class Sha256 {
  #state = H.slice();
  #words = new Uint32Array(64);
  #block = new Uint8Array(64);
  #view = new DataView(this.#block.buffer);
  #filled = 0;
  #length = 0;

  /** Takes the next bytes. */
  update(bytes) {
    this.#length += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      const taken = Math.min(64 - this.#filled, bytes.length - at);
      this.#block.set(bytes.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled === 64) this.#compress();
    }
  }

  /** The digest of all bytes taken, 32 bytes. Ends the use of this object. */
  finish() {
    const bits = this.#length * 8;
    this.#block.fill(0, this.#filled);
    this.#block[this.#filled] = 0x80;
    if (this.#filled >= 56) this.#compress();
    this.#view.setUint32(56, Math.floor(bits / 2 ** 32));
    this.#view.setUint32(60, bits % 2 ** 32);
    this.#compress();
    const digest = new DataView(new ArrayBuffer(32));
    this.#state.forEach((word, index) => digest.setUint32(index * 4, word));
    return new Uint8Array(digest.buffer);
  }

  // FIPS 180-4 §6.2.2
  #compress() {
    const w = this.#words;
    for (let t = 0; t < 16; t += 1) w[t] = this.#view.getUint32(t * 4);
    for (let t = 16; t < 64; t += 1) {
      const s0 = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ (w[t - 15] >>> 3);
      const s1 = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ (w[t - 2] >>> 10);
      w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    let [a, b, c, d, e, f, g, h] = this.#state;
    for (let t = 0; t < 64; t += 1) {
      const sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
      const first = (h + sum1 + ((e & f) ^ (~e & g)) + K[t] + w[t]) | 0;
      const sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
      const second = (sum0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, index) => {
      this.#state[index] += word;
    });
    this.#block.fill(0);
    this.#filled = 0;
  }
}

function rotate(word, count) {
  return (word >>> count) | (word << (32 - count));
}
