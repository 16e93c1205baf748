//! Where a task's requests go and as whom: from connection variables, keywords, options and settings, in this order of
//! precedence (as Ansible's connection and become plugins take them).

use super::keywords::KeywordReader;
use super::on_host::OnHost;
use super::run::Run;
use crate::actions::Remote;
use crate::connection::{Become, BecomeMethod, HostKeyPolicy, Secret, Target, Transport};
use crate::playbook::Keyword;
use crate::template::{Scope, TemplateError, TemplateErrorKind, Value};
use refit_agent::args::boolean;
use refit_agent::protocol::Mode;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

/// Connection variables of a host.
struct Vars<'a> {
    scope: &'a Scope,
}

impl Vars<'_> {
    /// The first of these variables that is set.
    fn value(&self, names: &[&str]) -> Result<Option<Value>, TemplateError> {
        for name in names {
            if let Some(value) = self.scope.variable(name)?
                && !value.is_none()
                && !crate::template::is_omit(&value)
            {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    fn text(&self, names: &[&str]) -> Result<Option<String>, TemplateError> {
        Ok(self.value(names)?.map(|value| value.to_string()).filter(|text| !text.is_empty()))
    }

    fn flag(&self, names: &[&str]) -> Result<Option<bool>, TemplateError> {
        Ok(self.text(names)?.and_then(|word| boolean(&word)))
    }

    fn number(&self, names: &[&str]) -> Result<Option<i64>, TemplateError> {
        Ok(self.text(names)?.and_then(|text| text.trim().parse().ok()))
    }

    fn secret(&self, run: &Run, names: &[&str]) -> Result<Option<Secret>, TemplateError> {
        let text = self.text(names)?;
        if let Some(text) = &text {
            run.secrets.add(text);
        }
        Ok(text.map(|text| Secret(Zeroizing::new(text))))
    }
}

/// Where a host is. `keywords` are those of the task, where there is one.
pub fn of_host(
    run: &Run,
    name: &str,
    scope: &Scope,
    keywords: Option<&KeywordReader<'_>>,
) -> Result<Target, TemplateError> {
    let vars = Vars { scope };
    let (options, settings) = (&run.options.connection, &run.settings);
    let keyword = |keyword: Keyword| keywords.map_or(Ok(None), |reader| reader.text(keyword));

    let kind = match vars.text(&["ansible_connection"])? {
        Some(kind) => kind,
        None => match keyword(Keyword::Connection)? {
            Some(kind) => kind,
            None => options.kind.clone().unwrap_or_else(|| settings.transport.value.clone()),
        },
    };
    let transport = match kind.rsplit('.').next().unwrap_or(&kind) {
        "local" => Transport::Local,
        "ssh" | "smart" | "paramiko" | "paramiko_ssh" | "auto" => Transport::Auto,
        "libssh" | "libssh2" | "ssh2" => Transport::Libssh2,
        "openssh" | "system" => Transport::System,
        other => {
            let message = format!("there is no connection `{other}` (there are ssh and local)");
            let span = keywords.map_or_else(
                || crate::diagnostic::Span::nowhere("ansible_connection"),
                |reader| reader.task.span.clone(),
            );
            return Err(TemplateError::new(TemplateErrorKind::Failed, &span, message));
        }
    };
    let user = match vars.text(&["ansible_user", "ansible_ssh_user"])? {
        Some(user) => Some(user),
        None => match keyword(Keyword::RemoteUser)? {
            Some(user) => Some(user),
            None => options.user.clone().or_else(|| settings.remote_user.value.clone()),
        },
    };
    let port = match vars.number(&["ansible_port", "ansible_ssh_port"])? {
        Some(port) => Some(port),
        None => match keywords.map_or(Ok(None), |reader| reader.number(Keyword::Port))? {
            Some(port) => Some(port),
            None => settings.remote_port.value.map(i64::from),
        },
    };
    let private_key = match vars.text(&["ansible_ssh_private_key_file", "ansible_private_key_file"])? {
        Some(path) => Some(PathBuf::from(path)),
        None => options.private_key.clone().or_else(|| settings.private_key_file.value.clone()),
    };
    let password = match vars.secret(run, &["ansible_password", "ansible_ssh_pass", "ansible_ssh_password"])? {
        Some(secret) => Some(secret),
        None => options.password.as_ref().map(|password| Secret(Zeroizing::new(password.expose().to_owned()))),
    };
    let mut ssh_args = Vec::new();
    for (name, option, setting) in [
        // The default of `ssh_args` is about sharing connections, which a link does by itself.
        ("ansible_ssh_args", None, settings.ssh_args.is_set().then_some(&settings.ssh_args.value)),
        ("ansible_ssh_common_args", options.ssh_common_args.as_ref(), Some(&settings.ssh_common_args.value)),
        ("ansible_ssh_extra_args", options.ssh_extra_args.as_ref(), Some(&settings.ssh_extra_args.value)),
    ] {
        let text = vars.text(&[name])?.or_else(|| option.or(setting).cloned()).unwrap_or_default();
        ssh_args.extend(super::words(&text));
    }
    let checking = match vars.flag(&["ansible_host_key_checking", "ansible_ssh_host_key_checking"])? {
        Some(flag) => flag,
        None => settings.host_key_checking.value,
    };
    let timeout = match vars.number(&["ansible_timeout", "ansible_ssh_timeout"])? {
        Some(seconds) => u64::try_from(seconds).unwrap_or(10),
        None => options.timeout.map_or(settings.timeout.as_secs(), u64::from),
    };
    Ok(Target {
        name: name.to_owned(),
        address: vars.text(&["ansible_host", "ansible_ssh_host"])?.unwrap_or_else(|| name.to_owned()),
        port: port.and_then(|port| u16::try_from(port).ok()),
        user,
        transport,
        password,
        private_key,
        host_keys: if checking { HostKeyPolicy::Strict } else { HostKeyPolicy::Off },
        ssh_args,
        ssh_program: vars.text(&["ansible_ssh_executable"])?.unwrap_or_else(|| settings.ssh_executable.value.clone()),
        timeout: Duration::from_secs(timeout.max(1)),
        agent_dir: vars
            .text(&["ansible_remote_tmp"])?
            .or_else(|| settings.remote_tmp.is_set().then(|| settings.remote_tmp.value.clone())),
    })
}

/// As whom a task's requests are done.
fn other_user(run: &Run, scope: &Scope, keywords: &KeywordReader<'_>) -> Result<Option<Become>, TemplateError> {
    let vars = Vars { scope };
    let (options, settings) = (&run.options.privilege, &run.settings);
    let wanted = match vars.flag(&["ansible_become"])? {
        Some(flag) => flag,
        None => keywords.flag(Keyword::Become)?.unwrap_or(options.enabled || settings.escalate.value),
    };
    if !wanted {
        return Ok(None);
    }
    let pick = |names: &[&str], keyword: Keyword, option: Option<String>| -> Result<Option<String>, TemplateError> {
        match vars.text(names)? {
            Some(text) => Ok(Some(text)),
            None => Ok(keywords.text(keyword)?.or(option)),
        }
    };
    let method = pick(
        &["ansible_become_method"],
        Keyword::BecomeMethod,
        options.method.clone().or_else(|| Some(settings.become_method.value.clone())),
    )?;
    let method_name = method.unwrap_or_else(|| "sudo".to_owned());
    let method = match method_name.rsplit('.').next().unwrap_or_default() {
        "sudo" => BecomeMethod::Sudo,
        "su" => BecomeMethod::Su,
        "doas" => BecomeMethod::Doas,
        other => {
            let message = format!("there is no become method `{other}` (there are sudo, su and doas)");
            return Err(TemplateError::new(TemplateErrorKind::Failed, &keywords.task.span, message));
        }
    };
    let word = method_name.rsplit('.').next().unwrap_or_default().to_owned();
    let own = |part: &str| format!("ansible_{word}_{part}");
    let user = pick(
        &["ansible_become_user", &own("user")],
        Keyword::BecomeUser,
        options.user.clone().or_else(|| Some(settings.become_user.value.clone())),
    )?;
    let password =
        vars.secret(run, &["ansible_become_password", "ansible_become_pass", &own("pass"), &own("password")])?;
    let password = password
        .or_else(|| options.password.as_ref().map(|password| Secret(Zeroizing::new(password.expose().to_owned()))));
    Ok(Some(Become {
        method,
        user: user.unwrap_or_else(|| "root".to_owned()),
        password,
        program: pick(&["ansible_become_exe", &own("exe")], Keyword::BecomeExe, settings.become_exe.value.clone())?,
        flags: pick(
            &["ansible_become_flags", &own("flags")],
            Keyword::BecomeFlags,
            settings.become_flags.value.clone(),
        )?,
    }))
}

impl Run {
    /// Whether the user wants to see what differs: the task's `diff`, else the options.
    pub fn wants_diff(&self, keywords: &KeywordReader<'_>) -> bool {
        // A `diff` that can't be evaluated fails the task elsewhere, or is not worth failing for.
        let own = keywords.flag(Keyword::Diff).ok().flatten();
        own.unwrap_or(self.options.diff || self.settings.diff_always.value)
    }
}

/// The environment of what runs. Facts are gathered without what only they will tell (`ansible_env`).
fn environment(on: &OnHost, keywords: &KeywordReader<'_>) -> Result<Vec<(String, String)>, TemplateError> {
    keywords.environment(&|error| on.gathers_facts() && matches!(error.kind, TemplateErrorKind::Undefined(_)))
}

/// The host that a task's requests go to, and its name where the task is delegated.
pub fn remote<'a>(
    on: &'a OnHost,
    keywords: &KeywordReader<'_>,
    output: &'a (dyn Fn(&str) + Sync),
) -> Result<(Remote<'a>, Option<String>), TemplateError> {
    let run = on.batch.run();
    let delegated = keywords.text(Keyword::DelegateTo)?.filter(|name| !name.is_empty());
    let delegate_scope = match &delegated {
        Some(name) if **name != *on.host.name => Some(run.bare_scope(&on.batch, &run.host(name))),
        _ => None,
    };
    // Where the request goes is the delegate's matter; the keywords are the task's.
    let scope = delegate_scope.as_ref().unwrap_or(keywords.scope);
    let name = delegated.clone().unwrap_or_else(|| on.host.name.to_string());
    let target = of_host(run, &name, scope, Some(keywords))?;
    let user = other_user(run, scope, keywords)?;
    let plan = keywords.flag(Keyword::CheckMode)?.unwrap_or(on.batch.play.is_plan());
    let diff = run.wants_diff(keywords);
    let timeout = match keywords.number(Keyword::Timeout)? {
        Some(seconds) => u64::try_from(seconds).ok(),
        None => run.options.task_timeout.map(u64::from),
    };
    Ok((
        Remote {
            host: &on.host.name,
            link: run.links.link(&target),
            local: target.transport == Transport::Local,
            user,
            mode: if plan { Mode::Shadow } else { Mode::Live },
            diff,
            environment: environment(on, keywords)?,
            timeout: timeout.filter(|seconds| *seconds > 0),
            background: None,
            title: &on.title,
            output,
            interrupts: &run.interrupts,
        },
        delegated,
    ))
}
