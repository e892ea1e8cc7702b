"""Takes records apart with the package aws-kinesis-agg.

Reads lines of key, base64 data, first and last hash of the shard, with tabs between them. Writes
lines of key and base64 data.
"""

import base64
import sys

from aws_kinesis_agg.deaggregator import deaggregate_records

for line in sys.stdin:
    key, data, _start, _end = line.rstrip("\n").split("\t")
    record = {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "sequenceNumber": "1",
            "approximateArrivalTimestamp": 0,
            "partitionKey": key,
            "data": data,
        }
    }
    for user in deaggregate_records([record]):
        data = base64.b64encode(base64.b64decode(user["kinesis"]["data"])).decode()
        print(user["kinesis"]["partitionKey"], data, sep="\t")
