//! Proofs of the wrong key, the wrong kind, and of roots that a dishonest chain signed.

use ics23::{BatchEntry, BatchProof, batch_entry};

use super::*;
use crate::overlay::Changes;
use crate::tree::tests::{by_stock_verifier, grow};
use crate::tree::{Proved, hash, prove, root};

#[test]
fn an_absence_proof_serves_one_key_only() {
    let content: Changes = (0..50)
        .map(|n| (format!("key/{n}").into_bytes(), Some(b"value".to_vec())))
        .collect();
    let memory = grow(&[content]);
    let root = root(&memory, 0);
    for n in 50..100 {
        let (asked, other) = (
            format!("key/{n}").into_bytes(),
            format!("key/{}", n + 1).into_bytes(),
        );
        let proved = prove(&memory, 0, &asked);
        assert_eq!(verify(&root, &asked, None, &proved.proof), Ok(()));
        assert_eq!(
            verify(&root, &other, None, &proved.proof),
            Err(ProofError::OtherKey)
        );
    }
}

#[test]
fn a_leaf_where_its_key_does_not_lead_is_refused() {
    // A dishonest chain signs a root over two leaves in the wrong order. ICS-23 itself is content with that.
    let leaf = |key: &[u8]| hash::leaf(&of_key(key), b"value");
    let mut keys: Vec<_> = (0..20).map(|n| format!("key/{n}").into_bytes()).collect();
    keys.sort_by_key(|key| of_key(key));
    let (low, high) = (keys.first().unwrap(), keys.last().unwrap());
    let root = hash::inner(&[leaf(high), leaf(low)]);
    let existence = |key: &[u8], prefix: Vec<u8>, suffix: Vec<u8>| ExistenceProof {
        key: key.to_vec(),
        value: b"value".to_vec(),
        leaf: proof_spec().leaf_spec,
        path: vec![InnerOp {
            hash: ics23::HashOp::Blake3.into(),
            prefix,
            suffix,
        }],
    };
    let of_low = existence(low, leaf(high).to_vec(), Vec::new());
    let of_high = existence(high, Vec::new(), leaf(low).to_vec());

    for (key, existence) in [(low, &of_low), (high, &of_high)] {
        let proof = CommitmentProof {
            proof: Some(Proof::Exist(existence.clone())),
        }
        .encode_to_vec();
        let claim = Proved {
            value: Some(b"value".to_vec()),
            proof: proof.clone(),
        };
        assert!(by_stock_verifier(&root, key, &claim));
        assert_eq!(
            verify(&root, key, Some(b"value"), &proof),
            Err(ProofError::Shape)
        );
    }

    // So a key above the highest would be proved absent by the leaf on the right, were the path not looked at.
    let absence = NonExistenceProof {
        key: high.clone(),
        left: Some(of_low),
        right: None,
    };
    let claim = Proved {
        value: None,
        proof: CommitmentProof {
            proof: Some(Proof::Nonexist(absence)),
        }
        .encode_to_vec(),
    };
    assert!(
        by_stock_verifier(&root, high, &claim),
        "the stock verifier believes both presence and absence"
    );
    assert_eq!(
        verify(&root, high, None, &claim.proof),
        Err(ProofError::Shape)
    );
}

#[test]
fn other_kinds_of_proof_are_refused() {
    let memory = grow(&[Changes::from([(b"a".to_vec(), Some(b"1".to_vec()))])]);
    let root = root(&memory, 0);
    let proved = prove(&memory, 0, b"a");
    let Some(Proof::Exist(existence)) = CommitmentProof::decode(proved.proof.as_slice())
        .unwrap()
        .proof
    else {
        panic!("it exists")
    };
    let entry = BatchEntry {
        proof: Some(batch_entry::Proof::Exist(existence)),
    };
    let batch = CommitmentProof {
        proof: Some(Proof::Batch(BatchProof {
            entries: vec![entry],
        })),
    };
    assert_eq!(
        verify(&root, b"a", Some(b"1"), &batch.encode_to_vec()),
        Err(ProofError::Kind)
    );
    assert_eq!(verify(&root, b"a", Some(b"1"), b""), Err(ProofError::Kind));
    assert_eq!(
        verify(&root, b"", None, &proved.proof),
        Err(ProofError::Key)
    );
    assert_eq!(
        verify(&root, &[b'a'; 513], None, &proved.proof),
        Err(ProofError::Key)
    );
    assert_eq!(
        verify(&root, b"a", Some(b"1"), &vec![0; PROOF_BYTES_MAX + 1]),
        Err(ProofError::TooLong)
    );
}

#[test]
fn the_longest_values_fit_in_a_proof() {
    let long = vec![7; VALUE_BYTES_MAX];
    let content: Changes = (0..2)
        .map(|n| (format!("key/{n:0508}").into_bytes(), Some(long.clone())))
        .collect();
    let memory = grow(&[content]);
    let root = root(&memory, 0);
    for n in 2..12 {
        let key = format!("key/{n:0508}").into_bytes();
        assert_eq!(
            verify(&root, &key, None, &prove(&memory, 0, &key).proof),
            Ok(())
        );
    }
}
