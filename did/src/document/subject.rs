//! What BIF's documents say of their subject (RFC-005, `extension`): what it is, its attributes, its credentials.

use crate::id::{ChainCode, Did};

/// What a DID's subject is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubjectType {
    /// 101
    Person,
    /// 102
    Enterprise,
    /// 103
    Node,
    /// 104
    SmartDevice,
    /// 105
    SmartContract,
    /// 201
    Image,
    /// 202
    Video,
    /// 203
    Document,
    /// 204
    ResourceData,
    /// 205
    Credential,
    /// 206: a chain code, which BIF calls an AC number
    ChainCode,
    /// 999 in BIF's documents, 0 in a record.
    #[default]
    Other,
}

impl SubjectType {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Person,
        Self::Enterprise,
        Self::Node,
        Self::SmartDevice,
        Self::SmartContract,
        Self::Image,
        Self::Video,
        Self::Document,
        Self::ResourceData,
        Self::Credential,
        Self::ChainCode,
        Self::Other,
    ];

    /// BIF's number.
    pub fn number(self) -> u32 {
        match self {
            Self::Person => 101,
            Self::Enterprise => 102,
            Self::Node => 103,
            Self::SmartDevice => 104,
            Self::SmartContract => 105,
            Self::Image => 201,
            Self::Video => 202,
            Self::Document => 203,
            Self::ResourceData => 204,
            Self::Credential => 205,
            Self::ChainCode => 206,
            Self::Other => 999,
        }
    }

    /// The type that a record's number means. 999 is none: 0 says the same.
    pub(in crate::document) fn of_record(number: u32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.record_number() == number)
    }

    pub(in crate::document) fn record_number(self) -> u32 {
        if self == Self::Other {
            0
        } else {
            self.number()
        }
    }
}

/// A fact that the subject publishes of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name, once a document.
    pub key: String,
    /// What it means.
    pub description: String,
    /// Whether the value is cipher text.
    pub encrypted: bool,
    /// How the value is to be read, where it is said.
    pub format: Option<AttributeFormat>,
    /// The value.
    pub value: String,
}

/// How an attribute's value is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeFormat {
    /// `text`
    Text,
    /// `image`
    Image,
    /// `video`
    Video,
    /// `mixture`
    Mixture,
}

impl AttributeFormat {
    /// The format of this name.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "text" => Some(Self::Text),
            "image" => Some(Self::Image),
            "video" => Some(Self::Video),
            "mixture" => Some(Self::Mixture),
            _ => None,
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Video => "video",
            Self::Mixture => "mixture",
        }
    }
}

/// A credential about the subject that anyone may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicCredential {
    /// The credential's own DID.
    pub id: Did,
    /// Its kind.
    pub kind: CredentialKind,
}

/// BIF's kinds of public credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// 201
    Trusted,
    /// 202
    Education,
    /// 203
    Qualification,
    /// 204
    Authorization,
}

impl CredentialKind {
    /// BIF's number.
    pub fn number(self) -> u32 {
        match self {
            Self::Trusted => 201,
            Self::Education => 202,
            Self::Qualification => 203,
            Self::Authorization => 204,
        }
    }

    pub(in crate::document) fn of_number(number: u32) -> Option<Self> {
        match number {
            201 => Some(Self::Trusted),
            202 => Some(Self::Education),
            203 => Some(Self::Qualification),
            204 => Some(Self::Authorization),
            _ => None,
        }
    }
}

/// A third party's signature over the keys. Kept, not checked: a state proof says more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegateSign {
    /// A DID URL of a key.
    pub signer: String,
    /// As the client wrote it.
    pub signature_value: String,
}

/// What the subject says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// What it is.
    pub kind: SubjectType,
    /// Facts.
    pub attributes: Vec<Attribute>,
    /// Sub-chains on which the same account has a document too.
    pub chains: Vec<ChainCode>,
    /// Credentials that anyone may read.
    pub credentials: Vec<PublicCredential>,
    /// A third party's signature over the keys.
    pub delegate_sign: Option<DelegateSign>,
}
