# SPDX-License-Identifier: Apache-2.0
"""Says of each file whether the SPDX project's library takes it for an SPDX 2.3 document: "accepted FILE", or
"refused FILE" with what is wrong and where.
usage: judge.py FILE..."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "python"))
from spdx_tools.spdx.parser.error import SPDXParsingError
from spdx_tools.spdx.parser.json.json_parser import parse_from_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document


def wrong(file):
    try:
        document = parse_from_file(file)
    except SPDXParsingError as e:
        return e.get_messages()
    found = validate_full_spdx_document(document, "SPDX-2.3")
    return [f"{m.context.spdx_id}: {m.validation_message}" for m in found]


for path in sys.argv[1:]:
    messages = wrong(path)
    print(f"refused {path} {'; '.join(messages)}" if messages else f"accepted {path}")
