use super::*;
use crate::protocol::Stream;
use rustix::process::Signal;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn shell(script: &str) -> Command {
    Command::changing(["/bin/sh", "-c", script], "what a test does")
}

fn run(command: &Command) -> HostResult<Finished> {
    LiveProcesses::new(Context::default()).run(command)
}

/// The pid that the script wrote into a file, once it is there.
fn pid_in(file: &Path) -> i32 {
    loop {
        if let Ok(text) = std::fs::read_to_string(file)
            && let Some(pid) = text.strip_suffix('\n').and_then(|text| text.parse().ok())
        {
            return pid;
        }
        std::thread::yield_now();
    }
}

fn runs(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn status_and_both_streams_come_back() {
    let done = run(&shell("echo out; echo err >&2; exit 3")).unwrap();
    assert_eq!(done, Finished { status: 3, stdout: b"out\n".to_vec(), stderr: b"err\n".to_vec() });
}

#[test]
fn a_signal_is_a_negative_status() {
    assert_eq!(run(&shell("kill -9 $$")).unwrap().status, -9);
}

#[test]
fn much_input_and_much_output_do_not_block_each_other() {
    let mut command = Command::reading(["cat"]);
    command.stdin = vec![b'x'; 3 << 20];
    assert_eq!(run(&command).unwrap().stdout, command.stdin);
}

#[test]
fn a_program_that_reads_nothing_does_not_fail_for_it() {
    let mut command = shell("exit 0");
    command.stdin = vec![b'x'; 3 << 20];
    assert_eq!(run(&command).unwrap().status, 0);
}

#[test]
fn without_input_it_gets_the_end_of_file() {
    assert_eq!(run(&Command::reading(["cat"])).unwrap().stdout, b"");
}

#[test]
fn it_leads_a_session_of_its_own_with_the_umask_directory_and_environment_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = shell("umask; pwd -P; echo $REFIT_A$REFIT_B; ps -o sid= -p $$ 2>/dev/null | tr -d ' '; echo $$");
    command.umask = Some(0o027);
    command.directory = Some(directory.path().to_owned());
    command.environment = vec![("REFIT_B".into(), "2".into())];
    let environment = vec![("REFIT_A".into(), "1".into()), ("REFIT_B".into(), "lost".into())];
    let done = LiveProcesses::new(Context { environment, ..Context::default() }).run(&command).unwrap();
    let text = done.stdout_text();
    let lines: Vec<&str> = text.lines().collect();
    let real = directory.path().canonicalize().unwrap();
    assert_eq!(lines[..3], ["0027", real.to_str().unwrap(), "12"]);
    assert_eq!(lines[3], lines[lines.len() - 1]);
}

#[test]
fn what_can_not_be_started_says_what() {
    let error = run(&Command::reading(["refit-no-such-program"])).unwrap_err().to_string();
    assert!(error.contains("refit-no-such-program") && error.contains("No such file"), "{error}");
    let mut command = Command::reading(["true"]);
    command.directory = Some("/no/such/directory".into());
    let error = run(&command).unwrap_err().to_string();
    assert!(error.contains("change to directory /no/such/directory"), "{error}");
    let error = run(&Command::reading(["/etc/passwd"])).unwrap_err().to_string();
    assert!(error.contains("/etc/passwd") && error.contains("Permission denied"), "{error}");
    assert!(run(&Command::reading(["a\0b"])).is_err());
}

#[test]
fn a_daemon_that_keeps_the_pipes_open_does_not_hold_the_request_and_lives_on() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let began = Instant::now();
    let done = run(&shell(&format!("sleep 600 & echo $! > {}; echo done", file.display()))).unwrap();
    assert_eq!(done.stdout, b"done\n");
    assert!(began.elapsed() < Duration::from_secs(60));
    let daemon = pid_in(&file);
    assert!(runs(daemon));
    rustix::process::kill_process(rustix::process::Pid::from_raw(daemon).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn what_descendants_print_right_after_the_end_is_kept() {
    let done = run(&shell("(sleep 0.2; echo late) & echo early")).unwrap();
    assert_eq!(done.stdout_text(), "early\nlate\n");
}

#[test]
fn its_time_over_the_command_ends_with_its_descendants_and_the_error_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    // One that ignores SIGTERM would take the grace; one in a session of its own must be found through its parent.
    let mut command = shell(&format!("setsid sh -c 'echo $$ > {}; exec sleep 600' ; wait", file.display()));
    command.timeout = Some(Duration::from_millis(700));
    let error = run(&command).unwrap_err().to_string();
    assert!(error.contains("did not end within 0.7 seconds"), "{error}");
    assert!(!runs(pid_in(&file)));
}

#[test]
fn cancelling_ends_the_command_and_its_descendants() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let context = Context::default();
    let cancellation = context.cancellation.clone();
    let command = shell(&format!("sleep 600 & echo $! > {}; wait", file.display()));
    let running = std::thread::spawn(move || LiveProcesses::new(context).run(&command));
    let descendant = pid_in(&file);
    cancellation.cancel("the user asked");
    let error = running.join().unwrap().unwrap_err();
    assert!(matches!(&error, HostError::Cancelled { why } if why == "the user asked"), "{error:?}");
    assert!(!runs(descendant));
}

#[test]
fn lines_are_passed_on_while_it_runs() {
    let directory = tempfile::tempdir().unwrap();
    let go = directory.path().join("go");
    let seen: Arc<Mutex<Vec<(Stream, String)>>> = Arc::default();
    let (sink, flag) = (seen.clone(), go.clone());
    let context = Context {
        progress: Arc::new(move |stream, line| {
            sink.lock().unwrap().push((stream, line.to_owned()));
            // The command goes on only when its first line was passed on.
            std::fs::write(&flag, "").unwrap();
        }),
        ..Context::default()
    };
    let mut command =
        shell(&format!("echo one; until test -e {}; do sleep 0.01; done; echo two >&2; printf 'no end'", go.display()));
    command.streamed = true;
    LiveProcesses::new(context).run(&command).unwrap();
    let mut seen = seen.lock().unwrap().clone();
    assert_eq!(seen.remove(0), (Stream::Stdout, "one".to_owned()));
    seen.sort_by_key(|(_, line)| line.clone());
    assert_eq!(seen, [(Stream::Stdout, "no end".to_owned()), (Stream::Stderr, "two".to_owned())]);
}

#[test]
fn programs_are_found_in_path_and_the_sbin_directories() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("not-executable"), "").unwrap();
    let environment = vec![("PATH".to_owned(), directory.path().to_str().unwrap().to_owned())];
    let processes = LiveProcesses::new(Context { environment, ..Context::default() });
    assert_eq!(processes.which("not-executable").unwrap(), None);
    assert_eq!(processes.which("no-such-program").unwrap(), None);
    assert_eq!(processes.which("/bin/sh").unwrap(), Some("/bin/sh".into()));
    let useradd = processes.which("useradd").unwrap();
    assert!(useradd.is_none_or(|path| path.starts_with("/usr/sbin") || path.starts_with("/sbin")));
}

#[test]
fn this_very_process_is_listed() {
    let all = LiveProcesses::new(Context::default()).list().unwrap();
    let me = all.iter().find(|(pid, _)| *pid == std::process::id()).unwrap();
    assert!(me.1[0].contains("refit_agent"), "{me:?}");
}
