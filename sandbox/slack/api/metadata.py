"""A message's metadata: an event type and its payload, as an app attaches them."""

import json

from sandbox.slack.api.call import Call
from sandbox.slack.wire import Failure, Json

BYTES_MAX = 16_384


def read_metadata(call: Call) -> Json | None:
    metadata = call.tree("metadata", "invalid_metadata_format")
    if not metadata:
        return None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_type"), str):
        raise Failure("invalid_metadata_format")
    if not isinstance(metadata.get("event_payload"), dict):
        raise Failure("invalid_metadata_schema")
    if len(json.dumps(metadata)) > BYTES_MAX:
        raise Failure("metadata_too_large")
    return metadata
