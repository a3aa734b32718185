//! What stories say to BIF's system contracts: `contract ddo METHOD NAME`, `contract tds METHOD`, each a payment as the SDKs send
//! it, and `contract ask ddo|tds METHOD`, a question.
//!
//! The BID document is the least one of NAME's key, with `service=` and `spare=` (a key beside, which may recover it). Other
//! arguments that are no words of the envelope are the call's parameters; `"@customs"` is the address of that name.

use serde_json::{Map, Value, json};
use starfire_did::contract::{self, DDO_JAVA, DDO_TYPESCRIPT, TDS};
use starfire_did::{Did, Document, bid_view};

use super::*;

/// Arguments that are the story's, not the call's.
const OWN: [&str; 8] = [
    "as", "sign", "nonce", "for", "amount", "service", "spare", "key",
];

impl Story {
    pub(super) fn contract(&mut self, words: &Words<'_>) -> Answer {
        match words.words.as_slice() {
            ["contract", "ask", contract, method, about @ ..] => {
                let params = self.params(method, about, words)?;
                let input = json!({ "method": method, "params": params }).to_string();
                let state = self.world.state();
                Ok(
                    match contract::query(state.as_ref(), at(contract)?, &input) {
                        Ok(answer) => format!("{answer}\n"),
                        Err(refused) => format!("{refused}\n"),
                    },
                )
            }
            ["contract", contract, method, about @ ..] => {
                let params = self.params(method, about, words)?;
                let pay = protocol::OperationPayCoin {
                    dest_address: at(contract)?.to_owned(),
                    amount: words.number("amount")?,
                    input: json!({ "method": method, "params": params }).to_string(),
                    ..protocol::OperationPayCoin::default()
                };
                let operation = Operation {
                    r#type: Type::PayCoin.into(),
                    pay_coin: Some(pay),
                    ..Operation::default()
                };
                self.send(about.first().unwrap_or(&"north"), words, operation)
            }
            other => Err(format!("unknown command: {other:?}").into()),
        }
    }

    fn params(
        &mut self,
        method: &str,
        about: &[&str],
        words: &Words<'_>,
    ) -> Result<Value, Box<dyn Error>> {
        let mut params = Map::new();
        for (name, value) in &words.arguments {
            if OWN.contains(name) {
                continue;
            }
            let value = match value.strip_prefix('@') {
                Some(person) => self.names.address(person),
                None => (*value).to_owned(),
            };
            params.insert((*name).to_owned(), json!(value));
        }
        match (method, about) {
            ("creation" | "create" | "update", [name]) => {
                params.insert("document".to_owned(), self.bid_document(name, words)?);
            }
            ("reAuth", [name]) => {
                let did = self.names.address(name);
                let key = format!("{did}#{}", words.text("key"));
                params.insert("id".to_owned(), json!(did));
                params.insert("authentication".to_owned(), json!([key]));
            }
            ("queryBid", [name]) => {
                params.insert("id".to_owned(), json!(self.names.address(name)));
            }
            ("issuerApply", [name]) => {
                params.insert(
                    "publicKey".to_owned(),
                    json!(key(name).public().to_string()),
                );
            }
            _ => {}
        }
        Ok(Value::Object(params))
    }

    fn bid_document(&mut self, name: &str, words: &Words<'_>) -> Result<Value, Box<dyn Error>> {
        let did: Did = self.names.address(name).parse()?;
        let document = Document::for_key(&did, &key(name).public());
        let mut document = bid_view::document(&document, &v1::DidRecord::default());
        if let Some(endpoint) = words.get("service") {
            document["service"] = json!([{
                "id": format!("{did}#web"), "type": "LinkedDomains", "serviceEndpoint": endpoint,
            }]);
        }
        if let Some(spare) = words.get("spare") {
            self.names.address(spare);
            let mut held = document["publicKey"][0].clone();
            held["id"] = json!(format!("{did}#key-2"));
            held["publicKeyHex"] = json!(key(spare).public().to_string());
            document["extension"]["recovery"] = json!([held["id"]]);
            document["publicKey"]
                .as_array_mut()
                .ok_or("keys are a list")?
                .push(held);
        }
        Ok(document)
    }
}

fn at(contract: &str) -> Result<&'static str, Box<dyn Error>> {
    Ok(match contract {
        "ddo" => DDO_JAVA,
        "ddo-ts" => DDO_TYPESCRIPT,
        "tds" => TDS,
        _ => return Err(format!("unknown contract: {contract}").into()),
    })
}
