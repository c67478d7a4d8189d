"""Reads a list of messages of Slack on stdin; for each null, or what is wrong with its blocks."""
import json
import sys

from slack_sdk.models.blocks import Block


def wrong(message):
    attachments = message.get("attachments", [])
    blocks = message.get("blocks", [])
    for attachment in attachments:
        blocks = blocks + attachment.get("blocks", [])
    if not blocks:
        return "no blocks"
    try:
        for given in blocks:
            block = Block.parse(given)
            if block is None:
                return f"unknown block {given}"
            block.validate_json()
            # What the library does not know of, it leaves out.
            if block.to_dict() != given:
                return f"{given} is read as {block.to_dict()}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


print(json.dumps([wrong(message) for message in json.load(sys.stdin)]))
