//! A plan in a file: what it was made of, the plan, and a signature of both.
//!
//! The file is one line of JSON, and after it the signature, if there is one. It holds no secret: texts are masked, and what
//! is compared is compared by hash.

use super::model::Plan;
use super::signature::{Signature, Signer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// What a plan was made of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Inputs {
    /// The words of the command line: playbooks, inventory, limit, tags, extra vars and all; secrets masked.
    pub arguments: Vec<String>,
    /// The directory that it was made in.
    pub directory: String,
    /// The files that playbooks, roles, variables and inventories were read from: SHA-256, lower-case hex.
    pub sources: BTreeMap<String, String>,
    /// The agents' programs: machine type and SHA-256.
    pub agents: BTreeMap<String, String>,
}

/// A plan that was saved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedPlan {
    /// What it was made of.
    pub inputs: Inputs,
    /// The plan.
    pub plan: Plan,
}

/// Why a plan's file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SavedPlanError {
    /// It can't be read or written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It is no plan, or one of another version.
    #[error("this is no plan that can be read: {0}")]
    Form(#[from] serde_json::Error),
    /// It refers to what it has not got.
    #[error("{0}")]
    Damaged(String),
    /// It is not signed, or by no one who may.
    #[error("{0}")]
    Signature(String),
}

impl SavedPlan {
    /// Writes it, signed where a signer is given. A file that is there is replaced at once.
    pub fn write(&self, path: &Path, signer: Option<&Signer>) -> Result<(), SavedPlanError> {
        let mut text = serde_json::to_vec(self)?;
        text.push(b'\n');
        let signature = signer.map(|signer| signer.sign(&text)).transpose().map_err(SavedPlanError::Signature)?;
        if let Some(signature) = signature {
            text.extend(signature.text().as_bytes());
        }
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut beside = tempfile::NamedTempFile::new_in(directory)?;
        beside.write_all(&text)?;
        // It holds what hosts hold: for its owner, until he shows it to someone.
        beside.as_file().set_permissions(std::fs::Permissions::from_mode(0o600))?;
        beside.as_file().sync_all()?;
        beside.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    /// Reads one. With `allowed` (a file of allowed signers, or the key of an HMAC) it must be signed, by one of them: who.
    pub fn read(path: &Path, allowed: Option<&Path>) -> Result<(SavedPlan, Option<String>), SavedPlanError> {
        let bytes = std::fs::read(path)?;
        let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
        let (document, signature) = bytes.split_at(end);
        let who = match allowed {
            None => None,
            Some(allowed) => {
                let signature = Signature::parse(signature).map_err(SavedPlanError::Signature)?;
                Some(signature.verify(document, allowed).map_err(SavedPlanError::Signature)?)
            }
        };
        let saved: SavedPlan = serde_json::from_slice(document)?;
        saved.plan.check().map_err(SavedPlanError::Damaged)?;
        Ok((saved, who))
    }
}
