//! A rule of the packet filter, as arguments and as the words that `iptables` takes.

use crate::{args, choices};
use serde_json::{Map, Value};

choices! {
    /// Whether the packet opens a TCP connection.
    pub enum Syn {
        /// That does not matter.
        Ignore = "ignore",
        /// It does.
        Match = "match",
        /// It does not.
        Negate = "negate",
    }
}

choices! {
    /// How loud a log line is.
    pub enum LogLevel {
        /// emerg
        L0 = "0",
        /// alert
        L1 = "1",
        /// crit
        L2 = "2",
        /// err
        L3 = "3",
        /// warning
        L4 = "4",
        /// notice
        L5 = "5",
        /// info
        L6 = "6",
        /// debug
        L7 = "7",
        /// 0
        Emerg = "emerg",
        /// 1
        Alert = "alert",
        /// 2
        Crit = "crit",
        /// 3
        Error = "error",
        /// 4
        Warning = "warning",
        /// 5
        Notice = "notice",
        /// 6
        Info = "info",
        /// 7
        Debug = "debug",
    }
}

args! {
    /// What a rule is.
    pub struct RuleArgs {
        /// The protocol: `tcp`, `udp`, `icmp`, a number, `all`; `!` before it turns it round.
        protocol: Option<String>,
        /// Where packets come from: an address, a network, a name; `!` before it turns it round.
        source: Option<String>,
        /// Where they go.
        destination: Option<String>,
        /// Flags of TCP: `flags` to look at, and of these `flags_set` to be set.
        tcp_flags: Option<Map<String, Value>>,
        /// Matches to use, by their names.
        [name = "match"]
        matches: Vec<String> = Vec::new(),
        /// What to do with the packet: `ACCEPT`, `DROP`, a chain, ...
        jump: Option<String>,
        /// The address that `TEE` sends copies to.
        gateway: Option<String>,
        /// Text before a line of the log.
        log_prefix: Option<String>,
        /// How loud the line is.
        log_level: Option<LogLevel>,
        /// Go on in this chain.
        goto: Option<String>,
        /// The interface by which the packet came.
        in_interface: Option<String>,
        /// The interface by which it goes.
        out_interface: Option<String>,
        /// Further pieces of a packet in pieces.
        fragment: Option<String>,
        /// The rule's counters: packets and bytes.
        set_counters: Option<String>,
        /// The port that it comes from, or `FIRST:LAST`.
        source_port: Option<String>,
        /// The port that it goes to, or `FIRST:LAST`.
        destination_port: Option<String>,
        /// Several ports and ranges that it may go to.
        destination_ports: Vec<String> = Vec::new(),
        /// The port to redirect to.
        to_ports: Option<String>,
        /// The address that it is sent to instead.
        to_destination: Option<String>,
        /// The address that it comes from instead.
        to_source: Option<String>,
        /// Whether it opens a TCP connection.
        syn: Syn = Syn::Ignore,
        /// The mark to set, for DSCP.
        set_dscp_mark: Option<String>,
        /// The class to set, for DSCP.
        set_dscp_mark_class: Option<String>,
        /// A comment on the rule.
        comment: Option<String>,
        /// States of the connection: `NEW`, `ESTABLISHED`, ...
        ctstate: Vec<String> = Vec::new(),
        /// A range of addresses that it comes from.
        src_range: Option<String>,
        /// A range of addresses that it goes to.
        dst_range: Option<String>,
        /// A set of addresses (ipset).
        match_set: Option<String>,
        /// What of the packet the set is of: `src`, `dst`, `src,dst`, ...
        match_set_flags: Option<String>,
        /// How often it may match: `5/second`.
        limit: Option<String>,
        /// How often at once.
        limit_burst: Option<String>,
        /// The user whose program sent it; `!` before the name turns it round.
        uid_owner: Option<String>,
        /// The group.
        gid_owner: Option<String>,
        /// What a refusal says: `tcp-reset`, `icmp-port-unreachable`, ...
        reject_with: Option<String>,
        /// The type of ICMP.
        icmp_type: Option<String>,
    }
}

impl RuleArgs {
    /// The words for `iptables`, in the order in which Ansible has them.
    pub(super) fn words(&self) -> Vec<String> {
        let mut rule = Words(Vec::new());
        let log = ["LOG", "log"].contains(&self.jump.as_deref().unwrap_or_default());
        rule.option("-p", &self.protocol);
        rule.option("-s", &self.source);
        rule.option("-d", &self.destination);
        self.matches(&mut rule);
        if let Some(flags) = &self.tcp_flags {
            rule.all(["--tcp-flags".to_owned(), joined(flags.get("flags")), joined(flags.get("flags_set"))]);
        }
        let jump = match (&self.jump, &self.reject_with, &self.set_dscp_mark, &self.set_dscp_mark_class) {
            (None, Some(_), _, _) => Some("REJECT".to_owned()),
            (None, None, Some(_), _) | (None, None, None, Some(_)) => Some("DSCP".to_owned()),
            (jump, _, _, _) => jump.clone(),
        };
        rule.option("-j", &jump);
        if ["TEE", "tee"].contains(&self.jump.as_deref().unwrap_or_default()) {
            rule.option("--gateway", &self.gateway);
        }
        rule.option("--log-prefix", &self.log_prefix.clone().filter(|_| log || self.log_prefix.is_some()));
        rule.option("--log-level", &self.log_level.map(|level| level.word().to_owned()));
        rule.option("--to-destination", &self.to_destination);
        if !self.destination_ports.is_empty() {
            rule.all(["-m", "multiport", "--dports"].map(str::to_owned));
            rule.all([self.destination_ports.join(",")]);
        }
        rule.option("--to-source", &self.to_source);
        rule.option("-g", &self.goto);
        rule.option("-i", &self.in_interface);
        rule.option("-o", &self.out_interface);
        rule.option("-f", &self.fragment);
        rule.option("-c", &self.set_counters);
        rule.option("--source-port", &self.source_port);
        rule.option("--destination-port", &self.destination_port);
        rule.option("--to-ports", &self.to_ports);
        rule.option("--set-dscp", &self.set_dscp_mark);
        rule.option("--set-dscp-class", &self.set_dscp_mark_class);
        match self.syn {
            Syn::Ignore => {}
            Syn::Match => rule.all(["--syn".to_owned()]),
            Syn::Negate => rule.all(["!".to_owned(), "--syn".to_owned()]),
        }
        self.late(&mut rule);
        rule.0
    }

