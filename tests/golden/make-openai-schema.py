"""Cuts the answers, events and request fields of the endpoints that the server may have out of OpenAI's published
OpenAPI document (github.com/openai/openai-openapi; the version of August 2026), as YAML or JSON.

    python tests/golden/make-openai-schema.py openapi.json

The document is under the MIT licence (its info.license). Descriptions and examples are left out: they are most of
its bytes and validate nothing.
"""

import hashlib
import json
import pathlib
import re
import sys

import yaml

FAMILIES = [
    "audio/speech", "audio/transcriptions", "audio/translations", "batches", "chat", "completions", "conversations",
    "embeddings", "files", "fine_tuning/jobs", "models", "moderations", "responses", "vector_stores",
]
# Parts of a schema that say nothing about what is valid.
SILENT = {"description", "title", "example", "examples", "default", "deprecated", "externalDocs", "summary"}


def plain(node, inside_properties=False):
    """A schema without its prose; names of properties are not keywords."""
    if isinstance(node, list):
        return [plain(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {
        name: plain(value, inside_properties=name == "properties" and not inside_properties)
        for name, value in node.items()
        if inside_properties or (name not in SILENT and not name.startswith("x-"))
    }


def references(node):
    if isinstance(node, list):
        for one in node:
            yield from references(one)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref" and isinstance(value, str):
                yield value.rsplit("/", 1)[1]
            else:
                yield from references(value)


def fields(schema, schemas):
    """Names of a request's top-level properties."""
    if "$ref" in schema:
        return fields(schemas[schema["$ref"].rsplit("/", 1)[1]], schemas)
    found = set(schema.get("properties", {}))
    for part in [*schema.get("allOf", []), *schema.get("anyOf", []), *schema.get("oneOf", [])]:
        found |= fields(part, schemas)
    return found


def resolved(schema):
    return schemas[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema


def takes_null(schema):
    schema = resolved(schema)
    types = schema.get("type")
    if types == "null" or (isinstance(types, list) and "null" in types) or schema.get("nullable") or types is None:
        return "null" in (types or []) or bool(schema.get("nullable")) or any(
            takes_null(one) for one in [*schema.get("anyOf", []), *schema.get("oneOf", [])]
        )
    return False


def allow_nulls(schema, value, place):
    """Lets a property have what it has in a published example: the document's examples and schemas disagree there."""
    if "$ref" in schema:
        place = schema["$ref"].rsplit("/", 1)[1]
        schema = resolved(schema)
    for part in [*schema.get("allOf", []), *schema.get("anyOf", [])]:
        allow_nulls(part, value, place)
    if isinstance(value, list) and "items" in schema:
        for one in value:
            allow_nulls(schema["items"], one, place)
    elif isinstance(value, dict):
        for name, one in value.items():
            own = schema.get("properties", {}).get(name)
            if own is None:
                continue
            if one is None and not takes_null(own):
                schema["properties"][name] = {"anyOf": [own, {"type": "null"}]}
                nulled.add(f"{place}.{name}")
            # Messages that a completion answers have all roles; the values of other fields tell types apart.
            values = own.get("enum") if name == "role" else None
            if isinstance(one, str) and values is not None and one not in values:
                values.append(one)
                nulled.add(f"{place}.{name}: {one}")
            allow_nulls(own, one, f"{place}.{name}")


def published(text):
    """JSON of an example, which may have a comma too many or too few; None when it cannot be read."""
    try:
        return json.loads(re.sub(r",(\s*[}\]])", r"\1", re.sub(r'"\n(\s*)"', r'",\n\1"', text)))
    except (TypeError, ValueError):
        return None


path = pathlib.Path(sys.argv[1])
document = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
schemas = document["components"]["schemas"]
nulled = set()
for name, schema in schemas.items():
    example = published(schema.get("x-oaiMeta", {}).get("example"))
    if example is not None:
        allow_nulls({"$ref": f"#/components/schemas/{name}"}, example, name)
for methods in document["paths"].values():
    for operation in methods.values():
        for content in operation["responses"].get("200", {}).get("content", {}).values():
            meta = operation.get("x-oaiMeta", {}).get("examples", [])
            for one in meta if isinstance(meta, list) else [meta]:
                example = published(one.get("response"))
                if example is not None:
                    allow_nulls(content["schema"], example, "")
# Nothing predicts the first token of an echoed prompt: OpenAI's service, too, answers null for its log-probability.
echoed = schemas["CreateCompletionResponse"]["properties"]["choices"]["items"]["properties"]["logprobs"]["anyOf"][0]
for name in ("token_logprobs", "top_logprobs"):
    items = echoed["properties"][name]["items"]
    echoed["properties"][name]["items"] = {"anyOf": [items, {"type": "null"}]}
# The description of stream_options says that chunks have "usage" with the value null.
usage = schemas["CreateCompletionResponse"]["properties"]
usage["usage"] = {"anyOf": [usage["usage"], {"type": "null"}]}
operations = {}
for route, methods in document["paths"].items():
    if not any(route.strip("/") == name or route.startswith(f"/{name}/") for name in FAMILIES):
        continue
    for method, operation in methods.items():
        row = {}
        for kind, content in operation["responses"]["200"].get("content", {}).items():
            row[kind] = plain(content["schema"])
        for content in operation.get("requestBody", {}).get("content", {}).values():
            row["fields"] = sorted(fields(content["schema"], schemas))
        operations[f"{method.upper()} /v1{route}"] = row

wanted, waiting = {}, ["ErrorResponse", *references(operations)]
while waiting:
    name = waiting.pop()
    if name not in wanted:
        wanted[name] = plain(schemas[name])
        waiting.extend(references(wanted[name]))

source = {
    "document": f"{document['info']['title']} {document['info']['version']}",
    "licence": "MIT, Copyright (c) OpenAI, https://github.com/openai/openai-openapi/blob/master/LICENSE",
    "version": "of August 2026",
    # Properties that are null in an example of the document, or have another value, whose schema does not say so.
    "only in examples": [],
    "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
}
source["only in examples"] = sorted(one for one in nulled if one.split(".")[0] in wanted)
lines = ",\n".join(f"{json.dumps(name)}:{json.dumps(one, separators=(',', ':'), default=str)}" for name, one in sorted(wanted.items()))
rows = ",\n".join(f"{json.dumps(name)}:{json.dumps(one, separators=(',', ':'))}" for name, one in sorted(operations.items()))
pathlib.Path(__file__).with_name("openai-schema.json").write_text(
    f'{{"source":{json.dumps(source)},\n"operations":{{\n{rows}\n}},\n"schemas":{{\n{lines}\n}}}}\n'
)
