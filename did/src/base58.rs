//! BIF's Base58: Bitcoin's alphabet with `B`/`b` and `U`/`u` changing places.
//!
//! Addresses and private keys use it. The standard alphabet has the same characters and gives plausible, wrong identifiers;
//! no BIF document mentions the difference, but every BIF SDK has this alphabet.

const ALPHABET: &bs58::Alphabet =
    &bs58::Alphabet::new_unwrap(b"123456789AbCDEFGHJKLMNPQRSTuVWXYZaBcdefghijkmnopqrstUvwxyz");

/// Encodes bytes.
pub fn encode(bytes: &[u8]) -> String {
    bs58::encode(bytes).with_alphabet(ALPHABET).into_string()
}

/// Decodes exactly `N` bytes, or nothing.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let length = bs58::decode(text)
        .with_alphabet(ALPHABET)
        .onto(&mut bytes)
        .ok()?;
    (length == N).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
