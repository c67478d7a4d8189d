"""Parses a list of texts on stdin as HTML, by TDLib, which talks to nobody for that."""
import ctypes
import json
import sys

library = ctypes.CDLL("./libtdjson.so")
library.td_execute.restype = ctypes.c_char_p
library.td_execute.argtypes = [ctypes.c_char_p]


def ask(**request):
    request["@type"] = request.pop("type")
    return json.loads(library.td_execute(json.dumps(request).encode()))


ask(type="setLogVerbosityLevel", new_verbosity_level=0)
read = []
for text in json.load(sys.stdin):
    answer = ask(type="parseTextEntities", text=text, parse_mode={"@type": "textParseModeHTML"})
    if answer["@type"] == "error":
        read.append({"error": answer["message"]})
    else:
        # What a client makes of words by itself: mentions, commands, links.
        detected = ask(type="getTextEntities", text=answer["text"])["entities"]
        read.append({"text": answer["text"], "entities": answer["entities"], "detected": detected})
print(json.dumps(read))
