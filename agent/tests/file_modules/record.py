#!/usr/bin/env python3
"""Records what ansible-core does with the cases of cases.json: run by hand when cases are added.

usage: record.py ANSIBLE_PLAYBOOK [CASES]   (as root, umask 022; writes the `expect` of every case that has none)

A case: {"name", "module", "setup": {path: entry}, "args", "diff"?, "expect"}. ROOT stands for the case's directory. An
entry is the text of a file, {"bytes": latin-1 text}, {"directory": mode}, {"link": target}, {"hard": path}; files and
directories take "mode" too. A case may hold "steps", a list of {"module", "args"} that run one after the other.
"""
import json, os, shutil, stat, subprocess, sys, tempfile

ROOT = "/tmp/refit-oracle"


def make(root, setup):
    for name, entry in setup.items():
        path = os.path.join(root, name)
        if isinstance(entry, str):
            entry = {"text": entry}
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if "directory" in entry:
            os.makedirs(path, exist_ok=True)
            os.chmod(path, int(entry["directory"], 8))
            continue
        if "link" in entry:
            os.symlink(entry["link"].replace("ROOT", root), path)
            continue
        if "hard" in entry:
            os.link(os.path.join(root, entry["hard"]), path)
            continue
        data = entry["text"].encode() if "text" in entry else entry["bytes"].encode("latin-1")
        with open(path, "wb") as out:
            out.write(data)
        os.chmod(path, int(entry.get("mode", "0644"), 8))
        if "mtime" in entry:
            os.utime(path, (entry["mtime"], entry["mtime"]))


def tree(root):
    found = {}
    for base, dirs, files in os.walk(root):
        for name in dirs + files:
            path = os.path.join(base, name)
            key = os.path.relpath(path, root)
            info = os.lstat(path)
            mode = "%04o" % stat.S_IMODE(info.st_mode)
            if stat.S_ISLNK(info.st_mode):
                found[key] = {"link": os.readlink(path).replace(root, "ROOT")}
            elif stat.S_ISDIR(info.st_mode):
                found[key] = {"directory": mode}
            else:
                with open(path, "rb") as file:
                    data = file.read()
                try:
                    found[key] = {"text": data.decode(), "mode": mode}
                except UnicodeDecodeError:
                    found[key] = {"bytes": data.decode("latin-1"), "mode": mode}
    return dict(sorted(found.items()))


def replace(value, old, new):
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, list):
        return [replace(item, old, new) for item in value]
    if isinstance(value, dict):
        return {replace(key, old, new): replace(item, old, new) for key, item in value.items()}
    return value


def main():
    program = sys.argv[1]
    where = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(__file__), "cases.json")
    with open(where) as file:
        cases = json.load(file)
    os.umask(0o022)
    shutil.rmtree(ROOT, ignore_errors=True)
    os.makedirs(ROOT)
    todo = [case for case in cases if "expect" not in case]
    tasks, names = [], []
    for number, case in enumerate(todo):
        root = f"{ROOT}/{number}"
        os.makedirs(root)
        make(root, case.get("setup", {}))
        steps = case.get("steps") or [{"module": case["module"], "args": case["args"]}]
        for index, step in enumerate(steps):
            register = f"r{number}_{index}"
            names.append((number, register))
            tasks.append({"name": case["name"], step["module"] if "." in step["module"] else "ansible.builtin." + step["module"]: replace(step["args"], "ROOT", root),
                          "register": register, "ignore_errors": True, "diff": True})
    out = f"{ROOT}/out.json"
    tasks.append({"copy": {"dest": out, "content": "{{ { " + ", ".join(f"'{n}': {n}" for _, n in names) + " } | to_json }}"},
                  "diff": False})
    play = [{"hosts": "localhost", "gather_facts": False, "connection": "local", "tasks": tasks}]
    with open(f"{ROOT}/play.yml", "w") as file:
        json.dump(play, file)
    env = dict(os.environ, ANSIBLE_RETRY_FILES_ENABLED="0", ANSIBLE_LOCALHOST_WARNING="0",
               ANSIBLE_INVENTORY_UNPARSED_WARNING="0", ANSIBLE_DEPRECATION_WARNINGS="0")
    done = subprocess.run([program, f"{ROOT}/play.yml"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if not os.path.exists(out):
        sys.exit(done.stdout[-5000:])
    with open(out) as file:
        results = json.load(file)
    for number, case in enumerate(todo):
        root = f"{ROOT}/{number}"
        got = [replace(results[register], root, "ROOT") for n, register in names if n == number]
        for result in got:
            for name in ("invocation", "exception", "deprecations", "diff", "warnings", "stdout_lines", "stderr_lines"):
                result.pop(name, None)
            if "/.ansible/tmp" in str(result.get("src", "")):
                del result["src"]
        case["expect"] = {"results": got, "tree": tree(root)}
    with open(where, "w") as file:
        json.dump(cases, file, indent=1)
        file.write("\n")


main()
