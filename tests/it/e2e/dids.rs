//! wip

use starfire_did::PrivateKey;
use starfire_did::document::Document;
use starfire_node::client::Client;
use starfire_proto::v1;

/// The registration of a key's DID.
pub(super) async fn creation(client: &Client, key: &PrivateKey) -> v1::DidCreate {
    let did = client.address(key).await.expect("the node answers");
    v1::DidCreate {
        document: Some((&Document::for_key(&did, &key.public())).into()),
    }
}
