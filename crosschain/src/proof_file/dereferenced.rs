//! A saved result of dereferencing: a document, a part of it, or addresses of its services, as the records say that it proves.
//!
//! Its metadata names the DID and the version, and not always the whole DID URL. What is shown names itself by its id, mostly; where
//! it does not, the verifier says what was asked.

use serde_json::{Value, json};
use starfire_did::dereference::{Accept, Dereferenced, dereference};
use starfire_did::did_url::DidUrl;
use starfire_did::resolution::{At, Question, Representation};
use starfire_did::{Did, Document};

use super::proven::{Proven, Verifier};
use super::report::{Ended, Reason, Report, Stop, Summary, stop};
use super::resolved::{Recorded, equal, recorded, unproved};
use super::state_proof::StateProof;
use crate::unix_ms::rfc3339;

/// The media type of addresses.
const URI_LIST: &str = "text/uri-list";

/// An answer, taken apart.
struct Saved {
    /// What was asked, as far as it is known.
    url: Option<DidUrl>,
    question: Question,
    proof: StateProof,
    content: Value,
    content_type: Option<String>,
    /// As the result of resolving the DID, without its proof.
    result: Value,
}

/// Checks a result of dereferencing. `asked` is the DID URL, where the verifier knows it.
pub(super) fn check(
    report: &mut Report,
    answer: Value,
    asked: Option<&str>,
    verifier: &Verifier<'_>,
) -> Result<Vec<Proven>, Ended> {
    let Saved {
        url,
        question,
        proof,
        content,
        content_type,
        result,
    } = report.step("dereferencing result", take_apart(answer, asked))?;
    report.subject = Some(Summary {
        kind: "resolution",
        did: question.did.to_string(),
        sub_chain: question.did.chain_code().map(|code| code.to_string()),
        ..Summary::default()
    });
    let main = proof.main_header(report, verifier)?;
    let recorded = report.step(
        "records",
        recorded(&question, &proof, &result, &main, verifier.now_ms),
    )?;
    report.revocation_as_of = Some(rfc3339(recorded.header.time_ms));
    let shown = Shown {
        url,
        question,
        content,
        content_type,
        result,
    };
    report.step("answer", shown.agrees(&recorded))?;
    let as_of_ms = recorded.header.time_ms.min(main.time_ms);
    if recorded.found.next.is_none() {
        report.step("freshness", verifier.fresh(as_of_ms))?;
    }
    let current = verifier.fresh(as_of_ms).is_ok();
    Ok(vec![Proven {
        current,
        ..recorded.proven
    }])
}

fn take_apart(mut answer: Value, asked: Option<&str>) -> Result<(Saved, String), Stop> {
    let malformed = |why: String| stop(Reason::ProofMalformed, why);
    has_only_its_members(&answer)?;
    let content = answer["content"].take();
    let mut about = answer["dereferencingMetadata"].take();
    let mut metadata = answer["contentMetadata"].take();
    let proofs = [&mut metadata, &mut about]
        .into_iter()
        .filter_map(Value::as_object_mut)
        .find_map(|members| members.remove("proof"))
        .ok_or_else(unproved)?;
    let proof = StateProof::of_set(proofs)?;
    let told = about["didUrl"].as_str().map(str::to_owned);
    // A part of what is no record of its own, a sub-chain as a whole, is named by its id alone.
    let named = asked.map(str::to_owned).or(told.clone()).or_else(|| {
        let id = content["id"].as_str()?;
        Some(id.to_owned())
    });
    let named = named.ok_or_else(|| question_unknown("it does not name what was asked"))?;
    let url = DidUrl::parse(&named).map_err(|error| malformed(error.to_string()))?;
    let question = question(&url)
        .ok_or_else(|| malformed(format!("{named} names no version of a DID of this system")))?;
    // It names the whole DID URL, or what was resolved on the way.
    if let Some(told) = &told
        && *told != question.to_url()
        && DidUrl::parse(told).as_ref() != Ok(&url)
    {
        let detail = format!("it answers {told}, not {named}");
        return Err(stop(Reason::AnswerMismatch, detail));
    }
    let content_type = about["contentType"].as_str().map(str::to_owned);
    let is_document = content_type
        .as_deref()
        .is_some_and(|kind| Representation::of_media_type(kind).is_some());
    let mut resolution = json!({ "didUrl": question.to_url() });
    if let Some(kind) = content_type.as_ref().filter(|_| is_document) {
        resolution["contentType"] = kind.as_str().into();
    }
    if let Some(error) = about.get("error") {
        resolution["error"] = error.clone();
    }
    let result = json!({
        "didDocument": content,
        "didResolutionMetadata": resolution,
        "didDocumentMetadata": metadata,
    });
    let detail = format!("about {named}");
    let url = (asked.is_some() || url != DidUrl::parse(&question.to_url()).unwrap_or(url.clone()))
        .then_some(url);
    Ok((
        Saved {
            url,
            question,
            proof,
            content,
            content_type,
            result,
        },
        detail,
    ))
}

