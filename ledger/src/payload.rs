//! What a transaction can do: the one list of operations, and the one place that sends each to its domain.
//!
//! BIF's operations come first, ours after them. A new operation is a message in `proto`, a file in its domain, and one variant
//! here with its line in each of the two matches.

use std::slice;

use starfire_crosschain::anchor;
use starfire_did as did;
use starfire_proto::protocol;
use starfire_proto::protocol::operation::{Native, Type};
use starfire_registry as registry;
use starfire_state::{Env, Overlay, Rejection};

use crate::account::create::CreateAccount;
use crate::account::log::Log;
use crate::account::metadata::SetMetadata;
use crate::account::pay::PayCoin;
use crate::account::privilege::Privilege;
use crate::{code, membership, motion};

/// An operation, parsed.
#[derive(Debug, Clone)]
pub enum Payload {
    /// Opens an account.
    CreateAccount(CreateAccount),
    /// Writes a value that the account keeps.
    SetMetadata(SetMetadata),
    /// Changes keys and thresholds, by any of BIF's three operations for it.
    SetPrivilege(Privilege),
    /// Moves coins.
    PayCoin(PayCoin),
    /// Calls one of BIF's system contracts, which is a payment of nothing.
    ContractCall(did::contract::Call),
    /// Writes into the receipt.
    Log(Log),
    /// Registers a DID.
    DidCreate(did::create::Create),
    /// Registers many DIDs.
    DidCreateBatch(did::create_batch::CreateBatch),
    /// Replaces a DID's document.
    DidUpdate(did::update::Update),
    /// Replaces a DID's keys.
    DidRotate(did::rotate::Rotate),
    /// Withdraws a DID, for good.
    DidDeactivate(did::deactivate::Deactivate),
    /// Gives a DID new keys, or ends it, by its guardians.
    DidRecover(Box<did::recover::Recover>),
    /// Stops a recovery in its delay.
    DidVetoRecovery(did::recover::veto::Veto),
    /// Carries out a recovery after its delay.
    DidCompleteRecovery(did::recover::complete::Complete),
    /// Adds a version of a DID's resource.
    DidAddResource(did::add_resource::AddResource),
    /// Commits to a document.
    EvidenceAdd(registry::add::Add),
    /// Revokes evidence.
    EvidenceRevoke(registry::revoke::Revoke),
    /// Shows the main chain a sub-chain's header.
    AnchorSubmit(Box<anchor::Submit>),
    /// Proposes a motion to those who govern.
    MotionPropose(motion::Propose),
    /// Votes on a motion.
    MotionVote(motion::Vote),
    /// Accredits another for what the sender is accredited for.
    AccreditationGrant(did::issuer::Grant),
    /// Takes such an accreditation back.
    AccreditationRevoke(did::issuer::Revoke),
    /// Adds a version of a schema.
    SchemaRegister(did::schema::Register),
    /// Retires a version of a schema.
    SchemaRetire(did::schema::Retire),
    /// Opens a status list.
    StatusListCreate(did::status_list::Create),
    /// Sets and clears bits of a status list.
    StatusListUpdate(did::status_list::Update),
}

impl Payload {
    /// Parses an operation: its type says which one field it carries.
    pub fn parse(operation: protocol::Operation) -> Result<Self, Rejection> {
        let kind = Type::try_from(operation.r#type).map_err(|_| {
            Rejection::new(
                code::UNKNOWN_OPERATION,
                format!("there is no operation type {}", operation.r#type),
            )
        })?;
        if fields(&operation) != 1 {
            return Err(mismatch(kind));
        }
        if let Some(native) = operation.native {
            return match native_type(&native) == kind {
                true => Self::parse_native(native),
                false => Err(mismatch(kind)),
            };
        }
        Ok(match kind {
            Type::Unknown => {
                return Err(Rejection::new(
                    code::UNKNOWN_OPERATION,
                    "the operation has no type",
                ));
            }
            Type::CreateAccount => {
                Self::CreateAccount(present(operation.create_account, kind)?.try_into()?)
            }
            Type::SetMetadata => {
                Self::SetMetadata(present(operation.set_metadata, kind)?.try_into()?)
            }
            Type::SetSignerWeight => {
                Self::SetPrivilege(present(operation.set_signer_weight, kind)?.try_into()?)
            }
            Type::SetThreshold => {
                Self::SetPrivilege(present(operation.set_threshold, kind)?.try_into()?)
            }
            Type::PayCoin => Self::payment(present(operation.pay_coin, kind)?)?,
            Type::Log => Self::Log(present(operation.log, kind)?.try_into()?),
            Type::SetPrivilege => {
                Self::SetPrivilege(present(operation.set_privilege, kind)?.try_into()?)
            }
            Type::UpgradeContract => {
                return Err(Rejection::new(
                    code::CONTRACTS_NOT_SUPPORTED,
                    "this chain runs no contracts",
                ));
            }
            Type::SetControlledArea => {
                return Err(Rejection::new(
                    code::NOT_SUPPORTED,
                    "this chain has no controlled areas",
                ));
            }
            Type::DidCreate
            | Type::DidUpdate
            | Type::DidRotate
            | Type::DidDeactivate
            | Type::DidCreateBatch
            | Type::DidRecover
            | Type::DidVetoRecovery
            | Type::DidCompleteRecovery
            | Type::DidAddResource
            | Type::EvidenceAdd
            | Type::EvidenceRevoke
            | Type::AnchorSubmit
            | Type::MotionPropose
            | Type::MotionVote
            | Type::AccreditationGrant
            | Type::AccreditationRevoke
            | Type::SchemaRegister
            | Type::SchemaRetire
            | Type::StatusListCreate
            | Type::StatusListUpdate => return Err(mismatch(kind)),
        })
    }

