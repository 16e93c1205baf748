//! A module's panic is a failure of its task, and of nothing else.

use crate::outcome::{ModuleResult, Stop};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

thread_local! {
    // Some while a module runs in this thread: what its panic said, and where.
    static SAID: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs a module. A panic becomes a failure that names the module and the place.
pub(super) fn caught(module: &str, run: impl FnOnce() -> ModuleResult) -> ModuleResult {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !note(panic) {
                usual(panic)
            }
        }));
    });
    SAID.set(Some(String::new()));
    let result = catch_unwind(AssertUnwindSafe(run));
    let said = SAID.take().unwrap_or_default();
    result.unwrap_or_else(|_| {
        Err(Stop::failed(format!(
            "the module `{module}` broke down: {said}. This is a defect of Refit; please report it"
        )))
    })
}

/// Keeps what a panic says, if a module runs in this thread.
fn note(panic: &PanicHookInfo<'_>) -> bool {
    SAID.with_borrow_mut(|said| {
        let Some(said) = said else { return false };
        let payload = panic.payload();
        let message = payload.downcast_ref::<&str>().copied();
        let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
        let place = panic.location().map(|place| format!(" ({}:{})", place.file(), place.line()));
        *said = format!("{message}{}", place.unwrap_or_default());
        true
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    #[test]
    fn a_panic_is_a_failure_with_name_and_place() {
        assert_eq!(caught("ping", || Ok(Outcome::ok())), Ok(Outcome::ok()));
        let Err(Stop::Failed(failure)) = caught("ping", || panic!("no {}", "luck")) else { panic!("no failure") };
        assert!(
            failure.msg.contains("`ping`") && failure.msg.contains("no luck (agent/src/serve/panics.rs:"),
            "{failure:?}"
        );
    }
}
