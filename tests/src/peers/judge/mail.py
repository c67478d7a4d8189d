"""Reads a mail on stdin: headers, the parts that are no containers, and what is wrong with any."""
import json
import sys
from email import message_from_bytes, policy

mail = message_from_bytes(sys.stdin.buffer.read(), policy=policy.default)
defects = [repr(defect) for part in mail.walk() for defect in part.defects]
for part in mail.walk():
    for name, value in part.items():
        defects += [f"{name}: {defect!r}" for defect in getattr(value, "defects", [])]
parts = [
    {"type": part.get_content_type(), "text": part.get_content()}
    for part in mail.walk()
    if not part.is_multipart()
]
print(json.dumps({"headers": [[name, str(value)] for name, value in mail.items()],
                  "type": mail.get_content_type(), "parts": parts, "defects": defects}))
