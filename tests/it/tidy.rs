//! The house rules that a machine can check: crate edges, module headers, file names, the paths that documents name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What each crate may import of ours: the table of ARCHITECTURE.md.
const EDGES: &[(&str, &[&str])] = &[
    ("proto", &[]),
    ("ed25519", &[]),
    ("state", &["proto"]),
    ("consensus", &["ed25519", "proto"]),
    ("did", &["state", "ed25519", "proto"]),
    ("registry", &["state", "proto"]),
    ("rdfc", &[]),
    (
        "crosschain",
        &["state", "did", "registry", "consensus", "proto"],
    ),
    (
        "ledger",
        &["state", "did", "registry", "crosschain", "proto"],
    ),
    (
        "node",
        &[
            "ledger",
            "rdfc",
            "crosschain",
            "registry",
            "did",
            "consensus",
            "state",
            "proto",
        ],
    ),
    (
        "tests",
        &[
            "node",
            "ledger",
            "rdfc",
            "crosschain",
            "registry",
            "did",
            "consensus",
            "state",
            "proto",
        ],
    ),
];

/// Outside crates that belong to `node` alone.
const NODE_ONLY: &[&str] = &["tokio", "libp2p", "tonic", "axum", "rocksdb"];

/// File names that say nothing.
const EMPTY_NAMES: &[&str] = &[
    "utils.rs",
    "util.rs",
    "common.rs",
    "helpers.rs",
    "helper.rs",
    "misc.rs",
    "manager.rs",
    "handler.rs",
    "service.rs",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests crate stands in the workspace")
        .to_path_buf()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--no-deps",
            "--locked",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

/// Dependencies of each of our crates: (name without prefix) -> (dependency, is a dev-dependency).
fn dependencies() -> BTreeMap<String, Vec<(String, bool)>> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let name = package["name"]
                .as_str()
                .expect("a name")
                .trim_start_matches("starfire-")
                .to_owned();
            let dependencies = package["dependencies"].as_array().expect("dependencies");
            let dependencies = dependencies
                .iter()
                .map(|it| {
                    (
                        it["name"].as_str().expect("a name").to_owned(),
                        it["kind"] == "dev",
                    )
                })
                .collect();
            (name, dependencies)
        })
        .collect()
}

fn rust_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = EDGES.iter().map(|(name, _)| root().join(name)).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of ours") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn crates_import_only_what_the_table_allows() {
    let found = dependencies();
    assert_eq!(
        found.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        EDGES.iter().map(|(name, _)| *name).collect()
    );
    for (name, allowed) in EDGES {
        for (dependency, _) in &found[*name] {
            if let Some(ours) = dependency.strip_prefix("starfire-") {
                assert!(allowed.contains(&ours), "{name} must not depend on {ours}");
            }
        }
    }
}

#[test]
fn only_the_node_touches_network_disk_and_runtime() {
    for (name, dependencies) in dependencies() {
        if name == "node" {
            continue;
        }
        for (dependency, _) in dependencies.iter().filter(|(_, dev)| !dev) {
            assert!(
                !NODE_ONLY.contains(&dependency.as_str()),
                "{name} must not depend on {dependency}"
            );
        }
    }
}

#[test]
fn every_module_says_what_it_is() {
    for path in rust_files() {
        let text = std::fs::read_to_string(&path).expect("a source file is text");
        assert!(
            text.starts_with("//!"),
            "{} has no opening //! line",
            path.display()
        );
    }
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    for path in rust_files() {
        let name = path
            .file_name()
            .expect("a file")
            .to_string_lossy()
            .into_owned();
        assert!(
            !EMPTY_NAMES.contains(&name.as_str()),
            "{} says nothing",
            path.display()
        );
        assert_ne!(
            name,
            "mod.rs",
            "{}: name the module's file after the module",
            path.display()
        );
    }
}

#[test]
fn files_that_documents_link_to_exist() {
    let mut documents: Vec<PathBuf> = Vec::new();
    for folder in [
        root(),
        root().join("docs"),
        root().join("docs/adr"),
        root().join("genesis"),
    ] {
        for entry in std::fs::read_dir(&folder).expect("a folder of documents") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "md") {
                documents.push(path);
            }
        }
    }
    for document in documents {
        let text = std::fs::read_to_string(&document).expect("a document is text");
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if link.contains("://") || link.starts_with('#') || link.contains(char::is_whitespace) {
                continue;
            }
            let target = link.split('#').next().expect("a link has a path");
            let path = document
                .parent()
                .expect("a document stands in a folder")
                .join(target);
            assert!(
                path.exists(),
                "{} links to {target}, which does not exist",
                document.display()
            );
        }
    }
}

#[test]
fn every_route_of_the_gateway_stands_in_the_table_of_routes() {
    let page = std::fs::read_to_string(root().join("docs/commands.md")).expect("it is there");
    let (_, table) = page.split_once("\n## HTTP\n").expect("it has the table");
    let mut routes = BTreeSet::new();
    for file in rust_files() {
        if !file.starts_with(root().join("node/src/gateway")) {
            continue;
        }
        let source = std::fs::read_to_string(&file).expect("a source file is text");
        for call in source.split(".route(").skip(1) {
            let path = call.trim_start().strip_prefix('"');
            let path = path.and_then(|rest| rest.split('"').next());
            // One with parts of its own is in the table by what it begins with.
            routes.extend(path.map(|path| path.split('{').next().unwrap_or(path).to_owned()));
        }
    }
    assert!(routes.len() > 20, "{routes:?}");
    for route in routes {
        assert!(table.contains(&route), "{route}");
    }
}

#[test]
fn every_example_genesis_parses() {
    let mut seen = 0;
    for entry in std::fs::read_dir(root().join("genesis")).expect("the genesis folder") {
        let path = entry.expect("an entry").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let bytes = std::fs::read(&path).expect("a readable file");
            starfire_ledger::Genesis::parse(&bytes)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            seen += 1;
        }
    }
    assert!(seen > 0, "there is an example genesis");
}
