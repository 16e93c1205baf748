//! What a template costs: the time of one render of a small expression, of a text, and of a file of fifty lines, each with
//! the variables of a fresh host and each compiled once, as the engine renders them for host after host.
//!
//! `cargo bench --bench render` prints the median of several rounds.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use refit::diagnostic::{SourceFile, Span};
use refit::loader::{Source, load_text};
use refit::template::{Binding, FileOptions, NoVault, Scope, Settings, Surroundings, Templater, Variables};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 11;
const VARIABLES: &str = "\
domain: example.com
name: web01
fqdn: '{{ name }}.{{ domain }}'
workers: 4
listen: [80, 443]
upstreams:
  - {name: one, port: 8001, weight: 3}
  - {name: two, port: 8002, weight: 1}
  - {name: three, port: 8003, weight: 1}
options: {gzip: true, keepalive: 65, server_tokens: false}
";
/// Five blocks of ten lines.
const BLOCK: &str = "\
# {{ fqdn }}
{% for upstream in upstreams if upstream.weight > 0 %}
server {{ upstream.name }}.{{ domain }}:{{ upstream.port }} weight={{ upstream.weight | default(1) }};
{% endfor %}
worker_processes {{ workers * 2 }};
{% if options.gzip | bool %}
gzip on;
{% endif %}
listen {{ listen | map('string') | join(' ') }};
keepalive_timeout {{ options['keepalive'] }}; tokens {{ options.server_tokens | ternary('on', 'off') }};
";

#[derive(Debug)]
struct Host(Source);

impl Variables for Host {
    fn get(&self, name: &str) -> Option<Binding> {
        self.0.get(name).cloned().map(Binding::Source)
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.0.as_map().unwrap_or_default().iter().filter_map(|entry| entry.key.as_str().map(Arc::from)).collect()
    }
}

fn main() {
    let templater = Templater::new(Arc::new(NoVault), Settings::default());
    let variables: Arc<dyn Variables> =
        Arc::new(Host(load_text(Path::new("vars.yml"), VARIABLES.to_owned()).unwrap().source));
    let surroundings = Arc::new(Surroundings::default());
    let fresh = || templater.scope(variables.clone(), surroundings.clone());
    let text = |text: &str| Source::text(&Span::nowhere("the benchmark"), text);

    let (name, sum, condition) =
        (text("{{ fqdn }}"), text("{{ workers * 2 + 1 }}"), text("workers > 2 and options.gzip"));
    let file = Arc::new(SourceFile { path: "nginx.conf.j2".into(), text: BLOCK.repeat(5) });
    assert_eq!(file.text.lines().count(), 50);
    let render = |scope: &Scope| scope.file(&file, &FileOptions::default()).unwrap();
    assert!(render(&fresh()).contains("server one.example.com:8001 weight=3;"));

    report("an expression, {{ workers * 2 + 1 }}", 2000, &|| drop(fresh().value(&sum).unwrap()));
    report("a variable of two others, {{ fqdn }}", 2000, &|| drop(fresh().value(&name).unwrap()));
    report("a condition", 2000, &|| drop(fresh().condition(&condition).unwrap()));
    report("a file of 50 lines", 200, &|| drop(render(&fresh())));
}

fn report(what: &str, times: u32, render: &dyn Fn()) {
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            (0..times).for_each(|_| render());
            began.elapsed() / times
        })
        .collect();
    rounds.sort();
    println!("{what:40} {:9.2} µs", rounds[ROUNDS / 2].as_secs_f64() * 1e6);
}
