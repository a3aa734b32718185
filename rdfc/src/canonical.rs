//! RDFC-1.0: a set of statements as one text, whatever its blank nodes were called.
//!
//! Section numbers are those of the Recommendation, RDF Dataset Canonicalization 1.0. A blank node is known by the statements around
//! it (§4.6); those that look alike are told apart by walking their neighbours in every order (§4.8). The walk is exponential for
//! graphs made to that end, so it has a budget. Credentials seldom need the walk at all.

use std::collections::{BTreeMap, BTreeSet};

use oxrdf::vocab::xsd;
use oxrdf::{GraphName, LiteralRef, NamedOrBlankNode, Quad, Term};
use sha2::{Digest, Sha256};

use crate::{RdfcError, Work};

/// Calls of Hash N-Degree Quads and orders tried in them, for one document.
pub const WALK_STEPS_MAX: usize = 4096;
/// Bytes of names and neighbours that the walk reads and writes, for one document: a step beside many neighbours takes long.
pub const WALK_BYTES_MAX: usize = 8 << 20;
/// What a name that was given to a blank node counts for.
const NAME_BYTES: usize = 16;
/// Neighbours after one another that the walk follows.
pub const WALK_DEPTH_MAX: usize = 64;

/// A component of a statement: a blank node by its number, or a text as it stands in N-Quads.
#[derive(Clone, Debug)]
enum Node {
    Blank(usize),
    Text(String),
}

/// Subject, predicate, object, graph name (empty for the default graph).
type Statement = [Node; 4];

/// Positions where a blank node may stand, as §4.7 names them.
const POSITIONS: [(usize, &str); 3] = [(0, "s"), (2, "o"), (3, "g")];

/// Names given to blank nodes, in the order of giving (§4.5).
#[derive(Clone)]
struct Issuer {
    prefix: &'static str,
    names: BTreeMap<usize, String>,
    order: Vec<usize>,
}

impl Issuer {
    const fn new(prefix: &'static str) -> Self {
        Self {
            prefix,
            names: BTreeMap::new(),
            order: Vec::new(),
        }
    }

    fn issue(&mut self, node: usize) -> String {
        let next = format!("_:{}{}", self.prefix, self.order.len());
        let order = &mut self.order;
        self.names
            .entry(node)
            .or_insert_with(|| {
                order.push(node);
                next
            })
            .clone()
    }
}

/// The canonical N-Quads of a data set. What that takes is taken from the work that is left.
pub(crate) fn n_quads(quads: &[Quad], work: &mut Work) -> Result<String, RdfcError> {
    let statements = statements(quads);
    let mut mentions: BTreeMap<usize, Vec<&Statement>> = BTreeMap::new();
    for statement in &statements {
        for node in blanks(statement).collect::<BTreeSet<_>>() {
            mentions.entry(node).or_default().push(statement);
        }
    }
    let first: BTreeMap<usize, String> = mentions
        .iter()
        .map(|(node, statements)| (*node, first_degree(*node, statements)))
        .collect();
    let mut alike: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (node, hash) in &first {
        alike.entry(hash).or_default().push(*node);
    }

    let mut walk = Walk {
        mentions: &mentions,
        first: &first,
        canonical: Issuer::new("c14n"),
        steps: WALK_STEPS_MAX.min(work.steps),
        bytes: WALK_BYTES_MAX.min(work.bytes),
        work,
    };
    // §4.4.3 step 4: who is alone with its hash.
    for nodes in alike.values() {
        if let [node] = nodes.as_slice() {
            walk.canonical.issue(*node);
        }
    }
    // §4.4.3 step 5: the rest, by their neighbours.
    for nodes in alike.values().filter(|nodes| nodes.len() > 1) {
        let mut results = Vec::new();
        for node in nodes {
            if walk.canonical.names.contains_key(node) {
                continue;
            }
            let mut issuer = Issuer::new("b");
            issuer.issue(*node);
            results.push(walk.n_degree(*node, issuer, 0)?);
        }
        results.sort_by(|one, other| one.0.cmp(&other.0));
        for node in results.into_iter().flat_map(|(_, issuer)| issuer.order) {
            walk.canonical.issue(node);
        }
    }

    let names = &walk.canonical.names;
    let lines: BTreeSet<String> = statements
        .iter()
        .map(|statement| line(statement, |node| names[&node].clone()))
        .collect();
    Ok(lines.into_iter().collect())
}

struct Walk<'a> {
    mentions: &'a BTreeMap<usize, Vec<&'a Statement>>,
    first: &'a BTreeMap<usize, String>,
    canonical: Issuer,
    /// Steps that are left for this document.
    steps: usize,
    /// Bytes that are left for it.
    bytes: usize,
    work: &'a mut Work,
}

