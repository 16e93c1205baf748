//! The build script of the controller: builds the agent as a static program, for each machine type that the toolchain
//! here can build for, and leaves it packed in `OUT_DIR` for `src/connection/agents.rs` to include. With it comes the
//! program that speaks TLS for it, which the agent knows by the hash of its packed form.
//!
//! The nested build has a target directory of its own (two builds in one wait for each other for ever) and takes nothing
//! from the outer one's flags and wrappers: under `cargo clippy` the agent is still compiled.

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Machine types as `uname -m` names them, which are Rust's names too.
const MACHINES: [&str; 2] = ["x86_64", "aarch64"];

/// The nested build.
struct Build {
    manifest: PathBuf,
    out: PathBuf,
    release: bool,
    own_machine: String,
}

/// What a program is built for.
struct Target<'a> {
    machine: &'a str,
    /// As rustc names it.
    name: &'a str,
    flags: &'a str,
    /// The C compiler and linker, where it is not the usual one.
    compiler: Option<&'a str>,
}

/// A packed program.
struct Packed {
    sha256: String,
    size: usize,
    packed_sha256: String,
    file: PathBuf,
}

fn main() -> Result<(), String> {
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    for path in ["agent/src", "agent/Cargo.toml", "agent/embed.rs", "agent/agent.ld", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", manifest.join(path).display());
    }
    let build = Build {
        out: PathBuf::from(variable("OUT_DIR")?),
        release: variable("PROFILE")? == "release",
        own_machine: variable("CARGO_CFG_TARGET_ARCH")?,
        manifest,
    };
    let mut list = String::new();
    for machine in MACHINES {
        let own = machine == build.own_machine && variable("CARGO_CFG_TARGET_OS")? == "linux";
        match build.entry(machine) {
            Ok(Some(entry)) => list += &entry,
            Ok(None) if !own => {}
            // Without the agent for this very machine nothing works, not even `connection: local`.
            Ok(None) => {
                return Err(format!("no Rust target for {machine} Linux is installed; see `rustup target list`"));
            }
            Err(why) if own => return Err(why),
            Err(why) => {
                let first = why.lines().next().unwrap_or_default();
                println!("cargo::warning=there will be no agent for hosts of type {machine}: {first}");
            }
        }
    }
    write(&build.out.join("agents.rs"), format!("&[\n{list}]\n").as_bytes())
}

impl Build {
    /// Builds and packs the programs for a machine type: with musl where that target is installed, else with a static
    /// glibc. Returns their entry of the list, `None` where no target is installed.
    fn entry(&self, machine: &str) -> Result<Option<String>, String> {
        let (musl, gnu) = (format!("{machine}-unknown-linux-musl"), format!("{machine}-unknown-linux-gnu"));
        let mut trouble = None;
        for (target, libc) in [(musl, None), (gnu, Some("-Ctarget-feature=+crt-static"))] {
            if !is_installed(&target)? {
                continue;
            }
            let cross = format!("{machine}-linux-gnu-gcc");
            let compiler = if machine == self.own_machine {
                None
            } else if in_path(&cross) {
                Some(cross)
            } else {
                trouble.get_or_insert(format!("{target} is installed, but not the compiler {cross}"));
                continue;
            };
            let flags = libc.into_iter().map(str::to_owned).chain(self.flags(&target)).collect::<Vec<_>>().join("\x1f");
            let target = Target { machine, name: &target, flags: &flags, compiler: compiler.as_deref() };
            match self.programs(&target) {
                Ok(entry) => return Ok(Some(entry)),
                Err(why) => trouble = Some(why),
            }
        }
        trouble.map_or(Ok(None), Err)
    }

    /// What makes the programs small. They are loaded where they were linked for, without tables for another place, and end
    /// at a panic, without tables for unwinding.
    fn flags(&self, target: &str) -> Vec<String> {
        let mut flags = vec!["-Crelocation-model=static".to_owned(), "-Cforce-unwind-tables=no".to_owned()];
        if self.release {
            // What functions have in common becomes a function (on aarch64 it does anyway), and hashes are computed in
            // loops where the processor has no instructions for them.
            flags.push("-Cllvm-args=--enable-machine-outliner=always".to_owned());
            flags.push("--cfg=sha2_backend_soft=\"compact\"".to_owned());
        }
        // Should the C library bring an unwinder after all, the agent's own stands (`static_libc.rs`).
        if target.ends_with("gnu") {
            flags.push("-Clink-arg=-Wl,-z,muldefs".to_owned());
        }
        // There rustc brings its own linker, lld. It drops the tables of the standard library, too, and keeps only one of
        // several functions with the same code.
        if target == "x86_64-unknown-linux-gnu" {
            let script = self.manifest.join("agent/agent.ld");
            flags.push(format!("-Clink-arg=-Wl,-T,{}", script.display()));
            flags.extend(["--no-eh-frame-hdr", "--icf=all"].map(|flag| format!("-Clink-arg=-Wl,{flag}")));
        }
        flags
    }

