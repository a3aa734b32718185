//! Base58, in the standard alphabet and in BIF's, which is Bitcoin's with `B`/`b` and `U`/`u` changing places.
//!
//! Addresses and private keys use BIF's. The standard alphabet has the same characters and gives plausible, wrong identifiers; no BIF
//! document mentions the difference, but every BIF SDK has this alphabet.
//!
//! An identifier is read and written several times for each answer about it, so short inputs are converted here, five digits at a
//! time; longer ones are left to the `bs58` crate, which is also what the tests compare with.

const BIF: &Alphabet =
    &Alphabet::new(b"123456789AbCDEFGHJKLMNPQRSTuVWXYZaBcdefghijkmnopqrstUvwxyz");
const STANDARD: &Alphabet =
    &Alphabet::new(b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz");

/// Bytes that are converted here: a key with its prefix has 35 at most.
const SHORT_BYTES_MAX: usize = 36;
const LIMB_BYTES: usize = 4;
const LIMBS_MAX: usize = SHORT_BYTES_MAX / LIMB_BYTES;
/// Digits of 36 bytes: 36 · log 256 / log 58, rounded up to whole groups.
const DIGITS_MAX: usize = 50;
const GROUP: usize = 5;
/// 58 to the fifth.
const GROUP_VALUE: u64 = 656_356_768;
const NO_DIGIT: u8 = 0xff;

struct Alphabet {
    digits: &'static [u8; 58],
    values: [u8; 128],
}

impl Alphabet {
    const fn new(digits: &'static [u8; 58]) -> Self {
        let mut values = [NO_DIGIT; 128];
        let mut value: u8 = 0;
        while value < 58 {
            values[digits[value as usize] as usize] = value;
            value += 1;
        }
        Self { digits, values }
    }
}

/// Encodes bytes in BIF's alphabet.
pub fn encode(bytes: &[u8]) -> String {
    encode_in(BIF, bytes)
}

/// Encodes bytes in the standard alphabet.
pub fn encode_standard(bytes: &[u8]) -> String {
    encode_in(STANDARD, bytes)
}

/// Decodes exactly `N` bytes from BIF's alphabet, or nothing. No two texts decode to the same bytes.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    if N > SHORT_BYTES_MAX {
        let alphabet = bs58::Alphabet::new(BIF.digits).expect("58 different characters");
        let mut bytes = [0; N];
        let decoder = bs58::decode(text).with_alphabet(&alphabet);
        return (decoder.onto(&mut bytes).ok()? == N).then_some(bytes);
    }
    decode_short(text)
}

fn encode_in(alphabet: &Alphabet, bytes: &[u8]) -> String {
    if bytes.len() > SHORT_BYTES_MAX {
        let alphabet = bs58::Alphabet::new(alphabet.digits).expect("58 different characters");
        return bs58::encode(bytes).with_alphabet(&alphabet).into_string();
    }
    // Most significant limb first; the bytes stand at the end.
    let mut padded = [0; SHORT_BYTES_MAX];
    padded[SHORT_BYTES_MAX - bytes.len()..].copy_from_slice(bytes);
    let mut limbs = [0u32; LIMBS_MAX];
    for (limb, four) in limbs.iter_mut().zip(padded.chunks_exact(LIMB_BYTES)) {
        *limb = u32::from_be_bytes([four[0], four[1], four[2], four[3]]);
    }
    let mut digits = [0u8; DIGITS_MAX];
    let mut begin = DIGITS_MAX;
    let mut first = 0;
    while let Some(from) = limbs[first..].iter().position(|limb| *limb != 0) {
        first += from;
        let mut rest = 0u64;
        for limb in &mut limbs[first..] {
            let value = (rest << 32) | u64::from(*limb);
            *limb = low(value / GROUP_VALUE);
            rest = value % GROUP_VALUE;
        }
        for _ in 0..GROUP {
            begin -= 1;
            digits[begin] = u8::try_from(rest % 58).expect("a digit is below 58");
            rest /= 58;
        }
    }
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let number = &digits[begin..];
    let leading = number.iter().take_while(|digit| **digit == 0).count();
    let mut text = Vec::with_capacity(zeros + number.len() - leading);
    text.resize(zeros, alphabet.digits[0]);
    let letters = number[leading..].iter();
    text.extend(letters.map(|digit| alphabet.digits[usize::from(*digit)]));
    String::from_utf8(text).expect("an alphabet is ASCII")
}

