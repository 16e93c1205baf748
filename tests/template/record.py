#!/usr/bin/env python3
"""Record what ansible-core makes of the templates in expressions.txt.

Usage: record.py > expected.jsonl, with a Python that has ansible-core (the version is written to the first line).

Each line of expressions.txt is a template, or after "when: " a condition; U+2424 stands for a newline in it. The variables are those of variables.json,
whose texts are templates too. Each line of the output is {"template", "value"}, {"template", "undefined": message} or
{"template", "error": message}. What is no JSON is recorded by its str().
"""

import json
import os
import pathlib
import sys

os.environ["ANSIBLE_DEPRECATION_WARNINGS"] = "0"
os.environ["ANSIBLE_LOCALHOST_WARNING"] = "0"
os.environ["TZ"] = "UTC"
# A fixed directory for the templates that look files up.
here = pathlib.Path(__file__).resolve().parent
os.chdir(here)
os.environ["REFIT_TEST_VARIABLE"] = "from the environment"

from ansible import release  # noqa: E402
from ansible.errors import AnsibleUndefinedVariable  # noqa: E402
from ansible.parsing.dataloader import DataLoader  # noqa: E402
from ansible.plugins.loader import init_plugin_loader  # noqa: E402
from ansible.template import Templar, trust_as_template  # noqa: E402

init_plugin_loader()


def trusted(value):
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, list):
        return [trusted(item) for item in value]
    if isinstance(value, dict):
        return {key: trusted(item) for key, item in value.items()}
    return value


def plain(value):
    if isinstance(value, dict):
        return {str(key) if not isinstance(key, (str, int, float, bool, type(None))) else key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float)):
        return value
    return str(value)


def main():
    variables = trusted(json.loads((here / "variables.json").read_text()))
    loader = DataLoader()
    loader.set_basedir(str(here))
    print(json.dumps({"ansible-core": release.__version__}))
    for line in (here / "expressions.txt").read_text().splitlines():
        if not line or line.startswith("## "):
            continue
        template = line.replace("\u2424", "\n")
        try:
            templar = Templar(loader=loader, variables=dict(variables))
            if template.startswith("when: "):
                value = templar.evaluate_conditional(trust_as_template(template.removeprefix("when: ")))
            else:
                value = templar.template(trust_as_template(template))
            result = {"template": line, "value": plain(value)}
        except AnsibleUndefinedVariable as error:
            result = {"template": line, "undefined": str(error).split("\n")[0]}
        except Exception as error:  # noqa: BLE001: whatever it is, it is recorded
            result = {"template": line, "error": str(error).split("\n")[0]}
        print(json.dumps(result))


main()
