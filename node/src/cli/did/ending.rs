//! Before a DID ends: whether it is accredited, which only the main chain tells.

use starfire_did::Did;

use crate::cli::output::Output;
use crate::cli::proof::accreditations;
use crate::client::Client;
use crate::failure::Failure;

/// Refuses to end who is accredited: with the DID ends the only way to revoke what it issued and gave, and who stole its keys can
/// go on to write earlier dates. That is so when its term is over, too: what was issued in it holds. What it has revoked already,
/// no node is asked: its status lists have names that it chose itself.
///
/// `client` is of the DID's chain, `main` a gateway of the main chain. Without one nothing is known of a sub-chain's DID, and `output`
/// says so: most of these are of things, which issue nothing.
pub(super) async fn has_revoked(
    client: &Client,
    did: &Did,
    main: Option<&str>,
    output: Output,
) -> Result<(), Failure> {
    // A node of a sub-chain has no accreditations, so that it would name none of any issuer.
    let held = match (client.chain_code().await?, main) {
        (None, _) => accreditations(client, did).await?,
        (Some(_), Some(url)) => accreditations(&main_chain(url).await?, did).await?,
        (Some(_), None) => {
            output.warn(&format!(
                "whether {did} is accredited was not asked: only the main chain tells (--main URL)"
            ));
            return Ok(());
        }
    };
    let Some(standing) = held.iter().find(|one| one.withdrawn_ms == 0) else {
        return Ok(());
    };
    Err(Failure::new(
        "DID_STILL_ACCREDITED",
        format!(
            "{did} is accredited for {} in {}: once it is deactivated, nobody can revoke what it issued or gave, not even what a thief of its keys dates back",
            standing.r#type, standing.jurisdiction
        ),
        "first revoke credentials (`starfire vc revoke`) and accreditations that it gave (`starfire vc accreditation revoke`); then add --force",
    ))
}

/// The node of the main chain that was named.
async fn main_chain(url: &str) -> Result<Client, Failure> {
    let main = Client::connect(url)?;
    match main.chain_code().await? {
        None => Ok(main),
        Some(code) => Err(Failure::usage(
            format!("{url} is of the sub-chain {code}, which has no accreditations"),
            "name a gateway of a main-chain node by --main",
        )),
    }
}

#[cfg(test)]
mod tests {
    use starfire_did::path;
    use starfire_proto::v1;
    use starfire_state::Changes;

    use super::*;
    use crate::gateway::fixture::{Node, did, record, registered};

    fn accreditation(holder: &Did, withdrawn_ms: i64, valid_until_ms: i64) -> Changes {
        let level = v1::AccreditationRecord {
            issuer: holder.to_string(),
            r#type: "Origin".into(),
            jurisdiction: "CN".into(),
            motion: 1,
            withdrawn_ms,
            valid_until_ms,
            ..v1::AccreditationRecord::default()
        };
        record(path::accreditation(holder, "Origin", "CN"), &level)
    }

    #[tokio::test]
    async fn who_is_accredited_is_not_ended_unnoticed() {
        let mut records = registered(1, None, 1);
        for (holder, withdrawn_ms, valid_until_ms) in [(1, 0, 0), (2, 5_000, 0), (4, 0, 9_000)] {
            let holder = did(holder, None);
            records.extend(accreditation(&holder, withdrawn_ms, valid_until_ms));
        }
        let mut node = Node::main(records).await;
        node.block(Changes::new(), &[]);
        let client = Client::connect(&node.url).unwrap();
        for accredited in [1, 4] {
            let did = did(accredited, None);
            let refused = has_revoked(&client, &did, None, Output::new(true))
                .await
                .unwrap_err();
            assert_eq!(refused.code, "DID_STILL_ACCREDITED");
            assert!(refused.hint.contains("--force"), "{refused}");
        }
        // Withdrawn, and never accredited.
        for free in [2, 3] {
            let did = did(free, None);
            has_revoked(&client, &did, None, Output::new(true))
                .await
                .unwrap();
        }
    }

    #[tokio::test]
    async fn of_an_issuer_of_a_sub_chain_the_main_chain_is_asked() {
        let [accredited, free] = [1, 2].map(|seed| did(seed, Some("by01")));
        let mut main = Node::main(accreditation(&accredited, 0, 0)).await;
        main.block(Changes::new(), &[]);
        let mut sub = Node::sub(registered(1, Some("by01"), 1)).await;
        sub.block(Changes::new(), &[]);
        let client = Client::connect(&sub.url).unwrap();
        let asked = async |did: &Did, main: Option<&str>| {
            has_revoked(&client, did, main, Output::new(true)).await
        };

        let refused = asked(&accredited, Some(&main.url)).await.unwrap_err();
        assert_eq!(refused.code, "DID_STILL_ACCREDITED");
        assert!(refused.message.contains("Origin in CN"), "{refused}");
        asked(&free, Some(&main.url)).await.unwrap();
        // A person is warned: the sub-chain's own node would tell of nobody.
        asked(&accredited, None).await.unwrap();
        let elsewhere = asked(&accredited, Some(&sub.url)).await.unwrap_err();
        assert_eq!(elsewhere.code, Failure::USAGE);
    }
}