/// A number below 2^32: what is left of a limb is divided by more than it came with.
fn low(value: u64) -> u32 {
    u32::try_from(value).expect("the quotient of a rest and a limb is a limb")
}

fn decode_short<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() > DIGITS_MAX {
        return None;
    }
    let mut limbs = [0u32; LIMBS_MAX];
    for group in text.as_bytes().chunks(GROUP) {
        let (mut value, mut weight) = (0u64, 1u64);
        for letter in group {
            let digit = *BIF.values.get(usize::from(*letter))?;
            if digit == NO_DIGIT {
                return None;
            }
            value = value * 58 + u64::from(digit);
            weight *= 58;
        }
        for limb in limbs.iter_mut().rev() {
            value += u64::from(*limb) * weight;
            *limb = u32::try_from(value & 0xffff_ffff).expect("32 bits");
            value >>= 32;
        }
        if value != 0 {
            return None;
        }
    }
    let mut bytes = [0; SHORT_BYTES_MAX];
    for (four, limb) in bytes.chunks_exact_mut(LIMB_BYTES).zip(limbs) {
        four.copy_from_slice(&limb.to_be_bytes());
    }
    let (above, exact) = bytes.split_at(SHORT_BYTES_MAX - N);
    // A one stands for a leading zero byte, and no other digit does: so the length is exact.
    let zeros = exact.iter().take_while(|byte| **byte == 0).count();
    let ones = text.bytes().take_while(|letter| *letter == b'1').count();
    if above.iter().any(|byte| *byte != 0) || zeros != ones {
        return None;
    }
    exact.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn theirs() -> bs58::Alphabet {
        bs58::Alphabet::new(BIF.digits).unwrap()
    }

    #[test]
    fn two_letters_differ_from_the_standard_alphabet() {
        let bytes: Vec<u8> = (1..=32).collect();
        let standard = bs58::encode(&bytes).into_string();
        let swapped: String = standard
            .chars()
            .map(|c| match c {
                'B' => 'b',
                'b' => 'B',
                'U' => 'u',
                'u' => 'U',
                other => other,
            })
            .collect();
        assert_eq!(encode(&bytes), swapped);
    }

    #[test]
    fn only_the_exact_length_decodes() {
        let text = encode(&[7; 22]);
        assert_eq!(decode::<22>(&text), Some([7; 22]));
        assert_eq!(decode::<21>(&text), None);
        assert_eq!(decode::<23>(&text), None);
        assert_eq!(decode::<22>("0OIl"), None);
        assert_eq!(decode::<22>(&"z".repeat(60)), None);
    }

    proptest! {
        #[test]
        fn bytes_are_encoded_as_the_crate_does(
            zeros in 0usize..4,
            rest in proptest::collection::vec(any::<u8>(), 0..44),
        ) {
            let bytes = [vec![0; zeros], rest].concat();
            prop_assert_eq!(encode_standard(&bytes), bs58::encode(&bytes).into_string());
            let bif = bs58::encode(&bytes).with_alphabet(&theirs()).into_string();
            prop_assert_eq!(encode(&bytes), bif);
        }

        #[test]
        fn texts_are_decoded_as_the_crate_does(text in "1{0,3}[0-9A-Za-z\\P{ASCII}]{0,52}") {
            let mut bytes = [0; 22];
            let decoded = bs58::decode(&text).with_alphabet(&theirs()).onto(&mut bytes);
            prop_assert_eq!(decode::<22>(&text), (decoded == Ok(22)).then_some(bytes));
            if let Some(bytes) = decode::<22>(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }

        #[test]
        fn what_was_encoded_decodes(
            zeros in 0usize..4,
            mut short in any::<[u8; 22]>(),
            long in any::<[u8; 40]>(),
        ) {
            short[..zeros].fill(0);
            prop_assert_eq!(decode::<22>(&encode(&short)), Some(short));
            prop_assert_eq!(decode::<40>(&encode(&long)), Some(long));
        }
    }
}
