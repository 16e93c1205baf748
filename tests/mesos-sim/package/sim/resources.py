"""Resources in the three forms in which the endpoints show them."""

import re

ORDER = ("cpus", "mem", "disk", "gpus")


def parse(text):
    """`cpus:2;mem:1024;disk:2048;ports:[31000-31099]` as a dict; ports stay text."""
    found = {}
    for part in filter(None, re.split(r"[;\n]", text)):
        name, _, value = part.partition(":")
        found[name.strip()] = value.strip() if name.strip() == "ports" else float(value)
    return found


def total(each):
    found = {}
    for resources in each:
        for name, value in resources.items():
            if name != "ports":
                found[name] = round(found.get(name, 0.0) + value, 6)
    return found


def v0(resources):
    """`{"disk":..,"mem":..,"gpus":..,"cpus":..,"ports":".."}`"""
    shown = {name: float(resources.get(name, 0)) for name in ("disk", "mem", "gpus", "cpus")}
    if "ports" in resources:
        shown["ports"] = resources["ports"]
    return shown


def full(resources, **more):
    """The list of resource objects; `more` is what each has besides its value, such as `role="*"`."""
    shown = []
    for name in ORDER:
        if resources.get(name):
            shown.append({"name": name, "type": "SCALAR", "scalar": {"value": float(resources[name])}, **more})
    if "ports" in resources:
        ranges = [
            {"begin": int(begin), "end": int(end)} for begin, end in re.findall(r"(\d+)-(\d+)", resources["ports"])
        ]
        shown.append({"name": "ports", "type": "RANGES", "ranges": {"range": ranges}, **more})
    return shown


def attributes_full(attributes):
    return [{"name": name, "type": "TEXT", "text": {"value": value}} for name, value in attributes.items()]


def sorted_keys(value):
    """The registry endpoint shows all objects with their keys sorted."""
    if isinstance(value, dict):
        return {key: sorted_keys(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [sorted_keys(item) for item in value]
    return value
