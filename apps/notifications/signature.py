"""How a delivery proves where it comes from: an HMAC over its time and its body. Pure."""

from __future__ import annotations

import hashlib
import hmac

HEADER = "X-Meshconsole-Signature"
DELIVERY = "X-Meshconsole-Delivery"
EVENT = "X-Meshconsole-Event"


def signature(secret: str, body: bytes, timestamp: int) -> str:
    """The value of HEADER: `t=<seconds>,v1=<hex of HMAC-SHA256 over "<seconds>." and the body>`."""
    made = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"t={timestamp},v1={made.hexdigest()}"