impl Walk<'_> {
    fn step(&mut self) -> Result<(), RdfcError> {
        self.steps = self.steps.checked_sub(1).ok_or(RdfcError::Poison)?;
        self.work.steps -= 1;
        Ok(())
    }

    fn handle(&mut self, bytes: usize) -> Result<(), RdfcError> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or(RdfcError::Poison)?;
        self.work.bytes -= bytes;
        Ok(())
    }

    /// §4.7 Hash Related Blank Node.
    fn related(
        &mut self,
        node: usize,
        statement: &Statement,
        position: &str,
        issuer: &Issuer,
    ) -> Result<String, RdfcError> {
        let mut input = position.to_owned();
        if position != "g" {
            input.push_str(&render(&statement[1], &|_| String::new()));
        }
        let known = self
            .canonical
            .names
            .get(&node)
            .or_else(|| issuer.names.get(&node));
        input.push_str(known.unwrap_or(&self.first[&node]));
        self.handle(input.len())?;
        Ok(hash(&input))
    }

    /// §4.8 Hash N-Degree Quads.
    fn n_degree(
        &mut self,
        node: usize,
        mut issuer: Issuer,
        depth: usize,
    ) -> Result<(String, Issuer), RdfcError> {
        self.step()?;
        if depth > WALK_DEPTH_MAX {
            return Err(RdfcError::Poison);
        }
        let mut neighbours: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mentions = self.mentions;
        for statement in &mentions[&node] {
            self.handle(NAME_BYTES)?;
            for (place, position) in POSITIONS {
                if let Node::Blank(other) = statement[place]
                    && other != node
                {
                    let hash = self.related(other, statement, position, &issuer)?;
                    neighbours.entry(hash).or_default().push(other);
                }
            }
        }
        let mut data = String::new();
        for (hash, mut nodes) in neighbours {
            data.push_str(&hash);
            nodes.sort_unstable();
            let mut chosen: Option<(String, Issuer)> = None;
            loop {
                self.step()?;
                // Names are copied for each order, and written into its path.
                self.handle(NAME_BYTES * (issuer.order.len() + nodes.len()))?;
                let least = chosen.as_ref().map(|(path, _)| path.as_str());
                if let Some(better) = self.path(&nodes, issuer.clone(), least, depth)? {
                    chosen = Some(better);
                }
                if !next_order(&mut nodes) {
                    break;
                }
            }
            let (path, chosen) = chosen.expect("the first order is always taken");
            data.push_str(&path);
            issuer = chosen;
        }
        Ok((hash(&data), issuer))
    }

    /// §4.8 steps 5.4.1 to 5.4.6: the path of one order of neighbours, if it is less than the least so far.
    fn path(
        &mut self,
        nodes: &[usize],
        mut issuer: Issuer,
        least: Option<&str>,
        depth: usize,
    ) -> Result<Option<(String, Issuer)>, RdfcError> {
        let worse =
            |path: &str| least.is_some_and(|least| path.len() >= least.len() && path > least);
        let mut path = String::new();
        let mut unnamed = Vec::new();
        for node in nodes {
            if let Some(name) = self.canonical.names.get(node) {
                path.push_str(name);
            } else {
                if !issuer.names.contains_key(node) {
                    unnamed.push(*node);
                }
                path.push_str(&issuer.issue(*node));
            }
            if worse(&path) {
                return Ok(None);
            }
        }
        for node in unnamed {
            self.handle(NAME_BYTES * issuer.order.len())?;
            let (hash, walked) = self.n_degree(node, issuer.clone(), depth + 1)?;
            path.push_str(&issuer.issue(node));
            path.push('<');
            path.push_str(&hash);
            path.push('>');
            issuer = walked;
            if worse(&path) {
                return Ok(None);
            }
        }
        Ok(least
            .is_none_or(|least| path.as_str() < least)
            .then_some((path, issuer)))
    }
}

/// The next order of the nodes, in the order of orders; none after the last.
fn next_order(nodes: &mut [usize]) -> bool {
    let Some(pivot) = nodes.windows(2).rposition(|pair| pair[0] < pair[1]) else {
        return false;
    };
    let Some(swap) = nodes.iter().rposition(|node| *node > nodes[pivot]) else {
        return false;
    };
    nodes.swap(pivot, swap);
    nodes[pivot + 1..].reverse();
    true
}

