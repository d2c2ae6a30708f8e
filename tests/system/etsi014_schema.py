# SPDX-License-Identifier: Apache-2.0
"""The data formats of ETSI GS QKD 014 V1.1.1 section 6 as tables, and a strict validator."""

import base64
import binascii
import re

UUID = re.compile(r'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}')

# member: (type, obligatory). A list of one type stands for an array of it.
KEY = {
    'key_ID': ('uuid', True),
    'key_ID_extension': ('object', False),
    'key': ('base64', True),
    'key_extension': ('object', False),
}
FORMATS = {
    'status': {
        'source_KME_ID': ('string', True),
        'target_KME_ID': ('string', True),
        'master_SAE_ID': ('string', True),
        'slave_SAE_ID': ('string', True),
        'key_size': ('integer', True),
        'stored_key_count': ('integer', True),
        'max_key_count': ('integer', True),
        'max_key_per_request': ('integer', True),
        'max_key_size': ('integer', True),
        'min_key_size': ('integer', True),
        'max_SAE_ID_count': ('integer', True),
        'status_extension': ('object', False),
    },
    'container': {
        'keys': ([KEY], True),
        'key_container_extension': ('object', False),
    },
    'error': {
        'message': ('string', True),
        'details': (['object'], False),
    },
}


def is_base64(value):
    try:
        return len(base64.b64decode(value.encode('ascii'), validate=True)) > 0
    except (binascii.Error, UnicodeEncodeError):
        return False


SCALARS = {
    'string': lambda v: isinstance(v, str) and v != '',
    'integer': lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 0,
    'object': lambda v: isinstance(v, dict),
    'uuid': lambda v: isinstance(v, str) and UUID.fullmatch(v) is not None,
    'base64': lambda v: isinstance(v, str) and is_base64(v),
}


def faults(value, kind, where):
    """Everything about value that is not as kind says."""
    if isinstance(kind, list):
        if not isinstance(value, list):
            return ['%s is no array' % where]
        return [f for i, one in enumerate(value)
                for f in faults(one, kind[0], '%s[%d]' % (where, i))]
    if isinstance(kind, str):
        return [] if SCALARS[kind](value) else ['%s is no %s: %r' % (where, kind, value)]
    if not isinstance(value, dict):
        return ['%s is no object' % where]
    found = ['%s.%s is not in the standard' % (where, name) for name in value if name not in kind]
    for name, (inner, obligatory) in kind.items():
        if name in value:
            found += faults(value[name], inner, '%s.%s' % (where, name))
        elif obligatory:
            found.append('%s.%s is missing' % (where, name))
    return found


def answer_faults(name, answer):
    """Everything wrong with an HTTP answer that should have this format."""
    found = faults(answer.json, FORMATS[name], name)
    if not answer.headers.get('content-type', '').startswith('application/json'):
        found.append('Content-Type is %r' % answer.headers.get('content-type'))
    if (answer.status == 200) == (name == 'error'):
        found.append('status %d' % answer.status)
    return found
