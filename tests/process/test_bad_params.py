# SPDX-License-Identifier: Apache-2.0
"""Wrong parameters of every method, made from the interface file: refused by name, none served."""
import json
import pathlib
import re

import pytest

from cpsworld.agent import Agent, RpcError

INTERFACE = json.loads(
    (pathlib.Path(__file__).parents[2] / "docs/api/cps-agent.openrpc.json").read_text())
METHODS = {method["name"]: method for method in INTERFACE["methods"]}
COMMON = INTERFACE["x-common-params"]
RIGHT = {"string": "abcdefgh", "integer": 1, "boolean": True, "object": {}, "array": []}
WRONG = [None, True, 0.5, 1e300, -1.0, "", "\x01", "x" * 2000, "é", [], ["x"], [[]], {}, {"a": 1},
         -1, 2**62, 0, 1]


def fits(schema, value):
    """What the interface file says of a value: an independent reading, for the shapes it uses."""
    if "oneOf" in schema:
        return any(fits(one, value) for one in schema["oneOf"])
    kind = schema["type"]
    if kind == "string":
        right = isinstance(value, str)
        low, high = schema.get("minLength", 0), schema.get("maxLength", 1 << 20)
        if "pattern" in schema:
            right = right and re.fullmatch(schema["pattern"].strip("^$"), value) is not None
        return right and low <= len(value) <= high and value in schema.get("enum", [value])
    if kind == "integer":
        return (isinstance(value, int) and not isinstance(value, bool)
                and schema.get("minimum", value) <= value <= schema.get("maximum", value))
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "array":
        return (isinstance(value, list) and len(value) <= schema.get("maxItems", 1 << 20)
                and all(fits(schema["items"], item) for item in value)
                and len(set(map(json.dumps, value))) == len(value))
    assert kind == "object"
    properties = schema["properties"]
    return (isinstance(value, dict) and set(value) <= set(properties)
            and set(schema.get("required", [])) <= set(value)
            and all(fits(properties[name], item) for name, item in value.items()))


def right_value(schema):
    if "oneOf" in schema:
        schema = schema["oneOf"][0]
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "object":
        return {name: right_value(schema["properties"][name])
                for name in schema.get("required", [])}
    return RIGHT[schema["type"]]


def required(method):
    return {p["name"]: right_value(p["schema"]) for p in method["params"] if p.get("required")}


def wrong_calls():
    """(method, params, name that the refusal must give)."""
    for name, method in METHODS.items():
        base = required(method)
        yield name, {**base, "nonsense": 1}, "unknown"
        for missing in base:
            yield name, {k: v for k, v in base.items() if k != missing}, missing
        for param in method["params"] + COMMON:
            for value in WRONG:
                if not fits(param["schema"], value):
                    yield name, {**base, param["name"]: value}, param["name"]
            yield from wrong_members(name, base, param)


def wrong_members(method, base, param):
    """Each member of an object parameter in turn."""
    schema = param["schema"]
    if schema.get("type") != "object":
        return
    whole = right_value(schema)
    yield method, {**base, param["name"]: {**whole, "nonsense": 1}}, "unknown"
    for name, member in schema["properties"].items():
        for value in WRONG:
            if not fits(member, value):
                yield method, {**base, param["name"]: {**whole, name: value}}, name


@pytest.fixture(scope="module")
def agent():
    with Agent() as it:
        yield it


@pytest.mark.parametrize("method", METHODS)
def test_wrong_parameters_are_refused_by_name(agent, method):
    calls = [(params, name) for owner, params, name in wrong_calls() if owner == method]
    assert len(calls) > 30
    with agent.client() as client:
        for params, name in calls:
            with pytest.raises(RpcError) as caught:
                client.call(method, timeout_s=30, **params)
            assert caught.value.name == "INVALID_PARAMS", params
            assert caught.value.number == -32602
            # An object may be refused for a member that it lacks.
            assert caught.value.data["reason"] in (name, *nested(method, name)), params
        assert client.call("session.current")["session"] is None


def nested(method, name):
    """Required members of that object parameter; "unknown" for what it should not hold."""
    for param in METHODS[method]["params"]:
        if param["name"] == name and param["schema"].get("type") == "object":
            return [*param["schema"].get("required", []), "unknown"]
    return []


@pytest.mark.parametrize("method", METHODS)
def test_right_parameters_are_not_refused(agent, method):
    """The same generator, the other way: it would see checks that refuse everything."""
    with agent.client() as client:
        for extra in [{}, {"interaction": "none"}, {"deadline_ms": 1000}]:
            try:
                client.call(method, timeout_s=30, **{"interaction": "none",
                                                    **required(METHODS[method]), **extra})
            except RpcError as error:
                assert error.name not in ("INVALID_PARAMS", "INTERNAL"), error
                assert error.name in METHODS[method]["x-errors"] + INTERFACE["x-common-errors"]


def test_an_unknown_parameter_is_named_when_it_can_be(agent):
    with agent.client() as client:
        for name, told in (("epoc", "epoc"), ("x" * 65, "?"), ("a\u202eb", "?"), ("", "?")):
            with pytest.raises(RpcError) as caught:
                client.call("status", **{name: 1})
            assert caught.value.data["causes"] == [f"{told}: no such parameter"]


def test_defaults_and_edges(agent):
    with agent.client() as client:
        assert client.call("subscribe")["events"] == ["reader", "card", "session", "desktop",
                                                      "health"]
        assert client.call("subscribe", events=["session"])["events"] == ["session"]
        assert client.call("subscribe", events=[])["events"] == []
        for repeated in (["card", "card"], ["card", "session", "card"]):
            with pytest.raises(RpcError, match="INVALID_PARAMS"):
                client.call("subscribe", events=repeated)
        client.call("status", deadline_ms=600000)
        with pytest.raises(RpcError, match="INVALID_PARAMS"):
            client.call("status", deadline_ms=600001)
        with pytest.raises(RpcError, match="PROVIDER_UNKNOWN"):
            client.call("session.login", method="ecps", national_id="899700001011")
        with pytest.raises(RpcError) as caught:
            client.call("session.login", method="ecps")
        assert caught.value.data["reason"] == "national_id"
