#!/usr/bin/env python3
"""The other side of `make test-interop`: writes and reads records with Confluent's clients for Python.

Each line of standard input is a request and is answered by one line of standard output, both JSON:

    {"op": "produce", "kafka": BOOTSTRAP, "jobs": [JOB, ...]}  ->  {"results": [{}, ...]}
    {"op": "consume", "kafka": BOOTSTRAP, "jobs": [JOB, ...]}  ->  {"results": [{"values": [VALUE, ...]}, ...]}

A job is about one topic, of one partition. Where it fails there is {"error": TEXT} in its place. Its fields:

    topic       the topic
    side        "value", or "key", which leaves the value null
    format      "avro", "protobuf", "jsonschema", or "json", which needs no registry
    registry    the registry's URL; none is for Protobuf, whose reader can do without
    schema      Avro and JSON Schema: the text; to read with, it may be missing
    references  what the text refers to, as {"name", "subject", "version"}
    message     Protobuf: the full name of the message
    config      properties of the serializer or deserializer
    form        "header" writes the schema's GUID in a header
    branches    reading Avro: name the record that a union's value is
    values      produce: what to write, see tagged.py; Protobuf in its JSON mapping; null is no value
    count       consume: how many records there are
"""

import importlib
import json
import pathlib
import sys
import tempfile
import time

import grpc_tools
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.schema_registry import (
    Schema,
    SchemaReference,
    SchemaRegistryClient,
    confluent,
    header_schema_id_serializer,
    record_subject_name_strategy,
    topic_record_subject_name_strategy,
    topic_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.confluent import meta_pb2
from confluent_kafka.schema_registry.confluent.type import decimal_pb2, variant_pb2
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.type import date_pb2
from grpc_tools import protoc

import tagged

PROTO = pathlib.Path(__file__).with_name("proto")
PATIENCE_SECONDS = 100
SIDES = {"key": MessageField.KEY, "value": MessageField.VALUE}
NAMINGS = {
    "topic": topic_subject_name_strategy,
    "record": record_subject_name_strategy,
    "topic-record": topic_record_subject_name_strategy,
}

_registries = {}


def registry(url):
    """Give the client of a registry. Without retries: a test wants to see the first error."""
    if url not in _registries:
        _registries[url] = SchemaRegistryClient({"url": url, "max.retries": 0})
    return _registries[url]


def import_messages(folder):
    """Generate and import the modules of all .proto files, which makes their messages known to protobuf."""
    files = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    # The client comes with files that schemas may import without a reference, and only as modules, at another place.
    known = descriptor_pb2.FileDescriptorSet()
    for module in (descriptor_pb2, decimal_pb2, variant_pb2, meta_pb2):
        module.DESCRIPTOR.CopyToProto(known.file.add())
    sys.modules["confluent"], sys.modules["confluent.type"] = confluent, confluent.type
    descriptors = pathlib.Path(folder, "known")
    descriptors.write_bytes(known.SerializeToString())
    paths = [PROTO, pathlib.Path(grpc_tools.__file__).with_name("_proto"), pathlib.Path(date_pb2.__file__).parents[2]]
    arguments = [*(f"-I{path}" for path in paths), f"--descriptor_set_in={descriptors}", f"--python_out={folder}"]
    if protoc.main(["protoc", *arguments, *files]) != 0:
        raise RuntimeError("protoc failed")
    sys.path.insert(0, folder)
    for file in files:
        importlib.import_module(file.removesuffix(".proto").replace("/", ".") + "_pb2")


def message_class(job):
    return message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(job["message"]))


def schema_of(job, kind):
    """Give the job's schema; a text alone where nothing is referred to, as most users have it."""
    references = [SchemaReference(r["name"], r["subject"], r["version"]) for r in job.get("references") or []]
    return Schema(job["schema"], kind, references) if references else job.get("schema")


def config_of(job):
    config = dict(job.get("config") or {})
    if "naming" in config:
        config["subject.name.strategy"] = NAMINGS[config.pop("naming")]
    return config


