//! What stories say of issuers: `issuer grant|revoke|show NAME`, `schema register|retire|show NAME`, `status create|update|show NAME`.
//!
//! A moment is a number of seconds after genesis, `30s`; a block takes one.

use starfire_did::{Did, issuer, schema, status_list};

use super::*;

/// When the test chain began: 2026-01-01, Unix milliseconds.
const GENESIS_MS: i64 = 1_767_225_600_000;

/// `30s`: 30 seconds after genesis. Nothing: 0.
pub(super) fn moment(text: Option<&str>) -> Result<i64, Box<dyn Error>> {
    let Some(text) = text else { return Ok(0) };
    Ok(match text.strip_suffix('s') {
        Some(seconds) => GENESIS_MS + 1_000 * seconds.parse::<i64>()?,
        None => text.parse()?,
    })
}

impl Story {
    pub(super) fn issuer(&mut self, words: &Words<'_>) -> Answer {
        match words.words.as_slice() {
            ["issuer", "show", name] => self.show_issuer(name, words),
            ["issuer", verb, name] => {
                let operation = self.accreditation(verb, name, words)?;
                self.send("ministry", words, operation)
            }
            ["schema", "show", author, name] => self.show_schema(author, name, words),
            ["schema", verb, author, name] => {
                let operation = schema_operation(verb, name, words)?;
                self.send(author, words, operation)
            }
            ["status", "show", author, name] => self.show_status(author, name, words),
            ["status", verb, author, name] => {
                let operation = status_operation(verb, name, words)?;
                self.send(author, words, operation)
            }
            other => Err(format!("unknown command: {other:?}").into()),
        }
    }

    fn accreditation(
        &mut self,
        verb: &str,
        name: &str,
        words: &Words<'_>,
    ) -> Result<Operation, Box<dyn Error>> {
        let issuer = self.names.address(name);
        let (kind, jurisdiction) = (words.text("type"), words.text("jurisdiction"));
        Ok(match verb {
            "grant" => {
                let grant = v1::AccreditationGrant {
                    issuer,
                    r#type: kind,
                    jurisdiction,
                    valid_from_ms: moment(words.get("from"))?,
                    valid_until_ms: moment(words.get("until"))?,
                    delegation_depth: words.number("depth")?,
                    only_accredits: words.get("only").is_some(),
                };
                native(Type::AccreditationGrant, Native::AccreditationGrant(grant))
            }
            "revoke" => {
                let revoke = v1::AccreditationRevoke {
                    issuer,
                    r#type: kind,
                    jurisdiction,
                    reason: words.text("reason"),
                };
                native(
                    Type::AccreditationRevoke,
                    Native::AccreditationRevoke(revoke),
                )
            }
            _ => return Err(format!("unknown verb: issuer {verb}").into()),
        })
    }

    /// Who vouches for an issuer, and whether it may issue: at `at=`, or now.
    fn show_issuer(&mut self, name: &str, words: &Words<'_>) -> Answer {
        let did: Did = self.names.address(name).parse()?;
        let (kind, jurisdiction) = (words.text("type"), words.text("jurisdiction"));
        let state = self.world.state();
        let levels = issuer::nearest(state.as_ref(), &did, &kind, &jurisdiction);
        let now_ms = GENESIS_MS + 1_000 * i64::try_from(self.world.height())?;
        let at_ms = match words.get("at") {
            None => now_ms,
            at => moment(at)?,
        };
        let asked = issuer::Asked {
            issuer: &did,
            kind: &kind,
            jurisdiction: &jurisdiction,
        };
        Ok(match issuer::judge(&levels, asked, at_ms) {
            Ok(()) => format!("may issue: {}\n", issuer::describe(&levels)),
            Err(no) => format!("may not, level {}: {no}\n", no.level),
        })
    }

    fn show_schema(&mut self, author: &str, name: &str, words: &Words<'_>) -> Answer {
        let author: Did = self.names.address(author).parse()?;
        let version = words.get("version").map(str::parse).transpose()?;
        let state = self.world.state();
        let Some(found) = schema::find(state.as_ref(), &author, name, version) else {
            return Ok("no such schema\n".to_owned());
        };
        Ok(format!(
            "version={} checksum={} retired={} {}\n",
            found.version,
            hex::encode(&found.checksum[..4]),
            found.retired_ms != 0,
            String::from_utf8(found.content)?
        ))
    }

    fn show_status(&mut self, issuer: &str, name: &str, words: &Words<'_>) -> Answer {
        let issuer: Did = self.names.address(issuer).parse()?;
        let state = self.world.state();
        let Some(list) = status_list::list(state.as_ref(), &issuer, name) else {
            return Ok("no such list\n".to_owned());
        };
        let bits = words
            .get("bits")
            .into_iter()
            .flat_map(|text| text.split(','));
        let mut answer = format!(
            "{} version={} root={}",
            list.purpose,
            list.version,
            hex::encode(&list.root[..4])
        );
        for index in bits {
            let bit = status_list::bit(state.as_ref(), &issuer, name, index.parse()?);
            let shown = match bit {
                Some(true) => "1",
                Some(false) => "0",
                None => "none",
            };
            write!(answer, " {index}:{shown}")?;
        }
        Ok(answer + "\n")
    }
}

fn schema_operation(
    verb: &str,
    name: &str,
    words: &Words<'_>,
) -> Result<Operation, Box<dyn Error>> {
    let name = name.to_owned();
    Ok(match verb {
        "register" => {
            let register = v1::SchemaRegister {
                name,
                expected_version: words.number("version")?,
                content: words.text("content").into_bytes(),
            };
            native(Type::SchemaRegister, Native::SchemaRegister(register))
        }
        "retire" => {
            let retire = v1::SchemaRetire {
                name,
                version: words.number("version")?,
            };
            native(Type::SchemaRetire, Native::SchemaRetire(retire))
        }
        _ => return Err(format!("unknown verb: schema {verb}").into()),
    })
}

fn status_operation(
    verb: &str,
    name: &str,
    words: &Words<'_>,
) -> Result<Operation, Box<dyn Error>> {
    let name = name.to_owned();
    let indexes = |key: &str| -> Result<Vec<u64>, Box<dyn Error>> {
        let texts = words.get(key).into_iter().flat_map(|text| text.split(','));
        Ok(texts.map(str::parse).collect::<Result<_, _>>()?)
    };
    Ok(match verb {
        "create" => {
            let create = v1::StatusListCreate {
                name,
                purpose: words.text("purpose"),
                length: words.number("length")?,
                ttl: words.number("ttl")?,
            };
            native(Type::StatusListCreate, Native::StatusListCreate(create))
        }
        "update" => {
            let update = v1::StatusListUpdate {
                name,
                expected_version: words.number("version")?,
                set: indexes("set")?,
                clear: indexes("clear")?,
            };
            native(Type::StatusListUpdate, Native::StatusListUpdate(update))
        }
        _ => return Err(format!("unknown verb: status {verb}").into()),
    })
}
