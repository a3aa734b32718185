//! The unmodified `tendermint-light-client-verifier` follows our headers, and believes no other.

use std::time::Duration;

use tendermint::block::signed_header::SignedHeader;
use tendermint::vote;
use tendermint_light_client_verifier::options::Options;
use tendermint_light_client_verifier::types::{
    TrustThreshold, TrustedBlockState, UntrustedBlockState,
};
use tendermint_light_client_verifier::{ProdVerifier, Verdict, Verifier as _};

use super::devnet::{Devnet, eventually, nudge};
use super::headers::{Signed, sign, signed_header, signers, with_signatures};

/// Headers that are followed.
const HEADERS: u64 = 30;

const OPTIONS: Options = Options {
    trust_threshold: TrustThreshold::TWO_THIRDS,
    trusting_period: Duration::from_secs(14 * 24 * 60 * 60),
    clock_drift: Duration::from_secs(5),
};

fn follow(trusted: &Signed, header: &SignedHeader, next: &Signed) -> Verdict {
    let from = &trusted.header.header;
    let state = TrustedBlockState {
        chain_id: &from.chain_id,
        header_time: from.time,
        height: from.height,
        next_validators: &trusted.validators,
        next_validators_hash: from.next_validators_hash,
    };
    let shown = UntrustedBlockState {
        signed_header: header,
        validators: &next.validators,
        next_validators: Some(&next.validators),
    };
    ProdVerifier::default().verify_update_header(
        shown,
        state,
        &OPTIONS,
        starfire_node::clock::now(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stock_light_client_follows_our_headers_and_refuses_forgeries() {
    let devnet = Devnet::up(&[]);
    let client = devnet.client("main-1");
    eventually("there are headers to follow", async || {
        nudge(&client).await.expect("the chain goes on");
        (devnet.height("main-1").await >= HEADERS).then_some(())
    })
    .await;
    let mut headers = Vec::new();
    for height in 1..=HEADERS {
        headers.push(signed_header(&client, height).await);
    }
    let (first, last) = (&headers[0], headers.last().unwrap());

    for pair in headers.windows(2) {
        let height = pair[1].header.header.height;
        assert_eq!(
            follow(&pair[0], &pair[1].header, &pair[1]),
            Verdict::Success,
            "block by block, at {height}"
        );
    }
    for skipped in &headers[2..] {
        let height = skipped.header.header.height;
        assert_eq!(
            follow(first, &skipped.header, skipped),
            Verdict::Success,
            "skipping from 1 to {height}"
        );
    }

    // Three of four are what it takes, from near and far.
    let previous = &headers[headers.len() - 2];
    for (trusted, how) in [(previous, "adjacent"), (first, "skipping")] {
        let two = with_signatures(&last.header, 2);
        assert!(
            matches!(
                follow(trusted, &two, last),
                Verdict::NotEnoughTrust(_) | Verdict::Invalid(_)
            ),
            "{how}: two of four signatures"
        );
        let three = with_signatures(&last.header, 3);
        assert_eq!(follow(trusted, &three, last), Verdict::Success, "{how}");

        let keys = signers(&devnet, "");
        let header = &last.header.header;
        let precommits = sign(header, &last.validators, &keys, vote::Type::Precommit);
        assert_eq!(
            follow(trusted, &precommits, last),
            Verdict::Success,
            "{how}"
        );
        let prevotes = sign(header, &last.validators, &keys, vote::Type::Prevote);
        assert!(
            matches!(follow(trusted, &prevotes, last), Verdict::Invalid(_)),
            "{how}: prevotes posing as precommits"
        );
    }
}
