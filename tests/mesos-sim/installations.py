"""The scenarios of clusters that are installed or secured in another way than the rest."""

import json
import os
import subprocess

from cluster import CLUSTER, FIRST, PROJECT, TARGET, Watch, check
from registry import scenario
from upgrades import boot

LINK = "/opt/mesos"
ARCHIVED = {
    "mesos_installer": "archive",
    "mesos_master_program": f"{LINK}/sbin/mesos-master",
    "mesos_slave_program": f"{LINK}/sbin/mesos-agent",
    "mesos_scheduler_library": f"{LINK}/lib/libmesos.so",
    "mesos_executor_files": [f"{LINK}/lib/libmesos.so"],
}


def archive(cluster, version):
    """A gzipped tar of that version, on the controller."""
    path = os.path.join(cluster.files, f"mesos-{version}.tar.gz")
    script = f"d=$(mktemp -d) && dpkg-deb -x /srv/apt/mesos_{version}_all.deb $d && tar -C $d/usr -cz bin lib libexec sbin"
    with open(path, "wb") as file:
        subprocess.run([CLUSTER, "ssh", cluster.directory, cluster.names("master")[0], script], stdout=file, check=True)
    return path


def move_to_archive(cluster):
    """Has all daemons run from below /opt, where the first version is unpacked beside a link to it."""
    script = f"""
        set -e
        d=$(mktemp -d) && dpkg-deb -x /srv/apt/mesos_{FIRST}_all.deb $d && mv $d/usr {LINK}-{FIRST} && ln -s {LINK}-{FIRST} {LINK}
        for kind in master slave; do
            dir=/etc/systemd/system/mesos-$kind.service.d
            mkdir -p $dir && printf '[Service]\\nExecStart=\\nExecStart={LINK}/bin/mesos-init-wrapper %s\\n' $kind >$dir/archive.conf
        done
        sed -i 's,^MESOS_NATIVE_JAVA_LIBRARY=.*,MESOS_NATIVE_JAVA_LIBRARY={LINK}/lib/libmesos.so,' /etc/default/marathon
        systemctl daemon-reload
        for unit in mesos-master mesos-slave marathon; do ! systemctl -q is-active $unit || systemctl restart $unit; done
    """
    for name in cluster.all_names():
        cluster.ssh(name, script)
    cluster.wait(90)


@scenario("refit", "ansible")
def archive_upgrade(place, engine, options):
    """Mesos from an archive that is unpacked beside the old version, which stays; one that was unpacked in part only is unpacked
    again."""
    cluster = boot(os.path.join(place, engine), options)
    try:
        move_to_archive(cluster)
        # What a run leaves that was killed while it unpacked.
        cluster.ssh("agent1", f"mkdir -p {LINK}-{TARGET}/sbin")
        variables = {**ARCHIVED, "mesos_archive": archive(cluster, TARGET)}
        if engine == "refit":
            before = cluster.end_state()
            planned = cluster.run(engine, "mesos-upgrade.yml", "-C", **variables)
            check(planned.code == 0, f"the plan ends with {planned.code}")
            check(cluster.end_state() == before, "the plan changed something")
        with Watch(cluster):
            done = cluster.run(engine, "mesos-upgrade.yml", **variables)
            check(done.code == 0, f"{engine} ends with {done.code}")
            cluster.check_upgraded()
        for name in cluster.all_names():
            links = cluster.ssh(name, f"readlink -f {LINK}; ls -d {LINK}-*").split()
            check(links == [f"{LINK}-{TARGET}", f"{LINK}-{TARGET}", f"{LINK}-{FIRST}"], f"{name} has {links}")
        again = cluster.run(engine, "mesos-upgrade.yml", *(("--output", "ansible") if engine == "refit" else ()), **variables)
        check(again.code == 0, f"a second run ends with {again.code}")
        check("changed=0" in again.output and "changed=1" not in again.output, "a second run changes something")
        return f"{done.seconds:.0f} s, {cluster.compare_end(place, engine)}"
    finally:
        cluster.down()


WHO = {"principal": "operator", "secret": "lab-secret"}
SECURED = {
    "mesos_scheme": "https",
    "mesos_principal": WHO["principal"],
    "mesos_secret": WHO["secret"],
    "mesos_ca_path": "/etc/mesos/tls/ca.pem",
    "mesos_client_cert": "/etc/mesos/tls/host.pem",
    "mesos_client_key": "/etc/mesos/tls/host.key",
}