/// An answer says what is checked, and nothing else.
pub(super) fn has_only_its_members(answer: &Value) -> Result<(), Stop> {
    let has_only = |holder: &Value, known: &[&str]| {
        let members = holder.as_object();
        members.is_some_and(|members| members.keys().all(|name| known.contains(&name.as_str())))
    };
    let whole = ["content", "dereferencingMetadata", "contentMetadata"];
    let about = ["contentType", "didUrl", "error", "proof"];
    match has_only(answer, &whole) && has_only(&answer["dereferencingMetadata"], &about) {
        true => Ok(()),
        false => Err(stop(
            Reason::ProofMalformed,
            "it has members that no result of dereferencing has",
        )),
    }
}

/// Which version of which DID a DID URL is about.
fn question(url: &DidUrl) -> Option<Question> {
    let parameters = url.parameters();
    let time = parameters.version_time.as_ref();
    let at = At::parse(
        parameters.version_id.as_deref(),
        time.map(|time| time.text.as_str()),
    );
    Some(Question {
        did: Did::parse(url.did()).ok()?,
        at: at.ok()?,
    })
}

fn question_unknown(why: &str) -> Stop {
    stop(
        Reason::QuestionUnknown,
        format!("{why}: name the DID URL that was asked, by --did-url"),
    )
}

/// What an answer shows.
struct Shown {
    url: Option<DidUrl>,
    question: Question,
    content: Value,
    content_type: Option<String>,
    result: Value,
}

impl Shown {
    /// The metadata is that of the records, and the content what they have at the DID URL.
    fn agrees(&self, recorded: &Recorded) -> Result<((), String), Stop> {
        let whole = recorded.answer.as_ref();
        if whole == Some(&self.result) && (self.url.is_none() || self.content.is_null()) {
            return equal(whole, &self.result);
        }
        let expected = whole.map(|whole| &whole["didDocumentMetadata"]);
        if expected != Some(&self.result["didDocumentMetadata"])
            || self.result["didResolutionMetadata"].get("error").is_some()
        {
            return equal(None, &self.result);
        }
        let record = recorded.found.record.as_ref();
        let document = record.and_then(|record| record.document.clone());
        let Some(document) = document else {
            return self.part_of(&whole.map_or(Value::Null, |whole| whole["didDocument"].clone()));
        };
        let document = Document::try_from(document)
            .map_err(|error| stop(Reason::RecordMalformed, error.to_string()))?;
        let url = match &self.url {
            Some(url) => url.clone(),
            None => self.guess(&document)?,
        };
        let content = dereference(&document, &url, self.accept()?, None)
            .map_err(|error| stop(Reason::AnswerMismatch, error.to_string()))?;
        let content = match content {
            Dereferenced::Document(content) | Dereferenced::Entry(content) => content,
            Dereferenced::Urls(urls) => json!(urls),
            Dereferenced::Resource(_) => {
                let why = "it is asked for a resource, and shows none";
                return Err(stop(Reason::AnswerMismatch, why));
            }
        };
        equal(Some(&content), &self.content)
    }

    fn accept(&self) -> Result<Accept, Stop> {
        match self.content_type.as_deref() {
            Some(URI_LIST) => Some(Accept::UriList),
            Some(kind) => Representation::of_media_type(kind).map(Accept::Document),
            None => None,
        }
        .ok_or_else(|| stop(Reason::ProofMalformed, "its contentType is not known here"))
    }

    /// The DID URL that would have this answer, by what the answer shows: a part by its id, a document by its services.
    fn guess(&self, document: &Document) -> Result<DidUrl, Stop> {
        let unknown = || question_unknown("it does not say which part or service was asked for");
        let did = self.question.did.to_string();
        let id = self.content["id"].as_str().ok_or_else(unknown)?;
        if id != did {
            return DidUrl::parse(id).map_err(|_| unknown());
        }
        let services = self.content["service"].as_array().ok_or_else(unknown)?;
        let text = |member: &str| {
            let service = services.first()?;
            Some(service[member].as_str()?.to_owned())
        };
        let (Some(first), Some(kind)) = (text("id"), text("type")) else {
            return Err(unknown());
        };
        let of_kind = document.services().iter().filter(|one| one.kind == kind);
        let query = match first.rsplit_once('#') {
            Some((_, fragment)) if services.len() == 1 => format!("service={fragment}"),
            Some(_) if of_kind.count() == services.len() => format!("serviceType={kind}"),
            Some(_) | None => return Err(unknown()),
        };
        DidUrl::parse(&format!("{did}?{query}")).map_err(|_| unknown())
    }

    /// A part of a document that follows from a sub-chain's record.
    fn part_of(&self, document: &Value) -> Result<((), String), Stop> {
        let parts = document["service"].as_array();
        let is_it = |part: &&Value| part["id"] == self.content["id"];
        let fragment = self.url.as_ref().and_then(DidUrl::fragment);
        let found = parts.and_then(|parts| parts.iter().find(is_it));
        let asked = fragment.is_some_and(|fragment| {
            self.content["id"] == format!("{}#{fragment}", self.question.did)
        });
        let told = self.content_type.as_deref();
        let known = told.is_some_and(|kind| Representation::of_media_type(kind).is_some());
        equal(found.filter(|_| asked && known), &self.content)
    }
}
