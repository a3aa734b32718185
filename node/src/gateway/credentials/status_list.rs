//! A whole status list: its bits, and the record that commits to them, proved.
//!
//! It is what the chain says, and nobody's credential: a `BitstringStatusListCredential` is signed by its issuer, not by a node.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::Value;
use starfire_did::credential::bitstring;
use starfire_did::{path, status_list};
use starfire_proto::v1;
use starfire_state::Rejection;

use super::super::dids::{other_chain, value};
use super::super::{Gateway, error};
use super::proved::Proved;
use super::{reply, status};
use crate::credential::names::ListName;

/// A list with what proves it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) list: v1::StatusListRecord,
    pub(super) bits: Vec<u8>,
    pub(super) known_at_ms: i64,
    pub(super) proved: Proved,
}

/// `GET /status-lists/{issuer}/{name}`
pub(super) async fn get(
    State(gateway): State<Gateway>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Response {
    let found = async {
        let Path((issuer, name)) =
            path.map_err(|error| Rejection::new(error::INVALID_PARAMETER, error.body_text()))?;
        let found = gateway.status_list(&named(&issuer, &name)?).await?;
        // Packing a list takes a while.
        gateway.work(move || found.to_json()).await?
    };
    reply::record(found.await, |found| found)
}

/// The list of an issuer by its name.
pub(super) fn named(issuer: &str, name: &str) -> Result<ListName, Rejection> {
    ListName::parse(&format!("{issuer}/status-lists/{name}")).ok_or_else(|| {
        Rejection::new(
            error::INVALID_PARAMETER,
            "a status list has an issuer, a DID, and a name of letters, digits, '-' and '_'",
        )
    })
}

impl Gateway {
    /// A list of this chain.
    pub(super) async fn status_list(&self, name: &ListName) -> Result<Found, Rejection> {
        let ListName { issuer, name } = name.clone();
        let here = self.chain_code().await?;
        if issuer.chain_code() != here {
            // A list is long, and its issuer's gateway has it.
            return Err(other_chain(&issuer, here));
        }
        let proved = self
            .proved_of(&issuer, vec![path::status_list(&issuer, &name)])
            .await?;
        let list: v1::StatusListRecord =
            value(&proved.proof, 0)?.ok_or_else(|| status::not_found(&issuer, &name))?;
        let (height, known_at_ms) = proved.header()?;
        // The header of a height proves the state before it.
        let bits = self.read(move |view| {
            let state = view.archive().state_at(height.saturating_sub(1));
            let bits = status_list::bytes(state.as_ref(), &issuer, &name);
            Ok(bits.expect("the list's record stands in the same state"))
        });
        Ok(Found {
            bits: bits.await?,
            list,
            known_at_ms,
            proved,
        })
    }
}

impl Found {
    fn to_json(&self) -> Result<Value, Rejection> {
        let mut shown = status::record(&self.list);
        shown["encodedList"] = bitstring::encode(&self.bits).into();
        shown["known_at_ms"] = self.known_at_ms.into();
        shown["proof"] = self.proved.to_json()?;
        Ok(shown)
    }
}
