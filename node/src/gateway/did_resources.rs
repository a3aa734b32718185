//! Which resources a DID of this chain has. No proof covers a list: each resource on it can be had with one.

use starfire_did::{add_resource, resource};
use starfire_proto::v1;
use starfire_state::Rejection;

use super::accounts::parse_did;
use super::error::{CURSOR_INVALID, INVALID_PARAMETER};
use super::{Gateway, dids};

/// Resources in one answer, and if the client does not say how many.
const LIMIT_MAX: usize = 1_000;
const LIMIT_DEFAULT: usize = 100;

impl Gateway {
    pub(super) async fn list_resources(
        &self,
        request: v1::ListResourcesRequest,
    ) -> Result<v1::ListResourcesResponse, Rejection> {
        let v1::ListResourcesRequest {
            did,
            name,
            cursor,
            limit,
        } = request;
        let did = parse_did(&did)?;
        let here = self.chain_code().await?;
        if did.chain_code() != here {
            return Err(dids::other_chain(&did, here));
        }
        for name in [&name, &cursor].into_iter().filter(|name| !name.is_empty()) {
            if !add_resource::is_name(name) {
                let detail = format!("no resource is called {name:?}");
                return Err(Rejection::new(INVALID_PARAMETER, detail));
            }
        }
        let limit = match usize::try_from(limit).unwrap_or(LIMIT_MAX) {
            0 => LIMIT_DEFAULT,
            limit => limit.min(LIMIT_MAX),
        };
        let after_version = match (name.as_str(), cursor.as_str()) {
            ("", _) | (_, "") => 0,
            (_, cursor) => cursor.parse().map_err(|_| {
                Rejection::new(
                    CURSOR_INVALID,
                    "the cursor is not of such a list: begin without one",
                )
            })?,
        };
        self.read(move |view| {
            let state = view.state();
            // One more tells whether there is more.
            let mut found = if name.is_empty() {
                let after = (!cursor.is_empty()).then_some(cursor.as_str());
                resource::list(state.as_ref(), &did, after, limit + 1)
            } else {
                resource::versions(state.as_ref(), &did, &name, after_version, limit + 1)
            };
            let more = found.len() > limit;
            found.truncate(limit);
            let cursor = found
                .last()
                .filter(|_| more)
                .map(|last| match name.as_str() {
                    "" => last.name.clone(),
                    _ => last.version.to_string(),
                });
            Ok(v1::ListResourcesResponse {
                resources: found,
                cursor: cursor.unwrap_or_default(),
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use starfire_did::path;
    use starfire_state::Changes;
    use tonic::{Code, Response, Status};

    use super::*;
    use crate::gateway::fixture::{Node, did, record, refusal, registered};
    use crate::grpc::dids_client::DidsClient;

    /// The DID of a seed with these resources, each of so many versions.
    fn with(seed: u8, resources: &[(&str, u64)]) -> Changes {
        let mut state = registered(seed, None, 1);
        let did = did(seed, None);
        for (name, versions) in resources {
            for version in 1..=*versions {
                let one = v1::DidResourceRecord {
                    did: did.to_string(),
                    name: (*name).to_owned(),
                    version,
                    ..Default::default()
                };
                state.extend(record(path::resource_version(&did, name, version), &one));
                state.extend(record(path::resource(&did, name), &one));
            }
        }
        state
    }

    /// All pages of a list, of so many each.
    async fn whole(node: &Node, name: &str, limit: u32) -> Vec<(String, u64)> {
        let did = did(1, None).to_string();
        let mut listed = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = ask(node, &did, name, &cursor, limit).await.unwrap();
            assert!(page.resources.len() <= usize::try_from(limit).unwrap());
            let named = |one: v1::DidResourceRecord| (one.name, one.version);
            listed.extend(page.resources.into_iter().map(named));
            if page.cursor.is_empty() {
                return listed;
            }
            cursor = page.cursor;
        }
    }

    async fn ask(
        node: &Node,
        did: &str,
        name: &str,
        cursor: &str,
        limit: u32,
    ) -> Result<v1::ListResourcesResponse, Status> {
        let request = v1::ListResourcesRequest {
            did: did.to_owned(),
            name: name.to_owned(),
            cursor: cursor.to_owned(),
            limit,
        };
        let answer = DidsClient::new(node.channel()).resources(request).await;
        answer.map(Response::into_inner)
    }

    #[tokio::test]
    async fn resources_are_listed_by_name_or_all_versions_of_one() {
        let mut node = Node::main(with(1, &[("logo", 3), ("policy", 1), ("logo-2", 2)])).await;
        node.block(Changes::new(), &[]);
        for limit in [1, 2, 3, 100] {
            let mut newest = whole(&node, "", limit).await;
            newest.sort();
            let expected = [("logo", 3), ("logo-2", 2), ("policy", 1)];
            assert_eq!(
                newest,
                expected.map(|(name, version)| (name.to_owned(), version))
            );
            let versions = whole(&node, "logo", limit).await;
            assert_eq!(
                versions,
                [1, 2, 3].map(|version| ("logo".to_owned(), version))
            );
        }
        assert!(whole(&node, "none", 1).await.is_empty());
    }

    #[tokio::test]
    async fn a_list_of_another_chain_or_from_nowhere_is_refused() {
        let mut node = Node::main(with(1, &[("logo", 1)])).await;
        node.block(Changes::new(), &[]);
        let here = did(1, None).to_string();
        let elsewhere = did(1, Some("by01")).to_string();
        for (did, name, cursor, code) in [
            (&elsewhere, "", "", "DID_OTHER_CHAIN"),
            (&here, "a/b", "", "INVALID_PARAMETER"),
            (&here, "", "../", "INVALID_PARAMETER"),
            (&here, "logo", "logo", "CURSOR_INVALID"),
        ] {
            let status = ask(&node, did, name, cursor, 0).await.unwrap_err();
            assert_eq!(refusal(&status).1, code, "{did} {name} {cursor}");
            assert_ne!(status.code(), Code::Internal);
        }
    }
}
