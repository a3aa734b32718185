//! One document from one website: name, connection, certificate, answer. Each step is bounded, and all of them in time together.
//!
//! The name is looked up once, and the connection goes to one of the addresses that were found and judged then: a name that leads
//! elsewhere a moment later leads nowhere. Certificates decide that whoever answers is the host. No redirection is followed.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use futures::StreamExt;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use starfire_did::foreign::web::Location;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::address::is_public;
use super::allowed::Reach;
use super::{Refusal, SetupError};

/// How long all of it may take.
pub(super) const FETCH_TIME_MAX: Duration = Duration::from_secs(4);
/// How long one connection may take to come about, where there is another address.
const CONNECT_TIME_MAX: Duration = Duration::from_millis(1_500);
/// The longest document.
pub(super) const DOCUMENT_BYTES_MAX: usize = 64 << 10;
/// The longest head of an answer.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Names that are looked up at one time: the system's resolver blocks a thread that reads of the store also need.
const LOOKUPS_MAX: usize = 2;
/// Addresses of one host that are tried.
const ADDRESSES_MAX: usize = 3;
/// Of what others wrote, shown in a refusal.
pub(super) const SHOWN_CHARS_MAX: usize = 200;
/// What a document may come as. did:web §3.2 asks for JSON; servers of plain files know no better name for it.
const MEDIA_TYPES: [&str; 5] = [
    "application/did",
    "application/did+json",
    "application/did+ld+json",
    "application/ld+json",
    "application/json",
];
const ACCEPT: &str =
    "application/did, application/did+ld+json, application/did+json, application/json";
const USER_AGENT: &str = concat!("starfire/", env!("CARGO_PKG_VERSION"));

/// What fetching needs.
pub(super) struct Fetch {
    tls: TlsConnector,
    lookups: Arc<Semaphore>,
}

impl Fetch {
    /// Trusts the certificates in this file, or the system's.
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Self, SetupError> {
        let roots = match ca_file {
            Some(path) => of_file(path)?,
            None => of_system()?,
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has suites for both versions of TLS")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
            lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)),
        })
    }

    /// The bytes that stand at a location. The caller bounds the time.
    pub(super) async fn get(&self, location: &Location, reach: Reach) -> Result<Vec<u8>, Refusal> {
        let addresses = self.addresses(location, reach).await?;
        let stream = connect(location, &addresses).await?;
        let unreachable = |why: String| unreachable(location, &why);
        let name = ServerName::try_from(location.host().to_owned())
            .map_err(|error| unreachable(error.to_string()))?;
        let stream = self
            .tls
            .connect(name, stream)
            .await
            .map_err(|error| unreachable(error.to_string()))?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| unreachable(error.to_string()))?;
        let answered = async {
            let request = Request::get(location.path())
                .header(header::HOST, location.authority())
                .header(header::ACCEPT, ACCEPT)
                .header(header::USER_AGENT, USER_AGENT)
                .header(header::CONNECTION, "close")
                .body(Body::empty())
                .map_err(|error| unreachable(error.to_string()))?;
            let response = sender
                .send_request(request)
                .await
                .map_err(|error| unreachable(error.to_string()))?;
            body(location, response).await
        };
        // Driven here and not by a task of its own: when the caller gives up, all of it ends.
        let mut answered = std::pin::pin!(answered);
        tokio::select! {
            biased;
            answer = &mut answered => answer,
            _ = connection => answered.await,
        }
    }

    /// Where the host stands, as far as it may.
    async fn addresses(
        &self,
        location: &Location,
        reach: Reach,
    ) -> Result<Vec<SocketAddr>, Refusal> {
        let turn = Arc::clone(&self.lookups)
            .acquire_owned()
            .await
            .expect("nobody closes the semaphore of look-ups");
        let site = (location.host().to_owned(), location.port());
        let found = tokio::task::spawn_blocking(move || {
            // Held for as long as the resolver takes, even if whoever asked has gone.
            let _turn = turn;
            site.to_socket_addrs().map(Iterator::collect::<Vec<_>>)
        });
        let found = match found.await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => return Err(unreachable(location, &error.to_string())),
            Err(error) => return Err(unreachable(location, &error.to_string())),
        };
        let mut open = found;
        let any = !open.is_empty();
        open.retain(|address| match reach {
            Reach::Private => true,
            Reach::Public => is_public(address.ip()),
        });
        open.truncate(ADDRESSES_MAX);
        match (open.is_empty(), any) {
            (false, _) => Ok(open),
            (true, false) => Err(unreachable(location, "it has no address")),
            (true, true) => Err(Refusal::HostNotAllowed(format!(
                "{} stands at a private address",
                location.host()
            ))),
        }
    }
}

/// A connection to the first address that takes one.
async fn connect(location: &Location, addresses: &[SocketAddr]) -> Result<TcpStream, Refusal> {
    let mut why = String::new();
    for address in addresses {
        match timeout(CONNECT_TIME_MAX, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => why = error.to_string(),
            Err(_) => why = "no connection in time".to_owned(),
        }
    }
    Err(unreachable(location, &why))
}

/// The body of an answer that is a document's.
async fn body(
    location: &Location,
    response: axum::http::Response<Incoming>,
) -> Result<Vec<u8>, Refusal> {
    let url = location.url();
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            return Err(Refusal::NotFound(format!("there is no {url}")));
        }
        status if status.is_redirection() => {
            return Err(unreachable(location, "it redirects, which is not followed"));
        }
        status => return Err(unreachable(location, &format!("it answers {status}"))),
    }
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !MEDIA_TYPES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(essence))
    {
        let shown: String = essence.chars().take(SHOWN_CHARS_MAX).collect();
        let detail = format!("{url} is {shown:?} and no JSON by its media type");
        return Err(Refusal::NotADocument(detail));
    }
    let mut bytes = Vec::new();
    let mut chunks = Body::new(response.into_body()).into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| unreachable(location, &error.to_string()))?;
        if bytes.len() + chunk.len() > DOCUMENT_BYTES_MAX {
            return Err(Refusal::TooLarge(format!(
                "{url} has more than {DOCUMENT_BYTES_MAX} bytes"
            )));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn unreachable(location: &Location, why: &str) -> Refusal {
    Refusal::Unreachable(format!("{}: {why}", location.url()))
}

fn of_file(path: &Path) -> Result<RootCertStore, SetupError> {
    let fault = |message: String| SetupError::File {
        path: path.to_owned(),
        message,
    };
    let mut roots = RootCertStore::empty();
    for certificate in
        CertificateDer::pem_file_iter(path).map_err(|error| fault(error.to_string()))?
    {
        let certificate = certificate.map_err(|error| fault(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| fault(error.to_string()))?;
    }
    match roots.is_empty() {
        true => Err(fault("there is none in it".to_owned())),
        false => Ok(roots),
    }
}

fn of_system() -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    match roots.is_empty() {
        true => Err(SetupError::None),
        false => Ok(roots),
    }
}
