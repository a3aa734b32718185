//! The page at `/`, whose files are part of the binary.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, media type and content.
const FILES: [(&str, &str, &str); 7] = [
    ("/", HTML, include_str!("../../../web/index.html")),
    (
        "/icon.svg",
        "image/svg+xml",
        include_str!("../../../web/icon.svg"),
    ),
    ("/style.css", CSS, include_str!("../../../web/style.css")),
    ("/app.js", JAVASCRIPT, include_str!("../../../web/app.js")),
    ("/hash.js", JAVASCRIPT, include_str!("../../../web/hash.js")),
    ("/kind.js", JAVASCRIPT, include_str!("../../../web/kind.js")),
    ("/i18n.js", JAVASCRIPT, include_str!("../../../web/i18n.js")),
];

/// One route a file.
pub(super) fn router() -> Router {
    FILES
        .into_iter()
        .fold(Router::new(), |router, (path, media_type, content)| {
            router.route(
                path,
                get(async move || ([(CONTENT_TYPE, media_type)], content)),
            )
        })
}
