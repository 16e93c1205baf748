//! Facts kept from run to run (`fact_caching: jsonfile`): a file a host, replaced as a whole.

use super::host::Host;
use super::run::Run;
use crate::config::FactCache;
use serde_json::{Map, Value as Json};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

impl Run {
    fn cache_file(&self, host: &str) -> Option<PathBuf> {
        if self.settings.fact_caching.value != FactCache::JsonFile {
            return None;
        }
        let dir = self.settings.fact_caching_connection.value.as_ref()?;
        // A host's name is no path.
        let name = host.replace('/', "_");
        Some(dir.join(format!("{}{name}", self.settings.fact_caching_prefix.value)))
    }

    /// A host with the facts that the cache has of it, unless they are too old.
    pub fn with_cached_facts(&self, name: &str) -> Arc<Host> {
        let host = Host::new(name);
        if !self.options.fleet.flush_cache
            && let Some(path) = self.cache_file(name)
            && let Some(facts) = self.read_cache(&path)
        {
            host.state().vars.facts.add(&facts);
        }
        Arc::new(host)
    }

    fn read_cache(&self, path: &std::path::Path) -> Option<Map<String, Json>> {
        let written = std::fs::metadata(path).ok()?.modified().ok()?;
        let limit = self.settings.fact_caching_timeout.value;
        if !limit.is_zero() && written.elapsed().is_ok_and(|age| age > limit) {
            return None;
        }
        // A cache that can't be read is none: the facts are gathered again.
        serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
    }

    /// Keeps a host's facts.
    pub fn cache_facts(&self, host: &Host) {
        let Some(path) = self.cache_file(&host.name) else { return };
        let facts: Map<String, Json> = {
            let state = host.state();
            state.vars.facts.known().iter().map(|(name, value)| (format!("ansible_{name}"), value.clone())).collect()
        };
        let dir = path.parent().unwrap_or(std::path::Path::new("."));
        let written = std::fs::create_dir_all(dir).and_then(|()| {
            let mut beside = tempfile::NamedTempFile::new_in(dir)?;
            serde_json::to_writer(&mut beside, &facts)?;
            beside.flush()?;
            beside.persist(&path).map_err(|error| error.error)
        });
        if let Err(error) = written {
            self.warn(&format!("the facts of {} are not cached in {}: {error}", host.name, path.display()));
        }
    }

    /// Forgets a host's cached facts.
    pub fn forget_facts(&self, host: &Host) {
        let Some(path) = self.cache_file(&host.name) else { return };
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                self.warn(&format!("cannot remove the cached facts {}: {error}", path.display()));
            }
            _ => {}
        }
    }
}
