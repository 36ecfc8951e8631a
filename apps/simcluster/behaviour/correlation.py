"""How much of what is told becomes an Event: many of a kind become one, and who talks too much is not heard.

The limits are those of client-go's correlator. It knows no Event.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

SIMILAR, SIMILAR_WITHIN = 10, timedelta(minutes=10)
BURST, REFILL = 25, timedelta(minutes=5)


@dataclass(slots=True)
class Talk:
    """What one source told about one object lately."""

    at: datetime
    left: float = BURST
    messages: dict[str, dict[str, datetime]] = field(default_factory=dict)  # by reason: when each came last

    def too_much(self, now: datetime) -> bool:
        """Count one more telling; true when it is not to be heard."""
        self.left = min(float(BURST), self.left + (now - self.at) / REFILL)
        self.at = now
        if self.left < 1:
            return True
        self.left -= 1
        return False

    def similar(self, reason: str, message: str, now: datetime) -> bool:
        """Note a message; true when so many different ones of a reason came lately that they become one."""
        known = self.messages.setdefault(reason, {})
        for text in [text for text, at in known.items() if at < now - SIMILAR_WITHIN]:
            del known[text]
        known[message] = now
        return len(known) >= SIMILAR
