//! Which views a run has, and what the terminal can do.

use super::args::Format;
use crate::event::{Bus, Record, View};
use crate::journal::{Journal, directory};
use crate::report::{HumanSettings, HumanView, JsonView, NdjsonView, Printer, ansible};
use crate::secrets::Secrets;
use anyhow::Context;
use std::path::PathBuf;
use std::sync::Arc;

/// How a run is shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The form.
    pub format: Format,
    /// Of one task on many hosts: `ansible`'s form instead of `ansible-playbook`'s.
    pub ad_hoc: bool,
    /// `ansible -o`.
    pub one_line: bool,
    /// `ansible -t`.
    pub tree: Option<PathBuf>,
    /// What settings say.
    pub ansible: ansible::Settings,
}

impl Shown {
    /// In this form, with what the terminal and the environment say.
    pub fn new(format: Format, verbosity: u8, diff_context: usize) -> Shown {
        let ansible = ansible::Settings {
            verbosity,
            colour: colour(),
            width: width(),
            diff_context,
            root: std::env::current_dir().unwrap_or_default(),
            ..ansible::Settings::default()
        };
        Shown { format, ad_hoc: false, one_line: false, tree: None, ansible }
    }

    /// Starts the views and the journal of a run.
    pub fn start(&self, run: &str, secrets: Arc<Secrets>) -> anyhow::Result<Arc<Bus>> {
        let out = || Printer::new(std::io::stdout());
        let err = || Printer::new(std::io::stderr());
        let settings = self.ansible.clone();
        let view: Box<dyn View> = match self.format {
            Format::Human => Box::new(HumanView::new(self.human(), out())),
            Format::Ansible if self.ad_hoc => Box::new(ansible::AdHocView::new(settings, self.one_line, out(), err())),
            Format::Ansible => Box::new(ansible::PlaybookView::new(settings, out(), err())),
            Format::Json => Box::new(JsonView::new(out(), err())),
            Format::Ndjson => Box::new(NdjsonView::new(out())),
        };
        let mut views = vec![view];
        if let Some(directory) = &self.tree {
            views.push(Box::new(ansible::TreeView::new(directory.clone(), err())));
        }
        let bus = Bus::start(secrets, journal(run), views).context("can't start the output")?;
        Ok(Arc::new(bus))
    }

    fn human(&self) -> HumanSettings {
        let is_terminal = console::Term::stdout().is_term() && console::Term::stderr().is_term();
        HumanSettings {
            verbosity: self.ansible.verbosity,
            colour: console::colors_enabled(),
            diff_context: self.ansible.diff_context,
            live: is_terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
        }
    }
}

/// The run's journal. Without one the run goes on; the user is told.
fn journal(run: &str) -> Option<Box<dyn Record>> {
    let opened = directory(std::env::var_os("XDG_STATE_HOME"), std::env::var_os("HOME"))
        .ok_or_else(|| "neither XDG_STATE_HOME nor HOME says where to".to_owned())
        .and_then(|directory| {
            Journal::create(&directory, run).map_err(|error| format!("in {}: {error}", directory.display()))
        });
    match opened {
        Ok(journal) => Some(Box::new(journal)),
        Err(why) => {
            eprintln!("warning: no journal of this run is kept: {why}");
            None
        }
    }
}

/// Whether Ansible-format output has colours: as ansible decides it.
fn colour() -> bool {
    let flag = |name| std::env::var(name).is_ok_and(|text| refit_agent::args::boolean(&text) == Some(true));
    if flag("ANSIBLE_FORCE_COLOR") {
        return true;
    }
    let off = flag("ANSIBLE_NOCOLOR") || std::env::var_os("NO_COLOR").is_some_and(|text| !text.is_empty());
    !off && console::Term::stdout().features().colors_supported()
}

/// How wide Ansible's banners are: the terminal, but 79 columns at least.
fn width() -> usize {
    let terminal = console::Term::stdout();
    if terminal.is_term() { usize::from(terminal.size().1).saturating_sub(1).max(79) } else { 79 }
}