def serializer(job):
    """Give a function of (value, context) to bytes."""
    if job["format"] == "json":
        return lambda value, _: None if value is None else json.dumps(value).encode()
    config = config_of(job)
    if job.get("form") != "header":
        return serializer_with(job, config)
    # Registries tell the GUID when a schema is looked up, and not all of them when it is registered.
    register = serializer_with(job, config)
    config = {**config, "auto.register.schemas": False, "schema.id.serializer": header_schema_id_serializer}
    write = serializer_with(job, config)

    def register_and_write(value, context):
        register(value, context)
        return write(value, context)

    return register_and_write


def serializer_with(job, config):
    client = registry(job["registry"])
    if job["format"] == "avro":
        write = AvroSerializer(client, schema_of(job, "AVRO"), conf=config)
        return lambda value, context: write(tagged.revive(value), context)
    if job["format"] == "jsonschema":
        return JSONSerializer(schema_of(job, "JSON"), client, conf=config)
    kind = message_class(job)
    write = ProtobufSerializer(kind, client, config)
    return lambda value, context: write(None if value is None else json_format.ParseDict(value, kind()), context)


def deserializer(job):
    """Give a function of (bytes, context) to a value as JSON has it."""
    if job["format"] == "json":
        return lambda data, _: None if data is None else json.loads(data)
    client = registry(job["registry"]) if job.get("registry") else None
    config = config_of(job)
    if job["format"] == "avro":
        read = AvroDeserializer(client, schema_of(job, "AVRO"), None, job.get("branches", False), config)
        return lambda data, context: tagged.tag(read(data, context))
    if job["format"] == "jsonschema":
        return JSONDeserializer(schema_of(job, "JSON"), schema_registry_client=client, conf=config)
    read = ProtobufDeserializer(message_class(job), config, client)

    def read_message(data, context):
        message = read(data, context)
        return None if message is None else json_format.MessageToDict(message)

    return read_message


def produce(kafka, jobs):
    """Write the values of jobs."""
    producer = Producer({"bootstrap.servers": kafka, "linger.ms": 0})
    return [guarded(write_values, producer, job) for job in jobs]


def write_values(producer, job):
    side = job.get("side", "value")
    write = serializer(job)
    failures = []
    for value in job["values"]:
        context = SerializationContext(job["topic"], SIDES[side], [])
        data = write(value, context)
        producer.produce(
            job["topic"],
            partition=0,
            headers=context.headers,
            on_delivery=lambda error, _: failures.append(error) if error else None,
            **{side: data},
        )
    if producer.flush(PATIENCE_SECONDS) > 0:
        raise RuntimeError("the broker does not acknowledge")
    if failures:
        raise KafkaException(failures[0])
    return {}


def consume(kafka, jobs):
    """Read the records of jobs: of all topics at once, because a consumer takes a second to turn to another topic."""
    missing = {job["topic"]: job["count"] for job in jobs if job.get("count")}
    messages = {job["topic"]: [] for job in jobs}
    consumer = Consumer({
        "bootstrap.servers": kafka,
        "group.id": "interop",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
    })
    consumer.assign([TopicPartition(topic, 0, 0) for topic in missing])
    until = time.monotonic() + PATIENCE_SECONDS
    while missing and time.monotonic() < until:
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        topic = message.topic()
        messages[topic].append(message)
        if len(messages[topic]) == missing.get(topic):
            del missing[topic]
    consumer.close()
    return [guarded(read_values, messages[job["topic"]], job) for job in jobs]


def read_values(messages, job):
    count = job.get("count", 0)
    if len(messages) < count:
        raise RuntimeError(f"{len(messages)} of {count} records came")
    side = job.get("side", "value")
    read = deserializer(job)
    values = []
    for message in messages[:count]:
        data = message.key() if side == "key" else message.value()
        values.append(read(data, SerializationContext(job["topic"], SIDES[side], message.headers())))
    return {"values": values}


def guarded(work, *arguments):
    """Give what is done, or why not: whatever a library raises is the answer."""
    try:
        return work(*arguments)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


OPS = {"produce": produce, "consume": consume}


def answer(request):
    """Do what a request asks for."""
    return {"results": OPS[request["op"]](request["kafka"], request["jobs"])}


def main():
    with tempfile.TemporaryDirectory(prefix="troupe-interop-") as folder:
        import_messages(folder)
        for line in sys.stdin:
            print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
