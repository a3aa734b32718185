//! Answers that anyone's page may read, and what a browser is told before it asks for them.
//!
//! Nothing here depends on who asks: there are no cookies, and what changes something is signed by a key that the node has not got. So
//! a page of any origin may do what any program may.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};

const OPEN: [(HeaderName, &str); 2] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (header::ACCESS_CONTROL_EXPOSE_HEADERS, "retry-after"),
];
const PREFLIGHT: [(HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "accept, content-type, last-event-id",
    ),
    (header::ACCESS_CONTROL_MAX_AGE, "86400"),
];

/// Opens these routes to pages of every origin.
pub(super) fn open(routes: Router) -> Router {
    routes.layer(from_fn(answer))
}

async fn answer(request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        let mut response = StatusCode::NO_CONTENT.into_response();
        set(&mut response, &PREFLIGHT);
        response
    } else {
        next.run(request).await
    };
    set(&mut response, &OPEN);
    response
}

fn set(response: &mut Response, headers: &[(HeaderName, &'static str)]) {
    for (name, value) in headers {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use starfire_state::Changes;

    use crate::gateway::fixture::Node;
    use crate::gateway::fixture::raw::exchange;

    const ORIGIN: &str = "origin: https://app.example\r\n";

    #[tokio::test]
    async fn a_page_of_any_origin_may_use_the_registry() {
        let mut node = Node::main(Changes::new()).await;
        node.block(Changes::new(), &[]);
        for (method, path, body) in [
            ("GET", "/1.0/identifiers", ""),
            ("GET", "/1.0/identifiers?limit=x", ""),
            ("POST", "/1.0/identifiers:batch", r#"{"identifiers":[]}"#),
            ("GET", "/1.0/changes?cursor=x", ""),
            ("POST", "/1.0/create", "{}"),
            ("POST", "/1.0/update", "{}"),
            ("POST", "/1.0/deactivate", "{}"),
            ("POST", "/1.0/createResource", "{}"),
        ] {
            let head = exchange(&node.url, method, path, ORIGIN, body).await.0;
            assert!(
                head.contains("\r\naccess-control-allow-origin: *\r\n"),
                "{path}: {head}"
            );
            let asked = "access-control-request-headers: content-type\r\n";
            let headers = format!("{ORIGIN}access-control-request-method: {method}\r\n{asked}");
            let path = path.split('?').next().unwrap();
            let head = exchange(&node.url, "OPTIONS", path, &headers, "").await.0;
            assert!(head.starts_with("http/1.1 204"), "{path}: {head}");
            for header in [
                "access-control-allow-origin: *",
                "access-control-allow-methods: get, post, options",
                "access-control-allow-headers: accept, content-type, last-event-id",
            ] {
                assert!(
                    head.contains(&format!("\r\n{header}\r\n")),
                    "{path}: {head}"
                );
            }
        }
    }

    #[tokio::test]
    async fn other_routes_are_for_this_node_s_own_pages() {
        let node = Node::main(Changes::new()).await;
        for path in ["/api/status", "/", "/nothing"] {
            for method in ["GET", "OPTIONS"] {
                let head = exchange(&node.url, method, path, ORIGIN, "").await.0;
                assert!(!head.contains("access-control"), "{method} {path}: {head}");
            }
        }
    }
}
