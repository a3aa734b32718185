//! What to do about a node's refusal, for whoever sends commands. docs/codes.md says it of every code.

/// The next step after a refusal by this code; empty: the sentence beside the code says all there is.
pub(super) fn of(code: &str) -> &'static str {
    match code {
        "BAD_SEQUENCE" | "NONCE_TAKEN" => {
            "another transaction of this account came first: send it again"
        }
        "INVALID_SIGNATURE" => {
            "sign with the account's present keys; who signs beside is named by --with"
        }
        "QUOTA" => "try again in a moment, or let a member sign too (--with)",
        "DID_NOT_DERIVED" => {
            "let the DID's own key sign: by `starfire did consent`, or beside the sender by --with"
        }
        "DID_CONSENT_INVALID" => "make the consent anew by `starfire did consent`",
        "DID_CREATION_RESTRICTED" => "let a member sign too (--with)",
        "DID_EXISTS" => "`starfire did show` prints it",
        "DID_NOT_FOUND" => "check the identifier; `starfire did create` registers one",
        "DID_DEACTIVATED" => "that is final; create another DID",
        "DID_NOT_CONTROLLER" => "use a controller's key: `starfire did show` lists them",
        "DID_CONTROLLERS_TOO_FEW" => "let more controllers sign (--with)",
        "DID_VERSION_CONFLICT" | "SCHEMA_VERSION_CONFLICT" | "STATUS_LIST_VERSION_CONFLICT" => {
            "somebody changed it meanwhile: send it again"
        }
        "DID_NO_GUARDIANS" => {
            "nobody can recover it; name guardians by `starfire did update --guardian` while the keys are there"
        }
        "DID_NOT_GUARDIAN" => "use a guardian's key: `starfire did show` lists them",
        "DID_GUARDIANS_TOO_FEW" => "let more guardians sign (--with)",
        "DID_RECOVERY_PENDING" => "`starfire did veto` or `starfire did complete` it first",
        "DID_RECOVERY_NOT_FOUND" => "guardians may ask for one by `starfire did recover`",
        "DID_RECOVERY_TOO_EARLY" => "`starfire did show` says from when on it can be completed",
        "DID_VETO_TOO_LATE" => "anyone can complete it now by `starfire did complete`",
        "ONLY_ON_MAIN_CHAIN" => "name a node of the main chain by --node",
        "ACCREDITATION_NOT_FOUND" => "`starfire vc accreditation show` lists what there is",
        "ACCREDITATION_DEPTH" => "allow fewer further levels by --depth, or be given more",
        "ACCREDITATION_NOT_GIVER" => {
            "only who gave it, or a motion (`starfire member propose withdraw`), takes it back"
        }
        "ACCREDITATION_TERMS_FULL" => {
            "let another accreditor give it, or propose a motion (`starfire member propose accredit`)"
        }
        "ACCREDITATION_HELD" => "let its giver take it back first, or propose a motion",
        "SCHEMA_NOT_FOUND" => "`starfire vc schema register` adds one",
        "SCHEMA_RETIRED" => "nothing is left to do",
        "STATUS_LIST_NOT_FOUND" => "open it by `starfire vc status create`",
        "STATUS_LIST_INVALID" => {
            "what it says is wrong: `starfire vc status create --help` says what there may be"
        }
        "STATUS_LIST_OUT_OF_RANGE" => {
            "`starfire vc status show` prints its length; open a longer one under another name"
        }
        "STATUS_LIST_EXISTS" => "take another name",
        "STATUS_LIST_REVOCATION_FINAL" => "issue a new credential instead",
        "DID_OTHER_CHAIN" => "name a node of that chain by --node",
        _ => "",
    }
}
