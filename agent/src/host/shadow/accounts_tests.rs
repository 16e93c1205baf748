//! The foreseen users and groups, on top of those of the machine that runs the tests.

use super::super::permissions::Identity;
use super::super::{Overlay, Shadow as ShadowHost};
use super::*;
use crate::host::{Context, HostError, Kind};
use std::path::Path;
use std::sync::Mutex;

const NAME: &str = "refit-test-ann";

fn root() -> ShadowHost {
    ShadowHost::of(Identity::root(), Context::default(), Arc::<Mutex<Overlay>>::default())
}

fn new_user(fields: UserChange) -> NewUser {
    NewUser { name: NAME.to_owned(), fields, ..NewUser::default() }
}

fn message<T: std::fmt::Debug>(result: HostResult<T>) -> String {
    match result {
        Err(HostError::Other { message }) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_user_that_will_exist_is_seen_with_home_groups_and_password() {
    let home = tempfile::tempdir().unwrap();
    let skeleton = home.path().join("skel");
    std::fs::create_dir_all(skeleton.join(".config")).unwrap();
    std::fs::write(skeleton.join(".profile"), "umask 022\n").unwrap();
    let shadow = root();
    let host = shadow.host();
    host.accounts.add_group(&NewGroup { name: "refit-test-web".into(), ..NewGroup::default() }).unwrap();
    let place = home.path().join("homes/ann");
    let fields = UserChange {
        groups: Some(vec!["refit-test-web".into()]),
        home: Some(place.clone()),
        password: Some("$6$hash".into()),
        ..UserChange::default()
    };
    let skeleton = Some(skeleton.to_str().unwrap().to_owned());
    host.accounts.add_user(&NewUser { create_home: true, skeleton, ..new_user(fields) }).unwrap();
    let user = host.accounts.user(NAME).unwrap().unwrap();
    assert!(user.uid >= 1000 && host.accounts.user_by_id(user.uid).unwrap() == Some(user.clone()));
    assert_eq!(host.accounts.groups_of(NAME).unwrap(), ["refit-test-web"]);
    assert_eq!(host.accounts.shadow(NAME).unwrap().unwrap().password, "$6$hash");
    let stat = host.files.stat(&place, false).unwrap().unwrap();
    assert_eq!((stat.kind, stat.uid, stat.gid), (Kind::Directory, user.uid, user.gid));
    let profile = host.files.stat(&place.join(".profile"), false).unwrap().unwrap();
    assert_eq!((profile.uid, profile.gid), (user.uid, user.gid));
    assert_eq!(host.files.list(&place).unwrap(), [".config", ".profile"]);
    assert!(!place.exists());
    // Its number is not given again.
    let other = NewUser { name: "refit-test-bob".into(), ..NewUser::default() };
    host.accounts.add_user(&other).unwrap();
    assert_ne!(host.accounts.user("refit-test-bob").unwrap().unwrap().uid, user.uid);
    // What was foreseen can be told to another agent.
    let told = serde_json::to_string(&shadow.take_effects()).unwrap();
    let another = root();
    another.learn(&serde_json::from_str::<Vec<Effect>>(&told).unwrap()).unwrap();
    assert_eq!(another.host().accounts.user(NAME).unwrap(), Some(user));
    // The file itself would read otherwise.
    assert!(matches!(host.files.read(Path::new("/etc/passwd")), Err(HostError::Unknown { .. })));
}

#[test]
fn changes_and_removals_are_seen() {
    let homes = tempfile::tempdir().unwrap();
    let shadow = root();
    let host = shadow.host();
    let home = Some(homes.path().join("ann"));
    host.accounts
        .add_user(&NewUser { create_home: true, ..new_user(UserChange { home, ..UserChange::default() }) })
        .unwrap();
    let moved = homes.path().join("moved");
    let change = UserChange {
        home: Some(moved.clone()),
        move_home: true,
        shell: Some("/bin/false".into()),
        password_lock: Some(true),
        expires: Some(Some(20_000)),
        groups: Some(vec!["root".into()]),
        ..UserChange::default()
    };
    host.accounts.change_user(NAME, &change).unwrap();
    let user = host.accounts.user(NAME).unwrap().unwrap();
    assert_eq!((user.shell.as_str(), user.home.as_path()), ("/bin/false", moved.as_path()));
    assert_eq!(host.accounts.groups_of(NAME).unwrap(), ["root"]);
    let entry = host.accounts.shadow(NAME).unwrap().unwrap();
    assert_eq!((entry.password.as_str(), entry.expires), ("!", Some(20_000)));
    assert!(host.files.stat(&moved, false).unwrap().is_some());
    assert!(host.files.stat(&homes.path().join("ann"), false).unwrap().is_none());
    host.accounts.remove_user(NAME, true, false).unwrap();
    assert_eq!(host.accounts.user(NAME).unwrap(), None);
    assert_eq!(host.accounts.user_by_id(user.uid).unwrap(), None);
    assert!(host.accounts.groups_of(NAME).unwrap().is_empty());
    assert!(host.files.stat(&moved, false).unwrap().is_none());
}

#[test]
fn what_the_tools_would_refuse_is_refused() {
    let shadow = root();
    let accounts = shadow.host().accounts;
    let user = |name: &str, fields| NewUser { name: name.into(), fields, ..NewUser::default() };
    assert!(message(accounts.add_user(&user("root", UserChange::default()))).contains("already exists"));
    let taken = UserChange { uid: Some(0), ..UserChange::default() };
    assert!(message(accounts.add_user(&user(NAME, taken.clone()))).contains("not unique"));
    accounts.add_user(&user(NAME, UserChange { non_unique: true, ..taken })).unwrap();
    let group = UserChange { group: Some("refit-no-group".into()), ..UserChange::default() };
    assert!(message(accounts.add_user(&user("refit-test-bob", group))).contains("does not exist"));
    assert!(message(accounts.change_user("refit-nobody", &UserChange::default())).contains("does not exist"));
    assert!(message(accounts.remove_group("root", false)).contains("primary group"));
    assert!(message(accounts.known_user("refit-nobody")).contains("refit-nobody"));
    let nobody =
        ShadowHost::of(Identity { uid: 65_534, gid: 65_534, groups: vec![] }, Context::default(), Arc::default());
    let refused = nobody.host().accounts.add_user(&user("refit-test-cy", UserChange::default()));
    assert!(message(refused).contains("only root"));
    assert!(nobody.take_effects().is_empty());
}

#[test]
fn an_account_that_a_new_package_may_bring_is_unknown_where_it_must_exist() {
    let shadow = root();
    let step = crate::host::Step { name: "nginx".into(), old: None, new: Some("1".into()), purged: false };
    shadow.learn(&[Effect::Packages { steps: vec![step], listings: Vec::new() }]).unwrap();
    let accounts = shadow.host().accounts;
    assert!(matches!(accounts.known_user("refit-www"), Err(HostError::Unknown { .. })));
    assert!(matches!(accounts.known_group("refit-www"), Err(HostError::Unknown { .. })));
    assert!(matches!(accounts.user("nginx"), Err(HostError::Unknown { .. })));
    assert_eq!(accounts.user("refit-www").unwrap(), None, "a user that a task is about to create");
}
