//! Which views a run has, and what the terminal can do.

use super::args::Format;
use crate::config::Settings;
use crate::event::{Bus, Record, View};
use crate::journal::{Journal, directory};
use crate::report::{HumanSettings, HumanView, JsonView, LogWriter, NdjsonView, Printer, ansible};
use crate::secrets::Secrets;
use anyhow::Context;
use std::path::PathBuf;
use std::sync::Arc;

/// How a run is shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The form.
    pub format: Format,
    /// Whether the program was called by one of Ansible's names.
    pub as_ansible: bool,
    /// Of one task on many hosts: `ansible`'s form instead of `ansible-playbook`'s.
    pub ad_hoc: bool,
    /// `ansible -o`.
    pub one_line: bool,
    /// `ansible -t`.
    pub tree: Option<PathBuf>,
    /// For people, but only what runs is drawn: what comes of it is shown afterwards.
    pub silent: bool,
    /// A log that gets the text in Ansible's form, too (`log_path`), and how many `-v` it is written with.
    pub log: Option<(PathBuf, u8)>,
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
        Shown {
            format,
            as_ansible: false,
            ad_hoc: false,
            one_line: false,
            tree: None,
            silent: false,
            log: None,
            ansible,
        }
    }

    /// With what `ansible.cfg` and `ANSIBLE_*` say: of colours and what is shown in any case, of the form where the program was
    /// called by one of Ansible's names.
    pub fn configured(mut self, settings: &Settings) -> Shown {
        let own = &mut self.ansible;
        own.verbosity = own.verbosity.max(u8::try_from(settings.verbosity.value).unwrap_or(u8::MAX));
        let log_verbosity = u8::try_from(settings.log_verbosity.value).unwrap_or(u8::MAX).max(own.verbosity);
        self.log = settings.log_path.value.clone().map(|path| (path, log_verbosity));
        own.show_ok = settings.display_ok_hosts.value;
        own.show_skipped = settings.display_skipped_hosts.value;
        own.show_custom_stats = settings.show_custom_stats.value;
        own.colour = settings.force_color.value || own.colour && !settings.nocolor.value;
        if self.as_ansible {
            own.diff_context = usize::try_from(settings.diff_context.value).unwrap_or(own.diff_context);
            let callback = settings.stdout_callback.value.as_str();
            match callback.rsplit('.').next().unwrap_or(callback) {
                "json" => self.format = Format::Json,
                "minimal" => self.ad_hoc = true,
                "oneline" => (self.ad_hoc, self.one_line) = (true, true),
                _ => {}
            }
        }
        self
    }

    /// Starts the views, these too, and the journal of a run.
    pub fn start(&self, run: &str, secrets: Arc<Secrets>, more: Vec<Box<dyn View>>) -> anyhow::Result<Arc<Bus>> {
        let out = || Printer::new(std::io::stdout());
        let err = || Printer::new(std::io::stderr());
        let settings = self.ansible.clone();
        let view: Box<dyn View> = match self.format {
            Format::Human | Format::Json if self.silent => {
                Box::new(HumanView::new(self.human(), Printer::new(std::io::sink())))
            }
            Format::Human => Box::new(HumanView::new(self.human(), out())),
            Format::Ansible if self.ad_hoc => Box::new(ansible::AdHocView::new(settings, self.one_line, out(), err())),
            Format::Ansible => Box::new(ansible::PlaybookView::new(settings, secrets.clone(), out(), err())),
            Format::Json => Box::new(JsonView::new(out(), err())),
            Format::Ndjson => Box::new(NdjsonView::new(out())),
        };
        let mut views = vec![view];
        if let Some(directory) = &self.tree {
            views.push(Box::new(ansible::TreeView::new(directory.clone(), err())));
        }
        if let Some((path, verbosity)) = &self.log {
            let user = std::env::var("USER").unwrap_or_else(|_| rustix::process::getuid().as_raw().to_string());
            let log = || LogWriter::open(path, &user).map(Printer::new);
            let log = || log().with_context(|| format!("can't write the log {} (`log_path`)", path.display()));
            let settings = ansible::Settings { colour: false, verbosity: *verbosity, ..self.ansible.clone() };
            views.push(match self.ad_hoc {
                true => Box::new(ansible::AdHocView::new(settings, self.one_line, log()?, log()?)),
                false => Box::new(ansible::PlaybookView::new(settings, secrets.clone(), log()?, log()?)),
            });
        }
        views.extend(more);
        let bus = Bus::start(secrets, journal(run), views).context("can't start the output")?;
        Ok(Arc::new(bus))
    }

    fn human(&self) -> HumanSettings {
        let is_terminal = console::Term::stdout().is_term() && console::Term::stderr().is_term();
        HumanSettings {
            // Of a single task one wants to see what it printed.
            verbosity: self.ansible.verbosity.max(u8::from(self.ad_hoc)),
            colour: console::colors_enabled(),
            diff_context: self.ansible.diff_context,
            one_task: self.ad_hoc,
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

/// Whether Ansible-format output has colours, unless settings say otherwise: as ansible decides it.
fn colour() -> bool {
    let off = std::env::var_os("NO_COLOR").is_some_and(|text| !text.is_empty());
    !off && console::Term::stdout().features().colors_supported()
}

/// How wide Ansible's banners are: the terminal, but 79 columns at least.
fn width() -> usize {
    let terminal = console::Term::stdout();
    if terminal.is_term() { usize::from(terminal.size().1).saturating_sub(1).max(79) } else { 79 }
}
