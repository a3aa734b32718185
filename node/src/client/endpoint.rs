//! Where a gateway is reached: plainly, or by TLS.

use tonic::transport::{ClientTlsConfig, Endpoint, Uri};

/// Why there is nothing to connect to.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EndpointError {
    /// It is no URL of `http://` or `https://` with a host.
    #[error("{0:?} is not a gateway's URL")]
    Url(String),
    /// There is nothing by which a certificate could be judged.
    #[error("this machine trusts no certificates, so nothing is reached by TLS")]
    NoCertificates,
}

/// Whether a gateway may have this URL.
pub(crate) fn is_url(url: &str) -> bool {
    is_secure(url).is_ok()
}

/// The gateway at a URL. By TLS, those are believed whom this machine trusts: by its certificates, or by those in the files that
/// `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
pub(crate) fn endpoint(url: &str) -> Result<Endpoint, EndpointError> {
    by_trust(url, ClientTlsConfig::new().with_native_roots())
}

fn by_trust(url: &str, trust: ClientTlsConfig) -> Result<Endpoint, EndpointError> {
    let secure = is_secure(url)?;
    let endpoint =
        Endpoint::from_shared(url.to_owned()).map_err(|_| EndpointError::Url(url.to_owned()))?;
    if !secure {
        return Ok(endpoint);
    }
    endpoint
        .tls_config(trust)
        .map_err(|_| EndpointError::NoCertificates)
}

fn is_secure(url: &str) -> Result<bool, EndpointError> {
    let uri = url.parse::<Uri>().ok().filter(|uri| uri.host().is_some());
    match uri.as_ref().and_then(Uri::scheme_str) {
        Some("http") => Ok(false),
        Some("https") => Ok(true),
        Some(_) | None => Err(EndpointError::Url(url.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use starfire_proto::v1;
    use starfire_state::Changes;
    use tokio::io::copy_bidirectional;
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::TlsAcceptor;
    use tonic::transport::Certificate;

    use super::*;
    use crate::client::ClientError;
    use crate::gateway::fixture::Node;
    use crate::grpc::node_client::NodeClient;
    use crate::web_did::tests::{CA, OTHER_CA, localhost};

    #[test]
    fn a_gateway_is_at_an_http_or_https_url_with_a_host() {
        for url in [
            "http://127.0.0.1:26680",
            "https://node.example",
            "http://[::1]:1/",
        ] {
            assert!(is_url(url), "{url}");
        }
        for url in [
            "main-1",
            "http://",
            "https://",
            "/a",
            "ftp://a",
            "file:///a",
            "",
            "127.0.0.1:1",
        ] {
            assert_eq!(
                endpoint(url).unwrap_err(),
                EndpointError::Url(url.to_owned())
            );
        }
    }

    /// A proxy that speaks TLS as `localhost` and hands on what comes to a gateway; its port.
    async fn proxy(gateway: &str) -> u16 {
        let mut config = localhost();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let gateway = gateway.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (outside, _) = listener.accept().await.unwrap();
                // Whoever does not trust the certificate goes away.
                let Ok(mut outside) = acceptor.accept(outside).await else {
                    continue;
                };
                let mut inside = TcpStream::connect(&gateway).await.unwrap();
                tokio::spawn(async move { copy_bidirectional(&mut outside, &mut inside).await });
            }
        });
        port
    }

    #[tokio::test]
    async fn a_gateway_behind_tls_answers_whoever_trusts_its_certificate_and_nobody_else() {
        let node = Node::main(Changes::new()).await;
        let port = proxy(&node.url).await;
        let asked = |ca: &'static str, host: &'static str| {
            let ca = Certificate::from_pem(std::fs::read(ca).unwrap());
            let trust = ClientTlsConfig::new().ca_certificate(ca);
            let endpoint = by_trust(&format!("https://{host}:{port}"), trust).unwrap();
            async move {
                let mut node = NodeClient::new(endpoint.connect_lazy());
                let answer = node.status(v1::StatusRequest {}).await;
                answer
                    .map(drop)
                    .map_err(|status| ClientError::of(&status, host).code)
            }
        };
        assert_eq!(asked(CA, "localhost").await, Ok(()));
        let refused = Err("NODE_NOT_TRUSTED".to_owned());
        assert_eq!(
            asked(OTHER_CA, "localhost").await,
            refused,
            "of somebody else"
        );
        assert_eq!(asked(CA, "127.0.0.1").await, refused, "for another name");
    }
}