/// §4.6 Hash First Degree Quads.
fn first_degree(node: usize, statements: &[&Statement]) -> String {
    let name = |other| if other == node { "_:a" } else { "_:z" }.to_owned();
    let mut lines: Vec<String> = statements
        .iter()
        .map(|statement| line(statement, name))
        .collect();
    lines.sort_unstable();
    hash(&lines.concat())
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

fn statements(quads: &[Quad]) -> Vec<Statement> {
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut number = |name: &str| {
        let next = numbers.len();
        Node::Blank(*numbers.entry(name.to_owned()).or_insert(next))
    };
    let mut seen = BTreeSet::new();
    let mut statements = Vec::new();
    for quad in quads {
        // A data set is a set: what is said twice is said once.
        if !seen.insert(quad.to_string()) {
            continue;
        }
        let subject = match &quad.subject {
            NamedOrBlankNode::NamedNode(iri) => Node::Text(iri.to_string()),
            NamedOrBlankNode::BlankNode(blank) => number(blank.as_str()),
        };
        let object = match &quad.object {
            Term::NamedNode(iri) => Node::Text(iri.to_string()),
            Term::BlankNode(blank) => number(blank.as_str()),
            Term::Literal(value) => Node::Text(literal(value.as_ref())),
        };
        let graph = match &quad.graph_name {
            GraphName::NamedNode(iri) => Node::Text(iri.to_string()),
            GraphName::BlankNode(blank) => number(blank.as_str()),
            GraphName::DefaultGraph => Node::Text(String::new()),
        };
        statements.push([
            subject,
            Node::Text(quad.predicate.to_string()),
            object,
            graph,
        ]);
    }
    statements
}

fn blanks(statement: &Statement) -> impl Iterator<Item = usize> {
    statement.iter().filter_map(|node| match node {
        Node::Blank(number) => Some(*number),
        Node::Text(_) => None,
    })
}

fn render(node: &Node, name: &impl Fn(usize) -> String) -> String {
    match node {
        Node::Blank(number) => name(*number),
        Node::Text(text) => text.clone(),
    }
}

/// A statement in canonical N-Quads (§5).
fn line(statement: &Statement, name: impl Fn(usize) -> String) -> String {
    let [subject, predicate, object, graph] = statement.each_ref().map(|node| render(node, &name));
    let space = if graph.is_empty() { "" } else { " " };
    format!("{subject} {predicate} {object}{space}{graph} .\n")
}

/// A literal with exactly the escapes that §5 asks for.
fn literal(literal: LiteralRef<'_>) -> String {
    let mut text = String::from('"');
    for character in literal.value().chars() {
        match character {
            '\u{8}' => text.push_str("\\b"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\u{c}' => text.push_str("\\f"),
            '\r' => text.push_str("\\r"),
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\0'..='\u{1f}' | '\u{7f}' => {
                text.push_str(&format!("\\u{:04X}", u32::from(character)));
            }
            other => text.push(other),
        }
    }
    text.push('"');
    if let Some(language) = literal.language() {
        text.push('@');
        text.push_str(language);
    } else if literal.datatype() != xsd::STRING {
        text.push_str("^^");
        text.push_str(&literal.datatype().to_string());
    }
    text
}

#[cfg(test)]
mod tests {
    use oxrdf::{BlankNode, NamedNode};
    use serde_json::Value;

    use super::*;

    fn quad(line: &Value) -> Quad {
        let part = |index: usize| line[index].as_str().unwrap();
        let iri = |text: &str| NamedNode::new_unchecked(text.trim_matches(['<', '>']));
        let node = |text: &str| match text.strip_prefix("_:") {
            Some(name) => NamedOrBlankNode::BlankNode(BlankNode::new_unchecked(name)),
            None => NamedOrBlankNode::NamedNode(iri(text)),
        };
        let graph = match part(3) {
            "" => GraphName::DefaultGraph,
            name => node(name).into(),
        };
        Quad::new(
            node(part(0)),
            iri(part(1)),
            Term::from(node(part(2))),
            graph,
        )
    }

    #[test]
    fn dense_graphs_have_the_form_that_rdf_canonize_gives_them() {
        let made = include_str!("../../tests/vectors/credentials/canonical.json");
        let made: Value = serde_json::from_str(made).unwrap();
        let graphs = made["graphs"].as_array().unwrap();
        assert!(graphs.len() >= 50);
        for (index, graph) in graphs.iter().enumerate() {
            let quads: Vec<Quad> = graph["lines"]
                .as_array()
                .unwrap()
                .iter()
                .map(quad)
                .collect();
            let theirs = graph["canonical"].as_str().unwrap();
            assert_eq!(
                n_quads(&quads, &mut Work::new()).as_deref(),
                Ok(theirs),
                "graph {index}"
            );
        }
    }

    #[test]
    fn a_poison_graph_is_refused_and_soon() {
        let name = |node: usize| BlankNode::new_unchecked(format!("n{node}"));
        let predicate = NamedNode::new_unchecked("urn:p");
        let edge = |from, to| {
            Quad::new(
                name(from),
                predicate.clone(),
                name(to),
                GraphName::DefaultGraph,
            )
        };
        // Everyone beside everyone: all orders of ten are equal.
        let clique = (0..10).flat_map(|from| {
            (0..10)
                .filter(move |to| *to != from)
                .map(move |to| (from, to))
        });
        let clique: Vec<Quad> = clique.map(|(from, to)| edge(from, to)).collect();
        assert_eq!(n_quads(&clique, &mut Work::new()), Err(RdfcError::Poison));
        // A ring, too long to walk around.
        let ring: Vec<Quad> = (0..1000)
            .map(|node| edge(node, (node + 1) % 1000))
            .collect();
        assert_eq!(n_quads(&ring, &mut Work::new()), Err(RdfcError::Poison));
        // Many alike, each beside one hub that all mention: few steps, each of them long.
        let wheel: Vec<Quad> = (1..4000)
            .flat_map(|node| [edge(0, node), edge(node, 0)])
            .collect();
        assert_eq!(n_quads(&wheel, &mut Work::new()), Err(RdfcError::Poison));
    }
}