def secure(cluster):
    """Has all masters and agents speak nothing but TLS, want a certificate from who talks to them, and name and password."""
    tls = os.path.join(cluster.files, "tls")
    os.makedirs(tls)
    names = [line.split()[1] for line in open(os.path.join(cluster.directory, "names"))]
    ips = [open(os.path.join(cluster.directory, "hosts", name, "address")).read().strip() for name in names]
    script = f"""
        set -e
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=lab-ca -keyout ca.key -out ca.pem
        openssl req -newkey rsa:2048 -nodes -subj /CN=mesos.lab -keyout host.key -out host.csr
        echo 'subjectAltName={",".join(f"IP:{ip}" for ip in ips)}' >names
        openssl x509 -req -in host.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out host.pem
    """
    subprocess.run(["sh", "-c", script], cwd=tls, check=True, capture_output=True)
    with open(os.path.join(tls, "credentials"), "w") as file:
        json.dump({"credentials": [WHO]}, file)
    settings = """
        set -e
        mkdir -p /etc/mesos/tls && tar -C /etc/mesos/tls -x
        cat >>/etc/default/mesos <<END
LIBPROCESS_SSL_ENABLED=1
LIBPROCESS_SSL_CERT_FILE=/etc/mesos/tls/host.pem
LIBPROCESS_SSL_KEY_FILE=/etc/mesos/tls/host.key
LIBPROCESS_SSL_REQUIRE_CERT=1
LIBPROCESS_SSL_CA_FILE=/etc/mesos/tls/ca.pem
END
        for kind in master:credentials slave:http_credentials; do
            cd /etc/mesos-${kind%:*}
            echo true | tee authenticate_http_readonly >authenticate_http_readwrite
            echo /etc/mesos/tls/credentials >${kind#*:}
        done
        for unit in mesos-master mesos-slave; do ! systemctl -q is-active $unit || systemctl restart $unit; done
    """
    for name in cluster.all_names():
        files = subprocess.run(["tar", "-C", tls, "-c", "ca.pem", "host.pem", "host.key", "credentials"], capture_output=True, check=True)
        subprocess.run([CLUSTER, "ssh", cluster.directory, name, settings], input=files.stdout, check=True)
    with open(os.path.join(cluster.directory, "access.json"), "w") as file:
        json.dump({**WHO, "certificate": os.path.join(tls, "host.pem"), "key": os.path.join(tls, "host.key")}, file)
    cluster.wait(90)


@scenario("refit", "ansible")
def secured_upgrade(place, engine, options):
    """Masters and agents that speak only TLS, want a certificate, name and password: refused without, upgraded with; agents are
    drained, so that something is told, too."""
    cluster = boot(os.path.join(place, engine), options)
    try:
        secure(cluster)
        refused = cluster.run(engine, "mesos-upgrade.yml", **{**SECURED, "mesos_secret": "wrong"})
        check(refused.code not in (0, 1, 250), f"with a wrong password the run ends with {refused.code}")
        for words in ("The masters refuse to be asked", "401", "mesos_principal"):
            check(words in refused.output, f"the run does not say {words!r}")
        check(set(cluster.versions("master").values()) == {FIRST}, "a master was restarted with a wrong password")
        variables = {**SECURED, "mesos_slave_drain": "drain"}
        with Watch(cluster, "--tasks-may-die"):
            done = cluster.run(engine, "mesos-upgrade.yml", **variables)
            check(done.code == 0, f"{engine} ends with {done.code}")
            cluster.check_upgraded()
        check(WHO["secret"] not in done.output, "the run prints the password")
        return f"refused without in {refused.seconds:.0f} s, {done.seconds:.0f} s"
    finally:
        cluster.down()


DISCOVERY = """
- hosts: mesos_agents
  gather_facts: false
  tasks:
    - name: Find the masters
      ansible.builtin.include_role: {name: mesos_common, tasks_from: discover}

    - name: Ask the one that leads
      ansible.builtin.include_role: {name: mesos_common, tasks_from: ask}
      vars:
        mesos_call: {type: GET_MASTER}

    - name: Say what was found
      ansible.builtin.debug:
        msg: "FOUND {{ mesos_masters | join(',') }} LED BY {{ mesos_leader }}"
"""


@scenario("refit", "ansible")
def masters_discovered(place, engine, options):
    """The masters are found in ZooKeeper's nodes instead of the inventory, and the one that leads answers."""
    cluster = boot(os.path.join(place, engine), options)
    try:
        addresses = {name: cluster.ssh(name, "cat /etc/mesos-master/ip") for name in cluster.names("master")}
        playbook = os.path.join(cluster.files, "discovery.yml")
        os.symlink(os.path.join(PROJECT, "roles"), os.path.join(cluster.files, "roles"))
        with open(playbook, "w") as file:
            file.write(DISCOVERY)
        done = cluster.run(engine, playbook)
        check(done.code == 0, f"{engine} ends with {done.code}")
        masters = ",".join(sorted(f"{ip}:5050" for ip in addresses.values()))
        words = f"FOUND {masters} LED BY {addresses[cluster.leader()]}:5050"
        check(words in done.output, f"the run does not say {words!r}")
        return f"{done.seconds:.0f} s"
    finally:
        cluster.down()