    /// A payment, or a call of the system contract at its destination.
    fn payment(pay: protocol::OperationPayCoin) -> Result<Self, Rejection> {
        match did::contract::Contract::at(&pay.dest_address) {
            Some(contract) => {
                did::contract::Call::parse(contract, pay.amount, &pay.input).map(Self::ContractCall)
            }
            None => pay.try_into().map(Self::PayCoin),
        }
    }

    fn parse_native(native: Native) -> Result<Self, Rejection> {
        Ok(match native {
            Native::DidCreate(message) => Self::DidCreate(message.try_into()?),
            Native::DidCreateBatch(message) => Self::DidCreateBatch(message.try_into()?),
            Native::DidUpdate(message) => Self::DidUpdate(message.try_into()?),
            Native::DidRotate(message) => Self::DidRotate(message.try_into()?),
            Native::DidDeactivate(message) => Self::DidDeactivate(message.try_into()?),
            Native::DidRecover(message) => Self::DidRecover(Box::new(message.try_into()?)),
            Native::DidVetoRecovery(message) => Self::DidVetoRecovery(message.try_into()?),
            Native::DidCompleteRecovery(message) => Self::DidCompleteRecovery(message.try_into()?),
            Native::DidAddResource(message) => Self::DidAddResource(message.try_into()?),
            Native::EvidenceAdd(message) => Self::EvidenceAdd(message.try_into()?),
            Native::EvidenceRevoke(message) => Self::EvidenceRevoke(message.try_into()?),
            Native::AnchorSubmit(message) => Self::AnchorSubmit(Box::new(message.try_into()?)),
            Native::MotionPropose(message) => Self::MotionPropose(message.try_into()?),
            Native::MotionVote(message) => Self::MotionVote(message.into()),
            Native::AccreditationGrant(message) => Self::AccreditationGrant(message.try_into()?),
            Native::AccreditationRevoke(message) => Self::AccreditationRevoke(message.try_into()?),
            Native::SchemaRegister(message) => Self::SchemaRegister(message.try_into()?),
            Native::SchemaRetire(message) => Self::SchemaRetire(message.try_into()?),
            Native::StatusListCreate(message) => Self::StatusListCreate(message.try_into()?),
            Native::StatusListUpdate(message) => Self::StatusListUpdate(message.try_into()?),
        })
    }