    fn matches(&self, rule: &mut Words) {
        for name in &self.matches {
            rule.all(["-m".to_owned(), name.clone()]);
        }
    }

    /// Matches that bring their own module along.
    fn late(&self, rule: &mut Words) {
        let has = |name: &str| self.matches.iter().any(|given| given == name);
        if !self.ctstate.is_empty() {
            let states = self.ctstate.join(",");
            match (has("conntrack"), has("state")) {
                (true, _) => rule.all(["--ctstate".to_owned(), states]),
                (false, true) => rule.all(["--state".to_owned(), states]),
                (false, false) => rule.all(["-m".into(), "conntrack".into(), "--ctstate".into(), states]),
            }
        }
        if self.src_range.is_some() || self.dst_range.is_some() {
            if !has("iprange") {
                rule.all(["-m".to_owned(), "iprange".to_owned()]);
            }
            rule.option("--src-range", &self.src_range);
            rule.option("--dst-range", &self.dst_range);
        }
        if let (Some(set), Some(flags)) = (&self.match_set, &self.match_set_flags) {
            if !has("set") {
                rule.all(["-m".to_owned(), "set".to_owned()]);
            }
            rule.option("--match-set", &Some(set.clone()));
            rule.all([flags.clone()]);
        }
        if self.limit.is_some() || self.limit_burst.is_some() {
            if !has("limit") {
                rule.all(["-m".to_owned(), "limit".to_owned()]);
            }
            rule.option("--limit", &self.limit);
            rule.option("--limit-burst", &self.limit_burst);
        }
        if (self.uid_owner.is_some() || self.gid_owner.is_some()) && !has("owner") {
            rule.all(["-m".to_owned(), "owner".to_owned()]);
        }
        rule.option("--uid-owner", &self.uid_owner);
        rule.option("--gid-owner", &self.gid_owner);
        rule.option("--reject-with", &self.reject_with);
        let icmp = if ["ipv6-icmp", "icmpv6"].contains(&self.protocol.as_deref().unwrap_or_default()) {
            "--icmpv6-type"
        } else {
            "--icmp-type"
        };
        rule.option(icmp, &self.icmp_type);
        if let Some(comment) = &self.comment {
            if !has("comment") {
                rule.all(["-m".to_owned(), "comment".to_owned()]);
            }
            rule.all(["--comment".to_owned(), comment.clone()]);
        }
    }
}

fn joined(flags: Option<&Value>) -> String {
    match flags {
        Some(Value::Array(flags)) => {
            flags.iter().map(|flag| flag.as_str().unwrap_or_default()).collect::<Vec<_>>().join(",")
        }
        Some(Value::String(flags)) => flags.clone(),
        _ => String::new(),
    }
}

struct Words(Vec<String>);

impl Words {
    fn all(&mut self, words: impl IntoIterator<Item = String>) {
        self.0.extend(words);
    }

    /// An option with its value; `!` before the value turns the option round.
    fn option(&mut self, option: &str, value: &Option<String>) {
        let Some(value) = value else { return };
        match value.strip_prefix('!') {
            Some(rest) => self.all(["!".to_owned(), option.to_owned(), rest.trim_start().to_owned()]),
            None => self.all([option.to_owned(), value.clone()]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args as _;
    use serde_json::json;

    #[test]
    fn rules_are_the_words_of_iptables() {
        for (args, words) in [
            (
                json!({"protocol": "tcp", "destination_port": "22", "ctstate": "NEW", "syn": "match", "jump": "ACCEPT", "comment": "Accept new SSH"}),
                "-p tcp -j ACCEPT --destination-port 22 --syn -m conntrack --ctstate NEW -m comment --comment Accept new SSH",
            ),
            (json!({"source": "!10.0.0.0/8", "jump": "DROP"}), "! -s 10.0.0.0/8 -j DROP"),
            (json!({"reject_with": "tcp-reset", "protocol": "tcp"}), "-p tcp -j REJECT --reject-with tcp-reset"),
            (json!({"match": "tcp,mark", "protocol": "tcp"}), "-p tcp -m tcp -m mark"),
            (
                json!({"protocol": "tcp", "destination_ports": ["80", "443", "8081:8083"], "jump": "ACCEPT"}),
                "-p tcp -j ACCEPT -m multiport --dports 80,443,8081:8083",
            ),
        ] {
            let args = RuleArgs::from_map(args.as_object().unwrap()).unwrap();
            assert_eq!(args.words().join(" "), words);
        }
    }
}
