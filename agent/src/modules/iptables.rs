//! `iptables`: rules of the kernel's packet filter.

use super::iptables_rule::RuleArgs;
use super::lineinfile::State;
use super::{Call, Module, Rule};
use crate::args::Args as _;
use crate::host::{Command, Finished, Host, HostResult};
use crate::outcome::{Diff, ModuleResult, Outcome, Stop};
use crate::{args, choices};

choices! {
    /// Where a new rule goes.
    pub enum Action {
        /// To the end of the chain.
        Append = "append",
        /// To its start, or to `rule_num`.
        Insert = "insert",
    }
}

choices! {
    /// A table.
    pub enum Table {
        /// The usual one.
        Filter = "filter",
        /// Addresses are translated here.
        Nat = "nat",
        /// Packets are altered here.
        Mangle = "mangle",
        /// Before connections are tracked.
        Raw = "raw",
        /// For SELinux.
        Security = "security",
    }
}

choices! {
    /// Which protocol.
    pub enum Version {
        /// IPv4.
        Ipv4 = "ipv4",
        /// IPv6.
        Ipv6 = "ipv6",
        /// Both.
        Both = "both",
    }
}

choices! {
    /// What becomes of packets that no rule is about.
    pub enum Policy {
        /// They pass.
        Accept = "ACCEPT",
        /// They are dropped.
        Drop = "DROP",
        /// A program decides.
        Queue = "QUEUE",
        /// Back to the chain before.
        Return = "RETURN",
    }
}

args! {
    /// What `iptables` takes.
    pub struct Args {
        /// The table.
        table: Table = Table::Filter,
        /// Whether the rule is to be there.
        state: State = State::Present,
        /// Where a new rule goes.
        action: Action = Action::Append,
        /// The number that an inserted rule gets.
        rule_num: Option<String>,
        /// Which protocol.
        ip_version: Version = Version::Ipv4,
        /// The chain.
        chain: Option<String>,
        /// Make the chain, or with `state: absent` and nothing else given remove it.
        chain_management: bool = false,
        /// Remove all rules of the chain, or of the table.
        flush: bool = false,
        /// What becomes of packets that no rule of the chain is about.
        policy: Option<Policy>,
        /// Don't look names up when a chain is listed.
        numeric: bool = false,
        /// Seconds to wait for another program that changes rules.
        wait: Option<String>,
    } with {
        /// What the rule is.
        rule: RuleArgs,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "iptables",
    aliases: &[],
    summary: "Add and remove rules of the packet filter",
    args: Args::specs,
    rules: &[
        Rule::MutuallyExclusive(&["set_dscp_mark", "set_dscp_mark_class"]),
        Rule::MutuallyExclusive(&["flush", "policy"]),
        Rule::RequiredIf("jump", "TEE", &["gateway"]),
        Rule::RequiredIf("jump", "tee", &["gateway"]),
    ],
    free_form: None,
    run: Some(run),
};

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    if !args.flush && args.chain.is_none() {
        return Err(Stop::failed("Either chain or flush parameter must be specified."));
    }
    let programs: &[&str] = match args.ip_version {
        Version::Ipv4 => &["iptables"],
        Version::Ipv6 => &["ip6tables"],
        Version::Both => &["iptables", "ip6tables"],
    };
    let rule = args.rule.words();
    let mut outcome = Outcome::ok();
    for program in programs {
        if call.host.processes.which(program)?.is_none() {
            return Err(Stop::failed(format!(
                "Failed to find required executable \"{program}\"; install the package iptables"
            )));
        }
        let filter = Filter { host: call.host, args: &args, program };
        let done = filter.apply(&rule)?;
        if let (Some(done), true) = (&done, call.diff) {
            outcome = outcome.with_diff(Diff::text(program, "", &format!("{}\n", done.join(" "))));
        }
        outcome.changed |= done.is_some();
    }
    Ok(outcome
        .with("failed", false)
        .with("ip_version", args.ip_version.word())
        .with("table", args.table.word())
        .with("chain", args.chain.clone())
        .with("flush", args.flush)
        .with("rule", rule.join(" "))
        .with("state", args.state.word())
        .with("chain_management", args.chain_management))
}

/// One protocol's filter.
struct Filter<'a> {
    host: &'a Host<'a>,
    args: &'a Args,
    program: &'a str,
}

