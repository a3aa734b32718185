//! What goes into a node's log: `tracing`'s filter, with slips refused.
//!
//! A word without `=` may be a level or the name of what logs, and to `tracing` every word is such a name: with `inof` for `info` it
//! would let nothing through, and say nothing of it. So names must be of what runs here.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// What a name may begin with: our crates, and those below that log.
const TARGETS: [&str; 11] = [
    "starfire",
    "libp2p",
    "multistream_select",
    "yamux",
    "tonic",
    "tower",
    "axum",
    "hyper",
    "h2",
    "rustls",
    "tokio",
];

/// Reads a filter such as `info` or `info,starfire_node::network=debug`.
pub fn parse(text: &str) -> Result<EnvFilter, String> {
    if let Some(stray) = text.split(',').find(|directive| !is_known(directive)) {
        return Err(format!(
            "{stray:?} is neither a level (error, warn, info, debug, trace, off) nor of what runs here ({})",
            TARGETS.join(", ")
        ));
    }
    EnvFilter::try_new(text).map_err(|error| format!("{text:?} is not a log filter: {error}"))
}

/// Whether a directive is a level, or begins with a known name.
fn is_known(directive: &str) -> bool {
    let is_level = !directive.is_empty() && directive.parse::<LevelFilter>().is_ok();
    is_level || TARGETS.iter().any(|target| directive.starts_with(target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_does_not_silence_a_node() {
        for good in [
            "info",
            "DEBUG",
            "off",
            "info,starfire_node::network=debug",
            "warn,libp2p_swarm=trace",
            "starfire_node",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "inof",
            "info,",
            "info, libp2p=debug",
            "inof,starfire_node=debug",
            "info,starfrie_node=debug",
            "starfire_node=loud",
            "=debug",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
