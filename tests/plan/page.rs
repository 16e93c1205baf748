//! The page of a plan, in a browser: it draws itself from its one file, and its filters show what they should.

use crate::fleet::{Local, said};
use std::process::Command;

/// What the page is after its script ran, with these filters set. `None` where there is no browser.
fn drawn(local: &Local, filters: &str) -> Option<String> {
    let url = format!("file://{}#{filters}", local.path().join("report.html").display());
    let flags =
        ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"];
    let mut command = Command::new("chromium");
    command.env("HOME", local.path()).args(flags).args(["--dump-dom", &url]);
    match command.output() {
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(error) => {
            eprintln!("SKIPPED: no chromium to look at the page with: {error}");
            None
        }
    }
}

/// What is drawn, without the data that it is drawn from.
fn body(page: &str) -> String {
    page.split("<script").next().unwrap_or_default().to_owned()
}

#[test]
fn the_page_draws_itself_and_its_filters_show_what_they_should() {
    let playbook = "
- name: Web servers
  hosts: web
  gather_facts: false
  tasks:
    - {name: Settings, copy: {content: \"port=80\\n</script><b>x\\n\", dest: \"{{ root }}/app.ini\"}}
    - {name: Notes, copy: {content: \"notes\\n\", dest: \"{{ root }}/notes\"}}
    - {name: Version, command: uname -r}
";
    let local = Local::new(2, playbook);
    assert_eq!(local.plan(&["-o", "window.plan"]).0, 0);
    let (code, text) = said(&local.refit(&["show", "window.plan", "--html", "report.html"]));
    assert_eq!(code, 0, "{text}");
    let file = local.read("report.html");
    assert!(!file.contains("src=") && !file.contains("href="), "nothing is fetched from elsewhere");

    let Some(page) = drawn(&local, "") else { return };
    assert!(page.contains("data-ready=\"yes\""), "{page}");
    let all = body(&page);
    for expected in [
        "web1/app.ini",
        "web2/notes",
        "May change",
        "Hosts by equal plan",
        "2 may change",
        "id=\"chart\"",
        "Batches (1)",
    ] {
        assert!(all.contains(expected), "{expected}: {all}");
    }
    assert!(!all.contains("port=80"), "what is closed is not drawn");
    let found = body(&drawn(&local, "search=port&open").unwrap_or_default());
    assert!(found.contains("+port=80") && found.contains("&lt;/script&gt;"), "{found}");
    assert!(!found.contains("web1/notes"), "{found}");
    let host = body(&drawn(&local, "host=web2").unwrap_or_default());
    assert!(host.contains("web2/notes") && !host.contains("web1/notes"), "{host}");
    let side = body(&drawn(&local, "search=app.ini&open&side").unwrap_or_default());
    assert!(side.contains("class=\"half"), "{side}");
}