    fn programs(&self, target: &Target<'_>) -> Result<String, String> {
        let tls = self.pack(&self.cargo(target, "refit-agent-tls", None)?, &format!("tls-{}", target.machine))?;
        let agent = self.cargo(target, "refit-agent", Some(&tls.packed_sha256))?;
        let agent = self.pack(&agent, &format!("agent-{}", target.machine))?;
        Ok(format!(
            "    Agent {{\n        machine: {:?},\n        sha256: {:?},\n        size: {},\n        gzip: \
             include_bytes!({:?}),\n        tls_sha256: {:?},\n        tls_gzip: include_bytes!({:?}),\n    }},\n",
            target.machine,
            agent.sha256,
            agent.size,
            agent.file.display().to_string(),
            tls.packed_sha256,
            tls.file.display().to_string()
        ))
    }

    /// Builds one program. `tls` is what the agent has to know of the other one.
    fn cargo(&self, target: &Target<'_>, program: &str, tls: Option<&str>) -> Result<PathBuf, String> {
        let &Target { name: target, flags, compiler, .. } = target;
        let profile = if self.release { "agent" } else { "agent-dev" };
        let directory = self.out.join("agent");
        let mut cargo = Command::new(variable("CARGO")?);
        cargo
            .args(["build", "--locked", "--no-default-features", "--package", "refit-agent", "--bin", program])
            .args(["--profile", profile, "--target", target, "--manifest-path"])
            .arg(self.manifest.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&directory)
            .env_remove("RUSTFLAGS")
            .env_remove("RUSTC_WORKSPACE_WRAPPER")
            .env_remove("RUSTC_WRAPPER")
            .env_remove("CARGO_BUILD_TARGET")
            .env("CARGO_ENCODED_RUSTFLAGS", flags)
            .env_remove("REFIT_AGENT_TLS");
        if let Some(tls) = tls {
            cargo.env("REFIT_AGENT_TLS", tls);
        }
        let name = target.replace('-', "_");
        if let Some(compiler) = compiler {
            cargo.env(format!("CARGO_TARGET_{}_LINKER", name.to_uppercase()), compiler);
            cargo.env(format!("CC_{name}"), compiler);
        } else if target.ends_with("musl") && !in_path("musl-gcc") && env::var_os(format!("CC_{name}")).is_none() {
            // What is C in the agent (cryptography) needs no C library, so any compiler for this machine does.
            cargo.env(format!("CC_{name}"), "cc").env(format!("CFLAGS_{name}"), "-U_FORTIFY_SOURCE");
        }
        let output = cargo.output().map_err(|error| format!("cannot run cargo: {error}"))?;
        if !output.status.success() {
            return Err(format!(
                "cannot build the agent for {target}. Where `cc` says that it can't find -lc, install the static C \
                 library (on Fedora: glibc-static) or a target with its own: rustup target add \
                 {}-unknown-linux-musl\n{}",
                target.split('-').next().unwrap_or_default(),
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        Ok(directory.join(target).join(profile).join(program))
    }

    /// Packs a program.
    fn pack(&self, program: &Path, name: &str) -> Result<Packed, String> {
        let content = fs::read(program).map_err(|error| format!("cannot read {}: {error}", program.display()))?;
        let level = if self.release { Compression::best() } else { Compression::fast() };
        let mut packer = GzEncoder::new(Vec::new(), level);
        let packed = packer.write_all(&content).and_then(|()| packer.finish());
        let packed = packed.map_err(|error| format!("cannot pack the agent: {error}"))?;
        let file = self.out.join(format!("{name}.gz"));
        write(&file, &packed)?;
        Ok(Packed { sha256: sha256(&content), size: content.len(), packed_sha256: sha256(&packed), file })
    }
}

/// In lower-case hex.
fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold(String::new(), |mut text, byte| {
        // Writing to a text can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("cargo did not set {name}"))
}

fn write(path: &Path, content: &[u8]) -> Result<(), String> {
    fs::write(path, content).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// Whether rustc here has the standard library for a target.
fn is_installed(target: &str) -> Result<bool, String> {
    let output = Command::new(variable("RUSTC")?)
        .args(["--print", "target-libdir", "--target", target])
        .output()
        .map_err(|error| format!("cannot run rustc: {error}"))?;
    let directory = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let Ok(mut entries) = fs::read_dir(directory) else { return Ok(false) };
    Ok(entries.any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))))
}

fn in_path(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|directory| directory.join(program).is_file()))
}