    /// A form of earlier SDKs that it has, for people.
    pub(crate) fn legacy(&self) -> Option<&'static str> {
        if let Self::ContractCall(call) = self {
            return call.legacy();
        }
        None
    }

    /// The creations of DIDs in it, which may hang on consents.
    pub(crate) fn creations(&self) -> &[did::create::Create] {
        if let Self::DidCreate(create) = self {
            return slice::from_ref(create);
        }
        if let Self::DidCreateBatch(batch) = self {
            return batch.creations();
        }
        &[]
    }

    /// The same, to settle the consents.
    pub(crate) fn creations_mut(&mut self) -> &mut [did::create::Create] {
        if let Self::DidCreate(create) = self {
            return slice::from_mut(create);
        }
        if let Self::DidCreateBatch(batch) = self {
            return batch.creations_mut();
        }
        &mut []
    }

    /// Does it, as the account in `env.sender`. `signers` are the addresses whose keys signed the transaction, sorted.
    pub(crate) fn apply(
        self,
        state: &mut Overlay<'_>,
        env: &Env,
        signers: &[&str],
    ) -> Result<(), Rejection> {
        match self {
            Self::CreateAccount(operation) => operation.apply(state, env, signers),
            Self::SetMetadata(operation) => operation.apply(state, env),
            Self::SetPrivilege(operation) => operation.apply_to_sender(state, env),
            Self::PayCoin(operation) => operation.apply(state, env),
            Self::ContractCall(call) => {
                let governs = env
                    .member
                    .as_ref()
                    .is_some_and(|member| membership::governs(&env.chain, member));
                call.apply(state, env, signers, governs)
            }
            Self::Log(operation) => operation.apply(state, env),
            Self::DidCreate(operation) => operation.apply(state, env, signers),
            Self::DidCreateBatch(operation) => operation.apply(state, env, signers),
            Self::DidUpdate(operation) => operation.apply(state, env, signers),
            Self::DidRotate(operation) => operation.apply(state, env, signers),
            Self::DidDeactivate(operation) => operation.apply(state, env, signers),
            Self::DidRecover(operation) => operation.apply(state, env, signers),
            Self::DidVetoRecovery(operation) => operation.apply(state, env, signers),
            Self::DidCompleteRecovery(operation) => operation.apply(state, env),
            Self::DidAddResource(operation) => operation.apply(state, env, signers),
            Self::EvidenceAdd(operation) => {
                if operation.is_certificate() {
                    require_did(state, env)?;
                }
                operation.apply(state, env)
            }
            Self::EvidenceRevoke(operation) => operation.apply(state, env),
            Self::AnchorSubmit(operation) => operation.apply(state, env),
            Self::MotionPropose(operation) => operation.apply(state, env),
            Self::MotionVote(operation) => operation.apply(state, env),
            Self::AccreditationGrant(operation) => operation.apply(state, env),
            Self::AccreditationRevoke(operation) => operation.apply(state, env),
            Self::SchemaRegister(operation) => operation.apply(state, env),
            Self::SchemaRetire(operation) => operation.apply(state, env),
            Self::StatusListCreate(operation) => operation.apply(state, env),
            Self::StatusListUpdate(operation) => operation.apply(state, env),
        }
    }
}

/// A certificate is checked against its issuer's DID document, so the issuer has one. Asked here, since the registry of evidence
/// does not know of DIDs.
fn require_did(state: &Overlay<'_>, env: &Env) -> Result<(), Rejection> {
    let did = env.sender.parse().expect("a sender is a parsed address");
    match did::resolve::resolve(state, &did, None) {
        Some(record) if !record.deactivated => Ok(()),
        Some(_) | None => Err(Rejection::new(
            code::ISSUER_WITHOUT_DID,
            format!(
                "{} has no DID to issue certificates under: it must be registered, and not deactivated",
                env.sender
            ),
        )),
    }
}

/// The type that goes with a native operation's field: both have the same number.
pub fn native_type(native: &Native) -> Type {
    match native {
        Native::DidCreate(_) => Type::DidCreate,
        Native::DidUpdate(_) => Type::DidUpdate,
        Native::DidRotate(_) => Type::DidRotate,
        Native::DidDeactivate(_) => Type::DidDeactivate,
        Native::DidCreateBatch(_) => Type::DidCreateBatch,
        Native::DidRecover(_) => Type::DidRecover,
        Native::DidVetoRecovery(_) => Type::DidVetoRecovery,
        Native::DidCompleteRecovery(_) => Type::DidCompleteRecovery,
        Native::DidAddResource(_) => Type::DidAddResource,
        Native::EvidenceAdd(_) => Type::EvidenceAdd,
        Native::EvidenceRevoke(_) => Type::EvidenceRevoke,
        Native::AnchorSubmit(_) => Type::AnchorSubmit,
        Native::MotionPropose(_) => Type::MotionPropose,
        Native::MotionVote(_) => Type::MotionVote,
        Native::AccreditationGrant(_) => Type::AccreditationGrant,
        Native::AccreditationRevoke(_) => Type::AccreditationRevoke,
        Native::SchemaRegister(_) => Type::SchemaRegister,
        Native::SchemaRetire(_) => Type::SchemaRetire,
        Native::StatusListCreate(_) => Type::StatusListCreate,
        Native::StatusListUpdate(_) => Type::StatusListUpdate,
    }
}

/// How many payload fields an operation carries.
fn fields(operation: &protocol::Operation) -> usize {
    [
        operation.create_account.is_some(),
        operation.set_metadata.is_some(),
        operation.set_signer_weight.is_some(),
        operation.set_threshold.is_some(),
        operation.pay_coin.is_some(),
        operation.log.is_some(),
        operation.set_privilege.is_some(),
        operation.upgrade_contract.is_some(),
        operation.set_controlled_area.is_some(),
        operation.native.is_some(),
    ]
    .into_iter()
    .filter(|present| *present)
    .count()
}

fn present<T>(field: Option<T>, kind: Type) -> Result<T, Rejection> {
    field.ok_or_else(|| mismatch(kind))
}

fn mismatch(kind: Type) -> Rejection {
    Rejection::new(
        code::OPERATION_MISMATCH,
        format!(
            "an operation of type {} carries the field of that name, and no other",
            kind.as_str_name()
        ),
    )
}
