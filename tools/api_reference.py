# SPDX-License-Identifier: Apache-2.0
"""The API reference page, in Markdown, from the interface file and the error catalogue."""

INTRO = """<!-- Made by tools/gen_api.py: edit cps-agent.openrpc.json or base/error.c instead. -->
# cps-agent: API reference

{description}

A connection best starts with `hello`, which finds out whether both speak the same version; one without
it speaks version 1. Any number of requests may be under way at once; each is
answered once, at its deadline at the latest, and answers may overtake one another. Ids are strings (64 characters at most) or integers,
and two requests under way on one connection may not share one. Closing the connection cancels its
requests.

```
→ {{"jsonrpc":"2.0","id":1,"method":"hello","params":{{"protocol":1,"client":{{"name":"dpi"}}}}}}
→ {{"jsonrpc":"2.0","id":2,"method":"session.login","params":{{"method":"card"}}}}
→ {{"jsonrpc":"2.0","id":3,"method":"statement.get","params":{{"audience":"https://dpi.example","nonce":"n-0S6_WzA2Mj"}}}}
```

A failed request carries `{{"code": number, "message": text, "data": …}}`; `data` is an
[Error](#error), and its `name` is what programs compare. An agent may add members to results and
notifications: ignore those you do not know.

Every method takes these parameters too:

"""


PATTERNS = {
    "^[^\\u0000-\\u001f\\u007f]+$": "no control character",
    "^[!-~]+$": "visible ASCII, no space",
    "^[a-z0-9][a-z0-9-]*$": "`a`–`z`, `0`–`9`, `-`",
    "^[0-9A-Za-z/]+$": "ASCII letters, digits, `/`",
    "^[0-9]{2}$": "two digits",
}


def link(name):
    return f"[{name}](#{name.lower()})"


def bounds(schema):
    parts = []
    if "minLength" in schema or "maxLength" in schema:
        least = schema.get("minLength", 1 if "pattern" in schema else 0)
        parts.append(f"{least}–{schema['maxLength']} characters")
    if "maximum" in schema:
        parts.append(f"{schema['minimum']}–{schema['maximum']}")
    if "pattern" in schema:
        parts.append(PATTERNS[schema["pattern"]])
    if "maxItems" in schema:
        parts.append(f"at most {schema['maxItems']} items")
    return ", ".join(parts)


def kind(schema):
    """The type in a few words."""
    if "$ref" in schema:
        return link(schema["$ref"].rsplit("/", 1)[1])
    if "oneOf" in schema:
        return " or ".join(kind(s) for s in schema["oneOf"])
    if "enum" in schema:
        return " \\| ".join(f"`{v}`" for v in schema["enum"])
    if schema["type"] == "array":
        return f"array of {kind(schema['items'])}"
    return schema["type"]


def row(name, required, schema, description):
    notes = [description] if description else []
    if bounds(schema):
        notes.append(f"({bounds(schema)})")
    if "default" in schema:
        notes.append(f"Default: `{schema['default']}`.")
    return f"| `{name}` | {kind(schema)} | {'yes' if required else ''} | {' '.join(notes)} |\n"


def nested(schema):
    """The object inside, if any: itself, or the one among alternatives."""
    if "properties" in schema:
        return schema
    return next((s for s in schema.get("oneOf", []) if "properties" in s), None)


def member_rows(schema, prefix=""):
    text = ""
    needed = schema.get("required", [])
    for name, member in schema["properties"].items():
        text += row(prefix + name, name in needed, member, member.get("description", ""))
        inner = nested(member)
        if inner:
            text += member_rows(inner, f"{prefix}{name}.")
    return text


HEAD = "| {} | Type | {} | Meaning |\n|---|---|---|---|\n"


def param_rows(params):
    text = HEAD.format("Parameter", "Required")
    for param in params:
        text += row(param["name"], param.get("required"), param["schema"], param["description"])
        if "properties" in param["schema"]:
            text += member_rows(param["schema"], f"{param['name']}.")
    return text


def members(schema):
    if not schema.get("properties"):
        return ""
    return HEAD.format("Member", "Always") + member_rows(schema)


def method(entry):
    text = f"### {entry['name']}\n\n{entry['summary']}. {entry['description']}".rstrip() + "\n\n"
    if entry["params"]:
        text += param_rows(entry["params"]) + "\n"
    schema = entry["result"]["schema"]
    if "$ref" in schema:
        text += f"Result: a {kind(schema)}.\n\n"
    else:
        text += "Result:\n\n" + members(schema) + "\n"
    if entry["x-errors"]:
        text += "Errors: " + ", ".join(f"`{e}`" for e in entry["x-errors"]) + ".\n\n"
    seconds = entry["x-default-deadline-ms"] // 1000
    asks = " It may ask the user something." if entry["x-interactive"] else ""
    return text + f"Answered within {seconds} s unless `deadline_ms` says otherwise.{asks}\n\n"


def check_names(api, known):
    used = set(api["x-common-errors"])
    for entry in api["methods"]:
        used.update(entry["x-errors"])
    if used - known:
        raise SystemExit(f"the error catalogue lacks {sorted(used - known)}")


def error_rows(errors):
    text = "| Name | Number | Français | English |\n|---|---|---|---|\n"
    for e in errors:
        text += (f"| `{e['name']}` | {e['number']} | {e['message_fr']} *{e['advice_fr']}* "
                 f"| {e['message_en']} *{e['advice_en']}* |\n")
    return text


def page(api, errors):
    check_names(api, {e["name"] for e in errors})
    text = INTRO.format(description=api["info"]["description"])
    text += param_rows(api["x-common-params"]) + "\nEvery method can fail with "
    text += ", ".join(f"`{e}`" for e in api["x-common-errors"]) + ".\n\n## Methods\n\n"
    text += "".join(method(m) for m in api["methods"])
    text += "## Notifications\n\n"
    for note in api["x-notifications"]:
        text += f"### {note['name']}\n\n{note['summary']}\n\n{members(note['params'])}\n"
    text += "## Shapes\n\n"
    for name, schema in api["components"]["schemas"].items():
        text += f"### {name}\n\n{schema['description']}\n\n{members(schema)}".rstrip() + "\n\n"
    return text + "## Errors\n\nIn italics, the one action advised.\n\n" + error_rows(errors)
