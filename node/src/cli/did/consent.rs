//! Lets others register DIDs: what the DID's own key signs, as a line of the file that `starfire did batch` takes.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use starfire_did::create::consent_message;
use starfire_did::credential::json::{self, JSON_BYTES_MAX};
use starfire_did::document::{Document, from_w3c};
use starfire_did::{Did, render};
use starfire_proto::v1;

use crate::cli::context::Context;
use crate::failure::Failure;
use crate::file;

#[derive(Debug, Args)]
pub(crate) struct Consent {
    /// The key files of the DIDs to register
    #[arg(long = "key", value_name = "FILE", required = true, num_args = 1..)]
    keys: Vec<PathBuf>,
    /// The document to register, as W3C writes it, for one key [default: the least, with that key alone]
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
}

/// Prints one line of JSON a key, with `--json` and without.
pub(super) async fn run(arguments: &Consent, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let chain = client.chain().await?;
    let code = client.chain_code().await?;
    let told = match &arguments.document {
        None => None,
        Some(_) if arguments.keys.len() > 1 => {
            return Err(Failure::usage(
                "one document is of one DID",
                "call it once for each key that has a document of its own",
            ));
        }
        Some(path) => {
            let fault = |error: &dyn std::fmt::Display| Failure::content(path, error);
            let bytes = file::read(path, JSON_BYTES_MAX)?;
            let value = json::parse(&bytes).map_err(|error| fault(&error))?;
            Some(from_w3c(&value).map_err(|error| fault(&error))?)
        }
    };
    for path in &arguments.keys {
        let key = context.key(path)?;
        let did = Did::derive(&key.public(), code.as_ref());
        let document = match &told {
            None => Document::for_key(&did, &key.public()),
            Some(document) => document.clone(),
        };
        if *document.id() != did {
            return Err(Failure::new(
                "DID_CONSENT_INVALID",
                format!(
                    "the key derives {did}, and the document is of {}",
                    document.id()
                ),
                "name the key that the document's DID derives from",
            ));
        }
        let record = v1::DidDocument::from(&document);
        let consent = key.sign(&consent_message(&chain.chain_id, &record));
        context.output.value(&json!({
            "document": render::document(&document),
            "consent": hex::encode(consent),
        }))?;
    }
    Ok(())
}