impl Filter<'_> {
    fn argv(&self, action: &str, rest: &[String]) -> Vec<String> {
        let mut argv = vec![self.program.to_owned()];
        if let Some(wait) = &self.args.wait {
            argv.extend(["-w".to_owned(), wait.clone()]);
        }
        argv.extend(["-t".to_owned(), self.args.table.word().to_owned(), action.to_owned()]);
        argv.extend(self.args.chain.clone());
        argv.extend(rest.iter().cloned());
        argv
    }

    fn ask(&self, action: &str, rest: &[String]) -> Result<Finished, Stop> {
        Ok(self.host.processes.run(&Command::reading(self.argv(action, rest)))?)
    }

    /// Runs a command that changes rules; `after` tells what commands that look say then.
    fn order(&self, action: &str, rest: &[String], after: &[(Vec<String>, Finished)]) -> Result<Vec<String>, Stop> {
        let argv = self.argv(action, rest);
        let shown = argv.join(" ");
        let command = Command::changing(argv.iter().cloned(), format!("what `{shown}` does"));
        let finished = self.host.processes.perform(&command, &|foresight| {
            foresight.must_be_root("changing the packet filter")?;
            after.iter().try_for_each(|(argv, finished)| -> HostResult<()> {
                foresight.program_says(&argv.iter().map(String::as_str).collect::<Vec<_>>(), finished.clone())
            })?;
            Ok(Finished::saying(""))
        })?;
        match finished.status {
            0 => Ok(argv),
            status => {
                Err(Stop::failed(format!("`{shown}` ended with status {status}: {}", finished.stderr_text().trim())))
            }
        }
    }

    fn listing(&self) -> Vec<String> {
        if self.args.numeric { vec!["-n".to_owned()] } else { Vec::new() }
    }

    fn says(status: i32) -> Finished {
        Finished { status, stdout: Vec::new(), stderr: Vec::new() }
    }

    /// Makes it so; the command that did, where one was needed.
    fn apply(&self, rule: &[String]) -> Result<Option<Vec<String>>, Stop> {
        let args = self.args;
        if args.flush {
            // What is gone can't be told rule by rule: everything that looks at the chain afterwards is asked anew.
            let listing = self.ask("-S", &[])?;
            let rules = listing.stdout_text().lines().filter(|line| line.starts_with("-A ")).count();
            if listing.status == 0 && rules == 0 {
                return Ok(None);
            }
            let text: String =
                listing.stdout_text().split_inclusive('\n').filter(|line| !line.starts_with("-A ")).collect();
            let after = [(self.argv("-S", &[]), Finished::saying(text))];
            return self.order("-F", &[], &after).map(Some);
        }
        if let Some(policy) = args.policy {
            return self.set_policy(policy.word());
        }
        let present = args.state == State::Present;
        if args.chain_management && (present || rule.is_empty()) {
            let exists = self.ask("-L", &self.listing())?.status == 0;
            if present && !exists {
                let made = self.order("-N", &[], &[(self.argv("-L", &self.listing()), Filter::says(0))])?;
                if rule.is_empty() {
                    return Ok(Some(made));
                }
                // There is no rule in a new chain.
                let after = [(self.argv("-C", rule), Filter::says(0))];
                return self.order("-A", rule, &after).map(Some);
            }
            if !present && exists {
                return self.order("-X", &[], &[(self.argv("-L", &self.listing()), Filter::says(1))]).map(Some);
            }
            if rule.is_empty() {
                return Ok(None);
            }
        }
        let there = self.ask("-C", rule)?.status == 0;
        match (present, there) {
            (true, true) | (false, false) => Ok(None),
            (true, false) => {
                let after = [(self.argv("-C", rule), Filter::says(0))];
                match args.action {
                    Action::Append => self.order("-A", rule, &after).map(Some),
                    Action::Insert => {
                        let words: Vec<String> = args.rule_num.iter().cloned().chain(rule.iter().cloned()).collect();
                        self.order("-I", &words, &after).map(Some)
                    }
                }
            }
            (false, true) => self.order("-D", rule, &[(self.argv("-C", rule), Filter::says(1))]).map(Some),
        }
    }

    fn set_policy(&self, policy: &str) -> Result<Option<Vec<String>>, Stop> {
        let listing = self.ask("-L", &self.listing())?;
        if listing.status != 0 {
            return Err(Stop::failed(format!("Can't detect current policy: {}", listing.stderr_text().trim())));
        }
        let text = listing.stdout_text();
        let now = text.lines().find_map(|line| line.split_once("(policy ")?.1.split([' ', ')']).next());
        if now == Some(policy) {
            return Ok(None);
        }
        let after = text.replacen(&format!("(policy {}", now.unwrap_or_default()), &format!("(policy {policy}"), 1);
        let after = [(self.argv("-L", &self.listing()), Finished::saying(after))];
        self.order("-P", &[policy.to_owned()], &after).map(Some)
    }
}
