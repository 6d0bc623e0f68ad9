#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the argument table of the agent and the API reference page from the interface file.

  gen_api.py header INTERFACE OUT        enum api_method_id
  gen_api.py table INTERFACE OUT         const table for agent/api/api_check.c
  gen_api.py reference INTERFACE ERRORS OUT [--check]
                                         ERRORS: JSON printed by cps-error-table; --check compares
                                         with OUT instead of writing it
"""
import json
import sys

PATTERNS = {
    None: "API_CHARS_ANY",
    "^[^\\u0000-\\u001f\\u007f]+$": "API_CHARS_TEXT",
    "^[!-~]+$": "API_CHARS_VISIBLE",
    "^[a-z0-9][a-z0-9-]*$": "API_CHARS_PROFILE",
    "^[0-9A-Za-z/]+$": "API_CHARS_NATIONAL_ID",
}
KNOWN = {
    "string": {"type", "description", "minLength", "maxLength", "pattern", "enum", "default"},
    "integer": {"type", "description", "minimum", "maximum", "default"},
    "boolean": {"type", "description"},
    "object": {"type", "description", "properties", "required", "additionalProperties"},
    "array": {"type", "description", "items", "maxItems", "uniqueItems"},
}
BANNER = "/* Made by tools/gen_api.py from docs/api/cps-agent.openrpc.json: do not edit. */\n"


def fail(message):
    sys.exit(f"gen_api.py: {message}")


def c_text(text):
    return "NULL" if text is None else json.dumps(text)


def method_id(name):
    return "API_" + name.replace(".", "_").upper()


class Table:
    """C text of the arrays that the method table points to."""

    def __init__(self):
        self.arrays = []

    def add(self, kind, prefix, items, end):
        name = f"{prefix}{len(self.arrays)}"
        body = "".join(f"    {item},\n" for item in items + [end])
        self.arrays.append(f"static const {kind}{name}[] = {{\n{body}}};\n")
        return name

    def values(self, schema):
        if "enum" not in schema:
            return "NULL"
        return self.add("char *const ", "values_", [c_text(v) for v in schema["enum"]], "NULL")

    def param(self, name, required, schema):
        fields = {"name": c_text(name), "required": "true" if required else "false"}
        if "oneOf" in schema:
            self.identifier(name, schema, fields)
        else:
            kind = schema["type"]
            if set(schema) - KNOWN[kind]:
                fail(f"{name}: the C check does not know {set(schema) - KNOWN[kind]}")
            getattr(self, kind)(name, schema, fields)
        return "{" + ", ".join(f".{k} = {v}" for k, v in fields.items()) + "}"

    @staticmethod
    def identifier(name, schema, fields):
        kinds = sorted(s["type"] for s in schema["oneOf"])
        if kinds != ["integer", "string"]:
            fail(f"{name}: only string or integer may be alternatives")
        longest = next(s["maxLength"] for s in schema["oneOf"] if s["type"] == "string")
        fields.update(type="API_ID", max=longest)

    def string(self, name, schema, fields):
        if "maxLength" not in schema and "enum" not in schema:
            fail(f"{name}: a string needs maxLength or enum")
        if schema.get("pattern") not in PATTERNS:
            fail(f"{name}: unknown pattern {schema['pattern']}")
        longest = schema.get("maxLength") or max(map(len, schema["enum"]))
        fields.update(type="API_STRING", chars=PATTERNS[schema.get("pattern")],
                      min=schema.get("minLength", 1 if "pattern" in schema else 0), max=longest, values=self.values(schema),
                      default_text=c_text(schema.get("default")))

    @staticmethod
    def integer(name, schema, fields):
        if "minimum" not in schema or "maximum" not in schema:
            fail(f"{name}: an integer needs minimum and maximum")
        fields.update(type="API_INTEGER", min=schema["minimum"], max=schema["maximum"],
                      default_int=schema.get("default", 0))

    @staticmethod
    def boolean(_name, _schema, fields):
        fields.update(type="API_BOOLEAN")

    def object(self, name, schema, fields):
        if schema.get("additionalProperties") is not False:
            fail(f"{name}: a parameter object must be closed")
        needed = schema.get("required", [])
        members = [self.param(k, k in needed, s) for k, s in schema["properties"].items()]
        array = self.add("struct api_param ", "members_", members, "{.name = NULL}")
        fields.update(type="API_OBJECT", params=array)

    def array(self, name, schema, fields):
        if schema["items"].get("type") != "string" or "enum" not in schema["items"] \
                or "maxItems" not in schema or schema.get("uniqueItems") is not True:
            fail(f"{name}: only bounded sets of named strings are known")
        fields.update(type="API_STRINGS", max=schema["maxItems"],
                      values=self.values(schema["items"]))


def header(api):
    ids = "".join(f"    {method_id(m['name'])},\n" for m in api["methods"])
    return (f"{BANNER}#ifndef API_METHODS_H\n#define API_METHODS_H\n\nenum api_method_id {{\n{ids}"
            "    API_METHOD_COUNT\n};\n\n#endif\n")


def table(api):
    arrays = Table()
    features = json.dumps([m["name"] for m in api["methods"]], separators=(",", ":"))
    methods = []
    for method in api["methods"]:
        params = [arrays.param(p["name"], p.get("required", False), p["schema"])
                  for p in method["params"] + api["x-common-params"]]
        name = arrays.add("struct api_param ", "params_", params, "{.name = NULL}")
        methods.append(f"    [{method_id(method['name'])}] = {{.id = {method_id(method['name'])}, "
                       f".name = {c_text(method['name'])}, .params = {name}, "
                       f".default_deadline_ms = {method['x-default-deadline-ms']}, "
                       f".interactive = {'true' if method['x-interactive'] else 'false'}}},\n")
    return (f'{BANNER}#include "agent/api/api_check.h"\n\n' + "\n".join(arrays.arrays)
            + "\nconst struct api_method api_methods[] = {\n" + "".join(methods) + "};\n\n"
            + f"const char api_features[] = {c_text(features)};\n")


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    verb, interface, *rest = sys.argv[1:]
    with open(interface, encoding="utf-8") as file:
        api = json.load(file)
    check = "--check" in rest
    rest = [r for r in rest if r != "--check"]
    if verb in ("header", "table"):
        text = {"header": header, "table": table}[verb](api)
    elif verb == "reference":
        import api_reference  # beside this file
        with open(rest[0], encoding="utf-8") as file:
            text = api_reference.page(api, json.load(file))
    else:
        sys.exit(__doc__)
    if check:
        with open(rest[-1], encoding="utf-8") as file:
            if file.read() != text:
                fail(f"{rest[-1]} is not up to date: build the target api-reference")
        return
    with open(rest[-1], "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
