# SPDX-License-Identifier: Apache-2.0
"""The interface file as a judge: does an answer have the shape that the documentation promises?"""
import json
import re

from .paths import SOURCE_DIR

API = json.loads((SOURCE_DIR / "docs" / "api" / "cps-agent.openrpc.json").read_text())
METHODS = {method["name"]: method for method in API["methods"]}
NOTIFICATIONS = {note["name"]: note for note in API["x-notifications"]}
SCHEMAS = API["components"]["schemas"]

KINDS = {
    "object": lambda v: isinstance(v, dict), "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str), "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "null": lambda v: v is None}


def problems(value, schema, where="result"):
    """What is wrong, as lines; the members of an object must all be documented."""
    if "$ref" in schema:
        return problems(value, SCHEMAS[schema["$ref"].rsplit("/", 1)[1]], where)
    if "oneOf" in schema:
        tries = [problems(value, choice, where) for choice in schema["oneOf"]]
        return [] if [] in tries else min(tries, key=len)
    if not KINDS[schema["type"]](value):
        return [f"{where}: {value!r} is not of type {schema['type']}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where}: {value!r} is not one of {schema['enum']}")
    if "minimum" in schema and value < schema["minimum"]:
        found.append(f"{where}: {value} is too small")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{where}: {value!r} does not match {schema['pattern']}")
    if schema["type"] == "array":
        for index, item in enumerate(value):
            found += problems(item, schema["items"], f"{where}[{index}]")
    if schema["type"] == "object":
        found += object_problems(value, schema, where)
    return found


def object_problems(value, schema, where):
    found = [f"{where}.{name} is missing" for name in schema.get("required", [])
             if name not in value]
    members = schema.get("properties")
    for name, item in value.items() if members else ():
        if name in members:
            found += problems(item, members[name], f"{where}.{name}")
        else:
            found.append(f"{where}.{name} is not documented")
    return found


def result_problems(method, result):
    return problems(result, METHODS[method]["result"]["schema"], method)


def notification_problems(message):
    note = NOTIFICATIONS.get(message["method"])
    if note is None:
        return [f"{message['method']} is not documented"]
    return problems(message["params"], note["params"], message["method"])


def error_problems(method, data):
    """An error must be of the shape Error, and among those documented for the method."""
    found = problems(data, SCHEMAS["Error"], f"{method} error")
    if data["name"] not in METHODS[method]["x-errors"] + API["x-common-errors"]:
        found.append(f"{method}: {data['name']} is not among its errors")
    return found
