"""Values of Python as JSON and back.

What JSON has no form for is an object with one name that begins with "$":

    {"$bytes": base64}          bytes
    {"$decimal": "1.50"}        decimal.Decimal
    {"$date": "2024-02-29"}     datetime.date
    {"$time": "13:37:00.5"}     datetime.time
    {"$datetime": "...Z"}       datetime.datetime, with a zone or without one
    {"$uuid": "..."}            uuid.UUID
    {"$float": "nan"}           a float that is not finite
    {"$branch": [name, value]}  a tuple, which names the branch of a union
"""

import base64
import datetime
import decimal
import math
import uuid

_REVIVERS = {
    "$bytes": base64.b64decode,
    "$decimal": decimal.Decimal,
    "$date": datetime.date.fromisoformat,
    "$time": datetime.time.fromisoformat,
    "$datetime": datetime.datetime.fromisoformat,
    "$uuid": uuid.UUID,
    "$float": float,
    "$branch": lambda pair: (pair[0], revive(pair[1])),
}


def revive(value):
    """Give the value of Python that JSON stands for."""
    if isinstance(value, list):
        return [revive(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        name, content = next(iter(value.items()))
        if name in _REVIVERS:
            return _REVIVERS[name](content)
        if name.startswith("$"):
            raise ValueError(f"{name} is no tag")
    return {name: revive(item) for name, item in value.items()}


def tag(value):
    """Give the JSON that stands for a value of Python."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": str(value)}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if isinstance(value, decimal.Decimal):
        return {"$decimal": format(value, "f")}
    if isinstance(value, datetime.datetime):
        return {"$datetime": value.isoformat()}
    if isinstance(value, datetime.date):
        return {"$date": value.isoformat()}
    if isinstance(value, datetime.time):
        return {"$time": value.isoformat()}
    if isinstance(value, uuid.UUID):
        return {"$uuid": str(value)}
    if isinstance(value, tuple):
        return {"$branch": [value[0], tag(value[1])]}
    if isinstance(value, list):
        return [tag(item) for item in value]
    if isinstance(value, dict):
        return {name: tag(item) for name, item in value.items()}
    raise TypeError(f"{type(value).__name__} has no form in JSON")
